"""One compilation for each static group: numbers are leaves, never part of the code."""

import jax
import jax.numpy as jnp

from jaxsoco.testing.blocks import compilations
from jaxsoco.testing.properties import compilation


def test_the_counter_counts():
    with compilations() as programs:
        for _ in range(2):  # a new function is a new program
            jax.jit(lambda x: x + 1)(jnp.zeros(3))
    assert len(programs) >= 2


def test_points_and_values_share_one_compilation(learner):
    compilation.points_and_values_share_one_compilation(learner)


def test_fields_are_static_as_declared(learner):
    compilation.fields_are_static_as_declared(learner)
