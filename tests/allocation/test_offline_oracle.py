"""Offline optima against HiGHS on the full linear program, and against searches over paths."""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_lanes import metrics, stack
from soad_reference import network, random_bounds, states
from soad_solvers import Job, linear_optimum, whole_slots_optimum

from jaxsoco.allocation import StateMetric, integral_optimum, offline_optimum, state_metric
from jaxsoco.allocation.theory.paths import path_ledger

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
LINEAR = jax.jit(offline_optimum)
WHOLE = jax.jit(integral_optimum, static_argnames="slots")
KINDS = ("plane", "closure", "tree", "star")
SHAPES = {2: (48, 40), 5: (48, 40), 14: (15, 32)}  # n: longest deadline, jobs
MOST = 10  # slots of work


class Case(NamedTuple):
    """A job of ``deadline`` slots within a batch of ``horizon``; prices behind it are a bait."""

    costs: np.ndarray  # [horizon, n]
    distance: np.ndarray
    switch: np.ndarray
    throughput: np.ndarray
    start: int
    deadline: int
    length: int

    @property
    def job(self) -> Job:
        metric = states(self.distance, self.switch)
        every = np.repeat(metric[None], self.deadline, 0)
        costs = self.costs[: self.deadline]
        return Job(costs, every, self.switch, self.throughput, self.start)


def random_case(rng: np.random.Generator, n: int, horizon: int, index: int) -> Case:
    """Cyclic, noisy or tying prices; odd indices have points that differ in throughput."""
    bounds = random_bounds(rng)
    length = int(rng.integers(1, min(MOST, horizon) + 1))
    deadline = int(rng.integers(max(length, 4), horizon + 1))
    throughput = np.full(n, 1 / length)
    if index % 2:
        throughput *= rng.uniform(0.3, 1, n)
        throughput[rng.integers(n)] = 1 / length
    level = rng.uniform(size=(horizon, n))
    if index % 3 == 0:
        cycle = np.cos(2 * np.pi * (np.arange(horizon)[:, None] / 24 + rng.uniform(size=n)))
        level = 0.35 * (1 + cycle) + 0.3 * level
    elif index % 3 == 1:
        level = rng.choice([0, 0.5, 1], level.shape)
    costs = throughput * (bounds.L + (bounds.U - bounds.L) * level)
    costs[deadline:] = 1e-9  # nothing after the deadline may count
    scale = bounds.D * throughput.min() * 10 ** rng.uniform(-2, 0)
    distance = scale * network(rng, n, KINDS[index % 4])
    switch = bounds.tau * throughput * rng.choice([0.0, 0.5, 1.0], n)
    return Case(costs, distance, switch, throughput, int(rng.integers(n)), deadline, length)


@functools.cache
def cases(n: int) -> tuple[Case, ...]:
    horizon, count = SHAPES[n]
    rng = np.random.default_rng(n)
    return tuple(random_case(rng, n, horizon, i) for i in range(count))


def batch(items, form: str = "factored", dtype=float):
    """Arguments of ``offline_optimum``, lanes last; the deadline is the last one."""
    return (
        stack(items, lambda c: c.costs, dtype),
        metrics(items, lambda c: c.distance, form, dtype),
        stack(items, lambda c: c.throughput, dtype),
        stack(items, lambda c: c.switch, dtype),
        stack(items, lambda c: c.start, np.int32),
        stack(items, lambda c: c.deadline, np.int32),
    )


def linear(*arguments):
    return LINEAR(*arguments[:5], deadline=arguments[5])


def check_primal(job: Job, found, lane: int, value: float) -> None:
    """The mix of the two paths does the work, and costs the value, with exact transport."""
    horizon, n = job.costs.shape
    weight = float(found.weight[lane])
    low, high = (np.asarray(p)[:, lane] for p in (found.low_path, found.high_path))
    assert np.all(low[horizon:] >= n)
    assert np.all(high[horizon:] >= n)
    low, high = low[:horizon], high[:horizon]
    assert 0 <= weight <= 1
    assert (1 - weight) * job.work(low) + weight * job.work(high) >= 1 - 1e-9
    mixed = (1 - weight) * job.cost(low) + weight * job.cost(high)
    assert mixed == pytest.approx(value, rel=1e-9)
    eye = np.eye(2 * n)
    decisions = (1 - weight) * eye[low] + weight * eye[high]
    assert job.spend(decisions) == pytest.approx(value, rel=1e-9)


