"""Q-learning of the latency and of consumption, at a price that follows what was overspent.

Episode ``k`` with the multiplier ``lambda_k``, ``lambda_1 = 0``, and the values ``Q^l`` of the loss
and ``Q^d`` of consumption::

    pi_k: argmin_a Q^l_t(s, a) + lambda_k Q^d_t(s, a), or with the chance exploration any action
    Q^l and Q^d go back over the trajectory                             learners/_q_learning.py
    lambda_{k+1} = max(0, lambda_k + rate (sum_t d_t(s_t, a_t) - b_k))

``rate`` is ``1 / sqrt(K)`` unless another one is given. The two values are kept apart, so that a
new multiplier needs no relearning. ``b_k`` is fixed, or BLOL's
(:mod:`~jaxsoco.provisioning.learners.blol`, without a warm-up).

No guarantee: the greedy policy is deterministic and jumps between plans around the budget, and
exploration is blind. Budgets are met on average, not in every episode. A relative with frames,
bonuses and a guarantee is Triple-Q (Wei, Liu, Ying, AISTATS 2022, "A provably efficient model-free
algorithm for constrained MDPs").
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._q_learning import greedy, learn_backwards
from jaxsoco.provisioning.learners._rivals import (
    begin_path,
    consumed,
    follow_path,
    rate_of,
    resolve_multiplier,
)
from jaxsoco.provisioning.learners._shared import Descent
from jaxsoco.provisioning.settings_rivals import PrimalDualQParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec


class PrimalDualQState(NamedTuple):
    """State of the primal-dual Q-learner.

    Attributes:
      descent: the budget.
      values: ``Q^l`` and ``Q^d``, ``[T, 2, S, A, ...]``.
      visits: of the pairs, ``[T, S, A, ...]``.
      multiplier: ``lambda_k``, ``[...]``.
    """

    descent: Descent
    values: jax.Array
    visits: jax.Array
    multiplier: jax.Array


def init(key: jax.Array, params: PrimalDualQParams, spec: Spec) -> PrimalDualQState:
    """Nothing visited, consumption for free."""
    lanes, (slots, s, a) = key.shape[1:], (spec.slots, spec.states, spec.actions)
    values = jnp.zeros((slots, 2, s, a, *lanes), spec.dtype)
    zeros = jnp.zeros(lanes, spec.dtype)
    return PrimalDualQState(begin_path(key, params, spec), values, values[:, 0], zeros)


def act(
    key: jax.Array, params: PrimalDualQParams, state: PrimalDualQState, obs: Observation
) -> tuple[Action, PrimalDualQState]:
    """The budget, and the epsilon-greedy policy; nothing is drawn."""
    del key
    budget, actions = state.descent.budget, state.values.shape[3]
    best = greedy(state.values, weights(state.multiplier)).astype(budget.dtype)
    chance = spread(params.exploration, budget)[None, None, None]
    policy = (1 - chance) * best + chance / actions
    state = state._replace(descent=state.descent._replace(episode=obs.episode))
    return Action(budget, policy, state.multiplier, jnp.zeros(budget.shape, bool)), state


def weights(multiplier: jax.Array) -> jax.Array:
    """Of the loss and of consumption, ``[2, ...]``."""
    return jnp.stack([jnp.ones_like(multiplier), multiplier])


def update(
    params: PrimalDualQParams, state: PrimalDualQState, action: Action, feedback: Feedback
) -> PrimalDualQState:
    """Goes back over the trajectory, moves the multiplier and the budget."""
    del action
    descent, multiplier = state.descent, state.multiplier
    known = descent.known
    costs = jnp.stack([known.loss, known.consumption], axis=1)
    price = weights(multiplier)
    values, visits = learn_backwards(state.values, state.visits, costs, price, feedback)
    excess = consumed(known.consumption, feedback) - descent.budget
    return PrimalDualQState(
        descent=follow_path(params, descent, feedback, multiplier),
        values=values,
        visits=visits,
        multiplier=jnp.maximum(multiplier + rate_of(params, known) * excess, 0),
    )


primal_dual_q = Algorithm(init, act, update, resolve=resolve_multiplier)
"""Q-learning at a running price; :class:`~jaxsoco.provisioning.PrimalDualQParams`."""
