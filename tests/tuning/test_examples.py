"""Examples in the docstrings of tuning run, and print what they say."""

import doctest
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import pytest

import jaxsoco
from jaxsoco import tuning

MODULES = [one.name for one in pkgutil.walk_packages(tuning.__path__, "jaxsoco.tuning.")]


@pytest.fixture(scope="module")
def names():
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=3, horizon=20)
    algorithm, params = jaxsoco.learner("tracking/passive_learner")
    return {
        **{"jax": jax, "jnp": jnp, "jaxsoco": jaxsoco, "keys": jaxsoco.seed_keys(0, 4)},
        **{"problem": problem, "algorithm": algorithm, "params": params},
    }


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, names):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    done = doctest.testmod(module, extraglobs=names, optionflags=flags)
    assert not done.failed
