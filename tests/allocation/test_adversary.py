"""Robustness against the adaptive adversaries of the paper's lower bounds.

They offer ever lower prices, each for a whole job's time, at points that turn expensive as soon as
the learner runs there. PCM must stay below ``eta`` times the optimum, ST-CLIP below ``gamma``.
Source: arXiv 2408.07831, definition D.1 and appendix E.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_reference import Bounds

from jaxsoco.allocation import (
    Advice,
    Observation,
    PCMParams,
    Spec,
    StateMetric,
    STCLIPParams,
    offline_optimum,
    pcm,
    st_clip,
)
from jaxsoco.core import random

X64 = pytest.mark.parametrize("x64", [True], indirect=True)


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
        advice = Advice(told[:, None], jnp.ones((1, count)))
        obs = Observation(slot, jnp.asarray(prices / slots), nothing, advice)
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
    played = fight(pcm, PCMParams(metric=metric), lanes, points=80)
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
@pytest.mark.parametrize(
    "kind", [pytest.param("late", marks=pytest.mark.slow), "early", "last level"]
)
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
