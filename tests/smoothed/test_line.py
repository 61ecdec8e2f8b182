"""Learners in one dimension against NumPy from the definitions."""

import jax
import jax.numpy as jnp
import line_reference as reference
import numpy as np
import pytest

from jaxsoco import smoothed

ROUNDS, RUNS = 14, 6
LO, HI = -6.0, 6.0


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def drawn(kind: str, seed: int = 0, runs: int = RUNS, rounds: int = ROUNDS):
    """Weights, targets ``[runs, T]``, starts and prices up and down ``[runs]``."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 2.0, (runs, rounds))
    targets = np.clip(np.cumsum(rng.normal(size=(runs, rounds)), axis=1), -5, 5)
    return weights, targets, rng.uniform(-2, 2, runs), *rng.uniform(0.3, 3.0, (2, runs))


def played(name: str, kind: str, data, **params):
    """Paths, hitting and movement costs ``[runs, T]`` of a learner."""
    cls = {"quadratic": smoothed.Quadratic, "absolute": smoothed.Absolute}[kind]

    def one(weights, targets, start, up, down):
        theta = cls(weights, targets)
        return smoothed.replay(name, theta, start, weight=(up, down), lo=LO, hi=HI, **params)

    return jax.jit(jax.vmap(one))(*data)


@pytest.mark.parametrize("kind", ["quadratic", "absolute"])
def test_lcp_moves_to_the_nearest_point_between_the_bounds(kind):
    data = drawn(kind)
    paths = np.asarray(played("lcp", kind, data).path)
    for run, (weights, targets, start, up, down) in enumerate(zip(*data, strict=True)):
        limits = reference.bounds(kind, weights, targets, start, up, down, LO, HI)
        assert np.abs(paths[run] - reference.lazy(limits, start)).max() < 1e-9


@pytest.mark.parametrize("kind", ["quadratic", "absolute"])
def test_probabilistic_is_the_mean_of_the_distribution(kind):
    data = drawn(kind)
    paths = np.asarray(played("probabilistic", kind, data).path)
    for run, (weights, targets, start, up, down) in enumerate(zip(*data, strict=True)):
        wanted = reference.mean(kind, weights, targets, start, up, down, LO, HI)
        # The quadrature is off by a share of a cell where P jumps.
        assert np.abs(paths[run] - wanted).max() < 4e-4


def test_memoryless_balances_with_half_of_both_prices():
    data = drawn("quadratic")
    paths = np.asarray(played("memoryless", "quadratic", data, balance=0.5).path)
    for run, (weights, targets, start, up, down) in enumerate(zip(*data, strict=True)):
        wanted = reference.balanced("quadratic", weights, targets, start, (up + down) / 2)
        assert np.abs(paths[run] - wanted).max() < 1e-9


def test_costs_are_those_of_the_path():
    data = drawn("absolute")
    weights, targets, start, up, down = data
    path, hit, move = (np.asarray(x) for x in played("lcp", "absolute", data))
    steps = np.diff(np.concatenate([start[:, None], path], axis=1))
    wanted = up[:, None] * np.maximum(steps, 0) + down[:, None] * np.maximum(-steps, 0)
    assert np.abs(move - wanted).max() < 1e-12
    assert np.abs(hit - weights * np.abs(path - targets)).max() < 1e-12


def test_rbg_averages_to_the_mean_of_the_distribution():
    """The mean of the quantiles of a distribution is its mean, and each is one of P's."""
    weights, targets, start, up, down = (x[0] for x in drawn("quadratic"))
    theta = smoothed.Quadratic(weights, targets)
    frame = {"weight": (up, down), "lo": LO, "hi": HI}
    seeds = jnp.arange(4000)
    paths = jax.jit(
        jax.vmap(lambda seed: smoothed.replay("rbg", theta, start, seed=seed, **frame))
    )(seeds).path
    wanted = smoothed.replay("probabilistic", theta, start, **frame).path
    error = np.asarray(paths).std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(np.asarray(paths).mean(axis=0) - np.asarray(wanted)) < 4 * error + 1e-12)
    # A run has one quantile: of two runs, one is never below the other.
    order = np.sign(np.asarray(paths)[1:] - np.asarray(paths)[:1])
    assert not np.any((order.max(axis=1) > 0) & (order.min(axis=1) < 0))


def test_published_schedules_are_reproduced():
    """Of Huebotter's thesis project: lazy and backward recurrent capacity provisioning."""
    goals = jnp.arange(1.0, 11.0) % 5
    theta = smoothed.Quadratic(2.0, goals)  # (x - t mod 5)^2
    lazy = smoothed.replay("lcp", theta, 0.0, movement="up", weight=1.0, lo=0.0, hi=10.0)
    assert np.allclose(lazy.path[:5], [0.5, 1.5, 2.5, 3.5, 0.5], atol=1e-12)
    best = smoothed.solve_offline(
        "offline_optimum", theta, 0.0, movement="up", weight=1.0, lo=0.0, hi=10.0
    )
    assert np.allclose(best.path, [1, 2, 3, 3.5, 0.5, 1, 2, 3, 3.5, 0], atol=1e-9)


def test_a_grid_comes_close_to_the_kinks():
    """The same quadratic, once as such and once as a function that nothing is known of."""
    weights, targets, start, up, down = (x[0] for x in drawn("quadratic"))
    frame = {"weight": (up, down), "lo": LO, "hi": HI}

    def own(x, theta):
        return theta[0] / 2 * (x[0] - theta[1]) ** 2

    exact, near = (
        [
            smoothed.replay(name, theta, start, **frame, **more).path
            for name in ("lcp", "probabilistic")
        ]
        for theta, more in (
            (smoothed.Quadratic(weights, targets), {}),
            ((weights, targets), {"functions": smoothed.Functions(own), "grid": 512}),
        )
    )
    for a, b in zip(exact, near, strict=True):
        assert 0 < np.abs(np.asarray(a) - np.asarray(b)).max() < 2 * (HI - LO) / 512


def test_the_world_adds_up_what_a_replay_shows():
    theta = smoothed.Quadratic(1.0, jnp.array([1.0, -2.0, 3.0, 0.5]))
    problem = smoothed.recorded(theta, weight=0.4)
    import jaxsoco

    algorithm, params = jaxsoco.learner("smoothed/lcp")
    run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 2))
    again = smoothed.replay("lcp", theta, weight=0.4)
    assert np.allclose(run.costs.hit[-1], again.hit.sum(), atol=1e-12)
    assert np.allclose(run.costs.move[-1], again.move.sum(), atol=1e-12)
    steps = np.abs(np.diff(np.asarray(again.path), prepend=0)).sum()
    assert np.allclose(run.costs.path[-1], steps, atol=1e-12)
