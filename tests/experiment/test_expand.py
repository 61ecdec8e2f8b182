"""Points, learners, groups and the identity of a sweep."""

import json
from pathlib import Path

import pytest

from jaxsoco.core.cells import Cells, Origin
from jaxsoco.core.errors import InputError
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.study import Study
from jaxsoco.engine import manifest
from jaxsoco.engine.requests import slices
from jaxsoco.experiment import expand, load_experiment
from jaxsoco.experiment.manifest import setup, study
from jaxsoco.experiment.origin import compiler_facts, origin


def spread(path: Path, *assignments: str):
    return expand(load_experiment(path, assignments=assignments))


def study_of(sweep, tile_matters: bool = False) -> Study:
    """The study of a sweep of the toy family, on a CPU or (as if) on a GPU; no JAX."""
    run, groups = sweep.experiment.run, []
    for index, points in enumerate(sweep.groups):
        horizon = sweep.points[points[0]]["horizon"]
        groups.append(Group(index, points, run.seeds, horizon, (horizon,)))
    plan = Plan(tuple(groups), sweep.labels, ("hit", "move", "late"), tile=run.tile, pack=run.pack)
    facts = compiler_facts("gpu", "H100", run.tile) if tile_matters else compiler_facts("cpu")
    return study(sweep, plan, origin(sweep, facts), "jaxsoco run walks.toml")


def keys_by_cell(sweep, tile_matters: bool = False) -> dict[tuple[str, float, int], str]:
    """``(label, speed, horizon)`` -> key."""
    one = study_of(sweep, tile_matters)
    return {
        (label, values["speed"], values["horizon"]): Cells(one).key(point, number)
        for number, label in enumerate(one.labels)
        for point, values in enumerate(one.points)
    }


def keys_of(sweep) -> set[str]:
    return {*keys_by_cell(sweep).values()}


def test_points_are_the_product_in_the_order_of_the_file(toy_spec):
    sweep = spread(toy_spec(("speed = [1, 2]", "places = [3, 2]\nspeed = [1, 2]")))
    values = [(p["places"], p["speed"], p["horizon"]) for p in sweep.points]
    assert values == [(n, v, h) for n in (3, 2) for v in (1.0, 2.0) for h in (10, 20)]
    assert sweep.runs == 8 * 3


