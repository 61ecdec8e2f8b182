"""The learners against a second writing of them, and the properties that the paper claims."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from provisioning_reference import Model, oracle_run, paper_box, slope, static_cost

from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.engine.simulate import simulate
from jaxsoco.provisioning import (
    BlindRateParams,
    BLOLParams,
    FixedBudgetParams,
    OcoQParams,
    OracleParams,
    blind_rate,
    blol,
    bursty_queue,
    confidence_box,
    fixed_budget,
    log_term,
    no_dual,
    oco_q,
    oracle,
    paper_queue,
    plan_episode,
    policy_value,
    provisioning,
    static_optimum,
    two_queues,
    uncertainty_bonus,
)
from jaxsoco.provisioning.learners.blind_rate import constant_rate
from jaxsoco.provisioning.theory.balde import known_of, no_experience
from jaxsoco_kernels.occupancy import INFEASIBLE

FAST = {"xla_cpu_prefer_vector_width": 512}
QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
"""Compiler options for long runs, and for short ones: these compile in a third of the time."""
TUNED = {
    "conf_scale": 0.005,
    "warm_up": 100.0,
    "confidence_episodes": 6000.0,
    "counts": "pooled",
    "remaining": True,
    "tv_cap": True,
}
"""The settings of the reference figures."""

DOUBLE = pytest.mark.parametrize("x64", [True], indirect=True)


def run(algorithm, params, spec, keys, horizon, *, compiler=QUICK, **options):
    program = jax.jit(
        lambda p, s, k: simulate(algorithm, p, provisioning, s, k, horizon, **options),
        compiler_options=compiler,
    )
    return program(params, spec, keys)


def targets_of(spec, key, horizon):
    """Nature's moves in the run of a key."""
    world = provisioning.init(random.round_keys(key, 0)[0], spec)

    def step(world, t):
        world, now = provisioning.advance(random.round_keys(key, t)[0], spec, world)
        return world, now.target

    return np.asarray(jax.lax.scan(step, world, jnp.arange(1, horizon + 1))[1])


def total(costs):
    return np.asarray(costs.service + costs.switching + costs.latency)


def regrets(spec, keys, at, costs):
    best, faults = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)(keys, spec, at)
    assert not np.asarray(faults).any()
    return total(costs) - np.asarray(best["service"] + best["switching"] + best["latency"])


# --- against the second writing -------------------------------------------------------------------


@DOUBLE
@pytest.mark.oracle
@pytest.mark.parametrize("world", [bursty_queue, paper_queue])
def test_the_run_with_known_transitions_is_the_reference_run(x64, world):
    horizon, warm_up = 60, 7
    spec, key = world(episodes=horizon), random.words(jax.random.key(5))
    found = run(oracle, OracleParams(warm_up=float(warm_up)), spec, key, horizon, trace=True)
    costs = found.trace[1]
    wanted = oracle_run(spec, targets_of(spec, key, horizon), warm_up)
    for name in ("service", "switching", "latency", "budget", "multiplier"):
        np.testing.assert_allclose(getattr(costs, name), wanted[name], atol=1e-6, err_msg=name)
    assert np.asarray(costs.violation).sum() < 1e-9
    assert np.asarray(costs.budget).max() > float(spec.budget_low) + 0.5
    assert not found.faults and not np.asarray(costs.fallback).any()


@pytest.mark.slow
@DOUBLE
def test_the_static_optimum_takes_a_number_for_every_run(x64):
    """As a sweep of the number gives it, beside checkpoints; run by run it is the same."""
    spec, at = paper_queue(capacity=2, slots=3, budget_low=1.0, episodes=20), (5, 20)
    keys, numbers = jax.random.split(jax.random.key(0), 3), [0.5, 1.0, 2.0]
    program = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)
    for name in ("price", "tracking", "anchor", "switching", "latency_weight"):
        values = getattr(spec, name) * jnp.array(numbers)
        together, _ = program(keys, replace(spec, **{name: values}), at)
        for lane, value in enumerate(values):
            alone, _ = program(keys[lane], replace(spec, **{name: value}), at)
            for cost, record in alone.items():
                np.testing.assert_allclose(together[cost][:, lane], record, rtol=1e-12, atol=1e-12)


