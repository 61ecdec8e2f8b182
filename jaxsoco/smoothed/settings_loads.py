"""What experiment files say of loads, which several problems have. No JAX."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.settings import setting, settings


@settings
class Loads:
    """The load of every round: a file's, or drawn.

    With ``S = sin(2 pi (t/24 - 0.3))`` and ``n_t = 0.8 n_(t-1) + 0.6 N(0, 1)``,

    - low: ``(1 + 0.5 S) exp(0.05 n)``,
    - high: ``(0.4 + 0.25 S) exp(0.3 n)``, and 1.5 times an exponential burst in 4 % of the rounds,

    scaled to ``peak`` times what all servers bear.
    """

    load: Path | Literal["low", "high"] = setting(
        "file of loads (times, intervals, or counts per bin), or drawn with a low or a high ratio "
        "of peak to mean",
        default="low",
    )
    peak: float | None = setting(
        "largest load as a share of what all servers bear; loads are scaled to it",
        default=None,
        above=0,
        high=0.999999,
        theory="0.7 for drawn loads; files are taken as they are",
    )
    rounds: int | None = setting(
        "rounds",
        default=None,
        low=1,
        high=10_000_000,
        static=True,
        theory="the file's bins; 336 for drawn loads",
    )
    column: str | None = setting(
        "column of the file, by name or number: of times, starts or counts",
        default=None,
        order=1,
        theory="the one recognised by name",
    )
    ends: str | None = setting(
        "column of the ends of intervals: the load is what runs at once",
        default=None,
        order=1,
        theory="none",
    )
    load_weight: str | None = setting(
        "column of what a time or an interval counts for (cores, instances)",
        default=None,
        order=1,
        theory="1 each",
    )
    rows: str | None = setting(
        'rows of the file to read, as "COLUMN = VALUE"', default=None, order=1, theory="all"
    )
    bin: float | None = setting(
        "width of a bin, for a file with times",
        default=None,
        above=0,
        high=1e9,
        unit="s",
        order=1,
        theory="none, the file holds counts",
    )
    rebin: int = setting(
        "bins of the file a round", default=1, low=1, high=1_000_000, static=True, order=1
    )
    days: float | None = setting(
        "days of the file to read, where its bins have a width",
        default=None,
        above=0,
        high=1e5,
        order=1,
        theory="all",
    )
    first_day: float = setting("days of the file to skip", default=0.0, low=0, high=1e5, order=1)
    time_unit: Literal["s", "ms", "us", "ns"] | None = setting(
        "unit of times in the file that are numbers",
        default=None,
        order=1,
        theory="told by their size: dates of an epoch, or seconds",
    )
