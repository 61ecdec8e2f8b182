"""The face of the optimum that a central path leads to: the exact answer, and how it moves.

Of every complementary pair of :mod:`_central_path` one number is 0 at the optimum: an eigenvalue of
``M`` or the one of ``Z`` that belongs to it, ``t - |u_k|`` beside ``|z1 - z2|`` at its limit or
``u_k`` itself, the room that the radius leaves or its price. Which one says on which face of the
feasible set the optimum lies, and on a face there are equations alone. With ``w = z1 - z2`` and
``p = z3 / m`` they are

    M Z = 0,  Z = I + K' w
    u_k = 0                 where a measurement is tight; w_k = sign(u_k) p elsewhere
    sum |u| = R             where the radius is active; p = 0 otherwise.

The path says which number of a pair is 0 unless both are about as small as the path is inexact
there. Newton's steps from its last point are therefore shortened where they would make a number
negative, which then changes sides (a primal and dual active set method), until all equations and
inequalities hold up to rounding: then the optimum is proved, and the derivative is that of the
equations. At a kink both numbers of a pair are 0, and either face has its optimum there: whichever
is found first gives the derivative of its side.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels import _faces, psd
from jaxsoco_kernels._central_path import Point, deviations
from jaxsoco_kernels._faces import Face

_LIMIT = 10
"""Newton's steps. One is enough at full rank and two on a smooth face; every change takes one."""


class _State(NamedTuple):
    """A point near the face, ``M - Z`` by its eigenvalues; whether it is the optimum."""

    values: jax.Array  # [d] ascending: -zeta of the null space, then mu
    basis: jax.Array  # [d, d]
    null: jax.Array  # [d]
    skew: jax.Array  # w [m]
    price: jax.Array  # p
    tight: jax.Array  # [m]
    signs: jax.Array  # [m]
    active: jax.Array
    met: jax.Array  # whether the equations hold
    optimal: jax.Array
    steps: jax.Array

    @property
    def matrix(self):
        """``M``, of the rank of the face."""
        return (self.basis * jnp.where(self.null, 0, self.values)[None]) @ self.basis.T


class _Values(NamedTuple):
    """The unknowns: ``M [d, d]``, ``w [m]`` and ``p``."""

    matrix: jax.Array
    skew: jax.Array
    price: jax.Array


def finish(point: Point, vectors, values, radius) -> tuple[Point, Face, jax.Array]:
    """The optimum that the path's last ``point`` is near to, its face, and whether it is proved.

    If not, the point and what it says of its face are returned as they are.
    """
    rough = _faces.rough(point)

    def going(state):
        return ~state.optimal & (state.steps < _LIMIT) & jnp.all(jnp.isfinite(state.values))

    advance = partial(_advance, looseness=rough.looseness, data=(vectors, values, radius))
    state = jax.lax.while_loop(going, advance, _begin(point, rough))
    exact = _linear(state, rough.looseness), _exact(state, vectors, values, radius)
    face, point = jax.tree.map(partial(jnp.where, state.optimal), exact, (rough, point))
    return point, face, state.optimal


def _begin(point: Point, face: Face) -> _State:
    """The path's last point, with 0 for what vanishes on the face."""
    price = jnp.where(face.active, point.dual_slack / point.bound.shape[0], 0)
    skew = jnp.where(face.tight, point.dual_two[0] - point.dual_two[1], face.signs * price)
    split = jnp.sum(face.basis * ((point.matrix - point.dual) @ face.basis), axis=0)
    no, none = jnp.array(False), jnp.array(0)
    return _State(
        split, face.basis, face.null, skew, price, face.tight, face.signs, face.active,
        no, no, none,
    )  # fmt: skip


def _linear(state: _State, looseness) -> Face:
    """The equations of the state's face at the state, with a rounding error in place of 0."""
    eps = jnp.finfo(looseness.dtype).eps
    mu = jnp.where(state.null, 0, jnp.maximum(state.values, eps))
    zeta = jnp.where(state.null, jnp.maximum(-state.values, 0), 0)
    across = mu[:, None] + mu[None]
    ratio = (zeta[:, None] + zeta[None]) / jnp.where(across > 0, across, 1)
    return Face(
        basis=state.basis,
        null=state.null,
        curvature=jnp.maximum(ratio, eps),
        tight=state.tight,
        looseness=looseness,
        give=jnp.full_like(looseness, eps),
        signs=state.signs,
        active=state.active,
        slack=jnp.asarray(eps, looseness.dtype),
    )