@DOUBLE
@pytest.mark.oracle
def test_the_static_optimum_is_the_best_budget_of_a_grid(x64):
    spec, key = bursty_queue(episodes=80), random.words(jax.random.key(2))
    at = (1, 5, 80)
    targets = targets_of(spec, key, 80)
    program = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)
    costs, faults = program(key, spec, at)
    assert faults == 0
    for i, k in enumerate(at):
        budget = float(costs["budget"][i]) / k
        found = sum(float(costs[n][i]) for n in ("service", "switching", "latency"))
        np.testing.assert_allclose(found, static_cost(spec, targets[:k], budget), atol=1e-8)
        low, high = float(spec.budget_low), float(spec.budget_high)
        near = [budget - 1e-3, budget + 1e-3, *np.linspace(low, high, 7)]
        for other in np.clip(near, low, high):
            assert found <= static_cost(spec, targets[:k], other) + 1e-9


@DOUBLE
def test_the_box_is_that_of_the_equations(x64):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (4, 3, 2, 3)) * rng.integers(0, 2, (4, 3, 2, 1))
    for scale in (1.0, 0.01):
        factor = log_term(3, 2, 4, jnp.asarray(500.0), jnp.asarray(0.05))
        empirical, lower, upper, radius = confidence_box(
            jnp.asarray(counts, float), factor, scale=scale
        )
        wanted, width = paper_box(counts, 4, 500, 0.05, scale)
        np.testing.assert_allclose(empirical, wanted, atol=1e-15)
        np.testing.assert_allclose(radius, width, rtol=1e-12)
        np.testing.assert_allclose(lower, np.maximum(wanted - width, 0), atol=1e-12)
        np.testing.assert_allclose(upper, np.minimum(wanted + width, 1), atol=1e-12)
    never = counts.sum(-1) == 0
    assert never.any() and (radius[never] == 1).all()
    assert not lower[never].any() and (upper[never] == 1).all()


@DOUBLE
def test_bonuses_are_those_of_the_equations(x64):
    radius = jnp.asarray(np.random.default_rng(1).uniform(0, 0.7, (1, 3, 2, 3)))
    total = np.asarray(radius).sum(-1)
    np.testing.assert_allclose(uncertainty_bonus(radius, 4), 4 * total)
    left = np.arange(4)[::-1].reshape(-1, 1, 1)
    capped = uncertainty_bonus(radius, 4, remaining=True, tv_cap=True)
    np.testing.assert_allclose(capped, left * np.minimum(total, 1))
    assert (np.asarray(capped)[-1] == 0).all() and (total > 1).any()


@DOUBLE
@pytest.mark.parametrize("world", [bursty_queue, two_queues])
def test_with_much_experience_the_plan_is_that_of_the_truth_and_before_it_is_safe(x64, world):
    spec = world(episodes=100)
    like, params = jnp.zeros(()), BLOLParams(conf_scale=1.0)
    known, none = known_of(spec, like), no_experience(params, spec, like)
    budget = spec.budget_low + 1.0
    plan = jax.jit(lambda seen, budget: plan_episode(params, known, seen, budget, spec.slots))
    assert plan(none, budget).status == INFEASIBLE
    truth = Model.of(spec).best(float(budget))[0]
    # Radius and bonus fall with the number of visits; what is planned is always safe.
    gaps = []
    for visits in (1e7, 1e9, 1e13):
        counts = jnp.broadcast_to(spec.transition * visits, none.counts.shape)
        found = plan(none._replace(counts=counts), budget)
        loss, spent = (
            policy_value(found.policy, x, spec.transition, spec.initial)
            for x in (spec.loss, spec.consumption)
        )
        assert found.status == 0 and spent <= budget + 1e-12
        assert loss >= truth - 1e-9 and found.value <= truth + 1e-9
        gaps.append(float(loss) - truth)
    assert gaps[-1] < 1e-3 and gaps[0] >= gaps[1] >= gaps[2] - 1e-12


