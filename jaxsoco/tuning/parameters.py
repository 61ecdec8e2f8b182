"""A learner's parameters: what they declare, where a search starts, and how free coordinates go in.

A class of settings declares its parameters. The parameters of a user's own learner may be any
dataclass, named tuple or mapping: its fields are arrays of real numbers, or trees of them, that
move linearly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.protocol import Algorithm, Instance, PyTree
from jaxsoco.core.schema import Field
from jaxsoco.core.settings import is_auto, is_traced
from jaxsoco.core.text import show
from jaxsoco.front.making import resolve
from jaxsoco.tuning.declared import asked_for, space_of
from jaxsoco.tuning.space import Dimension, Space


def space_for(params: PyTree, wanted: Any, place: str = "parameters") -> Space:
    """The space of the parameters that a user names: of a class of settings, or of his own.

    Raises:
      InputError: as :func:`~jaxsoco.tuning.declared.space_of`; or a parameter holds no real
        numbers.
    """
    declared = getattr(params, "FIELDS", None)
    if declared is not None:
        return space_of(declared, wanted, place)
    names, issues, dimensions = names_of(params), [], []
    for name, entry in asked_for(wanted, place).items():
        if name not in names:
            hint = suggest(name, names) or "the learner has none"
            issues.append(Issue(f"{place}.{name}", f'no parameter is called "{name}"', hint))
            continue
        leaves = jax.tree.leaves(look(params, name))
        if not leaves or not all(jnp.issubdtype(jnp.result_type(x), jnp.floating) for x in leaves):
            hint = "make its numbers floats"
            issues.append(Issue(f"{place}.{name}", "holds no real numbers to move", hint))
            continue
        low, high = (-np.inf, np.inf) if entry is None else (float(end) for end in entry)
        if not low < high:
            text = f"the range from {show(low)} to {show(high)} is empty"
            issues.append(Issue(f"{place}.{name}", text, "want [low, high], the smaller first"))
        size, ranged = sum(jnp.size(x) for x in leaves), entry is not None
        dimensions.append(Dimension(name, low, high, "linear", (), size, ranged))
    if issues:
        raise InputError(issues)
    return Space(tuple(dimensions))


def plain_default(field: Field) -> Any:
    """A declared default as Python has it: None for what the theory says."""
    return None if is_auto(field.default) else field.default


def names_of(params: PyTree) -> tuple[str, ...]:
    """Names of the fields of parameters.

    Raises:
      TypeError: they are no dataclass, named tuple or mapping.
    """
    if is_dataclass(params):
        return tuple(one.name for one in fields(params))
    if isinstance(params, Mapping):
        return tuple(params)
    if hasattr(params, "_fields"):
        return params._fields
    kind = type(params).__name__
    raise TypeError(f"params: expected a dataclass, a named tuple or a mapping, got {kind}")


def look(params: PyTree, name: str) -> Any:
    """One field."""
    return params[name] if isinstance(params, Mapping) else getattr(params, name)


def change(params: PyTree, values: Mapping[str, Any]) -> PyTree:
    """The parameters with other values of some fields."""
    if isinstance(params, Mapping):
        return {**params, **values}
    one: Any = params
    return replace(one, **values) if is_dataclass(params) else one._replace(**values)


def place(params: PyTree, space: Space, free: Any) -> PyTree:
    """The parameters at free coordinates ``[P, ...]``; arrays get their own shapes back."""
    values = space.values(free)
    for one in space.dimensions:
        before = look(params, one.name)
        if one.scale == "choice":
            continue
        if one.size > 1 or not _is_scalar(before):
            flat = jnp.reshape(values[one.name], (one.size,))
            values[one.name] = ravel_pytree(before)[1](flat)
    return change(params, values)


def filled(params: PyTree, values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as fields of parameters: leaves as arrays, arrays in their own shapes."""
    fixed = {one.name for one in getattr(params, "FIELDS", ()) if one.static}
    out = dict(values)
    for name, value in values.items():
        if name in fixed or value is None or isinstance(value, str):
            continue
        before = look(params, name)
        value = jnp.asarray(value, float)
        flat = value.ndim == 1 and not _is_scalar(before)
        out[name] = ravel_pytree(before)[1](value) if flat else value
    return out


def _is_scalar(value: Any) -> bool:
    return value is None or (jax.tree.structure(value).num_nodes == 1 and jnp.ndim(value) == 0)


def start_of(
    space: Space, problem: Instance, algorithm: Algorithm, params: PyTree, where: str = "params"
) -> dict[str, Any]:
    """Where a search starts: the parameters' own values, and the theory's in place of None.

    Raises:
      InputError: a value lies outside of its range, or is unknown.
    """
    complete, issues, start = resolve(problem, algorithm, params), [], {}
    for one in space.dimensions:
        value = look(params, one.name)
        if one.scale == "choice":
            start[one.name] = _plain(value)
            continue
        value = look(complete, one.name) if value is None else value
        if value is None:
            hint = f"give one, as in jaxsoco.learner(..., {one.name}=...)"
            issues.append(Issue(f"{where}.{one.name}", "has no value to start from", hint))
            continue
        # What the theory says by node or by level starts from the mean.
        flat = ravel_pytree(value)[0]
        start[one.name] = flat if one.size > 1 else jnp.mean(flat)
        if issue := _outside(one, start[one.name], where):
            issues.append(issue)
    if issues:
        raise InputError(issues)
    return start


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and not is_traced(value) else value


def _outside(one: Dimension, value: Any, where: str) -> Issue | None:
    """What is wrong with a start outside of a range; a traced one is moved inside unasked."""
    if is_traced(value):
        return None
    low, high = np.min(value), np.max(value)
    room = 1e-6 * max(abs(one.low), abs(one.high)) if np.isfinite(one.high - one.low) else 0
    if one.scale == "log" and low <= 0:
        message = f"starts at {show(float(low))}, which has no logarithm"
        return Issue(f"{where}.{one.name}", message, "start above 0")
    if low < one.low - room or high > one.high + room or not np.isfinite(high - low):
        message = f"starts at {show(float(low if low < one.low else high))}"
        hint = f"want a start from {show(one.low)} to {show(one.high)}"
        return Issue(f"{where}.{one.name}", message, hint)
    return None
