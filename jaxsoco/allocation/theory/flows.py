"""Which mass of a source returns to which advised state: transport with the cheapest coupling."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import one_hot
from jaxsoco_kernels.minplus import minplus

_PATHS = 8
"""Limit of the paths, a source and advised state."""


def couple(mass: jax.Array, weight: jax.Array, cost: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The flow from sources to advised states that costs least.

    In closed form for up to two advised states, by successive shortest paths for more.

    >>> from jaxsoco.allocation.theory.flows import couple
    >>> mass, weight = jnp.array([0.5, 0.5]), jnp.array([0.25, 0.75])
    >>> flow, exact = couple(mass, weight, jnp.array([[2.0, 1.0], [1.0, 1.0]]))
    >>> flow.tolist(), bool(exact)
    ([[0.0, 0.5], [0.25, 0.25]], True)

    Args:
      mass: of the sources, ``[m, ...]``.
      weight: of the advised states, ``[A, ...]``, with the same sum.
      cost: ``[m, A, ...]``; any finite numbers.

    Returns:
      The flow ``[m, A, ...]``, all mass of the sources, and whether it is optimal, ``[...]``.
      Differentiable in the masses; in the costs it is constant but for jumps.
    """
    exact = jnp.ones(mass.shape[1:], bool)
    if weight.shape[0] == 1:
        return mass[:, None], exact
    if weight.shape[0] == 2:
        first = _fill(mass, weight[0], cost[:, 0] - cost[:, 1])
        return jnp.stack([first, mass - first], axis=1), exact
    flow, done = _transported(mass, weight, cost)
    return flow, done > 0


def _fill(mass: jax.Array, weight: jax.Array, extra: jax.Array) -> jax.Array:
    """Mass of every source that goes to the first of two states, ``[m, ...]``.

    It takes ``weight [...]`` in all, from the sources for which it costs the least ``extra``.
    """
    sources = mass.shape[0]
    places = jnp.arange(sources).reshape(sources, *(1,) * (mass.ndim - 1))

    # Mass of the sources before i in the order of (extra, index): all pairs are compared.
    def add(j, ahead):
        now = extra[j][None]
        first = (now < extra) | ((now == extra) & (j < places))
        return ahead + jnp.where(first, mass[j][None], 0)

    ahead = jax.lax.fori_loop(0, sources, add, jnp.zeros_like(extra))
    return jnp.clip(weight[None] - ahead, 0, mass)


class _Flow(NamedTuple):
    """What has been sent, ``[m, A, ...]``, and what is left, ``[m, ...]`` and ``[A, ...]``."""

    sent: jax.Array
    supply: jax.Array
    demand: jax.Array
    paths: jax.Array


class _Hops(NamedTuple):
    """Rerouting between advised states ``[A, A, ...]``: least cost a unit, and whose mass it is."""

    cost: jax.Array
    source: jax.Array


class _Path(NamedTuple):
    """Change of the flow ``[m, A, ...]`` a unit, and the states it starts and ends at, one-hot."""

    change: jax.Array
    start: jax.Array
    end: jax.Array


def _dust(dtype: jnp.dtype) -> float:
    """Mass that counts as nothing."""
    return 8 * float(jnp.finfo(dtype).eps)


