"""Values that come from Python, read by the validator of experiment files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues, read_value, want
from jaxsoco.core.schema import AUTO, REQUIRED, Field
from jaxsoco.core.settings import is_traced


def read_values(fields: Sequence[Field], values: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """A value of every field, as an experiment file would have it; arrays stay what they are.

    Args:
      fields: the declarations.
      values: what was given; JAX arrays and tracers for numbers that are leaves.
      owner: whose fields they are, in words.

    Raises:
      InputError: with every unknown field, missing field and bad value.
    """
    issues = Issues()
    declared = {field.name: field for field in fields}
    for name in values:
        if name not in declared:
            hint = suggest(name, declared) or "it has none"
            issues.found(name, f'"{name}" is not a field of {owner}', hint)
    complete: dict[str, Any] = {}
    for field in fields:
        if field.name in values:
            complete[field.name] = _read(field, values[field.name], issues)
        elif field.default is REQUIRED:
            issues.found(field.name, "is missing", f"want {want(field)}")
        else:
            complete[field.name] = field.default
    if issues:
        raise InputError(issues)
    return complete


def _read(field: Field, value: Any, issues: Issues) -> Any:
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return _read_array(field, value, issues)
    if isinstance(value, list | tuple) and field.kind not in ("strings", "pair"):
        hint = f"want {want(field)}; several values at once: jax.vmap"
        return issues.found(field.name, "found a list", hint)
    if value is None and AUTO in field.words:
        return AUTO
    if value is None and field.default is None:
        return None
    return read_value(field, _plain(value), field.name, issues)


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    if isinstance(value, PathLike):
        return str(fspath(value))
    return list(value) if isinstance(value, tuple) else value


def _read_array(field: Field, value: Any, issues: Issues) -> Any:
    """Checks kind and shape of an array, and the range of one whose value is there."""
    if value.shape != () and field.kind not in ("strings", "pair"):
        hint = f"want {want(field)}; several values at once: jax.vmap"
        return issues.found(field.name, f"found an array of shape {list(value.shape)}", hint)
    if is_traced(value):
        return _read_tracer(field, value, issues)
    number = read_value(field, _number(field, value), field.name, issues)
    leaf = field.kind in ("float", "integer") and not field.static
    return value if leaf and number is not INVALID and isinstance(value, jax.Array) else number


def _number(field: Field, value: Any) -> Any:
    """An array's value; whole for an integer, which is a float among a learner's leaves."""
    number = _plain(value.tolist())
    whole = field.kind == "integer" and isinstance(number, float) and number.is_integer()
    return int(number) if whole else number


def _read_tracer(field: Field, value: Any, issues: Issues) -> Any:
    if field.static or field.kind not in ("float", "integer"):
        hint = f"want {want(field)} that is known before tracing"
        return issues.found(field.name, "found a JAX tracer", hint)
    allowed = jnp.floating if field.kind == "float" else jnp.integer
    if not jnp.issubdtype(value.dtype, allowed) and not (
        field.kind == "float" and jnp.issubdtype(value.dtype, jnp.integer)
    ):
        return issues.found(field.name, f"found a tracer of {value.dtype}", f"want {want(field)}")
    return value


def in_python(error: InputError) -> InputError:
    """The same issues under the names of Python's arguments."""
    return InputError(issue._replace(path=_argument(issue)) for issue in error.issues)


def _argument(issue: Issue) -> str:
    return issue.path.removeprefix("problem.").replace("run.horizons", "horizon")