@functools.cache
def solved(n: int) -> tuple[float, ...]:
    return tuple(linear_optimum(case.job) for case in cases(n))


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("n", list(SHAPES))
def test_linear_optimum_agrees_with_highs(n, x64):
    items = cases(n)
    found = linear(*batch(items))
    assert not np.any(found.info.status)
    np.testing.assert_allclose(found.value, solved(n), rtol=1e-9)
    assert np.all(np.asarray(found.info.residual) < 1e-9)
    for b, case in enumerate(items):
        check_primal(case.job, found, b, solved(n)[b])


@X64
@pytest.mark.oracle
def test_instances_are_enough_and_of_every_kind(x64):
    assert sum(count for _, count in SHAPES.values()) >= 100
    items = [c for n in SHAPES for c in cases(n)]
    assert len({c.deadline for c in items}) > 20
    assert min(c.deadline for c in items) <= 6
    weights = np.concatenate([np.asarray(linear(*batch(cases(n))).weight) for n in SHAPES])
    assert np.mean((weights > 1e-6) & (weights < 1 - 1e-6)) > 0.3  # a genuine mix of two paths


@X64
def test_linear_optimum_with_the_full_matrix(x64):
    items = cases(5)
    found = linear(*batch(items, "full"))
    np.testing.assert_allclose(found.value, linear(*batch(items)).value, rtol=1e-12)
    for b, case in enumerate(items):
        check_primal(case.job, found, b, float(found.value[b]))


