"""Expected costs of SCaLE over the minimiser's walk, in closed form.

Costs are quadratic, so second moments fix their means, and for a given exploration and a given
estimate those are exact: they take one pass over the rounds, whatever the number of walks.

What is charged may be a part: the exploration or the exploitation alone, or an exploitation whose
estimate errs in one respect only. With ``A = V l V'`` and ``Ahat = U m U'``, both in ascending
order, the regret of the eigenvalues' errors is that of ``V m V'``, the regret of the eigenbasis'
error that of ``U l U'`` (the split of arXiv 2601.09042, theorems 4 and 5).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.tracking.spec import Averaged, Costs, Spec
from jaxsoco.tracking.theory.increments import correlation_root, variance_of_round
from jaxsoco.tracking.theory.lost import lost_by_rest
from jaxsoco.tracking.theory.planning import at_rest, interpolation_eigenvalues
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


def step_variance(spec: Spec, lanes: int) -> jax.Array:
    """``V' Sigma V [d, d, ...]`` of an increment but for its round's factor, ``A = V l V'``.

    ``Sigma = scale^2 I``, or ``scale^2 L L'`` for correlated increments.
    """
    scale = align(spec.scale, 0, lanes)[None, None]
    basis = align(spec.basis, 2, lanes)
    if spec.increments == "correlated":
        # scale V' L
        root = correlation_root(spec.dimension, align(spec.correlation, 0, lanes))
        turned = scale * jnp.sum(basis[:, :, None] * root[:, None], axis=0)
    else:
        # scale V'
        turned = scale * jnp.swapaxes(basis, 0, 1)
    # V' Sigma V = X X' with X = scale V' L, or scale V'.
    return jnp.sum(turned[:, None] * turned[None], axis=2)


def exploration_costs(problem: Averaged, coordinates: jax.Array, hits: jax.Array) -> Costs:
    """Expected costs of the rounds ``1 .. T0``, given their deviations ``y_t``.

    With ``w_t = y_(t-1) - delta_t`` they are ``1/2 y_t' A y_t``, ``1/2 E |y_t - w_t|^2 = 1/2 |y_t -
    y_(t-1)|^2 + 1/2 tr Sigma_t``, and as regret ``1/2 E (y_t - C_t w_t)' C_t^-1 (y_t - C_t w_t) =
    1/2 |C_t^(-1/2) (y_t - C_t y_(t-1))|^2 + 1/2 tr(C_t Sigma_t)``.

    Args:
      problem: what is averaged, and which part is charged.
      coordinates: the deviations in the eigenbasis of ``A``, ``[T0, d, ...]``.
      hits: their hitting costs ``[T0, ...]``.
    """
    spec = problem.spec
    if problem.part not in ("all", "exploration"):
        return _nothing(coordinates)
    lanes, dtype = coordinates.ndim - 2, coordinates.dtype
    eigenvalues = align(spec.eigenvalues, 1, lanes)
    spread = _diagonal(step_variance(spec, lanes))
    t = jnp.arange(1, coordinates.shape[0] + 1)
    keep = jax.vmap(lambda now: _keep(spec, eigenvalues, now))(t)
    last = jnp.concatenate([jnp.zeros_like(coordinates[:1]), coordinates[:-1]])
    # The diagonal of V' Sigma_t V, [T0, d, ...].
    share = _modulation(spec, t, dtype).reshape(-1, 1, *(1,) * lanes)
    walked = share * spread[None]
    # y_t - C_t y_(t-1); C_t is diagonal in this basis.
    miss = coordinates - keep * last
    return Costs(
        hit=jnp.sum(hits, axis=0),
        move=jnp.sum((coordinates - last) ** 2 + walked, axis=(0, 1)) / 2,
        regret=jnp.sum(miss * miss / keep + keep * walked, axis=(0, 1)) / 2,
        lost=jnp.zeros(coordinates.shape[2:], dtype),
    )


def exploitation_costs(problem: Averaged, coordinates: jax.Array, estimate: Spectrum) -> Costs:
    """Expected costs of LAI with an estimate ``Ahat``, or a part of it, after the exploration.

    Args:
      problem: what is averaged, and which part is charged.
      coordinates: the deviations of the exploring rounds in the eigenbasis of ``A``,
        ``[T0, d, ...]``.
      estimate: ``Ahat``.
    """
    estimate = jacobi.settle(estimate)
    lost = lost_by_rest(problem.spec, estimate.basis, at_rest(jacobi.eigenvalues(estimate)))
    if problem.part == "exploration":
        return _nothing(coordinates)._replace(lost=lost)
    if problem.part in ("eigenvalues", "eigenbasis"):
        estimate = _err_in(problem.part, problem.spec, estimate)
    return _plan_costs(problem.spec, coordinates, estimate)._replace(lost=lost)


def _nothing(coordinates: jax.Array) -> Costs:
    """No costs of runs with these deviations."""
    zero = jnp.zeros(coordinates.shape[2:], coordinates.dtype)
    return Costs(zero, zero, zero, zero)


def _err_in(part: str, spec: Spec, estimate: Spectrum) -> Spectrum:
    """``V m V'`` (``eigenvalues``) or ``U l U'`` (``eigenbasis``) of ``A = V l V'`` and ``U m U'``.

    The k-th smallest eigenvalue of one belongs to the k-th smallest of the other.
    """
    own = jacobi.eigenvalues(estimate)
    true = jnp.broadcast_to(align(spec.eigenvalues, 1, own.ndim - 1), own.shape)
    basis = jnp.broadcast_to(align(spec.basis, 2, own.ndim - 1), estimate.basis.shape)
    true, basis = _ascending(true, basis)
    own, turned = _ascending(own, estimate.basis)
    basis, values = (basis, own) if part == "eigenvalues" else (turned, true)
    eye = align(jnp.eye(len(own), dtype=own.dtype), 2, own.ndim - 1)
    return Spectrum(basis, eye * values[None])


def _ascending(values: jax.Array, basis: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues ``[d, ...]`` in ascending order, and the columns of their basis with them."""
    order = jnp.argsort(values, axis=0)
    columns = jnp.broadcast_to(order[None], basis.shape)
    return jnp.take_along_axis(values, order, 0), jnp.take_along_axis(basis, columns, 1)


