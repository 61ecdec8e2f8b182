"""float32 is float32 throughout, and close to float64."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.testing.properties import precision
from jaxsoco.testing.properties.precision import SAME, upcasts

LOOSER = {
    # A quotient of small differences: what is spent, and what may be.
    "allocation/clip": 3e-5,
    # Adam divides by a root of squares, of which the first are as small as rounding.
    "provisioning/ppo": 1e-3,
    "provisioning/ppo_lagrangian": 1e-3,
}
"""How far costs in float32 may lie from float64, of the largest cost, where it is not SAME."""


def test_a_learner_never_leaves_float32(learner):
    precision.learner_never_leaves_float32(learner)


def test_a_world_never_leaves_float32(case):
    precision.world_never_leaves_float32(case)


def test_a_comparator_never_leaves_float32(judge):
    precision.comparator_never_leaves_float32(judge)


def test_an_upcast_would_be_seen():
    short = jax.ShapeDtypeStruct((3,), jnp.float32)
    assert upcasts(lambda x: jnp.sum(x * np.ones(3)).astype(jnp.float32), short)
    assert upcasts(lambda x: 1 / jnp.arange(3), short)
    assert not upcasts(lambda x: jnp.where(x > 0, 0.0, jnp.inf) * x, short)


def test_a_learner_in_float32_is_close_to_float64(learner):
    same = LOOSER.get(learner.id, SAME)
    precision.learner_in_float32_is_close_to_float64(learner, same)


def test_a_comparator_in_float32_is_close_to_float64(judge):
    precision.comparator_in_float32_is_close_to_float64(judge)