@DOUBLE
def test_trajectories_have_the_law_of_policy_and_transitions(x64):
    spec = two_queues(episodes=10)
    keys = random.words(jax.random.split(jax.random.key(1), 4000))
    found = run(oco_q, OcoQParams(exploration=1.0), spec, keys, 1)
    # One episode of actions at random leaves its visits behind.
    visits = np.asarray(found.state.visits).mean(-1)
    uniform = np.full((spec.slots, spec.states, spec.actions), 1 / spec.actions)
    met = np.asarray(spec.initial)
    for t in range(spec.slots):
        wanted = met[:, None] * uniform[t]
        deviation = np.sqrt(wanted * (1 - wanted) / 4000)
        assert (np.abs(visits[t] - wanted) <= 5 * deviation + 1e-12).all()
        met = np.einsum("sa,san->n", wanted, np.asarray(spec.transition[0]))


@DOUBLE
def test_counts_and_estimates_are_those_of_what_was_seen(x64):
    spec = bursty_queue(episodes=30, cost_noise=0.2, cost_seen=0.6)
    keys = random.words(jax.random.split(jax.random.key(3), 64))
    for counts, rows in (("pooled", 1), ("per-slot", spec.slots)):
        params = BLOLParams(counts=counts, costs="estimated", warm_up=30.0)
        seen = run(blol, params, spec, keys, 30).state.seen
        assert seen.counts.shape[0] == rows
        np.testing.assert_allclose(seen.counts.sum((0, 1, 2, 3)), 30 * spec.slots)
        assert (np.asarray(seen.counts)[:, np.asarray(spec.transition)[0] == 0] == 0).all()
        share = np.asarray(seen.seen).sum() / np.asarray(seen.counts).sum()
        np.testing.assert_allclose(share, 0.6, atol=0.02)
        mean = np.asarray(seen.spent).sum((0, 1, 3)) / np.asarray(seen.seen).sum((0, 1, 3))
        np.testing.assert_allclose(mean, [0, 0.5, 1], atol=0.03)


def test_the_blind_rate_spends_its_budget_to_the_letter(x64):
    spec = bursty_queue(episodes=50)
    keys = random.words(jax.random.split(jax.random.key(0), 3))
    costs = run(blind_rate, BlindRateParams(), spec, keys, 50, trace=True).trace[1]
    atol = 1e-12 if x64 else 1e-5
    np.testing.assert_allclose(costs.consumption, costs.budget, atol=atol)
    rates = jnp.asarray([0.0, 0.5, 1.0]).reshape(1, 1, 3)
    np.testing.assert_allclose(constant_rate(rates, jnp.asarray(0.6)), [0, 0.8, 0.2], atol=1e-6)
    np.testing.assert_allclose(constant_rate(rates, jnp.asarray(2.0)), [0, 0, 1])


# --- what the family promises ---------------------------------------------------------------------


def test_the_literal_constants_play_the_baseline(x64):
    spec = paper_queue(episodes=20)
    keys = random.words(jax.random.split(jax.random.key(0), 4))
    warm = run(blol, BLOLParams(), spec, keys, 20).costs
    assert not np.asarray(warm.fallback).any()  # within the warm-up of some 10^5 episodes
    costs = run(blol, BLOLParams(warm_up=5.0), spec, keys, 20).costs
    np.testing.assert_array_equal(costs.fallback[-1], 15)
    np.testing.assert_allclose(costs.consumption[-1], 20 * 2.0, rtol=1e-5)
    np.testing.assert_allclose(costs.budget[-1], 20 * 4.0, rtol=1e-5)
    assert not np.asarray(costs.violation).any() and not np.asarray(costs.multiplier).any()


