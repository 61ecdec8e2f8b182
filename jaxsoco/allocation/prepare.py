"""From settings to a problem: :func:`prepare_carbon_jobs` without JAX, :func:`build` with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.sources import read_carbon, read_latency
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
    """

    settings: CarbonJobs
    carbon: CarbonTrace
    latency: np.ndarray
    lengths: tuple[float, ...]

    @property
    def move_rate(self) -> Any:
        """Carbon of moving the whole job, g per ms of round trip (section 5)."""
        network = self.settings.network_intensity / MEAN_LATENCY
        return self.settings.data_size * ENERGY_PER_DATA * network * self.settings.latency_scale


def prepare_carbon_jobs(settings: CarbonJobs, folder: Path) -> Prepared:
    """Reads the data that the settings name, and checks the settings against them.

    Args:
      settings: the problem's settings; what is a tracer is not checked.
      folder: where relative paths start.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    carbon = read_carbon(settings, folder)
    latency, violations = read_latency(settings, folder, carbon.regions)
    content = Content(settings, carbon, latency, _lengths(settings.job_length))
    issues = [
        *_time_conflicts(content),
        *_subset_conflicts(content),
        *_price_conflicts(content),
    ]
    if issues:
        raise InputError(issues)
    identity = {
        "carbon": carbon.digest,
        "regions": list(carbon.regions),
        "latency": [float(x) for x in latency.ravel()],
    }
    sizes = (carbon.values.shape, settings.deadline_max, len(content.lengths))
    notes = (f"carbon intensity: {carbon.source}", *carbon.notes)
    warnings = tuple(_warnings(content, violations))
    options = (settings.bounds, settings.subset_size, settings.advice, settings.sample)
    return Prepared(content, (*sizes, *options), identity, notes, warnings)


def build(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    from jaxsoco.allocation.jobs import draw_job
    from jaxsoco.allocation.problem import allocation
    from jaxsoco.core.protocol import Instance

    content: Content = prepared.content
    workload, horizon = _workload(content), content.settings.deadline_max
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
    return _workload(prepare_carbon_jobs(CarbonJobs(**values), Path()).content)


def _workload(content: Content) -> Workload:
    import jax.numpy as jnp

    from jaxsoco.allocation.jobs import Workload

    settings, weights = content.settings, np.asarray(content.lengths)
    return Workload(
        carbon=jnp.asarray(content.carbon.values, float),
        latency=jnp.asarray(content.latency, float),
        move_rate=jnp.asarray(content.move_rate, float),
        power=jnp.asarray(settings.energy, float),
        switch=jnp.asarray(settings.switch, float),
        lengths=jnp.asarray(np.cumsum(weights) / np.sum(weights), float),
        deadline_min=jnp.asarray(settings.deadline_min, jnp.int32),
        deadline_max=jnp.asarray(settings.deadline_max, jnp.int32),
        forecast_noise=jnp.asarray(settings.forecast_noise, float),
        widen=jnp.asarray(_WIDEN, float),
        slots=settings.deadline_max,
        bounds=settings.bounds,
        subset_size=settings.subset_size,
        advice=settings.advice,
        sample=settings.sample,
    )


def _lengths(job_length: int | str) -> tuple[float, ...]:
    """Weights of lengths 1, 2, ...; short fixed lengths share the drawn ones' compiled size."""
    if isinstance(job_length, str):
        return GOOGLE_LENGTHS[job_length]
    size = max(int(job_length), len(GOOGLE_LENGTHS["google"]))
    return tuple(float(j + 1 == job_length) for j in range(size))


# --- checks --------------------------------------------------------------------------------------


def _time_conflicts(content: Content) -> Iterator[Issue]:
    """Deadlines, job lengths and the trace's length against each other."""
    shortest, longest = content.settings.deadline_min, content.settings.deadline_max
    hours = content.carbon.hours
    if not is_traced(shortest):
        yield from _deadline_conflicts(int(shortest), longest, content.lengths)
    if content.settings.bounds == "month" and hours < MONTH + longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than the month before a job and deadline_max = "
            f"{longest} h",
            f'give at least {MONTH + longest} h, or want problem.bounds = "window" or "trace"',
        )
    elif hours < longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than deadline_max = {longest} h",
            "give a longer trace or a shorter deadline",
        )


