"""HySCaLE: SCaLE whose estimate goes on learning (arXiv 2601.09042, algorithm 2).

Up to round ``T0`` as :mod:`~jaxsoco.tracking.learners.scale`, with the recovered ``M = Ahat``; then
in every round ``t > T0``::

    y_t = C_t(M) w_t                                LAI's move with the estimate
    r_t = 1/2 y_t' M y_t - f_t
    M <- P(M - s_t r_t y_t y_t')                    P: projection onto semidefinite matrices

``s_t = eta``, or ``2 eta / (|y_t|^4 + 1)`` if normalized.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import lanes
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.tracking.learners._shared import (
    Explorer,
    begin_exploring,
    explore_then_plan,
    record,
    recover,
    resolve,
)
from jaxsoco.tracking.settings_learners import HySCaLEParams
from jaxsoco.tracking.spec import Feedback
from jaxsoco.tracking.theory.learning import learn


def _update(
    params: HySCaLEParams, state: Explorer, action: jax.Array, feedback: Feedback
) -> Explorer:
    clock, rounds = state.clock, state.sensing.rounds
    state = state._replace(clock=clock.tick())
    # Only feedback of rounds after the exploration moves the estimate.
    estimate = learn(params, state.estimate, action, feedback.value, clock.over - rounds)
    if not rounds:
        return state._replace(estimate=estimate)
    sensing = record(state.sensing, clock.over, feedback)
    last = clock.over == rounds - 1
    # All lanes share the clock: the solver runs once, after round T0.
    recovered, faults = jax.lax.cond(
        last, recover, lambda sensing: (state.estimate, state.faults), sensing
    )
    return state._replace(
        sensing=sensing,
        estimate=lanes.where(last, recovered, estimate),
        faults=jnp.where(last, faults, state.faults),
    )


# An error of the recovered matrix grows with T^2 where an eigenvalue of it is 0.
hyscale = Algorithm(
    begin_exploring,
    explore_then_plan,
    _update,
    faults=counted_faults,
    resolve=resolve,
    slopes="float64",
)
"""Explore, recover, then exploit and learn on; parameters
:class:`~jaxsoco.tracking.HySCaLEParams`."""
