"""The best fixed point in hindsight, from a replay of the minimiser's walk.

Let ``V_t = delta_1 + ... + delta_t`` be the minimiser, measured from where the run begins. Whoever
goes to ``z`` in round 1 and stays there pays, up to round ``tau`` and in the coordinates ``i`` of
the eigenbasis of the hitting cost, ::

    move = 1/2 sum_i z_i^2
    hit  = 1/2 sum_i l_i sum_(t<=tau) (z_i - V_ti)^2 = 1/2 sum_i l_i (tau (z_i - m_i)^2 + s_i)

with ``m`` the mean of ``V_1 .. V_tau`` and ``s`` the sum of their squared distances from it. The
sum of both is least at ::

    z_i = tau l_i m_i / (1 + tau l_i),   so that   z_i - m_i = -m_i / (1 + tau l_i)

Mean and squares are updated from round to round (Welford), so that nothing large cancels::

    m' = m + (V - m) / t,   s' = s + (V - m) (V - m')
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.extend import align, replay, where, words
from jaxsoco_seasons.world import Round, SeasonalSpec, seasonal_tracking


class Sums(NamedTuple):
    """Mean ``m`` and squares ``s`` of the walk up to each checkpoint, ``[C, d, ...]`` each."""

    mean: jax.Array
    squares: jax.Array


def fixed_point(
    key: jax.Array, spec: SeasonalSpec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Costs of the best fixed point, chosen afresh for every checkpoint.

    Args:
      key: of the run, ``[...]`` or its words ``[2, ...]``.
      spec: of the problem, whatever its window.
      at: rounds, ascending (static).

    Returns:
      Costs by name, cumulative at the rounds ``at``, ``[len(at), ...]`` each, and faults, all 0.
      What is no part of the objective, such as ``regret``, is left out and counts as 0.
    """
    lanes = words(key).shape[1:]
    # Checkpoints, coordinates, then lanes, of size 1 for what all runs share.
    rounds = align(jnp.asarray(at, spec.basis.dtype), 1, len(lanes))[:, None]
    eigenvalues = align(spec.eigenvalues, 1, len(lanes))[None]

    def step(carry: tuple[jax.Array, Sums], t: jax.Array, now: Round) -> tuple[jax.Array, Sums]:
        place, sums = carry
        place = place + _coordinates(spec, now.increment)
        # A checkpoint's sums stop growing at its round.
        return place, where(t <= rounds, _with_place(sums, place, t), sums)

    place = jnp.zeros((spec.dimension, *lanes), spec.basis.dtype)
    zeros = jnp.zeros((len(at), *place.shape), place.dtype)
    # Nature's rounds one by one, as the run of this key meets them; none is stored.
    _, sums = replay(seasonal_tracking, spec, key, at[-1], step, (place, Sums(zeros, zeros)))

    miss = sums.mean / (1 + rounds * eigenvalues)  # m - z
    point = sums.mean - miss
    hit = jnp.sum(eigenvalues * (rounds * miss * miss + sums.squares), axis=1) / 2
    move = jnp.sum(point * point, axis=1) / 2
    return {"hit": hit, "move": move}, jnp.zeros(lanes, jnp.int32)


def _with_place(sums: Sums, place: jax.Array, t: jax.Array) -> Sums:
    """The sums with ``V_t = place [d, ...]`` among them."""
    miss = place[None] - sums.mean
    mean = sums.mean + miss / t.astype(miss.dtype)
    return Sums(mean, sums.squares + miss * (place[None] - mean))


def _coordinates(spec: SeasonalSpec, vector: jax.Array) -> jax.Array:
    """Coordinates of ``vector [d, ...]`` in the eigenbasis, whose columns are the eigenvectors."""
    return jnp.sum(align(spec.basis, 2, vector.ndim - 1) * vector[:, None], axis=0)
