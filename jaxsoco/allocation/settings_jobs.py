"""Settings of the problem ``carbon_jobs``: data, regions, network, jobs, forecast and advice."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.settings import setting, settings

AdviceWord = Literal["whole-slot", "linear", "greedy", "hindsight"]
"""Where advice comes from, but for a table of the user's."""

MONTH = 720
"""Hours before a job that ``bounds = "month"`` looks at: 30 days."""


@settings
class CarbonJobs:
    """Deferrable jobs of ``J`` slots that may wait, stop and move between ``n`` regions.

    A job arrives at a random hour in a random region, and must be done within
    ``Uniform{deadline_min..deadline_max}`` slots, both raised to ``deadline_factor`` times its
    length where they are below. Per slot and region it pays ``energy`` times the carbon intensity,
    ``switch`` to start or stop, and for a move ``data_size`` times the energy per gigabyte times
    ``network_intensity`` times the round-trip time; with ``network_segments`` above 1 the network
    changes while a job runs. The advice is by default the best schedule of a forecast
    ``(1 - w) F + w Uniform(L, U) / J`` with ``w = forecast_noise`` and ``F`` the cost itself, or
    that of the files in ``forecast``.

    >>> from jaxsoco.allocation import CarbonJobs
    >>> CarbonJobs(job_length=3, deadline_max=24).bounds
    'window'
    >>> jaxsoco.make("allocation/carbon_jobs", job_length=3, deadline_max=24).horizon
    24
    """

    carbon: Path | Literal["synthetic"] = setting(
        "hourly carbon intensity: a CSV file, a folder of them, or a synthetic trace",
        default="synthetic",
    )
    carbon_seed: int = setting(
        "seed of the synthetic trace", default=0, low=0, static=True, role="seed"
    )
    signal: Literal["life-cycle", "direct"] = setting(
        "which column of an Electricity Maps export to use", default="life-cycle"
    )
    fill_gaps: int = setting(
        "longest gap that is interpolated; longer ones are errors",
        default=0,
        low=0,
        high=24,
        unit="h",
        static=True,
    )
    trim: bool = setting("trim all regions to their common time range", default=False)
    regions: (
        tuple[str, ...] | Literal["no-hydro", "mixed", "mixed-2", "north-america", "eu"] | None
    ) = setting(
        "regions to use, or one of the paper's subsets (a list of subsets is an axis)",
        default=None,
        theory="all",
    )
    subset_size: int | None = setting(
        "regions that a job may use, drawn for each job among these",
        default=None,
        low=1,
        high=10_000,
        static=True,
        theory="all",
    )
    latency: Path | Literal["great-circle"] = setting(
        "round-trip times between regions: a file (.npz, .npy, .csv), or great-circle estimates",
        default="great-circle",
    )
    latency_scale: float = setting(
        "factor by which every round-trip time is multiplied", default=1.0, low=0, high=1e6
    )
    data_size: float = setting("data moved with a job", default=4.0, low=0, high=1e6, unit="GB")
    energy: float = setting("power of a running job", default=1.0, above=0, high=1e6, unit="kW")
    network_intensity: float = setting(
        "carbon intensity of the network", default=365.0, low=0, high=2000, unit="g/kWh"
    )
    network_segments: int = setting(
        "segments of equal length in a job's window, between which the network changes",
        default=1,
        low=1,
        high=336,
        static=True,
    )
    network_links: int | None = setting(
        "links that a change gives another carbon intensity: 0 to so many, uniformly",
        default=None,
        low=0,
        high=100_000_000,
        theory="every link",
    )
    network_intensity_min: float = setting(
        "lowest carbon intensity that a change gives", default=100.0, low=0, high=2000, unit="g/kWh"
    )
    network_intensity_max: float = setting(
        "highest carbon intensity that a change gives",
        default=700.0,
        low=0,
        high=2000,
        unit="g/kWh",
    )
    network_swaps: int = setting(
        "pairs of regions that trade places in the network at a change",
        default=5,
        low=0,
        high=1000,
    )
    job_length: int | Literal["google", "google-rounded-up"] = setting(
        "slots of work, or drawn from the job lengths of Google's cluster trace, scaled to 2 to "
        "10 h and rounded down (2 to 9) or up (3 to 10)",
        default="google",
        low=1,
        high=168,
        unit="h",
    )
    speed: tuple[str, ...] | None = setting(
        "work of an hour at full rate where it is not 1/J: REGION=NUMBER for NUMBER/J, such as "
        '"eu-west-3=0.8"',
        default=None,
        theory="1 everywhere",
    )
    speed_spread: float = setting(
        "each job's regions work at these speeds times a draw, uniform on 1 - spread to 1 + spread",
        default=0.0,
        low=0,
        high=0.9,
    )
    deadline_min: int = setting("shortest deadline", default=12, low=1, high=336, unit="h")
    deadline_max: int = setting(
        "longest deadline", default=47, low=1, high=336, unit="h", static=True
    )
    deadline_factor: float = setting(
        "both ends of the deadlines' range are at least this many lengths of the job",
        default=0.0,
        low=0,
        high=24,
        static=True,
    )
    switch: float = setting(
        "carbon of starting or stopping once (beta)", default=0.25, low=0, high=1e6, unit="g"
    )
    forecast: Path | Literal["noise"] = setting(
        "what is predicted: the prices with noise, or the intensities of a CSV file or a folder of "
        "them, in the layouts of carbon",
        default="noise",
    )
    forecast_noise: float | None = setting(
        "weight of uniform noise in the forecast behind the advice",
        default=None,
        low=0,
        high=1,
        theory="0.4, or 0 where the forecast is read from files",
    )
    advice: Path | AdviceWord = setting(
        "advice of st_clip: the best whole-slot schedule of the forecast; the optimum of its "
        "linear program, a mix of two schedules; greedy's schedule, a heuristic that needs no "
        "forecast; the linear optimum of the true prices, made worse by advice_error; or a table "
        "of your own states (.npy, .npz)",
        default="whole-slot",
    )
    advice_error: float = setting(
        "weight of the costliest schedule in the advice hindsight (the paper's xi)",
        default=0.0,
        low=0,
        high=1,
    )
    bounds: Literal["window", "month", "trace"] = setting(
        "price bounds L and U, taken from the job's own window, from the 30 days before it or from "
        "the whole trace",
        default="window",
    )
    sample: bool = setting(
        "charge a schedule of single states, drawn from the learner's fractional decisions by the "
        "optimal coupling, instead of the decisions; its work is whole in expectation only",
        default=False,
    )
