"""What goes beyond the paper's setting: shapes of costs, wrong tables, unknown losses, random
processes, slopes of the latency by differences."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from provisioning_reference import Model

import jaxsoco
from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.core.errors import InputError
from jaxsoco.engine.simulate import simulate
from jaxsoco.provisioning import (
    BLOLParams,
    FixedBudgetParams,
    OracleParams,
    blol,
    bursty_queue,
    fixed_budget,
    oracle,
    paper_queue,
    plan_episode,
    policy_value,
    provisioning,
    static_optimum,
)
from jaxsoco.provisioning.problem import Round, law_of
from jaxsoco.provisioning.theory.balde import known_of, no_experience
from jaxsoco.provisioning.theory.confidence import lower_mean, upper_mean
from jaxsoco.provisioning.theory.service import distance_cost, distance_slope

DOUBLE = pytest.mark.parametrize("x64", [True], indirect=True)
QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
TUNED = {
    "conf_scale": 0.005,
    "warm_up": 20.0,
    "confidence_episodes": 6000.0,
    "counts": "pooled",
    "remaining": True,
    "tv_cap": True,
}
SMALL = {"capacity": 3, "start": 2, "slots": 3, "budget_low": 0.8, "anchor": 1.3}
SHAPES = ("quadratic", "exponential", "piecewise-linear")


def words(count, seed=0):
    return random.words(jax.random.split(jax.random.key(seed), count))


def run(algorithm, params, spec, keys, horizon, **options):
    program = jax.jit(
        lambda p, s, k: simulate(algorithm, p, provisioning, s, k, horizon, **options),
        compiler_options=QUICK,
    )
    return program(params, spec, keys)


def targets_of(spec, key, horizon):
    """Nature's moves in the run of a key."""
    world = provisioning.init(random.round_keys(key, 0)[0], spec)

    def step(world, t):
        world, now = provisioning.advance(random.round_keys(key, t)[0], spec, world)
        return world, now.target

    return np.asarray(jax.lax.scan(step, world, jnp.arange(1, horizon + 1))[1])


# --- shapes of the service cost -------------------------------------------------------------------


@DOUBLE
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_their_formulas_and_their_slopes_the_derivatives(shape, x64):
    width, x = 0.7, np.array([-3.0, -0.7, -1e-9, 1e-9, 0.2, 2.5])
    wanted = {
        "quadratic": x**2,
        "exponential": 2 * width**2 * (np.expm1(x / width) - x / width),
        "piecewise-linear": 2 * width * np.abs(x),
    }[shape]
    cost = distance_cost(shape, jnp.asarray(x), jnp.asarray(width))
    np.testing.assert_allclose(cost, wanted, rtol=1e-12, atol=1e-15)
    slopes = jax.vmap(jax.grad(lambda at: distance_cost(shape, at, jnp.asarray(width))))(
        jnp.asarray(x)
    )
    np.testing.assert_allclose(
        distance_slope(shape, jnp.asarray(x), jnp.asarray(width)), slopes, rtol=1e-12, atol=1e-15
    )
    # Alike near the target and near the width, as the module says.
    near = float(distance_cost(shape, jnp.asarray(1e-3), jnp.asarray(width)))
    if shape == "exponential":
        assert near == pytest.approx(1e-6, rel=1e-3)
    steep = float(distance_slope(shape, jnp.asarray(width), jnp.asarray(width)))
    assert steep == pytest.approx({"exponential": 2 * width * (np.e - 1)}.get(shape, 2 * width))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_slope_that_learners_are_told_is_that_of_the_cost(shape):
    spec = bursty_queue(episodes=10, shape=shape, width=0.8)
    at, target = jnp.asarray(3.1), jnp.asarray(2.4)
    slope = jax.grad(spec.service)(at, target)
    np.testing.assert_allclose(spec.service_slope(at, target), slope, rtol=1e-5)
    strong = 0.5 + 0.1 * (shape == "quadratic")
    np.testing.assert_allclose(spec.curvature, strong, rtol=1e-6)


