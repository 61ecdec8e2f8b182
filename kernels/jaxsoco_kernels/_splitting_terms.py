"""The terms of :mod:`splitting`: movement costs with their conjugates, and the certificate.

A movement cost ``c`` takes part by its value, by the proximal point of its conjugate ``c*``,
``shrink(q, r) = argmin_p c*(p) + |p - q|^2 / (2 r)``, and by ``c*`` itself. For norms ``c*`` is 0
on a set ``K`` and infinite elsewhere; for the entropy as well, where a step ``z`` is not the
difference of two positions but both of them (:mod:`_splitting_entropy`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _dual_ascent, _smoothed_costs, _splitting_entropy
from jaxsoco_kernels._smoothed_costs import moves, times
from jaxsoco_kernels.lanes import align

Array = jax.Array
NORMS = ("l1", "up", "l2")
ENTROPY = "entropy"
MOVEMENTS = (*NORMS, "squared", "mahalanobis", ENTROPY)


class Moves(NamedTuple):
    """A movement cost in standard form, with rounds before and lanes behind.

    Attributes:
      weight: of norms a pair, up and down, ``[T or 1, d or 1, ...]``; of ``squared`` and
        ``entropy`` the factor ``[T or 1, 1, ...]``; of ``mahalanobis`` ``M_t [T or 1, d, d, ...]``.
      eigen, basis: of ``M_t``, ``[T or 1, d, ...]`` and ``[T or 1, d, d, ...]``, else None.
    """

    weight: Any
    eigen: Any = None
    basis: Any = None


def aligned(movement: str, weight: Any, lanes: int) -> Moves:
    """The standard form of a user's weights."""
    if movement not in MOVEMENTS:
        raise ValueError(f"movement: expected one of {', '.join(MOVEMENTS)}, got {movement!r}")
    if isinstance(weight, tuple) and movement != "l1":
        raise ValueError(f"weight: expected a number or an array for {movement!r}, got a pair")
    if movement == "mahalanobis":
        matrix = jnp.asarray(weight)
        matrix = matrix if matrix.ndim == lanes + 3 else align(matrix, 2, lanes)[None]
        return Moves(matrix)
    if movement in ("squared", ENTROPY):
        return Moves(_smoothed_costs.weights(weight, lanes, "l2"))
    pair = weight if isinstance(weight, tuple) else (weight, 0.0 if movement == "up" else weight)
    return Moves(tuple(_smoothed_costs.weights(x, lanes, movement) for x in pair))


def with_spectrum(moves: Moves, movement: str) -> Moves:
    """The same with the spectra of its matrices."""
    if movement != "mahalanobis":
        return moves
    eigen, basis = jnp.linalg.eigh(jnp.moveaxis(moves.weight, (1, 2), (-2, -1)))
    basis = jnp.moveaxis(basis, (-2, -1), (1, 2))
    return moves._replace(eigen=jnp.moveaxis(eigen, -1, 1), basis=basis)


def steps(movement: str, start: Array, path: Array) -> Array:
    """``D x``: the steps of a path ``[T, d, ...]``; of the entropy both ends, ``[T, 2 d, ...]``."""
    return (_splitting_entropy.joined if movement == ENTROPY else moves)(start, path)


def backwards(movement: str, price: Array) -> Array:
    """``D'p``: ``p_t - p_{t+1}``, ``[T, d, ...]``."""
    first, second = _splitting_entropy.halves(price) if movement == ENTROPY else (price, -price)
    return first + jnp.concatenate([second[1:], jnp.zeros_like(second[:1])])


def at_start(movement: str, price: Array, start: Array) -> Array:
    """What the start adds to ``<p, D x>``, ``[...]``: ``- <p_1, x_0>``."""
    first = _splitting_entropy.halves(price)[1] if movement == ENTROPY else -price
    return jnp.sum(first[0] * start, axis=0)


