"""Schedules drawn by the optimal coupling: its plan, its marginals, its cost on average."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soad_reference as reference

import jaxsoco
from jaxsoco.allocation import StateMetric, next_state, optimal_coupling, sample_schedule
from jaxsoco.core import random

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
LEARNERS = ("pcm", "st_clip", "agnostic", "greedy", "delayed_greedy", "threshold")


def pairs(rng: np.random.Generator, n: int) -> list[tuple[np.ndarray, ...]]:
    """Decisions that follow each other: spread out, sparse, alike, and in single states."""
    spread = [rng.dirichlet(np.ones(2 * n)) for _ in range(2)]
    sparse = [rng.dirichlet(np.full(2 * n, 0.1)) for _ in range(2)]
    single = np.eye(2 * n)[rng.integers(2 * n, size=2)]
    nearly = 0.9 * spread[0] + 0.1 * np.roll(spread[0], 1)
    return [(*spread,), (*sparse,), (*single,), (single[0], spread[0]), (spread[0], nearly)]


@X64
@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", ["plane", "closure", "tree", "star"])
def test_the_plan_has_both_marginals_and_the_least_cost(n, kind, x64):
    """Against POT's network simplex, on the whole state metric."""
    rng = np.random.default_rng([n, len(kind)])
    couple = jax.jit(optimal_coupling)
    for switch in (rng.uniform(0, 1, n), np.zeros(n)):
        distance = reference.network(rng, n, kind)
        metric = reference.states(distance, switch)
        for p, q in pairs(rng, n):
            plan = np.asarray(couple(p, q, StateMetric(jnp.asarray(distance), jnp.asarray(switch))))
            assert np.all(plan >= 0)
            np.testing.assert_allclose(plan.sum(axis=1), p, atol=1e-14)
            np.testing.assert_allclose(plan.sum(axis=0), q, atol=1e-14)
            assert np.sum(plan * metric) == pytest.approx(reference.w1(p, q, metric), abs=1e-13)


@X64
def test_lanes_vmap_and_single_plans_agree(x64):
    rng = np.random.default_rng(3)
    cases = [pair for _ in range(3) for pair in pairs(rng, 4)]
    p, q = (np.stack(side, axis=-1) for side in zip(*cases, strict=True))
    distance = np.stack([reference.network(rng, 4, "plane") for _ in cases], axis=-1)
    metric = StateMetric(jnp.asarray(distance), jnp.asarray(rng.uniform(size=(4, len(cases)))))
    native = jax.jit(optimal_coupling)(p, q, metric)
    mapped = jax.jit(jax.vmap(optimal_coupling, -1, -1))(p, q, metric)
    np.testing.assert_allclose(native, mapped, atol=1e-14)
    alone = jax.jit(optimal_coupling)
    for i in range(len(cases)):
        single = alone(p[:, i], q[:, i], jax.tree.map(lambda x, i=i: x[..., i], metric))
        np.testing.assert_allclose(native[..., i], single, atol=1e-14)


@X64
def test_states_are_drawn_with_the_chances_of_the_plan(x64):
    """A grid of draws falls into the states as the plan's row says, and nowhere else."""
    rng = np.random.default_rng(5)
    distance, switch = reference.network(rng, 3, "plane"), rng.uniform(size=3)
    metric, draws = StateMetric(jnp.asarray(distance), jnp.asarray(switch)), np.arange(4000) / 4000
    follow = jax.jit(jax.vmap(next_state, (0, None, None, None, None)))
    for p, q in pairs(rng, 3):
        plan = np.asarray(optimal_coupling(p, q, metric))
        for state in np.flatnonzero(p > 1e-9):
            places = np.asarray(follow(draws, int(state), p, q, metric))
            shares = np.bincount(places, minlength=6) / draws.size
            np.testing.assert_allclose(shares, plan[state] / p[state], atol=2 / draws.size)
            assert np.all(q[places] > 0)


def test_the_largest_draw_leads_to_a_state_that_is_possible():
    p, q = jnp.array([0.0, 0.0, 1.0, 0.0]), jnp.array([0.1, 0.0, 0.9, 0.0], jnp.float32)
    metric = StateMetric(1 - jnp.eye(2), jnp.full(2, 0.1))
    largest = 1 - jnp.finfo(jnp.float32).epsneg
    assert int(next_state(largest, 2, p, q, metric)) == 2
    assert int(next_state(0.0, 2, p, q, metric)) == 0


def paid(costs: np.ndarray, metric: np.ndarray, states: np.ndarray) -> np.ndarray:
    """What schedules ``[runs, 1 + T]`` pay by definition, from the state before the first slot."""
    now, n = states[:, 1:], costs.shape[1]
    service = np.where(now < n, costs[np.arange(now.shape[1]), now % n], 0).sum(axis=1)
    last = states[:, -1]
    return service + metric[states[:, :-1], now].sum(axis=1) + metric[last, n + last % n]


@X64
@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS)
def test_schedules_cost_on_average_what_the_decisions_cost(learner, x64):
    """20 jobs, 2000 schedules of each: means within three standard errors, work as well."""
    jobs, draws = 20, 2000
    problem = jaxsoco.make("allocation/carbon_jobs", data_size=0.5, switch=0.5, deadline_max=24)
    keys = jaxsoco.seed_keys(0, jobs)
    run = jaxsoco.play(problem, *jaxsoco.learner(f"allocation/{learner}"), keys, trace=True)
    spec = problem.spec(keys)
    prices = jax.jit(problem.problem.init)(random.words(keys), spec).costs
    decisions, fractional = run.trace[0], np.asarray(jnp.stack(run.costs[:3]).sum(axis=0)[-1])
    sample = jax.jit(jax.vmap(sample_schedule, (0, None, None, None)))
    mixed = 0
    for job in range(jobs):
        network = jax.tree.map(lambda x, job=job: x[..., job], spec.metric)
        start, deadline, n = int(spec.start[job]), int(spec.deadline[job]), network.points
        many = jaxsoco.seed_keys(job, draws)
        states = np.asarray(sample(many, decisions[..., job], network, start))[:, :deadline]
        path = np.concatenate([np.full((draws, 1), n + start), states], axis=1)
        metric = reference.states(np.asarray(network.distance), np.asarray(network.switch))
        total = paid(np.asarray(prices[:deadline, :, job]), metric, path)
        work = np.sum(states < n, axis=1) / int(spec.length[job])
        for mean, values in ((fractional[job], total), (1.0, work)):
            error = values.std(ddof=1) / np.sqrt(draws)
            assert abs(values.mean() - mean) <= 3 * error + 1e-9 * mean
        mixed += np.ptp(total) > 1e-9 * total.mean()
    if learner in ("pcm", "st_clip"):
        assert mixed >= 5, "the decisions are whole slots: nothing was drawn"
    else:
        assert not mixed
