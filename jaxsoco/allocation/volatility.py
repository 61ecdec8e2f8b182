"""A network that changes while a job runs: new rates of its links, regions in each other's place.

The slots up to a job's deadline are cut into segments of equal length. The first has the network as
it is; every later one starts from the one before it, with some links redrawn and some regions
swapped, and its distances are closed under shortest paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.allocation.content import segment_rows
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.allocation.theory.metric import metric_closure
from jaxsoco.core import random
from jaxsoco.core.lanes import lift, one_hot, spread, take, where


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Volatility:
    """How a job's network changes from segment to segment; scalars may carry lanes.

    Attributes:
      links: most links that a change redraws, int: how many is uniform on ``0 .. links``. All of
        them in every change if None.
      low: lowest rate of a redrawn link: carbon of moving a whole job per round-trip time (g/ms).
      high: highest rate; between the two, rates are uniform.
      swaps: pairs of regions that a change puts in each other's place, int.
      segments: parts of the job's window, int, at most its slots and ``rows``.
      rows: of the distances that are kept, one a segment; what is left repeats the last segment's
        (static).
    """

    links: jax.Array | None
    low: jax.Array
    high: jax.Array
    swaps: jax.Array
    segments: jax.Array
    rows: int = field(metadata={"static": True})


def read_volatility(settings: CarbonJobs, rate_at: Callable[[Any], Any]) -> Volatility | None:
    """How the network of ``settings`` changes, None if it does not.

    Args:
      settings: their numbers may be tracers.
      rate_at: rate of a link (g/ms) at a carbon intensity (g/kWh).
    """
    if settings.network_segments == 1:
        return None
    links = settings.network_links
    return Volatility(
        links=None if links is None else jnp.asarray(links, jnp.int32),
        low=jnp.asarray(rate_at(settings.network_intensity_min), float),
        high=jnp.asarray(rate_at(settings.network_intensity_max), float),
        swaps=jnp.asarray(settings.network_swaps, jnp.int32),
        segments=jnp.asarray(settings.network_segments, jnp.int32),
        rows=segment_rows(settings.network_segments),
    )


class _Network(NamedTuple):
    """The network of a segment.

    Attributes:
      places: whose place in the network a region has, a row of the latencies, int ``[n, ...]``.
      rates: of every pair of regions, in the order of ``np.triu_indices``, ``[links, ...]``.
      distance: cost of moving the whole job, a metric ``[n, n, ...]``.
    """

    places: jax.Array
    rates: jax.Array
    distance: jax.Array


_SWAPS, _LINKS, _COUNT, _RATES = range(4)


def draw_distances(
    key: jax.Array,
    distance: jax.Array,
    latency: jax.Array,
    places: jax.Array,
    rate: jax.Array,
    volatility: Volatility,
) -> jax.Array:
    """Distances of all segments, each a metric, ``[rows, n, n, ...]``.

    Args:
      key: words ``[2, ...]``; consumed.
      distance: of the first segment, ``latency * rate``, ``[n, n, ...]``.
      latency: round-trip times between all regions, ``[N, N]`` (ms).
      places: the job's regions, int ``[n, ...]``.
      rate: of every link in the first segment, ``[...]`` (g/ms).
      volatility: how the segments differ.
    """
    n, lanes = places.shape[0], key.shape[1:]
    distance = jnp.broadcast_to(distance, (n, n, *lanes))
    if n == 1:
        return jnp.broadcast_to(distance[None], (volatility.rows, *distance.shape))
    segments = jnp.broadcast_to(volatility.segments, lanes)
    pair = _pairs(n)
    rates = jnp.broadcast_to(rate, (n * (n - 1) // 2, *lanes))

    def change(before: _Network, segment: jax.Array) -> _Network:
        now = random.fold(key, segment)
        places = _swapped(random.fold(now, _SWAPS), before.places, volatility.swaps)
        rates, redrawn = _redrawn(now, before.rates, volatility)
        moved = jnp.any(places != before.places, axis=0)
        closed = metric_closure(latency[places[:, None], places[None]] * rates[pair])
        # Where nothing changed the distances stay the same to the last bit.
        changes = (moved | redrawn) & (segment < segments)
        return _Network(places, rates, where(changes, closed, before.distance))

    def step(before: _Network, segment: jax.Array) -> tuple[_Network, jax.Array]:
        # Rows that no job has a segment for cost nothing.
        needed = jnp.any(segment < segments)
        network = jax.lax.cond(needed, change, lambda before, _: before, before, segment)
        return network, network.distance

    first = _Network(jnp.broadcast_to(places, (n, *lanes)), rates, distance)
    _, later = jax.lax.scan(step, first, jnp.arange(1, volatility.rows))
    return jnp.concatenate([distance[None], later])


def segments_of_slots(segments: jax.Array | int, slots: int, deadline: jax.Array) -> jax.Array:
    """Segment of every slot, int32 ``[slots, ...]``: equal parts of those up to the deadline."""
    slot = jnp.arange(slots, dtype=jnp.int32).reshape(-1, *(1,) * deadline.ndim)
    segments = spread(jnp.asarray(segments, jnp.int32), deadline)[None]
    return jnp.minimum(slot * segments // deadline[None], segments - 1)


def _pairs(n: int) -> np.ndarray:
    """Number of the link between two points, ``[n, n]``; 0 on the diagonal, which has none."""
    pair = np.zeros((n, n), np.int32)
    rows, columns = np.triu_indices(n, 1)
    pair[rows, columns] = pair[columns, rows] = np.arange(rows.size)
    return pair


def _swapped(key: jax.Array, places: jax.Array, swaps: jax.Array) -> jax.Array:
    """``places [n, ...]`` after so many exchanges of two different regions, chosen uniformly."""
    n = places.shape[0]
    swaps = jnp.broadcast_to(swaps, places.shape[1:])

    def swap(i, places):
        one = random.integers(random.fold(key, 2 * i), 0, n - 1)
        other = (one + random.integers(random.fold(key, 2 * i + 1), 1, n - 1)) % n
        exchanged = jnp.where(one_hot(one, n), lift(take(places, other)), places)
        exchanged = jnp.where(one_hot(other, n), lift(take(places, one)), exchanged)
        return jnp.where(lift(i < swaps), exchanged, places)

    return jax.lax.fori_loop(0, jnp.max(swaps), swap, places)


def _redrawn(
    key: jax.Array, rates: jax.Array, volatility: Volatility
) -> tuple[jax.Array, jax.Array]:
    """``rates [links, ...]`` with some of them drawn anew, and whether any is, bool ``[...]``."""
    low, high = spread((volatility.low, volatility.high), rates[0])
    draws = random.uniform(random.fold(key, _RATES), rates.shape[:1], rates.dtype)
    fresh = lift(low) + lift(high - low) * draws
    if volatility.links is None:
        return fresh, jnp.ones(rates.shape[1:], bool)
    count = random.integers(random.fold(key, _COUNT), 0, volatility.links)
    # The links of the smallest of independent uniform draws are a uniform subset.
    order = random.uniform(random.fold(key, _LINKS), rates.shape[:1], rates.dtype)
    rank = jnp.argsort(jnp.argsort(order, axis=0), axis=0)
    return jnp.where(rank < lift(count), fresh, rates), count > 0
