"""Replays of given uniforms against an independent loop: the same costs, round by round."""

import jax
import numpy as np
import pytest
from rivals import RIVALS
from tree_reference import follow

from jaxsoco.core.compiler import known
from jaxsoco.multistage import Tree, replay
from jaxsoco.multistage.data import trials

# Compiled in a fraction of the time: what is compared here are numbers, not speed.
QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
traced = getattr(trials._run, "__wrapped__")  # noqa: B009  # type checkers know functions without
quick = jax.jit(traced, static_argnums=(0, 1), compiler_options=QUICK)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(trials, "_run", quick)


RAGGED = Tree.from_paths(
    [("r", "a", "x"), ("r", "a", "y", "p"), ("r", "a", "y", "q"), ("r", "b"), ("r", "c", "z")]
)
# A leaf above a level of which all children are there: not all jobs get to that level.
EARLY = Tree.from_paths([("r", "a", b, c) for b in "xy" for c in "pq"] + [("r", "b")])
TREES = {
    **{f"H{h}K{k}": Tree.complete(h, k) for h, k in ((1, 3), (2, 2), (2, 4), (3, 3), (4, 2))},
    "ragged": RAGGED,
    "early": EARLY,
}
LEARNERS = {
    "epsilon_exp3": [{}, {"eta": 0.05, "epsilon": 0.3}],
    "anytime_epsilon_exp3": [{}],
    "exp3": [{}],
    "normalized_eg": [{}, {"feedback": "expected"}],
    "broad_omd": [{}, {"variant": "v0", "eta": 0.5}, {"variant": "v2", "eta": 0.1}],
    "oracle_policy": [
        {},
        {"exponent": 0.4},
        {"exploration": 0.1, "decay": 0.7},
        {"exploration": 0.8},
    ],
    "exp3_ix": [{}, {"eta": 0.2, "gamma": 0.01}],
    "exp3_p": [{}, {"eta": 0.1, "gamma": 0.2, "beta": 0.02}],
    "exp3_s": [{}, {"switches": 3.0, "alpha": 0.02}],
    "tsallis_inf": [{}, {"eta_scale": 0.5}],
    "ucb1": [{}, {"exploration": 0.3}],
    "discounted_ucb": [{}, {"discount": 0.9, "exploration": 0.1}],
    "sliding_window_ucb": [{"window": 25}, {"window": 400, "exploration": 0.2}],
    "leaf_exp3": [{}, {"eta": 0.1}],
    "node_exp4": [{}, {"eta": 0.1}],
}
CASES = [
    pytest.param(name, params, tree, id="-".join([name, *map(str, params.values()), tree]))
    for name, options in LEARNERS.items()
    for params in options
    for tree in TREES
    # Every shape for the paper's algorithm, the ragged one for all; `-m slow` has the product.
    if (tree == "ragged" and (f"multistage/{name}" not in RIVALS or params == options[0]))
    or (name == "epsilon_exp3" and not params)
    or (name == "exp3" and tree == "H3K3")
]
ROUNDS = 300


