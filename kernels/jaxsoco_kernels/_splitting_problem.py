"""The problem of :mod:`splitting` as it is solved: its copies, its costs, its lower bound.

The path has a row a round, or one row for all of them where the position is held: then hitting
costs have as many copies of it as there are rounds, and there is one move.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _splitting_entropy, regions
from jaxsoco_kernels import _splitting_terms as terms

Array = jax.Array


class Copies(NamedTuple):
    """Of the path for hitting costs ``[T, d, ...]``, for moves and for the region.

    Moves are as :func:`terms.steps` has them. ``inside``, ``[T or 1, d, ...]``, is None where the
    region has no copy.
    """

    hit: Array
    move: Array
    inside: Array | None


class Tangent(NamedTuple):
    """``offset + sum_t <force_t, x_t>``, at most the hitting costs of every path."""

    offset: Array
    force: Array


class Problem(NamedTuple):
    """The problem as it is solved; nothing of it has derivatives.

    Attributes:
      hits: functions of the hitting costs.
      movement, region: kinds.
      copied: whether the region has a copy of the path.
      rounds: ``T``.
      theta: data of all rounds.
      start: ``x_0 [d, ...]``.
      moving: the movement cost.
      lo, hi: ends of the region.
      guess: a path, ``[T, d, ...]``, or a position that is held, ``[1, d, ...]``.
      least: a lower bound on all costs ``[...]``, or None.
    """

    hits: Any
    movement: str
    region: str
    copied: bool
    rounds: int
    theta: Any
    start: Array
    moving: terms.Moves
    lo: Any
    hi: Any
    guess: Array
    least: Array | None

    def project(self, path: Array) -> Array:
        """The nearest path in the region."""
        return jax.vmap(lambda x: regions.project(self.region, x, self.lo, self.hi))(path)

    def values(self, path: Array) -> Array:
        """Hitting costs, ``[T, ...]``, of a path or of a copy for each round."""
        return jax.vmap(self.hits.value)(self.spread(path), self.theta)

    def steps(self, path: Array) -> Array:
        """``D x``."""
        return terms.steps(self.movement, self.start, path)

    def spread(self, path: Array) -> Array:
        """The position of each round, ``[T, d, ...]``."""
        return jnp.broadcast_to(path, (self.rounds, *path.shape[1:]))

    def gather(self, rows: Array) -> Array:
        """The adjoint of :meth:`spread`."""
        held = self.guess.shape[0] < self.rounds
        return jnp.sum(rows, axis=0, keepdims=True) if held else rows

    def mean(self, rows: Array) -> Array:
        """One path for what may differ from round to round."""
        return self.gather(rows) * (self.guess.shape[0] / self.rounds)

    def weights(self, rate: Array, moved: Array) -> Copies:
        """How much the distances to copies count, ``[T or 1, d or 1, ...]`` each.

        Those of moves with the entropy count for more where shares are small, as its curvature is
        the inverse of a share. The region needs no copy then: it is where shares that are not
        negative sum to 1, and moves keep them from being negative.
        """
        wide = rate[None, None]
        if self.movement != terms.ENTROPY:
            return Copies(wide, wide, wide if self.copied else None)
        shares = self.steps(_splitting_entropy.as_shares(_splitting_entropy.halves(moved)[0]))
        return Copies(wide * self.guess.shape[1], wide * _splitting_entropy.steepness(shares), None)

    def nearest(self, weights: Copies, right: Copies, inverse: Array | None) -> Array:
        """Of all paths that which is nearest to the copies."""
        if inverse is None:
            rows = jnp.broadcast_to(weights.hit, right.hit.shape)
            weight = self.gather(rows) + terms.backwards(self.movement, weights.move)
            move = terms.backwards(self.movement, weights.move * right.move)
            target = (self.gather(rows * right.hit) + move) / weight
            return _splitting_entropy.nearest_shares(weight, target)
        whole = self.gather(right.hit) + terms.backwards(self.movement, right.move)
        whole = whole.at[0].add(self.start)
        whole = whole if right.inside is None else whole + right.inside
        return jnp.tensordot(inverse, whole, axes=(1, 0))

    def inverse(self) -> Array | None:
        """``(n I + D'D)^-1`` for ``n`` copies, where all count the same, else None."""
        rows = self.guess.shape[0]
        copies = self.rounds // rows + self.copied
        if self.movement == terms.ENTROPY:
            return None
        return stiff_inverse(rows, copies, self.guess.dtype)

    def candidates(self, copies: Copies) -> list[Array]:
        """Paths in the region near to the copies."""
        paths = [self.project(self.mean(copies.hit))]
        if copies.inside is not None:
            paths.append(self.project(copies.inside))
        if self.movement == terms.ENTROPY:
            moved, _ = _splitting_entropy.halves(copies.move)
            paths.append(_splitting_entropy.as_shares(moved))
        return paths

    def cost(self, path: Array) -> tuple[Array, Array]:
        """What a path costs, and the size of the terms, ``[...]`` each."""
        hits = self.values(path)
        moved = terms.cost(self.movement, self.moving, self.steps(path))
        return jnp.sum(hits, axis=0) + moved, jnp.sum(jnp.abs(hits), axis=0) + moved

    def lower(self, value: Array, tangent: Tangent, price: Array) -> Array:
        """At most the cost of every path, ``[...]``, of which one costs ``value``."""
        force = self.gather(tangent.force) + terms.backwards(self.movement, price)
        lo, hi = self.lo, self.hi
        if self.region == "box" and self.least is not None:
            lo, hi = self._within_reach(jnp.maximum(value - self.least, 0))
        most = jax.vmap(lambda y: regions.support(self.region, -y, lo, hi))(force)
        dual = tangent.offset - jnp.sum(most, axis=0)
        dual = dual + terms.at_start(self.movement, price, self.start)
        return dual - terms.conjugate(self.movement, self.moving, price)

    def _within_reach(self, budget: Array) -> tuple[Array, Array]:
        """Ends of the box with all paths that may be best; of the guess as well, if it is free."""
        rounds = self.guess.shape[0]
        below, above = terms.reach(self.movement, self.moving, budget, rounds)
        lo = jnp.minimum(self.start - below, jnp.min(self.guess, axis=0))
        hi = jnp.maximum(self.start + above, jnp.max(self.guess, axis=0))
        lo = lo if self.lo is None else jnp.maximum(lo, self.lo)
        return lo, hi if self.hi is None else jnp.minimum(hi, self.hi)


def stiff_inverse(rounds: int, copies: int, dtype: Any) -> Array:
    """The inverse of ``copies I + D'D``, ``D`` the differences along a path, ``[T, T]``.

    ``D'D`` has 2 on its diagonal, but 1 in the last place, and -1 beside it. With ``2 cosh(a) =
    copies + 2`` the entries for ``i <= j`` are ``sinh(i a) cosh((T + 1/2 - j) a) / (sinh(a)
    cosh((T + 1/2) a))``, here without the exponentials that overflow.
    """
    a = jnp.arccosh(jnp.asarray((copies + 2) / 2, dtype))
    index = jnp.arange(1, rounds + 1, dtype=dtype)
    row, column = index[:, None], index[None]
    low, high = jnp.minimum(row, column), jnp.maximum(row, column)
    last = rounds + 0.5
    ends = -jnp.expm1(-2 * low * a) * (1 + jnp.exp(-2 * (last - high) * a))
    scale = 2 * jnp.sinh(a) * (1 + jnp.exp(-2 * last * a))
    return jnp.exp((low - high) * a) * ends / scale