def _advance(state: _State, looseness, data) -> _State:
    """One of Newton's steps, as far as the inequalities let it; what stops it changes sides."""
    vectors, values, radius = data
    here = _Values(state.matrix, state.skew, state.price)
    dual, u = _dual(here.skew, vectors), deviations(here.matrix, vectors, values)
    solve, regular = _faces.solver(_linear(state, looseness), vectors)
    # Equations that depend on each other leave a line of steps: along it, to where it ends. What
    # they lack chooses the direction or, where they lack nothing, as little as matters.
    shake = jnp.where(state.met & ~regular, _small(u), 0) * jnp.cos(
        jnp.arange(u.shape[0], dtype=u.dtype)
    )
    rest = jnp.einsum("m,mi,mj->ij", shake, vectors, vectors)
    step = solve(rest - dual, shake - u, shake[0] + radius - jnp.dot(state.signs, u))
    whole = _Values(*(x + dx for x, dx in zip(here, step, strict=True)))
    # 1e-7 in float64: to leave the inequalities by less may be the step's own inexactness.
    inexact = jnp.minimum(jnp.finfo(u.dtype).eps ** 0.45, 0.01 * radius / u.shape[0])
    # Along a line of steps all that is on it changes by far more.
    ignored = jnp.where(regular, inexact, jnp.finfo(u.dtype).eps ** 0.25)
    share, stops = _stops(_margins(state, here, data), _margins(state, whole, data), ignored)
    moved = _Values(*(x + share * dx for x, dx in zip(here, step, strict=True)))
    eigenvalues, basis = jnp.linalg.eigh(psd.symmetric(moved.matrix - _dual(moved.skew, vectors)))
    state = state._replace(
        values=eigenvalues,
        basis=basis,
        null=jnp.arange(eigenvalues.shape[0]) < jnp.sum(state.null),
        skew=moved.skew,
        price=moved.price,
        steps=state.steps + 1,
    )
    # A whole step that meets the equations is the optimum, unless an inequality does not hold.
    margins = _margins(state, _Values(state.matrix, state.skew, state.price), data)
    least = _least(margins)
    met = _equations_hold(state, *data)
    whole = met & regular & (share == 1)
    wrong = whole & (least < -_small(u))
    stops = tuple(jnp.where(wrong, x <= least, y) for x, y in zip(margins, stops, strict=True))
    # A measurement that turns tight as it violates its inequality violates the equation, too.
    return _change_sides(state, *stops)._replace(met=met & ~wrong, optimal=whole & ~wrong)


def _margins(state: _State, at: _Values, data):
    """What must not be negative, linear in ``at``.

    Of eigenvalues ``[d]``, of measurements, twice ``[2, m]``, and of the radius.
    """
    vectors, values, radius = data
    matrix, skew, price = at
    u = deviations(matrix, vectors, values)
    basis, dual = state.basis, _dual(skew, vectors)
    cone = jnp.sum(basis * jnp.where(state.null[None], dual @ basis, matrix @ basis), axis=0)
    limits = jnp.stack([price + skew, price - skew])
    sides = jnp.where(state.tight, limits, state.signs * u)
    return cone, sides, jnp.where(state.active, price, radius - jnp.dot(state.signs, u))


def _stops(here, whole, ignored):
    """The share of a step that keeps all margins, at most 1, and which ones stop it.

    Margins before it, after the whole step, and below 0 by how little they do not count.
    """

    tiny = jnp.finfo(here[0].dtype).tiny

    def shares(x, y):
        return jnp.where(y < -ignored, jnp.maximum(x, 0) / jnp.maximum(x - y, tiny), jnp.inf)

    all_shares = jax.tree.map(shares, here, whole)
    least = _least(all_shares)
    # Of several that stop it together all change.
    stops = jax.tree.map(lambda x: (x <= least) & jnp.isfinite(x), all_shares)
    return jnp.minimum(least, 1), stops


def _least(parts):
    return jnp.min(jnp.stack([jnp.min(x) for x in parts]))


def _change_sides(state: _State, cone, sides, room) -> _State:
    """Moves these eigenvalues ``[d]``, measurements ``[2, m]`` and the radius to the other side."""
    nulls = jnp.sum(state.null) + jnp.sum(cone & ~state.null) - jnp.sum(cone & state.null)
    active = state.active ^ room
    price = jnp.where(active, state.price, 0)
    tight = state.tight ^ jnp.any(sides, axis=0)
    # A measurement that was tight comes loose at the limit that stopped it.
    signs = jnp.where(state.tight, jnp.where(sides[0], -1, 1), state.signs)
    signs = jnp.where(tight, 0, signs)
    return state._replace(
        null=jnp.arange(state.values.shape[0]) < nulls,
        skew=jnp.where(tight, state.skew, signs * price),
        price=price,
        tight=tight,
        signs=signs,
        active=active,
    )


def _equations_hold(state: _State, vectors, values, radius):
    """Whether the equations of the state's face hold up to rounding, of its matrix and price."""
    u = deviations(state.matrix, vectors, values)
    # In the basis Z is diagonal, and 0 in the range.
    turned = state.basis.T @ _dual(state.skew, vectors) @ state.basis
    rest = turned - jnp.diag(jnp.where(state.null, jnp.diagonal(turned), 0))
    left = jnp.where(state.active, radius - jnp.dot(state.signs, u), 0) / u.shape[0]
    worst = _least((-jnp.abs(rest), -jnp.abs(jnp.where(state.tight, u, 0)), -jnp.abs(left)))
    return worst >= -_small(u)


def _exact(state: _State, vectors, values, radius) -> Point:
    """The state as a point, a few roundings inside the cone, so that rounding does not leave it."""
    count = values.shape[0]
    rounding = 4 * jnp.finfo(values.dtype).eps * jnp.trace(state.matrix)
    inside = jnp.where(state.null, rounding, jnp.maximum(state.values, rounding))
    matrix = psd.symmetric((state.basis * inside[None]) @ state.basis.T)
    u = jnp.where(state.tight, 0, deviations(matrix, vectors, values))
    bound = jnp.abs(u)
    return Point(
        matrix=matrix,
        bound=bound,
        two=jnp.stack([bound - u, bound + u]),
        slack=jnp.where(state.active, 0, radius / count - jnp.mean(bound)),
        dual=_dual(state.skew, vectors),
        dual_two=jnp.stack([state.price + state.skew, state.price - state.skew]) / 2,
        dual_slack=count * state.price,
    )


def _dual(skew, vectors):
    """``Z = I + K' w``."""
    eye = jnp.eye(vectors.shape[1], dtype=vectors.dtype)
    return eye + jnp.einsum("m,mi,mj->ij", skew, vectors, vectors)


def _small(x):
    """More than rounding, less than what an equation that does not hold would leave."""
    return jnp.finfo(x.dtype).eps ** 0.75
