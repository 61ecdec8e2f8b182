"""Online balanced descent (OBD) with squared movement, told the matrix.

The way from ``w_t = x_{t-1} - v_t`` to the minimiser leads over the proximal points of the hitting
cost, along which movement grows and the hitting cost falls::

    y(eta) = argmin_y  eta / 2 y' A y + 1/2 |y - w_t|^2 = (I + eta A)^{-1} w_t
    y_t    = y(eta) with  1/2 |y - w_t|^2 = ratio / 2 y' A y

``A`` is the true matrix, or the one that SCaLE's exploration recovers (``told``); in the
exploring rounds it plays ``gamma z_t``. With the true one and a suitable ratio the cost is
``3 + O(1 / m)`` times that of the best path in hindsight, whatever the walk; ``m`` is the smallest
eigenvalue.

Chen, Goel, Wierman, "Smoothed online convex optimization in high dimensions via online balanced
descent", COLT 2018; for squared movement, Goel, Wierman, "An online algorithm for smoothed
regression and LQR control", AISTATS 2019.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.tracking.learners._shared import Explorer, explored, recover_once
from jaxsoco.tracking.learners._told import begin_told, resolve_told
from jaxsoco.tracking.settings_rivals import OBDParams
from jaxsoco.tracking.spec import Observation
from jaxsoco_kernels import jacobi, proximal, psd


def _act(
    key: jax.Array, params: OBDParams, state: Explorer, obs: Observation
) -> tuple[jax.Array, Explorer]:
    del key
    before = state.deviation - obs.increment
    known = jacobi.settle(state.estimate)
    eigenvalues = psd.positive(jacobi.eigenvalues(known))
    ratio = align(jnp.asarray(params.ratio, before.dtype), 0, before.ndim - 1)
    balanced = proximal.balance(
        eigenvalues, known.basis, jnp.zeros_like(before), before, ratio, squared=True
    )
    action = explored(state, balanced.point)
    return action, state._replace(deviation=action)


# An error of the recovered matrix is one of the eigenvalues and the basis, in float64 as SCaLE's.
obd = Algorithm(
    begin_told, _act, recover_once, faults=counted_faults, resolve=resolve_told, slopes="float64"
)
"""Online balanced descent; parameters :class:`~jaxsoco.tracking.OBDParams`."""