@DOUBLE
def test_blol_learns_the_bursty_queue_safely(x64):
    """A short run of the reference setting: the figures after 400 episodes, 32 seeds."""
    spec = bursty_queue(episodes=6000)
    keys = jax.random.split(jax.random.key(0), 32)
    at = (100, 400)
    found = run(blol, BLOLParams(**TUNED), spec, keys, 400, at=at, compiler=FAST)
    regret = regrets(spec, keys, at, found.costs)
    assert not np.asarray(found.faults).any() and np.asarray(found.finite).all()
    assert not np.asarray(found.costs.violation).any()
    assert regret[0].std() < 1 and 320 < regret[0].mean() < 326  # the warm-up
    assert abs(regret[1].mean() - 1120) < 60
    # Late episodes cost less than the warm-up's.
    late = (total(found.costs)[1] - total(found.costs)[0]) / 300
    assert (late < total(found.costs)[0] / 100).all()


@DOUBLE
def test_seeds_scales_and_switching_costs_share_one_compilation(x64):
    spec = bursty_queue(episodes=40)
    keys = random.words(jax.random.split(jax.random.key(4), 3))
    params = BLOLParams(**{**TUNED, "warm_up": 3.0, "confidence_episodes": None})

    def one(key, scale, switching):
        own = replace(params, conf_scale=scale)
        world = replace(spec, switching=switching)
        return simulate(blol, own, provisioning, world, key, 12, at=(12,)).costs

    scales, switching = jnp.asarray([1e-3, 5e-3]), jnp.asarray([0.0, 0.5])
    grid = jax.vmap(jax.vmap(jax.vmap(one, (-1, None, None)), (None, 0, None)), (None, None, 0))
    program = jax.jit(grid, compiler_options=QUICK).lower(keys, scales, switching).compile()
    found = program(keys, scales, switching)
    assert found.service.shape == (2, 2, 3, 1)
    assert not np.asarray(found.switching[0]).any() and (np.asarray(found.switching[1]) > 0).all()
    # Natively, the same lanes laid out in one axis.
    place = np.indices((2, 2, 3)).reshape(3, -1)
    lanes = replace(spec, switching=switching[place[0]])
    own = replace(params, conf_scale=scales[place[1]])
    native = run(blol, own, lanes, keys[:, place[2]], 12, at=(12,)).costs
    for a, b in zip(native, found, strict=True):
        np.testing.assert_allclose(np.asarray(a)[0], np.asarray(b)[..., 0].ravel(), atol=1e-9)


@DOUBLE
def test_the_static_clock_plans_less_often_and_keeps_its_plan_between(x64):
    spec = bursty_queue(episodes=6000)
    keys = random.words(jax.random.split(jax.random.key(0), 8))
    params = BLOLParams(**{**TUNED, "warm_up": 20.0}, resolve="growth", growth=0.5)
    found = run(blol, params, spec, keys, 80, trace=True)
    policy, costs = np.asarray(found.trace[0].policy), found.trace[1]
    anew = [k for k in range(1, 80) if (policy[k] != policy[k - 1]).any()]
    clock, n = [], 1
    while n <= 60:
        clock.append(19 + n)
        n = max(n + 1, int(np.ceil(1.5 * n)))
    # The first plans find nothing safe and keep the baseline.
    assert set(anew) < set(clock) and len(anew) >= len(clock) - 3
    assert (np.diff(np.asarray(costs.budget), axis=0)[40:] != 0).all()  # the budget goes on


