"""Closed-form regrets: against simulation, against each other, their growth and their slopes."""

from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import simulate
from jaxsoco.core.protocol import Algorithm
from jaxsoco.tracking import (
    HySCaLEParams,
    LAIParams,
    SCaLEParams,
    exploration_regret,
    follow_minimizer,
    follow_regret,
    hyscale,
    lai,
    lai_cost,
    make_matrix,
    make_spec,
    plugin_regret,
    quadratic_tracking,
    scale,
)
from jaxsoco.tracking.theory.increments import correlation_root, variance_of_round
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.sensing import recover_psd

ROUNDS, RUNS = 40, 20_000
GAMMA, EXPLORED = 1.3, 12
KINDS = ("gaussian", "correlated", "laplace")
SPECTRUM = (0.0, 0.7, 4.0)


def matrices():
    matrix = make_matrix(jax.random.key(1), SPECTRUM)
    return matrix, matrix + 0.4 * make_matrix(jax.random.key(2), (0.0, 1.0, 2.0))


def covariances(kind: str):
    eye = jnp.broadcast_to(jnp.eye(3), (ROUNDS, 3, 3))
    if kind != "correlated":
        return eye
    root = correlation_root(3, jnp.asarray(0.7))
    rounds = jnp.arange(1, ROUNDS + 1)
    return variance_of_round(rounds, float)[:, None, None] * (root @ root.T)[None]


def believing(estimate) -> Algorithm:
    """LAI that takes ``estimate`` for the matrix."""

    def init(key, params, spec):
        state = lai.init(key, params, spec)
        shape = (3, 3, *key.shape[1:])
        stack = jnp.broadcast_to(estimate.reshape(3, 3, *(1,) * (key.ndim - 1)), shape)
        return state._replace(estimate=jacobi.start(stack))

    return lai._replace(init=init)


def on(params, state, action, feedback):
    """An update that recovers nothing."""
    return state._replace(clock=state.clock.tick())


class Sample(NamedTuple):
    """Costs and regrets of many runs at the last round."""

    cost: np.ndarray
    regret: np.ndarray


@cache
def sampled(name: str, kind: str) -> Sample:
    matrix, estimate = matrices()
    spec = make_spec(matrix, ROUNDS, increments=kind)
    exploring = SCaLEParams(rounds=ROUNDS, gamma=GAMMA)
    learner, params = {
        "lai": (lai, LAIParams()),
        "follow": (follow_minimizer, None),
        "plugin": (believing(estimate), LAIParams()),
        "explore": (scale._replace(update=on), exploring),
    }[name]
    keys = jax.random.split(jax.random.key(8), RUNS)
    at = (EXPLORED, ROUNDS) if name == "explore" else (ROUNDS,)
    play = jax.jit(lambda k: simulate(learner, params, quadratic_tracking, spec, k, ROUNDS, at=at))
    run = play(keys)
    return Sample(np.asarray(run.costs.hit[0] + run.costs.move[0]), np.asarray(run.costs.regret[0]))


def assert_mean(sample: np.ndarray, wanted: float):
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    assert error < 0.02 * abs(wanted)
    assert abs(sample.mean() - wanted) <= 3 * error


