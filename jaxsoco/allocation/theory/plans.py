"""Transport plans of ST-CLIP's step: the best one at a multiplier, and the one that follows advice.

A plan sends the mass ``m_i`` of every source state ``i`` to one ON and one OFF target. With a
multiplier ``lam`` of the consistency constraint an arc costs ``base_ij + lam slope_ij``::

    base_ij  = M_T(i, j) + f_j                     objective
    slope_ij = M(i, j) + f_j + M(j, a)             constraint, with the way back to the advice

and a unit of work is worth ``psi(rho + s) + lam (L + (U - L) [s < A - z])`` when ``s`` is done,
which falls in ``s``, so that the sweep of ``step`` finds the best plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.step import assemble, shares
from jaxsoco.allocation.theory.support import held_states
from jaxsoco.core.lanes import lift


class Sources(NamedTuple):
    """States that hold mass, and the costs of their arcs.

    Attributes:
      mass: ``[m, ...]``.
      base: in the objective, ``[m, 2n, ...]``.
      slope: in the constraint, ``[m, 2n, ...]``.
    """

    mass: jax.Array
    base: jax.Array
    slope: jax.Array


class Prices(NamedTuple):
    """What a step's price of work depends on, ``[...]`` each.

    Attributes:
      pseudo_cost: ``psi``.
      rate: ``c``.
      robust: ``rho``.
      room: ``1 - z``.
      lead: ``max(A - z, 0)``, work by which the advice is ahead.
      fixed: ``SC + tau c(a) - budget``, the part of the constraint that no decision changes.
      least: work that must be done.
    """

    pseudo_cost: PseudoCost
    rate: jax.Array
    robust: jax.Array
    room: jax.Array
    lead: jax.Array
    fixed: jax.Array
    least: jax.Array


class Plan(NamedTuple):
    """How much of every source goes ON, to where, and what that costs.

    Attributes:
      on: mass that goes ON, ``[m, ...]``; the rest goes OFF.
      on_state: target of what goes ON, int32 ``[m, ...]``.
      off_state: target of the rest.
      value: the objective, ``[...]``.
      excess: the constraint's left side minus its right side, ``[...]``.
      work: ``c . k [...]``.
      multiplier: at which the plan is best, ``[...]``; infinite for the one that follows advice.
    """

    on: jax.Array
    on_state: jax.Array
    off_state: jax.Array
    value: jax.Array
    excess: jax.Array
    work: jax.Array
    multiplier: jax.Array


class _Arc(NamedTuple):
    """Best arc of every source to ON, or to OFF states, ``[m, ...]`` each."""

    cost: jax.Array
    base: jax.Array
    slope: jax.Array
    state: jax.Array


def demand(prices: Prices, multiplier: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The work that pays off at a price of work and a multiplier, all of one shape."""
    psi, rho, lead = prices.pseudo_cost, prices.robust, prices.lead
    # psi at s = A - z, where the marginal value of work drops by lam (U - L).
    at_lead, scale = psi(rho + lead), multiplier

    def work_at(price):
        # Inverse of psi(rho + s) + multiplier (L + (U - L) [s < lead]): falling in s, with a step
        # at the lead. Only the branch that the price selects pays for a logarithm.
        steep = price >= at_lead + scale * psi.U
        level = price - scale * jnp.where(steep, psi.U, psi.L)
        work = psi.inverse(level) - rho
        work = jnp.where(steep, jnp.minimum(work, lead), jnp.maximum(work, lead))
        # least <= c . k <= 1 - z
        return jnp.clip(work, prices.least, prices.room)

    return work_at


def best_plan(sources: Sources, prices: Prices, multiplier: jax.Array) -> Plan:
    """The plan that is best at a multiplier ``[...]`` of the constraint."""
    work_at = demand(*lift((prices, multiplier)))
    on_arc, off_arc = _best_arcs(sources, multiplier)
    # Sources go ON in the order of (on_i - off_i) / c, until demand at that price is met.
    on = shares(on_arc.cost, off_arc.cost, sources.mass, prices.rate, work_at)
    return _priced(prices, sources.mass, on, on_arc, off_arc, multiplier)


