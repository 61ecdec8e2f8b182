"""Shortest paths through a job's graph at a price of work: cost minus ``price`` times work."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import finish_tolerance
from jaxsoco.allocation.theory.paths import Graph, ends, pick, relax
from jaxsoco.core.lanes import lift, where


def stay_path(graph: Graph, throughput: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The cheapest path that goes to a point that can do the work, and stays ON to the end.

    Returns:
      Its cost ``[...]`` and its point, int32 ``[...]``.
    """
    slots = jnp.arange(1, graph.costs.shape[0] + 1).reshape(-1, 1, *(1,) * graph.lanes)
    within = slots <= lift(lift(graph.deadline))
    service = jnp.sum(jnp.where(within, graph.costs, 0), axis=0)
    # Entry, service of all slots up to the deadline, and the last switch-off.
    total = _entry(graph) + service + graph.final
    able = lift(graph.deadline) * throughput >= 1 - finish_tolerance(total.dtype)
    rated = jnp.where(able, total, jnp.finfo(total.dtype).max)
    place = jnp.argmin(rated, axis=0).astype(jnp.int32)
    return pick(total, place), place


def _entry(graph: Graph) -> jax.Array:
    """Cost from OFF at the start to ON at every point in the first slot, ``[n, ...]``."""
    first = graph.moves(0)
    if graph.beta is None:
        # M(OFF_start, ON_u)
        return pick(jnp.swapaxes(first, 0, 1)[: graph.n], graph.start + graph.n)
    # d(start, u) + beta_start
    return pick(jnp.swapaxes(first, 0, 1), graph.start) + lift(pick(graph.beta, graph.start))


def cheapest(graph: Graph, throughput: jax.Array, price: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Plain cost and work of the cheapest path at a price of work, ``[...]`` each.

    Min-plus Viterbi, backwards: ``V_t(i) = min_j M(i, j) + f_t(j) - price c_j + V_{t+1}(j)``.
    """
    value = ends(graph)
    nothing = jnp.zeros_like(value[0])
    # A slot ON at u costs f_t(u) - price c_u.
    gain = throughput * lift(price)

    def step(carry, t):
        (on, off), (work_on, work_off) = carry
        # Work follows the minimum: being ON in the slot adds c.
        pair = (work_on + throughput, work_off)
        new, _, (done,) = relax(graph, t, on + (graph.costs[t] - gain), off, (pair,))
        # Slots past a lane's deadline leave its cost to go as it is.
        return where(t < graph.deadline, (new, done), carry), None

    slots = jnp.arange(graph.costs.shape[0])
    (value, work), _ = jax.lax.scan(step, (value, (nothing, nothing)), slots, reverse=True)
    done = pick(work[1], graph.start)
    # The value is cost - price work: the plain cost adds the price back.
    return pick(value[1], graph.start) + price * done, done


def cheapest_path(graph: Graph, throughput: jax.Array, price: jax.Array) -> jax.Array:
    """States of the cheapest path at a price, int32 ``[T, ...]``.

    One pass backwards for the choices of every state, one forwards along them.
    """
    n = graph.n
    gain = throughput * lift(price)

    def back(value, t):
        on, off = value
        new, states, _ = relax(graph, t, on + (graph.costs[t] - gain), off, ())
        return where(t < graph.deadline, new, value), jnp.concatenate(states)

    def forward(at, now):
        t, states = now
        following = pick(states, at)
        # After the deadline the job rests OFF where it is.
        off = jnp.where(at < n, at + n, at)
        at = jnp.where(t < graph.deadline, following, off)
        return at, at

    slots = jnp.arange(graph.costs.shape[0])
    _, choices = jax.lax.scan(back, ends(graph), slots, reverse=True)
    return jax.lax.scan(forward, graph.start + n, (slots, choices.astype(jnp.int32)))[1]