def test_points_share_a_group_only_with_size_data_and_horizon(toy_spec, tmp_path):
    for name, content in (("a.json", "1"), ("b.json", "2"), ("c.json", "1")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    axes = 'places = [1, 2]\nmap = ["a.json", "b.json", "c.json"]\nspeed = [1, 2]'
    sweep = spread(toy_spec(("speed = [1, 2]", axes), ("[10, 20]", "10")))
    # Six combinations of size and content: "a" and "c" hold the same data.
    assert len(sweep.points) == 12
    assert sweep.groups == ((0, 1, 4, 5), (2, 3), (6, 7, 10, 11), (8, 9))
    assert len(spread(toy_spec()).groups) == 2  # horizons


def test_the_header_counts(toy_spec):
    sweep = spread(toy_spec(("stride = [0.5, 1]", 'stride = [0.5, 1]\ngait = ["walk", "run"]')))
    # Strides are numbers and share code, gaits do not; one comparator; a group for each horizon.
    assert sweep.compilations == 2 * (2 + 1)
    assert sweep.header() == ("4 points x 5 learners x 3 seeds = 60 runs, 6 compilations, 2 packs")


@pytest.mark.parametrize("pack", [1, 16, 17, 40, 4096])
def test_packs_are_those_of_the_plan(toy_spec, pack):
    sweep = spread(toy_spec(), f"run.pack={pack}", "run.seeds=25")
    groups = [Group(i, points, 25, 10, (10,)) for i, points in enumerate(sweep.groups)]
    plan = Plan(tuple(groups), sweep.labels, ("hit",), tile=16, pack=pack)
    assert sweep.packs == len([*slices(plan)])
    assert sweep.pack == plan.pack


def labels(path: Path) -> list[str]:
    return [learner.label for learner in load_experiment(path).learners]


def test_labels_tell_learners_apart(toy_spec):
    assert labels(toy_spec()) == ["step(stride=0.5)", "step(stride=1)"]
    assert labels(toy_spec(("[0.5, 1]", "1"))) == ["step"]
    assert labels(toy_spec(("[0.5, 1]", "[1]"))) == ["step"]
    assert labels(toy_spec(("stride = [0.5, 1]", 'label = "mine"\nstride = [0.5, 1]'))) == [
        "mine(stride=0.5)",
        "mine(stride=1)",
    ]
    twice = 'stride = 1\n[[algorithm]]\nname = "step"\nstride = 1\ngait = "run"'
    assert labels(toy_spec(("stride = [0.5, 1]", twice))) == ["step(gait=walk)", "step(gait=run)"]
    named = 'stride = 1\n[[algorithm]]\nname = "step"\nlabel = "fast"\nstride = 2'
    assert labels(toy_spec(("stride = [0.5, 1]", named))) == ["step", "fast"]


def test_close_numbers_keep_different_labels(toy_spec):
    values = "[0.12345678, 0.12345679]"
    assert labels(toy_spec(("[0.5, 1]", values))) == [
        "step(stride=0.12345678)",
        "step(stride=0.12345679)",
    ]


def test_what_the_problem_finds_is_told_once(toy_spec):
    with pytest.raises(InputError) as caught:
        spread(toy_spec(("speed = [1, 2]", "speed = [200, 300, 4]\nplaces = 10")))
    assert [str(issue) for issue in caught.value.issues] == [
        "problem.speed: 200 m/s is no walk",
        "problem.places: too many for a line (want 9 or fewer)",
        "problem.speed: 300 m/s is no walk",
    ]


def test_notes_and_warnings_are_told_once(toy_spec):
    sweep = spread(toy_spec(("[1, 2]", "[0.1, 0.2]")))
    assert sweep.notes == ("a note",)
    assert sweep.warnings == ("that is slow",)


def test_paths_start_at_the_file_or_where_they_are_typed(toy_spec, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "line.json").write_text("1", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "line.json").write_text("2", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    path = toy_spec(("speed =", 'map = "data/line.json"\nspeed ='))
    written, typed = spread(path), spread(path, "problem.map=line.json")
    assert (written.prepared[0].content, typed.prepared[0].content) == (1, 2)
    # The points name the file, not the place where it happens to lie; the data tell them apart.
    assert written.points[0]["map"] == typed.points[0]["map"] == "line.json"
    assert setup(written).data != setup(typed).data
    assert keys_of(written).isdisjoint(keys_of(typed))


def test_paths_of_one_name_keep_their_folders(toy_spec, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "line.json").write_text("1", encoding="utf-8")
    check = '[[check]]\nkind = "complete"\nwhere = { map = "b/line.json" }\n'
    axis = 'map = ["a/line.json", "b/line.json", "none"]\nspeed ='
    sweep = spread(toy_spec(("speed =", axis), ("[run]", f"{check}[run]")))
    assert sweep.experiment.axes["map"] == ("a/line.json", "b/line.json", "none")


def test_a_check_may_name_a_path_as_the_file_does(toy_spec, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "line.json").write_text("1", encoding="utf-8")
    check = '[[check]]\nkind = "complete"\nwhere = { map = ["a/line.json"] }\n'
    axis = 'map = ["a/line.json", "none"]\nspeed ='
    experiment = load_experiment(toy_spec(("speed =", axis), ("[run]", f"{check}[run]")))
    assert experiment.checks[0]["where"] == {"map": ["line.json"]}


MANY = [
    ("[1, 2]", "[1, 2.5]"),
    ("[1, 2]", "[2, 1]"),
    ("seeds = 3", "seeds = 4"),
    ("seeds = 3", "seeds = 3\nroot_seed = 1"),
    ("tile = 16", "tile = 32"),
    ('"float32"', '"float64"'),
    ("[0.5, 1]", "[0.5, 2]"),
    ("[10, 20]", "[10, 30]"),
    ("seeds = 3", 'seeds = 3\ncompare = ["still", "nan"]'),
]
NOTHING = [
    ('"Walks"', '"Other walks"'),
    ("pack = 16", "pack = 64"),
    ("pack = 16", "chunk = 64"),
    ("seeds = 3", "seeds = 3\nconfidence = 0.9"),
    ("[run]", '[[check]]\nkind = "complete"\n[run]'),
]


def test_the_identity_of_a_study_holds_all_that_it_wants(toy_spec):
    def identity(*replacements):
        return manifest.complete(study_of(spread(toy_spec(*replacements))).to_json())["identity"]

    same = identity()
    assert identity() == same
    for old, new in MANY:
        assert identity((old, new)) != same, new
    for old, new in NOTHING:
        assert identity((old, new)) == same, new


def test_a_key_holds_what_fixes_the_numbers_of_its_cell(toy_spec):
    def keys(*replacements, **others):
        return keys_by_cell(spread(toy_spec(*replacements)), **others)

    same = keys()
    assert len({*same.values()}) == len(same) == 3 * 2 * 2
    # Order, seeds, the tile of a CPU, packs and presentation: all cells as they are.
    for old, new in [MANY[1], MANY[2], MANY[4], *NOTHING]:
        assert keys((old, new)) == same, new
    # Root seed, precision: all others.
    for old, new in (MANY[3], MANY[5]):
        assert {*keys((old, new)).values()}.isdisjoint(same.values()), new
    # A value, a learner, a horizon, a comparator: those that are in both are as they are.
    for (old, new), shared in ((MANY[0], 6), (MANY[6], 8), (MANY[7], 6), (MANY[8], 12)):
        others = keys((old, new))
        assert len(same.keys() & others.keys()) == shared
        assert all((same[k] == others.get(k)) == (k in others) for k in same), new
        assert len({*same.values()} & {*others.values()}) == shared, new
    assert {*keys(tile_matters=True).values()}.isdisjoint(same.values())
    assert keys(MANY[4], tile_matters=True) != keys(tile_matters=True)


def test_a_label_is_no_part_of_a_key(toy_spec):
    one = keys_by_cell(spread(toy_spec(("[0.5, 1]", "1"))))
    two = keys_by_cell(spread(toy_spec(("stride = [0.5, 1]", 'label = "mine"\nstride = 1'))))
    assert {key[1:]: value for key, value in one.items() if key[0] == "step"} == {
        key[1:]: value for key, value in two.items() if key[0] == "mine"
    }


def test_the_manifest_is_complete_and_plain(toy_spec):
    sweep = spread(toy_spec())
    groups = tuple(Group(i, points, 3, 10, (10,)) for i, points in enumerate(sweep.groups))
    plan = Plan(groups, sweep.labels, ("hit", "move", "late"), tile=16, pack=16)
    facts = Origin("c", "p", {"still": "s"}, {"platform": "cpu"})
    content = json.loads(json.dumps(study(sweep, plan, facts, "jaxsoco run walks.toml").to_json()))
    shown = content["presentation"]
    assert content["name"] == "walks"
    assert content["figure"] == "Walks"
    assert shown["axes"] == {"speed": [1.0, 2.0], "horizon": [10, 20]}
    assert shown["units"] == {"speed": "m/s"}
    assert shown["costs"][2] == {"name": "late", "unit": "h", "objective": False}
    assert shown["measure"] == "ratio"
    assert shown["confidence"] == 0.95
    assert shown["command"] == "jaxsoco run walks.toml"
    assert shown["spec"] == sweep.experiment.document.text
    assert content["settings"]["learners"][0] == {
        "label": "step(stride=0.5)",
        "name": "step",
        "values": {"stride": 0.5, "gait": "walk"},
    }
    assert content["settings"]["comparators"] == ["still"]
    assert Plan.from_json(content["plan"]) == plan
    assert Origin.from_json(content["origin"]) == facts
    # Read back, it asks for the very same cells.
    there = Study.from_json(content)
    assert [Cells(there).key(p, i) for p in range(4) for i in range(3)] == [
        Cells(there, facts).key(p, i) for p in range(4) for i in range(3)
    ]