def follow_plan(sources: Sources, prices: Prices, place: jax.Array, fraction: jax.Array) -> Plan:
    """The plan that moves everything to the advised point, as far ON as the work left allows.

    Args:
      sources: of the step.
      prices: of the step.
      place: the advised state, int ``[...]``.
      fraction: mass that goes ON there, ``[...]``.
    """
    base, slope = _by_kind(sources)
    n = base.shape[2]
    at = (place % n).astype(jnp.int32)
    hit = jnp.arange(n).reshape(1, 1, n, *(1,) * place.ndim) == at[None, None, None]
    base, slope = (jnp.sum(jnp.where(hit, x, 0), axis=2) for x in (base, slope))
    # Ranked by the constraint's cost alone: this plan spends the least of the budget.
    places = jnp.broadcast_to(at[None, None], base.shape)
    on_arc, off_arc = _arcs_of_kinds(_Arc(slope, base, slope, places), n)
    # Not the same fraction of every source: that is not the cheapest coupling, and may break the
    # budget where the target does not.
    one = jnp.ones_like(fraction)
    on = shares(on_arc.cost, off_arc.cost, sources.mass, one, lambda _: fraction[None])
    return _priced(prices, sources.mass, on, on_arc, off_arc, jnp.full_like(fraction, jnp.inf))


def decide(plan: Plan, mass: jax.Array, points: int) -> jax.Array:
    """The decision ``[2n, ...]`` that a plan for ``mass [m, ...]`` makes."""
    return assemble(plan.on_state, plan.off_state, plan.on, mass - plan.on, points)


def reward(prices: Prices, work: jax.Array) -> jax.Array:
    """What the objective grants for work: ``int_rho^{rho + work} psi``, ``[...]``."""
    return prices.pseudo_cost.integral(prices.robust, prices.robust + work)


def reserve(prices: Prices, work: jax.Array) -> jax.Array:
    """What the constraint keeps for later: ``(1 - z - s) L + max(A - z - s, 0) (U - L)``."""
    psi = prices.pseudo_cost
    return (prices.room - work) * psi.L + jnp.maximum(prices.lead - work, 0) * (psi.U - psi.L)


def all_sources(
    previous: jax.Array,
    tree_metric: jax.Array | StateMetric,
    metric: jax.Array | StateMetric,
    costs: jax.Array,
    to_advice: jax.Array,
) -> Sources:
    """Every state as a source.

    Args:
      previous: mass of the states, ``[2n, ...]``.
      tree_metric: ``M_T``, ``[2n, 2n, ...]`` or factored.
      metric: ``M``, likewise.
      costs: ``f [n, ...]``.
      to_advice: ``M(j, a)``, ``[2n, ...]``.
    """

    def rows(m):
        return m.matrix() if isinstance(m, StateMetric) else m

    return _with_costs(previous, rows(tree_metric), rows(metric), costs, to_advice)


def held_sources(
    previous: jax.Array,
    tree_metric: jax.Array | StateMetric,
    metric: jax.Array | StateMetric,
    costs: jax.Array,
    to_advice: jax.Array,
) -> Sources:
    """As :func:`all_sources`, of the states that hold mass: a decision has few of them."""
    mass, state = held_states(previous)
    tree_rows, rows = _rows(tree_metric, state), _rows(metric, state)
    return _with_costs(mass, tree_rows, rows, costs, to_advice)


def _rows(metric: jax.Array | StateMetric, state: jax.Array) -> jax.Array:
    """Rows ``M(state, :)``, ``[m, 2n, ...]``, of states ``[m, ...]``."""
    if not isinstance(metric, StateMetric):
        return _pick_rows(metric, state)
    n = metric.points
    at = state % n
    # M(i, ON_v) = d(i, v), plus beta_i if i is OFF; M(i, OFF_v) = M(i, ON_v) + beta_v; M(i, i) = 0.
    leave = jnp.where(state >= n, _pick_rows(metric.switch[:, None], at)[:, 0], 0)
    near = _pick_rows(metric.distance, at) + leave[:, None]
    far = near + metric.switch[None]
    targets = jnp.arange(n, 2 * n).reshape(1, n, *(1,) * (state.ndim - 1))
    return jnp.concatenate([near, jnp.where(targets == state[:, None], 0, far)], axis=1)


