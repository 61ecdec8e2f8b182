"""ST-CLIP with advice that mixes paths, and learners on points that work at different speeds."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_reference import states, w1

import jaxsoco
from jaxsoco import allocation
from jaxsoco.allocation import (
    PCMParams,
    Spec,
    STCLIPParams,
    offline_optimum,
    pcm,
    receding_horizon,
    roro,
    st_clip,
)
from jaxsoco.allocation.comparators import advice as advice_ledger
from jaxsoco.allocation.settings_rivals import RecedingHorizonParams, ROROParams
from jaxsoco.allocation.spec import Advice
from jaxsoco.core import random
from jaxsoco.core.errors import InputError
from jaxsoco.core.nature import first_world
from jaxsoco.engine.simulate import simulate

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
JOBS = 48
WORLD = allocation.allocation


def jobs() -> tuple[jax.Array, Spec]:
    problem = jaxsoco.make(
        "allocation/carbon_jobs",
        data_size=12.0,
        latency_scale=2.0,
        deadline_max=16,
        regions=REGIONS,
        job_length=3,
    )
    keys = jaxsoco.seed_keys(0, JOBS)
    return random.words(keys), problem.spec(keys)


REGIONS = ("us-west-1", "us-west-2", "ca-central-1", "eu-west-2")


def linear(spec: Spec, world) -> Advice:
    """The optimum of the forecast's linear program: two paths."""
    network = (spec.metric, spec.throughput, spec.metric.switch, spec.start)
    best = offline_optimum(world.forecast, *network, deadline=spec.deadline)
    paths = jnp.stack([best.low_path, best.high_path], axis=1)
    return Advice(paths, jnp.stack([1 - best.weight, best.weight]))


def whole_slots(spec: Spec, world) -> Advice:
    del spec
    return world.advice


def both(spec: Spec, world) -> Advice:
    """Four paths: the linear optimum, the whole-slot one, and staying OFF, which does no work."""
    two, one = linear(spec, world), whole_slots(spec, world)
    rest = jnp.broadcast_to(spec.start + spec.points, one.states.shape).astype(jnp.int32)
    weights = [0.5 * two.weights, 0.4 * one.weights, 0.1 * one.weights]
    return Advice(jnp.concatenate([two.states, one.states, rest], axis=1), jnp.concatenate(weights))


def empty_second(spec: Spec, world) -> Advice:
    """The whole-slot schedule, and another of weight 0."""
    one, two = whole_slots(spec, world), linear(spec, world)
    weights = jnp.concatenate([one.weights, jnp.zeros_like(one.weights)])
    return Advice(jnp.concatenate([one.states, two.states[:, :1]], axis=1), weights)


def advised(make):
    """The world whose advice is ``make(spec, world)``."""

    def init(key, spec):
        world = WORLD.init(key, spec)
        return world._replace(advice=make(spec, world))

    return WORLD._replace(init=init)


@functools.partial(jax.jit, static_argnames=("make", "metric"))
def play(key, spec, trust, make=None, metric="tree"):
    problem = WORLD if make is None else advised(make)
    params = STCLIPParams(epsilon=trust, metric=metric)
    run = simulate(st_clip, params, problem, spec, key, spec.slots, at=(spec.slots,), trace=True)
    return run.costs, run.trace[0], run.faults, first_world(problem, spec, key)


def total(costs) -> np.ndarray:
    return np.asarray(costs.service + costs.move + costs.switch)[-1]


def spent(costs, distance, switch, decisions, start) -> float:
    """What fractional decisions ``[T, 2n]`` cost by exact transport, final switch-off included."""
    n = len(switch)
    metric, before, paid = states(distance, switch), np.eye(2 * n)[start + n], 0.0
    for prices, now in zip(costs, decisions, strict=True):
        paid += prices @ now[:n] + w1(now, before, metric)
        before = now
    return paid + switch @ before[:n]


