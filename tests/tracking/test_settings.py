"""Settings of the family: defaults, old words, tracers, the theory's numbers, names and types."""

import ast
from dataclasses import fields, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import simulate, tracking
from jaxsoco.core import random
from jaxsoco.core.fields import Issues, read_axis
from jaxsoco.core.schema import AUTO, REQUIRED, load
from jaxsoco.tracking import (
    FAMILY,
    HySCaLEParams,
    LAIParams,
    QuadraticTracking,
    SCaLEParams,
    hyscale,
    lai,
    make_matrix,
    make_spec,
    scale,
    scale_design,
)
from jaxsoco.tracking.data.scenarios import SCENARIOS
from jaxsoco.tracking.spec import Averaged

PROBLEMS = {entry.name: entry for entry in FAMILY.problems}
LEARNERS = {entry.name: entry for entry in FAMILY.algorithms}
DEFICIENT = np.diag([0.0, 0.0, 1.0, 4.0])
X64 = pytest.mark.parametrize("x64", [True], indirect=True)


def made(name: str = "quadratic_tracking", **values):
    entry = PROBLEMS[name]
    values = {"horizon": 30, "dimension": 2} | values
    return entry.instance(entry.prepared(values, Path()), values)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problems_defaults_are_the_same_in_python_and_in_files(name):
    cls = PROBLEMS[name].settings
    files = {f.name: f.default for f in PROBLEMS[name].fields if f.default is not REQUIRED}
    assert cls.of(files | {"horizon": 7}) == cls(horizon=7)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learners_defaults_are_the_same_in_python_and_in_files(name):
    entry = LEARNERS[name]
    params = entry.parameters({f.name: f.default for f in entry.fields})
    for own in fields(params):
        value = getattr(params, own.name)
        assert (value is None) == (own.default is None)
        if value is not None and not isinstance(value, str):
            np.testing.assert_allclose(float(value), float(own.default), rtol=1e-6)


@pytest.mark.parametrize(("name", "word"), [("rank", "full"), ("floor", "smallest")])
def test_old_words_for_auto_are_read(name, word):
    for entry in PROBLEMS.values():
        (field,) = (f for f in entry.fields if f.name == name)
        issues = Issues()
        assert read_axis(field, word, name, issues) == (AUTO,)
        assert not issues


def test_models_of_the_setting_are_those_there_are():
    (field,) = (f for f in QuadraticTracking.FIELDS if f.name == "matrix")
    assert field.words == ("random", *SCENARIOS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_instance_bears_its_name_and_is_a_pytree_of_numbers(name):
    instance = made(name, increments="correlated")
    assert instance.name == f"tracking/{name}"
    assert len(jax.tree.leaves(instance)) == 6


@X64
def test_costs_have_slopes_in_settings(x64):
    keys = jax.random.split(jax.random.key(0), 4)

    def cost(size):
        instance = made(increment_scale=size)
        spec = instance.draw(None, instance.settings)
        run = simulate(lai, LAIParams(), instance.problem, spec, keys, 30, differentiable=True)
        return jnp.mean(run.costs.hit[-1] + run.costs.move[-1])

    # Costs are quadratic in the increments.
    value, slope = jax.jit(jax.value_and_grad(cost))(1.5)
    assert float(slope) == pytest.approx(2 * float(value) / 1.5)


@X64
@pytest.mark.parametrize("matrix", ["random", "zonal_airflow", "wake_steering"])
@pytest.mark.parametrize("name", ["smallest_eigenvalue", "largest_eigenvalue"])
def test_tracers_reach_the_eigenvalues(name, matrix, x64):
    def spec(size):
        return made(dimension=3, matrix=matrix, **{name: size}).settings

    value, step = {"smallest_eigenvalue": 0.5, "largest_eigenvalue": 8.0}[name], 1e-6
    host = spec(value)
    traced = jax.jit(spec)(value)
    for one, other in zip(jax.tree.leaves(host), jax.tree.leaves(traced), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    slope = jax.jacobian(lambda x: spec(x).matrix)(value)
    difference = (spec(value + step).matrix - spec(value - step).matrix) / (2 * step)
    np.testing.assert_allclose(slope, difference, atol=1e-8)


@pytest.mark.parametrize("name", ["noise_cap", "floor", "increment_scale", "correlation"])
def test_tracers_become_leaves_as_they_are(name):
    leaf = {"increment_scale": "scale"}.get(name, name)
    assert jax.grad(lambda x: getattr(made(**{name: x}).settings, leaf))(0.3) == 1


@X64
@pytest.mark.parametrize(("matrix", "c", "p"), [(np.eye(3), 2, 1 / 2), (DEFICIENT, 4, 2 / 3)])
def test_resolve_puts_the_theorys_numbers_in_place_of_none(matrix, c, p, x64):
    spec = make_spec(matrix, 500, noise_cap=0.2)
    d, r = len(matrix), np.linalg.matrix_rank(matrix)
    resolved = scale.resolve(SCaLEParams(gain=0.3), spec)
    assert (resolved.rank, resolved.exploration, resolved.rounds) == (r, c, c * r * d)
    assert float(resolved.gamma) ** 2 == pytest.approx(0.3 * 0.2 / 1.0 * 500**p)
    assert (resolved.noise_cap, resolved.floor, resolved.exponent) == (0.2, 1.0, p)
    assert all(getattr(resolved, f.name) is not None for f in fields(resolved))
    assert scale.resolve(resolved, spec) == resolved
    again = scale_design.resolve(SCaLEParams(gain=0.3), Averaged(spec))
    assert jax.tree.all(jax.tree.map(lambda a, b: a == b, again, resolved))


def test_resolve_keeps_what_is_given():
    spec = make_spec(DEFICIENT, 500)
    params = HySCaLEParams(
        rounds=7, rank=4, exponent=0.4, gamma=1.1, noise_cap=0.3, floor=0.7, learning_rate=0.1
    )
    resolved = hyscale.resolve(params, spec)
    assert resolved == replace(params, exploration=2.0)


def test_a_run_with_the_resolved_numbers_is_the_same():
    spec = make_spec(make_matrix(jax.random.key(1), [0.0, 1.0, 4.0]), 30)
    key = random.run_key(jax.random.key(2), jnp.arange(5))
    params = SCaLEParams(gain=0.3)
    first = scale.init(key, params, spec)
    again = scale.init(key, scale.resolve(params, spec), spec)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert scale.fault_count(first).shape == (5,)


def test_names_have_types_and_are_there():
    stub = ast.parse(Path(tracking.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    modules = {
        alias.asname: node.module
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(modules) == set(tracking.__all__)
    for name, module in modules.items():
        assert load(f"{module}:{name}") is getattr(tracking, name)
