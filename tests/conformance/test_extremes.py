"""Degenerate worlds: no NaN anywhere, the job is done, and the optima are still optima."""

from dataclasses import replace
from pathlib import Path

import jax
import pytest
from conformance_cases import CASES

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.testing.cases import base_values, instance, judges, learners
from jaxsoco.testing.properties import extremes

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


def test_extremes_and_bounds(world):
    case, settings = world
    compared = extremes.check_world(case, settings, learners(case), judges(case))
    assert compared.keys() == case.bounds.keys()
    assert all(compared.values()), compared


REFUSED = [(case, name) for case in CASES for name in case.refused]


@pytest.mark.parametrize(
    "refused", REFUSED, ids=[f"{case.family}, {name}" for case, name in REFUSED]
)
def test_what_has_no_solution_is_refused(refused, tmp_path):
    case, name = refused
    entry = registry.problem(case.problem)
    make, message = case.refused[name]
    values = base_values(case) | dict(make(tmp_path))
    with pytest.raises(InputError, match=message):
        entry.prepared(values, Path(tmp_path))