def followed(spec: Spec, world) -> np.ndarray:
    """Cost of following the advice of every job."""
    metric = spec.metric
    paths, weights = map(np.asarray, world.advice)
    n, found = spec.points, []
    for b in range(paths.shape[-1]):
        end = int(spec.deadline[b])
        mixed = np.einsum("tas,a->ts", np.eye(2 * n)[paths[:end, :, b]], weights[:, b])
        distance, switch = (np.asarray(x)[..., b % x.shape[-1]] for x in metric)
        costs = np.asarray(world.costs)[:end, :, b]
        found.append(spent(costs, distance, switch, mixed, int(spec.start[b])))
    return np.array(found)


@X64
@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "trust", "metric"),
    [(linear, 0.1, "tree"), (linear, 1.0, "true"), (both, 0.2, "tree")],
)
def test_a_mix_is_followed_within_the_trust(make, trust, metric, x64):
    key, spec = jobs()
    costs, _, faults, world = play(key, spec, jnp.full(JOBS, trust), make, metric)
    ratio = total(costs) / followed(spec, world)
    # A mix that leaves work undone puts nothing by for it: who has to finish the work in the last
    # slot may exceed the budget by a little, and says so.
    assert np.sum(faults) <= (0 if make is linear else 2)
    if make is linear:
        # A mix that does all of the work: the others may be cheaper than any schedule.
        assert np.all(ratio <= (1 + trust) * (1 + 1e-9))
        mixed = np.asarray(world.advice.weights)
        assert np.sum(np.all(mixed > 0.01, axis=0)) >= 3, "hardly any advice is a mix"
        assert np.sum(ratio > 1 + 0.8 * trust) >= 1, "the bound was never nearly met"
    assert np.all(np.asarray(costs.shortfall) <= 1e-9)


@X64
@pytest.mark.slow
def test_a_path_of_weight_zero_changes_nothing(x64):
    """But for ties, at which two ways to the same optimum part for good: on few jobs."""
    key, spec = jobs()
    trust = jnp.full(JOBS, 0.3)
    one = play(key, spec, trust, whole_slots, "true")
    two = play(key, spec, trust, empty_second, "true")
    assert not np.any(two[2])
    change = np.abs(total(two[0]) / total(one[0]) - 1)
    assert np.sum(change > 1e-9) <= 2


# --- points of different speeds ------------------------------------------------------------------