def _pick_rows(matrix: jax.Array, index: jax.Array) -> jax.Array:
    """``matrix[index]`` per lane, ``[m, k, ...]``: matrix ``[r, k, ...]``, index ``[m, ...]``."""

    def add(u, rows):
        return jnp.where((index == u)[:, None], matrix[u][None], rows)

    shape = jnp.broadcast_shapes((index.shape[0], *matrix.shape[1:]), index[:, None].shape)
    return jax.lax.fori_loop(0, matrix.shape[0], add, jnp.zeros(shape, matrix.dtype))


def _with_costs(
    mass: jax.Array, tree_rows: jax.Array, rows: jax.Array, costs: jax.Array, to_advice: jax.Array
) -> Sources:
    # Service f_j is paid in the ON states only.
    service = jnp.concatenate([costs, jnp.zeros_like(costs)])
    # base_ij = M_T(i, j) + f_j,  slope_ij = M(i, j) + f_j + M(j, a)
    return Sources(mass, tree_rows + service[None], rows + (service + to_advice)[None])


def _by_kind(sources: Sources) -> tuple[jax.Array, jax.Array]:
    """Base and slope of arcs to ON and to OFF states, ``[m, 2, n, ...]`` each."""

    def split(x):
        return x.reshape(x.shape[0], 2, x.shape[1] // 2, *x.shape[2:])

    return split(sources.base), split(sources.slope)


def _arcs_of_kinds(arcs: _Arc, n: int) -> tuple[_Arc, _Arc]:
    """Arcs ``[m, 2, ...]`` to places ``0 .. n - 1``, apart, and with the states' numbers."""
    on, off = (_Arc(*(x[:, k] for x in arcs)) for k in range(2))
    return on, off._replace(state=off.state + n)


def _best_arcs(sources: Sources, multiplier: jax.Array) -> tuple[_Arc, _Arc]:
    """The arcs to ON and OFF that minimise ``base + multiplier slope``, the first of several."""
    all_base, all_slope = _by_kind(sources)
    scale = multiplier[None, None]

    # A running minimum over the targets: no table of costs [m, n, ...] is built.
    def better(v, best):
        least, place = best
        cost = all_base[:, :, v] + scale * all_slope[:, :, v]
        return jnp.minimum(cost, least), jnp.where(cost < least, v, place)

    first = all_base[:, :, 0] + scale * all_slope[:, :, 0]
    start = (first, jnp.zeros(first.shape, jnp.int32))
    _, place = jax.lax.fori_loop(1, all_base.shape[2], better, start)

    # The parts are looked up, not carried along: the compiler may round a cost anew for each of
    # them, and at a tie take one part of one arc and another of the next.
    def look_up(v, parts):
        return tuple(
            jnp.where(place == v, x[:, :, v], part)
            for x, part in zip((all_base, all_slope), parts, strict=True)
        )

    zeros = jnp.zeros_like(first)
    base, slope = jax.lax.fori_loop(0, all_base.shape[2], look_up, (zeros, zeros))
    return _arcs_of_kinds(_Arc(base + scale * slope, base, slope, place), all_base.shape[2])


def _priced(
    prices: Prices,
    mass: jax.Array,
    on: jax.Array,
    on_arc: _Arc,
    off_arc: _Arc,
    multiplier: jax.Array,
) -> Plan:
    """A plan with its objective and constraint: ``on`` of the mass goes ON, the rest OFF."""
    off = mass - on
    base = jnp.sum(on * on_arc.base + off * off_arc.base, axis=0)
    slope = jnp.sum(on * on_arc.slope + off * off_arc.slope, axis=0)
    work = prices.rate * jnp.sum(on, axis=0)
    # Left side minus right side of the consistency constraint, under the plan's coupling.
    excess = prices.fixed + slope + reserve(prices, work)
    # f . k + W1_T - int_rho^{rho + c . k} psi
    value = base - reward(prices, work)
    return Plan(on, on_arc.state, off_arc.state, value, excess, work, multiplier)
