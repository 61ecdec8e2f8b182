"""Keys of cells: they change with every single thing that fixes numbers, and with nothing else."""

import dataclasses
import itertools
import json
import string
from dataclasses import replace

import pytest

from jaxsoco.core.cells import Cells, Origin, digest_of
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study

POINTS = (
    {"speed": 1.0, "names": ("a", "b")},
    {"speed": 2.5, "names": ("a", "b")},
    {"speed": 4, "names": ("b", "a")},
)
SETUP = Setup(
    family="toy",
    problem="line",
    points=POINTS,
    learners=(
        LearnerInfo("step(gait=walk)", "step", "step", {"gait": "walk", "strides": (1.0, 2.0)}),
        LearnerInfo("mine", "step", "mine", {"gait": "run", "strides": None}),
    ),
    comparators=("still", "ideal"),
    seeds=3,
    data=({"map": "ab12"}, {"map": "cd34"}),
    data_of_points=(0, 0, 1),
    root_seed=7,
    precision="float32",
    tile=16,
    checkpoints=2,
    versions={"jaxsoco": "0", "jax": "0"},
)
PLAN = Plan(
    (Group(0, (0, 1), 3, 10, (5, 10)), Group(1, (2,), 3, 10, (5, 10))),
    ("step(gait=walk)", "mine", "still", "ideal"),
    ("hit", "move"),
    tile=16,
    pack=16,
)
ORIGIN = Origin(
    "common",
    "family",
    {"step(gait=walk)": "code", "mine": "code", "still": "rest", "ideal": "gold"},
    {"jax": "0.10", "jaxlib": "0.10", "flags": ["--a="], "platform": "cpu"},
)
STUDY = Study(
    name="walks",
    setup=SETUP,
    plan=PLAN,
    costs=(CostEntry("hit", "g", ""), CostEntry("move", "m", "")),
    measure="regret",
    axes={"speed": (1.0, 2.5, 4)},
    presentation=Presentation(title="Walks"),
    origin=ORIGIN,
)
ALL = [*itertools.product(range(3), range(4))]


def keys(study):
    """``(point, learner) -> key``, by what they are rather than by their numbers."""
    cells = Cells(study)
    return {
        (json.dumps(study.setup.points[point]), label): cells.key(point, number)
        for point in range(len(study.points))
        for number, label in enumerate(study.labels)
    }


def with_setup(**changes):
    return replace(STUDY, setup=replace(SETUP, **changes))


def with_origin(**changes):
    return replace(STUDY, origin=replace(ORIGIN, **changes))


def with_point(number, **changes):
    points = [*POINTS]
    points[number] = points[number] | changes
    return with_setup(points=tuple(points))


def with_learner(number, **changes):
    learners = [*SETUP.learners]
    learners[number] = replace(learners[number], **changes)
    return with_setup(learners=tuple(learners))


def with_group(number, **changes):
    groups = [*PLAN.groups]
    groups[number] = replace(groups[number], **changes)
    return replace(STUDY, plan=replace(PLAN, groups=tuple(groups)))


def column(learner):
    return {(point, learner) for point in range(3)}


def row(*points):
    return {(point, learner) for point in points for learner in range(4)}


