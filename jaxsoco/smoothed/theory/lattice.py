"""Optimal numbers of servers of several types: dynamic programs on the lattice ``0..m_k``.

With hitting costs ``f_t`` and movement ``sum_k beta_k (x_k - y_k)^+`` the least cost of being at
``x`` after round ``t`` is ``C_t(x) = f_t(x) + min_y C_{t-1}(y) + sum_k beta_k (x_k - y_k)^+``, the
minimum taken axis by axis (:func:`jaxsoco_kernels.lattice.axis_minplus`).

The optimum of rounds ``1..t`` ends at the minimum of ``C_t``; of several, at the one with the
fewest servers of the last types.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align, one_hot
from jaxsoco_kernels.lattice import axis_minplus

Array = jax.Array
_TIES = 64
"""Units in the last place by which equal sums of costs may differ."""


def sorted_states(servers: tuple[int, ...]) -> np.ndarray:
    """All states ``[|M|, d]``, those with few servers of the last types first."""
    axes = np.indices([m + 1 for m in reversed(servers)]).reshape(len(servers), -1)
    return axes[::-1].T


def lattice_costs(value: Any, theta: Any, axes: tuple[int, ...], servers: tuple[int, ...]) -> Array:
    """The hitting cost of a round at all states, ``[m_1 + 1, ..., m_d + 1, ...]``.

    Args:
      value: ``(x [d, ...], theta) -> [...]``.
      theta: data of the round.
      axes: structural axes of its leaves, in order.
      servers: how many there are of each type.
    """
    leaves, tree = jax.tree.flatten(theta)
    lanes = leaves[0].shape[axes[0] :]
    # The states are one more axis of lanes.
    leaves = [x.reshape(*x.shape[:n], 1, *x.shape[n:]) for x, n in zip(leaves, axes, strict=True)]
    states = np.indices([m + 1 for m in servers]).reshape(len(servers), -1)
    x = align(jnp.asarray(states, leaves[0].dtype), 2, len(lanes))
    x = jnp.broadcast_to(x, (*states.shape, *lanes))
    return value(x, tree.unflatten(leaves)).reshape(*(m + 1 for m in servers), *lanes)


def start_table(start: Array, servers: tuple[int, ...]) -> Array:
    """``C_0``: 0 at ``start [d, ...]`` and infinite elsewhere."""
    here = jnp.ones((1,) * len(servers) + start.shape[1:], bool)
    for k, m in enumerate(servers):
        place = one_hot(start[k].astype(jnp.int32), m + 1)
        here = here & place.reshape(
            *(m + 1 if i == k else 1 for i in range(len(servers))), *(start.shape[1:])
        )
    return jnp.where(here, 0, jnp.inf).astype(start.dtype)


def prefix_step(table: Array, weight: Array, costs: Array) -> Array:
    """``C_t`` from ``C_{t-1}``, the prices ``beta [d, ...]`` and the costs of round ``t``."""
    return axis_minplus(table, weight) + costs


def least_state(table: Array, servers: tuple[int, ...]) -> Array:
    """Where ``C_t`` is least, ``[d, ...]`` int32; the first of several in :func:`sorted_states`."""
    types = len(servers)
    lanes = table.shape[types:]
    order = (*reversed(range(types)), *range(types, table.ndim))
    flat = jnp.transpose(table, order).reshape(-1, *lanes)
    least = jnp.min(flat, axis=0)
    # Costs that were added in another order are equal up to rounding.
    near = flat <= (least + _TIES * jnp.finfo(table.dtype).eps * jnp.abs(least))[None]
    place = jnp.argmax(near, axis=0)
    states = jnp.asarray(sorted_states(servers), jnp.int32)
    return jnp.moveaxis(states[place], -1, 0)


def optimal_path(costs: Array, weight: Array, start: Array, servers: tuple[int, ...]) -> Array:
    """The best schedule of all rounds, ``[T, d, ...]`` int32.

    Args:
      costs: of all rounds at all states, ``[T, m_1 + 1, ..., m_d + 1, ...]``.
      weight: of switching on, ``[d, ...]``.
      start: ``x_0 [d, ...]``.
      servers: how many there are of each type.
    """

    def forward(table, now):
        table = prefix_step(table, weight, now)
        return table, table

    _, tables = jax.lax.scan(forward, start_table(start, servers), costs)

    def backward(raised, table):
        # raised: what going on from each state costs: sum_k beta_k (x_k - y_k)^+ to the next x.
        here = least_state(table + raised, servers)
        return _raise_to(here, weight, servers), here

    free = jnp.zeros_like(tables[0])
    return jax.lax.scan(backward, free, tables, reverse=True)[1]


def _raise_to(x: Array, weight: Array, servers: tuple[int, ...]) -> Array:
    """``sum_k beta_k (x_k - y_k)^+`` at all states ``y``."""
    lanes = x.shape[1:]
    total = jnp.zeros([m + 1 for m in servers] + [*lanes], weight.dtype)
    for k, m in enumerate(servers):
        y = jnp.arange(m + 1).reshape(-1, *(1,) * len(lanes))
        price = weight[k][None] * jnp.maximum(x[k][None] - y, 0)
        shape = [m + 1 if i == k else 1 for i in range(len(servers))]
        total = total + price.reshape(*shape, *price.shape[1:])
    return total
