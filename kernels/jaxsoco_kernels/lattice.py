"""Dynamic programs over numbers of servers of several types: the lattice of ``0..m_k``, lanes last.

Source: Albers and Quedenfeld, CIAC 2021 (server lanes of their online algorithm for heterogeneous
data centres); that a step of the program goes axis by axis follows from its separable movement.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect, expect_floating


def axis_minplus(table: jax.Array, weight: jax.Array) -> jax.Array:
    """Least cost of being at ``x`` after a move from the best ``y`` of a lattice.

    ``min_y table[y] + sum_k weight_k max(x_k - y_k, 0)``: only switching servers on costs. The sum
    is separable, so that ``d`` passes along one axis each replace the product over all pairs:
    ``O(d |M|)`` up to a logarithm instead of ``O(|M|^2)``. Infinite entries stay apart.
    Differentiable almost everywhere; where minima tie, a mean of their derivatives.

    >>> from jaxsoco_kernels.lattice import axis_minplus
    >>> axis_minplus(jnp.array([4.0, 0.0, 9.0]), jnp.array([2.0])).tolist()
    [0.0, 0.0, 2.0]

    Args:
      table: ``[m_1 + 1, ..., m_d + 1, ...]``.
      weight: cost of switching on a server of each type, at least 0, ``[d, ...]``; ``[d]`` holds
        for all lanes.

    Returns:
      The minima, of the table's shape.

    Raises:
      ValueError: the table has fewer axes than there are weights, or other lanes.
    """
    table, weight = jnp.asarray(table), jnp.asarray(weight)
    expect_floating(table=table, weight=weight)
    types = weight.shape[0] if weight.ndim else 0
    if not 1 <= types <= table.ndim:
        raise ValueError(
            f"weight: expected [d, ...] with d from 1 to the {table.ndim} axes of table, "
            f"got {weight.shape}"
        )
    if weight.ndim > 1:
        names = " ".join(f"m{k}" for k in range(types))
        expect(table=(table, f"{names} ..."), weight=(weight, f"{types} ..."))
        lanes = jnp.broadcast_shapes(table.shape[types:], weight.shape[1:])
        table = jnp.broadcast_to(table, (*table.shape[:types], *lanes))
    for k in range(types):
        # A weight stands before the axes of the states, as a scalar or with its lanes.
        price = weight[k].reshape((1,) * types + weight.shape[1:]) if weight.ndim > 1 else weight[k]
        table = _pass(table, price.astype(table.dtype), k)
    return table


def _pass(table: jax.Array, weight: jax.Array, axis: int) -> jax.Array:
    """The minimum over one coordinate of the state before: up at a cost, down for nothing.

    Minima over moves by at most ``2^j - 1`` give those by at most ``2^(j+1) - 1``.
    """
    size = table.shape[axis]
    up = down = table
    reach = 1
    while reach < size:
        kept, low = _part(up, axis, 0, reach), _part(up, axis, 0, size - reach)
        raised = jnp.minimum(_part(up, axis, reach, size), low + reach * weight)
        up = jnp.concatenate([kept, raised], axis)
        kept, high = _part(down, axis, size - reach, size), _part(down, axis, reach, size)
        lowered = jnp.minimum(_part(down, axis, 0, size - reach), high)
        down = jnp.concatenate([lowered, kept], axis)
        reach *= 2
    return jnp.minimum(up, down)


def _part(table: jax.Array, axis: int, first: int, end: int) -> jax.Array:
    return jax.lax.slice_in_dim(table, first, end, axis=axis)


def lanes_of(servers: jax.Array, count: int) -> jax.Array:
    """The type that each server lane holds when the lowest lanes get the highest types.

    Server lane ``j`` (1 to ``count``) holds ``y_j = max{k: x_k + ... + x_d >= j}``, 0 for none.
    (Server lanes are those of the paper, not the trailing axes of arrays.)

    >>> from jaxsoco_kernels.lattice import lanes_of
    >>> lanes_of(jnp.array([1, 2]), 4).tolist()  # one server of type 1, two of type 2
    [2, 2, 1, 0]

    Args:
      servers: how many of each type run, ``[d, ...]``, whole numbers of any dtype.
      count: number of server lanes, static; those beyond it are left out.

    Returns:
      Types from 1 to d, or 0, int32 ``[count, ...]``.
    """
    servers = jnp.asarray(servers)
    expect(servers=(servers, "d ..."))
    # x_k + ... + x_d falls with k, so that the last k that reaches j is their number.
    at_least = jnp.cumsum(servers[::-1], axis=0)
    places = jnp.arange(1, count + 1, dtype=at_least.dtype)
    places = places.reshape(1, count, *(1,) * (servers.ndim - 1))
    return jnp.sum(at_least[:, None] >= places, axis=0, dtype=jnp.int32)
