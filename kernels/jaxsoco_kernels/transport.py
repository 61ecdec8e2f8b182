"""Exact optimal transport between points of a small metric space, lanes last."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.info import Info, Status
from jaxsoco_kernels.lanes import one_hot
from jaxsoco_kernels.minplus import minplus
from jaxsoco_kernels.shapes import expect, expect_floating

# Names of before there was one Status.
CONVERGED, ITERATION_LIMIT, TransportInfo = Status.OK, Status.LIMIT, Info

PATHS_PER_POINT = 8
"""Limit of the augmentations, a point."""


def excess_cost(excess: jax.Array, distance: jax.Array) -> jax.Array:
    """Wasserstein-1 cost of moving the positive part of ``excess`` onto its negative part.

    ``min <flow, distance>`` over flows with ``sum_v flow[u, v] = max(excess_u, 0)`` and
    ``sum_u flow[u, v] = max(-excess_v, 0)``; equally ``max potential . excess`` over potentials
    with ``potential_u - potential_v <= distance[u, v]`` (Kantorovich).

    Where one side has at most two points a closed form serves; successive shortest paths do the
    rest, and run only if some lane needs them. Differentiable (envelope theorem).

    >>> from jaxsoco_kernels.transport import excess_cost
    >>> line = jnp.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    >>> float(excess_cost(jnp.array([1.0, -0.5, -0.5]), line))
    1.5

    Args:
      excess: ``[n, ...]``, summing to 0 over the points (to rounding).
      distance: metric ``[n, n, ...]``; lanes may be 1.

    Returns:
      The cost ``[...]``.
    """
    excess, distance = _checked(excess, distance)
    return _excess_cost(excess, distance)


@jax.custom_jvp
def _excess_cost(excess: jax.Array, distance: jax.Array) -> jax.Array:
    sources, sinks = _sides(excess)
    value = _two_sources(sources, sinks, distance)
    many = jnp.sum(sources > 0, axis=0) > 2

    def general(_):
        return jnp.where(many, transport(excess, distance)[0], value)

    return jax.lax.cond(jnp.any(many), general, lambda _: value, None)


@_excess_cost.defjvp
def _excess_cost_jvp(primals, tangents):
    excess, distance = primals
    value, flow, potential, _ = transport(excess, distance)
    # Envelope theorem: the derivative is the dual solution in excess, the primal one in distance.
    d_excess, d_distance = tangents
    tangent = jnp.sum(potential * d_excess, axis=0) + jnp.sum(flow * d_distance, axis=(0, 1))
    return value, tangent


def _checked(excess, distance):
    """Both of one dtype and with all lanes."""
    excess, distance = jnp.asarray(excess), jnp.asarray(distance)
    expect(distance=(distance, "n n ..."), excess=(excess, "n ..."))
    expect_floating(distance=distance, excess=excess)
    lanes = jnp.broadcast_shapes(excess.shape[1:], distance.shape[2:])
    n = excess.shape[0]
    dtype = jnp.result_type(excess, distance)
    excess = jnp.broadcast_to(excess, (n, *lanes)).astype(dtype)
    return excess, jnp.broadcast_to(distance, (n, n, *lanes)).astype(dtype)


def _dust(dtype) -> float:
    """Mass that counts as nothing: rounding of differences of probabilities."""
    return 8 * float(jnp.finfo(dtype).eps)


def _sides(excess: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The two sides of the transport ``[n, ...]``, the one with fewer points first."""
    dust = _dust(excess.dtype)
    give = jnp.where(excess > dust, excess, 0)
    take = jnp.where(excess < -dust, -excess, 0)
    swap = (jnp.sum(take > 0, axis=0) < jnp.sum(give > 0, axis=0))[None]
    return jnp.where(swap, take, give), jnp.where(swap, give, take)


