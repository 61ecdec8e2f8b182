"""The advice of a job: what it costs to follow, and what ST-CLIP then costs at most."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_reference import states as state_metric
from soad_solvers import Job

import jaxsoco
from jaxsoco.allocation import (
    Advice,
    Spec,
    allocation,
    integral_optimum,
    offline_optimum,
    offline_worst,
    with_advice,
)
from jaxsoco.allocation.comparators import advice as advice_ledger
from jaxsoco.core import random
from jaxsoco.core.errors import InputError

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
JOBS = 96


def totals(costs) -> np.ndarray:
    named = costs if isinstance(costs, dict) else costs._asdict()
    return np.stack([np.asarray(named[x][-1]) for x in ("service", "move", "switch")])


def followed(problem, keys) -> dict[str, jax.Array]:
    """Costs of the advice, followed blindly."""
    return jaxsoco.comparator("allocation/advice")(problem, keys, (problem.horizon,))


def world_of(problem, keys):
    """The jobs of some keys and their worlds, as a run meets them."""
    spec = problem.spec(keys)
    return spec, jax.jit(allocation.init)(random.round_keys(random.words(keys), 0)[0], spec)


def jobs_of(spec, costs) -> list[Job]:
    """The jobs as the oracle has them, their prices up to the deadline."""
    jobs = []
    for b in range(costs.shape[-1]):
        distance, deadline = np.asarray(spec.distance[..., b]), int(spec.deadline[b])
        n = len(distance)
        switch = np.broadcast_to(np.asarray(spec.switch[..., b]), n)
        metric = np.repeat(state_metric(distance, switch)[None], deadline, 0)
        rates = np.full(n, 1 / int(spec.length[b]))
        prices = np.asarray(costs[:deadline, :, b])
        jobs.append(Job(prices, metric, switch, rates, int(spec.start[b])))
    return jobs


def decisions_of(advice: Advice, lane: int, points: int) -> np.ndarray:
    """The decisions ``[T, 2n]`` that an advice stands for."""
    eye = np.eye(2 * points)
    weights = np.asarray(advice.weights)[:, lane]
    return np.einsum("a,tas->ts", weights, eye[np.asarray(advice.states)[..., lane]])


@X64
@pytest.mark.slow
def test_greedy_advice_is_the_learner_greedy_and_st_clip_is_consistent_with_it(x64):
    problem = jaxsoco.make("allocation/carbon_jobs", advice="greedy", data_size=8.0)
    keys = jaxsoco.seed_keys(0, JOBS)
    paid = followed(problem, keys)
    greedy = jaxsoco.play(problem, *jaxsoco.learner("allocation/greedy"), keys).costs
    np.testing.assert_allclose(totals(paid), totals(greedy), rtol=1e-12, atol=1e-12)
    for trust in (0.1, 0.5):
        run = jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip", epsilon=trust), keys)
        ratio = totals(run.costs).sum(axis=0) / totals(paid).sum(axis=0)
        assert np.all(ratio <= (1 + trust) * (1 + 1e-9))
        assert not np.any(run.faults)
        assert np.all(np.asarray(run.costs.shortfall) <= 1e-9)
        assert np.min(ratio) < 0.9, "it only ever follows"
        assert np.sum(ratio > 1 + 0.9 * trust) >= 3, "the bound was never nearly met"


def test_whole_slot_advice_is_the_best_schedule_of_the_forecast():
    problem = jaxsoco.make("allocation/carbon_jobs", job_length=3, deadline_max=14)
    spec = problem.spec(jaxsoco.seed_keys(0, 8))
    nature = random.words(jaxsoco.seed_keys(1, 8))
    world = jax.jit(allocation.init)(nature, spec)
    network = (spec.metric, spec.throughput, spec.metric.switch, spec.start)
    _, path, _ = integral_optimum(world.forecast, *network, slots=3, deadline=spec.deadline)
    np.testing.assert_array_equal(world.advice.states[:, 0], path)
    np.testing.assert_array_equal(world.advice.weights, 1)


# --- mixes of paths ------------------------------------------------------------------------------


@pytest.mark.slow
@X64
@pytest.mark.parametrize(
    "values",
    [
        {"advice": "linear"},
        {"advice": "hindsight", "advice_error": 0.3},
        {"advice": "linear", "subset_size": 4},
    ],
)
def test_following_a_mix_costs_what_exact_transport_says(values, x64):
    problem = jaxsoco.make("allocation/carbon_jobs", deadline_max=20, **values)
    keys = jaxsoco.seed_keys(0, 24)
    paid = followed(problem, keys)
    spec, world = world_of(problem, keys)
    assert world.advice.paths == (2 if values["advice"] == "linear" else 3)
    means = []
    for b, job in enumerate(jobs_of(spec, world.costs)):
        deadline, n = len(job.costs), job.costs.shape[1]
        decisions = decisions_of(world.advice, b, n)[:deadline]
        cost = float(totals(paid)[:, b].sum())
        assert cost == pytest.approx(job.spend(decisions), rel=1e-10)
        work = decisions[:, :n].sum() / int(spec.length[b])
        assert work == pytest.approx(1, abs=1e-12)
        assert float(paid["shortfall"][-1, b]) <= 1e-12
        paths = np.asarray(world.advice.states)[:deadline, :, b].T
        weights = np.asarray(world.advice.weights)[:, b]
        means.append(weights @ [job.cost(path) for path in paths] / cost)
    # Mass of one path takes the place of another's: a mix costs at most the mean of its paths.
    assert min(means) >= 1 - 1e-12
    if values["advice"] == "hindsight":
        assert max(means) > 1 + 1e-6


@pytest.mark.slow
@X64
def test_linear_advice_of_a_perfect_forecast_is_the_linear_optimum(x64):
    keys = jaxsoco.seed_keys(0, JOBS)
    problem = jaxsoco.make("allocation/carbon_jobs", advice="linear", forecast_noise=0.0)
    best = jaxsoco.comparator("allocation/offline_optimum")(problem, keys, (problem.horizon,))
    cost = totals(followed(problem, keys)).sum(axis=0)
    np.testing.assert_allclose(cost, totals(best).sum(axis=0), rtol=1e-9)
    noisy = jaxsoco.make("allocation/carbon_jobs", advice="linear", forecast_noise=0.4)
    ratio = totals(followed(noisy, keys)).sum(axis=0) / cost
    assert np.all(ratio >= 1 - 1e-9)
    assert np.mean(ratio) > 1.05


@pytest.mark.slow
@X64
def test_hindsight_goes_from_the_linear_optimum_to_the_costliest_schedule(x64):
    keys = jaxsoco.seed_keys(0, 32)
    values = {"deadline_max": 16, "job_length": 2}
    base = jaxsoco.make("allocation/carbon_jobs", **values, advice="hindsight")
    spec, world = world_of(base, keys)
    network = (spec.metric, spec.throughput, spec.metric.switch, spec.start)
    best = offline_optimum(world.costs, *network, deadline=spec.deadline).value
    worst = offline_worst(world.costs, *network, slots=2, deadline=spec.deadline)[0]
    costs = []
    for error in (0.0, 0.25, 0.5, 1.0):
        problem = jaxsoco.make("allocation/carbon_jobs", **values, advice="hindsight",
                               advice_error=error)  # fmt: skip
        costs.append(totals(followed(problem, keys)).sum(axis=0))
    np.testing.assert_allclose(costs[0], best, rtol=1e-9)
    np.testing.assert_allclose(costs[-1], worst, rtol=1e-9)
    assert np.all(np.diff(costs, axis=0) > 0)
    # Convex in the error, and below the chord.
    assert np.all(costs[2] <= (costs[0] + costs[-1]) / 2 * (1 + 1e-12))


@pytest.mark.slow
@X64
def test_the_error_is_an_axis_of_lanes(x64):
    keys = jaxsoco.seed_keys(0, 3)
    problem = jaxsoco.make("allocation/carbon_jobs", advice="hindsight", deadline_max=14)

    @jax.jit
    def paid(error):
        one = replace(problem, settings=replace(problem.settings, advice_error=error))
        return totals_of(followed(one, keys))

    def totals_of(costs):
        return sum(costs[name][-1] for name in ("service", "move", "switch"))

    lanes = paid(jnp.array([0.0, 0.2, 0.7]))
    alone = [paid(jnp.full(3, error))[b] for b, error in enumerate((0.0, 0.2, 0.7))]
    np.testing.assert_allclose(lanes, alone, rtol=1e-12)
    assert np.isfinite(jax.jit(jax.grad(lambda x: paid(x).sum()))(jnp.full(3, 0.3))).all()


@pytest.mark.slow
@X64
@pytest.mark.parametrize("advice", ["linear", "hindsight"])
def test_single_jobs_and_vmap(advice, x64):
    values = {"deadline_max": 12, "regions": "eu", "advice": advice}
    error = {"advice_error": 0.4} if advice == "hindsight" else {}
    problem = jaxsoco.make("allocation/carbon_jobs", **values, **error)
    keys = jaxsoco.seed_keys(0, 3)
    lanes = jax.tree.map(np.asarray, followed(problem, keys))
    single = jax.jit(lambda key: followed(problem, key))
    stacked = jax.tree.map(lambda *runs: np.stack(runs), *map(single, keys))
    for one in (jax.jit(jax.vmap(single))(keys), stacked):
        for name, costs in lanes.items():
            np.testing.assert_allclose(one[name], costs.T, rtol=1e-12, atol=1e-13)


# --- a user's own ---------------------------------------------------------------------------------


def at_once(spec, costs, forecast):
    """ON where the job arrives, then OFF there."""
    del costs, forecast
    slot = jnp.arange(spec.slots).reshape(-1, *(1,) * len(spec.lanes))
    states = jnp.where(slot < spec.length[None], spec.start[None], spec.start[None] + spec.points)
    return Advice(states[:, None], jnp.ones((1, *spec.lanes)))


@X64
def test_advice_of_a_function(x64):
    problem = with_advice(jaxsoco.make("allocation/carbon_jobs"), at_once)
    keys = jaxsoco.seed_keys(0, JOBS)
    paid = followed(problem, keys)
    agnostic = jaxsoco.play(problem, *jaxsoco.learner("allocation/agnostic"), keys).costs
    np.testing.assert_allclose(totals(paid), totals(agnostic), rtol=1e-12, atol=1e-12)


@X64
@pytest.mark.slow
def test_st_clip_is_consistent_with_a_function(x64):
    problem = with_advice(jaxsoco.make("allocation/carbon_jobs"), at_once)
    keys = jaxsoco.seed_keys(0, JOBS)
    paid = followed(problem, keys)
    run = jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip", epsilon=0.1), keys)
    ratio = totals(run.costs).sum(axis=0) / totals(paid).sum(axis=0)
    assert np.all(ratio <= 1.1 * (1 + 1e-9))
    assert np.mean(ratio) < 0.9


def two_points() -> Spec:
    """A job by hand: two slots of work in four, at the first of two points 60 g apart."""
    return Spec(
        trace=jnp.array([[100.0, 30.0], [100.0, 10.0], [100.0, 20.0], [100.0, 40.0]]),
        power=1.0,
        hour=0,
        distance=jnp.array([[0.0, 60.0], [60.0, 0.0]]),
        switch=jnp.array([0.5, 0.5]),
        start=0,
        deadline=4,
        length=2,
        lower=20.0,
        upper=200.0,
        forecast_noise=0.0,
        slots=4,
        max_length=2,
    )


@X64
def test_advice_beside_a_job(x64):
    """A job by hand that brings its advice along, half of it at once and half of it later."""
    states = jnp.array([[1, 2], [1, 2], [3, 1], [3, 1]])
    job = replace(two_points(), advised=Advice(states, jnp.array([0.5, 0.5])))
    paid = advice_ledger(jax.random.key(0), job, (4,))[0]
    # Half moves at once and runs at 30 and 10, half waits for two slots and runs at 20 and 40.
    expected = {"service": 50.0, "move": 60.0, "switch": 1.0, "shortfall": 0.0}
    assert {name: float(x[0]) for name, x in paid.items()} == expected


@X64
def test_advice_that_does_not_do_the_job_shows_in_its_shortfall(x64):
    def half(spec, costs, forecast):
        """Half of the job runs as in ``at_once``, the other half never."""
        states, _ = at_once(spec, costs, forecast)
        off = jnp.broadcast_to(spec.start + spec.points, states.shape)
        return Advice(jnp.concatenate([states, off], axis=1), jnp.full((2, *spec.lanes), 0.5))

    keys = jaxsoco.seed_keys(0, 8)
    paid = followed(with_advice(jaxsoco.make("allocation/carbon_jobs"), half), keys)
    np.testing.assert_allclose(paid["shortfall"][-1], 0.5, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: (a.states[:, 0], a.weights), r"advice.states: have the shape \[47, 4\]"),
        (
            lambda a: (a.states[:9], a.weights),
            r"have the shape \[9, 1, 4\].*\[47, A",
        ),
        (lambda a: (a.states * 1.0, a.weights), "advice.states: are float.*want integers"),
        (lambda a: (a.states, jnp.ones((2, 4))), r"advice.weights: have the shape \[2, 4\]"),
    ],
)
def test_advice_of_another_shape(change, message):
    advisor = lambda *job: Advice(*change(at_once(*job)))  # noqa: E731
    problem = with_advice(jaxsoco.make("allocation/carbon_jobs"), advisor)
    with pytest.raises(InputError, match=message):
        followed(problem, jaxsoco.seed_keys(0, 4))


@pytest.mark.parametrize(
    ("states", "weights", "message"),
    [
        ([[4], [2]], [1.0], "advice.states: are 2 to 4 .want integers, 0 to 1 for ON and 2 to 3"),
        ([[0], [-1]], [1.0], "advice.states: are -1 to 0"),
        ([[0, 2], [2, 2]], [0.5, 0.4], "advice.weights: are no mix"),
        ([[0, 2], [2, 2]], [1.5, -0.5], "advice.weights: are no mix"),
    ],
)
def test_advice_of_values_that_are_none(states, weights, message):
    job = replace(two_points(), slots=2, deadline=2, length=1, max_length=1,
                  advised=Advice(jnp.array(states), jnp.array(weights)))  # fmt: skip
    with pytest.raises(InputError, match=message):
        allocation.init(random.words(jax.random.key(0)), job)


def test_no_other_advice():
    with pytest.raises(InputError, match='"greedy"'):
        jaxsoco.make("allocation/carbon_jobs", advice="gredy")
    problem = with_advice(jaxsoco.make("allocation/carbon_jobs"), "gredy")
    with pytest.raises(InputError, match=r'advice: there is no "gredy".*"hindsight"'):
        followed(problem, jaxsoco.seed_keys(0, 2))


@pytest.mark.parametrize("advice", ["whole-slot", "linear", "greedy"])
def test_an_error_without_hindsight(advice):
    with pytest.raises(InputError, match=r"0\.2 has no effect on advice"):
        jaxsoco.make("allocation/carbon_jobs", advice=advice, advice_error=0.2)
