"""Following the minimiser: the baseline that never pays a hitting cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking.spec import Feedback, Observation, Spec


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FollowParams:
    """Following the minimiser has nothing to tune."""


def follow_minimizer_params(values: Mapping[str, Any]) -> FollowParams:
    """Parameters from an experiment's values."""
    del values
    return FollowParams()


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
"""Moves to the minimiser in every round (FTM); parameters :class:`FollowParams`."""
