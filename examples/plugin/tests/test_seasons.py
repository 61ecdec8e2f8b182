import jax
import numpy as np
import pytest

import jaxsoco


@pytest.mark.parametrize("problem", ["quadratic_tracking", "seasonal_tracking"])
def test_the_learner_conforms(problem):
    jaxsoco.testing.conformance(
        "tracking/balanced_step",
        problem=f"tracking/{problem}",
        values={"dimension": 2},
        hidden=("basis", "eigenvalues"),
    )


def test_the_problem_conforms():
    jaxsoco.testing.conformance("tracking/seasonal_tracking", values={"dimension": 2})


@pytest.mark.parametrize("problem", ["quadratic_tracking", "seasonal_tracking"])
def test_balanced_steps_cost_less_than_following_the_minimiser(problem):
    world = jaxsoco.make(f"tracking/{problem}", dimension=3, horizon=200)
    keys = jaxsoco.seed_keys(0, 64)
    cost = {}
    for name in ("balanced_step", "follow_minimizer"):
        run = jaxsoco.play(world, *jaxsoco.learner(f"tracking/{name}"), keys)
        cost[name] = (run.costs.hit + run.costs.move)[-1]
    assert (cost["balanced_step"] < cost["follow_minimizer"]).all()


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