@pytest.mark.parametrize(
    "kind", [KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)
def test_simulations_agree_with_the_closed_forms(kind):
    with jax.enable_x64(True):
        matrix, estimate = matrices()
        cov = covariances(kind)
        best = sampled("lai", kind)
        assert_mean(best.cost, float(lai_cost(matrix, cov)))
        follow = sampled("follow", kind)
        assert_mean(follow.regret, float(follow_regret(matrix, cov)))
        assert_mean(follow.cost - best.cost, float(follow_regret(matrix, cov)))
        plugin = sampled("plugin", kind)
        wanted = float(plugin_regret(matrix, estimate, cov))
        assert_mean(plugin.regret, wanted)
        assert_mean(plugin.cost - best.cost, wanted)
        # Both estimate the regret; the terms do so with less variance.
        assert plugin.regret.std() < (plugin.cost - best.cost).std()
        explore = sampled("explore", kind)
        assert_mean(explore.regret, float(exploration_regret(matrix, cov, GAMMA, EXPLORED)))


def test_a_whole_run_of_scale_has_the_regret_of_its_parts():
    """Given the exploration and the estimate, the rest of a run has a known mean."""
    with jax.enable_x64(True):
        matrix, estimate = matrices()
        spec = make_spec(matrix, ROUNDS)
        cov = covariances("gaussian")
        vectors = jax.random.normal(jax.random.key(3), (EXPLORED, 3))

        def init(key, params, spec):
            state = scale.init(key, params, spec)
            lanes = (1,) * (key.ndim - 1)
            fixed = jnp.broadcast_to(vectors.reshape(EXPLORED, 3, *lanes), (EXPLORED, 3, RUNS))
            return state._replace(sensing=state.sensing._replace(vectors=fixed))

        def update(params, state, action, feedback):
            # The estimate is given: it depends on nothing that the run sees.
            state = state._replace(clock=state.clock.tick())
            stack = jnp.broadcast_to(estimate[..., None], (3, 3, RUNS))
            return state._replace(estimate=jacobi.start(stack))

        learner = Algorithm(init, scale.act, update)
        params = SCaLEParams(rounds=EXPLORED, gamma=GAMMA)
        keys = jax.random.split(jax.random.key(9), RUNS)
        run = jax.jit(
            lambda k: simulate(learner, params, quadratic_tracking, spec, k, ROUNDS, at=(ROUNDS,))
        )(keys)
        last = GAMMA**2 * jnp.outer(vectors[-1], vectors[-1])
        rest = plugin_regret(matrix, estimate, cov, EXPLORED + 1, last + cov[EXPLORED])
        keep = jnp.asarray(np.eye(3) - _progress(matrix))[:EXPLORED]
        before = GAMMA * jnp.concatenate([jnp.zeros((1, 3)), vectors[:-1]])
        miss = GAMMA * vectors - jnp.einsum("tij,tj->ti", keep, before)
        explored = jnp.sum(miss * jnp.linalg.solve(keep, miss[..., None])[..., 0])
        explored = explored + jnp.sum(keep * cov[:EXPLORED])
        assert_mean(np.asarray(run.costs.regret[0]), float(explored / 2 + rest))


def _progress(matrix):
    from tracking_reference import plans

    return np.eye(3) - plans(np.asarray(matrix), ROUNDS)


def test_closed_forms_are_consistent():
    with jax.enable_x64(True):
        matrix, estimate = matrices()
        cov = covariances("correlated")
        assert float(plugin_regret(matrix, matrix, cov)) == pytest.approx(0, abs=1e-20)
        # An estimate that is huge follows the minimiser.
        follow = float(follow_regret(matrix, cov))
        huge = float(plugin_regret(matrix, 1e9 * jnp.eye(3), cov))
        assert huge == pytest.approx(follow, rel=1e-6)
        # Rounds add up: the second moment at round 11 is carried over by hand.
        plans = _progress(estimate)
        second = cov[0]
        for t in range(10):
            keep = jnp.eye(3) - plans[t]
            second = keep @ second @ keep.T + cov[t + 1]
        whole = float(plugin_regret(matrix, estimate, cov))
        late = float(plugin_regret(matrix, estimate, cov, 11, second))
        best = [float(plugin_regret(matrix, estimate, cov[-n:])) for n in (40, 30)]
        assert whole == pytest.approx(best[0])
        assert 0 < late < whole and late != pytest.approx(best[1])
        assert float(exploration_regret(matrix, cov, GAMMA, 0)) == 0
        assert float(plugin_regret(matrix, estimate, cov, ROUNDS + 1)) == 0
        with pytest.raises(ValueError, match="start"):
            plugin_regret(matrix, estimate, cov, 0)
        with pytest.raises(ValueError, match="rounds"):
            exploration_regret(matrix, cov, GAMMA, ROUNDS + 1)


# --- growth with the horizon ----------------------------------------------------------------------

SETTINGS = {
    # spectrum, floor, c, g0, exponent: section 8 of the design
    "full": (tuple(np.geomspace(0.5, 8, 5)), 0.5, 2, 0.15, 1 / 2),
    "deficient": ((0.0, 0, 0, 0, 1, 4), 1.0, 4, 0.3, 2 / 3),
}
CAP, DRAWS = 0.1, 5


@jax.jit
def recovered(matrix, vectors, noise, rho):
    """Estimates ``[draws, d, d]`` from explorations and unit noises ``[draws, T0]``."""
    forms = jnp.einsum("nmi,ij,nmj->nm", vectors, matrix, vectors)
    radius = 2 * vectors.shape[1] * rho

    def one(draw):
        vectors, values = draw
        return recover_psd(vectors, values, radius).matrix

    return jax.lax.map(one, (vectors, forms + 2 * rho * noise))


@partial(jax.jit, static_argnames=("horizon",))
def regret_with(estimates, matrix, vectors, rho, horizon):
    """Expected regret of SCaLE with these explorations and estimates, ``[draws]``."""
    d, explored = matrix.shape[0], vectors.shape[1]
    cov = jnp.broadcast_to(jnp.eye(d), (horizon, d, d))
    gamma = jnp.sqrt(CAP / rho)

    def one(draw):
        estimate, vectors = draw
        last = gamma**2 * jnp.outer(vectors[-1], vectors[-1]) + jnp.eye(d)
        return plugin_regret(matrix, estimate, cov, explored + 1, last)

    explore = exploration_regret(matrix, cov, gamma, explored)
    return explore + jax.lax.map(one, (estimates, vectors))


def scale_regret(matrix, vectors, noise, rho, horizon):
    estimates = recovered(matrix, vectors, noise, rho)
    return regret_with(estimates, matrix, vectors, rho, horizon)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["full", pytest.param("deficient", marks=pytest.mark.slow)])