@X64
@pytest.mark.parametrize("form", ["factored", pytest.param("full", marks=pytest.mark.slow)])
def test_linear_optimum_single_run_lanes_and_vmap(form, x64):
    items = cases(5)
    lanes = batch(items, form)
    native = linear(*lanes)
    mapped = jax.vmap(linear, in_axes=-1, out_axes=-1)(*lanes)
    np.testing.assert_allclose(native.value, mapped.value, rtol=1e-13)
    np.testing.assert_allclose(native.weight, mapped.weight, rtol=1e-9)
    for b in (1, 6):
        one = linear(*jax.tree.map(lambda x, b=b: x[..., b], lanes))
        np.testing.assert_allclose(native.value[b], one.value, rtol=1e-13)
        assert one.low_path.shape == (48,)


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("shared", [False, True], ids=["lanes", "shared"])
def test_linear_optimum_on_a_metric_that_changes(shared, x64):
    """SOAD-T: the move into slot t is charged by the slot's own metric."""
    n, horizon, count = 5, 12, 16
    rng = np.random.default_rng(3)
    bases = [random_case(rng, n, horizon, i) for i in range(count)]
    scales = 10 ** rng.uniform(-1, 1, (count, horizon))
    moving = []
    for case, scale in zip(bases, scales, strict=True):
        base = bases[0] if shared else case
        factor = scales[0] if shared else scale
        layers = [states(f * base.distance, base.switch) for f in factor]
        # Another network from the middle on.
        layers[horizon // 2 :] = [m[::-1, ::-1].copy() for m in layers[horizon // 2 :]]
        moving.append(np.stack(layers))
    costs, _, throughput, _, start, deadline = batch(bases)
    switch = stack(bases, lambda c: (bases[0] if shared else c).switch)
    metric = jnp.asarray(moving[0] if shared else np.stack(moving, -1))
    found = LINEAR(costs, metric, throughput, switch, start, deadline=deadline)
    assert not np.any(found.info.status)
    for b, case in enumerate(bases):
        job = case.job._replace(metric=moving[b][: case.deadline], switch=np.asarray(switch)[:, b])
        value = linear_optimum(job)
        assert float(found.value[b]) == pytest.approx(value, rel=1e-9)
        check_primal(job, found, b, value)


@X64
def test_linear_optimum_of_a_single_run_on_a_metric_that_changes(x64):
    case = random_case(np.random.default_rng(4), 5, 12, 0)
    layers = jnp.asarray(np.stack([states(f * case.distance, case.switch) for f in range(1, 13)]))
    found = LINEAR(
        case.costs, layers, case.throughput, case.switch, case.start, deadline=case.deadline
    )
    job = case.job._replace(metric=np.asarray(layers)[: case.deadline])
    assert float(found.value) == pytest.approx(linear_optimum(job), rel=1e-9)


@X64
def test_a_metric_whose_axes_could_be_read_two_ways_is_refused(x64):
    """n = 2 points, 4 slots, 4 lanes: [4, 4, 4] may be [T, 2n, 2n] or [2n, 2n, lanes]."""
    items = [random_case(np.random.default_rng(s), 2, 4, 0) for s in range(4)]
    costs, metric, throughput, switch, start, deadline = batch(items, "full")
    with pytest.raises(ValueError, match="metric"):
        offline_optimum(costs, metric, throughput, switch, start, deadline=deadline)


@X64
def test_linear_optimum_infeasible(x64):
    """No point can do the work in time: the status says so, the other lanes are not touched."""
    items = list(cases(5)[:4])
    late = items[1]._replace(deadline=3, throughput=items[1].throughput / items[1].length / 4)
    items[1] = late
    found = linear(*batch(items))
    np.testing.assert_array_equal(found.info.status, [0, 1, 0, 0])
    assert np.isinf(found.value[1])
    expected = [v for b, v in enumerate(solved(5)[:4]) if b != 1]
    np.testing.assert_allclose(np.delete(np.asarray(found.value), 1), expected, rtol=1e-9)


@X64
def test_just_enough_time(x64):
    """Deadline = length: every slot is ON; dust of 1 / J must not make it infeasible."""
    for length in range(1, MOST + 1):
        rng = np.random.default_rng(length)
        base = random_case(rng, 2, 48, 0)
        case = base._replace(
            throughput=np.full(2, 1 / length), deadline=length, length=length, costs=base.costs + 1
        )
        found = linear(*batch([case] * 40))
        assert found.info.status[0] == 0
        value, _, info = whole([case] * 40)
        assert info.status[0] == 0
        assert float(value[0]) >= float(found.value[0]) * (1 - 1e-12)


@X64
def test_multiplier_is_a_dual_solution(x64):
    """At the multiplier, no path has a lower reduced cost than the value says."""
    items = [random_case(np.random.default_rng(s), 2, 5, s) for s in range(6)]
    found = linear(*batch(items))
    for b, case in enumerate(items):
        job, price = case.job, float(found.multiplier[b])
        paths = itertools.product(range(4), repeat=case.deadline)
        reduced = min(job.cost(np.array(p)) - price * job.work(np.array(p)) for p in paths)
        assert price + reduced == pytest.approx(float(found.value[b]), rel=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(x64):
    found = linear(*batch(cases(5), dtype=np.float32))
    assert found.value.dtype == jnp.float32
    assert not np.any(found.info.status == 1)
    np.testing.assert_allclose(found.value, solved(5), rtol=3e-5)
    value, _, _ = whole(cases(5), dtype=np.float32)
    assert value.dtype == jnp.float32


@X64
def test_gradient_in_the_prices_is_the_optimal_schedule(x64):
    costs, *rest, deadline = batch(cases(5))

    def value(costs):
        return jnp.sum(offline_optimum(costs, *rest, deadline=deadline).value)

    gradient = jax.jit(jax.grad(value))(costs)
    found = linear(costs, *rest, deadline)
    low, high = (
        np.arange(5)[:, None] == np.asarray(path)[:, None]
        for path in (found.low_path, found.high_path)
    )
    weight = np.asarray(found.weight)
    np.testing.assert_allclose(gradient, (1 - weight) * low + weight * high, atol=1e-9)


# --- schedules in whole slots --------------------------------------------------------------------


def whole(items, form: str = "factored", dtype=float):
    *arguments, deadline = batch(items, form, dtype)
    length = stack(items, lambda c: c.length, np.int32)
    return WHOLE(*arguments, slots=MOST, length=length, deadline=deadline)


def check_path(case: Case, path: np.ndarray, value: float) -> None:
    """ON in exactly ``length`` slots, all in time, and as expensive as the value says."""
    n = case.switch.size
    assert np.sum(path < n) == case.length
    assert np.all(path[case.deadline :] >= n)
    assert case.job.cost(path[: case.deadline]) == pytest.approx(value, rel=1e-12)


@X64
@pytest.mark.parametrize("form", ["factored", "full"])
def test_whole_slots_agree_with_all_paths(form, x64):
    items = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        case = random_case(rng, 2, 5, seed)
        items.append(case._replace(length=int(rng.integers(1, case.deadline + 1))))
    value, path, info = whole(items, form)
    assert not np.any(info.status)
    for b, case in enumerate(items):
        every = np.array(list(itertools.product(range(4), repeat=case.deadline)))
        fitting = every[np.sum(every < 2, axis=1) == case.length]
        best = min(case.job.cost(p) for p in fitting)
        assert float(value[b]) == pytest.approx(best, rel=1e-12)
        check_path(case, np.asarray(path)[:, b], best)


@X64
@pytest.mark.parametrize("n", [pytest.param(5, marks=pytest.mark.slow), 14])
def test_whole_slots_agree_with_a_search(n, x64):
    items = cases(n)
    value, path, info = whole(items)
    full, full_path, _ = whole(items, "full")
    np.testing.assert_allclose(full, value, rtol=1e-13)
    assert not np.any(info.status)
    checked = range(0, len(items), 4 if n == 14 else 1)
    for b in checked:
        best = whole_slots_optimum(items[b].job, items[b].length)
        assert float(value[b]) == pytest.approx(best, rel=1e-12)
    for b, case in enumerate(items):
        check_path(case, np.asarray(path)[:, b], float(value[b]))
        check_path(case, np.asarray(full_path)[:, b], float(value[b]))


@X64
def test_whole_slots_cost_at_least_the_linear_optimum(x64):
    uniform = [c for c in cases(5) if np.ptp(c.throughput) == 0]
    items = [*uniform, *uniform][:40]
    value, _, _ = whole(items)
    ratio = np.asarray(value) / np.asarray(linear(*batch(items)).value)
    assert np.all(ratio >= 1 - 1e-12)
    assert np.max(ratio) > 1.1


@X64
def test_whole_slots_infeasible(x64):
    items = list(cases(5))
    items[2] = items[2]._replace(deadline=3, length=4)
    items[3] = items[3]._replace(deadline=4, length=4)
    value, path, info = whole(items)
    expected = np.zeros(len(items))
    expected[2] = 1
    np.testing.assert_array_equal(info.status, expected)
    assert np.isinf(value[2])
    assert np.all((np.asarray(path) >= 0) & (np.asarray(path) < 10))
    check_path(items[3], np.asarray(path)[:, 3], float(value[3]))
    check_path(items[4], np.asarray(path)[:, 4], float(value[4]))


@X64
def test_whole_slots_single_run_and_vmap(x64):
    items = cases(5)
    *arguments, deadline = batch(items)
    length = stack(items, lambda c: c.length, np.int32)

    def one(arguments, length, deadline):
        return WHOLE(*arguments, slots=MOST, length=length, deadline=deadline)

    native = one(arguments, length, deadline)
    mapped = jax.vmap(one, in_axes=-1, out_axes=-1)(arguments, length, deadline)
    np.testing.assert_allclose(native[0], mapped[0], rtol=1e-13)
    single = one(jax.tree.map(lambda x: x[..., 2], arguments), length[2], deadline[2])
    np.testing.assert_allclose(native[0][2], single[0], rtol=1e-13)
    # Without length and deadline: all slots of work, all of the time.
    costs, metric, rates, switch, start = (jax.tree.map(lambda x: x[..., 2], a) for a in arguments)
    plain, path, _ = WHOLE(costs, metric, rates, switch, start, slots=4)
    check_path(items[2]._replace(length=4, deadline=48), np.asarray(path), float(plain))


@X64
@pytest.mark.parametrize("form", ["factored", "full"])
def test_ledger_of_a_path(form, x64):
    """Service, moves and switches apart; together the cost of the path."""
    items = cases(5)
    rng = np.random.default_rng(6)
    paths = rng.integers(10, size=(48, len(items)))
    paths[rng.uniform(size=paths.shape) < 0.5] = 2  # stay in place now and then
    costs, metric, _, switch, start, deadline = batch(items, form)
    ledger = jax.jit(path_ledger)(costs, metric, paths, start, deadline, switch=switch)
    service, move, switched = (np.asarray(x) for x in ledger)
    for b, case in enumerate(items):
        path = paths[: case.deadline, b]
        on = path[path < 5]
        expected = case.costs[np.flatnonzero(path < 5), on].sum()
        assert service[b] == pytest.approx(expected, rel=1e-12)
        places = np.concatenate([[case.start], path % 5])
        moves = case.distance[places[:-1], places[1:]].sum()
        if form == "factored":
            assert move[b] == pytest.approx(moves, rel=1e-12)
        total = service[b] + move[b] + switched[b]
        assert total == pytest.approx(case.job.cost(path), rel=1e-12)


def test_factored_and_full_metric_mean_the_same():
    case = cases(2)[1]
    factored = StateMetric(jnp.asarray(case.distance), jnp.asarray(case.switch))
    np.testing.assert_array_equal(factored.matrix(), state_metric(*factored))