@DOUBLE
@pytest.mark.oracle
@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize("weight", [0.2, 3.0])
def test_the_static_optimum_of_any_shape_is_the_best_budget_of_a_grid(shape, weight, x64):
    """Against HiGHS' plans; the light weight puts the optimum at a kink of the service costs."""
    options = {"shape": shape, "tracking": weight, "jitter": 0.01, "swing": 0.02}
    spec, key = bursty_queue(episodes=40, **SMALL, **options), words(1)[:, 0]
    at = (1, 40)
    targets, model = targets_of(spec, key, 40), Model.of(spec)
    program = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)
    costs, faults = program(key, spec, at)
    assert faults == 0

    def total(budget, k):
        service = sum(float(spec.service(budget, t)) for t in targets[:k])
        loss = model.best(budget)[0]
        return service + float(spec.switching) * budget**2 + k * float(spec.latency_weight) * loss

    for i, k in enumerate(at):
        budget = float(costs["budget"][i]) / k
        found = sum(float(costs[n][i]) for n in ("service", "switching", "latency"))
        np.testing.assert_allclose(found, total(budget, k), atol=1e-8)
        for other in np.clip([budget - 1e-3, budget + 1e-3, *np.linspace(0.8, 3, 9)], 0.8, 3):
            assert found <= total(other, k) + 1e-9


@DOUBLE
def test_halving_finds_what_the_tangents_find(x64, monkeypatch):
    """The general search on a parabola, against the exact one."""
    spec, keys = bursty_queue(episodes=30, **SMALL), jax.random.split(jax.random.key(1), 3)
    program = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)
    exact, _ = program(keys, spec, (5, 30))
    monkeypatch.setattr("jaxsoco.provisioning.spec.distance_cost", lambda _, x, w: x**2)
    monkeypatch.setattr("jaxsoco.provisioning.spec.distance_slope", lambda _, x, w: 2 * x)
    halved, faults = program(keys, replace(spec, service_shape="exponential"), (5, 30))
    assert not np.asarray(faults).any()
    for name, cost in exact.items():
        if name != "multiplier":  # at a breakpoint, one of several
            np.testing.assert_allclose(halved[name], cost, rtol=1e-9, atol=1e-9, err_msg=name)


# --- wrong tables ---------------------------------------------------------------------------------


@DOUBLE
def test_learners_plan_with_what_they_are_told_and_pay_what_is_true(x64):
    spec = bursty_queue(episodes=10, loss_bias=0.5, consumption_bias=1.5)
    told = known_of(spec, jnp.zeros(2))
    np.testing.assert_allclose(told.loss[..., 0], 0.5 * np.asarray(spec.loss))
    wanted = np.broadcast_to([0, 0.75, 1.0], spec.consumption.shape)  # at most 1
    np.testing.assert_allclose(told.consumption[..., 0], wanted)
    lanes = replace(spec, consumption_bias=jnp.array([1.0, 0.8]))
    np.testing.assert_allclose(known_of(lanes, jnp.zeros(2)).consumption[0, 0, 1], [0.5, 0.4])
    # Known transitions, wrong consumption: the plan spends its budget as told, and more in truth.
    spec = bursty_queue(episodes=30, latency_weight=0.3, consumption_bias=0.8)
    costs = run(oracle, OracleParams(warm_up=2.0), spec, words(4), 30, trace=True).trace[1]
    tight = np.asarray(costs.multiplier) > 0
    assert tight.mean() > 0.5
    budget, spent, over = (
        np.asarray(x)[tight] for x in (costs.budget, costs.consumption, costs.violation)
    )
    np.testing.assert_allclose(spent, budget / 0.8, rtol=1e-9)
    np.testing.assert_allclose(over, budget / 0.8 - budget, rtol=1e-9)


# --- unknown losses -------------------------------------------------------------------------------


@DOUBLE
def test_lowered_means_lie_a_width_below_and_raised_ones_above(x64):
    total, count = jnp.array([[[0.0, 3.0, 90.0, 130.0]]]), jnp.array([[[0.0, 10.0, 100.0, 100.0]]])
    low = lower_mean(total, count, jnp.asarray(0.5), scale=0.5)
    high, width = upper_mean(total, count, jnp.asarray(0.5), scale=0.5)
    wanted = 0.5 / np.sqrt([10, 100, 100])
    np.testing.assert_allclose(width[0, 0], [1, *wanted], rtol=1e-12)
    np.testing.assert_allclose(low[0, 0], [0, 0.3 - wanted[0], 0.85, 0.95], rtol=1e-12)
    np.testing.assert_allclose(high[0, 0], [1, 0.3 + wanted[0], 0.95, 1.0], rtol=1e-12)