def test_regret_grows_with_the_papers_exponents(case):
    spectrum, floor, constant, gain, exponent = SETTINGS[case]
    with jax.enable_x64(True):
        matrix = make_matrix(jax.random.key(11), spectrum)
        d, rank = len(spectrum), sum(x > 0 for x in spectrum)
        explored = constant * rank * d
        draws = jax.random.split(jax.random.key(12))
        vectors = jax.random.normal(draws[0], (DRAWS, explored, d))
        noise = jax.random.uniform(draws[1], (DRAWS, explored), minval=-1)
        horizons = (1000, 10_000, 100_000)
        total = []
        for horizon in horizons:
            rho = floor / (gain * horizon**exponent)
            # A draw whose estimate loses an eigenvalue has regret of order T^2 and wrecks a mean.
            regrets = scale_regret(matrix, vectors, noise, rho, horizon)
            total.append(float(jnp.median(regrets)))
        slope = np.polyfit(np.log(horizons), np.log(total), 1)[0]
        wanted = {"full": 0.49, "deficient": 0.65}[case]
        assert abs(slope - wanted) <= 0.03


# --- slopes ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_regret_has_the_right_slope_in_the_noise():
    """d(expected regret) / d(log rho), through the recovery, at full rank."""
    spectrum, _, _, _, _ = SETTINGS["full"]
    with jax.enable_x64(True):
        matrix = make_matrix(jax.random.key(11), spectrum)
        draws = jax.random.split(jax.random.key(13))
        vectors = jax.random.normal(draws[0], (1, 50, 5))
        noise = jax.random.uniform(draws[1], (1, 50), minval=-1)

        def total(log_rho):
            return scale_regret(matrix, vectors, noise, jnp.exp(log_rho), 400)[0]

        at, h = np.log(0.02), 1e-3
        slope = jax.jit(jax.grad(total))(at)
        central = (total(at + h) - total(at - h)) / (2 * h)
        assert float(slope) == pytest.approx(float(central), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["raw", "normalized"])
def test_hyscale_has_the_right_slope_in_its_learning_rate(step):
    with jax.enable_x64(True):
        spec = make_spec(make_matrix(jax.random.key(11), SETTINGS["full"][0]), 200)
        keys = jax.random.split(jax.random.key(14), 8)

        @jax.jit
        @jax.value_and_grad
        def regret(rate):
            params = HySCaLEParams(learning_rate=rate, step=step)
            run = simulate(hyscale, params, quadratic_tracking, spec, keys, 200, at=(200,))
            return jnp.mean(run.costs.regret[0])

        rate = {"raw": 2e-3, "normalized": 2e-2}[step]
        h = 1e-3 * rate
        slope = float(regret(rate)[1])
        central = float(regret(rate + h)[0] - regret(rate - h)[0]) / (2 * h)
        assert slope == pytest.approx(central, rel=1e-4)


@pytest.mark.parametrize("turned", [False, True], ids=["eigenvalues", "any-error"])
def test_a_fixed_matrix_costs_the_square_of_the_error_a_round(turned):
    """``kappa eps^2 T``, ``kappa = 1/2 sum_i e_i^2 c_i^3 / (1 - c_i^2)^3``, for ``A + eps e``."""
    values, horizon = np.array([0.5, 2.0, 8.0]), 4000
    keep = np.exp(-2 * np.arcsinh(np.sqrt(values) / 2))  # c, far from the horizon
    with jax.enable_x64(True):
        steps = jnp.broadcast_to(jnp.eye(3), (horizon, 3, 3))
        direction = np.diag([1.0, -0.5, 2.0])
        if turned:
            direction = np.array([[1.0, 0.3, -0.4], [0.3, -0.5, 0.2], [-0.4, 0.2, 2.0]])
        matrix = np.diag(values)

        def grown(eps, rounds):
            return float(plugin_regret(matrix, matrix + eps * direction, steps[:rounds]))

        regret = grown(1e-4, horizon)
        if not turned:
            kappa = np.sum(np.diag(direction) ** 2 * keep**3 / (1 - keep**2) ** 3) / 2
            assert regret == pytest.approx(kappa * 1e-8 * horizon, rel=5e-3)
        assert grown(2e-4, horizon) / regret == pytest.approx(4, rel=2e-3)
        assert regret / grown(1e-4, horizon // 2) == pytest.approx(2, rel=5e-3)
