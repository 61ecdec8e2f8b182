"""From settings to a problem: :func:`prepare_carbon_jobs` without JAX, :func:`build` with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.forecasts import forecast_note, read_forecast
from jaxsoco.allocation.data.schedules import Schedules, advice_conflicts, read_schedules
from jaxsoco.allocation.data.sources import read_carbon, read_latency
from jaxsoco.allocation.data.windows import stray_share, tight_share
from jaxsoco.allocation.settings import MONTH, CarbonJobs
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced

if TYPE_CHECKING:
    from jaxsoco.allocation.jobs import Workload
    from jaxsoco.core.protocol import Instance

_GOOGLE = (0.912, 0.053, 0.017, 0.008, 0.006, 0.002, 0.002, 0.002)
GOOGLE_LENGTHS = {"google": (0, *_GOOGLE, 0), "google-rounded-up": (0, 0, *_GOOGLE)}
"""Weights of job lengths 1, 2, ... slots: the lengths x of Google cluster jobs, in [0, 1], scaled
to 2 + 8 x hours (section 5). The published scripts round down, the text says up."""

ENERGY_PER_DATA = 1.72118 / 60
"""Hours at full load that moving a gigabyte costs: 1.72118 minutes."""

MEAN_LATENCY = 221.0427
"""Mean round trip in ms to which ``ENERGY_PER_DATA`` refers."""

_NOISE = 0.4
"""Weight of the noise in a forecast that is made of the prices (section 5)."""

_NOTE = (
    "offline_optimum and linear advice mix two schedules, and a mix of two schedules is not a "
    "schedule: it does the work in expectation only. The best schedule is integral_optimum."
)

_WIDEN = 1.01
"""Where a window's prices are too close for a move to fit between them, ``U`` is raised to this
multiple of ``L + D + 2 tau``: any upper bound is a valid one."""


class Content(NamedTuple):
    """A prepared workload in numbers; those that a sweep varies may be tracers.

    Attributes:
      settings: its settings.
      carbon: the trace, ``[hours, n]`` (g/kWh).
      latency: round-trip times, a metric ``[n, n]`` (ms).
      lengths: weights of the job lengths 1, 2, ... slots.
      forecast: predicted intensities in place of ``carbon``, of the same shape.
      schedules: advice from a file.
    """

    settings: CarbonJobs
    carbon: CarbonTrace
    latency: np.ndarray
    lengths: tuple[float, ...]
    forecast: CarbonTrace | None = None
    schedules: Schedules | None = None

    @property
    def forecast_noise(self) -> Any:
        """Weight of the noise in the forecast."""
        weight = self.settings.forecast_noise
        auto = _NOISE if self.forecast is None else 0.0
        return auto if weight is None else weight

    @property
    def least_deadlines(self) -> list[int]:
        """Least deadline of a job of 1, 2, ... slots: ``deadline_factor`` lengths, rounded up."""
        factor, count = self.settings.deadline_factor, len(self.lengths)
        # A product such as 1.1 * 10 may lie a rounding unit above a whole number.
        return [math.ceil(factor * length - 1e-9) for length in range(1, count + 1)]

    @property
    def slots(self) -> int:
        """Longest deadline of any job."""
        least = zip(self.least_deadlines, self.lengths, strict=True)
        return max(self.settings.deadline_max, *(slots for slots, weight in least if weight))

    @property
    def shortest(self) -> Any:
        """Shortest deadline of the longest job."""
        least = zip(self.least_deadlines, self.lengths, strict=True)
        longest_job = max(slots for slots, weight in least if weight)
        shortest = self.settings.deadline_min
        return shortest if is_traced(shortest) else max(shortest, longest_job)

    @property
    def move_rate(self) -> Any:
        """Carbon of moving the whole job, g per ms of round trip (section 5)."""
        return self.move_rate_at(self.settings.network_intensity)

    def move_rate_at(self, intensity: Any) -> Any:
        """The same over links of another carbon intensity (g/kWh)."""
        network = intensity / MEAN_LATENCY
        return self.settings.data_size * ENERGY_PER_DATA * network * self.settings.latency_scale


def prepare_carbon_jobs(settings: CarbonJobs, folder: Path) -> Prepared:
    """Reads the data that the settings name, and checks the settings against them.

    Args:
      settings: the problem's settings; what is a tracer is not checked.
      folder: where relative paths start.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    carbon, forecast = read_forecast(settings, folder, read_carbon(settings, folder))
    latency, violations = read_latency(settings, folder, carbon.regions)
    content = Content(settings, carbon, latency, length_weights(settings.job_length), forecast)
    deadlines = content.shortest, content.slots
    schedules = read_schedules(settings, folder, carbon, deadlines)
    content = content._replace(schedules=schedules)
    issues = [
        *_time_conflicts(content),
        *_subset_conflicts(content),
        *_network_conflicts(content),
        *price_conflicts(content),
        *advice_conflicts(settings),
    ]
    if issues:
        raise InputError(issues)
    identity = {
        "carbon": carbon.digest,
        "regions": list(carbon.regions),
        "latency": [float(x) for x in latency.ravel()],
    }
    sizes = (carbon.values.shape, content.slots, len(content.lengths))
    notes = [f"carbon intensity: {carbon.source}", *carbon.notes, _NOTE]
    if forecast is not None:
        identity["forecast"] = forecast.digest
        notes += [forecast_note(carbon, forecast), *forecast.notes]
    if schedules is not None:
        identity["advice"] = schedules.digest
    warnings = tuple(_warnings(content, violations))
    paths = None if schedules is None else schedules.states.shape[-1]
    advice = (str(settings.advice), paths, forecast is None, bool(settings.deadline_factor))
    changes = (settings.network_segments, settings.network_links is None)
    shape = (*sizes, settings.bounds, settings.subset_size, settings.sample, *advice, *changes)
    return Prepared(content, shape, identity, tuple(notes), warnings)


