"""The package's own properties on every entry, and what only these entries claim."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxsoco_seasons.world import seasonal_tracking

import jaxsoco
from jaxsoco.extend import Algorithm, rounds

SEASONS = "tracking/seasonal_tracking"


def total(world, name, keys, **values):
    """Total cost of every run, ``[runs]``."""
    run = jaxsoco.play(world, *jaxsoco.learner(name, **values), keys)
    return (run.costs.hit + run.costs.move)[-1]


# --- the package's own properties -----------------------------------------------------------------


@pytest.mark.parametrize("problem", ["quadratic_tracking", "seasonal_tracking"])
def test_balanced_step_conforms(problem):
    jaxsoco.testing.conformance(
        "tracking/balanced_step",
        problem=f"tracking/{problem}",
        values={"dimension": 2},
        hidden=("basis", "eigenvalues"),
    )


@pytest.mark.parametrize("window", [0, 3])
def test_foresighted_step_conforms(window):
    jaxsoco.testing.conformance(
        "tracking/foresighted_step",
        values={"dimension": 2, "window": window},
        hidden=("basis", "eigenvalues"),
    )


@pytest.mark.parametrize("window", [0, 3])
def test_the_problem_conforms(window):
    jaxsoco.testing.conformance(SEASONS, values={"dimension": 2, "window": window})


def test_the_comparator_conforms():
    jaxsoco.testing.conformance("tracking/fixed_point", values={"dimension": 2})


def test_follow_leader_conforms():
    jaxsoco.testing.conformance("multistage/follow_leader", hidden=("chance", "base"))


# --- what only these entries claim ----------------------------------------------------------------


@pytest.mark.parametrize("problem", ["quadratic_tracking", "seasonal_tracking"])
def test_balanced_steps_cost_less_than_following_the_minimiser(problem):
    world = jaxsoco.make(f"tracking/{problem}", dimension=3, horizon=200)
    keys = jaxsoco.seed_keys(0, 64)
    balanced = total(world, "tracking/balanced_step", keys)
    assert (balanced < total(world, "tracking/follow_minimizer", keys)).all()


def test_the_season_swings_the_steps():
    calm = jaxsoco.make("tracking/seasonal_tracking", dimension=1, horizon=24, swing=0.0)
    wild = jaxsoco.make("tracking/seasonal_tracking", dimension=1, horizon=24, swing=0.5)
    algorithm, params = jaxsoco.learner("tracking/follow_minimizer")
    keys = jaxsoco.seed_keys(0, 3)
    # Whoever follows the minimiser pays for its steps, 1/2 |delta|^2.
    moves = [
        jaxsoco.play(w, algorithm, params, keys, trace=True).trace[1].move for w in (calm, wild)
    ]
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(1, 25) / 24)
    np.testing.assert_allclose(moves[1], season[:, None] ** 2 * moves[0], rtol=1e-4, atol=1e-6)


def test_the_estimate_goes_to_the_curvature():
    world = jaxsoco.make(
        "tracking/seasonal_tracking",
        dimension=2,
        horizon=500,
        smallest_eigenvalue=3.0,
        largest_eigenvalue=3.0,
    )
    run = jaxsoco.play(world, *jaxsoco.learner("tracking/balanced_step"), jaxsoco.seed_keys(0, 8))
    estimate = (1 + run.state.products) / (1 + run.state.squares)
    np.testing.assert_allclose(jax.device_get(estimate), 3.0, rtol=0.1)


def test_who_sees_the_coming_steps_pays_less():
    keys = jaxsoco.seed_keys(0, 64)
    blind, shown = (jaxsoco.make(SEASONS, horizon=200, window=window) for window in (0, 4))
    foresighted = total(shown, "tracking/foresighted_step", keys)
    # The same seeds meet the same walk, with a window or without.
    assert (foresighted < total(blind, "tracking/foresighted_step", keys)).all()
    assert (foresighted < total(shown, "tracking/balanced_step", keys)).all()
    np.testing.assert_array_equal(
        *(total(world, "tracking/balanced_step", keys) for world in (blind, shown))
    )


def test_a_foresighted_plan_is_the_offline_optimum():
    """With the curvature known, it solves the normal equations of the whole walk."""
    horizon, curvature = 60, 0.7
    world = jaxsoco.make(SEASONS, dimension=2, horizon=horizon, window=40)
    algorithm, params = jaxsoco.learner("tracking/foresighted_step", prior=curvature)
    key = jaxsoco.seed_keys(0, 1)[0]
    certain = algorithm._replace(update=lambda params, state, action, feedback: state)
    run = jaxsoco.play(world, certain, params, key, trace=True)
    steps = rounds(seasonal_tracking, world.spec(key), key, horizon + 60).increment
    places = np.cumsum(np.asarray(steps, float), axis=0)
    # (a + 2) x_t - x_(t-1) - x_(t+1) = a v_t, from x_0 = 0; the far end does not matter.
    n = len(places)
    matrix = (curvature + 2) * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    optimum = np.linalg.solve(matrix, curvature * places)[:horizon] - places[:horizon]
    np.testing.assert_allclose(run.trace[0], optimum, atol=1e-4)


def test_the_fixed_point_is_the_best_place_to_stay():
    horizon = 30
    world = jaxsoco.make(SEASONS, dimension=2, horizon=horizon)
    keys = jaxsoco.seed_keys(0, 8)
    spec = world.spec(keys)
    best = jaxsoco.comparator("tracking/fixed_point")(world, keys, at=(7, horizon))
    places = jnp.cumsum(rounds(seasonal_tracking, spec, keys, horizon).increment, axis=0)

    def staying(point, stop):
        """What the world charges whoever goes to ``point [d, runs]`` and stays."""
        stay = Algorithm(
            init=lambda key, params, spec: jnp.int32(0),
            act=lambda key, params, state, obs: (params - places[state], state),
            update=lambda params, state, action, feedback: state + 1,
        )
        costs = jaxsoco.simulate(stay, point, world.problem, spec, keys, stop).costs
        return costs.hit[-1], costs.move[-1]

    for i, stop in enumerate((7, horizon)):
        weight = stop * spec.eigenvalues[:, None]
        point = weight / (1 + weight) * places[:stop].mean(axis=0)
        for name, cost in zip(("hit", "move"), staying(point, stop), strict=True):
            np.testing.assert_allclose(best[name][i], cost, rtol=1e-4)
        slope = jax.grad(lambda point, stop=stop: jnp.sum(jnp.stack(staying(point, stop))))(point)
        np.testing.assert_allclose(slope, 0, atol=1e-3)


def test_following_the_leader_beats_choosing_at_random():
    tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)
    keys = jaxsoco.seed_keys(0, 64)
    follow, anyone = (
        jaxsoco.play(tree, *jaxsoco.learner("multistage/follow_leader", epsilon=epsilon), keys)
        for epsilon in (0.1, 1.0)
    )
    costs = [np.asarray(run.costs.expected[-1]) for run in (follow, anyone)]
    assert (costs[0] < costs[1]).all()
    assert costs[0].mean() < costs[1].mean() / 2


def test_estimated_costs_are_unbiased():
    """At a root with two leaves of known mean, both sums grow by that mean per round."""
    tree = jaxsoco.make("multistage/bernoulli_tree", depth=1, horizon=50, p_min=0.3, switch=0.0)
    run = jaxsoco.play(
        tree, *jaxsoco.learner("multistage/follow_leader", epsilon=0.5), jaxsoco.seed_keys(0, 4096)
    )
    estimates = np.asarray(run.state.sums[0][0]).mean(axis=-1)
    means = tree.spec(jaxsoco.seed_keys(0, 1)[0]).means(0)[-1]
    np.testing.assert_allclose(estimates, 50 * np.asarray(means), rtol=0.03)
