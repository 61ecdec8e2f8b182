"""ST-CLIP's step: the pseudo-cost step, clipped to what trust in the advice still allows.

The consistency constraint enters with one multiplier. For a given multiplier the step is a
pseudo-cost step with another metric and price (``plans``); the multiplier is found by secants and
tangents of the dual function, and the two last plans are mixed until the constraint is tight.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxsoco.allocation.theory.metric import StateMetric, wasserstein, with_lanes
from jaxsoco.allocation.theory.multiplier import bracket
from jaxsoco.allocation.theory.plans import (
    Prices,
    Sources,
    all_sources,
    best_plan,
    decide,
    follow_plan,
    held_sources,
    reward,
)
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.support import on_support
from jaxsoco.core.lanes import align, lift, spread
from jaxsoco_kernels.info import Status

# Share of the tolerance that a step may spend although it need not. Spent in full, it would leave
# none for the rounding of the steps after it, of which each starts from this one's excess.
_SPENDABLE = 1 / 3


class ClipInfo(NamedTuple):
    """How a step ended, ``[...]`` each.

    Attributes:
      status: a :class:`~jaxsoco_kernels.info.Status`, int32: ``INFEASIBLE`` if even following the
        advice exceeds the budget; ``LIMIT`` if the advice is not one state, so that its heaviest
        state was used in its place.
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


class _Terms(NamedTuple):
    """The numbers of a step, ``[...]`` each, as :func:`stclip_step` takes them."""

    utilization: jax.Array
    robust: jax.Array
    advice_utilization: jax.Array
    spent: jax.Array
    budget: jax.Array
    pseudo_cost: PseudoCost
    least: jax.Array
    rate: jax.Array


class _Solution(NamedTuple):
    """The optimum of a step, ``[...]`` each but the decision ``[2n, ...]``."""

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
    return_metric: jax.Array | StateMetric | None = None,
) -> tuple[jax.Array, jax.Array, ClipInfo]:
    """One step of ST-CLIP with advice in a single state, joint coupling.

    Minimises ``f . k + W1_T(k, k_prev) - int_rho^{rho + c . k} psi`` subject to
    ``least <= c . k <= 1 - z`` and ``SC + f . k + W1_M(k, k_prev) + W1_M(k, a) + tau c(a)
    + (1 - z - c . k) L + max(A - z - c . k, 0) (U - L) <= budget``, where one transport plan serves
    both metrics.

    The advice runs now, at a price that PCM refuses; the budget makes half of the job follow:

    >>> from jaxsoco.allocation import PseudoCost, StateMetric, robustness, stclip_step
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> psi = PseudoCost(1.0, 10.0, 2.0, 0.5, rate=robustness(0.1, 1.0, 10.0, 2.0, 0.5))
    >>> costs, off = jnp.array([4.0, 9.0]), jnp.array([0.0, 0.0, 1.0, 0.0])
    >>> budget = 1.1 * (4.25 + 0.5 * 0.5 + (1 - 0.5) * 1.0)  # ADV = 4.25, A = 0.5
    >>> decision, _, _ = stclip_step(
    ...     costs, metric, metric, 0.5, off, 0.0, 0.0, jnp.int32(0), 0.5, 0.0, budget, psi
    ... )
    >>> [round(share, 3) for share in decision.tolist()]
    [0.5, 0.0, 0.5, 0.0]

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
      return_metric: metric of the way back to the advice, ``W1_M(k, a)`` in the constraint: where
        distances change, one that exceeds those of all slots. ``metric`` if None.

    Returns:
      The decision ``[2n, ...]``, the constraint's multiplier ``[...]`` (0 where it is slack) and a
      :class:`ClipInfo`. Source: arXiv 2408.07831, algorithm 2.

    Raises:
      ValueError: the points work at different rates, or the advice has another number of states.
    """
    previous = jnp.asarray(previous)
    lanes, n = previous.ndim - 1, previous.shape[0] // 2
    costs = align(costs, 1, lanes)
    tree_metric, metric = (with_lanes(m, lanes) for m in (tree_metric, metric))
    terms = _Terms(
        utilization,
        robust_utilization,
        advice_utilization,
        spent,
        budget,
        pseudo_cost,
        jnp.asarray(least),
        _common_rate(throughput),
    )
    terms = spread(terms, previous[0])
    place, diffuse = _advised_state(jnp.asarray(advice), 2 * n, lanes)
    place = jnp.broadcast_to(place, previous.shape[1:])
    prices = _prices(terms, place < n)
    met = _tolerance(terms, previous.dtype)
    # Following the advice: ON as far as the work left allows, or OFF but for what must be done.
    fraction = jnp.where(
        place < n, jnp.minimum(1, prices.room / terms.rate), terms.least / terms.rate
    )
    back = metric if return_metric is None else with_lanes(return_metric, lanes)
    arcs = (tree_metric, metric, costs, _advice_cost(back, place, 2 * n, lanes))

    def solve(sources):
        return _solve(sources, prices, place, fraction, met)

    solution = on_support(
        previous,
        lambda: solve(held_sources(previous, *arcs)),
        lambda: solve(all_sources(previous, *arcs)),
    )
    slack = -solution.excess
    inexact = jnp.where(diffuse, Status.LIMIT, Status.OK)
    status = jnp.where(slack < -met, Status.INFEASIBLE, inexact)
    # SC takes the exact W1; the step's joint coupling only bounds it from above.
    moved = wasserstein(solution.decision, previous, metric)
    info = ClipInfo(
        status.astype(jnp.int32),
        solution.objective,
        solution.work,
        # rho + min(c . k, c . k~), with k~ the step without the constraint.
        terms.robust + jnp.minimum(solution.free_work, solution.work),
        terms.spent + jnp.sum(costs * solution.decision[:n], axis=0) + moved,
        jnp.maximum(slack, 0),
        jnp.maximum(-slack, 0),
    )
    return solution.decision, solution.multiplier, info


