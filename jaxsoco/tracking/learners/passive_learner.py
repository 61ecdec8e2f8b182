"""The passive learner (POL): learns from noisy hitting costs and never explores.

Section 4 of arXiv 2601.09042. From ``M = initial I`` on, in every round::

    y_t = C_t(M) w_t                                LAI's move with the estimate
    r_t = 1/2 y_t' M y_t - f_t,  f_t = 1/2 y_t' A y_t + eta_t
    M <- P(M - s_t r_t y_t y_t')                    P: projection onto semidefinite matrices

``s_t = eta``, or ``2 eta / (|y_t|^4 + 1)`` if normalized, with the learning rate ``eta``.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners._shared import Planner, begin_learning, plan
from jaxsoco.tracking.settings_learners import GradientParams
from jaxsoco.tracking.spec import Feedback
from jaxsoco.tracking.theory.learning import learn


def _update(
    params: GradientParams, state: Planner, action: jax.Array, feedback: Feedback
) -> Planner:
    clock = state.clock
    estimate = learn(params, state.estimate, action, feedback.value, clock.over)
    return state._replace(clock=clock.tick(), estimate=estimate)


passive_learner = Algorithm(begin_learning, plan, _update)
"""Learns from the noisy hitting costs of its own play (POL); parameters
:class:`~jaxsoco.tracking.GradientParams`."""
