"""Settings said once: defaults, words of before, numbers that are traced, the theory's numbers."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import multistage as family
from jaxsoco import registry, simulate
from jaxsoco.core.fields import Issues, read_value
from jaxsoco.core.schema import AUTO, HORIZON, REQUIRED, load
from jaxsoco.multistage import Spec, Tree, bernoulli_tree, lower_bound_chain, theory_rates
from jaxsoco.multistage import settings as declared
from jaxsoco.multistage.comparators import best_leaf
from jaxsoco.multistage.prepare import build, prepare_bernoulli_tree

ENTRIES = {entry.name: entry for entry in family.FAMILY.algorithms}
CLASSES = {
    "epsilon_exp3": family.EpsilonEXP3Params,
    "anytime_epsilon_exp3": family.AnytimeParams,
    "normalized_eg": family.NormalizedEGParams,
    "exp3": family.EXP3Params,
    "broad_omd": family.BroadOMDParams,
    "oracle_policy": family.OraclePolicyParams,
    "exp3_ix": family.EXP3IXParams,
    "exp3_p": family.EXP3PParams,
    "tsallis_inf": family.TsallisINFParams,
    "exp3_s": family.EXP3SParams,
    "ucb1": family.UCB1Params,
    "discounted_ucb": family.DiscountedUCBParams,
    "sliding_window_ucb": family.SlidingWindowUCBParams,
    "leaf_exp3": family.LeafEXP3Params,
    "node_exp4": family.NodeEXP4Params,
}
RAGGED = Tree.from_paths([("r", "a", "x"), ("r", "a", "y"), ("r", "a", "z"), ("r", "b")])


def python_defaults(cls):
    return {one.name: one.default for one in fields(cls)}


def file_defaults(entry):
    return {f.name: None if f.default == AUTO else f.default for f in entry.fields}


@pytest.mark.parametrize("name", CLASSES)
def test_defaults_of_python_and_of_files_are_one(name):
    entry, cls = ENTRIES[name], CLASSES[name]
    assert cls() == cls(**file_defaults(entry))
    assert python_defaults(cls) == file_defaults(entry)
    made = entry.parameters({f.name: f.default for f in entry.fields})
    assert jax.tree.structure(made) == jax.tree.structure(cls())
    assert jax.tree.leaves(made) == [np.float32(x) for x in jax.tree.leaves(cls())]


@pytest.mark.parametrize("entry", family.FAMILY.problems, ids=lambda entry: entry.name)
def test_defaults_of_problems_are_one(entry):
    own = {k: v for k, v in python_defaults(entry.settings).items() if k != HORIZON}
    required = {f.name for f in entry.fields if f.default is REQUIRED}
    assert {k: v for k, v in own.items() if k not in required} == {
        k: v for k, v in file_defaults(entry).items() if k not in required
    }
    assert entry.horizons


@pytest.mark.parametrize(
    ("name", "field", "word"),
    [
        ("multistage/epsilon_exp3", "eta", "theory"),
        ("multistage/epsilon_exp3", "epsilon", "theory"),
        ("multistage/normalized_eg", "eta", "theory"),
        ("multistage/exp3", "eta", "theory"),
        ("multistage/oracle_policy", "exploration", "theory"),
        ("multistage/bernoulli_tree", "p_min", "paper"),
    ],
)
def test_words_of_before_are_read(name, field, word):
    _, entry = registry.find(name)
    (one,) = [f for f in entry.fields if f.name == field]
    issues = Issues()
    assert read_value(one, word, field, issues) == AUTO
    assert read_value(one, AUTO, field, issues) == AUTO
    assert not issues and one.default == AUTO and one.theory


def test_another_tree_is_a_word_or_a_path():
    (tree,) = [f for f in registry.problem("multistage/bernoulli_tree").fields if f.name == "tree"]
    assert tree.kind == "path" and tree.words == ("complete",) and tree.default == "complete"


# --- numbers that are traced ----------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["linear", "span", "flat"])
def test_a_traced_cost_flows_through_to_the_leaves(fill):
    def chance(p_min):
        made = family.BernoulliTree(horizon=100, p_min=p_min, fill=fill)
        return build(prepare_bernoulli_tree(made, Path())).settings.chance

    np.testing.assert_allclose(
        jax.jit(chance)(0.3), bernoulli_tree(100, p_min=0.3, fill=fill).chance, rtol=1e-6
    )


def test_a_slope_through_the_problem_and_the_best_leaf(x64):
    """The last leaf of the linear tree costs ``p_min`` in each of the first 50 rounds."""
    del x64

    def best(p_min):
        spec = bernoulli_tree(100, p_min=p_min, switch=0.6)
        return best_leaf(jax.random.key(0), spec, (50,))[0]["expected"][0]

    assert jax.grad(best)(0.4) == pytest.approx(50)


def test_a_slope_through_the_gap_of_the_chain():
    def last(gap):
        return lower_bound_chain(10, stages=3, gap=gap, swapped=True).chance[0, -1]

    assert jax.grad(last)(0.5) == pytest.approx(-0.5)


def test_a_traced_cost_is_batched_and_played():
    def cost(p_min, key):
        spec = bernoulli_tree(20, p_min=p_min)
        run = simulate(family.exp3, family.EXP3Params(), family.multistage, spec, key, 20, at=(20,))
        return run.costs.expected[0]

    key = jax.random.key(0)
    batch = jax.jit(jax.vmap(lambda p: cost(p, key)))(jnp.array([0.2, 0.6]))
    np.testing.assert_allclose(batch, [cost(0.2, key), cost(0.6, key)], rtol=1e-6)


# --- the theory's numbers -------------------------------------------------------------------------


def spec_of(tree, horizon):
    return Spec(
        jnp.zeros((1, tree.leaves)), None, jnp.array([horizon]), jnp.asarray(float(horizon)), tree
    )


def resolved(name, spec, **values):
    return getattr(family, name).resolve(CLASSES[name](**values), spec)


def test_resolve_says_what_the_theory_says():
    spec = spec_of(Tree.complete(3, 2), 1000)
    epsilon, eta = theory_rates(3, 2, 1000)
    params = resolved("epsilon_exp3", spec)
    assert float(params.eta) == pytest.approx(eta)
    assert float(params.epsilon) == pytest.approx(epsilon[0])
    assert float(resolved("exp3", spec).eta) == pytest.approx(1000**-0.5)
    assert float(resolved("oracle_policy", spec).exploration) == pytest.approx(0.1)
    rate = resolved("normalized_eg", spec, feedback="expected")
    assert float(rate.eta) == pytest.approx((np.log(2) / 1000) ** 0.5)
    assert rate.feedback == "expected"
    for name in ("anytime_epsilon_exp3", "broad_omd", "tsallis_inf", "ucb1"):
        assert getattr(family, name).resolve is None
        assert None not in jax.tree.leaves(CLASSES[name](), is_leaf=lambda x: x is None)


def test_resolve_leaves_numbers_alone():
    spec = spec_of(Tree.complete(2, 2), 100)
    params = resolved("epsilon_exp3", spec, eta=0.5)
    assert params.eta == 0.5 and params.epsilon is not None
    assert resolved("normalized_eg", spec, eta=0.5).eta == 0.5


def test_rates_of_exponentiated_gradient_are_the_nodes_own():
    eta = resolved("normalized_eg", spec_of(RAGGED, 400)).eta
    np.testing.assert_allclose(np.concatenate(eta), (np.log([2, 3]) / 400) ** 0.5, rtol=1e-6)


@pytest.mark.parametrize("name", ["epsilon_exp3", "exp3", "normalized_eg", "oracle_policy"])
@pytest.mark.parametrize("tree", [Tree.complete(2, 2), RAGGED], ids=["complete", "ragged"])
def test_a_learner_starts_alike_with_none_and_with_what_resolve_says(name, tree):
    spec, algorithm = spec_of(tree, 100), getattr(family, name)
    words = jnp.zeros((2, 3), jnp.uint32)
    states = [algorithm.init(words, p, spec) for p in (CLASSES[name](), resolved(name, spec))]
    jax.tree.map(np.testing.assert_array_equal, *states)


# --- the family's names ---------------------------------------------------------------------------


def test_every_public_name_is_there_and_typed():
    stub = Path(inspect.getfile(family)).with_suffix(".pyi").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\bas (\w+)", stub))) == sorted(family.__all__)
    assert sorted(family.__all__) == dir(family)
    folder = Path(inspect.getfile(family)).parent
    modules = {path.stem for path in folder.iterdir()}
    for name in family.__all__:
        assert getattr(family, name) is not None and name not in modules
    for name, entry in ENTRIES.items():
        assert getattr(family, name) is load(entry.load)
        assert getattr(family, f"{name}_params") == entry.parameters


def test_no_setting_is_declared_twice():
    files = Path(inspect.getfile(declared)).parent.glob("settings*.py")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    for name in ("depth", "children", "tree", "track_first", "track_second", "horizon"):
        assert len(re.findall(rf"^    {name}: ", text, re.M)) == (name != "horizon")
