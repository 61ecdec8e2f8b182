"""Q-learning that minimises the latency and ignores the budget; it violates the constraint.

Episode ``k`` with ``T`` slots, ``theta_f = 2 (tracking + anchoring)`` and ``Q_T = 0``::

    pi_k: argmin_a Q_t(s, a), or with the chance exploration any action
    b_{k+1} = clip(b_k - f_k'(b_k) / (theta_f k), B0, b_high)
    t = T - 1, ..., 0, at the pair (s, a) of slot t, met for the n-th time, and its next state s':
        Q_t(s, a) += (T + 1) / (T + n) (l_t(s, a) + min_a' Q_{t+1}(s', a') - Q_t(s, a))

Budget: the fixed-scheduling OCO of arXiv 2601.18936, section 5. Step sizes: Jin, Allen-Zhu, Bubeck,
Jordan 2018, "Is Q-learning provably efficient?".
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._q_learning import learn_backwards
from jaxsoco.provisioning.learners._shared import (
    Descent,
    begin_descent,
    follow_service,
    plain_action,
)
from jaxsoco.provisioning.settings_learners import OcoQParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec


class OcoQState(NamedTuple):
    """Descent of the budget; values and visits of the actions, ``[T, S, A, ...]`` each."""

    descent: Descent
    value: jax.Array
    visits: jax.Array


def init(key: jax.Array, params: OcoQParams, spec: Spec) -> OcoQState:
    """The least budget, nothing visited."""
    del params
    shape = (spec.slots, spec.states, spec.actions, *key.shape[1:])
    zeros = jnp.zeros(shape, spec.dtype)
    return OcoQState(begin_descent(key, spec), zeros, zeros)


def act(
    key: jax.Array, params: OcoQParams, state: OcoQState, obs: Observation
) -> tuple[Action, OcoQState]:
    """The budget, and the epsilon-greedy policy; nothing is drawn."""
    del key
    budget, actions = state.descent.budget, state.value.shape[2]
    greedy = one_hot(jnp.argmin(state.value, axis=2), actions, 2, budget.dtype)
    chance = spread(params.exploration, budget)[None, None, None]
    policy = (1 - chance) * greedy + chance / actions
    state = state._replace(descent=state.descent._replace(episode=obs.episode))
    return plain_action(budget, policy), state


def update(params: OcoQParams, state: OcoQState, action: Action, feedback: Feedback) -> OcoQState:
    """Moves the budget, and goes back over the trajectory."""
    del params, action
    loss = state.descent.known.loss
    price = jnp.ones((1, *feedback.slope.shape), loss.dtype)
    values, visits = learn_backwards(
        state.value[:, None], state.visits, loss[:, None], price, feedback
    )
    return OcoQState(follow_service(state.descent, feedback), values[:, 0], visits)


oco_q = Algorithm(init, act, update)
"""Q-learning without a constraint; :class:`~jaxsoco.provisioning.OcoQParams`."""
