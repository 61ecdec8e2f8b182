"""Loads hourly carbon intensity from files: :func:`load_carbon_csv`.

Their layouts and units: :mod:`jaxsoco.allocation.data.carbon_csv.formats` for tables, and
:mod:`jaxsoco.allocation.data.carbon_csv.answers` for answers in JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.carbon_csv.assembly import (
    Joined,
    Series,
    by_region,
    continuous,
    join,
    same_range,
    zeros,
)
from jaxsoco.allocation.data.carbon_csv.formats import SIGNALS
from jaxsoco.allocation.data.carbon_csv.readings import Readings, read_file
from jaxsoco.allocation.data.files import carbon_files
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.problems import Problems

__all__ = ["CarbonTrace", "load_carbon_csv"]


def load_carbon_csv(
    path: str | Path | Sequence[str | Path],
    *,
    signal: str = "life-cycle",
    fill_gaps: int = 0,
    trim: bool = False,
) -> CarbonTrace:
    r"""Reads carbon intensity from files of the known layouts, mixed at will.

    Tables of separated values and answers in JSON are read, packed (gzip, zip) or not. Hours are
    UTC: timestamps are ISO 8601 with an offset, or without one under a header that says UTC, or
    without one in a file that has every hour once (then a note says that UTC was assumed), or
    numbers of seconds to nanoseconds since 1970. Several files of one region (``DE_2020.csv`` and
    ``DE_2021.csv``) are joined if no hour stands in two of them. A region is named after the
    column of a wide table, the zone of the rows, or else the file.

    >>> from pathlib import Path
    >>> from jaxsoco.allocation import load_carbon_csv
    >>> rows = ("datetime,FR,SE", "2022-01-01T00:00Z,80,20", "2022-01-01T01:00Z,90,25")
    >>> _ = Path("carbon.csv").write_text("\n".join(rows))
    >>> load_carbon_csv("carbon.csv").values.tolist()
    [[80.0, 20.0], [90.0, 25.0]]

    Args:
      path: a folder (its ``*.csv`` in the order of names, or those of its sub-folders), a file, or
        a list of both.
      signal: ``"life-cycle"`` or ``"direct"``: the column of an Electricity Maps export to take.
      fill_gaps: longest run of missing hours or empty cells, in hours, that is interpolated
        linearly; each file where this happens gets a note. 0 makes every gap an error.
      trim: whether to cut regions of different ranges to the range that they share.

    Returns:
      The trace, in g CO2eq/kWh, with all regions over one range.

    Raises:
      InputError: with every problem of every file (about 20 are listed, the rest counted).
    """
    _check_arguments(signal, fill_gaps)
    problems = Problems(per_kind=3)
    files, left_out = carbon_files(path, problems)
    parts: list[Readings] = []
    for file in files:
        parts += read_file(file, signal, fill_gaps, problems)
    readings = by_region(parts)
    joined = [join(group, problems) for group in readings.values()]
    if problems.has("negative values"):
        _report_zeros(joined, problems)
    series = [continuous(one, fill_gaps, trim, problems) for one in joined]
    if not problems:
        series = same_range([one for one in series if one is not None], trim, problems)
    problems.raise_if_any()
    whole = [one for one in series if one is not None]
    return CarbonTrace(
        regions=tuple(readings),
        start=np.datetime64(whole[0].start, "h"),
        values=np.stack([one.values for one in whole], axis=1),
        source=f"{_label(path)} ({' and '.join(dict.fromkeys(part.kind for part in parts))})",
        notes=(*left_out, *_notes(parts, whole)),
        zeros=tuple(zero for one in joined for zero in zeros(one)),
    )


def _check_arguments(signal: str, fill_gaps: int) -> None:
    issues = []
    if signal not in SIGNALS:
        issues.append(Issue("signal", f'unknown signal "{signal}"', suggest(signal, SIGNALS)))
    if isinstance(fill_gaps, bool) or not isinstance(fill_gaps, int) or fill_gaps < 0:
        hint = "the longest gap to interpolate, in hours, 0 for none"
        issues.append(Issue("fill_gaps", f"{fill_gaps!r} is not a whole number >= 0", hint))
    if issues:
        raise InputError(issues)


def _report_zeros(joined: list[Joined], problems: Problems) -> None:
    """Names the zeros where the file is to be corrected anyway: a study would refuse them next."""
    for one in joined:
        for zero in zeros(one):
            message = "0 leaves the competitive ratio without a bound"
            hint = "correct it, or leave the region out with problem.regions"
            problems.add(one.parts[0].file, "values of 0", Issue(zero.place, message, hint))


def _notes(parts: list[Readings], series: list[Series]) -> tuple[str, ...]:
    notes = [note for part in parts for note in part.notes]
    notes += [note for one in series for note in one.notes]
    marginal = [part.region for part in parts if part.kind == "WattTime marginal rate"]
    if marginal and len(marginal) < len(parts):
        notes.append(f"marginal rates ({', '.join(dict.fromkeys(marginal))}) beside averages")
    return tuple(dict.fromkeys(notes))


def _label(path: str | Path | Sequence[str | Path]) -> str:
    if isinstance(path, str | Path):
        return str(path)
    names = [str(entry) for entry in path]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
