"""Degenerate worlds: no NaN anywhere, the job is done, and the optima are still optima."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from conformance_cases import CASES, instance, judges, learners
from conformance_rollouts import judged, objective, roll, rolled

from jaxsoco import registry
from jaxsoco.core.errors import InputError

ROUNDING = 1e-9
"""Of the optimum: sums of some tens of numbers in float64, and the tolerance of full work."""

WORLDS = [(case, name) for case in CASES for name in ("ordinary", "smallest", *case.extremes)]


@pytest.fixture(
    params=[
        pytest.param(
            (case, name),
            id=f"{case.family}, {name}",
            marks=[] if place < 2 else pytest.mark.slow,
        )
        for case in CASES
        for place, (_, name) in enumerate(world for world in WORLDS if world[0] is case)
    ]
)
def world(request):
    """A case and its settings in one of its worlds (None: its own)."""
    case, name = request.param
    if name == "ordinary":
        return case, None
    if name == "smallest":
        return replace(case, values={**case.values, **case.smallest}), None
    settings = instance(case, True).settings
    with jax.enable_x64(True):
        changed = case.extremes[name](settings)
    for before, after in zip(jax.tree.leaves(settings), jax.tree.leaves(changed), strict=True):
        assert (before.shape, before.dtype) == (after.shape, after.dtype)
    return case, changed


def records(case, settings):
    for learner in learners(case):
        if settings is None:
            yield learner, rolled(learner, "vmap")
        else:
            yield learner, roll(learner, "vmap", settings=settings)


def test_extremes_and_bounds(world):
    case, settings = world
    costs = registry.family(case.family).costs
    other = [c.name for c in costs if not c.objective and c.name not in case.ledger]
    optima = {}
    for judge in judges(case):
        costs, faults = judged(judge, "native", settings=settings)
        assert all(np.isfinite(cost).all() for cost in costs.values()), judge.id
        assert not faults.any(), judge.id
        optima[judge.entry.name] = objective(case, costs)
    for low, high in case.order:
        assert np.all(optima[low] <= optima[high] * (1 + ROUNDING)), (low, high)
    bounded = dict.fromkeys(case.bounds, 0)
    for learner, record in records(case, settings):
        for leaf in jax.tree.leaves((record.observations, record.actions, record.costs)):
            assert np.isfinite(leaf).all(), learner.id
        for leaf in jax.tree.leaves(record.states):
            assert not np.isnan(leaf).any(), learner.id
        faults = getattr(record.states[-1], "faults", np.zeros(1))
        assert not faults.any(), learner.id
        assert all(np.all(cost >= 0) for cost in jax.tree.leaves(record.costs)), learner.id
        totals = {name: cost[-1] for name, cost in record.totals().items()}
        if learner.entry.name in case.unsafe:
            continue
        for name in other:  # what is missing or violated
            assert np.all(totals[name] <= ROUNDING), (learner.id, name)
        for name, applies in case.bounds.items():
            if applies(record.stacked("actions")):
                bounded[name] += 1
                least = optima[name] * (1 - ROUNDING)
                assert np.all(objective(case, totals) >= least), (learner.id, name)
    assert all(bounded.values()), bounded


REFUSED = [(case, name) for case in CASES for name in case.refused]


@pytest.mark.parametrize(
    "refused", REFUSED, ids=[f"{case.family}, {name}" for case, name in REFUSED]
)
def test_what_has_no_solution_is_refused(refused, tmp_path):
    case, name = refused
    entry = registry.problem(case.problem)
    make, message = case.refused[name]
    values = {f.name: f.default for f in entry.fields} | dict(case.values) | dict(make(tmp_path))
    with pytest.raises(InputError, match=message):
        entry.prepared(values, Path(tmp_path))
