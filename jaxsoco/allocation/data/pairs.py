"""Latencies as a list of pairs of regions: ``from,to,ms``, in a table of measurements say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, number
from jaxsoco.core.text import shorten

ROUNDING_MS = 1.0
"""Difference of the two directions that whole milliseconds may show."""

_FROM = ("from", "source", "src", "origin", "sending", "sender", "region1", "start")
_TO = ("to", "target", "destination", "dest", "dst", "receiving", "receiver", "region2", "end")
_MS = {"ms": 1.0, "milliseconds": 1.0, "millisecond": 1.0, "us": 1e-3, "microseconds": 1e-3}
_MS |= {"s": 1e3, "sec": 1e3, "seconds": 1e3}
_TIMES = ("latency", "rtt", "delay", "ping", "roundtrip", "time", "median", "mean", "average")


def pair_columns(table: Table) -> tuple[int, int, int, float] | None:
    """Columns of a list of pairs: from, to, time, and the factor to ms; None if it is none.

    Without a header, or with one that says nothing, a list of pairs has two names and a number in
    each of its three columns.
    """
    words = [_words(name) for name in table.header]
    begin = next((i for i, w in enumerate(words) if w & {*_FROM}), None)
    end = next((i for i, w in enumerate(words) if w & {*_TO} and i != begin), None)
    unit = next((i for i, w in enumerate(words) if w & _MS.keys() and i not in (begin, end)), None)
    time = next((i for i, w in enumerate(words) if w & {*_TIMES} and i not in (begin, end)), unit)
    time = unit if unit is not None else time
    rows = table.rows
    if begin is not None and end is not None and time is not None:
        last = max(begin, end)
        # Of a matrix whose regions have such names these columns hold numbers.
        if all(len(r) <= last or number(r[begin]) is number(r[end]) is None for r in rows):
            named = [factor for word, factor in _MS.items() if word in words[time]]
            return begin, end, time, named[0] if named else 1.0
    if not rows or any(len(row) != 3 for row in [*rows, table.header or rows[0]]):
        return None
    names = all(number(row[0]) is number(row[1]) is None for row in rows)
    return (0, 1, 2, 1.0) if names else None


def _refuse_one_way(table: Table, column: int) -> None:
    name = table.header[column] if table.header else ""
    if _words(name) & {"oneway", "owd"} or {"one", "way"} <= _words(name):
        message = f"the column {name} holds times of one way"
        raise InputError(
            Issue(table.file, message, "want round trips: double them, and name it ms")
        )


def _words(name: str) -> set[str]:
    """The words of a column's name, and the name without what stands between them."""
    text = "".join(sign if sign.isalnum() else " " for sign in name.casefold())
    return {*text.split(), text.replace(" ", "")}


def read_pairs(
    table: Table, columns: tuple[int, int, int, float], regions: Sequence[str]
) -> np.ndarray:
    """The matrix of the regions' round-trip times in ms, ``[n, n]``.

    Several times of one pair are averaged; a pair may stand in one direction only, and a region's
    time to itself is not needed.

    Args:
      table: the rows.
      columns: of :func:`pair_columns`.
      regions: names of the n regions.

    Raises:
      InputError: with every cell that is no time, and the pairs that are missing.
    """
    begin, end, time, factor = columns
    _refuse_one_way(table, time)
    index = {name: i for i, name in enumerate(regions)}
    sums, counts = np.zeros((2, len(regions), len(regions)))
    problems = Problems()
    for i, row in enumerate(table.rows):
        if len(row) <= max(begin, end, time):
            issue = Issue(table.at(i), f"has {len(row)} columns", "want from, to and a time in ms")
            problems.add(table.file, "lines like these", issue)
            continue
        value = number(row[time])
        if value is None:
            message = f'"{row[time]}" is not a number'
            issue = Issue(table.at(i, time), message, "want a time in ms, without a unit")
            problems.add(table.file, "cells like these", issue)
            continue
        here, there = index.get(row[begin]), index.get(row[end])
        if here is not None and there is not None:
            sums[here, there] += value * factor
            counts[here, there] += 1
    problems.raise_if_any()
    _check_missing(table, regions, counts)
    np.fill_diagonal(counts, 1)
    np.fill_diagonal(sums, 0)
    measured = counts > 0
    matrix = np.divide(sums, counts, out=sums, where=measured)
    matrix = np.where(measured, matrix, matrix.T)
    repeated = int(counts.max(initial=1))
    if repeated > 1:
        message = f"{table.file}: the mean of up to {repeated} times of a pair is taken"
        warnings.warn(message, stacklevel=3)
    return _rounded_alike(matrix)


def _check_missing(table: Table, regions: Sequence[str], counts: np.ndarray) -> None:
    either = (counts + counts.T) > 0
    absent = [name for name, row in zip(regions, either, strict=True) if not row.any()]
    if absent and len(regions) > 1:
        message = f"has no pair with {', '.join(absent)}"
        raise InputError(Issue(table.file, message, "want a time for every pair of regions"))
    missing = [f"{regions[i]} to {regions[j]}" for i, j in np.argwhere(~either).tolist() if i < j]
    if missing:
        pairs = len(regions) * (len(regions) - 1) // 2
        message = f"{len(missing)} of {pairs} pairs are missing: {shorten(', '.join(missing), 160)}"
        raise InputError(Issue(table.file, message, "want a time for every pair of regions"))


def _rounded_alike(matrix: np.ndarray) -> np.ndarray:
    """The mean of both directions where they differ by no more than whole milliseconds may."""
    mean = (matrix + matrix.T) / 2
    return np.where(np.abs(matrix - matrix.T) <= ROUNDING_MS, mean, matrix)