@jax.custom_jvp
def _transported(
    mass: jax.Array, weight: jax.Array, cost: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The flow by successive shortest paths, and 1 where they came to an end, else 0, ``[...]``.

    A source sends mass to an advised state that has room, on a path through others whose mass is
    rerouted. There are few advised states: paths are searched between these alone.
    """
    m, states = cost.shape[:2]
    dust = _dust(mass.dtype)
    # A gain within rounding is none.
    slack = 8 * dust * (jnp.max(cost, axis=(0, 1)) - jnp.min(cost, axis=(0, 1)))

    def swept(mass):
        return jnp.where(mass <= dust, 0, mass)

    def unfinished(flow):
        left = jnp.minimum(jnp.sum(flow.supply, axis=0), jnp.sum(flow.demand, axis=0))
        return left > (m + states) * dust

    def active(flow):
        return unfinished(flow) & (flow.paths < _PATHS * (m + states))

    def augment(flow):
        source = one_hot(jnp.argmax(flow.supply > 0, axis=0), m)
        row = jnp.sum(jnp.where(source[:, None], cost, 0), axis=0)
        hops = _hops(flow.sent, cost)
        path = _trace(hops, row, flow.demand, slack, m)
        change = path.change + (source[:, None] & path.start[None])
        room = jnp.min(jnp.where(change < 0, flow.sent, jnp.inf), axis=(0, 1))
        amount = jnp.minimum(_pick(source, flow.supply), _pick(path.end, flow.demand))
        amount = jnp.where(active(flow), jnp.minimum(amount, room), 0)
        sent = flow.sent + change * amount[None, None]
        supply = flow.supply - jnp.where(source, amount[None], 0)
        demand = flow.demand - jnp.where(path.end, amount[None], 0)
        # Crumbs on what limits a path would be paths themselves.
        return _Flow(swept(sent), swept(supply), swept(demand), flow.paths + active(flow))

    nothing = jnp.zeros(cost.shape, mass.dtype)
    start = _Flow(nothing, swept(mass), swept(weight), jnp.zeros(mass.shape[1:], jnp.int32))
    flow = jax.lax.while_loop(lambda flow: jnp.any(active(flow)), augment, start)
    # Crumbs take the cheapest way: no mass is lost.
    rest = jnp.maximum(mass - jnp.sum(flow.sent, axis=1), 0)
    cheapest = one_hot(jnp.argmin(cost, axis=1), states, axis=1)
    sent = flow.sent + jnp.where(cheapest, rest[:, None], 0)
    return sent, jnp.where(unfinished(flow), 0, 1).astype(sent.dtype)


@_transported.defjvp
def _transported_jvp(primals, tangents):
    mass, weight, cost = primals
    flow, done = _transported(mass, weight, cost)
    d_mass, d_weight, _ = tangents
    states = weight.shape[0]
    # Changes of mass move along arcs that carry flow, or the cheapest of a source without mass;
    # these make a forest, so there is one way to meet all sums: df_il = a_i + b_l on the arcs.
    carries = (flow > _dust(flow.dtype)).astype(flow.dtype)
    cheapest = one_hot(jnp.argmin(cost, axis=1), states, axis=1, dtype=flow.dtype)
    carries = jnp.where(jnp.any(carries > 0, axis=1, keepdims=True), carries, cheapest)
    share = carries / jnp.sum(carries, axis=1, keepdims=True)
    # With the sums over sources eliminated, b solves a Laplacian system between advised states.
    laplacian = -jnp.einsum("il...,ik...->lk...", share, carries)
    own = jnp.sum(carries, axis=0) + float(jnp.finfo(flow.dtype).eps) ** 0.5
    eye = jnp.eye(states, dtype=flow.dtype).reshape(states, states, *(1,) * (mass.ndim - 1))
    laplacian = laplacian + eye * own[None]
    short = d_weight - jnp.sum(share * d_mass[:, None], axis=0)
    system, right = jnp.moveaxis(laplacian, (0, 1), (-2, -1)), jnp.moveaxis(short, 0, -1)
    b = jnp.moveaxis(jnp.linalg.solve(system, right[..., None])[..., 0], -1, 0)
    a = (d_mass - jnp.sum(carries * b[None], axis=1)) / jnp.sum(carries, axis=1)
    moved = carries * (a[:, None] + b[None])
    return (flow, done), (moved, jnp.zeros_like(done))


def _hops(sent: jax.Array, cost: jax.Array) -> _Hops:
    """From state l to state k: the least ``cost_ik - cost_il`` of a source with mass at l."""

    def better(i, hops):
        extra = jnp.where(sent[i][:, None] > 0, cost[i][None] - cost[i][:, None], jnp.inf)
        return _Hops(jnp.minimum(extra, hops.cost), jnp.where(extra < hops.cost, i, hops.source))

    states = cost.shape[1]
    far = jnp.full((states, states, *cost.shape[2:]), jnp.inf, cost.dtype)
    start = _Hops(far, jnp.zeros(far.shape, jnp.int32))
    return jax.lax.fori_loop(0, cost.shape[0], better, start)


def _trace(hops: _Hops, row: jax.Array, demand: jax.Array, slack: jax.Array, sources: int) -> _Path:
    """The cheapest path from a source with costs ``row [A, ...]`` to a state with room."""
    states = row.shape[0]

    # Bellman and Ford. Only a label that falls gets a new parent: at ties, they would close cycles.
    def relax(_, labels):
        label, parent = labels
        through, origin = minplus(jnp.swapaxes(hops.cost, 0, 1), label)
        better = through < label - slack[None]
        return jnp.where(better, through, label), jnp.where(better, origin, parent)

    nobody = jnp.full(row.shape, -1, jnp.int32)
    label, parent = jax.lax.fori_loop(0, states - 1, relax, (row, nobody))
    end = one_hot(jnp.argmin(jnp.where(demand > 0, label, jnp.inf), axis=0), states)

    # From the end back to the state that the source sends to.
    def back(_, walk):
        change, at, done = walk
        before = _pick(at, parent)
        done = done | (before < 0)
        origin = one_hot(before, states)
        mover = one_hot(_pick((origin[:, None] & at[None]), hops.source, axis=(0, 1)), sources)
        step = jnp.where(at, 1, 0) - jnp.where(origin, 1, 0)
        change = change + jnp.where(mover[:, None] & ~done[None, None], step[None], 0)
        return change, jnp.where(done[None], at, origin), done

    lanes = row.shape[1:]
    start = (jnp.zeros((sources, states, *lanes), jnp.int32), end, jnp.zeros(lanes, bool))
    change, first, _ = jax.lax.fori_loop(0, states - 1, back, start)
    return _Path(change, first, end)


def _pick(mask: jax.Array, values: jax.Array, axis: int | tuple[int, ...] = 0) -> jax.Array:
    return jnp.sum(jnp.where(mask, values, 0), axis=axis, dtype=values.dtype)
