"""Points, learners, groups and the identity of a sweep."""

import json
from pathlib import Path

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.engine.manifest import identity_of
from jaxsoco.engine.plan import GroupPlan, Plan
from jaxsoco.experiment import expand, load_experiment
from jaxsoco.experiment.manifest import manifest, settings


def spread(path: Path, *assignments: str):
    return expand(load_experiment(path, assignments=assignments))


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
    assert sweep.header() == ("4 points x 5 learners x 3 seeds = 60 runs, 6 compilations, 2 chunks")


@pytest.mark.parametrize("chunk", [1, 16, 17, 40, 4096])
def test_chunks_are_those_of_the_plan(toy_spec, chunk):
    sweep = spread(toy_spec(), f"run.chunk={chunk}", "run.seeds=25")
    groups = [GroupPlan(i, points, 25, 10, (10,)) for i, points in enumerate(sweep.groups)]
    plan = Plan(tuple(groups), sweep.labels, ("hit",), tile=16, chunk=chunk)
    assert sweep.chunks == len(plan.chunks())
    assert sweep.chunk == plan.chunk


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
    assert identity_of(settings(written)) != identity_of(settings(typed))


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


def test_the_identity_holds_what_fixes_the_numbers(toy_spec):
    def identity(*replacements, settings_of=settings):
        return identity_of(settings_of(spread(toy_spec(*replacements))))

    same = identity()
    assert identity() == same
    for old, new in (
        ("[1, 2]", "[1, 2.5]"),
        ("[1, 2]", "[2, 1]"),
        ("seeds = 3", "seeds = 4"),
        ("seeds = 3", "seeds = 3\nroot_seed = 1"),
        ("tile = 16", "tile = 32"),
        ('"float32"', '"float64"'),
        ("[0.5, 1]", "[0.5, 2]"),
        ("[10, 20]", "[10, 30]"),
        ("seeds = 3", 'seeds = 3\ncompare = ["still", "nan"]'),
    ):
        assert identity((old, new)) != same, new
    for old, new in (
        ('"Walks"', '"Other walks"'),
        ("chunk = 16", "chunk = 64"),
        ("seeds = 3", "seeds = 3\nconfidence = 0.9"),
        ("[run]", '[[check]]\nkind = "complete"\n[run]'),
    ):
        assert identity((old, new)) == same, new


@pytest.mark.parametrize(
    ("family", "fields", "name"),
    [
        ("allocation", "switch = [0.1, 0.2]\ncarbon_seed = [0, 1]", "carbon_seed"),
        (
            "tracking",
            "name = 'quadratic_tracking'\nrank = [1, 2]\nmatrix_seed = [0, 1]",
            "matrix_seed",
        ),
        ("tracking", "name = 'quadratic_tracking'\nrank = [1, 2]\nmatrix_seed = 3", None),
    ],
)
def test_seeds_of_worlds_are_told_from_quantities(tmp_path, family, fields, name):
    learner = {"allocation": "greedy", "tracking": "lai"}[family]
    horizons = "" if family == "allocation" else "horizons = [10]"
    path = tmp_path / "seeds.toml"
    path.write_text(
        f'figure = "Seeds"\nfamily = "{family}"\n[problem]\n{fields}\n'
        f'[[algorithm]]\nname = "{learner}"\n[run]\nseeds = 2\n{horizons}\n',
        encoding="utf-8",
    )
    sweep = spread(path)
    groups = tuple(GroupPlan(i, points, 2, 10, (10,)) for i, points in enumerate(sweep.groups))
    plan = Plan(groups, sweep.labels, ("hit", "move"), tile=16, chunk=16)
    shown = manifest(sweep, plan, "jaxsoco run seeds.toml")["presentation"]
    assert shown["seed_axes"] == ([name] if name else [])


def test_the_manifest_is_complete_and_plain(toy_spec):
    sweep = spread(toy_spec())
    groups = tuple(GroupPlan(i, points, 3, 10, (10,)) for i, points in enumerate(sweep.groups))
    plan = Plan(groups, sweep.labels, ("hit", "move", "late"), tile=16, chunk=16)
    made = json.loads(json.dumps(manifest(sweep, plan, "jaxsoco run walks.toml")))
    shown = made["presentation"]
    assert made["name"] == "walks"
    assert made["figure"] == "Walks"
    assert shown["axes"] == {"speed": [1.0, 2.0], "horizon": [10, 20]}
    assert shown["units"] == {"speed": "m/s"}
    assert shown["seed_axes"] == []
    assert shown["costs"][2] == {"name": "late", "unit": "h", "objective": False}
    assert shown["measure"] == "ratio"
    assert shown["confidence"] == 0.95
    assert shown["command"] == "jaxsoco run walks.toml"
    assert shown["spec"] == sweep.experiment.document.text
    assert made["settings"]["learners"][0] == {
        "label": "step(stride=0.5)",
        "name": "step",
        "values": {"stride": 0.5, "gait": "walk"},
    }
    assert made["settings"]["comparators"] == ["still"]
    assert Plan.from_json(made["plan"]) == plan
