"""Keys at the public doors of the families: JAX's own, never bare words that could be misread."""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import registry
from jaxsoco.allocation import embed_tree, sample_job, synthetic_workload

INSIDE = {"multistage.descend"}
"""What learners call with the words that they are given, whose place says that they are words."""


def functions_of_keys() -> dict[str, Callable[..., Any]]:
    """Exported functions that take a key, by name."""
    found = {}
    for family in registry.FAMILIES:
        package = importlib.import_module(f"jaxsoco.{family}")
        for name in package.__all__:
            value = getattr(package, name)
            if callable(value) and not inspect.isclass(value):
                names = inspect.signature(value).parameters
                found |= {f"{family}.{name}": value} if {"key", "keys"} & set(names) else {}
    return found


DOORS = functions_of_keys()


def test_the_doors_are_found():
    assert DOORS.keys() >= INSIDE
    assert DOORS.keys() >= {"allocation.embed_tree", "allocation.sample_job"}
    assert DOORS.keys() >= {"tracking.make_matrix", "tracking.online_optimum"}
    assert "provisioning.static_optimum" in DOORS


@pytest.mark.parametrize("name", sorted(DOORS.keys() - INSIDE))
@pytest.mark.parametrize("shape", [(2, 2), (2, 64), (4, 2), (2, 3, 2)])
def test_a_public_function_refuses_bare_words(name, shape):
    """Two legacy keys ``[2, 2]`` would be transposed in silence."""
    words = jnp.ones(shape, jnp.uint32)
    parameters = inspect.signature(DOORS[name]).parameters.values()
    given = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    arguments = [words if argument in ("key", "keys") else object() for argument in given]
    message = r"key: want .* got .*uint32" + re.escape(str(list(shape)))
    with pytest.raises(TypeError, match=message + r".*jax\.random\.wrap_key_data"):
        DOORS[name](*arguments)


def test_wrapped_legacy_keys_draw_what_typed_ones_draw():
    legacy = jax.random.split(jax.random.PRNGKey(3), 2)
    typed = jax.random.split(jax.random.key(3), 2)
    wrapped = jax.random.wrap_key_data(legacy)
    distance = jnp.asarray([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]])
    workload = synthetic_workload(job_length=3)
    for draw in (
        lambda key: embed_tree(key, distance).distance,
        lambda key: sample_job(key, workload).hour,
    ):
        np.testing.assert_array_equal(draw(wrapped), draw(typed))
        np.testing.assert_array_equal(draw(wrapped)[..., 1], draw(legacy[1]))


def test_two_legacy_keys_are_not_played_as_one_pair():
    problem = jaxsoco.make("multistage/bernoulli_tree", horizon=5)
    learner = jaxsoco.learner("multistage/exp3")
    legacy = jax.random.split(jax.random.PRNGKey(0), 2)
    with pytest.raises(TypeError, match=r"raw uint32\[2, 2\]: jax\.random\.wrap_key_data"):
        jaxsoco.play(problem, *learner, legacy)
    with pytest.raises(TypeError, match=r"raw uint32\[2, 2\]: jax\.random\.wrap_key_data"):
        jaxsoco.comparator("multistage/best_leaf")(problem, legacy)
