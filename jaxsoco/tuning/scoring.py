"""The score term of learners that draw: parameters move their chances beside their costs.

The expected cost of a run that draws actions ``a_t`` with probabilities ``p_t`` has the gradient ::

    E sum_t grad c_t  +  E sum_t (C_t - B_t) grad log p_t(a_t),     C_t = c_t + c_(t+1) + ... + c_T

with the cost to come ``C_t`` less a baseline ``B_t`` that does not depend on the run: the mean of
the others' costs to come. Summed in the order of the rounds, with ``L_t`` the sum of
``log p_s(a_s)`` up to ``t``, the second term is the derivative of ::

    sum_t stop(c_t - b_t) L_t

so that nothing is kept but ``L_t``, in the learner's state, and the sum, in the ledger.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm, Problem, PyTree
from jaxsoco.engine.simulate import Run
from jaxsoco.tuning.objective import Criterion

RUNS = "runs"
"""Name of the axis of runs that are played one by one."""


def scored(problem: Problem, algorithm: Algorithm, single: bool) -> tuple[Problem, Algorithm]:
    """World and learner whose ledger has, beside every cost, the sum that carries its score.

    Args:
      problem: the world.
      algorithm: a learner with ``log_probability``.
      single: runs are played one by one, along an axis of that name.
    """

    def init(key: Any, params: PyTree, spec: PyTree) -> PyTree:
        return algorithm.init(key, params, spec), jnp.zeros(key.shape[1:], float)

    def act(key: Any, params: PyTree, state: PyTree, obs: PyTree) -> tuple[PyTree, PyTree]:
        before, total = state
        action, after = algorithm.act(key, params, before, obs)
        log_chance = algorithm.log_probability(params, before, obs, action)
        total = total + jnp.asarray(log_chance, total.dtype)
        return (action, total), (after, total)

    def update(params: PyTree, state: PyTree, action: PyTree, feedback: PyTree) -> PyTree:
        return algorithm.update(params, state[0], action[0], feedback), state[1]

    def play(key: Any, spec: PyTree, world: PyTree, round: PyTree, action: PyTree):
        world, feedback, costs = problem.play(key, spec, world, round, action[0])

        def term(cost: jax.Array) -> jax.Array:
            fixed = jax.lax.stop_gradient(cost)
            return (fixed - others_mean(fixed, single)) * action[1]

        return world, feedback, (costs, jax.tree.map(term, costs))

    learner = algorithm._replace(
        init=init, act=act, update=update, faults=lambda state: algorithm.fault_count(state[0])
    )
    return problem._replace(play=play), learner


def others_mean(values: jax.Array, single: bool) -> jax.Array:
    """The mean of the other runs' values, ``[n]``; 0 of a run that is alone."""
    if single:
        count, total = jax.lax.psum(1, RUNS), jax.lax.psum(values, RUNS)
    else:
        count, total = values.shape[-1], jnp.sum(values, axis=-1, keepdims=True)
    return (total - values) / max(count - 1, 1) if count > 1 else jnp.zeros_like(values)


def with_scores(criterion: Criterion, run: Run, best: Any, single: bool) -> jax.Array:
    """The objective's values of scored runs: as they are, with the score terms' derivatives."""
    costs, terms = run.costs
    log_chance = run.state[1]
    if criterion.linear:
        costs = jax.tree.map(lambda cost, term: cost + _slope_of(term), costs, terms)
        return criterion.value(run._replace(costs=costs, state=run.state[0]), best)
    # Of a function that may not be linear in the costs, the chance of the whole run counts.
    value = criterion.value(run._replace(costs=costs, state=run.state[0]), best)
    fixed = jax.lax.stop_gradient(value)
    return value + (fixed - others_mean(fixed, single)) * _slope_of(log_chance)


def _slope_of(x: jax.Array) -> jax.Array:
    """0, with the derivative of ``x``."""
    return x - jax.lax.stop_gradient(x)
