"""Sharing a load among servers of several types at least cost, by one price, lanes last."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels._envelope import by_envelope
from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.lanes import align
from jaxsoco_kernels.shapes import expect, expect_floating

TRIPS = 60
"""Bisections of the price: as many bits."""


class ServerCost(NamedTuple):
    """What a server of each type costs under load ``l``: ``e + q l + r l^2`` on ``[0, capacity]``.

    Attributes:
      idle: ``e``, ``[d, ...]``.
      linear: ``q``, ``[d, ...]``.
      quadratic: ``r``, at least 0, ``[d, ...]``.
      capacity: largest load of a server, finite, ``[d, ...]``.
    """

    idle: Any
    linear: Any
    quadratic: Any
    capacity: Any


class Dispatch(NamedTuple):
    """A load shared among types.

    Attributes:
      cost: ``sum_k x_k g_k(z_k / x_k)``, ``[...]``; infinite where the load exceeds all capacity.
      shares: ``z_k``, what the servers of a type take together, ``[d, ...]``.
      price: what a little more load costs a unit, ``[...]``.
      info: the residual is a bound on how far ``cost`` is above the least one, by duality.
    """

    cost: jax.Array
    shares: jax.Array
    price: jax.Array
    info: Info


def dispatch(
    servers: jax.Array, load: jax.Array | float, server_cost: ServerCost | tuple, trips: int = TRIPS
) -> Dispatch:
    """The least ``sum_k x_k g_k(z_k / x_k)`` over shares ``z >= 0`` that sum to the load.

    With ``g_k(l) = e_k + q_k l + r_k l^2`` on ``[0, cap_k]``, a price ``p`` of load fills servers
    to ``l_k(p) = clip((p - q_k) / (2 r_k), 0, cap_k)``. The price is bisected until the load lies
    between what two neighbours sell, and the shares are interpolated between these, which makes
    types with ``r_k = 0`` exact: they sell all or nothing on either side of ``q_k``.

    ``cost`` is differentiable once, in both modes, in all arguments (envelope theorem); shares and
    price count as constants. At a kink it has the derivative towards more load.

    >>> from jaxsoco_kernels.dispatch import ServerCost, dispatch
    >>> g = ServerCost(idle=0.0, linear=jnp.array([1.0, 2.0]), quadratic=0.0, capacity=1.0)
    >>> shared = dispatch(jnp.ones(2), 1.5, g)
    >>> shared.shares.tolist(), float(shared.cost), round(float(shared.price), 3)
    ([1.0, 0.5], 2.0, 2.0)

    Args:
      servers: ``x_k``, at least 0, ``[d, ...]``.
      load: at least 0, ``[...]`` or a number.
      server_cost: a :class:`ServerCost`, of ``[d, ...]``, ``[d]`` or numbers each.
      trips: bisections of the price, static.

    Returns:
      Cost, shares, price and how it went: ``OK``; ``INFEASIBLE`` where the load exceeds all
      capacity, and every server is full; ``LIMIT``; ``NONFINITE``, also for an infinite capacity.

    Source: the load balancing of Albers and Quedenfeld, SPAA 2021.
    """
    servers, load, terms = _aligned(servers, load, ServerCost(*server_cost))
    fixed, amount, most = jax.lax.stop_gradient((terms, load, servers))
    price, loads, short = _search(most, amount, fixed, trips)
    full = fixed.capacity * most
    shares = jnp.where(short[None], full, most * loads)
    cost = jnp.sum(most * fixed.idle + shares * (fixed.linear + fixed.quadratic * loads), axis=0)
    residual = jnp.maximum(cost - _dual(most, amount, fixed, price, _sold(price, fixed)), 0)
    # By the envelope theorem, price and loads stay fixed; what more capacity saves comes apart.
    saving = jnp.where(loads >= fixed.capacity, price[None] - _marginal(fixed, loads), 0)
    worth = jnp.sum(most * jnp.maximum(saving, 0) * terms.capacity, axis=0)
    value = by_envelope(cost, _dual(servers, load, terms, price, loads) - worth)
    value = jnp.where(short, jnp.inf, value)
    # Of the terms that cancel in the gap.
    size = jnp.sum(jnp.abs(most * fixed.idle) + jnp.abs(shares * fixed.linear), axis=0)
    size = size + jnp.abs(price * amount) + jnp.abs(cost)
    info = _judgement(most, amount, fixed, (size, residual, short), trips)
    return Dispatch(value, shares, price, info)


def _aligned(servers, load, server_cost: ServerCost):
    """Servers ``[d, ...]``, load ``[...]`` and terms ``[d, ...]``, all with all lanes."""
    dtype = jnp.result_type(servers, load, *server_cost)
    dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
    servers, load = jnp.asarray(servers, dtype), jnp.asarray(load, dtype)
    lanes = max(servers.ndim - 1, load.ndim)
    servers = align(servers, 1, lanes)
    terms = ServerCost(*(_wide(jnp.asarray(x, dtype), lanes) for x in server_cost))
    expect(
        servers=(servers, "d ..."),
        load=(load, "..."),
        **{name: (x, "d|1 ...") for name, x in terms._asdict().items()},
    )
    expect_floating(servers=servers, load=load)
    shapes = [x.shape[1:] for x in (servers, *terms)]
    shape = jnp.broadcast_shapes(*shapes, load.shape)
    whole = (servers.shape[0], *shape)
    terms = ServerCost(*(jnp.broadcast_to(x, whole) for x in terms))
    return jnp.broadcast_to(servers, whole), jnp.broadcast_to(load, shape), terms


def _wide(x: jax.Array, lanes: int) -> jax.Array:
    return align(x if x.ndim else x[None], 1, lanes)


def _sold(price: jax.Array, terms: ServerCost) -> jax.Array:
    """The load ``l_k`` at which a server's marginal cost is the price ``[...]``, ``[d, ...]``."""
    gain = price[None] - terms.linear
    curved = terms.quadratic > 0
    inner = gain / jnp.where(curved, 2 * terms.quadratic, 1)
    # A type without curvature sells nothing below q and everything from q on.
    flat = jnp.where(gain >= 0, terms.capacity, 0)
    return jnp.where(curved, jnp.clip(inner, 0, terms.capacity), flat)


