"""What a sweep computes: groups of points, whole tiles, and a plan that survives JSON."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco.core.errors import InputError
from jaxsoco.core.plan import Group, Plan


def make_plan(*, points=(3, 1), seeds=7, tile=4, pack=8) -> Plan:
    bounds = [sum(points[:i]) for i in range(len(points) + 1)]
    groups = tuple(
        Group(
            index=i,
            points=tuple(range(bounds[i], bounds[i + 1])),
            seeds=seeds,
            horizon=10 + i,
            checkpoints=(5, 10 + i),
        )
        for i in range(len(points))
    )
    return Plan(groups, learners=("pcm", "opt"), costs=("hit", "move"), tile=tile, pack=pack)


@given(
    points=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seeds=st.integers(1, 20),
    tile=st.integers(1, 8),
    pack=st.integers(1, 40),
)
def test_a_pack_is_of_whole_tiles(points, seeds, tile, pack):
    plan = make_plan(points=tuple(points), seeds=seeds, tile=tile, pack=pack)
    assert plan.pack % tile == 0 and pack <= plan.pack < pack + tile
    assert plan.runs == sum(points) * seeds == sum(group.runs for group in plan.groups)


def test_json_round_trip():
    plan = make_plan()
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("group", {"points": ()}),
        ("group", {"seeds": 0}),
        ("group", {"checkpoints": ()}),
        ("group", {"checkpoints": (5, 5)}),
        ("group", {"checkpoints": (0, 5)}),
        ("group", {"checkpoints": (5, 11)}),
        ("group", {"index": 1}),
        ("plan", {"groups": ()}),
        ("plan", {"learners": ()}),
        ("plan", {"learners": ("pcm", "pcm")}),
        ("plan", {"costs": ()}),
        ("plan", {"costs": ("hit", "hit")}),
        ("plan", {"tile": 0}),
        ("plan", {"pack": 0}),
    ],
)
def test_impossible_plans_are_refused(kind, change):
    plan = make_plan(points=(2,))
    with pytest.raises(ValueError):
        if kind == "group":
            change = {"groups": (dataclasses.replace(plan.groups[0], **change),)}
        dataclasses.replace(plan, **change)


@pytest.mark.parametrize("damage", [{"groups": 3}, {"tile": 0}, {"learners": None}, {"pack": "x"}])
def test_damaged_json_is_bad_input(damage):
    with pytest.raises(InputError, match="not the plan of a run"):
        Plan.from_json(make_plan().to_json() | damage)


def test_incomplete_json_is_bad_input():
    data = make_plan().to_json()
    del data["costs"]
    with pytest.raises(InputError, match="costs"):
        Plan.from_json(data)
