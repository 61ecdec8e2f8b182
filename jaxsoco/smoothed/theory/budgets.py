"""Servers that stay on until they have idled for the price of switching them on.

Lanes (type ``y_j`` and the round ``h_j`` at which it may change, for each of ``m`` server lanes),
with the prefix optimum's type ``z_j`` and ``tbar_k = floor(gamma beta_k / c_k)``, ``tbar_0 = 0``::

    y_j < z_j or t >= h_j:  y_j = z_j,  h_j = t + tbar(z_j)
    else:                   h_j = max(h_j, t + tbar(z_j))

Pools (what is left of ``beta_k`` for each server that is on; off below 0)::

    left = left - g_k(0);  off where left < 0;  switch on up to the optimum's x_k with left = beta_k

Albers, Quedenfeld, CIAC 2021 (lanes) and SPAA 2021 (pools).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import one_hot
from jaxsoco_kernels.lattice import lanes_of

Array = jax.Array
_FOREVER = 2**30
_TIES = 64
"""Units in the last place by which a budget that is just used up may miss 0."""


class Lanes(NamedTuple):
    """Server lanes: type ``y`` (0 for off) and first round of change ``h``, int32 ``[m, ...]``."""

    types: Array
    until: Array


def begin_lanes(servers: tuple[int, ...], lanes: tuple[int, ...]) -> Lanes:
    """All off."""
    off = jnp.zeros((sum(servers), *lanes), jnp.int32)
    return Lanes(off, off)


def run_times(weight: Array, costs: Array, gamma: Array) -> Array:
    """``tbar_k = floor(gamma beta_k / c_k)``, int32 ``[d, ...]``."""
    ratio = gamma * weight / costs
    # 0.3 / 0.1 is 3.
    ratio = jnp.floor(ratio * (1 + 4 * jnp.finfo(ratio.dtype).eps))
    return jnp.minimum(ratio, _FOREVER).astype(jnp.int32)


def lanes_step(state: Lanes, optimum: Array, clock: Array, times: Array) -> tuple[Array, Lanes]:
    """A round of the server lanes.

    Args:
      state: before the round.
      optimum: where the prefix optimum ends, int32 ``[d, ...]``.
      clock: the round ``t``, int32.
      times: :func:`run_times`.

    Returns:
      How many servers of each type run, int32 ``[d, ...]``, and the state after the round.
    """
    goal = lanes_of(optimum, state.types.shape[0])
    end = clock + _time_of(times, goal)
    change = (state.types < goal) | (clock >= state.until)
    types = jnp.where(change, goal, state.types)
    until = jnp.where(change, end, jnp.maximum(state.until, end))
    return _counts(types, optimum.shape[0]), Lanes(types, until)


def _time_of(times: Array, types: Array) -> Array:
    """``tbar`` of the type in each server lane, 0 of type 0."""
    kinds = one_hot(types - 1, times.shape[0])  # [d, m, ...]
    return jnp.sum(jnp.where(kinds, times[:, None], 0), axis=0, dtype=jnp.int32)


def _counts(types: Array, kinds: int) -> Array:
    return jnp.sum(one_hot(types - 1, kinds), axis=1, dtype=jnp.int32)


class Pools(NamedTuple):
    """What each server may still idle away, ``[m, ...]``; those of type 1 first; -1 for off."""

    left: Array


def begin_pools(servers: tuple[int, ...], like: Array) -> Pools:
    """All off; ``like [...]``."""
    return Pools(jnp.full((sum(servers), *like.shape), -1.0, like.dtype))


def pools_step(
    state: Pools, optimum: Array, weight: Array, idle: Array, servers: tuple[int, ...]
) -> tuple[Array, Pools]:
    """A round of the pools.

    Args:
      state: before the round.
      optimum: where the prefix optimum ends, int32 ``[d, ...]``.
      weight: ``beta_k``, ``[d, ...]``.
      idle: ``g_k(0)`` of the round, ``[d, ...]``.
      servers: how many there are of each type.

    Returns:
      How many servers of each type run, int32 ``[d, ...]``, and the state after the round.
    """
    ends = np.cumsum(servers)
    left, counts = [], []
    for k, m in enumerate(servers):
        mine = state.left[ends[k] - m : ends[k]]
        slack = _TIES * jnp.finfo(mine.dtype).eps * weight[k]
        rest = mine - idle[k][None]
        aged = jnp.where((mine >= 0) & (rest >= -slack[None]), jnp.maximum(rest, 0), -1)
        on = aged >= 0
        missing = jnp.maximum(optimum[k] - jnp.sum(on, axis=0, dtype=jnp.int32), 0)
        # The first servers that are off are switched on.
        started = ~on & (jnp.cumsum(~on, axis=0) <= missing[None])
        mine = jnp.where(started, weight[k][None], aged)
        left.append(mine)
        counts.append(jnp.sum(mine >= 0, axis=0, dtype=jnp.int32))
    return jnp.stack(counts), Pools(jnp.concatenate(left))
