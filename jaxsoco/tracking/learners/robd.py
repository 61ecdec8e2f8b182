"""Regularised online balanced descent (R-OBD) with squared movement, told the matrix.

With ``w_t = x_{t-1} - v_t``, the deviation before the move::

    y_t = argmin_y  1/2 y' A y + lambda1 / 2 |y - w_t|^2 + lambda2 / 2 |y|^2
        = lambda1 (A + (lambda1 + lambda2) I)^{-1} w_t

``A`` is the true matrix, or the one that SCaLE's exploration recovers (``told``); in the
exploring rounds it plays ``gamma z_t``. With the true one, its smallest eigenvalue ``m``,
``lambda1 = 1`` and ``lambda2 = m (r - 1)``, the cost is at most ``r = (1 + sqrt(1 + 4 / m)) / 2``
times that of the best path in hindsight, whatever the walk, and no online algorithm has a smaller
ratio. For a martingale :mod:`LAI <jaxsoco.tracking.learners.lai>` costs less on average.

Goel, Lin, Sun, Wierman, "Beyond online balanced descent: an optimal algorithm for smoothed online
optimization", NeurIPS 2019, algorithm 2 and theorem 4.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.tracking.learners._shared import Explorer, explored, recover_once
from jaxsoco.tracking.learners._told import begin_told, resolve_told
from jaxsoco.tracking.settings_rivals import ROBDParams
from jaxsoco.tracking.spec import Observation
from jaxsoco.tracking.theory.planning import at_rest
from jaxsoco_kernels import jacobi, psd


def _act(
    key: jax.Array, params: ROBDParams, state: Explorer, obs: Observation
) -> tuple[jax.Array, Explorer]:
    del key
    before = state.deviation - obs.increment
    first, second = _weights(params, state, before)
    known = state.estimate
    moved = jacobi.apply(
        _shrink, _differences, known, jacobi.coordinates(known, before), first, second
    )
    action = explored(state, jacobi.combine(known, moved))
    return action, state._replace(deviation=action)


def _weights(params: ROBDParams, state: Explorer, before: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``lambda1`` and ``lambda2``, ``[...]`` each: the theory's where it is not given."""
    lanes = before.shape[1:]
    first = jnp.broadcast_to(_number(params.lambda1, before), lanes)
    if params.lambda2 is not None:
        return first, jnp.broadcast_to(_number(params.lambda2, before), lanes)
    values = jacobi.eigenvalues(state.estimate)
    # The root of what rounding leaves of a 0 would be felt.
    m = jnp.min(jnp.where(at_rest(values), 0, values), axis=0)
    # m (r - 1) = (sqrt(m (m + 4)) - m) / 2, 0 at m = 0, where its slope is infinite.
    safe = jnp.where(m > 0, m, 1)
    return first, jnp.where(m > 0, (jnp.sqrt(safe * (safe + 4)) - safe) / 2, 0)


def _number(x, before: jax.Array) -> jax.Array:
    return align(jnp.asarray(x, before.dtype), 0, before.ndim - 1)


def _shrink(eigenvalues: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """``lambda1 / (l + lambda1 + lambda2)``."""
    return first / (psd.positive(eigenvalues) + first + second)


def _differences(a: jax.Array, b: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """Its divided differences, ``-lambda1 / ((a + s) (b + s))`` with ``s = lambda1 + lambda2``."""
    total = first + second
    return -first / ((psd.positive(a) + total) * (psd.positive(b) + total))


# An error of the recovered matrix is one of the eigenvalues and the basis, in float64 as SCaLE's.
robd = Algorithm(
    begin_told, _act, recover_once, faults=counted_faults, resolve=resolve_told, slopes="float64"
)
"""Regularised online balanced descent; parameters :class:`~jaxsoco.tracking.ROBDParams`."""
