"""A study survives JSON, and the JSON is that of format 1, whose settings are the identity."""

import dataclasses
import json

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.engine.manifest import complete, identity_of


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
            chunk=16,
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
    assert (study.runs, study.chunks, study.checkpoints, study.rounding) == (6, 1, 2, 1e-5)
    assert study.watched == (("hit", None),)
    assert study.quantiles
    assert study.select({"names": [["a", "b"]], "speed": 1}) == (0,)


def test_the_identity_is_that_of_format_1():
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
    assert identity_of(settings) == identity_of(json.loads(json.dumps(settings)))
    assert identity_of(settings)[:12] == "9c6919e357cb"


def test_plugins_are_part_of_the_identity_where_there_are_any():
    setup = make_study().setup
    other = dataclasses.replace(setup, plugins={"mine": "1.0"})
    assert "plugins" not in setup.to_json()
    assert other.to_json()["plugins"] == {"mine": "1.0"}
    assert identity_of(other.to_json()) != identity_of(setup.to_json())


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
    study = Study.from_json(manifest)
    assert (study.level, study.heavy, study.rounding) == (0.95, frozenset(), 1e-9)
    assert study.settings["mine"][0] == "mine"
