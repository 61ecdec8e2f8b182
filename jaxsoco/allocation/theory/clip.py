"""ST-CLIP's step: the pseudo-cost step, clipped to what trust in the advice still allows.

The consistency constraint enters with one multiplier. For a given multiplier the step is a
pseudo-cost step with another metric and price; the multiplier is found by intersecting the
tangents of the dual function, and the two last plans are mixed until the constraint is tight.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxsoco.allocation.theory.metric import StateMetric, wasserstein, with_lanes
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.step import assemble, shares
from jaxsoco.allocation.theory.support import held, on_support
from jaxsoco.core.lanes import align, lift, spread, where

CONVERGED, BUDGET_EXCEEDED, ADVICE_NOT_DIRAC = 0, 1, 2

_EVALUATIONS = 14


class ClipInfo(NamedTuple):
    """How a step ended, ``[...]`` each.

    Attributes:
      status: 0; 1 if even following the advice exceeds the budget; 2 if the advice is not one
        state (its heaviest state was used).
      objective: value of the step's objective.
      work: work done, ``c . k``.
      robust_utilization: the new ``rho``.
      spent: the new ``SC``: costs so far, with the exact Wasserstein distance.
      slack: what is left of the budget.
      violation: by how much the budget is exceeded (0 up to rounding).
    """

    status: jax.Array
    objective: jax.Array
    work: jax.Array
    robust_utilization: jax.Array
    spent: jax.Array
    slack: jax.Array
    violation: jax.Array


class _Sources(NamedTuple):
    """States that hold mass, and the costs of their arcs: ``base + multiplier * slope``."""

    mass: jax.Array  # [m, ...]
    base: jax.Array  # [m, 2n, ...] objective's metric and service
    slope: jax.Array  # [m, 2n, ...] constraint's metric, service, and the way to the advice


class _Plan(NamedTuple):
    """A plan: how much of every source goes ON, to where, and what that costs."""

    on: jax.Array  # [m, ...]
    on_state: jax.Array
    off_state: jax.Array
    value: jax.Array  # objective, [...]
    excess: jax.Array  # constraint's left side minus right side, [...]
    work: jax.Array
    multiplier: jax.Array


class _Prices(NamedTuple):
    """What a step's price of work depends on, ``[...]`` each."""

    pseudo_cost: PseudoCost
    rate: jax.Array
    robust: jax.Array  # rho
    room: jax.Array  # 1 - z
    lead: jax.Array  # work by which the advice is ahead
    known: jax.Array  # part of the constraint that no decision changes
    least: jax.Array  # work that must be done


class _Solution(NamedTuple):
    """What a step found, ``[...]`` each but the decision ``[2n, ...]``."""

    decision: jax.Array
    work: jax.Array
    free_work: jax.Array
    objective: jax.Array
    excess: jax.Array
    multiplier: jax.Array


