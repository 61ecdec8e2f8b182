"""The static optimum: the best budget and policy in hindsight, one pair for all episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import nature, random
from jaxsoco.core.lanes import align, spread, where
from jaxsoco.provisioning.problem import law_of, provisioning
from jaxsoco.provisioning.spec import Spec
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.occupancy import BudgetedSolution, occupancy_of, solve_budgeted

LIMIT = 64
"""Most budgets that are tried; a piecewise linear curve of value against budget needs about 10."""


def static_optimum(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Ledger of the best static budget and policy for the first ``k`` episodes, each ``k`` in at.

    It pays its own first switch ``alpha b^2`` and is chosen with it: equations (6) and (7) of arXiv
    2601.18936, with the number of episodes of the checkpoint.

    Where arrivals are recorded, it is the best pair for independent arrivals of their distribution,
    and is charged for those of the record: what knowing the distribution is worth, no optimum.

    >>> from jaxsoco.provisioning import paper_queue, static_optimum
    >>> spec = paper_queue(capacity=2, slots=2, budget_low=1.0)
    >>> costs, faults = jax.jit(static_optimum, static_argnums=2)(key, spec, (10, 100))
    >>> costs["budget"].shape, int(faults)
    ((2,), 0)

    Args:
      key: the run's JAX key ``[...]``.
      spec: the instance; transitions are known here.
      at: checkpoints ``[C]``.

    Returns:
      Costs by name, ``[C, ...]`` each, and faults, int32 ``[...]``.

    Raises:
      TypeError: ``key`` is no JAX key.
    """
    return plan_optimum(random.key_words(key), spec, at)


