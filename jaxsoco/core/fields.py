"""Reading values against their :class:`~jaxsoco.core.schema.Field`, with every problem reported.

Experiment files, checks, plots and arguments from Python all go through this one reader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import AUTO, REQUIRED, Field
from jaxsoco.core.text import show, suggest, with_type

INVALID: Any = type("Invalid", (), {"__repr__": lambda self: "INVALID"})()
"""What a reader returns for a value that it reported."""

_LARGEST = 2**31 - 1  # integers become int32 on the device
_SMALLEST = 1e-30  # of the numbers above 0: what is divided by them is finite in float32

_ARTICLE = {
    "float": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a string",
    "strings": "a list of strings",
    "path": "a path",
    "pair": "two numbers",
}


class Issues(list[Issue]):
    """Every problem found so far."""

    def found(self, path: str, message: str, hint: str = "") -> Any:
        """Notes a problem and returns ``INVALID``."""
        self.append(Issue(path, message, hint))
        return INVALID


def want(field: Field) -> str:
    """What a field takes, in words: ``an integer from 1 to 168 h or "google"``."""
    options = [f'"{choice}"' for choice in field.choices]
    if field.kind == "strings" and options:
        options = [f"a list from {', '.join(options)}"]
    elif field.kind in _ARTICLE:
        unit = f" {field.unit}" if field.unit else ""
        options = [f"{_ARTICLE[field.kind]}{_range(field)}{unit}"]
    options += [f'"{word}"' for word in field.words]
    return " or ".join([", ".join(options[:-1]), options[-1]] if len(options) > 1 else options)


def _range(field: Field) -> str:
    low, high = field.low, field.high
    if low is None:
        return "" if high is None else f" <= {show(high)}"
    if high is None:
        return f" {'>' if field.open_low else '>='} {show(low)}"
    return f" from {show(low)} {'(excluded) ' if field.open_low else ''}to {show(high)}"


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
                f"{with_type(item)} is there twice (first at [{values[one]}])",
                "every value of an axis appears once",
            )
        values.setdefault(one, i)
    return () if len(issues) > before else tuple(values)


def _is_axis(field: Field, value: Any) -> bool:
    if field.kind in ("strings", "pair"):
        # A list of strings is one value, unless it lists words that stand for a value each.
        return isinstance(value, list) and any(
            isinstance(item, list) or (isinstance(item, str) and item in field.words)
            for item in value
        )
    return isinstance(value, list)


def read_value(field: Field, value: Any, path: str, issues: Issues) -> Any:
    """Reads one value; reports what is wrong with it and returns ``INVALID`` then.

    Numbers of a float field become floats; a list of strings, or of two numbers, becomes a tuple.
    """
    if isinstance(value, str) and value in field.words:
        return value
    if isinstance(value, str) and value in field.aliases:
        return AUTO
    return _READERS[field.kind](field, value, path, issues)


def check_limits(schema: Any, name: str, value: Any, path: str) -> None:
    """Holds a value that came from data to the limits of the setting that it replaces.

    Args:
      schema: class of settings.
      name: of the setting.
      value: what the data say.
      path: where they say it.

    Raises:
      InputError: the setting would not take the value.
    """
    issues = Issues()
    (field,) = [field for field in schema.FIELDS if field.name == name]
    read_value(field, value, path, issues)
    if issues:
        raise InputError(issues)


def check_table(
    fields: Sequence[Field],
    table: Mapping[str, Any],
    place: str,
    owner: str,
    issues: Issues,
    *,
    other: Collection[str] = (),
) -> None:
    """Reports every key of a table that is no field, every bad value, every field that is missing.

    Args:
      fields: what the table takes.
      table: values by key.
      place: where it stands, the prefix of every issue's path.
      owner: whose fields they are: ``a check of kind "ratio"``.
      issues: takes what is wrong.
      other: keys that the table may have besides, read elsewhere.
    """
    by_name = {field.name: field for field in fields}
    for key, value in table.items():
        if key in by_name:
            read_value(by_name[key], value, f"{place}.{key}", issues)
        elif key not in other:
            hint = suggest(key, (*by_name, *other)) or "it has none"
            issues.found(f"{place}.{key}", f'"{key}" is not a field of {owner}', hint)
    for field in fields:
        if field.default is REQUIRED and field.name not in table:
            hint = f"want {want(field)}: {field.doc}"
            issues.found(f"{place}.{field.name}", "is missing", hint)


def _wrong_type(field: Field, value: Any, path: str, issues: Issues) -> Any:
    hint = f"want {want(field)}"
    if isinstance(value, str) and field.words:
        close = suggest(value, field.words)
        hint += f"; {close}" if close.startswith("did") else ""
    return issues.found(path, f"found {with_type(value)}", hint)


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
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST:
        # TOML reads 1e3 as a number with a fraction, though it looks like an integer.
        hint = f"want {want(field)}: write {int(value)}, without point or exponent"
        return issues.found(path, f"found the number {value!r}", hint)
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong_type(field, value, path, issues)
    if abs(value) > _LARGEST:
        field = replace(field, high=_LARGEST if field.high is None else field.high)
        return issues.found(path, f"{show(value)} does not fit 32 bits", f"want {want(field)}")
    return _in_range(field, value, path, issues)


def _in_range(field: Field, value: Any, path: str, issues: Issues) -> Any:
    low, high = field.low, field.high
    if field.open_low and low == 0 and 0 < value < _SMALLEST:
        message = f"{show(value)} is as good as 0 in single precision"
        return issues.found(path, message, f"want {want(field)}")
    if low is not None and (value < low or (field.open_low and value == low)):
        return issues.found(path, f"{show(value)} is too small", f"want {want(field)}")
    if high is not None and value > high:
        return issues.found(path, f"{show(value)} is too large", f"want {want(field)}")
    return value


def _read_pair(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        one = replace(field, kind="float")
        ends = tuple(_read_number(one, v, f"{path}[{i}]", issues) for i, v in enumerate(value))
        if INVALID in ends:
            return INVALID
        if ends[0] <= ends[1]:
            return ends
    text = ", ".join(map(show, value)) if isinstance(value, list | tuple) else ""
    message = f"found [{text}]" if text else f"found {with_type(value)}"
    return issues.found(path, message, f"want {want(field)}, the smaller first, as in [0.4, 0.6]")


def _read_boolean(field: Field, value: Any, path: str, issues: Issues) -> Any:
    return value if isinstance(value, bool) else _wrong_type(field, value, path, issues)


def _read_choice(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, str):
        return _wrong_type(field, value, path, issues)
    if value not in field.choices:
        close = suggest(value, field.choices)
        hint = f"{close} want {want(field)}" if close.startswith("did") else close
        return issues.found(path, f'no choice is "{value}"', hint)
    return value


def _read_string(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, str):
        return _wrong_type(field, value, path, issues)
    if not value.strip() or not value.isprintable():
        return issues.found(path, "the string is empty or not printable", f"want {want(field)}")
    return value


def _read_strings(field: Field, value: Any, path: str, issues: Issues) -> Any:
    if not isinstance(value, list | tuple):
        return _wrong_type(field, value, path, issues)
    if not value:
        hint = f"want {want(field)}; an empty list names nothing"
        return issues.found(path, "the list is empty", hint)
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
    "pair": _read_pair,
}
