"""A load played by the learners, and its optima. Needs JAX."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Instance, spec_of
from jaxsoco.smoothed.comparators import rounds_of, whole
from jaxsoco.smoothed.planning.result import ServerSchedule
from jaxsoco.smoothed.replays import play_alone
from jaxsoco.smoothed.spec import Spec
from jaxsoco.smoothed.theory import offline

OPTIMA = ("offline_optimum", "integral_optimum")


@own_rules
def plan_servers(
    problem: Instance, learners: Mapping[str, tuple[Any, Any]], seed: int = 0
) -> tuple[ServerSchedule, ...]:
    """Plays the learners and solves for the optima, in JAX's current precision.

    Args:
      problem: right-sizing under a recorded load.
      learners: label -> algorithm and parameters.
      seed: root of the random streams: the key is that of seed 0 under this root.

    Returns:
      The learners' schedules, then those of :data:`OPTIMA`.
    """
    key = random.run_key(random.words(jax.random.key(seed, impl="threefry2x32")), 0)
    spec = spec_of(problem, key)
    schedules = []
    for label, (algorithm, params) in learners.items():
        run, faults = play_alone(algorithm, params, problem, spec, key)
        schedules.append(_schedule(label, "learner", run.path, run.hit, run.move, faults))
    for name in OPTIMA:
        schedules.append(_schedule(name, "optimum", *_best(name, spec, key)))
    return tuple(schedules)


def _schedule(name: str, kind: str, path, hit, move, faults) -> ServerSchedule:
    servers = np.asarray(path, np.float64)[:, 0]
    hit, move = (np.asarray(x, np.float64) for x in (hit, move))
    return ServerSchedule(name, kind, servers, hit, move, int(faults))


@partial(jit, static_argnums=0)
def _best(
    name: str, spec: Spec, key: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The same of an optimum."""
    game, theta, live = whole(key, spec)
    solve = offline.integral if name == "integral_optimum" else offline.optimum
    best = solve(game, theta, live)
    costs = rounds_of(game, theta, best.path)
    return best.path, costs["hit"], costs["move"], jnp.sum(offline.faults(best.info))
