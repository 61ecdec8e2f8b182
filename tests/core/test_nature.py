"""Nature without a learner: replays, and windows onto coming rounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco.core import nature
from jaxsoco.core.random import words

PROBLEMS = {
    "tracking/quadratic_tracking": "tracking/follow_minimizer",
    "multistage/bernoulli_tree": "multistage/exp3",
}


def made(name, horizon=12):
    return jaxsoco.make(name, horizon=horizon), jaxsoco.seed_keys(0, 3)


def seen_by_a_learner(problem, keys, observe, window=0):
    """What a learner is shown in every round, ``[T, ...]`` leaves: its actions and its costs."""
    world = problem.problem._replace(observe=observe, window=window)
    algorithm, params = jaxsoco.learner(PROBLEMS[problem.name])

    def act(key, params, state, obs):
        inner, shown = obs
        action, state = algorithm.act(key, params, state, inner)
        return (action, shown), state

    def play(key, spec, world, round, action):
        return problem.problem.play(key, spec, world, round, action[0])

    def update(params, state, action, feedback):
        return algorithm.update(params, state, action[0], feedback)

    watcher = algorithm._replace(act=act, update=update)
    run = jaxsoco.simulate(
        watcher,
        params,
        world._replace(play=play),
        problem.spec(keys),
        keys,
        problem.horizon,
        trace=True,
    )
    return run.trace[0][1], run.costs


def shows(problem, what):
    return lambda spec, world, round: (problem.observe(spec, world, what(round)), round)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_replay_meets_the_rounds_of_the_run(name):
    problem, keys = made(name)
    shown, _ = seen_by_a_learner(problem, keys, shows(problem.problem, lambda round: round))
    replayed = nature.rounds(problem.problem, problem.spec(keys), keys, problem.horizon)
    for one, other in zip(jax.tree.leaves(replayed), jax.tree.leaves(shown), strict=True):
        np.testing.assert_allclose(jnp.broadcast_to(one, other.shape), other, rtol=1e-6)


def test_a_replay_folds_without_storing():
    problem, keys = made("tracking/quadratic_tracking")
    stacked = nature.rounds(problem.problem, problem.spec(keys), keys, problem.horizon)
    leaf = jax.tree.leaves(stacked)[0]

    def add(total, t, now):
        return total + t * jax.tree.leaves(now)[0]

    folded = nature.replay(
        problem.problem, problem.spec(keys), keys, problem.horizon, add, jnp.zeros(leaf.shape[1:])
    )
    times = jnp.arange(1, 13).reshape(-1, *(1,) * (leaf.ndim - 1))
    np.testing.assert_allclose(folded, jnp.sum(times * leaf, axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_window_shows_the_next_rounds_and_changes_no_world(name):
    problem, keys = made(name)
    plain, costs = seen_by_a_learner(problem, keys, shows(problem.problem, lambda round: round))
    windowed = shows(problem.problem, lambda round: round.now)
    shown, same = seen_by_a_learner(problem, keys, windowed, window=3)
    assert isinstance(shown, nature.Window)
    for one, other in zip(costs, same, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    for now, coming, alone in zip(
        *(jax.tree.leaves(tree) for tree in (shown.now, shown.coming, plain)), strict=True
    ):
        np.testing.assert_allclose(now, alone, rtol=1e-6)
        for t in range(12 - 3):
            np.testing.assert_allclose(coming[t], alone[t + 1 : t + 4], rtol=1e-6)


def test_windows_work_in_long_loops_too():
    problem, keys = made("tracking/quadratic_tracking")
    world = problem.problem
    look = world._replace(window=2, observe=lambda s, w, r: world.observe(s, w, r.now))
    algorithm, params = jaxsoco.learner("tracking/follow_minimizer")

    def costs(problem_, **options):
        spec = problem.spec(keys)
        return jaxsoco.simulate(algorithm, params, problem_, spec, keys, 12, **options).costs

    for one, other in zip(costs(world), costs(look, differentiable=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_everything_that_authors_build_with_is_there():
    import jaxsoco.extend

    for name in jaxsoco.extend.__all__:
        assert getattr(jaxsoco.extend, name).__doc__, name
    assert jaxsoco.extend.words is words