def stclip_step(
    costs: jax.Array,
    tree_metric: jax.Array | StateMetric,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    utilization: jax.Array,
    robust_utilization: jax.Array,
    advice: jax.Array,
    advice_utilization: jax.Array,
    spent: jax.Array,
    budget: jax.Array,
    pseudo_cost: PseudoCost,
    *,
    least: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array, ClipInfo]:
    """One step of ST-CLIP with advice in a single state, joint coupling.

    Minimises ``f . k + W1_T(k, k_prev) - int_rho^{rho + c . k} psi`` subject to
    ``least <= c . k <= 1 - z`` and ``SC + f . k + W1_M(k, k_prev) + W1_M(k, a) + tau c(a)
    + (1 - z - c . k) L + max(A - z - c . k, 0) (U - L) <= budget``, where one transport plan serves
    both metrics.

    Args:
      costs: ``f [n, ...]``.
      tree_metric: metric of the objective, ``[2n, 2n, ...]`` or factored.
      metric: the true metric.
      throughput: ``c``, equal at all points: scalar, ``[1, ...]``, or ``[n, ...]`` of one value.
      previous: last decision, ``[2n, ...]``.
      utilization: ``z``, work done, ``[...]``.
      robust_utilization: ``rho``, ``[...]``.
      advice: the advised state, int ``[...]``, or one-hot ``[2n, ...]``.
      advice_utilization: ``A``, work done by the advice, this slot included, ``[...]``.
      spent: ``SC``, costs before this slot, ``[...]``.
      budget: ``(1 + epsilon) (ADV + tau c(a) + (1 - A) L)``, ``[...]``.
      pseudo_cost: ``psi`` with rate ``gamma(epsilon)``.
      least: work that this slot must do at least, at most ``min(c, 1 - z)``, ``[...]``: what the
        slots that are left cannot do.

    Returns:
      The decision ``[2n, ...]``, the constraint's multiplier ``[...]`` (0 where it is slack) and a
      :class:`ClipInfo`. Source: arXiv 2408.07831, algorithm 2.
    """
    previous = jnp.asarray(previous)
    lanes, states = previous.ndim - 1, previous.shape[0]
    n = states // 2
    costs = align(costs, 1, lanes)
    (
        utilization,
        robust_utilization,
        advice_utilization,
        spent,
        budget,
        pseudo_cost,
        floor,
        rate,
    ) = spread(
        (
            utilization,
            robust_utilization,
            advice_utilization,
            spent,
            budget,
            pseudo_cost,
            least,
            _common_rate(throughput),
        ),
        previous[0],
    )
    place, diffuse = _advised_state(jnp.asarray(advice), states, lanes)
    place = jnp.broadcast_to(place, previous.shape[1:])
    tree_metric, metric = (with_lanes(m, lanes) for m in (tree_metric, metric))
    to_advice = _advice_cost(metric, place, states, lanes)
    room = jnp.maximum(1 - utilization, 0)
    on_advice = jnp.where(place < n, rate, 0)
    prices = _Prices(
        pseudo_cost,
        rate,
        robust_utilization,
        room,
        jnp.maximum(advice_utilization - utilization, 0),
        spent + pseudo_cost.tau * on_advice - budget,
        floor,
    )
    met = _tolerance(budget, pseudo_cost.U * rate, previous.dtype)
    fraction = jnp.where(place < n, jnp.minimum(1, room / rate), least / rate)

    def solve(sources):
        return _solve(sources, prices, place, fraction, met)

    def everywhere():
        return solve(_all_sources(previous, tree_metric, metric, costs, to_advice))

    def few():
        return solve(_held_sources(previous, tree_metric, metric, costs, to_advice))

    found = on_support(previous, few, everywhere)
    slack = -found.excess
    failed = slack < -met
    status = jnp.where(failed, BUDGET_EXCEEDED, jnp.where(diffuse, ADVICE_NOT_DIRAC, CONVERGED))
    moved = wasserstein(found.decision, previous, metric)
    info = ClipInfo(
        status.astype(jnp.int32),
        found.objective,
        found.work,
        robust_utilization + jnp.minimum(found.free_work, found.work),
        spent + jnp.sum(costs * found.decision[:n], axis=0) + moved,
        jnp.maximum(slack, 0),
        jnp.maximum(-slack, 0),
    )
    return found.decision, found.multiplier, info


def _solve(sources: _Sources, prices: _Prices, place, fraction, met) -> _Solution:
    """The step from given sources: free plan, then the multiplier if that breaks the budget."""
    n = sources.base.shape[1] // 2
    free = _plan(sources, prices, jnp.zeros_like(met))
    follow = _follow(sources, prices, place, fraction)
    binding = free.excess > met
    left, right = _bracket(sources, prices, free, follow, met)
    span = left.excess - right.excess
    mix = jnp.where(span > 0, left.excess / jnp.where(span > 0, span, 1), 1)
    weight = jnp.where(binding, jnp.clip(mix, 0, 1), 0)

    def mixed(of):
        return (1 - weight) * of(left) + weight * of(right)

    share = lift(weight)
    ends = tuple(_decide(plan, sources.mass, n) for plan in (left, right))
    decision = (1 - share) * ends[0] + share * ends[1]
    work = mixed(lambda plan: plan.work)
    # The reward is concave in work: the mix earns more than its two ends' mean.
    plain = mixed(lambda plan: plan.value + _reward(prices, plan.work))
    bounded = jnp.isfinite(right.multiplier)
    middle = (left.multiplier + jnp.where(bounded, right.multiplier, left.multiplier)) / 2
    return _Solution(
        decision,
        work,
        free.work,
        plain - _reward(prices, work),
        mixed(lambda plan: plan.excess),
        jnp.where(binding, middle, 0),
    )


def _reward(prices: _Prices, work: jax.Array) -> jax.Array:
    return prices.pseudo_cost.integral(prices.robust, prices.robust + work)


def _common_rate(throughput: jax.Array | float) -> jax.Array:
    """The one rate ``[...]`` of all points."""
    if not isinstance(throughput, Tracer) and np.ndim(throughput):
        values = np.asarray(throughput)
        if np.any(values != values[:1]):
            raise ValueError(
                f"throughput: ST-CLIP's step wants one rate at all points, got {values}"
            )
    throughput = jnp.asarray(throughput)
    return throughput[0] if throughput.ndim else throughput


