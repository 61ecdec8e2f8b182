"""The online optimum as a comparator of a sweep, on the increments of the run's own key."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.rollout import rollout
from jaxsoco.tracking.learners.lai import lai
from jaxsoco.tracking.problem import quadratic_tracking
from jaxsoco.tracking.settings_learners import LAIParams
from jaxsoco.tracking.spec import Spec


def online_optimum(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Costs of LAI with the true matrix, on the increments that the run meets.

    >>> from jaxsoco.tracking import online_optimum
    >>> costs, faults = online_optimum(keys, problem.spec(key), at=(10, 20))
    >>> costs["hit"].shape  # rounds, runs
    (2, 4)

    Args:
      key: JAX key of the run, ``[...]``.
      spec: of the problem.
      at: rounds, ascending (static).

    Returns:
      Costs by name, cumulative at the rounds ``at``, ``[len(at), ...]`` each, and faults, all 0.

    Raises:
      TypeError: ``key`` is no JAX key.
    """
    return play_optimum(random.key_words(key), spec, at)


def play_optimum(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """As :func:`online_optimum`, for the words of a key ``[2, ...]``."""
    _, costs, _ = rollout(lai, LAIParams(), quadratic_tracking, spec, key, at)
    return costs._asdict(), jnp.zeros(key.shape[1:], jnp.int32)