@DOUBLE
def test_experience_counts_the_losses_that_were_seen(x64):
    spec = bursty_queue(episodes=30, loss_noise=0.3, loss_seen=0.4)
    for counts, rows in (("pooled", 1), ("per-slot", spec.slots)):
        params = BLOLParams(counts=counts, losses="estimated", warm_up=30.0)
        seen = run(blol, params, spec, words(64, 3), 30).state.seen
        assert seen.seen is None and seen.loss_seen.shape[0] == rows
        share = np.asarray(seen.loss_seen).sum() / np.asarray(seen.counts).sum()
        np.testing.assert_allclose(share, 0.4, atol=0.02)
        lost, often = (np.asarray(x).sum((0, 2, 3)) for x in (seen.lost, seen.loss_seen))
        met = often > 200
        np.testing.assert_allclose(
            (lost / np.maximum(often, 1))[met], (np.arange(7) / 6)[met] ** 2, atol=0.08
        )
        assert met.sum() >= 4


@DOUBLE
def test_with_much_experience_an_estimated_loss_is_the_known_one(x64):
    spec = bursty_queue(episodes=100, **SMALL)
    like, budget = jnp.zeros(()), spec.budget_low + 0.3
    plans = []
    for losses in ("known", "estimated"):
        params = BLOLParams(losses=losses)
        none = no_experience(params, spec, like)
        counts = jnp.broadcast_to(spec.transition * 1e13, none.counts.shape)
        seen = none._replace(counts=counts)
        if losses == "estimated":
            often = jnp.full_like(none.lost, 1e13)
            seen = seen._replace(loss_seen=often, lost=often * spec.loss)
        plans.append(plan_episode(params, known_of(spec, like), seen, budget, spec.slots))
    assert plans[1].value <= plans[0].value
    np.testing.assert_allclose(plans[1].value, plans[0].value, atol=1e-5)
    np.testing.assert_allclose(plans[1].multiplier, plans[0].multiplier, rtol=1e-3)


@DOUBLE
def test_what_is_observed_of_the_loss_leaves_all_other_draws_as_they_are(x64):
    keys, params = words(3), BLOLParams(**TUNED | {"warm_up": 5.0}, costs="estimated")
    plain, noisy = (
        run(blol, params, bursty_queue(episodes=20, **SMALL, cost_noise=0.2, **more), keys, 20)
        for more in ({}, {"loss_noise": 0.5, "loss_seen": 0.3})
    )
    np.testing.assert_array_equal(plain.costs.latency, noisy.costs.latency)
    np.testing.assert_array_equal(plain.state.seen.spent, noisy.state.seen.spent)


# --- slopes of the latency by differences ---------------------------------------------------------


def _planner(spec, **params):
    """``(budget, shift) ->`` a plan within ``budget + shift`` with the bonus (17) of ``budget``.

    After 1000 visits of every pair. The bonus depends on the room above the baseline's consumption
    alone, so that it stays where both are shifted.
    """
    params = BLOLParams(**{"conf_scale": 0.005} | params)
    none = no_experience(params, spec, jnp.zeros(()))
    seen = none._replace(counts=jnp.broadcast_to(spec.transition * 1000.0, none.counts.shape))

    def plan(budget, shift=0.0):
        told = known_of(spec, jnp.zeros(()))
        told = told._replace(base_consumption=told.base_consumption + shift)
        return plan_episode(params, told, seen, budget + shift, spec.slots)

    return jax.jit(plan, compiler_options=QUICK)


