"""Learners that go by slopes after the fact, against NumPy and their regret on 240 runs."""

from functools import cache

import jax
import numpy as np
import pytest

from jaxsoco import smoothed
from jaxsoco.smoothed.theory import ratios

ROUNDS, RUNS, BETA, RADIUS = 60, 240, 0.5, 1.0


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


@cache
def _targets() -> np.ndarray:
    """In the unit disc: few jumps or many, and some that alternate between two ends.

    Not on its border, where a projection meets them exactly, and slopes are anybody's choice.
    """
    rng = np.random.default_rng(2)
    jumps = rng.uniform(size=(RUNS, ROUNDS)) < 2.0 ** -rng.uniform(0, 6, RUNS)[:, None]
    angle, size = (
        rng.uniform(0, 2 * np.pi, (RUNS, ROUNDS)),
        np.sqrt(rng.uniform(size=(RUNS, ROUNDS))),
    )
    points = np.stack([size * np.cos(angle), size * np.sin(angle)], axis=2)
    last = np.maximum.accumulate(np.where(jumps, np.arange(ROUNDS), 0), axis=1)
    targets = np.take_along_axis(points, last[:, :, None], axis=1)
    period = rng.integers(1, 12, RUNS)[:, None]
    ends = np.where(np.arange(ROUNDS)[None] // period % 2, 1.0, -1.0)[..., None] * [0.9, 0.0]
    return np.where((np.arange(RUNS) % 3 == 2)[:, None, None], ends, targets)


def _played(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Paths ``[R, T, d]``, and what they cost."""

    def one(target):
        frame = {"movement": "l2", "weight": BETA, "region": "ball", "hi": RADIUS}
        run = smoothed.replay(name, smoothed.Norm(1.0, target), np.zeros(2), **frame)
        return run.path, (run.hit + run.move).sum()

    paths, costs = jax.jit(jax.vmap(one))(_targets())
    return np.asarray(paths), np.asarray(costs)


def _onto(x: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return x * np.minimum(1, RADIUS / np.maximum(size, 1e-300))


def _slope(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    gap = x - target
    size = np.linalg.norm(gap, axis=-1, keepdims=True)
    return gap / np.where(size > 0, size, 1)


def _gradient_descent(targets: np.ndarray) -> np.ndarray:
    x, path = np.zeros((RUNS, 2)), []
    for t in range(ROUNDS):
        path.append(x)
        x = _onto(x - 2 * RADIUS / np.sqrt(t + 1) * _slope(x, targets[:, t]))
    return np.stack(path, axis=1)


def _ader(targets: np.ndarray) -> np.ndarray:
    D, G = 2 * RADIUS, 1.0
    count = int(np.ceil(np.log2(1 + 2 * ROUNDS) / 2)) + 1
    steps = 2.0 ** np.arange(count) * np.sqrt(D**2 / (G * (BETA + G) * ROUNDS))
    place = np.arange(1, count + 1)
    points, losses = np.zeros((count, RUNS, 2)), np.zeros((count, RUNS))
    moved, path = np.zeros((count, RUNS)), []
    for t in range(1, ROUNDS + 1):
        rate = np.sqrt(2 / ((2 * BETA + G) * (BETA + G) * D**2 * (t + 1)))
        weights = np.exp(-rate * (losses - losses.min(axis=0))) / (place * (place + 1))[:, None]
        weights /= weights.sum(axis=0)
        path.append(np.einsum("ir,ird->rd", weights, points))
        slope = _slope(path[-1], targets[:, t - 1])
        losses = losses + np.einsum("rd,ird->ir", slope, points) + BETA * moved
        following = _onto(points - steps[:, None, None] * slope)
        moved, points = np.linalg.norm(following - points, axis=2), following
    return np.stack(path, axis=1)


CASES = {
    "ogd": (_gradient_descent, ratios.ogd_regret),
    "ader": (_ader, ratios.ader_regret),
}


@pytest.mark.parametrize("name", CASES)
def test_path_is_the_definitions_and_the_regret_below_its_bound(name):
    definition, bound = CASES[name]
    targets = _targets()
    path, cost = _played(name)
    np.testing.assert_allclose(path, definition(targets), rtol=0, atol=1e-6)
    lengths = np.linalg.norm(np.diff(targets, axis=1), axis=2).sum(axis=1)
    bounds = [bound(2 * RADIUS, 1.0, BETA, length, ROUNDS) for length in lengths]
    # The targets cost nothing but their own moves, which the bound does not count.
    assert np.all(cost <= bounds)
    # And against the best of some points that stay.
    rng = np.random.default_rng(0)
    fixed = _onto(rng.normal(size=(50, 1, 1, 2)))
    stays = np.linalg.norm(fixed - targets[None], axis=3).sum(axis=2).min(axis=0)
    assert np.all(cost - stays <= bound(2 * RADIUS, 1.0, BETA, 0.0, ROUNDS))


def test_ader_has_steps_up_to_the_largest_that_any_path_asks_for():
    for rounds in (1, 7, 100, 4000):
        steps = ratios.ader_steps(2.0, 1.0, 0.5, rounds)
        largest = np.sqrt(1 + 2 * rounds) * steps[0]
        assert steps[-1] >= largest * (1 - 1e-12) and (len(steps) == 1 or steps[-2] < largest)


def test_slopes_longer_than_the_bound_are_cut():
    theta = smoothed.Quadratic(1e6, np.full(3, 5.0))
    run = smoothed.replay("ogd", theta, 0.0, lipschitz=2.0, step=0.25)
    np.testing.assert_allclose(run.path, [0, 0.5, 1.0])