def _prices(terms: _Terms, runs: jax.Array) -> Prices:
    """What the price of work depends on; ``runs``: the advice is ON."""
    # c(a_t): the advice is one state, which works at the full rate or not at all.
    on_advice = jnp.where(runs, terms.rate, 0)
    return Prices(
        terms.pseudo_cost,
        terms.rate,
        terms.robust,
        # 1 - z, max(A - z, 0), and the part of the constraint that no decision changes.
        jnp.maximum(1 - terms.utilization, 0),
        jnp.maximum(terms.advice_utilization - terms.utilization, 0),
        terms.spent + terms.pseudo_cost.tau * on_advice - terms.budget,
        terms.least,
    )


def _solve(
    sources: Sources, prices: Prices, place: jax.Array, fraction: jax.Array, met: jax.Array
) -> _Solution:
    """The step from given sources: free plan, then the multiplier if that breaks the budget."""
    n = sources.base.shape[1] // 2
    # Multiplier 0: the step without the constraint, k~.
    free = best_plan(sources, prices, jnp.zeros_like(met))
    follow = follow_plan(sources, prices, place, fraction)
    # An excess up to this much is rounding: without slack, many plans meet the constraint exactly,
    # and the advice, where the search starts, need not be the best of them.
    goal = jnp.clip(follow.excess, _SPENDABLE * met, met)
    binding = free.excess > goal
    # The constraint is excess <= 0: the multiplier maximises min_plan value + lam excess.
    left, right = bracket(sources, prices, free, follow, goal)
    # Both ends minimise the Lagrangian at the multiplier: so does the mix with excess 0.
    span = left.excess - right.excess
    mix = jnp.where(span > 0, left.excess / jnp.where(span > 0, span, 1), 1)
    clipped = jnp.clip(mix, 0, 1)
    # Where the search lands on the root, an excess of rounding is left of it: the right plan is
    # taken whole, but its share moves with the budget as any other, and so do the slopes.
    moving = jax.lax.stop_gradient(clipped) + (mix - jax.lax.stop_gradient(mix))
    weight = jnp.where(right.excess <= goal, moving, clipped)
    weight = jnp.where(binding, weight, 0)

    def mixed(of):
        return (1 - weight) * of(left) + weight * of(right)

    share = lift(weight)
    ends = tuple(decide(plan, sources.mass, n) for plan in (left, right))
    decision = (1 - share) * ends[0] + share * ends[1]
    work = mixed(lambda plan: plan.work)
    # The reward is concave in work: the mix earns more than its two ends' mean.
    plain = mixed(lambda plan: plan.value + reward(prices, plan.work))
    # The followed advice carries an infinite multiplier: it stays where no trial met the budget.
    bounded = jnp.isfinite(right.multiplier)
    upper = jnp.where(bounded, right.multiplier, left.multiplier)
    multiplier = (1 - weight) * left.multiplier + weight * upper
    return _Solution(
        decision,
        work,
        free.work,
        plain - reward(prices, work),
        mixed(lambda plan: plan.excess),
        jnp.where(binding, multiplier, 0),
    )


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


def _tolerance(terms: _Terms, dtype: jnp.dtype) -> jax.Array:
    """Excess of the budget that counts as rounding, ``[...]``."""
    # Rounding scales with the budget and with U c, the highest price of a slot fully ON.
    relative = 1e-12 if dtype == jnp.float64 else 3e-6
    return relative * (jnp.abs(terms.budget) + terms.pseudo_cost.U * terms.rate)


def _advised_state(advice: jax.Array, states: int, lanes: int) -> tuple[jax.Array, jax.Array]:
    """The advised state ``[...]`` and whether the advice was spread over several."""
    if jnp.issubdtype(advice.dtype, jnp.integer) and advice.ndim in (0, lanes):
        return advice, jnp.zeros(advice.shape, bool)
    advice = align(advice, 1, lanes)
    if advice.shape[0] != states:
        raise ValueError(f"advice: want a state index or [{states}, ...], got {advice.shape}")
    heaviest = jnp.argmax(advice, axis=0).astype(jnp.int32)
    return heaviest, jnp.max(advice, axis=0) < (1 - 1e-6) * jnp.sum(advice, axis=0)


def _advice_cost(
    metric: jax.Array | StateMetric, place: jax.Array, states: int, lanes: int
) -> jax.Array:
    """Cost ``M(j, a)`` of moving from every state to the advised one, ``[2n, ...]``."""
    places = jnp.arange(states).reshape(states, *(1,) * lanes)
    if not isinstance(metric, StateMetric):
        # Column a of the matrix, selected by a mask.
        at = places[None] == place[None, None]
        return jnp.sum(jnp.where(at, metric, 0), axis=1)
    n = states // 2
    at = places[:n] == (place % n)[None]
    # d(j, a), and beta at each end that is OFF.
    distance = jnp.sum(jnp.where(at[None], metric.distance, 0), axis=1)
    beta = metric.switch
    beta_there = jnp.sum(jnp.where(at & (place >= n)[None], beta, 0), axis=0)
    full = jnp.concatenate([distance, beta + distance]) + beta_there[None]
    # M(a, a) = 0, also where a is OFF.
    return jnp.where(places == place[None], 0, full)
