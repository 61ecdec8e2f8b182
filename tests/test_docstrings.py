"""Every public function and class of settings shows a use, and what it shows runs.

Examples run in a namespace with ``jax``, ``jnp``, ``np``, ``jaxsoco``, a ``key``, a small tracking
``problem``, a learner (``algorithm``, ``params``), ``keys`` of four runs and the ``run`` of them.
"""

import doctest
import importlib
import inspect
import pkgutil
import warnings

import pytest

import jaxsoco
import jaxsoco_kernels

PACKAGES = [
    *("jaxsoco", "jaxsoco.extend", "jaxsoco.testing"),
    *(
        f"jaxsoco.{name}"
        for name in ("allocation", "multistage", "provisioning", "smoothed", "tracking")
    ),
]
KERNELS = [
    f"jaxsoco_kernels.{module.name}"
    for module in pkgutil.iter_modules(jaxsoco_kernels.__path__)
    if not module.name.startswith("_")
]
LONG = {"jaxsoco.run", "jaxsoco.load", "jaxsoco.Results", "jaxsoco.testing.conformance"}
"""Run experiments, or need one; tests of their own do what their examples show."""

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_names(module):
    names = getattr(module, "__all__", None)
    if names is not None:
        return names
    own = (n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__)
    return [name for name in own if not name.startswith("_")]


def public():
    """Name -> function or class, of every package and every kernel module, each once."""
    members = {}
    for place in (*PACKAGES, *KERNELS):
        module = importlib.import_module(place)
        for name in public_names(module):
            value = getattr(module, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                members.setdefault(id(value), (f"{place}.{name}", value))
    return dict(members.values())


PUBLIC = public()
EXAMPLES = {name: value for name, value in PUBLIC.items() if ">>>" in (value.__doc__ or "")}


def must_show(value):
    """Functions, and classes that users construct: not records that functions return."""
    return inspect.isfunction(value) or hasattr(value, "FIELDS")


def test_every_public_function_and_class_of_settings_shows_a_use():
    assert [n for n, value in PUBLIC.items() if must_show(value) and n not in EXAMPLES] == []


@pytest.fixture(scope="module")
def shared():
    import jax
    import jax.numpy as jnp
    import numpy as np

    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=3, horizon=20)
    algorithm, params = jaxsoco.learner("tracking/passive_learner")
    keys = jaxsoco.seed_keys(0, 4)
    run = jaxsoco.play(problem, algorithm, params, keys)
    return {
        **{"jax": jax, "jnp": jnp, "np": np, "jaxsoco": jaxsoco, "key": keys[0]},
        **{"problem": problem, "algorithm": algorithm, "params": params, "keys": keys, "run": run},
    }


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - LONG))
def test_an_example_runs_and_shows_what_it_says(name, shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(EXAMPLES[name]) or ""
    example = doctest.DocTestParser().get_doctest(text, dict(shared), name, None, None)
    report = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
