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

from jaxsoco.allocation.metric import Best, StateMetric, wasserstein
from jaxsoco.allocation.pseudocost import PseudoCost
from jaxsoco.allocation.step import assemble, shares
from jaxsoco.core.lanes import align, lift, spread, where
from jaxsoco_kernels.minplus import minplus_carry

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


class _Arcs(NamedTuple):
    """Costs of source-target pairs: ``base + multiplier * slope``, ``[m, n, ...]`` each."""

    on_base: jax.Array
    on_slope: jax.Array
    off_base: jax.Array
    off_slope: jax.Array
    pendant: jax.Array | None  # switch costs [n, ...] where OFF sources hang below ON ones
    stay: jax.Array | None  # slope of staying OFF, [n, ...]


class _Plan(NamedTuple):
    """A plan: how much of every source goes ON, to where, and what that costs."""

    on: jax.Array  # [2n, ...]
    on_state: jax.Array
    off_state: jax.Array
    value: jax.Array  # objective, [...]
    excess: jax.Array  # constraint's left side minus right side, [...]
    work: jax.Array
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
) -> tuple[jax.Array, jax.Array, ClipInfo]:
    """One step of ST-CLIP with advice in a single state, joint coupling.

    Minimises ``f . k + W1_T(k, k_prev) - int_rho^{rho + c . k} psi`` subject to ``c . k <= 1 - z``
    and ``SC + f . k + W1_M(k, k_prev) + W1_M(k, a) + tau c(a) + (1 - z - c . k) L
    + max(A - z - c . k, 0) (U - L) <= budget``, where one transport plan serves both metrics.

    Args:
      costs: ``f [n, ...]``.
      tree_metric: metric of the objective, ``[2n, 2n, ...]`` or factored (both alike).
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

    Returns:
      The decision ``[2n, ...]``, the constraint's multiplier ``[...]`` (0 where it is slack) and a
      :class:`ClipInfo`. Source: arXiv 2408.07831, algorithm 2.
    """
    previous = jnp.asarray(previous)
    lanes, states = previous.ndim - 1, previous.shape[0]
    n = states // 2
    costs = align(costs, 1, lanes)
    utilization, robust_utilization, advice_utilization, spent, budget, pseudo_cost, rate = spread(
        (
            utilization,
            robust_utilization,
            advice_utilization,
            spent,
            budget,
            pseudo_cost,
            _common_rate(throughput),
        ),
        previous[0],
    )
    place, diffuse = _advised_state(jnp.asarray(advice), states, lanes)
    place = jnp.broadcast_to(place, previous.shape[1:])
    factored = isinstance(metric, StateMetric)
    if factored != isinstance(tree_metric, StateMetric):
        raise TypeError("tree_metric and metric: give both as arrays or both as StateMetric")
    to_advice = _advice_cost(metric, place, states, lanes)
    arcs = _arcs(tree_metric, metric, costs, to_advice, lanes)
    room = jnp.maximum(1 - utilization, 0)
    lead = jnp.maximum(advice_utilization - utilization, 0)
    switch_back = pseudo_cost.tau * rate * (place < n)
    known = spent + switch_back - budget
    psi, rho, ahead, left_over = lift((pseudo_cost, robust_utilization, lead, room))

    def close(plan_value, plan_slope, work):
        """Objective and constraint from the plan's plain costs."""
        reward = pseudo_cost.integral(robust_utilization, robust_utilization + work)
        reserve = (room - work) * pseudo_cost.L
        catch_up = jnp.maximum(lead - work, 0) * (pseudo_cost.U - pseudo_cost.L)
        return plan_value - reward, known + plan_slope + reserve + catch_up

    def solve(multiplier):
        def work_at(price):
            # Inverse of psi(rho + s) + multiplier (L + (U - L) [s < lead]), falling in s.
            steep = psi.inverse(price - multiplier[None] * psi.U) - rho
            flat = psi.inverse(price - multiplier[None] * psi.L) - rho
            return jnp.clip(jnp.maximum(jnp.minimum(steep, ahead), flat), 0, left_over)

        on_arc, off_arc = _best_arcs(arcs, multiplier)
        on = shares(on_arc.cost, off_arc.cost, previous, rate, work_at)
        off = previous - on
        work = rate * jnp.sum(on, axis=0)
        base = jnp.sum(on * on_arc.base + off * off_arc.base, axis=0)
        slope = jnp.sum(on * on_arc.slope + off * off_arc.slope, axis=0)
        value, excess = close(base, slope, work)
        return _Plan(on, on_arc.state, off_arc.state, value, excess, work, multiplier)

    free = solve(jnp.zeros_like(room))
    advised = _follow(arcs, previous, place, jnp.where(place < n, jnp.minimum(1, room / rate), 0))
    base, slope, on = advised
    work = rate * jnp.sum(on, axis=0)
    value, excess = close(base, slope, work)
    target = jnp.broadcast_to((place % n).astype(jnp.int32)[None], previous.shape)
    follow = _Plan(on, target, target + n, value, excess, work, jnp.full_like(room, jnp.inf))
    met = _tolerance(budget, pseudo_cost.U * rate, previous.dtype)
    binding = free.excess > met
    left, right = _bracket(solve, free, follow, binding)
    span = left.excess - right.excess
    mix = jnp.where(span > 0, left.excess / jnp.where(span > 0, span, 1), 1)
    weight = jnp.where(binding, jnp.clip(mix, 0, 1), 0)

    def mixed(name):
        return (1 - weight) * getattr(left, name) + weight * getattr(right, name)

    decision = lift(1 - weight) * _decide(left, previous) + lift(weight) * _decide(right, previous)
    work = jnp.where(binding, mixed("work"), free.work)
    plain = mixed("value") + (1 - weight) * _reward(pseudo_cost, robust_utilization, left.work)
    plain = plain + weight * _reward(pseudo_cost, robust_utilization, right.work)
    objective = plain - _reward(pseudo_cost, robust_utilization, work)
    slack = -mixed("excess")
    failed = slack < -met
    status = jnp.where(failed, BUDGET_EXCEEDED, jnp.where(diffuse, ADVICE_NOT_DIRAC, CONVERGED))
    return (
        decision,
        jnp.where(binding, _multiplier(left, right), 0),
        ClipInfo(
            status.astype(jnp.int32),
            objective,
            work,
            robust_utilization + jnp.minimum(free.work, work),
            spent + jnp.sum(costs * decision[:n], axis=0) + wasserstein(decision, previous, metric),
            jnp.maximum(slack, 0),
            jnp.maximum(-slack, 0),
        ),
    )


