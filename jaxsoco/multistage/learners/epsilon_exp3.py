"""eps-EXP3: EXP3 with forced exploration and path weights (arXiv 2404.04509, algorithm 2).

Node ``i`` with children ``1 .. K_i`` keeps ``theta_i [K_i]``, 0 at first. In every round::

    p_i = softmax(eta theta_i)                       what it has learned
    x_i = epsilon_i / K_i + (1 - epsilon_i) p_i      how it plays
    v_root = 1,  v_m = v_i x_im                      the probability that jobs get to m,
                                                     which travels with the job

A node that receives the job takes, with probability ``epsilon_i``, any child with the same
probability, and a child from ``p_i`` otherwise. The leaf's cost ``c`` returns along the path; the
node that had sent the job to its child ``m`` learns ::

    theta_im -= c K_i / v_i                          if the child was any child
    theta_im -= c / (v_i p_im)                       if it was drawn from p_i

All other entries stay as they are. The horizon ``T`` sets the rates (lemma 4) ::

    eta = T^(-H/(H+1))
    epsilon_i = min(1, K T^(-1/(H+1)))               0 where all children are leaves

and the expected regret is at most ``((2H-1) K + H log K) T^(H/(H+1))`` (theorem 2).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import EXP3State, forward, in_place_of_none, learn, start
from jaxsoco.multistage.settings_learners import EpsilonEXP3Params
from jaxsoco.multistage.spec import Action, Feedback, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path


def _resolve(params: EpsilonEXP3Params, spec: Spec) -> EpsilonEXP3Params:
    """The rates of lemma 4 in place of None."""
    depth, horizon = spec.tree.depth, spec.horizon
    # eta = T^(-H/(H+1)),  epsilon = min(1, K T^(-1/(H+1)))
    eta = horizon ** (-depth / (depth + 1))
    epsilon = jnp.minimum(1, spec.tree.width * horizon ** (-1 / (depth + 1)))
    return in_place_of_none(params, eta=eta, epsilon=epsilon)


def _init(key: jax.Array, params: EpsilonEXP3Params, spec: Spec) -> EXP3State:
    params = _resolve(params, spec)
    return start(key, spec, params.eta, params.epsilon)


def _act(
    key: random.AnyKey, params: EpsilonEXP3Params, state: EXP3State, obs: Observation
) -> tuple[Action, EXP3State]:
    del params, obs
    return forward(key, state, explores=True)


def _update(
    params: EpsilonEXP3Params, state: EXP3State, action: Action, feedback: Feedback
) -> EXP3State:
    del params, action
    return learn(state, feedback, explores=True)


epsilon_exp3 = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=log_probability_of_path,
)
"""eps-EXP3 (algorithm 2), tuned to the horizon; parameters :class:`EpsilonEXP3Params`."""
