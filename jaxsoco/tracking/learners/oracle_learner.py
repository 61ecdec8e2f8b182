"""The oracle learner (OAL): learns from exact hitting costs and never explores.

Section 4 of arXiv 2601.09042. As :mod:`~jaxsoco.tracking.learners.passive_learner`, with feedback
free of noise, ``f_t = 1/2 y_t' A y_t``.
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
    estimate = learn(params, state.estimate, action, feedback.exact, clock.over)
    return state._replace(clock=clock.tick(), estimate=estimate)


oracle_learner = Algorithm(begin_learning, plan, _update)
"""Learns from exact hitting costs (OAL); parameters
:class:`~jaxsoco.tracking.GradientParams`."""
