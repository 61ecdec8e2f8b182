"""Budgeted plans against HiGHS, plans in boxes and balls against linear programs and loops."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from budgeted_reference import KINDS, Instance, dual, random_instance, solve_lp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from jaxsoco_kernels.occupancy import (
    INFEASIBLE,
    ITERATION_LIMIT,
    OPTIMAL,
    extended_value_iteration,
    extended_value_iteration_l1,
    occupancy_of,
    policy_of,
    policy_value,
    solve_budgeted,
    solve_budgeted_l1,
)

SHAPE = (4, 3, 2)
EACH = 24
INSTANCES = [(kind, seed) for kind in KINDS for seed in range(EACH)]


@cache
def instances(homogeneous: bool = False) -> list[Instance]:
    return [random_instance(seed, kind, SHAPE, homogeneous) for kind, seed in INSTANCES]


@cache
def references(homogeneous: bool) -> list[tuple[float | None, float]]:
    return [solve_lp(one) for one in instances(homogeneous)]


def stack(given: list[Instance], dtype) -> list[jax.Array]:
    return [jnp.asarray(np.stack(x, -1), dtype) for x in zip(*given, strict=True)]


solve = jax.jit(solve_budgeted)


# --- the budgeted program -------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("homogeneous", [False, True], ids=["per slot", "one box"])
def test_value_multiplier_and_feasibility_are_those_of_highs(x64, homogeneous):
    given, wanted = instances(homogeneous), references(homogeneous)
    found = solve(*stack(given, float))
    assert len(given) >= 150
    assert found.value.dtype == (jnp.float64 if x64 else jnp.float32)
    tolerance = 1e-9 if x64 else 1e-5
    seen = dict.fromkeys(KINDS, 0)
    for i, ((kind, _), one, (value, _)) in enumerate(zip(INSTANCES, given, wanted, strict=True)):
        assert (found.status[i] == INFEASIBLE) == (value is None), (kind, i)
        if value is None:
            continue
        seen[kind] += 1
        assert found.status[i] == OPTIMAL
        price = float(found.multiplier[i])
        assert price >= 0
        # Next to the least consumption a rounding of the budget moves the value by its multiple.
        scale = max(1, abs(value), price * one.budget if kind == "least" and not x64 else 0)
        assert abs(found.value[i] - value) <= tolerance * scale, (kind, i)
        # The multiplier is one of the dual solutions: it attains the value as a bound.
        bound = dual(one, price)[0] - price * one.budget
        assert abs(bound - value) <= tolerance * scale * max(1, price), (kind, i)
        assert found.consumption[i] <= one.budget + 10 * tolerance
    assert all(seen[kind] == EACH for kind in KINDS if kind != "infeasible")
    assert seen["infeasible"] == 0


def test_the_solution_is_a_plan_of_the_box(x64):
    given = instances()
    arrays = stack(given, float)
    found = solve(*arrays)
    loss, consumption, lower, upper, initial, _ = (np.asarray(x, np.float64) for x in arrays)
    occupancy, policy = np.asarray(found.occupancy), np.asarray(found.policy)
    eps = np.finfo(occupancy.dtype).eps
    inner = lambda x: np.sum(occupancy * x, axis=(0, 1, 2))  # noqa: E731
    np.testing.assert_allclose(found.value, inner(loss), atol=100 * eps)
    np.testing.assert_allclose(found.consumption, inner(consumption), atol=100 * eps)
    np.testing.assert_allclose(occupancy.sum((1, 2)), 1, atol=50 * eps)
    np.testing.assert_allclose(occupancy[0].sum(1), initial, atol=10 * eps)
    np.testing.assert_allclose(policy.sum(2), 1, atol=10 * eps)
    assert (policy >= 0).all() and (occupancy >= 0).all()
    met = occupancy.sum(2, keepdims=True)
    np.testing.assert_allclose(policy * met, occupancy, atol=10 * eps)
    # Some member of the box moves the masses so: lower and upper flows enclose the next slot's.
    for bound, sign in ((lower, 1), (upper, -1)):
        flow = np.einsum("tsab,tsanb->tnb", occupancy[:-1], bound[:-1])
        assert (sign * (met[1:, :, 0] - flow) >= -50 * eps).all()


def test_an_infeasible_budget_gives_the_plan_of_least_consumption(x64):
    given = [
        one for (kind, _), one in zip(INSTANCES, instances(), strict=True) if kind == "infeasible"
    ]
    arrays = stack(given * 7, float)
    found = solve(*arrays)
    assert (found.status == INFEASIBLE).all() and (found.multiplier == 0).all()
    assert (found.info.slack < 0).all()
    least = [dual(one._replace(loss=one.consumption), 0.0)[0] for one in given] * 7
    np.testing.assert_allclose(found.consumption, least, rtol=1e-9 if x64 else 1e-5)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_value_is_that_of_the_occupancy_on_many_lanes_with_ties(x64):
    """At ties XLA may round one sum in two ways; the plan, its value and its use must agree."""
    given = [random_instance(seed, "ties", (5, 4, 3), True) for seed in range(320)]
    arrays = stack(given, float)
    native = solve(*arrays)
    mapped = jax.jit(jax.vmap(solve_budgeted, in_axes=-1, out_axes=-1))(*arrays)
    for found in (native, mapped):
        for total, part in ((found.value, arrays[0]), (found.consumption, arrays[1])):
            inner = np.sum(np.asarray(found.occupancy) * np.asarray(part), axis=(0, 1, 2))
            np.testing.assert_allclose(total, inner, rtol=0, atol=1e-13)
        assert (found.status == OPTIMAL).all()
    np.testing.assert_allclose(native.value, mapped.value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_search_that_is_cut_short_says_so_and_keeps_the_budget(x64):
    arrays = stack(instances()[:EACH], float)
    best = solve(*arrays)
    last = np.inf
    for limit in (2, 3, 5):
        cut = jax.jit(solve_budgeted, static_argnames="limit")(*arrays, limit=limit)
        short = np.asarray(cut.status) == ITERATION_LIMIT
        assert short.any() and (np.asarray(cut.status)[~short] == OPTIMAL).all()
        assert (cut.info.iterations[short] == limit).all()
        assert (cut.consumption <= arrays[-1] + 1e-12).all()
        above = np.asarray(cut.value - best.value)
        assert (above >= -1e-12).all() and (above <= cut.info.residual + 1e-12).all()
        assert above[short].max() > 1e-6 and above.sum() < last
        last = above.sum()


def test_lanes_vmap_and_single_agree(x64):
    arrays = stack(instances()[::11], float)
    native = solve(*arrays)
    mapped = jax.jit(jax.vmap(solve_budgeted, in_axes=-1, out_axes=-1))(*arrays)
    atol = 1e-13 if x64 else 1e-5
    np.testing.assert_allclose(native.value, mapped.value, atol=atol)
    np.testing.assert_array_equal(native.status, mapped.status)
    for i in range(native.value.size):
        one = solve(*(x[..., i] for x in arrays))
        np.testing.assert_allclose(native.value[i], one.value, atol=atol)
        assert one.status == native.status[i] and one.policy.shape == SHAPE


def test_a_shared_model_broadcasts_over_budgets(x64):
    one = instances()[0]
    arrays = [jnp.asarray(x, float)[..., None] for x in one[:5]]
    budgets = jnp.asarray(np.linspace(0.6, 3, 7), float)
    many = solve(*arrays, budgets)
    for i, budget in enumerate(budgets):
        single = solve(*[jnp.asarray(x, float) for x in one[:5]], budget)
        np.testing.assert_allclose(many.value[i], single.value, atol=1e-12 if x64 else 1e-5)
        np.testing.assert_array_equal(many.status[i], single.status)
    feasible = np.asarray(many.status) == OPTIMAL
    value = np.asarray(many.value)[feasible]
    assert feasible.sum() >= 4 and (np.diff(value) <= 1e-6).all()
    assert (np.diff(value, 2) >= -1e-6).all()  # convex in the budget


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_derivatives_are_those_of_small_steps(x64):
    loss, consumption, low, high, initial, budget = stack(instances()[:EACH], float)
    step, rng = 1e-6, np.random.default_rng(0)

    @jax.jit
    @jax.value_and_grad
    def value(moved):
        return jnp.sum(solve_budgeted(moved[0], moved[1], low, high, initial, moved[2]).value)

    args = (loss, consumption, budget)
    _, slopes = value(args)
    multiplier = solve(loss, consumption, low, high, initial, budget).multiplier
    np.testing.assert_allclose(slopes[2], -multiplier, atol=1e-12)
    assert (multiplier > 0.01).sum() >= EACH // 2
    moves = [rng.normal(size=x.shape) for x in args]
    up, down = (
        solve(*moved[:2], low, high, initial, moved[2]).value
        for moved in ([x + k * step * m for x, m in zip(args, moves, strict=True)] for k in (1, -1))
    )
    lanes = [np.asarray(x * m).reshape(-1, EACH) for x, m in zip(slopes, moves, strict=True)]
    got = sum(x.sum(0) for x in lanes)
    np.testing.assert_allclose(got, (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


# --- plans without a budget -----------------------------------------------------------------------


def test_extended_value_iteration_against_loops(x64):
    iterate = jax.jit(extended_value_iteration)
    for kind in ("plain", "ties", "unvisited"):
        for seed in range(6):
            one = random_instance(seed, kind, SHAPE)
            policy, value, transition = iterate(
                *(jnp.asarray(x, float) for x in (one.loss, one.lower, one.upper))
            )
            atol = 1e-12 if x64 else 1e-5
            np.testing.assert_allclose(one.initial @ value[0], dual(one, 0.0)[0], atol=atol)
            assert policy.dtype == jnp.int32 and value.shape == (5, 3)
            assert not value[-1].any()
            np.testing.assert_allclose(transition.sum(-1), 1, atol=1e-6)
            assert (transition >= one.lower - 1e-6).all()
            assert (transition <= one.upper + 1e-6).all()
            total = one.loss + np.einsum("tsan,tn->tsa", transition, value[1:])
            np.testing.assert_allclose(value[:-1], total.min(-1), atol=atol)
            chosen = np.take_along_axis(total, np.asarray(policy)[..., None], -1)[..., 0]
            np.testing.assert_allclose(chosen, total.min(-1), atol=atol)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_the_l1_ball_against_linear_programs(x64):
    rng = np.random.default_rng(5)
    slots, s, a = SHAPE
    center = rng.dirichlet(np.ones(s) * 0.5, (1, s, a))
    radius = rng.choice([0.0, 0.1, 0.7, 2.0], (1, s, a))
    cost = rng.uniform(-1, 1, SHAPE)
    policy, value, transition = extended_value_iteration_l1(cost, center, radius)
    after = np.zeros(s)
    for t in reversed(range(slots)):
        total = np.empty((s, a))
        for i in range(s):
            for j in range(a):
                # p = center + up - down, with the sum of both at most the radius.
                found = linprog(
                    np.concatenate([after, -after]),
                    A_ub=np.vstack([np.ones(2 * s), np.hstack([-np.eye(s), np.eye(s)])]),
                    b_ub=np.concatenate([[radius[0, i, j]], center[0, i, j]]),
                    A_eq=np.concatenate([np.ones(s), -np.ones(s)])[None],
                    b_eq=[0],
                )
                total[i, j] = cost[t, i, j] + center[0, i, j] @ after + found.fun
        after = total.min(1)
        np.testing.assert_allclose(value[t], after, atol=1e-9)
        np.testing.assert_array_equal(policy[t], total.argmin(1))
    moved = np.abs(np.asarray(transition) - center).sum(-1)
    assert (moved <= radius + 1e-12).all()
    np.testing.assert_allclose(transition.sum(-1), 1, atol=1e-12)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_budget_over_l1_balls(x64):
    """With radius 0 it is the program of one transition; value falls and stays dual as it grows."""
    one = random_instance(3, "plain", SHAPE)
    center = jnp.asarray((one.lower + one.upper) / (one.lower + one.upper).sum(-1, keepdims=True))
    within = jax.jit(solve_budgeted_l1)
    same = within(one.loss, one.consumption, center, jnp.zeros(SHAPE), one.initial, one.budget)
    wanted = solve(one.loss, one.consumption, center, center, one.initial, one.budget)
    np.testing.assert_allclose(same.value, wanted.value, atol=1e-12)
    last = same.value
    for radius in (0.1, 0.4, 2.0):
        wide = jnp.full(SHAPE, radius)
        found = within(one.loss, one.consumption, center, wide, one.initial, one.budget)
        cost = one.loss + found.multiplier * one.consumption
        _, value, _ = extended_value_iteration_l1(cost, center, wide)
        bound = one.initial @ value[0] - found.multiplier * one.budget
        np.testing.assert_allclose(found.value, bound, atol=1e-12)
        assert found.value <= last
        last = found.value


# --- occupancies and policies ---------------------------------------------------------------------


@given(seed=st.integers(0, 2**16), rows=st.sampled_from([(1, 1), (1, 4), (4, 1), (4, 4)]))
def test_occupancies_policies_and_values(seed, rows):
    rng = np.random.default_rng(seed)
    _, s, a = SHAPE
    transition = rng.dirichlet(np.ones(s), (rows[0], s, a))
    policy = rng.dirichlet(np.ones(a), (4, s))
    reward, initial = rng.normal(size=(rows[1], s, a)), rng.dirichlet(np.ones(s))
    with jax.enable_x64(True):
        found = policy_value(*map(jnp.asarray, (policy, reward, transition, initial)))
        occupancy = occupancy_of(*map(jnp.asarray, (policy, transition, initial)))
        back = policy_of(occupancy)
    met, total = initial, 0.0
    for t in range(4):
        both = met[:, None] * policy[t]
        np.testing.assert_allclose(occupancy[t], both, atol=1e-14)
        total += (both * reward[t % rows[1]]).sum()
        met = np.einsum("sa,san->n", both, transition[t % rows[0]])
    np.testing.assert_allclose(found, total, atol=1e-13)
    np.testing.assert_allclose(back, policy, atol=1e-12)


def test_states_that_are_never_met_get_the_policy_that_is_asked_for():
    occupancy = jnp.asarray([[[0.25, 0.75], [0.0, 0.0]]])
    np.testing.assert_array_equal(policy_of(occupancy)[0, 1], [0.5, 0.5])
    other = jnp.asarray([[[1.0, 0.0], [0.0, 1.0]]])
    np.testing.assert_array_equal(policy_of(occupancy, other)[0], [[0.25, 0.75], [0, 1]])