@DOUBLE
def test_the_multiplier_is_the_slope_with_the_bonus_held_and_not_with_it_moving(x64):
    spec = bursty_queue(episodes=6000)
    budget, step, plan = 3.3, 1e-4, _planner(spec)
    spacing = step / (budget - float(spec.base_consumption))
    plain = plan(budget)
    held = _planner(spec, latency_slope="difference", spacing=spacing)(budget)
    moving = _planner(spec, latency_slope="total-difference", spacing=spacing)(budget)
    assert plain.status == 0 and float(plain.multiplier) > 0.1
    np.testing.assert_allclose(held.multiplier, plain.multiplier, rtol=1e-6)
    ends = [float(plan(budget, shift).value) for shift in (-step, step)]
    np.testing.assert_allclose(held.multiplier, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
    # Plans for two budgets, each with a bonus of its own.
    ends = [float(plan(budget + x).value) for x in (-step, step)]
    np.testing.assert_allclose(moving.multiplier, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
    # -T u / (b - b_base) grows with b: the value falls less than by the multiplier, or rises.
    assert float(moving.multiplier) < float(plain.multiplier) - 0.1
    for other in (held, moving):
        np.testing.assert_array_equal(other.policy, plain.policy)


@DOUBLE
def test_where_no_smaller_budget_has_a_plan_the_difference_is_one_sided(x64):
    spec = bursty_queue(episodes=6000)
    low, high, plan = 1.21, 8.0, _planner(spec, conf_scale=0.05)
    for _ in range(40):  # the least budget with a plan
        middle = (low + high) / 2
        feasible = int(plan(middle).status) == 0
        low, high = (low, middle) if feasible else (middle, high)
    budget, room = high + 1e-9, high - float(spec.base_consumption)
    found = _planner(spec, conf_scale=0.05, latency_slope="difference", spacing=1e-3)(budget)
    assert found.status == 0 and plan(budget, -1e-3 * room).status != 0
    ends = [float(plan(budget, shift).value) for shift in (0.0, 1e-3 * room)]
    np.testing.assert_allclose(found.multiplier, (ends[0] - ends[1]) / (1e-3 * room), rtol=1e-5)


@DOUBLE
def test_a_fixed_budget_plans_the_same_whatever_slope_it_reports(x64):
    spec, keys = bursty_queue(episodes=60, **SMALL), words(4)
    costs = {}
    for name in ("multiplier", "difference", "total-difference"):
        params = FixedBudgetParams(**TUNED, budget=1.2, latency_slope=name, spacing=1e-3)
        costs[name] = run(fixed_budget, params, spec, keys, 60, trace=True).trace[1]
    plain, held, moving = (costs[name] for name in costs)
    for other in (held, moving):
        np.testing.assert_array_equal(other.latency, plain.latency)
    a, b = (np.asarray(x.multiplier)[21:] for x in (plain, held))
    assert (a > 0).any()
    # Equal but at kinks within the two budgets.
    assert np.mean(np.abs(a - b) <= 1e-6 * (1 + a)) > 0.8
    assert (np.asarray(moving.multiplier)[21:] <= a + 1e-6 * (1 + a)).mean() > 0.9


# --- random processes -----------------------------------------------------------------------------


@DOUBLE
def test_random_processes_are_garnets_with_a_safe_baseline(x64):
    problem = jaxsoco.make("provisioning/random_mdp", horizon=10, states=6, actions=4, branching=2)
    spec = problem.spec(jax.random.split(jax.random.key(0), 400))
    rows = np.asarray(spec.transition)
    assert rows.shape == (1, 6, 4, 6, 400)
    np.testing.assert_allclose(rows.sum(3), 1, rtol=1e-12)
    assert (rows >= 0).all() and ((rows > 0).sum(3) == 2).all()
    # Every state is as likely a branch as any other; probabilities are uniform on the simplex.
    np.testing.assert_allclose((rows > 0).mean((0, 1, 2, 4)), 2 / 6, atol=0.02)
    drawn = rows[rows > 0]
    np.testing.assert_allclose([drawn.mean(), drawn.var()], [1 / 2, 1 / 12], atol=0.01)
    loss, spent = np.asarray(spec.loss), np.asarray(spec.consumption)
    assert (spent[:, :, 0] == 0).all() and (loss[:, :, 0] == 1).all()
    others = spent[:, :, 1:]
    np.testing.assert_allclose([others.mean(), others.var()], [1 / 2, 1 / 12], atol=0.01)
    gain = (1 - loss[:, :, 1:]) / others
    np.testing.assert_allclose([gain.mean(), gain.var()], [1 / 2, 1 / 12], atol=0.01)
    # Other runs, other processes; and the baseline's consumption is that of its policy.
    assert np.unique(loss[0, 0, 1]).size == 400
    baseline = np.broadcast_to(np.asarray(spec.baseline)[..., None], (5, 6, 4, 400))
    initial = np.broadcast_to(np.asarray(spec.initial)[:, None], (6, 400))
    wanted = policy_value(jnp.asarray(baseline), spec.consumption, spec.transition, initial)
    np.testing.assert_allclose(spec.base_consumption, wanted, rtol=1e-12)
    assert (np.asarray(spec.base_consumption) < float(spec.budget_low)).all()


@DOUBLE
def test_one_branch_is_a_deterministic_process_and_lanes_may_branch_unlike(x64):
    problem = jaxsoco.make("provisioning/random_mdp", horizon=10, states=4, branching=1)
    keys = jax.random.split(jax.random.key(1), 3)
    rows = np.asarray(problem.spec(keys).transition)
    np.testing.assert_allclose(rows, np.round(rows), atol=1e-12)
    lanes = problem._replace(settings=replace(problem.settings, branching=jnp.array([1, 2, 4])))
    rows = np.asarray(lanes.spec(keys).transition)
    np.testing.assert_array_equal((rows > 0).sum(3)[0, 0, 0], [1, 2, 4])
    alone = np.asarray(problem.spec(keys[0]).transition)
    np.testing.assert_allclose(rows[..., 0], alone, atol=1e-12)


@pytest.mark.slow
@DOUBLE
def test_blol_learns_random_processes(x64):
    """Late episodes cost less than the warm-up's, against the optimum that knows the process."""
    problem = jaxsoco.make("provisioning/random_mdp", horizon=400, states=3, actions=3, slots=3)
    keys = jaxsoco.seed_keys(0, 16)
    whole = TUNED | {"warm_up": 20, "confidence_episodes": 6000}
    algorithm, params = jaxsoco.learner("provisioning/blol", **whole)
    at = (20, 200, 400)
    costs = jaxsoco.play(problem, algorithm, params, keys, at=at).costs
    best = jaxsoco.comparator("provisioning/static_optimum")(problem, keys, at=at)
    names = ("service", "switching", "latency")
    regret = np.asarray(sum(getattr(costs, n) - best[n] for n in names)).mean(1)
    late, early = (regret[2] - regret[1]) / 200, regret[0] / 20
    assert 0 < late < early / 3


# --- recorded arrivals in their own order ---------------------------------------------------------


RECORD = {"capacity": 4, "slots": 3, "budget_low": 1.0, "order": "recorded", "anchor": 1.8}


@pytest.fixture
def record(tmp_path):
    """Seven bins, of mean 1: scaled to it they are what they are."""
    path = tmp_path / "arrivals.csv"
    path.write_text("count\n" + "\n".join(map(str, [0, 2, 1, 0, 3, 0.5, 0.5])) + "\n")
    return np.array([0, 2, 1, 0, 3, 0.5, 0.5]), RECORD | {"arrivals": str(path), "arrival_rate": 1}


def test_episodes_meet_consecutive_arrivals_from_a_start_of_their_own(record, x64):
    counts, options = record
    spec, keys = paper_queue(episodes=5, **options), words(64)
    world = provisioning.init(keys, spec)
    assert set(np.unique(world.place)) == set(range(7))
    place = np.asarray(world.place)
    for k in range(1, 6):
        world, now = provisioning.advance(random.round_keys(keys, k)[0], spec, world)
        wanted = counts[(place[None] + 3 * (k - 1) + np.arange(3)[:, None]) % 7]
        np.testing.assert_allclose(now.arrivals, wanted, rtol=1e-6)
    # The same for one run, and with a record for each lane.
    alone = provisioning.advance(keys[:, 0], spec, provisioning.init(keys[:, 0], spec))[1]
    assert alone.arrivals.shape == (3,)
    assert spec.recorded is not None
    lanes = replace(spec, recorded=jnp.stack([spec.recorded, 2 * spec.recorded], -1))
    both = provisioning.advance(keys[:, :2], lanes, provisioning.init(keys[:, :2], lanes))[1]
    first = provisioning.advance(keys[:, :2], spec, provisioning.init(keys[:, :2], spec))[1]
    np.testing.assert_allclose(both.arrivals, np.asarray(first.arrivals) * [1, 2], rtol=1e-6)


@DOUBLE
def test_the_law_of_an_episode_is_the_recursion_of_the_queue(record, x64):
    counts, options = record
    spec = paper_queue(episodes=5, **options)
    one = Round(jnp.int32(1), jnp.asarray(0.0), jnp.asarray([2.0, 0.5, 3.0]))
    law = np.asarray(law_of(spec, one, 0))
    wanted = np.zeros((3, 5, 3, 5))
    for s in range(5):
        for a in range(3):
            for t, draws in enumerate([{2: 1.0}, {0: 0.5, 1: 0.5}, {3: 1.0}]):
                for n, chance in draws.items():
                    wanted[t, s, a, min(4, max(0, s - a + n))] += chance
    np.testing.assert_allclose(law, wanted, atol=1e-15)
    # Over all bins, the mean law is the one that learners plan with: the record's distribution.
    each = [Round(jnp.int32(1), jnp.asarray(0.0), jnp.full(3, float(n))) for n in counts]
    mean = np.mean([np.asarray(law_of(spec, now, 0))[0] for now in each], axis=0)
    np.testing.assert_allclose(mean, spec.transition[0], atol=1e-12)


@DOUBLE
def test_costs_of_recorded_episodes_are_those_of_their_own_arrivals(record, x64):
    """The comparator's and a learner's, against plain sums over the trajectories that can be."""
    _, options = record
    spec, keys = paper_queue(episodes=9, **options), words(2)
    costs = run(oracle, OracleParams(warm_up=1.0), spec, keys, 9, trace=True)
    action, ledger = costs.trace[:2]
    program = jax.jit(static_optimum, static_argnums=2, compiler_options=QUICK)
    best, _ = program(jax.random.split(jax.random.key(0), 2), spec, (1, 9))
    for lane in range(2):
        world, spent, lost = provisioning.init(random.round_keys(keys[:, lane], 0)[0], spec), [], []
        for k in range(1, 10):
            key = random.round_keys(keys[:, lane], k)[0]
            world, now = provisioning.advance(key, spec, world)
            law = np.asarray(law_of(spec, now, 0))
            loss, consumption = np.asarray(spec.loss), np.asarray(spec.consumption)
            model = Model(loss, consumption, law, spec.initial, 3)
            policy = np.asarray(action.policy)[k - 1, ..., lane]
            spent.append(model.value(policy, model.consumption))
            lost.append(model.value(policy, model.loss))
        np.testing.assert_allclose(ledger.consumption[:, lane], spent, rtol=1e-9)
        np.testing.assert_allclose(ledger.latency[:, lane], lost, rtol=1e-9)
        over = np.maximum(np.array(spent) - np.asarray(ledger.budget)[:, lane], 0)
        np.testing.assert_allclose(ledger.violation[:, lane], over, atol=1e-9)
    assert np.asarray(ledger.violation).max() > 0.01  # a busy episode spends more
    assert np.isfinite(best["latency"]).all() and (np.asarray(best["violation"])[1] > 0).any()
    # Nothing is charged twice: the second place includes the first.
    assert (np.asarray(best["latency"])[1] > np.asarray(best["latency"])[0]).all()


def test_an_order_needs_a_record():
    with pytest.raises(InputError, match=r"problem\.order: Poisson arrivals are not recorded"):
        paper_queue(episodes=5, order="recorded")
    spec = paper_queue(episodes=5, order="recorded", arrivals="synthetic", arrival_rate=1.12)
    assert spec.recorded is not None
    counts = np.asarray(spec.recorded)
    np.testing.assert_allclose(np.mean(counts), 1.12, rtol=1e-5)
    lagged = np.corrcoef(counts[:-5], counts[5:])[0, 1]
    assert 0.2 < lagged < 0.6  # spells of some tens of slots
    assert paper_queue(episodes=5, arrivals="synthetic").recorded is None