def _plan_costs(spec: Spec, coordinates: jax.Array, estimate: Spectrum) -> Costs:
    """Expected costs of LAI with an estimate ``Ahat`` from round ``T0 + 1`` to the end.

    With ``S_t = E w_t w_t'``, ``y_t = Chat_t w_t`` and ``K_t = Chat_t - C_t`` they are ``1/2
    tr(Chat_t A Chat_t S_t)``, ``1/2 tr((I - Chat_t)^2 S_t)`` and, as regret, ``1/2 tr(K_t' C_t^-1
    K_t S_t)``; ``S_(t+1) = Chat_t S_t Chat_t + Sigma_(t+1)``, ``S_(T0+1) = y_T0 y_T0' +
    Sigma_(T0+1)`` (arXiv 2601.09042, proposition 1 in exact form).

    Args:
      spec: of the problem.
      coordinates: the deviations of the exploring rounds in the eigenbasis of ``A``,
        ``[T0, d, ...]``.
      estimate: ``Ahat``.
    """
    lanes, dtype = coordinates.ndim - 2, coordinates.dtype
    eigenvalues = align(spec.eigenvalues, 1, lanes)
    believed = jacobi.eigenvalues(estimate)
    # With A = V l V' and Ahat = U m U': into = V' U, and all second moments in the basis U.
    basis = align(spec.basis, 2, lanes)
    into = jnp.sum(basis[:, :, None] * estimate.basis[:, None], axis=0)
    # U' A U = into' l into
    weighted = eigenvalues[:, None] * into
    matrix = jnp.sum(into[:, :, None] * weighted[:, None], axis=0)
    # U' Sigma U = into' (V' Sigma V) into
    step = step_variance(spec, lanes)
    half = jnp.sum(step[:, :, None] * into[None], axis=1)
    step = jnp.sum(into[:, :, None] * half[:, None], axis=0)
    # S_(T0+1)
    rounds = coordinates.shape[0]
    last = coordinates[-1] if rounds else jnp.zeros_like(believed)
    turned = jnp.sum(into * last[:, None], axis=0)
    first = jnp.int32(rounds + 1)
    second = turned[:, None] * turned[None] + _modulation(spec, first, dtype) * step
    zero = jnp.zeros(coordinates.shape[2:], dtype)

    def body(t, carry):
        second, (hit, move, regret) = carry
        keep, best = _keep(spec, believed, t), _keep(spec, eigenvalues, t)
        # Chat S Chat and V' K U: C is diagonal in V, Chat in U.
        after = keep[:, None] * second * keep[None]
        miss = into * (keep[None] - best[:, None])
        # (V' K U) (U' S U)
        missed = jnp.sum(miss[:, :, None] * second[None], axis=1)
        # 1/2 tr(A Chat S Chat), 1/2 tr((I - Chat)^2 S) and 1/2 tr(K' C^-1 K S)
        hit = hit + jnp.sum(matrix * after, axis=(0, 1)) / 2
        move = move + jnp.sum(_diagonal(second) * (1 - keep) ** 2, axis=0) / 2
        regret = regret + jnp.sum(jnp.sum(missed * miss, axis=1) / best, axis=0) / 2
        # S_(t+1) = Chat S Chat + Sigma_(t+1)
        return after + _modulation(spec, t + 1, dtype) * step, (hit, move, regret)

    start = (second, (zero, zero, zero))
    _, (hit, move, regret) = jax.lax.fori_loop(rounds + 1, spec.horizon + 1, body, start)
    return Costs(hit, move, regret, zero)


def _modulation(spec: Spec, rounds: jax.Array, dtype: Any) -> jax.Array:
    """The factor ``s_t^2`` of the increments' variance in these rounds."""
    if spec.increments == "correlated":
        return variance_of_round(rounds, dtype)
    return jnp.ones(rounds.shape, dtype)


def _keep(spec: Spec, eigenvalues: jax.Array, t: jax.Array) -> jax.Array:
    """LAI's coefficients ``c_t [d, ...]`` of round ``t``."""
    left = jnp.maximum(spec.horizon + 1 - t, 1).astype(eigenvalues.dtype)
    return interpolation_eigenvalues(eigenvalues, left)[0]


def _diagonal(matrix: jax.Array) -> jax.Array:
    return jnp.stack([matrix[i, i] for i in range(matrix.shape[0])])
