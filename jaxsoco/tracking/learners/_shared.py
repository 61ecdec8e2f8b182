"""Exploration: a few rounds of random deviations, and the matrix that explains their costs.

SCaLE plays ``y = gamma z`` in rounds ``1 .. T0``, so that ``2 f / gamma^2 = z' A z + noise``, and
takes the matrix of least trace that agrees with what it saw (Bhuyan, Mukherjee, Wierman, arXiv
2601.09042, algorithm 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align, lift
from jaxsoco.core.precision import in_float64
from jaxsoco.tracking.spec import Feedback, Spec
from jaxsoco.tracking.theory.increments import normals
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum
from jaxsoco_kernels.sensing import CONVERGED, recover_psd

USABLE = 1e-2
"""Residual up to which a recovery that did not converge is better than none."""

SMALLEST_NOISE = 1e-6
"""Of the floor: without noise any exploration would do, but not none."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SensingParams:
    """How much to explore; what is ``None`` follows from the problem.

    The total of explored squares is ``T0 gamma^2`` with ``T0 = ceil(c r d)`` rounds and ``gamma^2 =
    g0 (noise cap / floor) T^p``, ``p = 1/2`` at full rank and ``2/3`` below.

    Attributes:
      gain: ``g0``, in front of ``gamma^2``.
      gamma: standard deviation of the exploration itself.
      noise_cap: the noise cap to believe in.
      floor: the lower bound on positive eigenvalues to believe in.
      exponent: ``p``.
      exploration: ``c``, rounds per free parameter; 2 at full rank, 4 below (static).
      rank: the rank to believe in (static).
      rounds: ``T0`` itself (static).
    """

    gain: jax.Array | float = 0.15
    gamma: jax.Array | float | None = None
    noise_cap: jax.Array | float | None = None
    floor: jax.Array | float | None = None
    exponent: jax.Array | float | None = None
    exploration: float | None = field(default=None, metadata={"static": True})
    rank: int | None = field(default=None, metadata={"static": True})
    rounds: int | None = field(default=None, metadata={"static": True})

    def rank_for(self, spec: Spec) -> int:
        """The rank that the learner believes in."""
        return spec.rank if self.rank is None else self.rank

    def rounds_for(self, spec: Spec) -> int:
        """``T0``."""
        if self.rounds is not None:
            return self.rounds
        rank = self.rank_for(spec)
        constant = self.exploration
        if constant is None:
            constant = 2.0 if rank == spec.dimension else 4.0
        return math.ceil(constant * rank * spec.dimension)

    def width_for(self, spec: Spec, lanes: int) -> tuple[jax.Array, jax.Array]:
        """``gamma`` and ``rho = noise cap / gamma^2``, ``[...]`` each."""
        dtype = spec.basis.dtype

        def number(own, known):
            return align(jnp.asarray(known if own is None else own, dtype), 0, lanes)

        floor = number(self.floor, spec.floor)
        cap = jnp.maximum(number(self.noise_cap, spec.noise_cap), SMALLEST_NOISE * floor)
        if self.gamma is not None:
            gamma = number(self.gamma, None)
        else:
            full = self.rank_for(spec) == spec.dimension
            exponent = number(self.exponent, 1 / 2 if full else 2 / 3)
            growth = jnp.asarray(spec.horizon, dtype) ** exponent
            gamma = jnp.sqrt(number(self.gain, None) * cap / floor * growth)
        return gamma, cap / (gamma * gamma)


class Sensing(NamedTuple):
    """What exploration needs and has seen.

    Attributes:
      vectors: the ``z`` of all rounds, drawn in advance ``[T0, d, ...]``.
      values: ``2 f / gamma^2`` of the rounds that are over ``[T0, ...]``.
      gamma: ``[...]``.
      radius: ``2 T0 rho``, the total noise allowed for ``[...]``.
    """

    vectors: jax.Array
    values: jax.Array
    gamma: jax.Array
    radius: jax.Array

    @property
    def rounds(self) -> int:
        """``T0``."""
        return self.vectors.shape[0]


def begin(key: jax.Array, params: SensingParams, spec: Spec) -> Sensing:
    """Draws the exploration of a run; consumes the key ``[2, ...]``."""
    lanes, dtype = key.shape[1:], spec.basis.dtype
    rounds, d = params.rounds_for(spec), spec.dimension
    gamma, rho = (jnp.broadcast_to(x, lanes) for x in params.width_for(spec, len(lanes)))
    vectors = normals(key, rounds * d, dtype).reshape(rounds, d, *lanes)
    return Sensing(vectors, jnp.zeros((rounds, *lanes), dtype), gamma, 2 * rounds * rho)


def explore(sensing: Sensing, clock: jax.Array) -> jax.Array:
    """``gamma z [d, ...]`` of the round after ``clock`` rounds."""
    place = jnp.minimum(clock, sensing.rounds - 1)
    return lift(sensing.gamma) * _row(sensing.vectors, place)


def _row(table: jax.Array, place: jax.Array) -> jax.Array:
    return jax.lax.dynamic_index_in_dim(table, place, keepdims=False)


def record(sensing: Sensing, clock: jax.Array, feedback: Feedback) -> Sensing:
    """Keeps the feedback of the round after ``clock`` rounds, if it explored."""
    value = 2 * feedback.value / (sensing.gamma * sensing.gamma)
    place = jnp.minimum(clock, sensing.rounds - 1)
    value = jnp.where(clock < sensing.rounds, value, _row(sensing.values, place))
    return sensing._replace(
        values=jax.lax.dynamic_update_index_in_dim(sensing.values, value, place, 0)
    )


def recover(sensing: Sensing) -> tuple[Spectrum, jax.Array]:
    """The matrix of least trace, in its eigenbasis, and faults, int32 ``[...]``.

    Solved in float64 whatever the precision of the run. Where no matrix explains what was seen
    the best multiple of the identity takes its place.
    """
    return _recover(sensing.vectors, sensing.values, sensing.radius)


# Reverse mode would keep what the solver computes for every round of a run: it is computed anew.
@jax.checkpoint
def _recover(vectors, values, radius):
    found = in_float64(recover_psd)(vectors, values, radius)
    matrix = found.matrix.astype(vectors.dtype)
    usable = (found.info.residual <= USABLE) & jnp.all(jnp.isfinite(matrix), axis=(0, 1))
    share = jnp.maximum(jnp.mean(values, axis=0), 0) / matrix.shape[0]
    eye = align(jnp.eye(matrix.shape[0], dtype=matrix.dtype), 2, radius.ndim)
    matrix = jnp.where(usable[None, None], matrix, eye * share[None, None])
    return jacobi.start(matrix), (found.info.status != CONVERGED).astype(jnp.int32)
