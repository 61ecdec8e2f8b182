"""Runs that have lost an eigenvalue: a direction that costs is taken for one that does not.

LAI never moves in a direction ``n`` with ``Ahat n = 0``: there the deviation walks with the
minimiser, and costs ``n' A n`` times the square of it, a regret of order ``T^2``. Trace
minimisation shrinks, so that a small eigenvalue may become exactly 0. With ``P`` the projector on
the directions that are not moved in, a run has lost an eigenvalue if ``2 tr(P A) >= l``, where
``l`` is the smallest positive eigenvalue of ``A``: directions without hitting cost do not count,
however many there are and however little the estimate turns them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.precision import in_float64
from jaxsoco.tracking.spec import Spec
from jaxsoco.tracking.theory.algebra import square
from jaxsoco_kernels import psd

ROUNDING, SQUARED = 512, 1e-13
"""Moves in a direction count as none up to so many roundings of the longest moves, and their sum of
squares up to this share of the largest, which is what an eigenvalue in float64 is right to."""


def rounds_watched(spec: Spec) -> int:
    """How many of the last rounds' moves tell where a learner moves at all: ``4 d``."""
    return 4 * spec.dimension


def remember(
    moves: jax.Array, clock: jax.Array, before: jax.Array, deviation: jax.Array
) -> jax.Array:
    """Puts a round's move in the place of the oldest one.

    A move counts as a share of the way, ``(w - y) / |w| = (I - Chat) w / |w|``, so that one long
    step of a heavy-tailed walk does not drown the others. No gradient flows through it.

    Args:
      moves: of the last rounds, ``[4 d, d, ...]``.
      clock: number of the round, a scalar.
      before: ``w [d, ...]``.
      deviation: ``y [d, ...]``.
    """
    before, deviation = jax.lax.stop_gradient((before, deviation))
    size = jnp.sqrt(square(before))
    move = (before - deviation) / jnp.where(size > 0, size, 1)[None]
    place = clock % moves.shape[0]
    return jax.lax.dynamic_update_index_in_dim(moves, move.astype(moves.dtype), place, 0)


def lost_by_moves(spec: Spec, moves: jax.Array) -> jax.Array:
    """1 where the last moves leave out a direction that costs, otherwise 0, ``[...]``.

    Of a minimiser that does not itself walk in every direction it says nothing, nor in float32 of
    runs that have strayed further than ten thousand of their moves.

    Args:
      spec: of the problem.
      moves: of :func:`remember`, ``[4 d, d, ...]``.
    """
    values, basis = in_float64(_squares)(moves)
    cut = max(SQUARED, (ROUNDING * float(jnp.finfo(moves.dtype).eps)) ** 2)
    rest = values <= cut * jnp.max(values, axis=0)[None]
    return lost_by_rest(spec, basis.astype(moves.dtype), rest)


def _squares(moves: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues and eigenvectors of ``sum_t m_t m_t'``."""
    return psd.eigh(jnp.sum(moves[:, :, None] * moves[:, None], axis=0))


def lost_by_rest(spec: Spec, basis: jax.Array, rest: jax.Array) -> jax.Array:
    """1 where a direction that costs is one of rest, otherwise 0, ``[...]``.

    Args:
      spec: of the problem.
      basis: orthonormal columns ``[d, d, ...]``.
      rest: whether a column is one that is not moved in, bool ``[d, ...]``.
    """
    lanes = rest.ndim - 1
    eigenvalues, vectors = align(spec.eigenvalues, 1, lanes), align(spec.basis, 2, lanes)
    # u' A u = sum_i l_i (v_i' u)^2 of every column u
    turned = jnp.sum(vectors[:, :, None] * basis[:, None], axis=0)
    costs = jnp.sum(eigenvalues[:, None] * turned * turned, axis=0)
    smallest = jnp.min(jnp.where(eigenvalues > 0, eigenvalues, jnp.inf), axis=0)
    # 2 tr(P A) >= l
    share = 2 * jnp.sum(jnp.where(rest, costs, 0), axis=0) >= smallest
    return jax.lax.stop_gradient(share.astype(basis.dtype))
