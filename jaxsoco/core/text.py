"""How the package speaks to people: values, counts, sizes, durations, columns, suggestions."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

NO_UNITS = ("", "1", "cost")
"""Units that say nothing beside the name of a cost."""


_LONG = 10**40
_COMPARED, _OPTIONS = 100, 10_000


def show(value: Any, absent: str = "default", depth: int = 3) -> str:
    """A setting's value: ``0.5``, ``true``, ``FR+DE``; ``absent`` stands for None.

    A float is as short as it can be without passing for another one.
    """
    if value is None:
        return absent
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, int) and abs(value) >= _LONG:  # Python itself writes 4300 digits at most
        return f"{'-' * (value < 0)}10^{math.floor(abs(value).bit_length() * math.log10(2))}"
    if isinstance(value, list | tuple):
        return "[...]" if depth == 0 else "+".join(show(x, absent, depth - 1) for x in value)
    # What is in a table may have any depth and length.
    return "{...}" if isinstance(value, Mapping) and value else str(value)


def show_all(values: Mapping[str, Any] | None) -> str:
    """Named values: ``data_size = 4, job_length = google``."""
    return ", ".join(f"{name} = {show(value)}" for name, value in (values or {}).items())


def as_toml(value: Any) -> str:
    """A value as an experiment file has it: ``0.5``, ``true``, ``"tree"``, ``["FR", "DE"]``."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return show(value)


def with_type(value: Any) -> str:
    """A value with its type: ``the string "x"``, ``an array``, ``None``."""
    if isinstance(value, list | tuple):
        return "an array" if value else "an empty array"
    if isinstance(value, dict):
        return "a table"
    if value is None:
        return "None"
    names = {bool: "boolean", str: "string", int: "integer", float: "number"}
    return f"the {names.get(type(value), type(value).__name__)} {shorten(as_toml(value), 160)}"


def shorten(text: str, most: int, gap: str = "...") -> str:
    """The text, or its begin and its end around a ``gap`` where it is longer than ``most``.

    >>> shorten("abcdefghijklmn", 11)
    'abcd...klmn'
    """
    half = (most - len(gap)) // 2
    return text if len(text) <= most else f"{text[:half]}{gap}{text[-half:]}"


def rounded(value: Any) -> Any:
    """A number of a search as it is written down, with four digits; anything else as it is.

    >>> rounded(0.0062996), rounded(12)
    (0.0063, 12)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
    return float(f"{float(value):.4g}") if real else value


def thousands(value: float) -> str:
    """A place on an axis: ``0.5``, ``1000``, ``16,000``."""
    whole = abs(value) >= 10_000 and float(value).is_integer() and abs(value) < 1e15
    return f"{int(value):,}" if whole else show(value)


def count(number: int, what: str) -> str:
    """``1 pack``, ``2 packs``."""
    return f"{number} {what}{'s' * (number != 1)}"


def size(number: int) -> str:
    """A number of bytes: ``37 bytes``, ``4.1 MB``."""
    for power, unit in ((18, "EB"), (12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if number >= 10**power:
            return f"{number / 10**power:.3g} {unit}"
    return count(number, "byte")


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """``95 %``."""
    return f"{100 * share:g} %"


def span(values: Iterable[float], show: Callable[[float], str]) -> str:
    """From the least to the largest of numbers; one of them where they read alike.

    >>> from jaxsoco.core.text import percent, span
    >>> span([0.2, 0.05, 0.1], percent), span([0.05, 0.05], percent)
    ('5 % to 20 %', '5 %')
    """
    values = [*values]
    return " to ".join(dict.fromkeys(map(show, (min(values), max(values)))))


def columns(rows: Iterable[Sequence[str]], left: int | None = None) -> list[str]:
    """Rows of cells as lines with aligned columns; the first ``left`` (all if None) flush left."""
    rows = [*rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    left = len(widths) if left is None else left
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def table(header: Sequence[str], body: Sequence[Sequence[str]], left: int) -> str:
    """A header, a rule and rows; the first ``left`` columns flush left, the others flush right."""
    rule = ["-" * max(map(len, cells)) for cells in zip(header, *body, strict=True)]
    return "\n".join(columns([header, rule, *body], left))


def suggest(word: str, options: Iterable[str], prefix: str = "") -> str:
    """Returns ``did you mean "..."?`` for the closest option, or the list of options.

    Args:
      word: what was written.
      options: what could have been meant.
      prefix: shown before every option.
    """
    names = sorted(map(str, options))
    # Comparing takes the product of lengths and numbers, and a user may give any.
    close = difflib.get_close_matches(word[:_COMPARED], names[:_OPTIONS], n=1, cutoff=0.6)
    if close:
        return f'did you mean "{prefix}{close[0]}"?'
    return "known: " + ", ".join(prefix + name for name in names) if names else ""


def as_in_more(lines: int) -> str:
    """``, as in 4,990 more lines``; nothing of none."""
    return f", as in {lines:,} more line{'s' * (lines > 1)}" if lines else ""