def build(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    from jaxsoco.allocation.jobs import draw_job
    from jaxsoco.allocation.problem import allocation
    from jaxsoco.core.protocol import Instance

    content: Content = prepared.content
    workload, horizon = workload_of(content), content.slots
    return Instance(allocation, draw_job, workload, horizon, "allocation/carbon_jobs")


def synthetic_workload(**values: Any) -> Workload:
    """The default workload: synthetic carbon, 14 regions, great-circle latency.

    >>> from jaxsoco.allocation import synthetic_workload
    >>> synthetic_workload(regions=["eu-west-3", "eu-north-1"]).carbon.shape  # hours, regions
    (8760, 2)

    Args:
      **values: settings of :class:`~jaxsoco.allocation.settings.CarbonJobs` that differ from their
        defaults, such as ``data_size=8.0`` or ``carbon="folder"``. Paths start at the current
        folder.

    Returns:
      A :class:`~jaxsoco.allocation.jobs.Workload` for ``sample_job``.

    Raises:
      TypeError: no such setting.
      InputError: data that cannot be used, or values that do not fit together.
    """
    return workload_of(prepare_carbon_jobs(CarbonJobs(**values), Path()).content)


def workload_of(content: Content) -> Workload:
    """The workload that a problem of these numbers draws its jobs from; needs JAX."""
    import jax.numpy as jnp

    from jaxsoco.allocation.jobs import Workload
    from jaxsoco.allocation.spec import Advice
    from jaxsoco.allocation.volatility import read_volatility

    settings, weights = content.settings, np.asarray(content.lengths)
    forecast, schedules = content.forecast, content.schedules
    return Workload(
        carbon=jnp.asarray(content.carbon.values, float),
        latency=jnp.asarray(content.latency, float),
        move_rate=jnp.asarray(content.move_rate, float),
        power=jnp.asarray(settings.energy, float),
        switch=jnp.asarray(settings.switch, float),
        lengths=jnp.asarray(np.cumsum(weights) / np.sum(weights), float),
        deadline_min=jnp.asarray(settings.deadline_min, jnp.int32),
        deadline_max=jnp.asarray(settings.deadline_max, jnp.int32),
        forecast_noise=jnp.asarray(content.forecast_noise, float),
        widen=jnp.asarray(_WIDEN, float),
        slots=content.slots,
        bounds=settings.bounds,
        subset_size=settings.subset_size,
        advice=str(settings.advice) if schedules is None else "whole-slot",
        forecast_trace=None if forecast is None else jnp.asarray(forecast.values, float),
        advice_error=jnp.asarray(settings.advice_error, float),
        schedules=schedules and Advice(*map(jnp.asarray, schedules[:2])),
        least_deadlines=jnp.asarray(content.least_deadlines) if settings.deadline_factor else None,
        volatility=read_volatility(settings, content.move_rate_at),
        sample=settings.sample,
    )


def length_weights(job_length: int | str) -> tuple[float, ...]:
    """Weights of lengths 1, 2, ...; short fixed lengths share the drawn ones' compiled size."""
    if isinstance(job_length, str):
        return GOOGLE_LENGTHS[job_length]
    size = max(int(job_length), len(GOOGLE_LENGTHS["google"]))
    return tuple(float(j + 1 == job_length) for j in range(size))


# --- checks --------------------------------------------------------------------------------------


def _time_conflicts(content: Content) -> Iterator[Issue]:
    """Deadlines, job lengths and the trace's length against each other."""
    longest, hours = content.slots, content.carbon.hours
    if not is_traced(content.settings.deadline_min):
        yield from _deadline_conflicts(content)
    if content.settings.bounds == "month" and hours < MONTH + longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than the month before a job and the longest "
            f"deadline, {longest} h",
            f'give at least {MONTH + longest} h, or want problem.bounds = "window" or "trace"',
        )
    elif hours < longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than the longest deadline, {longest} h",
            "give a longer trace or a shorter deadline",
        )