def world(tree, seed=0, rounds=ROUNDS):
    generator = np.random.default_rng(seed)
    q = generator.random((3, tree.leaves))
    q[1, 0], q[2, -1] = 0.0, 1.0
    base = np.where(np.arange(tree.leaves) % 2, 0.125, 0.0)
    return q, base, np.array([rounds // 10, rounds // 2, rounds])


def uniforms_for(name, tree, seed=1, rounds=ROUNDS):
    columns = tree.nodes + tree.leaves if name == "normalized_eg" else 2 * tree.depth + 1
    return np.random.default_rng(seed).random((rounds, columns))


def padded(rows, tree):
    table = np.full((tree.nodes, tree.width), -np.inf)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def assert_same(name, tree, params, rounds=ROUNDS, near=1e-9):
    q, base, ends = world(tree, rounds=rounds)
    uniforms = uniforms_for(name, tree, rounds=rounds)
    extra = {}
    if name == "oracle_policy":
        lengths = np.diff([0, *ends])[:, None] / rounds
        extra["means"] = np.sum((base + (1 - base) * q) * lengths, axis=0)
    wanted, agents = follow(name, tree.children, q, base, ends, uniforms, **params, **extra)
    with jax.enable_x64(True):
        found = replay(name, tree, q, base, ends, uniforms, **params)
        found = jax.tree.map(np.asarray, found)
    np.testing.assert_array_equal(found.realised, wanted.realised)
    np.testing.assert_allclose(found.expected, wanted.expected, rtol=0, atol=1e-9)
    assert found.expected.std() > 1e-3
    if name != "oracle_policy":
        shifted = padded([row - np.max(row) for row in wanted.logits], tree)
        mine = found.logits - found.logits.max(axis=1, keepdims=True)
        np.testing.assert_allclose(mine, shifted, rtol=near, atol=near)
    return agents


@pytest.mark.parametrize(("name", "params", "tree"), CASES)
def test_a_replay_is_the_independent_loop(name, params, tree):
    assert_same(name, TREES[tree], params)


@pytest.mark.parametrize("params", [{"eta": 1 / 20}, {"variant": "v0", "eta": 2.0}])
def test_broad_omd_is_followed_past_its_restarts_and_raised_rates(params):
    agents = assert_same("broad_omd", TREES["H1K3"], params, rounds=800)
    assert agents is not None and agents.events > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("children", [2, 3, 4])
def test_every_algorithm_on_every_shape(name, depth, children):
    # Not more rounds: a rare child's rounding error grows by 1 + eta c / p whenever it is chosen,
    # and the two sides' logits can be 6e-8 apart after 300 rounds, 2e-7 after 1000.
    for params in LEARNERS[name]:
        assert_same(name, Tree.complete(depth, children), params, near=1e-6)


def test_one_node_is_exp3_bit_for_bit():
    tree = Tree.complete(1, 3)
    args = (tree, *world(tree), uniforms_for("exp3", tree))
    with jax.enable_x64(True):
        ours, plain = (replay(name, *args) for name in ("epsilon_exp3", "exp3"))
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_cost_that_is_scaled_with_the_rate_keeps_the_path():
    tree = TREES["H2K2"]
    uniforms = uniforms_for("epsilon_exp3", tree)
    ones, ends = np.ones((1, 4)), np.array([ROUNDS])
    with jax.enable_x64(True):
        # A cost of 1 in every round, against one of 1/4.
        plain = replay("epsilon_exp3", tree, ones, 0, ends, uniforms, eta=0.01)
        small = replay("epsilon_exp3", tree, 0 * ones, 0.25, ends, uniforms, eta=0.04)
        np.testing.assert_allclose(small.logits, plain.logits, rtol=1e-12)
        np.testing.assert_allclose(small.expected, plain.expected / 4, rtol=1e-12)


@pytest.mark.parametrize("name", ["epsilon_exp3", "exp3", "normalized_eg"])
def test_without_costs_nothing_is_learned(name):
    tree = TREES["ragged"]
    zeros, ends = np.zeros((1, tree.leaves)), np.array([ROUNDS])
    with jax.enable_x64(True):
        found = replay(name, tree, zeros, 0, ends, uniforms_for(name, tree))
    assert not np.any(found.expected) and not np.any(found.realised)
    np.testing.assert_array_equal(found.logits, np.where(tree.mask, 0, -np.inf))


def test_expected_feedback_has_a_closed_form():
    """One node, fixed costs (1, 0, 1): ``2 / (2 + exp(eta t))`` in round ``t = 0, 1, ..``."""
    tree, eta = Tree.complete(1, 3), 0.07
    q, ends = np.array([[1.0, 0, 1]]), np.array([200])
    uniforms = uniforms_for("normalized_eg", tree, rounds=200)
    with jax.enable_x64(True):
        for feedback in ("expected", "realised"):
            found = replay("normalized_eg", tree, q, 0, ends, uniforms, eta=eta, feedback=feedback)
            wanted = 2 / (2 + np.exp(eta * np.arange(200)))
            np.testing.assert_allclose(found.expected, wanted, rtol=1e-12)


def test_permuted_children_are_the_same_before_anything_is_learned():
    tree, (q, base, ends) = TREES["H2K2"], world(TREES["H2K2"])
    uniforms = uniforms_for("epsilon_exp3", tree)
    mirrored = [3, 2, 1, 0]
    with jax.enable_x64(True):
        one = replay("epsilon_exp3", tree, q, base, ends, uniforms)
        two = replay("epsilon_exp3", tree, q[:, mirrored], base[mirrored], ends, uniforms)
    np.testing.assert_allclose(one.expected[0], two.expected[0], rtol=1e-14)
    assert not np.allclose(one.expected, two.expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "exp4"}, "no algorithm is called"),
        ({"uniforms": np.zeros((5, 4))}, r"uniforms: want \[T, 5\]"),
        ({"q": np.zeros((1, 3))}, r"q: want \[segments, 4\]"),
        ({"rate": 1.0}, "has no rate"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {
        "name": "epsilon_exp3",
        "tree": TREES["H2K2"],
        "q": np.zeros((1, 4)),
        "base": 0.0,
        "segment_end": [5],
        "uniforms": np.zeros((5, 5)),
    }
    with pytest.raises(ValueError, match=message):
        replay(**(given | change))
