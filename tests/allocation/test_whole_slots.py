"""Learners in whole slots where points work at different speeds, against loops over the slots."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import allocation
from jaxsoco.allocation import Spec, settings_rivals
from jaxsoco.allocation.optima import linear_optimum
from jaxsoco.allocation.settings import BaselineParams
from jaxsoco.core import random
from jaxsoco.core.nature import first_world
from jaxsoco.engine.simulate import simulate

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
COUNT, SLOTS, POINTS = 64, 12, 3
WAITING = settings_rivals.WaitAwhileParams
LEARNERS = {
    "agnostic": ("agnostic", BaselineParams()),
    "greedy": ("greedy", BaselineParams()),
    "delayed_greedy": ("delayed_greedy", BaselineParams()),
    "threshold": ("threshold", BaselineParams()),
    "follow_sun": ("follow_sun", settings_rivals.FollowSunParams()),
    "wait_awhile": ("wait_awhile", WAITING()),
    "wait_awhile-once": ("wait_awhile", WAITING(interrupting=False)),
}


@functools.cache
def jobs() -> Spec:
    """Jobs of 1 to 5 slots at speed 1 where regions work at 0.4 to 1.7 times that."""
    rng = np.random.default_rng(11)
    speed = rng.uniform(0.4, 1.7, (POINTS, COUNT))
    length = rng.integers(1, 6, COUNT)
    deadline = rng.integers(np.ceil(length / speed.max(axis=0)), SLOTS + 1)
    trace = rng.uniform(1, 10, (COUNT * SLOTS, POINTS))
    place = rng.uniform(size=(POINTS, 2))
    return Spec(
        trace=jnp.asarray(trace),
        power=jnp.ones(COUNT),
        hour=jnp.arange(COUNT) * SLOTS,
        distance=jnp.asarray(0.5 * np.linalg.norm(place[:, None] - place[None], axis=-1)),
        switch=jnp.asarray(rng.uniform(0.05, 0.4, (POINTS, COUNT))),
        start=jnp.asarray(rng.integers(POINTS, size=COUNT)),
        deadline=jnp.asarray(deadline),
        length=jnp.asarray(length),
        lower=jnp.asarray(1.0 * length),
        upper=jnp.asarray(20.0 * length),
        forecast_noise=jnp.zeros(COUNT),
        slots=SLOTS,
        max_length=5,
        advice="linear",
        forecast_trace=jnp.asarray(trace * rng.uniform(0.6, 1.5, trace.shape)),
        speed=jnp.asarray(speed),
    )


def play(label: str, spec: Spec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decisions ``[T, 2n, B]``, costs at the end ``[B]`` and missing work ``[B]``."""
    name, params = LEARNERS[label]
    algorithm, words = getattr(allocation, name), random.words(jaxsoco.seed_keys(0, COUNT))

    @jax.jit
    def run(spec):
        rounds = {"at": (spec.slots,), "trace": True}
        return simulate(algorithm, params, allocation.allocation, spec, words, spec.slots, **rounds)

    result = run(spec)
    costs = np.stack(result.costs)[:, -1]
    return np.asarray(result.trace[0]), costs[:3].sum(axis=0), costs[3]


