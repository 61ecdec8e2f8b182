"""Learning from hitting costs: projected gradient steps on an estimate in its own eigenbasis."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.tracking.settings_learners import StepParams
from jaxsoco.tracking.theory.algebra import square, turn
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum

EARLY_ROUNDS, EARLY_SWEEPS = 16, 6
"""In the first rounds the basis has little to do with the steps: more sweeps."""


def learn(
    params: StepParams,
    estimate: Spectrum,
    deviation: jax.Array,
    value: jax.Array,
    rounds: jax.Array,
) -> Spectrum:
    """One projected gradient step on the loss ``(1/2 y' M y - f)^2`` of an estimate ``M``.

    ``M <- P(M - s r y y')``, ``r = 1/2 y' M y - f``, with ``P`` the projection onto the
    semidefinite matrices and ``s = eta``, or ``2 eta / (|y|^4 + 1)`` if normalized. The step has
    rank one, so a few sweeps of Jacobi rotations keep the eigenbasis: no decomposition.

    Args:
      params: of the step.
      estimate: before the round, in its eigenbasis.
      deviation: ``y [d, ...]``.
      value: the feedback ``f [...]``.
      rounds: steps made before this one, a scalar shared by all lanes; below 0 nothing is learnt.
    """
    # With y in the eigenbasis: r = 1/2 y' D y - f, and the step D - s r y y'.
    coordinates = jacobi.coordinates(estimate, deviation)
    residual = jnp.sum(coordinates * turn(estimate.matrix, coordinates), axis=0) / 2 - value
    rate = align(jnp.asarray(params.learning_rate, value.dtype), 0, value.ndim)
    if params.step == "normalized":
        rate = 2 * rate / (square(deviation) ** 2 + 1)
    size = jnp.where(rounds >= 0, rate * residual, 0)

    def step(sweeps):
        return lambda: jacobi.rank_one_update(estimate, size, coordinates, sweeps)

    # The clock has no lanes, so that one branch is run.
    early = (rounds >= 0) & (rounds < EARLY_ROUNDS)
    return jax.lax.cond(early, step(EARLY_SWEEPS), step(params.sweeps))
