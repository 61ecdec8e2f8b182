"""Learning from hitting costs: projected gradient steps on an estimate kept in its own eigenbasis.

The loss of an estimate ``M`` is ``(1/2 y' M y - f)^2``, a step ``M <- P(M - eta r y y')`` with
``r = 1/2 y' M y - f`` and ``P`` the projection onto the semidefinite matrices (arXiv 2601.09042,
algorithm 2). A step has rank one, so a sweep of Jacobi rotations or two keep the basis: a round
costs ``O(d^3)`` and no decomposition.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.tracking.theory.algebra import square, turn
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum

EARLY_ROUNDS, EARLY_SWEEPS = 16, 6
"""In the first rounds the basis has little to do with the steps: more sweeps."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class StepParams:
    """How an estimate learns.

    Attributes:
      learning_rate: ``eta``. Raw steps are stable only for ``eta |y|^4 < 4``.
      step: ``"raw"``: ``eta r``; ``"normalized"``: ``2 eta r / (|y|^4 + 1)`` (static).
      sweeps: Jacobi sweeps a round (static).
    """

    learning_rate: jax.Array | float = 1e-3
    step: str = field(default="raw", metadata={"static": True})
    sweeps: int = field(default=3, metadata={"static": True})


def learn(
    params: StepParams,
    estimate: Spectrum,
    deviation: jax.Array,
    value: jax.Array,
    rounds: jax.Array,
) -> Spectrum:
    """One projected step.

    Args:
      params: of the step.
      estimate: before the round, in its eigenbasis.
      deviation: ``y [d, ...]``.
      value: the feedback ``f [...]``.
      rounds: steps made before this one, a scalar shared by all lanes; below 0 nothing is learnt.
    """
    own = jacobi.coordinates(estimate, deviation)
    residual = jnp.sum(own * turn(estimate.matrix, own), axis=0) / 2 - value
    rate = align(jnp.asarray(params.learning_rate, value.dtype), 0, value.ndim)
    if params.step == "normalized":
        rate = 2 * rate / (square(deviation) ** 2 + 1)
    size = jnp.where(rounds >= 0, rate * residual, 0)

    def step(sweeps):
        return lambda: jacobi.rank_one_update(estimate, size, own, sweeps)

    early = (rounds >= 0) & (rounds < EARLY_ROUNDS)
    return jax.lax.cond(early, step(EARLY_SWEEPS), step(params.sweeps))
