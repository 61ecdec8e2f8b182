"""The draw of a job: arrival, deadline, length and region, with the bounds it may rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from jaxsoco.allocation.settings_jobs import MONTH
from jaxsoco.allocation.spec import Advice, Spec
from jaxsoco.allocation.volatility import Volatility, draw_distances, segments_of_slots
from jaxsoco.core import random
from jaxsoco.core.lanes import align, lift, spread


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Workload:
    """A distribution of jobs over one trace and network; scalars may carry lanes.

    Attributes:
      carbon: carbon intensity, ``[hours, n]`` (g/kWh).
      latency: round-trip times, a metric ``[n, n]`` (ms).
      move_rate: carbon of moving a whole job per round-trip time (g/ms).
      power: energy of a slot fully ON (kWh).
      switch: carbon of a temporal switch of the whole job (g).
      lengths: cumulative distribution of the lengths 1, 2, ... slots, ``[max_length, ...]``.
      deadline_min: shortest deadline, int (slots).
      deadline_max: longest deadline, int, at most ``slots``.
      forecast_noise: weight of noise in the forecast, in [0, 1].
      widen: factor by which ``U`` exceeds ``L + D + 2 tau`` where prices lie too close together.
      slots: compiled number of rounds (static).
      bounds: where ``L`` and ``U`` come from, static: ``"window"`` (the job's own slots) or
        ``"month"`` (the 30 days before it) or ``"trace"`` (all hours).
      subset_size: regions of a job, drawn for each; all if None (static).
      advice: as in :class:`Spec` (static).
      forecast_trace: predicted carbon intensity, ``[hours, n]`` (g/kWh); if None the forecast is
        the intensity itself, before the noise.
      advice_error: as in :class:`Spec`.
      schedules: advice for jobs by hour and region of arrival, in place of ``advice``: states
        ``[hours, n, slots, A]`` and weights ``[hours, n, A]``.
      least_deadlines: of jobs of 1, 2, ... slots, int ``[max_length]``, to which shorter deadlines
        are raised; None for none.
      volatility: how the network changes during a job; it does not if None.
      sample: as in :class:`Spec` (static).
      speeds: work of an hour at full rate in every region, in units of ``1 / J``, ``[n]``; 1
        everywhere if None.
      speed_spread: each region of a job works at its speed times a draw, uniform on
        ``1 - speed_spread .. 1 + speed_spread``, if there are speeds.
    """

    carbon: jax.Array
    latency: jax.Array
    move_rate: jax.Array
    power: jax.Array
    switch: jax.Array
    lengths: jax.Array
    deadline_min: jax.Array
    deadline_max: jax.Array
    forecast_noise: jax.Array
    widen: jax.Array
    slots: int = field(metadata={"static": True})
    bounds: str = field(default="window", metadata={"static": True})
    subset_size: int | None = field(default=None, metadata={"static": True})
    advice: str | Callable[[Spec, jax.Array, jax.Array], Advice] = field(
        default="whole-slot", metadata={"static": True}
    )
    forecast_trace: jax.Array | None = None
    advice_error: jax.Array | float = 0.0
    schedules: Advice | None = None
    least_deadlines: jax.Array | None = None
    volatility: Volatility | None = None
    sample: bool = field(default=False, metadata={"static": True})
    speeds: jax.Array | None = None
    speed_spread: jax.Array | float = 0.0

    @property
    def first_hour(self) -> int:
        """First hour of the trace at which a job may arrive."""
        return MONTH if self.bounds == "month" else 0


_HOUR, _DEADLINE, _LENGTH, _START, _PLACES, _NETWORK, _SPEEDS = range(7)


def sample_job(key: jax.Array, workload: Workload) -> Spec:
    """Draws one job a lane: hour, deadline and region uniform, length from ``lengths``.

    >>> from jaxsoco.allocation import sample_job, synthetic_workload
    >>> jobs = sample_job(keys, synthetic_workload(job_length=3))  # one job per key
    >>> jobs.length.tolist(), jobs.deadline.shape
    ([3, 3, 3, 3], (4,))

    Args:
      key: a JAX key ``[...]``, every axis a lane; consumed.
      workload: scalars ``[]`` or ``[...]``.

    Returns:
      The job's :class:`Spec`. Source: arXiv 2408.07831, section 5 (setup).

    Raises:
      TypeError: ``key`` is no JAX key.
    """
    return draw_job(random.key_words(key), workload)


def draw_job(key: jax.Array, workload: Workload) -> Spec:
    """As :func:`sample_job`, for the words of a key ``[2, ...]``."""
    hours, regions = workload.carbon.shape
    n = workload.subset_size or regions
    lanes = key.shape[1:]
    like = jnp.zeros(lanes, workload.carbon.dtype)
    hour = random.integers(random.fold(key, _HOUR), workload.first_hour, hours - workload.slots)
    start = random.integers(random.fold(key, _START), 0, n - 1)
    draw = random.uniform(random.fold(key, _LENGTH), (), like.dtype)
    table = workload.lengths.reshape(
        workload.lengths.shape[0], *workload.lengths.shape[1:] or (1,) * len(lanes)
    )
    # Inverse of the distribution function: 1 + the lengths whose total weight the draw reached.
    length = 1 + jnp.sum(draw[None] >= table, axis=0, dtype=jnp.int32)
    length = jnp.minimum(length, table.shape[0])
    shortest, longest = workload.deadline_min, workload.deadline_max
    if workload.least_deadlines is not None:
        least = workload.least_deadlines[length - 1]
        shortest, longest = jnp.maximum(shortest, least), jnp.maximum(longest, least)
    deadline = random.integers(random.fold(key, _DEADLINE), shortest, longest)
    places = _draw_places(random.fold(key, _PLACES), workload)
    network = random.fold(key, _NETWORK)
    speed = _draw_speeds(key, workload, places)
    return job_of(workload, hour, deadline, length, start, places, network, speed)


def job_of(
    workload: Workload,
    hour: jax.Array,
    deadline: jax.Array,
    length: jax.Array,
    start: jax.Array,
    places: jax.Array | None = None,
    network: jax.Array | None = None,
    speed: jax.Array | None = None,
) -> Spec:
    """The job of a workload that arrives then and there.

    Args:
      workload: scalars ``[]`` or ``[...]``.
      hour: hour of the trace at which it arrives, int ``[...]``; with ``bounds = "month"``, 720 at
        least.
      deadline: slots until its deadline, int ``[...]``.
      length: slots of work, int ``[...]``.
      start: point where it arrives, int ``[...]``.
      places: columns of the trace that are its points, int ``[k, ...]``; all if None.
      network: words of a key ``[2, ...]`` for what changes of the network; only a volatile one
        needs it.
      speed: of its points, ``[n, ...]``; 1 everywhere if None.

    Returns:
      The job's :class:`Spec`, with the bounds that it may rely on.
    """
    lanes = hour.shape
    like = jnp.zeros(lanes, workload.carbon.dtype)
    power, switch, rate, noise = spread(
        (workload.power, workload.switch, workload.move_rate, workload.forecast_noise), like
    )
    if places is None:
        n = workload.carbon.shape[1]
        latency = workload.latency.reshape(n, n, *(1,) * len(lanes))
    else:
        latency = workload.latency[places[:, None], places[None]]
    distance, segment = latency * rate[None, None], None
    farthest = jnp.max(distance, axis=(0, 1))
    if workload.volatility is not None:
        assert network is not None, "a volatile network is drawn from a key"
        segment = segments_of_slots(workload.volatility.segments, workload.slots, deadline)
        distance = draw_distances(
            network,
            distance,
            workload.latency,
            jnp.arange(len(latency)).reshape(-1, *(1,) * len(lanes)) if places is None else places,
            rate,
            workload.volatility,
        )
        farthest = jnp.max(distance, axis=(0, 1, 2))
    change = switch
    if speed is not None:
        # d(u, v) <= D min(c_u, c_v) and beta_u <= tau c_u.
        slower = jnp.minimum(speed[:, None], speed[None])
        farthest = jnp.max(distance / slower, axis=tuple(range(distance.ndim - len(lanes))))
        change = switch / jnp.min(speed, axis=0)
    low, high = _price_bounds(workload, hour, deadline, places, speed)
    units = power * length
    # Prices per unit of work are J times those of a slot; U stays above L + D + 2 tau.
    lower = low * units
    need = length * (farthest + 2 * change) + lower
    upper = jnp.maximum(high * units, need * workload.widen)
    return Spec(
        trace=workload.carbon,
        power=power,
        hour=hour,
        distance=distance,
        switch=lift(switch),
        start=start,
        deadline=deadline,
        length=length,
        lower=lower,
        upper=upper,
        forecast_noise=noise,
        slots=workload.slots,
        max_length=workload.lengths.shape[0],
        advice=workload.advice,
        places=places,
        forecast_trace=workload.forecast_trace,
        advice_error=spread(workload.advice_error, like),
        advised=_advised(workload.schedules, hour, start),
        segment=segment,
        sample=workload.sample,
        speed=speed,
    )


def _advised(schedules: Advice | None, hour: jax.Array, start: jax.Array) -> Advice | None:
    """The schedules for jobs that arrive in an hour and region, ``[slots, A, ...]``."""
    if schedules is None:
        return None
    # Rows of the table are [..., slots, A] and [..., A]: the lanes go last.
    states, weights = (table[hour, start] for table in schedules)
    lanes = tuple(range(hour.ndim))
    last = tuple(range(-hour.ndim, 0))
    return Advice(jnp.moveaxis(states, lanes, last), jnp.moveaxis(weights, lanes, last))


def _draw_places(key: jax.Array, workload: Workload) -> jax.Array | None:
    """The regions of a job in the trace's order, int ``[k, ...]``; None if it may use all."""
    size, regions = workload.subset_size, workload.carbon.shape[1]
    if size is None:
        return None
    # The regions of the smallest of independent uniform draws are a uniform subset.
    order = jnp.argsort(random.uniform(key, (regions,), workload.carbon.dtype), axis=0)
    return jnp.sort(order[:size], axis=0).astype(jnp.int32)


def _draw_speeds(key: jax.Array, workload: Workload, places: jax.Array | None) -> jax.Array | None:
    """Speeds of the job's regions, ``[n, ...]``; None if all work alike."""
    if workload.speeds is None:
        return None
    lanes, regions = key.shape[1:], workload.carbon.shape[1]
    speeds = jnp.broadcast_to(align(workload.speeds, 1, len(lanes)), (regions, *lanes))
    if places is not None:
        speeds = jnp.take_along_axis(speeds, places, axis=0)
    draws = random.uniform(random.fold(key, _SPEEDS), speeds.shape[:1], speeds.dtype)
    return speeds * (1 + spread(workload.speed_spread, draws[0])[None] * (2 * draws - 1))


def _price_bounds(
    workload: Workload,
    hour: jax.Array,
    deadline: jax.Array,
    places: jax.Array | None,
    speed: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """Lowest and highest carbon for the work of an hour at speed 1, ``[...]`` each."""
    carbon = workload.carbon
    # Extremes of each region ``[rows, N]``, and the rows of them that count ``[m, ...]``.
    if workload.bounds == "trace":
        lows, highs = jnp.min(carbon, axis=0)[None], jnp.max(carbon, axis=0)[None]
        rows = jnp.zeros((1, *hour.shape), jnp.int32)
    elif workload.bounds == "month":
        # Row t is the month that begins at the hour t.
        lows, highs = _rolling(carbon, jax.lax.min), _rolling(carbon, jax.lax.max)
        rows = (hour - MONTH)[None]
    elif workload.bounds == "window":
        lows = highs = carbon
        slots = jnp.arange(workload.slots).reshape(-1, *(1,) * hour.ndim)
        rows = jnp.where(slots < deadline[None], hour[None] + slots, hour[None])
    else:
        raise ValueError(f'bounds: want "window", "month" or "trace", got {workload.bounds!r}')
    if places is None and speed is None:
        lows, highs = jnp.min(lows, axis=1)[rows], jnp.max(highs, axis=1)[rows]
        return jnp.min(lows, axis=0), jnp.max(highs, axis=0)
    if places is None:
        places = jnp.arange(carbon.shape[1]).reshape(-1, *(1,) * hour.ndim)
    at = (rows[:, None], places[None])
    if speed is None:
        return jnp.min(lows[at], axis=(0, 1)), jnp.max(highs[at], axis=(0, 1))
    low, high = jnp.min(lows[at], axis=0) / speed, jnp.max(highs[at], axis=0) / speed
    return jnp.min(low, axis=0), jnp.max(high, axis=0)


def _rolling(carbon: jax.Array, of: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
    """Extreme of each region over the ``MONTH`` hours from each hour on, ``[hours - 719, N]``."""
    start = jnp.inf if of is jax.lax.min else -jnp.inf
    return jax.lax.reduce_window(carbon, start, of, (MONTH, 1), (1, 1), "VALID")
