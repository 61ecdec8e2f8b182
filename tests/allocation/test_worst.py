"""The costliest schedule against HiGHS's integer programs, all paths, and fractional schedules."""

from __future__ import annotations

import functools
import itertools

import jax
import numpy as np
import pytest
from soad_lanes import metrics, stack
from soad_solvers import largest_flow
from test_offline_oracle import Case, random_case

from jaxsoco.allocation import StateMetric, integral_optimum, offline_worst
from jaxsoco_kernels.info import Status

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
WORST = jax.jit(offline_worst, static_argnames="slots")
MOST = 4
SHAPES = {2: (12, 16), 4: (9, 16), 7: (6, 8)}  # n: longest deadline, jobs


@functools.cache
def cases(n: int) -> tuple[Case, ...]:
    """Jobs of one rate and of up to ``MOST`` slots."""
    horizon, count = SHAPES[n]
    rng = np.random.default_rng(100 + n)
    items = []
    while len(items) < count:
        case = random_case(rng, n, horizon, 2 * len(items))  # even: one rate
        if case.length <= MOST:
            items.append(case)
    return tuple(items)


def worst(items, form: str = "factored", dtype=float):
    return WORST(
        stack(items, lambda c: c.costs, dtype),
        metrics(items, lambda c: c.distance, form, dtype),
        stack(items, lambda c: c.throughput, dtype),
        stack(items, lambda c: c.switch, dtype),
        stack(items, lambda c: c.start, np.int32),
        slots=MOST,
        length=stack(items, lambda c: c.length, np.int32),
        deadline=stack(items, lambda c: c.deadline, np.int32),
    )


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("form", ["factored", "full"])
@pytest.mark.parametrize("n", list(SHAPES))
def test_worst_schedule_agrees_with_highs(n, form, x64):
    items = cases(n)
    value, path, info = worst(items, form)
    assert not np.any(info.status)
    for b, case in enumerate(items):
        states = np.asarray(path)[: case.deadline, b]
        assert np.sum(states < n) == case.length
        assert np.all(np.asarray(path)[case.deadline :, b] >= n)
        assert case.job.cost(states) == pytest.approx(float(value[b]), rel=1e-12)
        exact = largest_flow(case.job, integral=True)
        assert float(value[b]) == pytest.approx(exact, rel=1e-8)


def test_instances_are_enough():
    assert sum(count for _, count in SHAPES.values()) >= 30
    items = [case for n in SHAPES for case in cases(n)]
    assert {case.length for case in items} == {1, 2, 3, 4}
    assert any(case.switch.max() > 0 for case in items)


@X64
def test_worst_schedule_of_all_paths(x64):
    items = [case for case in cases(2) if case.deadline <= 7]
    assert len(items) >= 3
    value, _, _ = worst(items)
    for b, case in enumerate(items):
        costs = [
            case.job.cost(np.array(path))
            for path in itertools.product(range(4), repeat=case.deadline)
            if sum(s < 2 for s in path) == case.length
        ]
        assert float(value[b]) == pytest.approx(max(costs), rel=1e-12)


@X64
def test_no_fractional_schedule_costs_more(x64):
    """Costs are convex: mixes of schedules that do the work, at exact transport, stay below."""
    rng = np.random.default_rng(3)
    nearly = 0
    for n in (2, 4):
        value, path, _ = worst(cases(n))
        for b, case in enumerate(cases(n)):
            eye = np.eye(2 * n)
            top = eye[np.asarray(path)[: case.deadline, b]]
            for share in (0.0, 0.3, 0.95):
                other = fractional(rng, n, case.deadline, case.length)
                decisions = share * top + (1 - share) * other
                np.testing.assert_allclose(decisions[:, :n].sum(), case.length)
                cost = case.job.spend(decisions)
                assert cost <= float(value[b]) * (1 + 1e-9)
                nearly += cost > 0.9 * float(value[b])
    assert nearly > 10


def fractional(rng, n: int, deadline: int, length: int) -> np.ndarray:
    """A schedule ``[T, 2n]`` with fractions of ON in every slot, of ``length`` in all."""
    on = rng.dirichlet(np.ones(deadline)) * length
    for _ in range(50):  # no slot more than fully ON
        excess = np.sum(np.maximum(on - 1, 0))
        on = np.minimum(on, 1)
        on += excess * (1 - on) / max(np.sum(1 - on), 1e-12)
    places = rng.dirichlet(np.full(n, 0.3), (2, deadline))
    return np.concatenate([on[:, None] * places[0], (1 - on)[:, None] * places[1]], axis=1)


@X64
@pytest.mark.oracle
def test_the_linear_program_overstates_it(x64):
    """Maximised, it prices a mix of paths at their mean: more than following the mix costs."""
    above = 0
    for n in (2, 4):
        value, _, _ = worst(cases(n))
        for b, case in enumerate(cases(n)):
            bound = largest_flow(case.job, integral=False)
            assert bound >= float(value[b]) * (1 - 1e-9)
            above += bound > float(value[b]) * (1 + 1e-6)
    assert above > 0


@X64
def test_it_never_costs_less_than_the_best(x64):
    items = cases(7)
    arguments = (
        stack(items, lambda c: c.costs),
        metrics(items, lambda c: c.distance, "factored"),
        stack(items, lambda c: c.throughput),
        stack(items, lambda c: c.switch),
        stack(items, lambda c: c.start, np.int32),
    )
    size = {
        "slots": MOST,
        "length": stack(items, lambda c: c.length, np.int32),
        "deadline": stack(items, lambda c: c.deadline, np.int32),
    }
    best = jax.jit(integral_optimum, static_argnames="slots")(*arguments, **size)[0]
    assert np.all(np.asarray(worst(items)[0]) >= np.asarray(best) * (1 - 1e-12))


@X64
def test_too_short_a_deadline(x64):
    metric = StateMetric(1 - np.eye(2), np.ones(2))
    value, _, info = WORST(np.ones((3, 2)), metric, np.ones(1), np.ones(2), 0, slots=4)
    assert np.isneginf(value)
    assert int(info.status) == Status.INFEASIBLE


@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(x64):
    items = cases(4)
    value = worst(items, dtype=np.float32)[0]
    assert value.dtype == np.float32
    for b, case in enumerate(items):
        exact = largest_flow(case.job, integral=True)
        assert float(value[b]) == pytest.approx(exact, rel=1e-5)