class Loop:
    """One job, slot by slot."""

    def __init__(self, spec: Spec, world, b: int):
        self.prices, self.forecast = (
            np.asarray(x)[..., b] / np.asarray(spec.speed)[:, b]
            for x in (world.costs, world.forecast)
        )
        self.speed = np.asarray(spec.speed)[:, b]
        self.place, self.length = int(spec.start[b]), int(spec.length[b])
        self.deadline, self.left = int(spec.deadline[b]), float(spec.length[b])
        self.most = float(np.sqrt(spec.lower[b] * spec.upper[b]) / self.length)
        self.begun = 0

    def slots(self, work: float, place: int) -> int:
        return int(np.ceil(work / self.speed[place] - 1e-9))

    def wish(self, name: str, t: int) -> tuple[int, bool]:
        """Where the learner would be in slot ``t`` (from 1), and whether it would run."""
        prices, cheapest = self.prices[t - 1], int(np.argmin(self.prices[t - 1]))
        ahead = self.forecast[: self.deadline, self.place]
        if name == "agnostic":
            return self.place, True
        if name == "greedy":
            return (cheapest if t == 1 else self.place), True
        if name == "follow_sun":
            return (cheapest if prices[cheapest] < prices[self.place] else self.place), True
        if name == "delayed_greedy":
            best, point = divmod(int(np.argmin(self.forecast[: self.deadline])), POINTS)
            first = max(1, min(best + 1, self.deadline + 1 - self.slots(self.length, point)))
            return (point if t == first else self.place), t >= first
        if name == "threshold":
            if self.left > self.speed.max() * (self.deadline - t) + 1e-9:
                fits = self.slots(self.left, self.place) <= self.deadline - t + 1
                return (self.place if fits else int(np.argmax(self.speed))), True
            runs = bool(prices[cheapest] <= self.most)
            return (cheapest if runs else self.place), runs
        if name == "wait_awhile":
            return self.place, np.sum(ahead[t:] < ahead[t - 1]) < self.slots(self.left, self.place)
        assert name == "wait_awhile-once"
        if not self.begun:
            need = self.slots(self.length, self.place)
            blocks = {
                s: ahead[s - 1 : s - 1 + need].sum()
                for s in range(1, max(self.deadline - need, 0) + 2)
            }
            self.begun = min(blocks, key=lambda s: (blocks[s], s))
        return self.place, t >= self.begun

    def decide(self, name: str, t: int) -> np.ndarray:
        decision = np.zeros(2 * POINTS)
        if self.left <= 0:
            decision[POINTS + self.place] = 1
            return decision
        place, runs = self.wish(name, t)
        rest = self.left - (self.speed[place] if runs else 0)
        if rest > self.speed.max() * (self.deadline - t) + 1e-9:
            place, runs = int(np.argmax(self.speed)), True
        share = min(self.left / self.speed[place], 1) if runs else 0
        decision[place], decision[POINTS + place] = share, 1 - share
        left = self.left - share * self.speed[place]
        self.left, self.place = (left if left > 1e-9 else 0), place
        return decision


@X64
@pytest.mark.parametrize(
    "label",
    [
        x if x in ("threshold", "greedy") else pytest.param(x, marks=pytest.mark.slow)
        for x in LEARNERS
    ],
)
def test_slots_at_different_speeds_are_the_loop(label, x64):
    spec = jobs()
    decisions, _, shortfall = play(label, spec)
    world = first_world(allocation.allocation, spec, random.words(jaxsoco.seed_keys(0, COUNT)))
    for b in range(COUNT):
        loop, deadline = Loop(spec, world, b), int(spec.deadline[b])
        wanted = np.array([loop.decide(label, t) for t in range(1, deadline + 1)])
        np.testing.assert_allclose(decisions[:deadline, :, b], wanted, atol=1e-9, err_msg=str(b))
    assert np.all(shortfall <= 1e-9)
    assert np.any((decisions > 0.01) & (decisions < 0.99)), "a last slot runs in part"


@X64
@pytest.mark.parametrize("label", LEARNERS)
@pytest.mark.slow
def test_equal_speeds_are_no_speeds(label, x64):
    spec = dataclasses.replace(jobs(), speed=None, deadline=jnp.full(COUNT, SLOTS))
    level = dataclasses.replace(spec, speed=jnp.ones((POINTS, COUNT)))
    one, two = play(label, spec), play(label, level)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_allclose(one[1], two[1], rtol=1e-12)


@X64
@pytest.mark.slow
def test_no_learner_is_below_the_optimum(x64):
    spec = jobs()
    world = first_world(allocation.allocation, spec, random.words(jaxsoco.seed_keys(0, COUNT)))
    optimum = np.asarray(jax.jit(linear_optimum)(spec, world.costs).value)
    for label in LEARNERS:
        _, costs, _ = play(label, spec)
        assert np.all(costs >= optimum * (1 - 1e-9)), label
