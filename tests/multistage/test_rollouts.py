"""Rollouts through ``simulate``: the ledger, float32, the theory's bounds, and the figures' claims.

Statistical tests have fixed keys; tolerances are stated where they are used.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rivals import marked

from jaxsoco import multistage as family
from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.engine.simulate import simulate
from jaxsoco.multistage import (
    EpsilonEXP3Params,
    Feedback,
    Spec,
    Tree,
    bernoulli_tree,
    epsilon_exp3,
    multistage,
    regret_bound,
)
from jaxsoco.multistage.comparators import best_leaf
from jaxsoco.multistage.theory.levels import join
from jaxsoco.multistage.theory.policy import play_probabilities
from jaxsoco.multistage.theory.values import sweep

LEARNERS = marked((entry.name for entry in family.FAMILY.algorithms), "multistage/")
OPTIONS = {"xla_cpu_prefer_vector_width": 512}


def params_of(name, **values):
    (entry,) = [entry for entry in family.FAMILY.algorithms if entry.name == name]
    defaults = {field.name: field.default for field in entry.fields}
    return getattr(family, f"{name}_params")(defaults | values)


# Short runs: compiling is most of their time.
QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})


@cache
def program(name, horizon, at):
    """Compiled once for all numbers: ``(spec, keys) -> costs``."""
    options = QUICK if horizon <= 5000 else OPTIONS
    algorithm = getattr(family, name)

    def play(spec, key):
        run = simulate(algorithm, params_of(name), multistage, spec, key, horizon, at=at)
        return run._replace(at=None, state=None)

    return jax.jit(play, compiler_options=options)


def regrets(name, spec, horizon, runs, at=None, seed=0):
    """Pseudo-regret ``[C, runs]`` in float64."""
    at = (horizon,) if at is None else at
    keys = jax.random.split(jax.random.key(seed), runs)
    run = program(name, horizon, at)(spec, keys)
    assert bool(run.finite.all())
    best = best_leaf(keys, spec, at)[0]["expected"]
    return np.asarray(run.costs.expected, np.float64) - np.asarray(best, np.float64)


# --- the ledger -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEARNERS)
def test_incremental_expected_costs_are_those_of_a_full_sweep(name):
    """The world's tables after some hundred rounds against a sweep of the learner's policy."""
    tree = Tree.from_paths(
        [("r", "a", "x"), ("r", "a", "y", "p"), ("r", "a", "y", "q"), ("r", "b")]
    )
    with jax.enable_x64(True):
        generator = np.random.default_rng(0)
        chance = jnp.asarray(generator.random((2, tree.leaves)))
        ends, horizon = jnp.array([100, 300], jnp.int32), jnp.asarray(300.0)
        spec = Spec(chance, None, ends, horizon, tree)
        algorithm, params = getattr(family, name), params_of(name)
        words = random.words(jax.random.split(jax.random.key(0), 4))
        keys = random.rollout_keys(words, nature=True, learner=True)

        @partial(jax.jit, compiler_options=QUICK)
        def step(t, world, state):
            nature, learner, noise = keys(t)
            world, now = multistage.advance(nature, spec, world)
            obs = multistage.observe(spec, world, now)
            action, state = algorithm.act(learner, params, state, obs)
            world, feedback, costs = multistage.play(noise, spec, world, now, action)
            play = play_probabilities(tree, action.policy)
            means = spec.chance[now.segment][:, None]
            full = sweep(tree, play, means)
            state = algorithm.update(params, state, action, feedback)
            return world, state, jnp.abs(join(full) - join(world.values)).max(), play, costs

        world, state = multistage.init(words, spec), algorithm.init(words, params, spec)
        for t in range(1, 301):
            world, state, error, play, costs = step(jnp.int32(t), world, state)
            assert error <= 1e-12
            if t % 50 == 0:
                np.testing.assert_allclose(join(play).sum(axis=1), 1, rtol=1e-12)
                assert np.all(costs.expected >= 0) and np.all(costs.expected <= 1)


@pytest.mark.parametrize("name", ["epsilon_exp3", "normalized_eg", "broad_omd"])
def test_equal_leaves_leave_no_regret(name):
    spec = bernoulli_tree(400)
    spec = Spec(spec.chance * 0 + 0.5, None, spec.segment_end, spec.horizon, spec.tree)
    np.testing.assert_allclose(regrets(name, spec, 400, 8), 0, atol=1e-3)


def test_expected_and_realised_costs_agree_on_average():
    spec = bernoulli_tree(2000, track_first=1, track_second=3)
    keys = jax.random.split(jax.random.key(3), 400)
    costs = program("epsilon_exp3", 2000, (20, 2000))(spec, keys).costs
    gap = np.asarray(costs.realised - costs.expected, np.float64)
    error = gap.std(axis=1) / 400**0.5
    assert np.all(np.abs(gap.mean(axis=1)) <= 4 * error)
    # Tracked edges: root -> 1 and 1 -> 3, each between its exploration and 1.
    assert np.all(costs.first_edge[-1] > 0.079 * 2000) and np.all(costs.first_edge[-1] < 2000)
    assert np.all(costs.second_edge[0] > 0) and np.all(costs.second_edge[-1] > 1000)


def test_a_play_probability_is_how_often_an_edge_is_taken():
    """Before anything is learned the tracked probability is exactly 1/K."""
    spec = bernoulli_tree(50, depth=2, children=3, track_first=2, track_second=12)
    spec = Spec(spec.chance * 0, None, spec.segment_end, spec.horizon, spec.tree, (2, 12))
    costs = program("epsilon_exp3", 50, (50,))(spec, jax.random.split(jax.random.key(0), 2)).costs
    np.testing.assert_allclose(costs.first_edge, 50 / 3, rtol=1e-5)
    np.testing.assert_allclose(costs.second_edge, 50 / 3, rtol=1e-5)


# --- anytime --------------------------------------------------------------------------------------


def test_epochs_begin_at_powers_of_two():
    spec = bernoulli_tree(40)
    params = params_of("anytime_epsilon_exp3")
    words = random.words(jax.random.split(jax.random.key(0), 3))
    keys = random.rollout_keys(words, nature=True, learner=True)
    algorithm = family.anytime_epsilon_exp3

    @partial(jax.jit, compiler_options=QUICK)
    def step(t, world, state):
        nature, learner, noise = keys(t)
        world, now = multistage.advance(nature, spec, world)
        action, state = algorithm.act(learner, params, state, None)
        world, feedback, _ = multistage.play(noise, spec, world, now, action)
        return world, state, algorithm.update(params, state, action, feedback)

    world, state = multistage.init(words, spec), algorithm.init(words, params, spec)
    moved = 0
    for t in range(1, 41):
        world, acted, state = step(jnp.int32(t), world, state)
        length = 2 ** int(np.log2(t))
        np.testing.assert_allclose(acted.eta, length ** (-2 / 3), rtol=1e-6)
        np.testing.assert_allclose(acted.epsilon, min(1, 2 * length ** (-1 / 3)), rtol=1e-6)
        if t == length:
            assert all(not np.any(np.asarray(x)) for x in acted.high)
        moved += any(np.any(np.asarray(x)) for x in acted.high)
    assert moved > 20


# --- float32 --------------------------------------------------------------------------------------


def logit_error(horizon, runs=4):
    """Largest difference of the logits from exact ones that take the same steps, equal costs.

    The float64 side sums the same steps. With steps and jobs of its own it would show something
    else: equal arms are a random walk, and the first job that a rounding sends elsewhere parts the
    two for good.
    """
    tree = Tree.complete(2, 2)
    with jax.enable_x64(True):
        # All leaves cost 1 in every round: without a shift the logits would fall without end.
        ends, ones = jnp.array([horizon], jnp.int32), jnp.ones((1, 4), jnp.float32)
        spec = Spec(ones, None, ends, jnp.float32(horizon), tree)
        params = EpsilonEXP3Params()
        words = random.words(jax.random.split(jax.random.key(7), runs))
        keys = random.rollout_keys(words, nature=True, learner=True)
        lanes = jnp.arange(runs)

        def one(t, carry):
            state, theta = carry
            learner = keys(t.astype(jnp.int32))[1]
            action, state = epsilon_exp3.act(learner, params, state, None)
            for d, visit in enumerate(state.visits):
                step = (state.eta * visit.weight).astype(jnp.float64)
                theta = theta.at[visit.place + d, visit.child, lanes].add(-step)
            cost = Feedback(jnp.ones(runs, jnp.float32), None)
            return epsilon_exp3.update(params, state, action, cost), theta

        @jax.jit
        def follow():
            first = epsilon_exp3.init(words, params, spec), jnp.zeros((3, 2, runs))
            return jax.lax.fori_loop(1, horizon + 1, one, first)

        state, theta = follow()
        assert state.high[0].dtype == jnp.float32 and theta.dtype == jnp.float64
        found = np.asarray(join(state.high), np.float64) + np.asarray(join(state.low), np.float64)
        theta = np.asarray(theta)
        gaps = [x[:, 0] - x[:, 1] for x in (found, theta)]
        return np.abs(gaps[0] - gaps[1]).max(), np.abs(gaps[1]).max(), -theta.max()


def test_float32_logits_stay_close_to_float64():
    error, scale, level = logit_error(100_000)
    assert scale > 0.3 and level > 10
    assert error < 1e-4


@pytest.mark.slow
def test_float32_logits_stay_close_to_float64_for_ten_million_rounds():
    error, _, level = logit_error(10_000_000)
    assert level > 100
    assert error < 1e-2


def test_float32_and_float64_regrets_agree():
    found = []
    for x64 in (False, True):
        with jax.enable_x64(x64):
            spec = bernoulli_tree(20_000)
            keys = jax.random.split(jax.random.key(1), 16)
            run = jax.jit(
                partial(
                    lambda spec, key: simulate(
                        epsilon_exp3, EpsilonEXP3Params(), multistage, spec, key, 20_000,
                        at=(20_000,), differentiable=False,
                    ).costs.expected
                ),
                compiler_options=OPTIONS,
            )  # fmt: skip
            found.append(np.asarray(run(spec, keys), np.float64) / 20_000)
    # Draws that fall between two roundings of a probability send a few jobs another way.
    assert np.abs(found[0].mean() - found[1].mean()) < 1e-3
    assert np.median(np.abs(found[0] - found[1])) < 1e-3


def test_the_compiled_round_does_its_work_once():
    """Without `hold`, XLA computes what is used twice twice: the program grows several times."""
    spec = bernoulli_tree(20_000)

    def size(learner):
        def play(key):
            return simulate(
                learner, EpsilonEXP3Params(), multistage, spec, key, 20_000, at=(20_000,)
            ).costs

        keys = random.words(jax.random.split(jax.random.key(0), 64))
        compiled = jax.jit(play).lower(keys).compile()
        text = compiled.as_text()
        assert text is not None
        return text.count("shift-right-logical(")

    # H + 1 draws a round of 20 rotations each, and the fixed cost of the keys outside the loop.
    assert size(epsilon_exp3) <= 8 * 3 * 20


# --- theory ---------------------------------------------------------------------------------------


SETTINGS = [(2, 4), (3, 2)]


@pytest.mark.parametrize(("depth", "children"), SETTINGS)
def test_the_regret_is_below_the_bound(depth, children):
    horizon = 5000
    spec = bernoulli_tree(horizon, depth=depth, children=children)
    mean = regrets("epsilon_exp3", spec, horizon, 64).mean()
    assert 0.05 < mean / regret_bound(depth, children, horizon) < 0.6


def test_exponentiated_gradient_is_within_its_bound():
    horizon = 3000
    spec = bernoulli_tree(horizon, children=3)
    mean = regrets("normalized_eg", spec, horizon, 32).mean()
    assert 0 < mean <= 2 * 2 * np.sqrt(horizon * np.log(3))


def test_the_anytime_version_costs_a_factor():
    horizon = 2**15
    spec = bernoulli_tree(horizon)
    tuned, anytime = (
        regrets(name, spec, horizon, 64).mean() for name in ("epsilon_exp3", "anytime_epsilon_exp3")
    )
    assert 1.1 < anytime / tuned < 2.5
    assert anytime < regret_bound(2, 2, horizon, anytime=True)


def slope(name, horizons, runs):
    means = [regrets(name, bernoulli_tree(t), t, runs).mean() / t for t in horizons]
    return np.polyfit(np.log(horizons), np.log(means), 1)[0], means


@pytest.mark.slow
def test_the_regret_falls_with_the_cube_root_of_the_horizon():
    # 256 runs: the standard error of the exponent is below 0.01.
    exponent, _ = slope("epsilon_exp3", (10_000, 100_000), 256)
    assert exponent == pytest.approx(-1 / 3, abs=0.04)


@pytest.mark.slow
def test_the_exponent_over_three_decades():
    exponent, _ = slope("epsilon_exp3", (100_000, 1_000_000, 10_000_000), 208)
    assert exponent == pytest.approx(-1 / 3, abs=0.02)


@pytest.mark.slow
def test_exp3_is_stuck_on_the_second_best_leaf():
    horizon = 10_000_000
    mean = regrets("exp3", bernoulli_tree(horizon), horizon, 64).mean() / horizon
    assert mean == pytest.approx(0.2 - 0.01, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("children", [2, 4])
def test_the_bound_holds_in_every_setting(depth, children):
    for horizon in (10_000, 100_000, 1_000_000):
        spec = bernoulli_tree(horizon, depth=depth, children=children)
        mean = regrets("epsilon_exp3", spec, horizon, 64).mean()
        assert mean < regret_bound(depth, children, horizon)


@pytest.mark.slow
def test_ten_thousand_runs_of_a_million_rounds_fit_in_memory():
    horizon, runs = 1_000_000, 10_000
    spec = bernoulli_tree(horizon)
    keys = random.words(jax.random.split(jax.random.key(0), runs))
    memory = (
        program("epsilon_exp3", horizon, (horizon,)).lower(spec, keys).compile().memory_analysis()
    )
    assert memory is not None
    used = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
    assert used < 2 * 2**30


def test_memory_does_not_grow_with_the_horizon():
    keys = random.words(jax.random.split(jax.random.key(0), 256))

    def used(horizon):
        run = program("exp3", horizon, (horizon,)).lower(bernoulli_tree(horizon), keys)
        memory = run.compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes + memory.argument_size_in_bytes

    small, large = used(20_001), used(10_000_000)
    assert large <= small + 1024
    assert 10_000 / 256 * large < 2 * 2**30
