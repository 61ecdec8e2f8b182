"""ST-CLIP's step: the pseudo-cost step, clipped to what trust in the advice still allows.

The consistency constraint enters with one multiplier. For a given multiplier the step is a
pseudo-cost step with another metric and price (``plans``; for advice in several states, or points
that work at several rates, ``routes``); the multiplier is found by secants and tangents of the dual
function, and the two last plans are mixed until the constraint is tight.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.advised import Mix, read_advice
from jaxsoco.allocation.theory.cases import Network, Terms, one_state, routed
from jaxsoco.allocation.theory.metric import StateMetric, wasserstein, with_lanes
from jaxsoco.allocation.theory.multiplier import Solution
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.step import uniform_rate
from jaxsoco.core.lanes import align, spread
from jaxsoco_kernels.info import Status

# Gap, in units of U c, up to which a step counts as solved.
_ACCURACY = {"float64": 1e-6, "float32": 1e-3}


class ClipInfo(NamedTuple):
    """How a step ended, ``[...]`` each.

    Attributes:
      status: a :class:`~jaxsoco_kernels.info.Status`, int32: ``INFEASIBLE`` if even following the
        advice exceeds the budget; ``LIMIT`` if, for advice in several states or several rates, the
        step is not shown to be solved to 1e-6 of ``U c`` (float32: 1e-3) and what the rounding of
        the budget is worth.
      objective: value of the step's objective.
      work: work done, ``c . k``.
      robust_utilization: the new ``rho``.
      spent: the new ``SC``: costs so far, with the exact Wasserstein distance.
      slack: what is left of the budget.
      violation: by how much the budget is exceeded (0 up to rounding).
      gap: bound on how far the objective is above the optimum (weak duality, to rounding), whatever
        the advice; means nothing where the budget cannot be kept.
    """

    status: jax.Array
    objective: jax.Array
    work: jax.Array
    robust_utilization: jax.Array
    spent: jax.Array
    slack: jax.Array
    violation: jax.Array
    gap: jax.Array


def stclip_step(
    costs: jax.Array,
    tree_metric: jax.Array | StateMetric,
    metric: jax.Array | StateMetric,
    throughput: jax.Array,
    previous: jax.Array,
    utilization: jax.Array,
    robust_utilization: jax.Array,
    advice: jax.Array | tuple[jax.Array, jax.Array],
    advice_utilization: jax.Array,
    spent: jax.Array,
    budget: jax.Array,
    pseudo_cost: PseudoCost,
    *,
    least: jax.Array | float = 0.0,
    return_metric: jax.Array | StateMetric | None = None,
) -> tuple[jax.Array, jax.Array, ClipInfo]:
    """One step of ST-CLIP, joint coupling.

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
      throughput: ``c``, scalar or ``[1, ...]`` if all points work at one rate, else ``[n, ...]``;
        traced values ``[n, ...]`` count as different rates.
      previous: last decision, ``[2n, ...]``.
      utilization: ``z``, work done, ``[...]``.
      robust_utilization: ``rho``, ``[...]``.
      advice: the advised state, int ``[...]``; a mix, ``(states [A, ...], weights [A, ...])``; or a
        distribution ``[2n, ...]``. One state at one rate takes the least time, two states a few
        times as much; more, and different rates, are nested searches that are far slower.
      advice_utilization: ``A``, work done by the advice, this slot included, ``[...]``.
      spent: ``SC``, costs before this slot, ``[...]``.
      budget: ``(1 + epsilon) (ADV + tau c(a) + (1 - A) L)``, ``[...]``.
      pseudo_cost: ``psi`` with rate ``gamma(epsilon)``.
      least: work that this slot must do at least, at most ``min(c, 1 - z)`` with the largest ``c``,
        ``[...]``: what the slots that are left cannot do.
      return_metric: metric of the way back to the advice, ``W1_M(k, a)`` in the constraint: where
        distances change, one that exceeds those of all slots. ``metric`` if None.

    Returns:
      The decision ``[2n, ...]``, the constraint's multiplier ``[...]`` (0 where it is slack) and a
      :class:`ClipInfo`. Source: arXiv 2408.07831, algorithm 2.

    Raises:
      ValueError: the advice has none of these forms.
    """
    previous = jnp.asarray(previous)
    lanes, n = previous.ndim - 1, previous.shape[0] // 2
    back = metric if return_metric is None else return_metric
    network = Network(
        with_lanes(tree_metric, lanes),
        with_lanes(metric, lanes),
        with_lanes(back, lanes),
        align(costs, 1, lanes),
    )
    rate, rates = uniform_rate(throughput, n), None
    if rate is None:
        rates = align(jnp.asarray(throughput), 1, lanes)
        rate = jnp.max(rates, axis=0)
    terms = Terms(
        utilization,
        robust_utilization,
        advice_utilization,
        spent,
        budget,
        pseudo_cost,
        jnp.asarray(least),
        rate,
    )
    terms = spread(terms, previous[0])
    met = _tolerance(terms, previous.dtype)
    advised = read_advice(advice, previous)
    if rates is None and not isinstance(advised, Mix):
        solution, short = one_state(network, previous, terms, advised, met), Status.OK
    else:
        solution = routed(network, previous, terms, advised, rates, met)
        close = _ACCURACY[str(previous.dtype)] * terms.pseudo_cost.U * terms.rate
        # Budget is counted to rounding, and a unit of it is worth the multiplier.
        close = close + solution.proof * met
        short = jnp.where(solution.gap <= close, Status.OK, Status.LIMIT)
        solution = solution._replace(multiplier=solution.proof)
    info = _report(network, previous, terms, solution, met, short)
    return solution.decision, solution.multiplier, info


def _report(
    network: Network,
    previous: jax.Array,
    terms: Terms,
    solution: Solution,
    met: jax.Array,
    short: jax.Array | Status,
) -> ClipInfo:
    """What :func:`stclip_step` says; ``short``: status of a step that keeps the budget."""
    slack = -solution.excess
    status = jnp.where(slack < -met, Status.INFEASIBLE, short)
    # SC takes the exact W1; the step's joint coupling only bounds it from above.
    moved = wasserstein(solution.decision, previous, network.metric)
    n = network.costs.shape[0]
    return ClipInfo(
        status.astype(jnp.int32),
        solution.objective,
        solution.work,
        # rho + min(c . k, c . k~), with k~ the step without the constraint.
        terms.robust + jnp.minimum(solution.free_work, solution.work),
        terms.spent + jnp.sum(network.costs * solution.decision[:n], axis=0) + moved,
        jnp.maximum(slack, 0),
        jnp.maximum(-slack, 0),
        solution.gap,
    )


def _tolerance(terms: Terms, dtype: jnp.dtype) -> jax.Array:
    """Excess of the budget that counts as rounding, ``[...]``."""
    # Rounding scales with the budget and with U c, the highest price of a slot fully ON.
    relative = 1e-12 if dtype == jnp.float64 else 3e-6
    return relative * (jnp.abs(terms.budget) + terms.pseudo_cost.U * terms.rate)
