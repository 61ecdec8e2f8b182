"""LAI: the online optimum for a known matrix (Bhuyan, Mukherjee, Wierman, ICML 2024).

::

    y_t = C_t w_t,  w_t = y_(t-1) - delta_t,   C_t^-1 = 2 I + A - C_(t+1),  C_(T+1) = I

in closed form (:mod:`jaxsoco.tracking.theory.planning`).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners._shared import Planner, plan, start_clock, true_spectrum
from jaxsoco.tracking.settings_learners import LAIParams
from jaxsoco.tracking.spec import Feedback, Spec


def _init(key: jax.Array, params: LAIParams, spec: Spec) -> Planner:
    del params
    lanes = key.shape[1:]
    zero = jnp.zeros((spec.dimension, *lanes), spec.basis.dtype)
    return Planner(start_clock(spec.horizon), zero, true_spectrum(spec, lanes))


def _update(params: LAIParams, state: Planner, action: jax.Array, feedback: Feedback) -> Planner:
    del params, action, feedback
    return state._replace(clock=state.clock.tick())


lai = Algorithm(_init, plan, _update)
"""The online optimum, which knows the true matrix; parameters
:class:`~jaxsoco.tracking.LAIParams`."""
