"""Spaces of parameters from what their learner declares. No JAX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues, read_value, want
from jaxsoco.core.schema import AUTO, GRID, Field
from jaxsoco.core.settings import is_auto
from jaxsoco.core.text import show, with_type
from jaxsoco.tuning.space import SMALLEST, Dimension, Space


def space_of(fields: Sequence[Field], wanted: Any, place: str = "parameters") -> Space:
    """The space of parameters that a user names, by their declarations.

    >>> from jaxsoco.tuning.declared import space_of
    >>> space_of(type(params).FIELDS, ["learning_rate"]).dimensions[0].scale
    'log'

    Args:
      fields: the learner's declarations.
      wanted: names, or a mapping from names to ``[low, high]``, to a list of values to try, or to
        None for the declared range.
      place: where it stands, for messages.

    Raises:
      InputError: with every unknown parameter, empty range, value that is none, and parameter
        that needs a list of values.
    """
    issues = Issues()
    asked = asked_for(wanted, place)
    declared = {field.name: field for field in fields}
    dimensions = []
    for name, entry in asked.items():
        if name not in declared:
            hint = suggest(name, declared) or "the learner has none"
            issues.found(f"{place}.{name}", f'no parameter is called "{name}"', hint)
            continue
        dimension = _dimension(declared[name], entry, f"{place}.{name}", issues)
        if dimension is not INVALID:
            dimensions.append(dimension)
    if issues:
        raise InputError(issues)
    return Space(tuple(dimensions))


def asked_for(wanted: Any, place: str) -> dict[str, Any]:
    """What is wanted, as a mapping from names; of a list of names, to None each."""
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(wanted, Mapping | list | tuple) or not wanted:
        hint = 'as in ["learning_rate"], or {"learning_rate": [1e-5, 1e-1]}'
        message = "expected names of parameters, or ranges by name"
        raise InputError(Issue(place, f"{message}; got {with_type(wanted)}", hint))
    return dict(wanted) if isinstance(wanted, Mapping) else dict.fromkeys(wanted)


def _dimension(field: Field, entry: Any, place: str, issues: Issues) -> Any:
    entries = [*entry] if isinstance(entry, list | tuple | np.ndarray) else entry
    if entries is not None and not isinstance(entries, list):
        hint = "want [low, high], or a list of values to try"
        return issues.found(place, f"found {with_type(entry)}", hint)
    if field.slope() == GRID or (entries is not None and len(entries) != 2):
        return _choice(field, entries, place, issues)
    if entries is None:
        return declared_range(field)
    ends = [_read_end(field, end, f"{place}[{i}]", issues) for i, end in enumerate(entries)]
    if INVALID in ends:
        return INVALID
    low, high = (float(end) for end in ends)
    if not low < high:
        text = f"the range from {show(low)} to {show(high)} is empty"
        return issues.found(place, text, "want [low, high], the smaller first")
    return replace(_scaled(field.name, low, high), ranged=True)


def _read_end(field: Field, end: Any, place: str, issues: Issues) -> Any:
    """An end of a range, which may be that of what is declared, itself excluded or not."""
    end = end.item() if isinstance(end, np.generic) else end
    return read_value(replace(field, open_low=False), end, place, issues)


def declared_range(field: Field) -> Dimension:
    """The dimension of a float over all that its declaration takes."""
    low = -math.inf if field.low is None else float(field.low)
    high = math.inf if field.high is None else float(field.high)
    return _scaled(field.name, low, high)


def _scaled(name: str, low: float, high: float) -> Dimension:
    if low > 0 or (low == 0 and high > 1):
        return Dimension(name, max(low, SMALLEST), high, "log")
    if math.isfinite(low) and math.isfinite(high):
        return Dimension(name, low, high, "logit")
    return Dimension(name, low, high, "linear")


def _choice(field: Field, entries: list[Any] | None, place: str, issues: Issues) -> Any:
    """A dimension of values that are tried one by one."""
    if entries is None:
        entries = [False, True] if field.kind == "boolean" else [*field.choices, *field.words]
        if not entries:
            compiled = "is static: another value needs another compilation"
            what = compiled if field.kind == "float" else f"takes {want(field)}, and has no range"
            hint = f"want a list of values to try, as in {{{field.name} = [...]}}"
            return issues.found(place, what, hint)
    values = []
    for i, entry in enumerate(entries):
        entry = entry.item() if isinstance(entry, np.generic) else entry
        entry = AUTO if entry is None and AUTO in field.words else entry
        value = read_value(field, entry, f"{place}[{i}]", issues)
        values.append(None if is_auto(value) else value)
    if any(value is INVALID for value in values):
        return INVALID
    if len(values) < 2:
        return issues.found(place, "one value is no choice", "want at least two values to try")
    return Dimension(field.name, 0.0, len(values) - 1.0, "choice", tuple(values), ranged=True)