def _two_sources(sources: jax.Array, sinks: jax.Array, distance: jax.Array) -> jax.Array:
    """Cost when at most two points give: fill the first with the sinks that it suits best."""
    n = sources.shape[0]
    places = jnp.arange(n).reshape(n, *(1,) * (sources.ndim - 1))
    # The two sources, or the one twice: then nothing below depends on which.
    present = sources > 0
    first = jnp.argmax(present, axis=0)
    last = n - 1 - jnp.argmax(present[::-1], axis=0)

    def look(u, rows):
        row = distance[u]
        return tuple(
            jnp.where((at == u)[None], row, r) for at, r in zip((first, last), rows, strict=True)
        )

    # Rows of the distance at the two sources, one comparison a row: faster than a gather.
    start = jnp.broadcast_to(distance[0], sources.shape)
    from_first, from_last = jax.lax.fori_loop(1, n, look, (start, start))
    gain = from_first - from_last
    mass = jnp.sum(jnp.where(one_hot(first, n), sources, 0), axis=0)

    # Serving sink v from the first source rather than the last costs gain_v more a unit: the first
    # one's mass goes to sinks in the order of gain, ties in the order of points.
    def before(v, total):
        earlier = (gain[v][None] < gain) | ((gain[v][None] == gain) & (v < places))
        return total + jnp.where(earlier, sinks[v][None], 0)

    filled = jax.lax.fori_loop(0, n, before, jnp.zeros_like(sinks))
    share = jnp.clip(mass[None] - filled, 0, sinks)
    return jnp.sum(share * from_first + (sinks - share) * from_last, axis=0)


def transport(
    excess: jax.Array, distance: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, Info]:
    """Optimal transport of ``excess`` by successive shortest paths.

    Each augmentation sends what fits along a cheapest path of the residual graph, so that the flow
    is optimal for what it has moved so far (Ahuja, Magnanti and Orlin, Network Flows, section 9.7).

    >>> from jaxsoco_kernels.transport import transport
    >>> line = jnp.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    >>> cost, flow, potential, info = transport(jnp.array([1.0, -0.5, -0.5]), line)
    >>> float(cost), flow[0].tolist()
    (1.5, [0.0, 0.5, 0.5])

    Args:
      excess: ``[n, ...]``, summing to 0 over the points.
      distance: metric ``[n, n, ...]``.

    Returns:
      The cost ``[...]``, the flow ``[n, n, ...]`` from giving to taking points, a 1-Lipschitz
      dual potential ``[n, ...]`` (``cost = potential . excess``), and how it went: ``OK``,
      ``LIMIT`` after ``PATHS_PER_POINT * n`` augmentations, or ``NONFINITE``; the residual is the
      unmatched mass, the iterations are augmentations.
    """
    excess, distance = _checked(excess, distance)
    n, lanes = excess.shape[0], excess.shape[1:]
    dust = _dust(excess.dtype)
    give = jnp.where(excess > dust, excess, 0)
    take = jnp.where(excess < -dust, -excess, 0)
    giver, taker = give > 0, take > 0
    scale = jnp.maximum(jnp.max(distance, axis=(0, 1)), jnp.finfo(excess.dtype).tiny)

    # More than crumbs is left on both sides.
    def left(state):
        _, supply, demand, _ = state
        return jnp.minimum(jnp.sum(supply, axis=0), jnp.sum(demand, axis=0)) > n * dust

    def augment(state):
        flow, supply, demand, count = state
        active = left(state)
        path = _shortest_path(flow, supply, demand, distance, (giver, taker, scale))
        amount = jnp.where(active, path.amount, 0)
        moved = flow + path.sign * amount[None, None]
        # Crumbs that rounding leaves on the arc that limits the path would be paths themselves.
        flow = jnp.where(moved <= dust, 0, moved)
        supply = _drain(supply - path.start * amount[None], dust)
        demand = _drain(demand - path.end * amount[None], dust)
        return flow, supply, demand, count + active

    limit = PATHS_PER_POINT * n
    start = (jnp.zeros((n, n, *lanes), excess.dtype), give, take, jnp.zeros(lanes, jnp.int32))
    state = jax.lax.while_loop(lambda s: jnp.any(left(s) & (s[3] < limit)), augment, start)
    flow, supply, demand, count = state
    cost = jnp.sum(flow * distance, axis=(0, 1))
    residual = jnp.minimum(jnp.sum(supply, axis=0), jnp.sum(demand, axis=0))
    finite = jnp.all(jnp.isfinite(excess), axis=0) & jnp.all(jnp.isfinite(distance), axis=(0, 1))
    status = jnp.where(left(state), Status.LIMIT, Status.OK)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    potential = _potential(flow, distance, giver, taker, scale)
    return cost, flow, potential, Info(status, residual, count)


