"""EXP3 at every node, as if each of its jobs were all there is (arXiv 2404.04509, section 7).

Node ``i`` keeps ``theta_i [K_i]``, 0 at first, and sends a job to a child drawn from ::

    p_i = softmax(eta theta_i)

The leaf's cost ``c`` returns along the path; the node that had sent the job to its child ``m``
learns, without a weight for how rarely jobs reach it, ::

    theta_im -= c / p_im

The paper gives no rate; ``eta = T^(-1/2)`` makes it eps-EXP3 in a tree of one node.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import EXP3State, forward, in_place_of_none, learn, start
from jaxsoco.multistage.settings_learners import EXP3Params
from jaxsoco.multistage.spec import Action, Feedback, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path


def _resolve(params: EXP3Params, spec: Spec) -> EXP3Params:
    """``eta = T^(-1/2)`` in place of None."""
    return in_place_of_none(params, eta=spec.horizon**-0.5)


def _init(key: jax.Array, params: EXP3Params, spec: Spec) -> EXP3State:
    return start(key, spec, _resolve(params, spec).eta, jnp.zeros(()))


def _act(
    key: random.AnyKey, params: EXP3Params, state: EXP3State, obs: Observation
) -> tuple[Action, EXP3State]:
    del params, obs
    return forward(key, state, explores=False)


def _update(params: EXP3Params, state: EXP3State, action: Action, feedback: Feedback) -> EXP3State:
    del params, action
    return learn(state, feedback, explores=False)


exp3 = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=log_probability_of_path,
)
"""Every node runs EXP3 by itself (section 7); parameters :class:`EXP3Params`."""
