"""Exact expected costs and regrets (closed forms), for any martingale increments.

The regret of a policy is what it costs beyond LAI with the true matrix on the same increments.
Every function takes one problem (``vmap`` for more), is differentiable, costs ``O(T d^3)`` and
memory ``O(T d^2)``.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxsoco.tracking.theory.planning import weights
from jaxsoco_kernels import jacobi, psd


def plugin_regret(
    matrix: jax.Array,
    estimate: jax.Array,
    covariances: jax.Array,
    start: int = 1,
    initial: jax.Array | None = None,
) -> jax.Array:
    """Expected regret of LAI that takes ``estimate`` for the true matrix.

    ``1/2 sum_t tr(K_t' C_t^-1 K_t S_t)`` with ``K = Chat - C``, ``S_(t+1) = Chat_t S_t Chat_t' +
    Sigma_(t+1)``: the weights are those of the true matrix, the deviations those of the estimate.

    >>> from jaxsoco.tracking import plugin_regret
    >>> matrix, covariances = jnp.array([[3.0]]), jnp.ones((1, 1, 1))  # one round
    >>> round(float(plugin_regret(matrix, jnp.array([[1.0]]), covariances)), 3)
    0.125

    Args:
      matrix: the true ``A``, positive semidefinite ``[d, d]``.
      estimate: what the learner plans with, ``[d, d]``.
      covariances: of the increments of rounds ``1 .. T``, ``[T, d, d]``.
      start: first round that counts, ``1 .. T + 1`` (static).
      initial: ``E w w'`` at ``start``, that round's increment included, ``[d, d]``; by default
        the covariance at ``start``, which is right for a run that begins at the minimiser.

    Returns:
      The regret of rounds ``start .. T``, a scalar.
    """
    matrix, estimate, covariances = _numbers(matrix, estimate, covariances)
    rounds = covariances.shape[0]
    _check_round("start", start, 1, rounds + 1)
    if start > rounds:
        return jnp.zeros((), matrix.dtype)
    first = covariances[start - 1] if initial is None else jnp.asarray(initial, matrix.dtype)
    following = jnp.concatenate([covariances[start:], jnp.zeros_like(covariances[:1])])
    true, believed = jacobi.start(matrix), jacobi.start(estimate)
    # Second moments live in the eigenbasis of the estimate, weights in that of the matrix.
    into = true.basis.T @ believed.basis
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)

    def step(second, place):
        left, nxt = place
        go, _ = weights(believed.matrix, left)
        best, weight = weights(true.matrix, left)
        # V' K U = (V' (I - C) V) into - into (U' (I - Chat) U), and Chat in its own basis U.
        miss, keep = _times(best, into) - _times(into, go), eye - go
        # 1/2 tr(K' C^-1 K S)
        charge = jnp.sum(_times(weight, miss) * _times(miss, second)) / 2
        # U' Sigma_(t+1) U
        nxt = _times(believed.basis.T, _times(nxt, believed.basis))
        # S_(t+1) = Chat S Chat' + Sigma_(t+1)
        return _times(keep, _times(second, keep.T)) + nxt, charge

    # S at the first round, in the basis U.
    first = believed.basis.T @ first @ believed.basis
    left = jnp.arange(rounds - start + 1, 0, -1).astype(matrix.dtype)
    # Reverse mode computes the rounds anew, so that its memory stays O(T d^2).
    _, charges = jax.lax.scan(jax.checkpoint(step), first, (left, following))
    return jnp.sum(charges)


def exploration_regret(
    matrix: jax.Array, covariances: jax.Array, gamma: jax.Array | float, rounds: int
) -> jax.Array:
    """Expected regret of the rounds ``1 .. rounds`` that play ``y_t = gamma z_t``, z standard.

    ``1/2 (gamma^2 sum_t tr C_t^-1 + gamma^2 sum_(t>=2) tr C_t + sum_t tr(C_t Sigma_t))``.

    >>> from jaxsoco.tracking import exploration_regret
    >>> matrix, covariances = jnp.array([[3.0]]), jnp.ones((1, 1, 1))  # one round
    >>> round(float(exploration_regret(matrix, covariances, gamma=0.5, rounds=1)), 3)
    0.625

    Args:
      matrix: the true ``A [d, d]``.
      covariances: ``[T, d, d]``, of the whole horizon.
      gamma: standard deviation of the exploration, a scalar.
      rounds: number of exploring rounds, ``0 .. T`` (static).

    Returns:
      The regret, a scalar: the rest of the run is :func:`plugin_regret` from ``rounds + 1`` on.
    """
    matrix, covariances = _numbers(matrix, covariances)
    _check_round("rounds", rounds, 0, covariances.shape[0])
    square = jnp.asarray(gamma, matrix.dtype) ** 2
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)

    def charge(go, weight, covariance, first):
        # gamma^2 (tr C^-1 + [t >= 2] tr C) + tr(C Sigma)
        trace = jnp.trace(weight) + jnp.where(first, 0, jnp.trace(eye - go))
        return square * trace + jnp.sum((eye - go) * covariance)

    return _total(matrix, covariances, rounds, charge)


def follow_regret(matrix: jax.Array, covariances: jax.Array) -> jax.Array:
    """Expected regret of following the minimiser (``y = 0``): ``1/2 sum_t tr(C_t Sigma_t)``.

    >>> from jaxsoco.tracking import follow_regret
    >>> round(float(follow_regret(jnp.array([[3.0]]), jnp.ones((1, 1, 1)))), 3)  # 0.5 - 0.375
    0.125

    Args:
      matrix: the true ``A [d, d]``.
      covariances: ``[T, d, d]``.
    """
    matrix, covariances = _numbers(matrix, covariances)
    eye = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return _total(
        matrix, covariances, None, lambda go, weight, cov, first: jnp.sum((eye - go) * cov)
    )


def lai_cost(matrix: jax.Array, covariances: jax.Array) -> jax.Array:
    """Expected cost of LAI with the true matrix: ``1/2 sum_t tr((I - C_t) Sigma_t)``.

    >>> from jaxsoco.tracking import lai_cost
    >>> round(float(lai_cost(jnp.array([[3.0]]), jnp.ones((1, 1, 1)))), 3)  # one round
    0.375

    Args:
      matrix: the true ``A [d, d]``.
      covariances: ``[T, d, d]``.
    """
    matrix, covariances = _numbers(matrix, covariances)
    return _total(matrix, covariances, None, lambda go, weight, cov, first: jnp.sum(go * cov))


def _total(
    matrix: jax.Array, covariances: jax.Array, rounds: int | None, charge: Callable
) -> jax.Array:
    """Half the sum of ``charge(I - C_t, C_t^-1, Sigma_t, t == 1)`` over the first rounds.

    All in the eigenbasis of the matrix.
    """
    true, horizon = jacobi.start(matrix), covariances.shape[0]
    rounds = horizon if rounds is None else rounds

    def step(_, place):
        left, covariance = place
        # V' Sigma_t V
        covariance = _times(true.basis.T, _times(covariance, true.basis))
        return None, charge(*weights(true.matrix, left), covariance, left == horizon)

    left = jnp.arange(horizon, horizon - rounds, -1).astype(matrix.dtype)
    _, charges = jax.lax.scan(jax.checkpoint(step), None, (left, covariances[:rounds]))
    return jnp.sum(charges) / 2


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    """``A B``: for a few dimensions quicker than a call of a matrix product."""
    return jnp.sum(a[:, :, None] * b[None], axis=1)


def _numbers(*matrices: jax.Array) -> tuple[jax.Array, ...]:
    dtype = jnp.result_type(float, *matrices)
    *square, last = (jnp.asarray(x, dtype) for x in matrices)
    return (*(psd.symmetric(x) for x in square), last)


def _check_round(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: want a round from {low} to {high}, got {value}")