def _deadline_conflicts(shortest: int, longest: int, lengths: tuple[float, ...]) -> Iterator[Issue]:
    longest_job = max(j + 1 for j, weight in enumerate(lengths) if weight)
    if shortest > longest:
        yield Issue(
            "problem.deadline_min",
            f"{shortest} h is above deadline_max = {longest} h",
            "want deadline_min <= deadline_max",
        )
    if longest_job > shortest:
        yield Issue(
            "problem.job_length",
            f"jobs of up to {longest_job} h cannot meet a deadline of {shortest} h",
            f"want job_length <= deadline_min, or deadline_min >= {longest_job}",
        )


def _subset_conflicts(content: Content) -> Iterator[Issue]:
    size, regions = content.settings.subset_size, len(content.carbon.regions)
    if size is not None and size > regions:
        yield Issue(
            "problem.subset_size",
            f"{size} regions cannot be drawn among {regions}",
            f"want subset_size <= {regions}, or more regions",
        )


def _price_conflicts(content: Content) -> Iterator[Issue]:
    """``L > 0`` and ``L + D + 2 tau < U``, without which there is no competitive ratio."""
    values = content.carbon.values
    low, high = float(values.min()), float(values.max())
    if low <= 0:
        hour, place = np.argwhere(values <= 0)[0]
        yield Issue(
            "problem.carbon",
            f"carbon intensity 0 in {content.carbon.regions[place]} at hour {hour} of the trace "
            "leaves the competitive ratio without a bound (L = 0)",
            "leave the region out with problem.regions",
        )
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


def _warnings(content: Content, violations: int) -> Iterator[str]:
    if violations:
        yield (
            f"problem.latency: {violations} triangles of the matrix violate the triangle "
            "inequality; it was closed under shortest paths"
        )
    tight = _tight_windows(content) if content.settings.bounds == "window" else 0
    if tight:
        yield (
            f"problem.bounds: in {tight:.2%} of the hours prices of the shortest window lie closer "
            "together than a move and two switches cost; U is raised there, PCM will not move"
        )
    stray = _stray_windows(content) if content.settings.bounds == "month" else 0
    if stray:
        yield (
            f"problem.bounds: in {stray:.2%} of the arrival hours the longest window has prices "
            "that the month before it did not have; no guarantee covers such a job"
        )


def _stray_windows(content: Content) -> float:
    """Share of arrival hours whose longest window leaves the bounds of the month before."""
    values, longest = content.carbon.values, content.settings.deadline_max
    lows, highs = values.min(axis=1), values.max(axis=1)
    windows = np.lib.stride_tricks.sliding_window_view
    # The months that end, and the windows that begin, at the hours MONTH .. hours - longest.
    count = len(values) - MONTH - longest + 1
    below = windows(lows[MONTH:], longest).min(axis=1) < windows(lows, MONTH).min(axis=1)[:count]
    above = windows(highs[MONTH:], longest).max(axis=1) > windows(highs, MONTH).max(axis=1)[:count]
    return float(np.mean(below | above))


def _tight_windows(content: Content) -> float:
    """Share of arrival hours whose shortest window violates ``L + D + 2 tau < U``."""
    settings = content.settings
    numbers = (settings.deadline_min, content.move_rate, settings.energy, settings.switch)
    if any(map(is_traced, numbers)):
        return 0.0
    span, move, power, switch = numbers
    windows = np.lib.stride_tricks.sliding_window_view
    low = windows(content.carbon.values.min(axis=1), int(span)).min(axis=1)
    high = windows(content.carbon.values.max(axis=1), int(span)).max(axis=1)
    fixed = move * content.latency.max() + 2 * switch
    return float(np.mean((high - low) * power <= fixed))
