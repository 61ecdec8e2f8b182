"""Following the minimiser, ``x_t = v_t``, so ``y_t = 0``: never pays a hitting cost.

Section 4 of arXiv 2601.09042 (FTM).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.settings_learners import FollowParams
from jaxsoco.tracking.spec import Feedback, Observation, Spec


def _init(key: jax.Array, params: FollowParams, spec: Spec) -> tuple[()]:
    del key, params, spec
    return ()


def _act(
    key: jax.Array, params: FollowParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key, params
    return jnp.zeros_like(obs.increment), state


def _update(
    params: FollowParams, state: tuple[()], action: jax.Array, feedback: Feedback
) -> tuple[()]:
    del params, action, feedback
    return state


follow_minimizer = Algorithm(_init, _act, _update)
"""Moves to the minimiser in every round (FTM); parameters
:class:`~jaxsoco.tracking.FollowParams`."""
