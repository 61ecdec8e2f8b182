"""Certainty equivalence with a Kalman filter: learns from its own noisy costs, never explores.

The hitting cost ``f_t = 1/2 y_t' A y_t + eta_t`` is linear in the matrix. So a filter keeps a
normal belief of its entries (:mod:`jaxsoco.tracking.theory.filtering`), with the variance of
uniform noise, ``etabar^2 / 3``, and the mean is played as if it were the matrix::

    y_t = C_t(P(M)) w_t                  LAI's move; P: projection onto semidefinite matrices
    M, P <- filter(M, P / memory; y_t, f_t)

The walk itself is what excites every direction. With ``memory = 1`` the mean is that of recursive
least squares with a ridge. There is no bound on the regret of this learner here; for the control of
linear systems certainty equivalence is known to be efficient.

Kalman, "A new approach to linear filtering and prediction problems", J. Basic Engineering 82, 1960;
Mania, Tu, Recht, "Certainty equivalence is efficient for linear quadratic control", NeurIPS 2019.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.learners._shared import SMALLEST_NOISE, Clock, plan, start_clock
from jaxsoco.tracking.settings_rivals import KalmanParams
from jaxsoco.tracking.spec import Feedback, Spec
from jaxsoco.tracking.theory import filtering
from jaxsoco.tracking.theory.filtering import Belief
from jaxsoco.tracking.theory.learning import EARLY_ROUNDS, EARLY_SWEEPS
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


class Filtered(NamedTuple):
    """State of the filter.

    Attributes:
      clock: shared by all lanes.
      deviation: last ``y [d, ...]``.
      estimate: the mean, projected, in its eigenbasis.
      belief: of the matrix.
      noise: variance of the feedback's noise ``[...]``.
    """

    clock: Clock
    deviation: jax.Array
    estimate: Spectrum
    belief: Belief
    noise: jax.Array


def _resolve(params: KalmanParams, spec: Spec) -> KalmanParams:
    return params if params.noise_cap is not None else replace(params, noise_cap=spec.noise_cap)


def _init(key: jax.Array, params: KalmanParams, spec: Spec) -> Filtered:
    params = _resolve(params, spec)
    lanes, size = key.shape[1:], spec.dimension
    like = jnp.zeros(lanes, spec.basis.dtype)
    numbers = (params.initial, params.spread, params.noise_cap, spec.floor)
    initial, width, cap, floor = spread(numbers, like)
    cap = jnp.maximum(cap, SMALLEST_NOISE * floor)
    return Filtered(
        clock=start_clock(spec.horizon),
        deviation=jnp.zeros((size, *lanes), like.dtype),
        estimate=jacobi.multiple_of_identity(initial, size),
        belief=filtering.first_belief(initial, width, size),
        noise=cap * cap / 3,
    )


def _update(
    params: KalmanParams, state: Filtered, action: jax.Array, feedback: Feedback
) -> Filtered:
    memory = spread(params.memory, feedback.value)
    belief = filtering.observe(state.belief, action, feedback.value, state.noise, memory)
    basis, mean = state.estimate.basis, filtering.matrix_of(belief.mean)
    turned = jnp.einsum("ki...,kl...,lj...->ij...", basis, mean, basis)
    early = state.clock.over < EARLY_ROUNDS + belief.mean.shape[0]

    def settled(sweeps):
        return lambda: jacobi.clip(jacobi.sweep(Spectrum(basis, turned), sweeps))

    # The clock has no lanes, so that one branch is run.
    estimate = jax.lax.cond(early, settled(EARLY_SWEEPS), settled(params.sweeps))
    return state._replace(clock=state.clock.tick(), estimate=estimate, belief=belief)


kalman = Algorithm(_init, plan, _update, resolve=_resolve)
"""Certainty equivalence by filtering; parameters :class:`~jaxsoco.tracking.KalmanParams`."""
