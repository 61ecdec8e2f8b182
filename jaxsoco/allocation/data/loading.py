"""Loads hourly carbon intensity from CSV files: :func:`load_carbon_csv`.

Their layouts and units: :mod:`jaxsoco.allocation.data.carbon_csv.formats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.carbon_csv.assembly import Series, continuous, join, same_range
from jaxsoco.allocation.data.carbon_csv.formats import SIGNALS
from jaxsoco.allocation.data.carbon_csv.readings import Readings, read_file
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.files import is_folder, unreadable
from jaxsoco.core.rows import Problems

__all__ = ["CarbonTrace", "load_carbon_csv"]


def load_carbon_csv(
    path: str | Path | Sequence[str | Path],
    *,
    signal: str = "life-cycle",
    fill_gaps: int = 0,
    trim: bool = False,
) -> CarbonTrace:
    r"""Reads carbon intensity from CSV files of the known layouts, mixed at will.

    Hours are UTC: timestamps are ISO 8601 with an offset, or without one under a header that says
    UTC, or without one in a file that has every hour once (then a note says that UTC was assumed).
    Several files of one region are joined if no hour stands in two of them. A region is named after
    the ``Zone id`` of an Electricity Maps export, the column of a wide table, or else the file.

    >>> from pathlib import Path
    >>> from jaxsoco.allocation import load_carbon_csv
    >>> rows = ("datetime,FR,SE", "2022-01-01T00:00Z,80,20", "2022-01-01T01:00Z,90,25")
    >>> _ = Path("carbon.csv").write_text("\n".join(rows))
    >>> load_carbon_csv("carbon.csv").values.tolist()
    [[80.0, 20.0], [90.0, 25.0]]

    Args:
      path: a folder (its ``*.csv`` in the order of names), a file, or a list of both.
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
    readings: dict[str, list[Readings]] = {}
    for file in csv_files(path, problems):
        for part in read_file(file, signal, fill_gaps, problems):
            readings.setdefault(part.region, []).append(part)
    joined = [join(parts, problems) for parts in readings.values()]
    series = [continuous(one, fill_gaps, trim, problems) for one in joined]
    if not problems:
        series = same_range([one for one in series if one is not None], trim, problems)
    problems.raise_if_any()
    whole = [one for one in series if one is not None]
    parts = [part for group in readings.values() for part in group]
    return CarbonTrace(
        regions=tuple(readings),
        start=np.datetime64(whole[0].start, "h"),
        values=np.stack([one.values for one in whole], axis=1),
        source=f"{_label(path)} ({' and '.join(dict.fromkeys(part.kind for part in parts))})",
        notes=_notes(parts, whole),
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


def csv_files(path: str | Path | Sequence[str | Path], problems: Problems) -> list[Path]:
    """The CSV files that ``path`` stands for, each once; what is wrong goes to ``problems``."""
    entries = [path] if isinstance(path, str | Path) else list(path)
    if not entries:
        problems.add("", "paths", Issue("carbon", "names no file", "give a folder or CSV files"))
    files: list[Path] = []
    for entry in map(Path, entries):
        if is_folder(entry):
            inside = _csv_files_in(entry, problems)
            if inside is not None and not inside:
                hint = "wanted: hourly CSV files, one for each region or one wide table"
                problems.add(str(entry), "paths", Issue(str(entry), "holds no *.csv file", hint))
            files += inside or []
        else:
            files.append(entry)
    for repeated in {file for file in files if files.count(file) > 1}:
        issue = Issue(str(repeated), "is given more than once", "name each file once")
        problems.add(str(repeated), "paths", issue)
    return list(dict.fromkeys(files))


def _csv_files_in(folder: Path, problems: Problems) -> list[Path] | None:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv")
    except OSError as error:
        problems.add(str(folder), "paths", unreadable(folder, error))
        return None


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