def _common_rate(throughput: jax.Array | float) -> jax.Array:
    """The one rate ``[...]`` of all points."""
    if not isinstance(throughput, jax.core.Tracer) and np.ndim(throughput):
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


def _reward(pseudo_cost, start, work):
    return pseudo_cost.integral(start, start + work)


def _multiplier(left: _Plan, right: _Plan) -> jax.Array:
    bounded = jnp.isfinite(right.multiplier)
    return jnp.where(bounded, (left.multiplier + right.multiplier) / 2, left.multiplier)


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
        return jnp.sum(jnp.where(at, align(metric, 2, lanes), 0), axis=1)
    n = states // 2
    factored = metric.with_lanes(lanes)
    at = places[:n] == (place % n)[None]
    distance = jnp.sum(jnp.where(at[None], factored.distance, 0), axis=1)
    beta = factored.switch
    beta_there = jnp.sum(jnp.where(at & (place >= n)[None], beta, 0), axis=0)
    full = jnp.concatenate([distance, beta + distance]) + beta_there[None]
    return jnp.where(places == place[None], 0, full)


def _arcs(tree_metric, metric, costs, to_advice, lanes) -> _Arcs:
    n = costs.shape[0]
    on_advice, off_advice = to_advice[:n], to_advice[n:]
    if not isinstance(metric, StateMetric):
        tree, true = align(tree_metric, 2, lanes), align(metric, 2, lanes)
        return _Arcs(
            tree[:, :n] + costs[None],
            true[:, :n] + (costs + on_advice)[None],
            tree[:, n:] + jnp.zeros_like(costs)[None],
            true[:, n:] + off_advice[None],
            None,
            None,
        )
    tree, true = tree_metric.with_lanes(lanes), metric.with_lanes(lanes)
    beta = true.switch
    return _Arcs(
        tree.distance + costs[None],
        true.distance + (costs + on_advice)[None],
        tree.distance + beta[None],
        true.distance + (beta + off_advice)[None],
        beta,
        off_advice,
    )