def _tolerance(budget, scale, dtype):
    relative = 1e-12 if dtype == jnp.float64 else 3e-6
    return relative * (jnp.abs(budget) + scale)


def _advised_state(advice, states, lanes):
    """The advised state ``[...]`` and whether the advice was spread over several."""
    if jnp.issubdtype(advice.dtype, jnp.integer) and advice.ndim in (0, lanes):
        return advice, jnp.zeros(advice.shape, bool)
    advice = align(advice, 1, lanes)
    if advice.shape[0] != states:
        raise ValueError(f"advice: want a state index or [{states}, ...], got {advice.shape}")
    heaviest = jnp.argmax(advice, axis=0).astype(jnp.int32)
    return heaviest, jnp.max(advice, axis=0) < (1 - 1e-6) * jnp.sum(advice, axis=0)


def _advice_cost(metric, place, states, lanes):
    """Cost ``M(j, a)`` of moving from every state to the advised one, ``[2n, ...]``."""
    places = jnp.arange(states).reshape(states, *(1,) * lanes)
    if not isinstance(metric, StateMetric):
        at = places[None] == place[None, None]
        return jnp.sum(jnp.where(at, metric, 0), axis=1)
    n = states // 2
    at = places[:n] == (place % n)[None]
    distance = jnp.sum(jnp.where(at[None], metric.distance, 0), axis=1)
    beta = metric.switch
    beta_there = jnp.sum(jnp.where(at & (place >= n)[None], beta, 0), axis=0)
    full = jnp.concatenate([distance, beta + distance]) + beta_there[None]
    return jnp.where(places == place[None], 0, full)


def _all_sources(previous, tree_metric, metric, costs, to_advice) -> _Sources:
    """Every state as a source."""

    def rows(m):
        return m.matrix() if isinstance(m, StateMetric) else m

    return _with_costs(previous, rows(tree_metric), rows(metric), costs, to_advice)


def _held_sources(previous, tree_metric, metric, costs, to_advice) -> _Sources:
    """The states that hold mass: a decision has few of them."""
    mass, state = held(previous)
    tree_rows, rows = _rows(tree_metric, state), _rows(metric, state)
    return _with_costs(mass, tree_rows, rows, costs, to_advice)


def _rows(metric, state: jax.Array) -> jax.Array:
    """Rows ``M(state, :)``, ``[m, 2n, ...]``, of states ``[m, ...]``."""

    def pick(matrix, index):
        def add(u, rows):
            return jnp.where((index == u)[:, None], matrix[u][None], rows)

        shape = jnp.broadcast_shapes((index.shape[0], *matrix.shape[1:]), index[:, None].shape)
        return jax.lax.fori_loop(0, matrix.shape[0], add, jnp.zeros(shape, matrix.dtype))

    if not isinstance(metric, StateMetric):
        return pick(metric, state)
    n = metric.points
    at = state % n
    leave = jnp.where(state >= n, pick(metric.switch[:, None], at)[:, 0], 0)
    near = pick(metric.distance, at) + leave[:, None]
    far = near + metric.switch[None]
    targets = jnp.arange(n, 2 * n).reshape(1, n, *(1,) * (state.ndim - 1))
    return jnp.concatenate([near, jnp.where(targets == state[:, None], 0, far)], axis=1)


def _with_costs(mass, tree_rows, rows, costs, to_advice) -> _Sources:
    service = jnp.concatenate([costs, jnp.zeros_like(costs)])
    return _Sources(mass, tree_rows + service[None], rows + (service + to_advice)[None])


class _Arc(NamedTuple):
    """Best arc of every source to ON, or to OFF states, ``[m, ...]`` each."""

    cost: jax.Array
    base: jax.Array
    slope: jax.Array
    state: jax.Array


def _best_arc(base: jax.Array, slope: jax.Array, multiplier: jax.Array, first: int) -> _Arc:
    scale = multiplier[None]

    def better(v, best):
        cost = base[:, v] + scale * slope[:, v]
        now = _Arc(cost, base[:, v], slope[:, v], jnp.full(cost.shape, v + first, jnp.int32))
        return jax.tree.map(lambda a, b: jnp.where(cost < best.cost, a, b), now, best)

    return jax.lax.fori_loop(
        1, base.shape[1], better, better(0, _nothing(base[:, 0] + scale * slope[:, 0]))
    )


def _nothing(like: jax.Array) -> _Arc:
    far = jnp.full(like.shape, jnp.inf, like.dtype)
    return _Arc(far, far, far, jnp.zeros(like.shape, jnp.int32))


