"""ST-CLIP's step with advice in several states, or several rates, against Clarabel."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import ot
import pytest
from soad_lanes import check_distribution, stack
from soad_mixes import (
    KINDS,
    follow_mix,
    least_excess_mix,
    mix_arguments,
    random_mix,
    solve_mix,
)
from soad_reference import Bounds, Price, Slot
from soad_solvers import Clip

from jaxsoco.allocation import stclip_step
from jaxsoco.allocation.theory.flows import couple

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
RAW = jax.jit(stclip_step)
COUNT = 40  # random states of each size


@functools.cache
def random_mixes(n: int, atoms: int, mixed: bool = False, count: int = COUNT) -> tuple:
    rng = np.random.default_rng(1000 * atoms + 10 * n + mixed)
    kinds = (KINDS[i % len(KINDS)] for i in range(count))
    return tuple(random_mix(rng, n, atoms, kind, mixed=mixed) for kind in kinds)


def step(clips, atoms: int | None, form: str = "factored", dtype=float):
    """Decisions, multipliers and infos of a batch, lanes last."""
    least = stack(clips, lambda c: c.least, dtype)
    return RAW(*mix_arguments(clips, atoms, form, dtype), least=least)


def scales(clips) -> np.ndarray:
    return np.array([c.slot.scale for c in clips])


def compare(clips, answer, accuracy: float = 1e-5) -> int:
    """Checks every step against the solver; how many of them the budget binds."""
    decisions, multiplier, info = answer
    check_distribution(decisions, 1e-13)
    np.testing.assert_array_equal(info.status, 0)
    gap = np.asarray(info.gap) / scales(clips)
    assert np.all(gap <= 1e-6), "LIMIT should have said so"
    for b, clip in enumerate(clips):
        slot, unit, mine = clip.slot, clip.slot.scale, np.asarray(decisions)[:, b]
        solution = solve_mix(clip)
        assert solution.value - solution.bound < 0.3 * accuracy * unit, "the solver is too coarse"
        objective = float(info.objective[b])
        assert objective <= solution.value + accuracy * unit
        assert objective >= solution.bound - accuracy * unit
        # The reported plan serves both metrics; separate ones are no worse.
        assert clip.objective(mine) <= objective + 1e-9 * unit
        assert clip.excess(mine) <= 1e-9 * unit
        assert slot.done + slot.work(mine) <= 1 + 1e-12
        assert slot.work(mine) >= clip.least - 1e-12
        assert float(info.work[b]) == pytest.approx(slot.work(mine), abs=1e-13)
    return int(np.sum(np.asarray(multiplier) > 1e-6))


@X64
@pytest.mark.oracle
@pytest.mark.parametrize(
    ("n", "count"), [(2, COUNT), (5, COUNT), pytest.param(14, 2 * COUNT, marks=pytest.mark.slow)]
)
def test_advice_in_two_states(n, count, x64):
    """Of many points, few cost what makes a budget bind."""
    clips = random_mixes(n, 2, count=count)
    assert compare(clips, step(clips, 2)) >= 20  # 60 in all three


def corner(budget: float) -> Clip:
    """A slot of a job in four regions; a fifth point is out of reach."""
    tree, distance = np.full((5, 5), 1e3), np.full((5, 5), 1e3)
    tree[:4, :4], tree[:2, :2], tree[2:4, 2:4] = 413.478852, 154.984746, 38.746186
    distance[:4, :4] = [
        [0, 77.054208, 134.295671, 127.119027],
        [77.054208, 0, 200.374826, 188.464664],
        [134.295671, 200.374826, 0, 14.064856],
        [127.119027, 188.464664, 14.064856, 0],
    ]
    for matrix in (tree, distance):
        np.fill_diagonal(matrix, 0)
    price = Price(Bounds(345.2, 1504.8, 400.749652, 0.5), 2.874752)
    costs = np.array([502.67, 750.24, 173.49, 354.44, 1504.8])
    previous, advised = np.zeros(10), np.zeros(10)
    previous[[0, 5]] = 2.6880032e-5, 1 - 2.6880032e-5
    advised[[5, 2]] = 0.6, 0.4
    slot = Slot(price, costs, distance, np.full(5, 0.25), np.full(5, 0.5), previous, 0.00673963)
    return Clip(slot, tree, 0.0, advised, 1.00673963, 6.78233947, budget)


@X64
def test_a_corner_of_the_dual_between_two_curves(x64):
    """Of a real job, with budgets around its own: neither tangents nor halving come close."""
    clips = [corner(budget) for budget in (1325.1068, *np.linspace(1300, 1340, COUNT - 1))]
    _, multiplier, info = step(clips, 2)
    assert np.all(multiplier > 0.1)
    np.testing.assert_array_equal(info.status, 0)
    assert np.max(np.asarray(info.gap) / scales(clips)) < 1e-9


@X64
@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize(("n", "count"), [(2, 24), (5, 24), (14, 60)])
@pytest.mark.parametrize("atoms", [1, 2])
def test_points_that_work_at_different_rates(n, count, atoms, x64):
    clips = random_mixes(n, atoms, mixed=True, count=count)
    assert compare(clips, step(clips, atoms)) >= 8  # 48 in all six


@X64
@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "atoms", "mixed", "whole"),
    [(3, 3, False, False), (5, 4, False, False), (5, 4, True, False), (4, 8, False, True)],
)
def test_advice_in_many_states(n, atoms, mixed, whole, x64):
    """Solved as exactly as two states are, and the gap says so; also as a distribution."""
    clips = random_mixes(n, atoms, mixed=mixed, count=20)
    assert compare(clips, step(clips, None if whole else atoms)) >= 8


@pytest.mark.slow
@X64
def test_the_whole_weight_on_one_of_two_states_is_advice_in_one(x64):
    clips = random_mixes(5, 1)
    arguments = mix_arguments(clips, 1)
    decision, multiplier, info = RAW(*arguments)
    rng = np.random.default_rng(0)
    other = rng.integers(10, size=(1, len(clips)))
    states = jnp.concatenate([arguments[7][0], jnp.asarray(other, jnp.int32)])
    weights = jnp.stack([jnp.ones(len(clips)), jnp.zeros(len(clips))])
    assert int(np.sum(np.asarray(multiplier) > 1e-6)) >= 15
    for order in (slice(None), slice(None, None, -1)):
        pair = (states[order], weights[order])
        two, again, same = RAW(*arguments[:7], pair, *arguments[8:])
        for name in ("objective", "spent", "slack"):
            change = np.abs(getattr(info, name) - getattr(same, name)) / scales(clips)
            # SC and the way to it may differ at ties: the objective may not.
            assert np.max(change if name == "objective" else np.sort(change)[:-4]) < 1e-9
        np.testing.assert_allclose(info.work, same.work, atol=1e-9)
        # Networks in general position have no ties, and then the decision is one.
        plain = [b for b in range(len(clips)) if KINDS[b % 4] == "plane"]
        np.testing.assert_allclose(decision[:, plain], two[:, plain], atol=1e-9)
        assert int(np.sum(np.asarray(again) > 1e-6)) >= 15


@X64
@pytest.mark.slow
def test_one_state_may_be_named_twice_and_states_in_any_order(x64):
    clips = random_mixes(5, 2)
    arguments = mix_arguments(clips, 2)
    states, weights = arguments[7]
    _, _, info = RAW(*arguments)
    doubled = (jnp.concatenate([states, states]), jnp.concatenate([weights, weights]) / 2)
    for advice in ((states[::-1], weights[::-1]), doubled):
        _, _, same = RAW(*arguments[:7], advice, *arguments[8:])
        np.testing.assert_array_equal(same.status, 0)
        assert np.max(np.abs(info.objective - same.objective) / scales(clips)) < 1e-9


@X64
@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True])
def test_single_run_lanes_vmap_and_both_forms(mixed, x64):
    """Lanes may take only the states that hold mass; a single run takes all of them."""
    clips = random_mixes(5, 2, mixed=mixed, count=24)
    least = stack(clips, lambda c: c.least)

    def once(*arguments):
        return RAW(*arguments[:-1], least=arguments[-1])

    native = step(clips, 2)
    lanes = (*mix_arguments(clips, 2, "full"), least)
    mapped = jax.vmap(once, in_axes=-1, out_axes=-1)(*lanes)
    for name, unit in (("objective", scales(clips)), ("work", 1), ("robust_utilization", 1)):
        gap = np.abs(getattr(native[2], name) - getattr(mapped[2], name)) / unit
        assert np.max(gap) < 1e-8
    for b in (0, 7):
        one = once(*jax.tree.map(lambda x, b=b: x[..., b], lanes))
        gap = float(native[2].objective[b]) - float(one[2].objective)
        assert abs(gap) < 1e-8 * clips[b].slot.scale


@pytest.mark.slow
@X64
@pytest.mark.parametrize("atoms", [2, pytest.param(None, marks=pytest.mark.slow)])
def test_the_multiplier_is_the_price_of_the_budget(atoms, x64):
    """Envelope theorem: the objective falls by the multiplier for each unit of budget."""
    clips = [c for c in random_mixes(5, 2) if c.least == 0][:20]
    _, multiplier, info = step(clips, atoms)
    small = 1e-5 * scales(clips)
    ends = [
        step(
            [c._replace(budget=c.budget + s) for c, s in zip(clips, sign * small, strict=True)],
            atoms,
        )
        for sign in (-1, 1)
    ]
    feasible = np.asarray(ends[0][2].status) == 0
    low, high = (np.asarray(e[2].objective) for e in ends)
    # Convex in the budget: the multiplier lies between the two slopes.
    before, after = (low - info.objective) / small, (info.objective - high) / small
    # An objective is rounded to 1e-10 of its scale, a quotient to 1e-5.
    assert np.all(after <= multiplier + 1e-4)
    assert np.all((multiplier <= before + 1e-4) | ~feasible)
    assert np.sum(feasible & (np.asarray(multiplier) > 1e-3)) >= 8


@X64
@pytest.mark.slow
@pytest.mark.parametrize(("atoms", "mixed"), [(2, False), (2, True), (3, False)])
def test_slopes(atoms, mixed, x64):
    """Of the objective in the budget it is minus the multiplier; all slopes are finite."""
    clips = random_mixes(3, atoms, mixed=mixed, count=24)
    arguments, least = mix_arguments(clips, atoms), stack(clips, lambda c: c.least)

    def outcome(costs, previous, budget):
        now = (costs, *arguments[1:4], previous, *arguments[5:10], budget, arguments[11])
        return stclip_step(*now, least=least)

    inputs = (arguments[0], arguments[4], arguments[10])
    nothing = [jnp.zeros_like(x) for x in inputs[:2]]
    moved = (inputs, (*nothing, jnp.ones_like(inputs[2])))
    (_, multiplier, _), (_, _, slopes) = jax.jit(lambda p, t: jax.jvp(outcome, p, t))(*moved)
    assert np.sum(np.asarray(multiplier) > 1e-3) >= 8
    np.testing.assert_allclose(slopes.objective, -multiplier, rtol=1e-5, atol=1e-5)
    back = jax.jit(jax.grad(lambda *x: jnp.sum(outcome(*x)[2].spent), argnums=(0, 1, 2)))(*inputs)
    assert all(np.all(np.isfinite(x)) for x in back)


@X64
@pytest.mark.parametrize("mixed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_following_is_feasible_also_where_the_advice_does_too_much(mixed, x64):
    """With no more budget than the scaled advice spends, the step keeps to it."""
    clips = []
    for clip in random_mixes(5, 2, mixed=mixed):
        slot = clip.slot
        work = slot.work(clip.advised)
        done = 1 - 0.6 * work if work > 0 else slot.done
        clip = clip._replace(slot=slot._replace(done=done), robust=0.5 * done, least=0.0)
        clip = clip._replace(advice_work=max(clip.advice_work, work))
        clips.append(clip._replace(budget=0.0))
    clips = [c._replace(budget=c.excess(follow_mix(c))) for c in clips]
    scaled = sum(c.slot.work(c.advised) > 1 - c.slot.done + 1e-9 for c in clips)
    assert scaled >= 25
    decision, _, info = step(clips, 2)
    check_distribution(decision, 1e-13)
    np.testing.assert_array_equal(np.asarray(info.status) == 1, False)
    for b, clip in enumerate(clips):
        mine = np.asarray(decision)[:, b]
        assert clip.excess(mine) <= 1e-9 * clip.slot.scale
        assert clip.objective(mine) <= clip.objective(follow_mix(clip)) + 1e-9 * clip.slot.scale
        assert clip.slot.done + clip.slot.work(mine) <= 1 + 1e-12


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("mixed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_budget_below_what_any_plan_needs_is_exceeded_by_the_least(mixed, x64):
    clips = [
        c._replace(budget=c.budget - 5 * c.slot.price.bounds.U)
        for c in random_mixes(5, 2, mixed=mixed)
    ]
    decision, _, info = step(clips, 2)
    np.testing.assert_array_equal(info.status, 1)
    check_distribution(decision, 1e-13)
    for b, clip in enumerate(clips):
        assert float(info.violation[b]) == pytest.approx(
            least_excess_mix(clip), abs=1e-8 * clip.slot.scale
        )


@pytest.mark.slow
@pytest.mark.parametrize("x64", [False], indirect=True)
@pytest.mark.parametrize("mixed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_single_precision(mixed, x64):
    clips = random_mixes(5, 2, mixed=mixed)
    # Room for rounding: a budget of exactly what is needed is not one in float32.
    clips = [c._replace(budget=c.budget + 1e-4 * c.slot.scale) for c in clips]
    decision, _, info = step(clips, 2, dtype=np.float32)
    check_distribution(decision, 2e-6)
    assert decision.dtype == info.spent.dtype == info.gap.dtype == jnp.float32
    with jax.enable_x64(True):
        exact = np.asarray(step(clips, 2)[2].objective)
    for b, clip in enumerate(clips):
        mine = np.asarray(decision[:, b], float)
        mine /= mine.sum()
        unit = clip.slot.scale + 1e-1 * abs(clip.budget)
        assert clip.objective(mine) <= exact[b] + 2e-3 * unit
        assert clip.excess(mine) <= 1e-4 * unit


def test_advice_of_another_form(x64):
    clips = random_mixes(5, 2, count=4)
    dtype = np.float64 if x64 else np.float32
    arguments = mix_arguments(clips, 2, dtype=dtype)
    states, weights = arguments[7]
    wrong = [(states, weights[:1]), (weights, weights), jnp.ones((7, 4), dtype) / 7]
    for advice in wrong:
        with pytest.raises(ValueError, match="advice: want"):
            stclip_step(*arguments[:7], advice, *arguments[8:])  # pyright: ignore


# --- the coupling alone --------------------------------------------------------------------------


@X64
@pytest.mark.oracle
@pytest.mark.parametrize(("sources", "states"), [(6, 2), (6, 3), (10, 4), (5, 6), (12, 12)])
def test_the_coupling_is_optimal(sources, states, x64):
    """Against POT's network simplex, also with ties and with masses of 0."""
    rng, lanes = np.random.default_rng(sources), 32
    mass = rng.dirichlet(np.ones(sources), lanes).T
    mass[1:, ::3] *= rng.uniform(size=(sources - 1, 1)) > 0.4
    mass /= mass.sum(axis=0)
    weight = rng.dirichlet(np.ones(states), lanes).T
    cost = rng.uniform(-1, 1, (sources, states, lanes))
    cost[..., ::2] = rng.integers(-2, 3, cost[..., ::2].shape)
    flow, exact = jax.jit(couple)(jnp.asarray(mass), jnp.asarray(weight), jnp.asarray(cost))
    flow = np.asarray(flow)
    assert np.all(exact)
    assert np.all(flow >= 0)
    np.testing.assert_allclose(flow.sum(axis=1), mass, atol=1e-14)
    np.testing.assert_allclose(flow.sum(axis=0), weight, atol=1e-14)
    for b in range(lanes):
        best = ot.emd2(mass[:, b], weight[:, b], np.ascontiguousarray(cost[..., b]))
        assert np.sum(flow[..., b] * cost[..., b]) == pytest.approx(best, abs=1e-13)