class _Arc(NamedTuple):
    """Best arc of every source, ``[2n, ...]`` each."""

    cost: jax.Array
    base: jax.Array
    slope: jax.Array
    state: jax.Array


def _best_arcs(arcs: _Arcs, multiplier: jax.Array) -> tuple[_Arc, _Arc]:
    n = arcs.on_base.shape[1]
    nothing = jnp.zeros((n, *(1,) * multiplier.ndim), multiplier.dtype)
    scale = multiplier[None]

    def best(base, slope):
        cost, at, (base, slope) = minplus_carry(base + scale[None] * slope, nothing, (base, slope))
        return _Arc(cost, base, slope, at)

    on, off = best(arcs.on_base, arcs.on_slope), best(arcs.off_base, arcs.off_slope)
    if arcs.pendant is None or arcs.stay is None:
        return on, off._replace(state=off.state + n)
    beta, stay = arcs.pendant, arcs.stay
    places = jnp.arange(n, dtype=jnp.int32).reshape(n, *(1,) * multiplier.ndim)

    def below(arc):
        extra = (1 + scale) * beta
        return _Arc(arc.cost + extra, arc.base + beta, arc.slope + beta, arc.state)

    away = below(off)
    here = _Arc(scale * stay, jnp.zeros_like(stay), stay, places)
    stays = here.cost <= away.cost
    resting = jax.tree.map(lambda a, b: jnp.where(stays, a, b), here, away)
    join = lambda a, b: jnp.concatenate([a, b])  # noqa: E731
    off = jax.tree.map(join, off, resting)
    return jax.tree.map(join, on, below(on)), off._replace(state=off.state + n)


def _follow(arcs: _Arcs, previous, place, fraction):
    """Base cost, slope and ON mass of moving everything to the advised point.

    ``fraction`` of the mass ends ON there (what the work left allows), the rest OFF.
    """
    n = arcs.on_base.shape[1]
    lanes = previous.ndim - 1
    at = jnp.arange(n).reshape(n, *(1,) * lanes) == (place % n)[None]

    def column(arc):
        return jnp.sum(jnp.where(at[None], arc, 0), axis=1)

    on_base, on_slope = column(arcs.on_base), column(arcs.on_slope)
    off_base, off_slope = column(arcs.off_base), column(arcs.off_slope)
    if arcs.pendant is not None and arcs.stay is not None:
        beta, stay = arcs.pendant, arcs.stay
        on_base = jnp.concatenate([on_base, on_base + beta])
        on_slope = jnp.concatenate([on_slope, on_slope + beta])
        off_base = jnp.concatenate([off_base, jnp.where(at, 0, off_base + beta)])
        off_slope = jnp.concatenate([off_slope, jnp.where(at, stay, off_slope + beta)])
    on = fraction[None] * previous
    off = previous - on
    base = jnp.sum(on * on_base + off * off_base, axis=0)
    return base, jnp.sum(on * on_slope + off * off_slope, axis=0), on


def _bracket(solve, left: _Plan, right: _Plan, binding) -> tuple[_Plan, _Plan]:
    """Narrows a plan that breaks the constraint and one that keeps it around the multiplier."""

    def refine(i, pair):
        left, right = pair
        drop = left.excess - right.excess
        usable = binding & (drop > 0)
        cross = (right.value - left.value) / jnp.where(usable, drop, 1)
        cross = jnp.clip(cross, left.multiplier, right.multiplier)
        # Tangents alone can creep from one side on a curved dual: halve every third time.
        halve = (i % 3 == 2) & jnp.isfinite(right.multiplier)
        middle = (left.multiplier + jnp.where(halve, right.multiplier, 0)) / 2
        now = solve(jnp.where(usable, jnp.where(halve, middle, cross), 0))
        breaks = now.excess > 0
        return where(usable & breaks, now, left), where(usable & ~breaks, now, right)

    return jax.lax.fori_loop(0, _EVALUATIONS, refine, (left, right))


def _decide(plan: _Plan, previous: jax.Array) -> jax.Array:
    targets = Best(plan.value, plan.on_state, plan.value, plan.off_state)
    return assemble(targets, plan.on, previous - plan.on)