@DOUBLE
@pytest.mark.parametrize(("algorithm", "dual"), [(blol, 1), (no_dual, 0)])
def test_the_step_of_the_budget_is_that_of_the_parameter(algorithm, dual, x64):
    # The slope of the service costs needs no target here.
    spec = bursty_queue(episodes=6000, tracking=0.0, budget_high=9.0)
    keys = random.words(jax.random.split(jax.random.key(0), 4))
    params = BLOLParams(**{**TUNED, "warm_up": 20.0}, step=0.7)
    record = run(algorithm, params, spec, keys, 60, trace=True).trace[0]
    budget, multiplier = np.asarray(record.budget), np.asarray(record.multiplier)
    safe, number = ~np.asarray(record.fallback)[:-1], np.arange(1, 60)[:, None] - 20
    slopes = np.vectorize(lambda b: slope(spec, b, 0.0))(budget)
    slopes -= dual * float(spec.latency_weight) * multiplier
    low, high = float(spec.budget_low), float(spec.budget_high)
    moved = np.clip(budget[:-1] - 0.7 / np.maximum(number, 1) * slopes[:-1], low, high)
    np.testing.assert_allclose(budget[1:], np.where((number > 0) & safe, moved, low), rtol=1e-12)
    assert ((budget > low) & (budget < high)).any()


@pytest.mark.slow
@DOUBLE
def test_noisy_and_partly_observed_costs_keep_the_budget(x64):
    spec = bursty_queue(episodes=6000, cost_noise=0.1, cost_seen=0.5)
    keys = random.words(jax.random.split(jax.random.key(0), 16))
    tuned = {**TUNED, "warm_up": 60.0}
    found = run(blol, BLOLParams(**tuned, costs="estimated"), spec, keys, 150)
    assert not np.asarray(found.costs.violation).any() and not np.asarray(found.faults).any()
    known = run(blol, BLOLParams(**tuned), spec, keys, 150)
    # Ignorance costs something.
    assert total(found.costs)[-1].mean() > total(known.costs)[-1].mean()


# --- the whole table (minutes) --------------------------------------------------------------------


@DOUBLE
@pytest.mark.slow
def test_the_reference_table_of_the_bursty_queue(x64):
    spec = bursty_queue(episodes=6000)
    keys = jax.random.split(jax.random.key(0), 32)
    at = (2000, 6000)
    learners = {
        "blol": (blol, BLOLParams(**TUNED)),
        "no_dual": (no_dual, BLOLParams(**TUNED)),
        "fixed 3": (fixed_budget, FixedBudgetParams(**TUNED, budget=3.0)),
        "fixed 4": (fixed_budget, FixedBudgetParams(**TUNED, budget=4.0)),
        "fixed 6": (fixed_budget, FixedBudgetParams(**TUNED, budget=6.0)),
        "blind_rate": (blind_rate, BlindRateParams()),
        "oracle": (oracle, OracleParams(warm_up=100.0)),
        "oco_q": (oco_q, OcoQParams()),
    }
    regret, violation = {}, {}
    for name, (algorithm, params) in learners.items():
        found = run(algorithm, params, spec, keys, 6000, at=at, compiler=FAST)
        assert not np.asarray(found.faults).any()
        regret[name] = regrets(spec, keys, at, found.costs).mean(1)
        violation[name] = np.asarray(found.costs.violation)
    assert abs(regret["blol"][0] - 1631) <= 60
    assert not violation["blol"][0].any() and violation["blol"][1].max() < 1
    safe = ("no_dual", "fixed 3", "fixed 4", "fixed 6", "blind_rate")
    assert all(regret["blol"][1] < regret[name][1] for name in safe)
    assert regret["no_dual"][1] > 2.5 * regret["blol"][1]
    assert abs(regret["oracle"][1] - 329) < 1 and violation["oracle"].max() < 1e-9
    assert violation["oco_q"][1].min() > 1e4 and regret["oco_q"][1] < 0
    for name, wanted in (("no_dual", 5849), ("fixed 3", 2947), ("fixed 4", 2811)):
        assert abs(regret[name][1] - wanted) <= 150, name