def _plan(sources: _Sources, prices: _Prices, multiplier: jax.Array) -> _Plan:
    """The plan that is best at a multiplier of the constraint."""
    n = sources.base.shape[1] // 2
    psi, rho, lead, room, least = lift(
        (prices.pseudo_cost, prices.robust, prices.lead, prices.room, prices.least)
    )
    at_lead, scale = psi(rho + lead), multiplier[None]

    def work_at(price):
        # Inverse of psi(rho + s) + multiplier (L + (U - L) [s < lead]): falling in s, with a step
        # at the lead. Only the branch that the price selects pays for a logarithm.
        steep = price >= at_lead + scale * psi.U
        level = price - scale * jnp.where(steep, psi.U, psi.L)
        work = psi.inverse(level) - rho
        work = jnp.where(steep, jnp.minimum(work, lead), jnp.maximum(work, lead))
        return jnp.clip(work, least, room)

    on_arc = _best_arc(sources.base[:, :n], sources.slope[:, :n], multiplier, 0)
    off_arc = _best_arc(sources.base[:, n:], sources.slope[:, n:], multiplier, n)
    on = shares(on_arc.cost, off_arc.cost, sources.mass, prices.rate, work_at)
    off = sources.mass - on
    base = jnp.sum(on * on_arc.base + off * off_arc.base, axis=0)
    slope = jnp.sum(on * on_arc.slope + off * off_arc.slope, axis=0)
    return _priced(prices, base, slope, on, (on_arc.state, off_arc.state), multiplier)


def _follow(sources: _Sources, prices: _Prices, place, fraction) -> _Plan:
    """The plan that moves everything to the advised point, as far ON as the work left allows."""
    n = sources.base.shape[1] // 2
    at = place % n
    targets = jnp.arange(2 * n).reshape(1, 2 * n, *(1,) * place.ndim)

    def column(arcs, state):
        return jnp.sum(jnp.where(targets == state[None, None], arcs, 0), axis=1)

    on_slope, off_slope = column(sources.slope, at), column(sources.slope, at + n)
    # Not the same fraction of every source: that is not the cheapest coupling, and may break the
    # budget where the target does not.
    one = jnp.ones_like(fraction)
    on = shares(on_slope, off_slope, sources.mass, one, lambda _: fraction[None])
    off = sources.mass - on
    base = jnp.sum(on * column(sources.base, at) + off * column(sources.base, at + n), axis=0)
    slope = jnp.sum(on * on_slope + off * off_slope, axis=0)
    target = jnp.broadcast_to(at.astype(jnp.int32)[None], sources.mass.shape)
    unbounded = jnp.full_like(fraction, jnp.inf)
    return _priced(prices, base, slope, on, (target, target + n), unbounded)


def _priced(
    prices: _Prices, base, slope, on, targets: tuple[jax.Array, jax.Array], multiplier
) -> _Plan:
    """A plan with its objective and constraint, from its plain costs."""
    psi = prices.pseudo_cost
    work = prices.rate * jnp.sum(on, axis=0)
    reserve = (prices.room - work) * psi.L + jnp.maximum(prices.lead - work, 0) * (psi.U - psi.L)
    excess = prices.known + slope + reserve
    return _Plan(on, targets[0], targets[1], base - _reward(prices, work), excess, work, multiplier)


def _bracket(
    sources: _Sources, prices: _Prices, left: _Plan, right: _Plan, met: jax.Array
) -> tuple[_Plan, _Plan]:
    """Narrows a plan that breaks the constraint and one that keeps it around the multiplier.

    An excess up to ``met`` is rounding: without slack, many plans meet the constraint exactly, and
    the advice, where the search starts, need not be the best of them.
    """
    binding = left.excess > met

    def refine(i, pair):
        left, right = pair
        drop = left.excess - right.excess
        usable = binding & (drop > 0)
        cross = (right.value - left.value) / jnp.where(usable, drop, 1)
        cross = jnp.clip(cross, left.multiplier, right.multiplier)
        # Tangents alone can creep from one side on a curved dual: halve every third time.
        bounded = jnp.isfinite(right.multiplier)
        middle = (left.multiplier + jnp.where(bounded, right.multiplier, 0)) / 2
        trial = jnp.where((i % 3 == 2) & bounded, middle, cross)
        now = _plan(sources, prices, jnp.where(usable, trial, 0))
        breaks = now.excess > met
        return where(usable & breaks, now, left), where(usable & ~breaks, now, right)

    return jax.lax.fori_loop(0, _EVALUATIONS, refine, (left, right))


def _decide(plan: _Plan, mass: jax.Array, points: int) -> jax.Array:
    return assemble(plan.on_state, plan.off_state, plan.on, mass - plan.on, points)