def cost(movement: str, moves: Moves, steps: Array) -> Array:
    """``sum_t c(z_t)`` of ``steps``, ``[...]``."""
    if movement == ENTROPY:
        return _splitting_entropy.cost(moves.weight, steps)
    if movement in NORMS:
        return _smoothed_costs.moving(movement, moves.weight, steps)
    if movement == "squared":
        return jnp.sum(moves.weight * steps**2, axis=(0, 1)) / 2
    return jnp.sum(steps * times(moves.weight, steps), axis=(0, 1)) / 2


def shrink(movement: str, moves: Moves, price: Array, rate: Array) -> Array:
    """``argmin_p c*(p) + |p - price|^2 / (2 rate)``, ``[T, d, ...]``.

    ``rate`` is ``[1, 1, ...]``, of the entropy like ``price``.
    """
    if movement in NORMS:
        return _dual_ascent.project(movement, moves.weight, price)
    if movement == ENTROPY:
        return _splitting_entropy.nearest(moves.weight, price, rate)
    if movement == "squared":
        return price * (moves.weight / (moves.weight + rate))
    # (I + rate M^-1)^-1 in the eigenbasis of M.
    share = moves.eigen / (moves.eigen + rate)
    return _combined(moves, share * _coordinates(moves, price))


def feasible(movement: str, moves: Moves, price: Array) -> Array:
    """The nearest prices of which the conjugate is finite."""
    if movement in NORMS:
        return _dual_ascent.project(movement, moves.weight, price)
    if movement == ENTROPY:
        return _splitting_entropy.feasible(moves.weight, price)
    if movement == "squared":
        return jnp.where(moves.weight > 0, price, 0)
    return _combined(moves, jnp.where(moves.eigen > 0, _coordinates(moves, price), 0))


def conjugate(movement: str, moves: Moves, price: Array) -> Array:
    """``sum_t c*(p_t)``, ``[...]``, of prices where it is finite."""
    if movement in (*NORMS, ENTROPY):
        return jnp.zeros(price.shape[2:], price.dtype)
    scale = moves.weight if movement == "squared" else moves.eigen
    place = price if movement == "squared" else _coordinates(moves, price)
    some = scale > 0
    return jnp.sum(jnp.where(some, place**2 / jnp.where(some, scale, 1), 0), axis=(0, 1)) / 2


def typical(movement: str, moves: Moves) -> Array:
    """A price of moving by 1, ``[...]``."""
    scale = moves.eigen if movement == "mahalanobis" else moves.weight
    return jnp.max(jnp.stack([jnp.max(x, axis=(0, 1)) for x in jax.tree.leaves(scale)]), axis=0)


def reach(movement: str, moves: Moves, budget: Array, rounds: int) -> tuple[Array, Array]:
    """How far below and above the start a path may be that pays ``budget [...]`` for moving.

    ``[d or 1, ...]`` each, infinite where moving costs nothing.
    """
    if movement in NORMS:
        # Rounds in which moving costs nothing are past an end, and not meant.
        up, down = (jnp.max(x, axis=0) for x in moves.weight)
        return _over(budget, down), _over(budget, up)
    scale = moves.weight if movement == "squared" else jnp.min(moves.eigen, axis=1)[:, None]
    far = jnp.sqrt(_over(2 * rounds * budget, jnp.max(scale, axis=0)))
    return far, far


def _over(budget: Array, price: Array) -> Array:
    some = price > 0
    return jnp.where(some, budget[None] / jnp.where(some, price, 1), jnp.inf)


def _coordinates(moves: Moves, x: Array) -> Array:
    return jnp.sum(moves.basis * x[:, :, None], axis=1)


def _combined(moves: Moves, z: Array) -> Array:
    return jnp.sum(moves.basis * z[:, None], axis=2)


def path_cost(movement: str, moving: Moves, start: Array, path: Array, hits: Array) -> Array:
    """What a path costs, for the hitting costs ``[T, ...]``: ``[...]``."""
    return jnp.sum(hits, axis=0) + cost(movement, moving, steps(movement, start, path))
