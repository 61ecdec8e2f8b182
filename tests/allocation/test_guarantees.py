"""What the paper proves of PCM and ST-CLIP, on jobs and on its own worst cases.

Consistency: ST-CLIP pays at most ``1 + epsilon`` times its advice. Robustness: PCM stays below
``eta`` times the optimum, ST-CLIP below ``gamma``, also against the adversaries of the paper's
lower bounds. Every job meets its deadline.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_reference import Bounds

from jaxsoco import allocation, simulate
from jaxsoco.allocation import (
    Observation,
    PCMParams,
    Spec,
    STCLIPParams,
    StateMetric,
    offline_optimum,
    pcm,
    sample_job,
    st_clip,
    synthetic_workload,
)
from jaxsoco.allocation.baselines import BaselineParams
from jaxsoco.allocation.comparators import advice, offline
from jaxsoco.core import random

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
JOBS = 300
TRUSTS = (0.1, 0.5, 2.0)
SUBSET = ("Sweden", "Virginia", "Sydney", "Germany", "India")


# --- jobs of the synthetic workload --------------------------------------------------------------


def total(costs) -> np.ndarray:
    """Everything a run pays, final switch-off included, at the last checkpoint ``[...]``."""
    costs = costs if isinstance(costs, dict) else costs._asdict()
    return np.asarray(sum(costs[name] for name in ("service", "move", "switch")))[-1]


def jobs(regions: int, switch: float, data_size: float) -> tuple[jax.Array, Spec]:
    workload = synthetic_workload(switch=switch, data_size=data_size)
    workload = workload.__class__(
        **{
            **vars(workload),
            "carbon": workload.carbon[:, :regions],
            "latency": workload.latency[:regions, :regions],
        }
    )
    key = random.run_key(jax.random.key(0), jnp.arange(JOBS))
    return key, sample_job(random.fold(key, 7), workload)


@functools.partial(jax.jit, static_argnames="metric")
def with_advice(key, spec, trust, metric):
    """Costs of ST-CLIP for every trust, of the advice, of the optimum, and the faults."""
    at = (spec.slots,)
    params = STCLIPParams(epsilon=trust, metric=metric)
    run = simulate(st_clip, params, allocation.allocation, spec, key, spec.slots, at=at)
    ledgers = advice(key, spec, at)[0], offline(key, spec, at)[0]
    return run.costs, run.faults, *ledgers


@X64
@pytest.mark.parametrize(
    ("regions", "switch", "data_size", "metric"),
    [(14, 0.25, 4.0, "tree"), (5, 0.25, 4.0, "tree"), (5, 40.0, 10.0, "tree"), (5, 1, 8, "true")],
)
def test_st_clip_is_consistent_on_every_job(regions, switch, data_size, metric, x64):
    key, spec = jobs(regions, switch, data_size)
    tight = 0
    for trust in TRUSTS:
        costs, faults, followed, optimum = with_advice(key, spec, jnp.full(JOBS, trust), metric)
        ratio = total(costs) / total(followed)
        assert np.all(ratio <= (1 + trust) * (1 + 1e-9))
        assert np.all(np.asarray(costs.shortfall) <= 1e-9)
        assert not np.any(faults)
        assert np.all(total(costs) >= total(optimum) * (1 - 1e-9))
        tight += int(np.sum(ratio > 1 + 0.9 * trust))
    assert tight >= 5, "the bound was never nearly met: this says nothing"


# --- deadlines -----------------------------------------------------------------------------------


def hard_jobs(count: int = 192, slots: int = 16, longest: int = 10) -> Spec:
    """Every pair of length and deadline, from no slack at all; prices that invite waiting."""
    pairs = [(j, t) for j in range(1, longest + 1) for t in range(j, slots + 1)]
    rng = np.random.default_rng(0)
    length, deadline = np.array([pairs[i % len(pairs)] for i in range(count)]).T
    n = 4
    low, high, move, switch = 1.0, 40.0, 3.0, 0.5
    distance = move * (1 - np.eye(n)) * rng.uniform(0.5, 1)
    trace = np.maximum.accumulate(rng.uniform(low, high, (400, n)), axis=1)
    return Spec(
        trace=jnp.asarray(trace),
        power=jnp.ones(count),
        hour=jnp.asarray(rng.integers(0, 380, count)),
        distance=jnp.asarray(np.repeat(distance[..., None], count, -1)),
        switch=jnp.full((1, count), switch),
        start=jnp.asarray(rng.integers(0, n, count)),
        deadline=jnp.asarray(deadline),
        length=jnp.asarray(length),
        lower=jnp.asarray(low * length),
        upper=jnp.asarray(high * length),
        forecast_noise=jnp.asarray(rng.uniform(size=count)),
        slots=slots,
        max_length=longest,
    )


LEARNERS = {
    "pcm-tree": (pcm, PCMParams("tree")),
    "pcm-true": (pcm, PCMParams("true")),
    "st_clip": (st_clip, STCLIPParams(epsilon=0.3)),
    **{
        name: (getattr(allocation, name), BaselineParams())
        for name in ("agnostic", "greedy", "delayed_greedy", "threshold")
    },
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_deadline_is_met(name, x64):
    algorithm, params = LEARNERS[name]
    spec = hard_jobs()
    if not x64:
        spec = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), spec)
    key = random.run_key(jax.random.key(1), jnp.arange(192))

    @jax.jit
    def play(spec, params):
        problem, slots = allocation.allocation, spec.slots
        return simulate(algorithm, params, problem, spec, key, slots, at=(slots,), trace=True)

    run = play(spec, params)
    actions = np.asarray(run.trace[0], float)  # [T, 2n, B]
    length, deadline = np.asarray(spec.length), np.asarray(spec.deadline)
    inside = np.arange(1, spec.slots + 1)[:, None] <= deadline
    works = actions[:, :4].sum(axis=1) * inside / length
    tolerance = 1e-9 if x64 else 1e-5
    np.testing.assert_array_less(1 - tolerance, works.sum(axis=0))
    np.testing.assert_array_less(works.sum(axis=0), 1 + tolerance)
    assert np.all(np.asarray(run.costs.shortfall) <= tolerance)
    assert np.all(actions >= 0)
    np.testing.assert_allclose(actions.sum(axis=1), 1, atol=tolerance)
    # No dust of 1 / J buys an extra slot at full rate.
    assert np.all(np.sum(works > 1e-4, axis=0) <= deadline)
    if params == BaselineParams():
        np.testing.assert_array_equal(np.sum(works > 0, axis=0), length)


# --- the adversaries of the lower bounds ----------------------------------------------------------


class Duel(NamedTuple):
    """A lane of the adversary: bounds, and the price level ``level`` of ``levels`` it goes to."""

    bounds: Bounds
    level: int
    levels: int
    slots: int  # of a job, m
    second: bool  # also offers the levels at the start point (A_y), not only elsewhere (G_y)

    def price(self, level: int) -> float:
        return self.bounds.U - level * (self.bounds.U - self.bounds.L) / self.levels

    def schedule(self) -> Iterator[tuple[float, float]]:
        """Prices per unit of work of every slot: at the start, and at points still active."""
        U = self.bounds.U
        for level in range(1, self.level + 1):
            yield from [(U, self.price(level))] * self.slots
        yield U, U
        if self.second:
            for level in range(1, self.level + 1):
                yield self.price(level), U
                yield U, U
            yield from [(self.price(self.level), U)] * self.slots
        yield from [(U, U)] * self.slots


PARAMETERS = (Bounds(1, 10, 0.8, 0.2), Bounds(5, 250, 20, 4), Bounds(2, 40, 12, 1.5))


def duels(slots: int, levels: int) -> list[Duel]:
    ends = (levels // 4, levels // 2, 3 * levels // 4, levels)
    return [
        Duel(bounds, end, levels, slots, second)
        for bounds in PARAMETERS
        for end in ends
        for second in (False, True)
    ]


def star_spec(lanes: list[Duel], points: int, horizon: int) -> Spec:
    """A uniform star: all moves cost ``D c``, all switches ``tau c``; ``c = 1 / slots``."""
    count, slots = len(lanes), lanes[0].slots
    column = lambda f: np.array([f(x.bounds) for x in lanes], float)  # noqa: E731
    deadlines = [len(list(x.schedule())) for x in lanes]
    return Spec(
        trace=jnp.ones((1, points)),
        power=jnp.ones(count),
        hour=jnp.zeros(count, jnp.int32),
        distance=jnp.asarray((1 - np.eye(points))[..., None] * column(lambda b: b.D) / slots),
        switch=jnp.asarray(column(lambda b: b.tau)[None] / slots),
        start=jnp.zeros(count, jnp.int32),
        deadline=jnp.asarray(deadlines),
        length=jnp.full(count, slots),
        lower=jnp.asarray(column(lambda b: b.L)),
        upper=jnp.asarray(column(lambda b: b.U)),
        forecast_noise=jnp.zeros(count),
        slots=horizon,
        max_length=slots,
    )


class Played(NamedTuple):
    """What a learner paid, per unit of work, and the prices ``[T, 2, lanes]`` that it was shown.

    The two columns are the start and any point that stayed active; all others were dearer than
    that one in every slot, so no optimum needs them.
    """

    paid: np.ndarray
    shown: np.ndarray
    active: np.ndarray


def fight(algorithm, params, lanes: list[Duel], points: int, advised=None) -> Played:
    """Plays the adaptive adversary, slot by slot, and charges the learner (star metric)."""
    schedules = [list(x.schedule()) for x in lanes]
    horizon, count, slots = max(map(len, schedules)), len(lanes), lanes[0].slots
    spec = star_spec(lanes, points, horizon)
    key = random.run_key(jax.random.key(2), jnp.arange(count))
    state = jax.jit(lambda k, s: algorithm.init(k, params, s))(key, spec)
    act = jax.jit(lambda s, o: algorithm.act(key, params, s, o))
    D, tau = (np.array([getattr(x.bounds, f) for x in lanes]) / slots for f in ("D", "tau"))
    active = np.ones((points, count), bool)
    active[0] = False
    before = np.zeros((2 * points, count))
    before[points] = 1
    paid, done, shown = np.zeros(count), np.zeros(count), np.zeros((horizon, 2, count))
    deadline = np.array([len(s) for s in schedules])
    U = np.array([x.bounds.U for x in lanes])
    nothing = jnp.zeros((horizon, 0, count))
    for now in range(horizon):
        here, there = np.array([s[min(now, len(s) - 1)] for s in schedules]).T
        shown[now] = here, there
        prices = np.where(active, there, U)
        prices[0] = here
        slot = jnp.full(count, now + 1, jnp.int32)
        told = jnp.zeros((horizon, count), jnp.int32) if advised is None else jnp.asarray(advised)
        obs = Observation(slot, jnp.asarray(prices / slots), nothing, told)
        action, state = act(state, obs)
        action = np.asarray(action)
        on, off = action[:points], action[points:]
        change = on + off - before[:points] - before[points:]
        cost = np.sum(prices / slots * on, axis=0) + D * np.abs(change).sum(axis=0) / 2
        cost += tau * np.abs(off - before[points:]).sum(axis=0)
        cost += np.where(now + 1 == deadline, tau * on.sum(axis=0), 0)
        within = now < deadline
        paid += np.where(within, cost, 0)
        done += np.where(within, on.sum(axis=0) / slots, 0)
        active &= ~(on > 1e-12)
        before = action
    np.testing.assert_allclose(done, 1, atol=1e-9)
    return Played(paid, shown, active)


def optimum(lanes: list[Duel], shown: np.ndarray) -> np.ndarray:
    """Offline optimum of what was shown: the start and one point that stayed active."""
    slots = lanes[0].slots
    column = lambda f: np.array([f(x.bounds) for x in lanes]) / slots  # noqa: E731
    distance = (1 - np.eye(2))[..., None] * column(lambda b: b.D)
    switch = np.repeat(column(lambda b: b.tau)[None], 2, 0)
    metric = StateMetric(jnp.asarray(distance), jnp.asarray(switch))
    deadline = jnp.asarray([len(list(x.schedule())) for x in lanes])
    rates = jnp.full((1, len(lanes)), 1 / slots)
    costs = jnp.asarray(shown / slots)
    found = offline_optimum(costs, metric, rates, metric.switch, 0, deadline=deadline)
    assert not np.any(found.info.status)
    return np.asarray(found.value)


@X64
@pytest.mark.parametrize("metric", ["true", "tree"])
def test_pcm_stays_below_eta_against_the_adversary(metric, x64):
    """Definition D.1, G_y and A_y. On a star the embedding is the star itself."""
    lanes = duels(slots=10, levels=24)
    played = fight(pcm, PCMParams(metric), lanes, points=80)
    assert np.all(played.active.any(axis=0)), "too few points: the adversary ran out of them"
    best = optimum(lanes, played.shown)
    for lane, value in zip(lanes, best, strict=True):
        b, c = lane.bounds, 1 / lane.slots
        away = lane.price(lane.level) + (b.D + 2 * b.tau) * c
        # In closed form: a whole job at the last level, elsewhere or, in A_y, at the start too.
        here = lane.price(lane.level) + 2 * b.tau * c if lane.second else b.U + 2 * b.tau * c
        assert value <= min(away, here) + 1e-9
        assert value >= lane.price(lane.level) * (1 - 1e-12)
        if not lane.second:
            assert value == pytest.approx(min(away, here), rel=1e-9)
    eta = np.array([x.bounds.eta for x in lanes])
    tightness = played.paid / best / eta
    assert np.all(tightness <= 1 + 1e-9)
    # The adversary is not a toothless one.
    assert np.max(tightness) > 0.85
    for bounds in PARAMETERS:
        assert max(t for x, t in zip(lanes, tightness, strict=True) if x.bounds == bounds) > 0.7


@X64
@pytest.mark.parametrize("kind", ["late", "early", "last level"])
def test_st_clip_stays_below_gamma_against_the_adversary(kind, x64):
    """Whatever the advice: it never runs until it must, runs at once, or waits for the best."""
    trust = 0.5
    lanes = duels(slots=6, levels=8)
    schedules = [list(x.schedule()) for x in lanes]
    horizon, points = max(map(len, schedules)), 30
    states = np.full((horizon, len(lanes)), points)  # OFF at the start
    for b, (lane, prices) in enumerate(zip(lanes, schedules, strict=True)):
        slots, begin = lane.slots, {"late": len(prices) - lane.slots, "early": 0}.get(kind)
        if begin is None:  # the last level: at the start in A_y, at the last point in G_y
            begin = len(prices) - 2 * slots if lane.second else (lane.level - 1) * slots
        place = points - 1 if kind == "last level" and not lane.second else 0
        states[begin : begin + slots, b] = place
        states[begin + slots :, b] = points + place
    params = STCLIPParams(epsilon=trust, metric="true")
    played = fight(st_clip, params, lanes, points, advised=states)
    ratio = played.paid / optimum(lanes, played.shown)
    gamma = np.array([x.bounds.gamma(trust) for x in lanes])
    assert np.all(ratio <= gamma * (1 + 1e-9))
    if kind == "last level":  # good advice, for those lanes in which its point stays active
        kept = np.array([x.second for x in lanes]) | played.active[points - 1]
        assert kept.sum() >= len(lanes) / 2
        b = np.array([(x.bounds.D + 2 * x.bounds.tau) / x.slots for x in lanes])
        followed = np.array([x.price(x.level) for x in lanes]) + b
        assert np.all(played.paid[kept] <= (1 + trust) * followed[kept] * (1 + 1e-9))