def _marginal(terms: ServerCost, loads: jax.Array) -> jax.Array:
    return terms.linear + 2 * terms.quadratic * loads


def _search(servers, load, terms: ServerCost, trips: int):
    """Price ``[...]``, loads ``[d, ...]`` that sum up to the load, whether that is too much."""
    least = jnp.min(terms.linear, axis=0)
    most = jnp.max(_marginal(terms, terms.capacity), axis=0)
    # Beyond both ends, so that nothing is sold at the lower one and everything at the upper one.
    eps = jnp.finfo(load.dtype).eps
    tiny = jnp.finfo(load.dtype).tiny
    margin = (most - least) / 64 + 64 * eps * jnp.maximum(jnp.abs(most), jnp.abs(least)) + tiny

    def total(loads):
        return jnp.sum(servers * loads, axis=0)

    # Sold at `low` is the load at most; at `high` it is more, or all there is.
    def halve(_, ends):
        low, high = ends
        middle = low + (high - low) / 2
        more = total(_sold(middle, terms)) > load
        return jnp.where(more, low, middle), jnp.where(more, middle, high)

    low, high = jax.lax.fori_loop(0, trips, halve, (least - margin, most + margin))
    below, above = _sold(low, terms), _sold(high, terms)
    room = total(above) - total(below)
    share = jnp.clip((load - total(below)) / jnp.where(room > 0, room, 1), 0, 1)
    loads = below + share[None] * (above - below)
    short = load > (1 + 8 * eps) * jnp.sum(servers * terms.capacity, axis=0)
    price = jnp.clip(low + share * (high - low), least, most)
    return price, loads, short


def _dual(servers, load, terms: ServerCost, price, loads) -> jax.Array:
    """``sum_k x_k (g_k(l_k) - p l_k) + p load``: the dual objective where ``p`` sells ``l_k``."""
    gain = terms.linear - price[None] + terms.quadratic * loads
    return jnp.sum(servers * (terms.idle + loads * gain), axis=0) + price * load


def _judgement(servers, load, terms: ServerCost, outcome, trips: int) -> Info:
    size, residual, short = outcome
    tolerance = 1e-10 if load.dtype == jnp.float64 else 1e-4
    status = jnp.where(residual <= tolerance * size, Status.OK, Status.LIMIT)
    status = jnp.where(short | (load < 0), Status.INFEASIBLE, status)
    finite = jnp.isfinite(load) & jnp.all(jnp.isfinite(servers), axis=0)
    for term in terms:
        finite = finite & jnp.all(jnp.isfinite(term), axis=0)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    residual = jnp.where(finite & ~short, residual, jnp.inf)
    return Info(status, residual, jnp.full_like(status, trips))
