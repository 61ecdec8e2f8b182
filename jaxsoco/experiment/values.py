"""Reading one value, or one axis of values, of an experiment file against its ``Field``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jaxsoco.core.errors import Issue, suggest
from jaxsoco.core.schema import AUTO, Field
from jaxsoco.registry import want

INVALID: Any = type("Invalid", (), {"__repr__": lambda self: "INVALID"})()
"""What a reader returns for a value that it reported."""

_LARGEST = 2**31 - 1  # integers become int32 on the device


class Issues(list[Issue]):
    """Every problem found so far."""

    def found(self, path: str, message: str, hint: str = "") -> Any:
        """Notes a problem and returns ``INVALID``."""
        self.append(Issue(path, message, hint))
        return INVALID


def found_as(value: Any) -> str:
    """Names a TOML value with its type: ``the string "x"``."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, int):
        return f"the integer {value}"
    if isinstance(value, float):
        return f"the number {value:g}"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    if isinstance(value, dict):
        return "a table"
    return f"the {type(value).__name__} {value}"


def read_axis(field: Field, value: Any, path: str, issues: Issues) -> tuple[Any, ...]:
    """Reads a field that may be an axis of the sweep.

    Returns:
      The values: one, or one for each entry of a list; none if something was reported.
    """
    before = len(issues)
    if not _is_axis(field, value):
        one = read_value(field, value, path, issues)
        return () if one is INVALID else (one,)
    if not value:
        issues.found(path, "the list is empty", f"want {want(field)}, or a list of such values")
    values: dict[Any, int] = {}
    for i, item in enumerate(value):
        one = read_value(field, item, f"{path}[{i}]", issues)
        if one is INVALID:
            continue
        if one in values:
            issues.found(
                f"{path}[{i}]",
                f"{found_as(item)} is there twice (first at [{values[one]}])",
                "every value of an axis appears once",
            )
        values.setdefault(one, i)
    return () if len(issues) > before else tuple(values)


def _is_axis(field: Field, value: Any) -> bool:
    if field.kind == "strings":
        return isinstance(value, list) and any(isinstance(item, list) for item in value)
    return isinstance(value, list)


def read_value(field: Field, value: Any, path: str, issues: Issues) -> Any:
    """Reads one value; reports what is wrong with it and returns ``INVALID`` then.

    Numbers of a float field become floats; a list of strings becomes a tuple.
    """
    if isinstance(value, str) and value in field.words:
        return value
    if isinstance(value, str) and value in field.aliases:
        return AUTO
    return _READERS[field.kind](field, value, path, issues)


def _wrong_type(field: Field, value: Any, path: str, issues: Issues) -> Any:
    hint = f"want {want(field)}"
    if isinstance(value, str) and field.words:
        close = suggest(value, field.words)
        hint += f"; {close}" if close.startswith("did") else ""
    return issues.found(path, f"found {found_as(value)}", hint)


def _read_number(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong_type(field, value, path, issues)
    if not math.isfinite(value if isinstance(value, float) else 0.0):
        return issues.found(path, f"{value} is not a finite number", f"want {want(field)}")
    try:
        number = float(value)
    except OverflowError:
        return issues.found(path, "the number is too large for a float", f"want {want(field)}")
    return _in_range(field, number, path, issues)


def _read_integer(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong_type(field, value, path, issues)
    if abs(value) > _LARGEST:
        field = replace(field, high=_LARGEST if field.high is None else field.high)
        return issues.found(path, f"{value} does not fit 32 bits", f"want {want(field)}")
    return _in_range(field, value, path, issues)


def _in_range(field: Field, value: Any, path: str, issues: Issues) -> Any:
    low, high = field.low, field.high
    if low is not None and (value < low or (field.open_low and value == low)):
        return issues.found(path, f"{value:g} is too small", f"want {want(field)}")
    if high is not None and value > high:
        return issues.found(path, f"{value:g} is too large", f"want {want(field)}")
    return value


def _read_boolean(field: Field, value: Any, path: str, issues: Issues) -> Any:
    return value if isinstance(value, bool) else _wrong_type(field, value, path, issues)


def _read_choice(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, str):
        return _wrong_type(field, value, path, issues)
    if value not in field.choices:
        close = suggest(value, field.choices)
        hint = f"{close} want {want(field)}" if close.startswith("did") else close
        return issues.found(path, f'"{value}" is not one of the choices', hint)
    return value


def _read_string(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, str):
        return _wrong_type(field, value, path, issues)
    if not value.strip() or not value.isprintable():
        return issues.found(path, "the string is empty or not printable", f"want {want(field)}")
    return value


def _read_strings(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, list):
        return _wrong_type(field, value, path, issues)
    if not value:
        return issues.found(path, "the list is empty", f"want {want(field)}")
    reader = _read_choice if field.choices else _read_string
    items = []
    for i, item in enumerate(value):
        one = reader(replace(field, kind="string"), item, f"{path}[{i}]", issues)
        if one is not INVALID and one in items:
            one = issues.found(f"{path}[{i}]", f'"{item}" is there twice', "name it once")
        items.append(one)
    return INVALID if INVALID in items else tuple(items)


_READERS: dict[str, Callable[[Field, Any, str, Issues], Any]] = {
    "float": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "choice": _read_choice,
    "string": _read_string,
    "path": _read_string,
    "strings": _read_strings,
}