@pytest.mark.slow
@X64
@pytest.mark.parametrize("states", [2, 4])
def test_slopes_of_the_coupling(states, x64):
    """The flow moves with the masses along arcs that it uses: central differences agree."""
    rng, lanes, sources = np.random.default_rng(7), 16, 6
    mass = jnp.asarray(rng.dirichlet(np.ones(sources), lanes).T)
    weight = jnp.asarray(rng.dirichlet(np.ones(states), lanes).T)
    cost = jnp.asarray(rng.uniform(-1, 1, (sources, states, lanes)))
    # Changes that keep the sums equal.
    changes = [jnp.asarray(rng.normal(size=x.shape)) for x in (mass, weight)]
    changes = [x - jnp.mean(x, axis=0, keepdims=True) for x in changes]
    worth = jnp.asarray(rng.normal(size=cost.shape))

    def value(mass, weight):
        return jnp.sum(worth * couple(mass, weight, cost)[0], axis=(0, 1))

    _, slope = jax.jvp(value, (mass, weight), tuple(changes))
    step = 1e-7
    ends = [value(mass + s * changes[0], weight + s * changes[1]) for s in (step, -step)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-5)
    back = jax.grad(lambda *x: jnp.sum(value(*x)), argnums=(0, 1))(mass, weight)
    turned = sum(jnp.sum(g * c) for g, c in zip(back, changes, strict=True))
    assert float(turned) == pytest.approx(float(jnp.sum(slope)), rel=1e-6)
