"""Settings and parameters: defaults, words of before, what flows into the specification."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco.provisioning
from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.core.fields import Issues, read_value
from jaxsoco.core.schema import AUTO, REQUIRED, load
from jaxsoco.engine.simulate import simulate
from jaxsoco.provisioning import (
    FAMILY,
    BLOLParams,
    BurstyQueue,
    FixedBudgetParams,
    OracleParams,
    blol,
    bursty_queue,
    fixed_budget,
    no_dual,
    oracle,
    paper_queue,
    provisioning,
)
from jaxsoco.provisioning.prepare import build, prepare_bursty_queue

QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})


@pytest.mark.parametrize("entry", FAMILY.algorithms, ids=lambda entry: entry.name)
def test_a_learners_defaults_are_the_same_in_python_and_in_files(entry, x64):
    defaults = {one.name: one.default for one in entry.fields}
    params = entry.parameters(defaults)
    plain = type(params)()
    assert plain.values() == defaults
    assert jax.tree.structure(params) == jax.tree.structure(plain)
    for read, written in zip(jax.tree.leaves(params), jax.tree.leaves(plain), strict=True):
        assert read == jnp.asarray(written, float)


@pytest.mark.parametrize("entry", FAMILY.problems, ids=lambda entry: entry.name)
def test_a_problems_defaults_are_the_same_in_python_and_in_files(entry):
    required = {one.name: "m.npz" for one in entry.fields if one.default is REQUIRED}
    values = entry.settings(horizon=9, **required).values()
    assert values.pop("horizon") == 9
    assert values == {one.name: one.default for one in entry.fields} | required


def test_the_budget_of_fixed_budget_is_that_of_the_files():
    assert FixedBudgetParams().budget == 4.0


@pytest.mark.parametrize(
    ("name", "word"), [("warm_up", "theory"), ("confidence_episodes", "horizon")]
)
def test_words_of_before_are_still_read(name, word):
    for entry in FAMILY.algorithms:
        for one in entry.fields:
            if one.name == name and AUTO in one.words:
                issues = Issues()
                assert read_value(one, word, name, issues) == AUTO
                assert not len(issues)


def test_none_is_resolved_before_the_problem_is_built():
    content = prepare_bursty_queue(BurstyQueue(horizon=7, anchor=None), Path()).content
    assert (content.anchor, content.target, content.budget_high) == (4.0, 4.0, 8.0)
    instance = build(prepare_bursty_queue(BurstyQueue(horizon=7, target=2.0), Path()))
    assert (instance.name, instance.horizon) == ("provisioning/bursty_queue", 7)
    assert (instance.settings.anchor, instance.settings.target) == (2.5, 2.0)


def test_leaves_of_the_specification_may_be_traced(x64):
    def service(price, anchor):
        settings = BurstyQueue(horizon=7, price=price, anchor=anchor, target=2.0)
        return build(prepare_bursty_queue(settings, Path())).settings.service(3.0, 2.0)

    slopes = jax.grad(service, (0, 1))(0.01, 2.5)
    # f = price b + tracking (b - target)^2 + anchoring (b - anchor)^2 at b = 3.
    np.testing.assert_allclose(slopes, (3.0, -2 * 0.25 * 0.5), rtol=1e-6)

    @jax.jit
    def numbers(low, high):
        spec = bursty_queue(7, budget_low=low, budget_high=high)
        return spec.budget_low, spec.budget_high

    assert [float(x) for x in numbers(2.5, 6.0)] == [2.5, 6.0]
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(lambda rate: paper_queue(7, arrival_rate=rate).transition)(1.0)


def test_the_theorys_numbers_take_the_place_of_none(x64):
    spec = paper_queue(episodes=40)
    for algorithm in (blol, no_dual):
        params = algorithm.resolve(BLOLParams(), spec)
        wanted = 11**2 * 3 * 10**4 / (4.0 - 2.0) ** 2
        np.testing.assert_allclose(params.warm_up, wanted, rtol=1e-5)
        assert params.confidence_episodes == 40
        np.testing.assert_allclose(params.step, 0.5 / (spec.tracking + spec.anchoring), rtol=1e-6)
    own = fixed_budget.resolve(FixedBudgetParams(warm_up=3, confidence_episodes=5), spec)
    assert (own.warm_up, own.confidence_episodes, own.budget) == (3, 5, 4.0)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_run_with_the_resolved_numbers_is_the_run_without_them(x64):
    spec = bursty_queue(episodes=6, capacity=3, start=1, slots=3, budget_low=2.0)
    params = BLOLParams(conf_scale=1e-3, warm_up=2, counts="pooled", tv_cap=True)
    keys = random.words(jax.random.split(jax.random.key(0), 4))
    program = jax.jit(
        lambda p: simulate(blol, p, provisioning, spec, keys, 6).costs, compiler_options=QUICK
    )
    costs = program(params), program(blol.resolve(params, spec))
    for plain, resolved in zip(*costs, strict=True):
        np.testing.assert_array_equal(plain, resolved)
    assert np.asarray(costs[0].multiplier).any()


def test_choices_that_there_are_not_are_refused():
    spec = bursty_queue(episodes=6)
    key = random.words(jax.random.key(0))
    with pytest.raises(ValueError, match='counts: want "per-slot" or "pooled", got \'pool\''):
        blol.init(key, BLOLParams(counts="pool"), spec)


def test_learners_that_plan_count_their_faults():
    spec, key = bursty_queue(episodes=6), random.words(jax.random.key(0))
    for algorithm, params in ((blol, BLOLParams()), (oracle, OracleParams())):
        state = algorithm.init(key, params, spec)
        assert algorithm.faults(state) == 0
        assert algorithm.faults(state._replace(faults=jnp.int32(3))) == 3


def test_the_stub_has_the_public_names():
    stub = Path(jaxsoco.provisioning.__file__).with_suffix(".pyi")
    names = {
        name.asname: f"{node.module}:{name.name}"
        for node in ast.walk(ast.parse(stub.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert sorted(names) == sorted(jaxsoco.provisioning.__all__)
    for name, target in names.items():
        assert load(target) is getattr(jaxsoco.provisioning, name)