def _deadline_conflicts(content: Content) -> Iterator[Issue]:
    longest_job = max(j + 1 for j, weight in enumerate(content.lengths) if weight)
    shortest, longest = content.settings.deadline_min, content.settings.deadline_max
    if shortest > longest:
        yield Issue(
            "problem.deadline_min",
            f"{shortest} h is above deadline_max = {longest} h",
            "want deadline_min <= deadline_max",
        )
    if longest_job > content.shortest:
        yield Issue(
            "problem.job_length",
            f"jobs of up to {longest_job} h cannot meet a deadline of {content.shortest} h",
            f"want job_length <= deadline_min, deadline_min >= {longest_job}, or deadline_factor "
            ">= 1",
        )


def _subset_conflicts(content: Content) -> Iterator[Issue]:
    size, regions = content.settings.subset_size, len(content.carbon.regions)
    if size is not None and size > regions:
        yield Issue(
            "problem.subset_size",
            f"{size} regions cannot be drawn among {regions}",
            f"want subset_size <= {regions}, or more regions",
        )


def _network_conflicts(content: Content) -> Iterator[Issue]:
    """What changes of the network need: a slot for each, and a range of intensities."""
    settings = content.settings
    low, high = settings.network_intensity_min, settings.network_intensity_max
    segments, shortest = settings.network_segments, settings.deadline_min
    if not is_traced(shortest):
        least = zip(content.least_deadlines, content.lengths, strict=True)
        shortest = max(int(shortest), min(slots for slots, weight in least if weight))
    if segments > 1 and not is_traced(shortest) and segments > shortest:
        yield Issue(
            "problem.network_segments",
            f"{segments} segments do not fit into a deadline of {shortest} h: each takes an hour "
            "or more",
            f"want network_segments <= deadline_min, or deadline_min >= {segments}",
        )
    if not is_traced(low) and not is_traced(high) and low > high:
        yield Issue(
            "problem.network_intensity_min",
            f"{float(low):.4g} g/kWh is above network_intensity_max = {float(high):.4g} g/kWh",
            "want network_intensity_min <= network_intensity_max",
        )


