"""A study survives JSON; what its manifest says is whole, and its settings are as they were."""

import dataclasses
import json

import pytest

from jaxsoco.core.cells import Cells, Origin, digest_of
from jaxsoco.core.errors import InputError
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.engine.manifest import complete


def make_study(**changes) -> Study:
    learners = (
        LearnerInfo("step(gait=walk)", "step", "step", {"gait": "walk", "strides": (1.0, 2.0)}),
        LearnerInfo("mine", "step", "mine", {"gait": "run", "strides": None}),
    )
    points = tuple({"speed": speed, "names": ("a", "b")} for speed in (1.0, 2.5))
    study = Study(
        name="walks",
        setup=Setup(
            family="toy",
            problem="line",
            points=points,
            learners=learners,
            comparators=("still", "ideal"),
            seeds=3,
            data=({"map": "ab12", "places": ("x", "y")},),
            data_of_points=(0, 0),
            root_seed=7,
            precision="float32",
            tile=16,
            checkpoints=2,
            versions={"jaxsoco": "0", "jax": "0"},
        ),
        plan=Plan(
            (Group(0, (0, 1), 3, 10, (5, 10)),),
            ("step(gait=walk)", "mine", "still"),
            ("hit", "move"),
            tile=16,
            pack=16,
        ),
        costs=(CostEntry("hit", "g", "of a round"), CostEntry("late", "h", "", objective=False)),
        measure="regret",
        axes={"speed": (1.0, 2.5)},
        presentation=Presentation(
            title="Walks",
            smoke=True,
            checks=({"kind": "slope", "algorithm": "mine", "between": [0.4, 0.6]},),
            plots=({"kind": "curve", "cost": "hit", "statistic": "median"},),
            notes=("a note",),
            spec='figure = "Walks"',
        ),
        units={"speed": "m/s"},
        seed_axes=("speed",),
        components={"ideal": "hit"},
        heavy=frozenset({1}),
        level=0.9,
        origin=Origin("a", "b", {"mine": "c"}, {"platform": "cpu", "flags": ["--x="]}),
    )
    return dataclasses.replace(study, **changes)


def test_a_study_survives_json():
    study = make_study()
    assert Study.from_json(json.loads(json.dumps(study.to_json()))) == study
    manifest = complete(study.to_json())
    read = Study.from_json(manifest)
    assert read == dataclasses.replace(
        study, created=manifest["created"], identity=manifest["identity"]
    )
    # Written again it is the same text, in the same order.
    assert json.dumps(read.to_json()) == json.dumps(study.to_json())


def test_what_is_derived():
    study = make_study()
    assert study.algorithms == ("step(gait=walk)", "mine")
    assert study.labels == (*study.algorithms, "still")
    assert study.optima == ("still",)
    assert study.points[1] == {"horizon": 10, "speed": 2.5, "names": ("a", "b")}
    assert study.settings["mine"] == ("mine", {"gait": "run", "strides": None})
    assert (study.runs, study.checkpoints, study.rounding) == (6, 2, 1e-5)
    assert study.watched == (("hit", None),)
    assert study.quantiles
    assert study.select({"names": [["a", "b"]], "speed": 1}) == (0,)


def test_points_along_an_axis():
    study = make_study()
    for axis, values in study.axes.items():
        for points in (range(len(study.points)), (0,), ()):
            along = study.along(axis, points)
            assert [*along] == [*values]
            for value, here in along.items():
                assert here == [p for p in points if study.points[p][axis] == value]


def test_the_settings_are_those_of_format_1():
    """Their digest is the identity of older directories, which can still be read."""
    settings = make_study().setup.to_json()
    assert [*settings] == [
        *("family", "problem", "points", "data", "data_of_points", "learners", "comparators"),
        *("seeds", "root_seed", "precision", "tile", "checkpoints", "versions"),
    ]
    assert settings["learners"][1] == {
        "label": "mine",
        "name": "step",
        "values": {"gait": "run", "strides": None},
    }
    assert digest_of(settings) == digest_of(json.loads(json.dumps(settings)))
    assert digest_of(settings)[:12] == "9c6919e357cb"


def test_plugins_are_part_of_the_settings_where_there_are_any():
    setup = make_study().setup
    other = dataclasses.replace(setup, plugins={"mine": "1.0"})
    assert "plugins" not in setup.to_json()
    assert other.to_json()["plugins"] == {"mine": "1.0"}
    assert digest_of(other.to_json()) != digest_of(setup.to_json())


@pytest.mark.parametrize("absent", ["settings", "plan", "presentation", "name"])
def test_what_is_no_manifest_is_bad_input(absent):
    manifest = make_study().to_json()
    del manifest[absent]
    manifest.pop("figure")
    with pytest.raises(InputError, match=absent):
        Study.from_json(manifest)


def test_a_manifest_of_an_earlier_version_is_read():
    manifest = make_study().to_json()
    for key in (
        "units",
        "seed_axes",
        "learners",
        "components",
        "heavy_tailed",
        "confidence",
        "smoke",
        "notes",
    ):
        del manifest["presentation"][key]
    for key in ("root_seed", "tile", "checkpoints", "data", "data_of_points", "precision"):
        del manifest["settings"][key]
    del manifest["origin"]
    study = Study.from_json(manifest)
    assert (study.level, study.heavy, study.rounding) == (0.95, frozenset(), 1e-9)
    assert study.settings["mine"][0] == "mine"


def test_cells_are_the_same_after_json():
    study = make_study()
    cells, again = Cells(study), Cells(Study.from_json(complete(study.to_json())))
    for point in range(2):
        for learner in range(3):
            assert cells.key(point, learner) == again.key(point, learner)


def test_an_identity_needs_no_time_and_no_presentation():
    one = complete(make_study().to_json(), created="yesterday")
    other = make_study(name="runs", presentation=Presentation("Runs"), level=0.5)
    assert complete(other.to_json(), created="today")["identity"] == one["identity"]
    assert Study.from_json(one).created == "yesterday"


@pytest.mark.parametrize(
    "points", [[0], [0, 1, 1], [0, 0], [0, 1, 2], [0, 2], [-1, 0], ["0", 1], [[0], 1]]
)
def test_every_point_is_in_one_group(points):
    """A point that came twice would count twice in an average."""
    manifest = make_study().to_json()
    manifest["plan"]["groups"][0]["points"] = points
    with pytest.raises(InputError, match=r"each of the 2 points in one group|not the manifest"):
        Study.from_json(manifest)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data_of_points", [0], "want one of 1 for each point"),
        ("data_of_points", [0, 1], "want one of 1 for each point"),
        ("data_of_points", [0, -1], "want one of 1 for each point"),
        ("precision", "float16", "want one of float32, float64, got 'float16'"),
    ],
)
def test_settings_that_cannot_be_are_bad_input(key, value, message):
    manifest = make_study().to_json()
    manifest["settings"][key] = value
    with pytest.raises(InputError, match=message):
        Study.from_json(manifest)


def test_what_fixes_numbers_is_read_from_the_settings():
    """The presentation says how learners are grouped, and no more."""
    manifest = json.loads(json.dumps(make_study().to_json()))
    values = manifest["presentation"]["learners"]["mine"]["values"]
    values["gait"] = "crawl"
    assert Study.from_json(manifest).settings["mine"] == ("mine", {"gait": "run", "strides": None})
