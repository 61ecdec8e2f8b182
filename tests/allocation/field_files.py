"""Small files of carbon intensity as people have them, and what loading them comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jaxsoco.allocation.data import CarbonTrace, load_carbon_csv
from jaxsoco.core.errors import InputError

HOURS = 30
DAY = 24


def stamps(count: int = HOURS, form: str = "%Y-%m-%dT%H:%M:%S+00:00", start: str = "2022-01-01"):
    """Times of so many hours as text."""
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    return [(first + timedelta(hours=t)).strftime(form) for t in range(count)]


def level(t: int, base: float = 300.0) -> float:
    """A carbon intensity that differs from hour to hour, in g/kWh."""
    return round(base + 7 * t + 0.25 * (t % 3), 2)


def csv(
    header: str, *columns: Callable[[int], object] | Sequence[object], times: Sequence[str] = ()
) -> str:
    """A table with a column of times and others, given by the hour or as a list."""
    times = times or stamps(len(columns[0]) if not callable(columns[0]) else HOURS)
    rows = []
    for t, time in enumerate(times):
        cells = (column(t) if callable(column) else column[t] for column in columns)
        rows.append(",".join([time, *map(str, cells)]))
    return "\n".join([header, *rows]) + "\n"


def put(folder: Path, **files: str | bytes) -> Path:
    """Writes files, ``DE_csv`` as ``DE.csv``, ``raw__DE_csv`` into a sub-folder."""
    for name, content in files.items():
        place, _, ending = name.replace("__", "/").rpartition("_")
        file = folder / f"{place}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(path, **options) -> CarbonTrace:
    """The trace."""
    return load_carbon_csv(path, **options)


def refused(path, **options) -> list[str]:
    """The lines of the error."""
    with pytest.raises(InputError) as caught:
        load_carbon_csv(path, **options)
    return str(caught.value).splitlines()