def price_conflicts(content: Content) -> Iterator[Issue]:
    """``L > 0`` and ``L + D + 2 tau < U``, without which there is no competitive ratio."""
    values = content.carbon.values
    low, high = float(values.min()), float(values.max())
    if low <= 0:
        yield from _zero_prices(content.carbon)
        return
    power, switch = content.settings.energy, content.settings.switch
    if any(map(is_traced, (content.move_rate, power, switch))):
        return
    move = content.move_rate * float(content.latency.max())
    low, high = low * power, high * power
    if low + move + 2 * switch >= high:
        yield Issue(
            "problem.data_size",
            f"D + 2 tau + L >= U: a slot costs {low:.4g} to {high:.4g} g, a move up to "
            f"{move:.4g} g and a switch {switch:.4g} g, so moving never pays",
            "want less data, a smaller switch, or regions whose prices differ more",
        )


def _zero_prices(carbon: CarbonTrace) -> Iterator[Issue]:
    """Each region with hours of carbon intensity 0: how many, the first one, and where it is."""
    for place, region in enumerate(carbon.regions):
        hours = np.flatnonzero(carbon.values[:, place] <= 0)
        if not len(hours):
            continue
        first = carbon.start + hours[0]
        key = region, int(first.astype(np.int64))
        source = [zero.place for zero in carbon.zeros if zero[:2] == key]
        moment = str(first).replace("T", " ")
        rest = len(hours) - 1
        more = f" and in {rest:,} more hour{'s' * (rest > 1)}" if rest else ""
        yield Issue(
            "problem.carbon",
            f"carbon intensity 0 in {region} at {moment}:00 UTC{more}"
            + (f" ({source[0]})" if source else "")
            + " leaves the competitive ratio without a bound (L = 0)",
            "leave the region out with problem.regions",
        )


def closure_warnings(violations: int) -> Iterator[str]:
    """What is said of latencies of which so many triangles violate the triangle inequality."""
    if violations:
        yield (
            f"problem.latency: {violations} triangles of the matrix violate the triangle "
            "inequality; it was closed under shortest paths"
        )


def _warnings(content: Content, violations: int) -> Iterator[str]:
    yield from closure_warnings(violations)
    tight = _tight_windows(content) if content.settings.bounds == "window" else 0
    if tight:
        most = "up to " if content.settings.network_segments > 1 else ""
        yield (
            f"problem.bounds: in {most}{tight:.2%} of the hours prices of the shortest window lie "
            "closer together than a move and two switches cost; U is raised there, PCM will not "
            "move"
        )
    month = content.settings.bounds == "month"
    stray = stray_share(content.carbon.values, MONTH, content.slots) if month else 0
    if stray:
        yield (
            f"problem.bounds: in {stray:.2%} of the arrival hours the longest window has prices "
            "that the month before it did not have; no guarantee covers such a job"
        )


def _tight_windows(content: Content) -> float:
    """Share of arrival hours whose shortest window violates ``L + D + 2 tau < U``.

    Where the network changes, ``D`` is what it may become.
    """
    settings, rates = content.settings, [content.move_rate]
    if settings.network_segments > 1:
        rates.append(content.move_rate_at(settings.network_intensity_max))
    numbers = (settings.deadline_min, settings.energy, settings.switch)
    if any(map(is_traced, (*numbers, *rates))):
        return 0.0
    span, power, switch = numbers
    move = max(map(float, rates))
    fixed = move * content.latency.max() + 2 * switch
    return tight_share(content.carbon.values * power, int(span), fixed)
