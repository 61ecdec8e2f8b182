"""Finite-horizon planning with uncertain transitions and a budget, over occupancies, lanes last.

Indices are slot, state, action, next state: ``[T, S, A, S, ...]``. Every array over slots may have
a leading axis of 1 (the same in every slot), and lanes of size 1 are shared by all lanes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels import planning
from jaxsoco_kernels.budgeted import (
    INFEASIBLE,
    ITERATION_LIMIT,
    OPTIMAL,
    BudgetedInfo,
    BudgetedSolution,
    solve_budgeted,
    solve_budgeted_l1,
)
from jaxsoco_kernels.planning import Uncertainty, occupancy_of, policy_of
from jaxsoco_kernels.shapes import expect, expect_floating

__all__ = [
    "INFEASIBLE",
    "ITERATION_LIMIT",
    "OPTIMAL",
    "BudgetedInfo",
    "BudgetedSolution",
    "extended_value_iteration",
    "extended_value_iteration_l1",
    "occupancy_of",
    "policy_of",
    "policy_value",
    "solve_budgeted",
    "solve_budgeted_l1",
]


def extended_value_iteration(
    cost: jax.Array, lower: jax.Array, upper: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Least expected cost over all policies and all transitions in a box, exactly.

    >>> from jaxsoco_kernels.occupancy import extended_value_iteration
    >>> cost = jnp.broadcast_to(jnp.array([[1.0], [0.0]]), (2, 2, 1))  # state 0 costs 1
    >>> lower, upper = jnp.full((1, 2, 1, 2), 0.25), jnp.full((1, 2, 1, 2), 0.75)
    >>> policy, values, transition = extended_value_iteration(cost, lower, upper)
    >>> values.tolist()
    [[1.25, 0.25], [1.0, 0.0], [0.0, 0.0]]

    Args:
      cost: ``[T, S, A, ...]``.
      lower: least probabilities ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      upper: largest ones; ``sum lower <= 1 <= sum upper`` over next states.

    Returns:
      The policy, int32 ``[T, S, ...]`` (the lowest index among ties), values ``[T + 1, S, ...]``
      and the transitions that attain them, ``[T, S, A, S, ...]``.

    Source: extended value iteration (Jaksch, Ortner, Auer, JMLR 11, 2010), entry-wise sets.
    """
    expect(
        cost=(cost, "T|1 S A ..."), lower=(lower, "T|1 S A S ..."), upper=(upper, "T|1 S A S ...")
    )
    expect_floating(cost=cost, lower=lower, upper=upper)
    slots = max(cost.shape[0], lower.shape[0])
    return _least_cost(cost, planning.box(lower, upper), slots, lower.shape[4:])


def extended_value_iteration_l1(
    cost: jax.Array, center: jax.Array, radius: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """As :func:`extended_value_iteration` over an L1 ball around every distribution.

    >>> from jaxsoco_kernels.occupancy import extended_value_iteration_l1
    >>> cost = jnp.broadcast_to(jnp.array([[1.0], [0.0]]), (2, 2, 1))  # state 0 costs 1
    >>> center, radius = jnp.full((1, 2, 1, 2), 0.5), jnp.full((1, 2, 1), 0.5)
    >>> policy, values, transition = extended_value_iteration_l1(cost, center, radius)
    >>> transition[0, 0, 0].tolist()
    [0.25, 0.75]

    Args:
      cost: ``[T, S, A, ...]``.
      center: distributions ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      radius: at least 0, ``[T, S, A, ...]`` or ``[1, S, A, ...]``.
    """
    expect(
        cost=(cost, "T|1 S A ..."), center=(center, "T|1 S A S ..."), radius=(radius, "T|1 S A ...")
    )
    expect_floating(cost=cost, center=center, radius=radius)
    slots = max(cost.shape[0], center.shape[0], radius.shape[0])
    lanes = jnp.broadcast_shapes(center.shape[4:], radius.shape[3:])
    return _least_cost(cost, planning.ball(center, radius), slots, lanes)


def _least_cost(cost, uncertainty: Uncertainty, slots: int, lanes):
    cost = planning.all_slots(cost, slots, lanes)

    def keep(slot):
        return slot.action, slot.value, slot.transition

    _, (policy, value, transition) = planning.backward(cost, uncertainty, keep)
    value = jnp.concatenate([value, jnp.zeros_like(value[:1])])
    return policy, value, transition


def policy_value(
    policy: jax.Array, reward: jax.Array, transition: jax.Array, initial: jax.Array
) -> jax.Array:
    """Expected sum of ``reward`` over an episode.

    >>> from jaxsoco_kernels.occupancy import policy_value
    >>> policy, reward = jnp.full((2, 1, 2), 0.5), jnp.array([[[0.0, 3.0]]])  # 2 slots, 1 state
    >>> float(policy_value(policy, reward, jnp.ones((1, 1, 2, 1)), jnp.ones(1)))
    3.0

    Args:
      policy: probabilities of the actions, ``[T, S, A, ...]``.
      reward: ``[T, S, A, ...]`` or ``[1, S, A, ...]``.
      transition: ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      initial: distribution of the first state, ``[S, ...]``.

    Returns:
      ``[...]``. Differentiable in everything.
    """
    expect(policy=(policy, "T S A ..."), reward=(reward, "T|1 S A ..."))
    return planning.inner(occupancy_of(policy, transition, initial), reward)