EVERY = {*ALL}
CHANGES = {
    "family": (with_setup(family="other"), EVERY),
    "problem": (with_setup(problem="plane"), EVERY),
    "root seed": (with_setup(root_seed=8), EVERY),
    "precision": (with_setup(precision="float64"), EVERY),
    "a value of a point": (with_point(1, speed=2.6), row(1)),
    "its last bit": (with_point(1, speed=2.5000000000000004), row(1)),
    "its type": (with_point(2, speed=4.0), row(2)),
    "a field more": (with_point(0, slope=0), row(0)),
    "the order of a list": (with_point(0, names=("b", "a")), row(0)),
    "its data": (with_setup(data=({"map": "ab12"}, {"map": "ef56"})), row(2)),
    "whose data it has": (with_setup(data_of_points=(0, 1, 1)), row(1)),
    "its horizon": (with_group(1, horizon=11), row(2)),
    "a checkpoint": (with_group(0, checkpoints=(4, 10)), row(0, 1)),
    "a checkpoint more": (with_group(0, checkpoints=(4, 5, 10)), row(0, 1)),
    "the algorithm": (with_learner(1, name="jump"), column(1)),
    "a value of a learner": (with_learner(1, values={"gait": "hop", "strides": None}), column(1)),
    "a field that it lacks": (with_learner(1, values={"gait": "run"}), column(1)),
    "the name of a cost": (
        replace(STUDY, costs=(CostEntry("hit", "g", ""), CostEntry("go", "m", ""))),
        EVERY,
    ),
    "what is in the total": (
        replace(STUDY, costs=(STUDY.costs[0], replace(STUDY.costs[1], objective=False))),
        EVERY,
    ),
    "the common code": (with_origin(common="other"), EVERY),
    "the code of the problem": (with_origin(problem="other"), EVERY),
    "the code of a learner": (with_origin(learners={**ORIGIN.learners, "mine": "new"}), column(1)),
    "of a comparator": (with_origin(learners={**ORIGIN.learners, "ideal": "new"}), column(3)),
    "a version": (with_origin(compiler={**ORIGIN.compiler, "jaxlib": "0.11"}), EVERY),
    "a flag": (with_origin(compiler={**ORIGIN.compiler, "flags": []}), EVERY),
    "the platform": (with_origin(compiler={**ORIGIN.compiler, "platform": "gpu"}), EVERY),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_changes_with_what_fixes_its_numbers_and_no_other_does(change):
    study, places = CHANGES[change]
    before, after = Cells(STUDY), Cells(study)
    assert {place for place in ALL if before.key(*place) != after.key(*place)} == places


def test_all_that_a_study_is_made_of_was_thought_of():
    """Whoever adds a field says here whether it fixes numbers."""
    names = {
        Setup: "family problem points learners comparators seeds data data_of_points root_seed "
        "precision tile checkpoints versions plugins",
        Plan: "groups learners costs tile pack trace",
        Group: "index points seeds horizon checkpoints block",
        Origin: "common problem learners compiler",
        LearnerInfo: "label name base values",
    }
    for kind, fields in names.items():
        assert {field.name for field in dataclasses.fields(kind)} == {*fields.split()}, kind


UNCHANGED = {
    "name": replace(STUDY, name="other"),
    "presentation": replace(STUDY, presentation=Presentation("Other", smoke=True, spec="x")),
    "units of costs": replace(STUDY, costs=tuple(replace(c, unit="kg") for c in STUDY.costs)),
    "units": replace(STUDY, units={"speed": "m/s"}),
    "level": replace(STUDY, level=0.5),
    "heavy": replace(STUDY, heavy=frozenset({1})),
    "measure": replace(STUDY, measure="ratio"),
    "created": replace(STUDY, created="today", identity="x"),
    "tile": replace(STUDY, plan=replace(PLAN, tile=64), setup=replace(SETUP, tile=64)),
    "pack": replace(STUDY, plan=replace(PLAN, pack=1024)),
    "seeds": replace(
        STUDY,
        setup=replace(SETUP, seeds=99),
        plan=replace(PLAN, groups=tuple(replace(g, seeds=99) for g in PLAN.groups)),
    ),
    "most checkpoints": with_setup(checkpoints=9),
    "versions that are told": with_setup(versions={"jaxsoco": "1", "jax": "1"}),
    "the base of a learner": with_learner(1, base="other"),
    "the order of a learner's fields": with_learner(1, values={"strides": None, "gait": "run"}),
    "the order of a point's fields": with_setup(
        points=tuple(dict(reversed(point.items())) for point in POINTS)
    ),
    "a list for a tuple": with_point(0, names=["a", "b"]),
    "the order of the data": with_setup(data=tuple(reversed(SETUP.data)), data_of_points=(1, 1, 0)),
    "JSON": Study.from_json(json.loads(json.dumps(STUDY.to_json()))),
}


@pytest.mark.parametrize("change", UNCHANGED)
def test_a_key_does_not_change_with_anything_else(change):
    before, after = Cells(STUDY), Cells(UNCHANGED[change])
    assert [before.key(*place) for place in ALL] == [after.key(*place) for place in ALL]


def test_the_order_of_points_and_learners_does_not_matter():
    reverse = Plan(
        (Group(0, (0,), 3, 10, (5, 10)), Group(1, (1, 2), 3, 10, (5, 10))),
        tuple(reversed(PLAN.learners)),
        PLAN.costs,
        tile=16,
        pack=16,
    )
    setup = replace(
        SETUP,
        points=tuple(reversed(POINTS)),
        data_of_points=(1, 0, 0),
        learners=tuple(reversed(SETUP.learners)),
        comparators=("ideal", "still"),
    )
    assert keys(replace(STUDY, setup=setup, plan=reverse)) == keys(STUDY)


def test_points_and_learners_beside_it_do_not_matter():
    setup = replace(SETUP, points=POINTS[:1], data_of_points=(0,), learners=SETUP.learners[1:])
    plan = replace(PLAN, groups=(Group(0, (0,), 3, 10, (5, 10)),), learners=("mine", "ideal"))
    few = keys(replace(STUDY, setup=setup, plan=plan))
    assert few.items() <= keys(STUDY).items() and len(few) == 2


def test_a_label_is_a_name_for_people():
    """The same learner under another label is the same cell; a comparator is its name."""
    learners = (SETUP.learners[0], replace(SETUP.learners[1], label="ours"))
    plan = replace(PLAN, learners=("step(gait=walk)", "ours", "still", "ideal"))
    origin = replace(ORIGIN, learners={**ORIGIN.learners, "ours": "code"})
    setup = replace(SETUP, learners=learners)
    other = Cells(replace(STUDY, setup=setup, plan=plan, origin=origin))
    assert [other.key(*place) for place in ALL] == [Cells(STUDY).key(*place) for place in ALL]


def test_all_cells_differ():
    assert len({*keys(STUDY).values()}) == len(ALL)
    assert all(len(key) == 64 and {*key} <= {*string.hexdigits} for key in keys(STUDY).values())


def test_another_origin_may_be_asked_for():
    other = replace(ORIGIN, common="other")
    assert Cells(STUDY, other).key(0, 0) == Cells(replace(STUDY, origin=other)).key(0, 0)


def test_keys_stay_what_they_are():
    """Results that are stored are found by them: if this fails, ``cells._FORMAT`` must count up."""
    assert Cells(STUDY).key(0, 0)[:16] == "33174f8f55f074ba"


def test_digests_are_of_content_alone():
    assert digest_of({"a": 1, "b": [1.5, "x"]}) == digest_of({"b": (1.5, "x"), "a": 1})
    assert len({digest_of({"a": one}) for one in (1, 1.0, 2, True, "1", None)}) == 6


def test_an_origin_survives_json():
    assert Origin.from_json(json.loads(json.dumps(ORIGIN.to_json()))) == ORIGIN
    assert (ORIGIN.platform, Origin().platform) == ("cpu", "")