def fast_and_slow(count: int = 60, slots: int = 12) -> Spec:
    """Jobs of all lengths and deadlines; the fastest of four points is often a dear one."""
    rng = np.random.default_rng(0)
    speed = np.array([0.5, 1.0, 0.8, 1.6])
    pairs = [(j, t) for j in range(1, 9) for t in range(-(-j * 10 // 16), slots + 1)]
    length, deadline = np.array([pairs[i * 7 % len(pairs)] for i in range(count)]).T
    low, high, move, switch = 1.0, 40.0, 1.5, 0.25
    distance = move * (1 - np.eye(4))
    # A slot costs its energy: a price per unit of work is the trace's times J / speed.
    trace = rng.uniform(low, high, (400, 4)) * speed
    return Spec(
        trace=jnp.asarray(trace),
        power=jnp.ones(count),
        hour=jnp.asarray(rng.integers(0, 380, count)),
        distance=jnp.asarray(np.repeat(distance[..., None], count, -1)),
        # The guarantee takes a switch to cost tau c_u.
        switch=jnp.asarray(np.repeat(switch * speed[:, None], count, -1)),
        start=jnp.asarray(rng.integers(0, 4, count)),
        deadline=jnp.asarray(deadline),
        length=jnp.asarray(length),
        lower=jnp.asarray(low * length),
        upper=jnp.asarray(high * length),
        forecast_noise=jnp.asarray(rng.uniform(size=count)),
        slots=slots,
        max_length=8,
        speed=jnp.asarray(speed),
        advice="linear",
    )


@functools.partial(jax.jit, static_argnames=("learner", "make", "metric"))
def race(key, spec, learner, make=None, metric="true"):
    problem = WORLD if make is None else advised(make)
    params = PCMParams(metric=metric) if learner is pcm else STCLIPParams(0.1, metric=metric)  # pyright: ignore
    run = simulate(learner, params, problem, spec, key, spec.slots, at=(spec.slots,), trace=True)
    return run.costs, run.trace[0], run.faults, first_world(problem, spec, key)


@X64
@pytest.mark.slow
@pytest.mark.parametrize("learner", [pcm, st_clip])
def test_jobs_end_in_time_on_points_of_different_speeds(learner, x64):
    """Some can only if the last slots all run at the fastest point."""
    spec = fast_and_slow()
    count = spec.length.shape[0]
    key = random.run_key(jax.random.key(1), jnp.arange(count))
    make = None if learner is pcm else linear
    costs, actions, faults, world = race(key, spec, learner, make, "tree")
    inside = np.arange(1, spec.slots + 1)[:, None] <= np.asarray(spec.deadline)
    rates = np.asarray(spec.throughput)
    works = np.sum(np.asarray(actions)[:, :4] * rates, axis=1) * inside
    # None of these could end at any other point than the fastest.
    hurried = np.asarray(spec.length) > np.asarray(spec.deadline)
    assert np.sum(hurried) >= 5
    assert np.all(np.asarray(costs.shortfall) <= 1e-9)
    np.testing.assert_array_less(works.sum(axis=0), 1 + 1e-9)
    # Work is done at several speeds.
    spread = np.sum(np.asarray(actions)[:, :4] * inside[:, None], axis=(0, 2))
    assert np.all(spread > 0.5)
    assert not np.any(faults)
    if learner is st_clip:
        ratio = total(costs) / followed(spec, world)
        assert np.all(ratio <= 1.1 * (1 + 1e-9))
        assert np.sum(ratio > 1.02) >= 3, "the advice was simply followed"


@X64
@pytest.mark.slow
@pytest.mark.parametrize("learner", [pcm, st_clip])
def test_equal_speeds_are_no_speeds(learner, x64):
    key, spec = jobs()
    spec = dataclasses.replace(spec, advice="linear")  # whole slots are of one speed
    level = dataclasses.replace(spec, speed=jnp.ones(spec.points))
    one, two = (race(key, s, learner, metric="true") for s in (spec, level))
    np.testing.assert_allclose(spec.move_bound, level.move_bound)
    np.testing.assert_allclose(spec.switch_bound, level.switch_bound)
    # At a tie the two searches may take different sides.
    assert np.sum(np.abs(total(two[0]) / total(one[0]) - 1) > 1e-9) <= 2


@pytest.mark.parametrize(
    ("learner", "params", "reason"),
    [
        (receding_horizon, RecedingHorizonParams(), "its plans count whole slots at one speed"),
        (roro, ROROParams(), "it never leaves its region"),
    ],
)
def test_who_takes_all_points_for_equally_fast_says_so(learner, params, reason, x64):
    spec = fast_and_slow(count=4)
    with pytest.raises(ValueError, match=f"speed: {reason}"):
        learner.init(random.words(jaxsoco.seed_keys(0, 4)), params, spec)


@pytest.mark.slow
@X64
def test_linear_advice_does_the_work_at_the_speeds_of_its_points(x64):
    spec = dataclasses.replace(fast_and_slow(), advice="linear")
    key = random.run_key(jax.random.key(1), jnp.arange(spec.length.shape[0]))
    paid, _ = jax.jit(advice_ledger, static_argnums=2)(key, spec, (spec.slots,))
    assert np.all(np.asarray(paid["shortfall"]) <= 1e-9)
    level = dataclasses.replace(
        spec, speed=jnp.ones(4), advised=first_world(WORLD, spec, key).advice
    )
    slow, _ = jax.jit(advice_ledger, static_argnums=2)(key, level, (spec.slots,))
    # Those that run at the fastest point do less at speed 1.
    assert np.sum(np.asarray(slow["shortfall"]) > 0.1) >= 10


def test_hindsight_counts_whole_slots_at_one_speed():
    spec = dataclasses.replace(fast_and_slow(count=4), advice="hindsight")
    with pytest.raises(InputError, match='advice: "hindsight" counts whole slots at one speed'):
        WORLD.init(random.words(jaxsoco.seed_keys(0, 4)), spec)
