"""Receding horizon gradient descent against gradient steps over the whole horizon, in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.smoothed.theory import staircase
from jaxsoco.smoothed.theory.ratios import gradient_rate

KAPPA, ALPHA, SMOOTH = 0.7, 0.5, 3.0
ROUNDS, DIMENSION, RUNS = 9, 2, 20


def _instances():
    rng = np.random.default_rng(5)
    spectrum = rng.uniform(ALPHA, SMOOTH, size=(ROUNDS, DIMENSION, RUNS))
    target = np.cumsum(rng.normal(size=(ROUNDS, DIMENSION, RUNS)), axis=0)
    return spectrum, target, rng.normal(size=(DIMENSION, RUNS))


def whole_horizon(spectrum, target, start, steps: int, momentum: bool, box: float) -> np.ndarray:
    """``steps`` projected gradient steps on all rounds at once, from gradient descent's path."""
    step, weight = gradient_rate(SMOOTH, ALPHA, KAPPA)
    weight = weight if momentum else 0.0
    x = np.empty_like(target)
    x[0] = start
    for t in range(1, ROUNDS):
        x[t] = np.clip(x[t - 1] - spectrum[t - 1] * (x[t - 1] - target[t - 1]) / SMOOTH, -box, box)
    ahead = x
    for _ in range(steps):
        new = np.empty_like(x)
        for t in range(ROUNDS):
            before = start if t == 0 else ahead[t - 1]
            slope = spectrum[t] * (ahead[t] - target[t]) + KAPPA * (ahead[t] - before)
            if t + 1 < ROUNDS:
                slope += KAPPA * (ahead[t] - ahead[t + 1])
            new[t] = np.clip(ahead[t] - step * slope, -box, box)
        ahead, x = new + weight * (new - x), new
    return x


def _played(spectrum, target, start, steps: int, momentum: bool, box: float) -> jax.Array:
    """What the staircase plays, round by round."""
    step, weight = gradient_rate(SMOOTH, ALPHA, KAPPA)
    lanes = jnp.ones(start.shape[1:])
    terms = staircase.Terms(
        gradient=lambda x, theta: theta[0] * (x - theta[1]),
        project=lambda x: jnp.clip(x, -box, box),
        descent=lanes / SMOOTH,
        step=step * lanes,
        momentum=(weight if momentum else 0.0) * lanes,
        kappa=KAPPA * lanes,
        start=start,
        horizon=ROUNDS,
    )
    # Rounds beyond the last one are never used: nonsense must not come in.
    beyond = jnp.full((steps, *start.shape), 1e3)
    theta = tuple(jnp.concatenate([x, beyond]) for x in (spectrum, target))

    def window(t):
        return tuple(jax.lax.dynamic_slice_in_dim(x, t - 1, steps) for x in theta)

    def play(stairs, t):
        stairs = staircase.climb(terms, stairs, window(t), t)
        return stairs, stairs.points[-1]

    first = staircase.first(terms, window(1))
    later = jax.lax.scan(play, first, jnp.arange(2, ROUNDS + 1))[1]
    return jnp.concatenate([first.points[-1:], later])


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("steps, momentum", [(1, False), (3, True), (12, False)])
def test_staircase_is_gradient_steps_on_the_whole_horizon(x64, steps, momentum):
    spectrum, target, start = _instances()
    expected = whole_horizon(spectrum, target, start, steps, momentum, 2.0)
    given = (jnp.asarray(x) for x in (spectrum, target, start))
    found = jax.jit(_played, static_argnums=(3, 4, 5))(*given, steps, momentum, 2.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_staircase_has_the_derivative_of_its_steps(x64):
    spectrum, target, start = (x[..., :2] for x in _instances())

    def total(shift):
        moved = target + shift
        path = _played(jnp.asarray(spectrum), moved, jnp.asarray(start), 3, True, 50.0)
        return jnp.sum(path**2)

    def reference(shift):
        return np.sum(whole_horizon(spectrum, target + shift, start, 3, True, 50.0) ** 2)

    difference = (reference(1e-5) - reference(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.grad(total))(0.0), difference, rtol=1e-7)
