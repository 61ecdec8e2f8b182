"""SCaLE averaged over walks: against the closed forms, and against walks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import simulate
from jaxsoco.tracking import (
    SCaLEParams,
    expected_tracking,
    lai_cost,
    make_matrix,
    make_spec,
    plugin_regret,
    quadratic_tracking,
    scale,
    scale_design,
)
from jaxsoco.tracking.problem import ROUNDS
from jaxsoco.tracking.spec import Averaged
from jaxsoco.tracking.theory.increments import correlation_root, variance_of_round
from jaxsoco.tracking.theory.planning import interpolation

HORIZON, LANES = 60, 3
PARAMS = SCaLEParams(gain=0.4, exploration=1.5)


def covariances(spec):
    d, t = spec.dimension, jnp.arange(1, spec.horizon + 1)
    if spec.increments != "correlated":
        return jnp.broadcast_to(jnp.eye(d) * spec.scale**2, (spec.horizon, d, d))
    root = correlation_root(d, spec.correlation) * spec.scale
    share = variance_of_round(t, root.dtype)
    return share[:, None, None] * (root @ root.T)[None]


def designed(spec, key):
    return simulate(scale_design, PARAMS, expected_tracking, Averaged(spec), key, ROUNDS)


X64 = pytest.mark.parametrize("x64", [True], indirect=True)


@pytest.mark.slow
@X64
@pytest.mark.parametrize("increments", ["gaussian", "correlated"])
def test_its_costs_are_those_of_the_closed_forms(increments, x64):
    matrix = make_matrix(jax.random.key(2), jnp.array([0.0, 0.6, 2.0, 5.0]))
    spec = make_spec(matrix, HORIZON, increments=increments, noise_cap=0.05, scale=0.8)
    run = jax.jit(designed)(spec, jax.random.split(jax.random.key(5), LANES))
    assert not np.any(run.faults)
    sigma, rounds = covariances(spec), run.state.sensing.rounds
    keep = np.asarray(
        jax.vmap(lambda left: interpolation(matrix, left))(HORIZON - np.arange(rounds))
    )
    best = lai_cost(matrix, sigma)
    planned = jax.jit(
        lambda estimate, first: plugin_regret(matrix, estimate, sigma, rounds + 1, first)
    )
    basis, near = (np.asarray(x) for x in run.state.estimate)
    for lane in range(LANES):
        y = np.asarray(run.state.sensing.gamma[lane] * run.state.sensing.vectors[..., lane])
        miss = y - np.einsum("tij,tj->ti", keep, np.vstack([np.zeros((1, 4)), y[:-1]]))
        explored = np.sum(miss * np.linalg.solve(keep, miss[..., None])[..., 0]) / 2
        explored += np.sum(keep * np.asarray(sigma[:rounds])) / 2
        estimate = basis[..., lane] @ near[..., lane] @ basis[..., lane].T
        wanted = explored + planned(estimate, np.outer(y[-1], y[-1]) + sigma[rounds])
        np.testing.assert_allclose(run.costs.regret[-1, lane], wanted, rtol=1e-9)
        np.testing.assert_allclose(run.costs.regret[0, lane], explored, rtol=1e-9)
        # What a policy costs is what LAI costs, and its regret.
        whole = run.costs.hit[-1, lane] + run.costs.move[-1, lane]
        np.testing.assert_allclose(whole, wanted + best, rtol=1e-9)


@pytest.mark.slow
@X64
@pytest.mark.parametrize("spectrum", [[0.6, 2.0, 5.0], [0.0, 0.0, 0.6, 5.0]], ids=["full", "low"])
def test_parts_are_the_closed_forms_of_their_estimates(spectrum, x64):
    matrix = np.asarray(make_matrix(jax.random.key(2), jnp.array(spectrum)))
    spec = make_spec(matrix, HORIZON, noise_cap=0.05)
    sigma, keys = covariances(spec), jax.random.split(jax.random.key(5), LANES)
    runs = {
        part: jax.jit(simulate, static_argnums=(0, 2, 5))(
            scale_design, PARAMS, expected_tracking, Averaged(spec, part), keys, ROUNDS
        )
        for part in ("all", "exploration", "exploitation", "eigenvalues", "eigenbasis")
    }
    regret = {part: np.asarray(run.costs.regret) for part, run in runs.items()}
    np.testing.assert_array_equal(regret["exploration"][1], regret["all"][0])
    np.testing.assert_array_equal(regret["exploitation"][0], 0)
    both = regret["exploration"][1] + regret["exploitation"][1]
    np.testing.assert_allclose(both, regret["all"][1], rtol=1e-12)
    planned = jax.jit(plugin_regret, static_argnums=3)
    values, basis = np.linalg.eigh(matrix)
    sensing, estimates = runs["all"].state.sensing, runs["all"].state.estimate
    for lane in range(LANES):
        y = np.asarray(sensing.gamma[lane] * sensing.vectors[-1, :, lane])
        start = sensing.rounds + 1, np.outer(y, y) + sigma[sensing.rounds]
        u, m = (np.asarray(x[..., lane]) for x in estimates)
        own, turned = np.linalg.eigh(u @ m @ u.T)
        for part, estimate in {
            "exploitation": u @ m @ u.T,
            "eigenvalues": (basis * own) @ basis.T,
            "eigenbasis": (turned * values) @ turned.T,
        }.items():
            wanted = planned(matrix, estimate, sigma, *start)
            np.testing.assert_allclose(regret[part][1, lane], wanted, rtol=1e-7)
    assert np.all(regret["eigenvalues"][1] > 0) and np.all(regret["eigenbasis"][1] > 0)


@pytest.mark.slow
@X64
def test_walks_average_to_it(x64):
    matrix = make_matrix(jax.random.key(4), jnp.array([0.8, 3.0]))
    spec = make_spec(matrix, HORIZON, noise_cap=0.1)
    keys = jax.random.split(jax.random.key(9), 4000)
    means = []
    for problem, learner, made, rounds in (
        (quadratic_tracking, scale, spec, HORIZON),
        (expected_tracking, scale_design, Averaged(spec), ROUNDS),
    ):
        run = jax.jit(simulate, static_argnums=(0, 2, 5))(
            learner, PARAMS, problem, made, keys, rounds
        )
        means.append([(x[-1].mean(), x[-1].std() / np.sqrt(len(keys))) for x in run.costs])
    for (walked, error), (averaged, spread) in zip(*means, strict=True):
        assert abs(walked - averaged) < 3 * np.hypot(error, spread)


def test_an_exploration_longer_than_the_run_is_refused():
    spec = make_spec(np.eye(4), 20)
    with pytest.raises(ValueError, match="do not fit into a horizon of 20"):
        designed(spec, jax.random.split(jax.random.key(0), 2))