def _drain(mass: jax.Array, dust: float) -> jax.Array:
    """Mass without the crumbs."""
    return jnp.where(mass <= dust, 0, mass)


class _Path(NamedTuple):
    sign: jax.Array  # [n, n, ...] +1 on arcs used forwards, -1 on arcs used backwards
    start: jax.Array  # [n, ...] one-hot
    end: jax.Array  # [n, ...] one-hot
    amount: jax.Array  # [...]


def _relax(flow, distance, giver, taker, scale, start):
    """Bellman-Ford labels over the residual graph from giving labels ``start [n, ...]``."""
    n = distance.shape[0]
    # Bellman and Ford, in half steps: down arcs from giving to taking points at their distance, and
    # back up arcs that carry flow at minus it. A gain within rounding is none.
    slack = 64 * jnp.finfo(distance.dtype).eps * scale[None]
    backwards = jnp.where(flow > 0, -distance, jnp.inf)

    # Only a label that falls gets a new parent: at ties the parents would close cycles.
    def improve(label, parent, candidate, origin, allowed):
        better = allowed & (candidate < label - slack)
        return jnp.where(better, candidate, label), jnp.where(better, origin, parent)

    def body(_, labels):
        source, came, sink, via = labels
        sink, via = improve(sink, via, *minplus(towards, source), taker)
        source, came = improve(source, came, *minplus(backwards, sink), giver)
        return source, came, sink, via

    towards = jnp.swapaxes(distance, 0, 1)
    nobody = jnp.full(start.shape, -1, jnp.int32)
    far = jnp.full_like(start, jnp.inf)
    return jax.lax.fori_loop(0, n, body, (start, nobody, far, nobody))


def _shortest_path(flow, supply, demand, distance, graph) -> _Path:
    """The cheapest residual path from remaining supply to remaining demand, and its capacity."""
    giver, taker, scale = graph
    n = distance.shape[0]
    start = jnp.where(supply > 0, 0.0, jnp.inf).astype(distance.dtype)
    _, came, sink, via = _relax(flow, distance, giver, taker, scale, start)
    end = one_hot(jnp.argmin(jnp.where(demand > 0, sink, jnp.inf), axis=0), n)

    def pick(mask, values):
        return jnp.sum(jnp.where(mask, values, 0), axis=0)

    # From the end back to a source with supply: `via` names the giving point before a taking one,
    # `came` the taking point before a giving one, -1 at the path's start.
    def back(_, walk):
        sign, at, origin, done = walk
        open_ = ~done[None, None]
        source = one_hot(pick(at, via), n)
        forward = source[:, None] & at[None] & open_
        previous = pick(source, came)
        stop = previous < 0
        origin = jnp.where(done[None], origin, source)
        towards = one_hot(previous, n)
        backward = source[:, None] & towards[None] & open_ & ~stop[None, None]
        sign = sign + jnp.where(forward, 1, 0) - jnp.where(backward, 1, 0)
        return sign, jnp.where((done | stop)[None], at, towards), origin, done | stop

    walk = (
        jnp.zeros(distance.shape, distance.dtype),
        end,
        jnp.zeros_like(end),
        jnp.zeros(end.shape[1:], bool),
    )
    sign, _, origin, _ = jax.lax.fori_loop(0, n, back, walk)
    # A path carries what its backward arcs can give up and its two ends have left.
    capacity = jnp.min(jnp.where(sign < 0, flow, jnp.inf), axis=(0, 1))
    amount = jnp.minimum(jnp.minimum(pick(origin, supply), pick(end, demand)), capacity)
    return _Path(sign, origin, end, amount)


def _potential(flow, distance, giver, taker, scale) -> jax.Array:
    """Dual potential from labels of the last residual graph, made 1-Lipschitz on all points."""
    # Labels are shortest paths in the residual graph, so that minus them is dual feasible, with
    # equality on arcs that carry flow (complementary slackness).
    start = jnp.where(giver, 0.0, jnp.inf).astype(distance.dtype)
    _, _, sink, _ = _relax(flow, distance, giver, taker, scale, start)
    # phi_u = min over taking v of distance_uv - label_v: the largest 1-Lipschitz extension.
    extended, _ = minplus(distance, jnp.where(taker, -sink, jnp.inf))
    return jnp.where(jnp.any(taker, axis=0)[None], extended, 0)
