"""eps-EXP3 without a horizon, in epochs of doubling length (arXiv 2404.04509, algorithm 3).

Epoch ``m = 0, 1, 2, ...`` are the ``n = 2^m`` rounds ``2^m .. 2^(m+1) - 1``. At its beginning
every node forgets, ``theta_i = 0``, and the rates become those of eps-EXP3 for ``n`` rounds::

    eta = n^(-H/(H+1))
    epsilon_i = min(1, K n^(-1/(H+1)))               0 where all children are leaves

(each times its scale). Within the epoch it is eps-EXP3. The expected regret is at most ``g/(g-1)``
times the tuned one's bound, with ``g = 2^(H/(H+1))``.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import EXP3State, forward, learn, start
from jaxsoco.multistage.settings_learners import AnytimeParams
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path
from jaxsoco.multistage.theory.levels import tables
from jaxsoco.multistage.theory.policy import uniform_probabilities


def _init(key: jax.Array, params: AnytimeParams, spec: Spec) -> EXP3State:
    del params
    state = start(key, spec, jnp.zeros(()), jnp.zeros(()))
    everywhere = jnp.zeros(state.eta.shape, bool)
    return replace(state, change=state.change._replace(everywhere=everywhere))


def _act(
    key: random.AnyKey, params: AnytimeParams, state: EXP3State, obs: Observation
) -> tuple[Action, EXP3State]:
    del obs
    return forward(key, _epoch(params, state), explores=True)


def _epoch(params: AnytimeParams, state: EXP3State) -> EXP3State:
    """The state at the beginning of a round, new where an epoch begins."""
    tree, like = state.tree, state.eta
    rounds = state.rounds + 1
    begins = (rounds & (rounds - 1)) == 0  # round 2^m begins the epoch m
    # A power of two is exact in any precision; the small addend settles which one it is.
    exponent = jnp.floor(jnp.log2(rounds.astype(like.dtype)) + 1e-3)
    eta = jnp.exp2(-exponent * (tree.depth / (tree.depth + 1)))
    epsilon = tree.width * jnp.exp2(-exponent / (tree.depth + 1))

    def renew(table: Levels, value: Levels) -> Levels:
        return tuple(jnp.where(begins[None, None], v, t) for t, v in zip(table, value, strict=True))

    return replace(
        state,
        high=renew(state.high, tables(tree, like, 0.0, -jnp.inf)),
        low=renew(state.low, tables(tree, like, 0.0)),
        learned=renew(state.learned, uniform_probabilities(tree, like)),
        change=state.change._replace(everywhere=begins),
        eta=jnp.where(begins, params.eta_scale * eta, state.eta),
        epsilon=jnp.where(begins, jnp.minimum(params.epsilon_scale * epsilon, 1), state.epsilon),
        rounds=rounds,
    )


def _update(
    params: AnytimeParams, state: EXP3State, action: Action, feedback: Feedback
) -> EXP3State:
    del params, action
    return learn(state, feedback, explores=True)


anytime_epsilon_exp3 = Algorithm(
    _init, _act, _update, counter=True, log_probability=log_probability_of_path
)
"""eps-EXP3 in epochs of 1, 2, 4, ... rounds (algorithm 3); parameters :class:`AnytimeParams`."""
