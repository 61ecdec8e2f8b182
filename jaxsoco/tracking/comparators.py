"""The online optimum as a comparator of a sweep, on the increments of the run's own key."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.tracking.algorithm_lai import LAIParams, lai
from jaxsoco.tracking.problem import quadratic_tracking
from jaxsoco.tracking.spec import Costs, Spec


def online_optimum(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Costs of LAI with the true matrix, cumulative at the rounds ``at``, by name."""
    key = random.words(key)
    nature, learner, _ = random.round_keys(key, 0)
    problem, params = quadratic_tracking, LAIParams()
    world, state = problem.init(nature, spec), lai.init(learner, params, spec)
    lanes = key.shape[1:]
    zero = jnp.zeros(lanes, spec.basis.dtype)
    totals = Costs(zero, zero, zero)
    record = jax.tree.map(lambda x: jnp.zeros((len(at), *lanes), x.dtype), totals)

    def step(carry, place):
        t, slot = place
        world, state, totals, record = carry
        nature, learner, noise = random.round_keys(key, t)
        world, now = problem.advance(nature, spec, world)
        action, state = lai.act(learner, params, state, problem.observe(spec, world, now))
        world, feedback, costs = problem.play(noise, spec, world, now, action)
        state = lai.update(params, state, action, feedback)
        totals = jax.tree.map(jnp.add, totals, costs)
        record = jax.tree.map(lambda r, x: r.at[slot].set(x, mode="drop"), record, totals)
        return (world, state, totals, record), None

    rounds = np.arange(1, at[-1] + 1, dtype=np.int32)
    slots = np.searchsorted(np.asarray(at), rounds).astype(np.int32)
    (*_, record), _ = jax.lax.scan(step, (world, state, totals, record), (rounds, slots))
    return record._asdict(), jnp.zeros(lanes, jnp.int32)