def plan_optimum(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """As :func:`static_optimum`, for the words of a key ``[2, ...]``."""
    lanes = key.ndim
    episodes = jnp.asarray(at, spec.dtype).reshape(-1, *(1,) * (lanes - 1))
    if spec.service_shape == "quadratic":
        first, second = _targets(key, spec, at)
        best = best_budget(spec, episodes, first, second)
        service = _service(_beside(first, spec), best.budget, episodes, first, second)
    else:
        best, service = _best_of_any_shape(key, spec, at, episodes)
    plan, budget = best.plan, best.budget
    charged = _charged(key, spec, at, best, episodes)
    spec = _beside(budget, spec)

    def ledger(x):
        return jnp.broadcast_to(x, budget.shape).astype(spec.dtype)

    costs = {
        "service": service,
        "switching": ledger(spec.switching * budget**2),
        "latency": charged[0],
        "consumption": charged[1],
        "violation": ledger(charged[2]),
        "budget": episodes * budget,
        "multiplier": episodes * plan.multiplier,
        "fallback": ledger(jnp.zeros_like(budget)),
    }
    faults = jnp.sum(best.faults, axis=0, dtype=jnp.int32)
    return costs, jnp.broadcast_to(faults, key.shape[1:])


def _charged(
    key: jax.Array, spec: Spec, at: tuple[int, ...], best: BestBudget, episodes: jax.Array
) -> tuple[jax.Array, ...]:
    """Latency, consumption, violation of the best pair up to the checkpoints, ``[C, ...]`` each."""
    plan, weight = best.plan, spread(spec.latency_weight, best.budget)
    if spec.recorded is None:
        nothing = jnp.zeros_like(best.budget)
        return episodes * weight * plan.value, episodes * plan.consumption, nothing
    lanes = key.ndim - 1
    places = jnp.asarray(at).reshape(-1, *(1,) * lanes)
    # The axis of the checkpoints comes before the lanes.
    loss, consumption = (align(x, 3, lanes)[:, :, :, None] for x in (spec.loss, spec.consumption))
    initial = align(spec.initial, 1, lanes)[:, None]

    def step(sums, k, now):
        occupancy = occupancy_of(plan.policy, law_of(spec, now, lanes)[:, :, :, :, None], initial)
        lost, spent = (jnp.sum(occupancy * x, axis=(0, 1, 2)) for x in (loss, consumption))
        new = (weight * lost, spent, jnp.maximum(spent - best.budget, 0))
        return tuple(s + jnp.where(k <= places, x, 0) for s, x in zip(sums, new, strict=True))

    zeros = (jnp.zeros_like(best.budget),) * 3
    return nature.replay(provisioning, spec, key, at[-1], step, zeros)


def _targets(key: jax.Array, spec: Spec, at: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """Sums of the targets and of their squares up to the checkpoints, ``[C, ...]`` each."""
    first, second = _over_targets(key, spec, at, lambda target: (target, target**2))
    return first, second


def _over_targets(
    key: jax.Array, spec: Spec, at: tuple[int, ...], values: Callable[[jax.Array], tuple]
) -> tuple[jax.Array, ...]:
    """Sums of ``values(target [1, ...])`` over the episodes up to a place, ``[C, ...]`` each."""
    lanes = key.shape[1:]
    places = jnp.asarray(at).reshape(-1, *(1,) * len(lanes))

    def step(sums, k, now):
        # Episode k counts at every checkpoint from k on.
        new = values(now.target[None])
        return tuple(s + jnp.where(k <= places, x, 0) for s, x in zip(sums, new, strict=True))

    like = jnp.zeros((1, *lanes), spec.dtype)
    zeros = tuple(jnp.zeros((len(at), *lanes), spec.dtype) for _ in values(like))
    return nature.replay(provisioning, spec, key, at[-1], step, zeros)


def _service(spec: Spec, budget, episodes, first, second) -> jax.Array:
    """The sum of the service costs of one budget over all episodes, ``[C, ...]``."""
    # sum_k (b - rho_k)^2 = k b^2 - 2 b sum rho + sum rho^2
    near = episodes * budget**2 - 2 * budget * first + second
    anchored = episodes * (budget - spec.anchor) ** 2
    return episodes * spec.price * budget + spec.tracking * near + spec.anchoring * anchored


class BestBudget(NamedTuple):
    """The best budget ``[C, ...]``, its plan, and whether the search failed, bool ``[C, ...]``."""

    budget: jax.Array
    plan: BudgetedSolution
    faults: jax.Array


def best_budget(spec: Spec, episodes: jax.Array, first: jax.Array, second: jax.Array) -> BestBudget:
    """Minimises service, first switch and latency over the budget, exactly.

    The latency is convex and piecewise linear in the budget, the rest a parabola: the parabola's
    minimum over the two tangents next to it is tried until no tangent is new there.

    >>> from jaxsoco.provisioning import best_budget, paper_queue
    >>> spec, episodes = paper_queue(capacity=2, slots=2, budget_low=1.0), jnp.array([100.0])
    >>> targets = 1.5 * episodes  # the same target in every episode
    >>> best = jax.jit(best_budget)(spec, episodes, targets, 1.5 * targets)
    >>> round(float(best.budget[0]), 2), bool(best.faults[0])
    (1.05, False)

    Args:
      spec: the instance.
      episodes: ``k``, ``[C, 1...]``.
      first: sum of the targets, ``[C, ...]``.
      second: sum of their squares, ``[C, ...]``.
    """
    del second
    tables, spec = _tables(spec, first.ndim), _beside(first, spec)
    parabola = _parabola(spec, episodes, first)
    low, high = spec.budget_low, spec.budget_high

    def evaluate(budget):
        plan = solve_budgeted(*tables, budget)
        return plan, _Point(budget, plan.value, plan.multiplier)

    def body(carry):
        left, right, tried, model, active, trip = carry
        plan, here = evaluate(tried)
        # A value on the model, up to rounding: the tangent there is not new.
        tolerance = 64 * jnp.finfo(first.dtype).eps * jnp.maximum(1, jnp.abs(plan.value))
        moves = active & ~(plan.value - model <= tolerance)
        # Where the sum with the new tangent still falls, the minimum is to the right of it.
        falls = parabola.vertex(here.multiplier) > tried
        left = where(moves & falls, here, left)
        right = where(moves & ~falls, here, right)
        again, model = _candidate(parabola, left, right)
        still = moves & (again != tried)
        return left, right, jnp.where(still, again, tried), model, still, trip + 1

    left, right = evaluate(low)[1], evaluate(high)[1]
    tried, model = _candidate(parabola, left, right)
    carry = (left, right, tried, model, jnp.ones(first.shape, bool), jnp.int32(0))
    carry = jax.lax.while_loop(lambda c: jnp.any(c[4]) & (c[5] < LIMIT), body, carry)
    budget, active = carry[2], carry[4]
    plan, _ = evaluate(budget)
    return BestBudget(budget, plan, active | (plan.info.status != Status.OK))


_NUMBERS = (
    *("budget_low", "budget_high", "latency_weight", "switching"),
    *("price", "tracking", "anchoring", "anchor", "width"),
)


def _beside(first: jax.Array, spec: Spec) -> Spec:
    """The instance with the numbers of its costs as ``first``, ``[C, ...]``: a checkpoint each."""
    return replace(spec, **{name: spread(getattr(spec, name), first) for name in _NUMBERS})


def _best_of_any_shape(
    key: jax.Array, spec: Spec, at: tuple[int, ...], episodes: jax.Array
) -> tuple[BestBudget, jax.Array]:
    """The best budget for convex service costs of any shape, and their sum, ``[C, ...]``.

    Halves the range of budgets by the sign of the slope of the total, a sum over the episodes that
    nature repeats for every halving. At a kink the multiplier is one of several subgradients, and
    the halvings close in on the kink all the same.
    """
    like = jnp.zeros((len(at), *key.shape[1:]), spec.dtype)
    tables, wide = _tables(spec, like.ndim), _beside(like, spec)

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        plan = solve_budgeted(*tables, middle)
        (service,) = _over_targets(key, spec, at, lambda t: (wide.service_slope(middle, t),))
        # Service, first switch and latency, which falls with slope lambda.
        slope = service + 2 * wide.switching * middle
        rises = slope > episodes * wide.latency_weight * plan.multiplier
        return jnp.where(rises, low, middle), jnp.where(rises, middle, high)

    halvings = jnp.finfo(spec.dtype).nmant + 4
    low, high = jax.lax.fori_loop(0, halvings, halve, (wide.budget_low, wide.budget_high))
    budget = (low + high) / 2
    plan = solve_budgeted(*tables, budget)
    (service,) = _over_targets(key, spec, at, lambda t: (wide.service(budget, t),))
    return BestBudget(budget, plan, plan.info.status != Status.OK), service


_Tables = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]


def _tables(spec: Spec, lanes: int) -> _Tables:
    """What the plans share: loss, consumption, the box around the transitions, first states.

    ``lanes`` counts the axis of the checkpoints, which comes first and has size 1 here.
    """
    loss, consumption = (
        align(x, 3, lanes - 1)[:, :, :, None] for x in (spec.loss, spec.consumption)
    )
    transition = align(spec.transition, 4, lanes - 1)[:, :, :, :, None]
    initial = align(spec.initial, 1, lanes - 1)[:, None]
    loss, consumption = (
        jnp.broadcast_to(x, (spec.slots, *x.shape[1:])) for x in (loss, consumption)
    )
    return loss, consumption, transition, transition, initial


class _Point(NamedTuple):
    """A budget, and the value and multiplier of the best policy within it, ``[C, ...]`` each."""

    budget: jax.Array
    value: jax.Array
    multiplier: jax.Array


class _Parabola(NamedTuple):
    """Service and first switch, ``curve b^2 - 2 pull b`` and a constant; all ``[C, ...]``.

    ``scale`` is what the latency of an episode is multiplied with: the weight times ``k``.
    """

    curve: jax.Array
    pull: jax.Array
    scale: jax.Array

    def vertex(self, multiplier: jax.Array) -> jax.Array:
        """Where the parabola and a tangent with this multiplier are least together."""
        # 0 = 2 curve b - 2 pull - scale lambda, as the latency falls with slope lambda.
        return (self.pull + self.scale * multiplier / 2) / self.curve


def _parabola(spec: Spec, episodes: jax.Array, first: jax.Array) -> _Parabola:
    # sum_k f_k(b) + alpha b^2 = curve b^2 - 2 pull b + a constant
    return _Parabola(
        curve=episodes * (spec.tracking + spec.anchoring) + spec.switching,
        pull=spec.tracking * first + episodes * (spec.anchoring * spec.anchor - spec.price / 2),
        scale=episodes * spec.latency_weight,
    )


def _candidate(parabola: _Parabola, left: _Point, right: _Point) -> tuple[jax.Array, jax.Array]:
    """The budget between two points that is best by their tangents, and the latency there."""
    # Where the tangents meet: left of it the left one holds, right of it the right one.
    span = left.multiplier - right.multiplier
    # v_l - lambda_l (b - b_l) = v_r - lambda_r (b - b_r), solved for b.
    meet = right.value - left.value + right.multiplier * right.budget
    meet = (left.multiplier * left.budget - meet) / jnp.where(span > 0, span, 1)
    meet = jnp.where(span > 0, jnp.clip(meet, left.budget, right.budget), left.budget)
    tried = jnp.where(
        parabola.vertex(left.multiplier) <= meet,
        parabola.vertex(left.multiplier),
        jnp.maximum(parabola.vertex(right.multiplier), meet),
    )
    tried = jnp.clip(tried, left.budget, right.budget)
    # The latency is convex: the higher of the two tangents bounds it from below.
    model = jnp.maximum(
        left.value - left.multiplier * (tried - left.budget),
        right.value - right.multiplier * (tried - right.budget),
    )
    return tried, model
