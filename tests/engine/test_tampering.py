"""Directories that somebody changed: the reader refuses or leaves out, and a run computes again.

No wrong number ever appears. What a number must be is known from what the reader says that it is:
the learner with its values, the point with its values, and the seed (``toy_study.record``).

Seals keep out accidents and idle hands, not forgers: whoever writes results, sidecar and seal anew
can put anything there. But what is sealed anew in one file alone leads to no wrong number.
"""

import contextlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from toy_study import (
    assert_same_bits,
    expected,
    make_study,
    record,
    reseal,
    run,
    sidecars,
    stored_runs,
)

from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored
from jaxsoco.front.results import load

STUDY = make_study(seeds=5, pack=8)
WORK = 4 * 5 * 3


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("tampering") / "straight"
    run(path, STUDY)
    return path


@pytest.fixture
def path(straight, tmp_path):
    return Path(shutil.copytree(straight, tmp_path / "run"))


def assert_no_wrong_number(path) -> int:
    """Every number is that of the run that it is said to be of; how many runs there are.

    Nothing at all (-1) where the reader refuses.
    """
    runs = 0
    try:
        stored = Stored(path)
        study = stored.study
        for place, arrays in stored.pieces():
            group = study.groups[place["group"]]
            position, first = divmod(place["start"], group.seeds)
            for row in range(place["stop"] - place["start"]):
                for number, label in enumerate(study.labels):
                    if f"{number:03d}.finite" not in arrays:
                        continue
                    costs, faults, finite = record(
                        study, label, group.points[position], first + row
                    )
                    for cost in study.costs:
                        values = arrays[f"{number:03d}.{cost.name}"][row]
                        np.testing.assert_array_equal(values, costs[cost.name])
                    assert arrays[f"{number:03d}.faults"][row] == faults
                    assert arrays[f"{number:03d}.finite"][row] == finite
                    runs += 1
        assert runs == stored.coverage.stored
    except InputError:
        return -1
    return runs


def assert_run_mends(path, straight):
    """The next run computes what was lost, and its table is that of a straight run."""
    summary = run(path, STUDY)
    assert summary.failures == ()
    assert_same_bits(stored_runs(path), expected(STUDY))
    assert Stored(path).damaged == []
    one, two = load(path), load(straight)
    assert repr(one.table().tolist()) == repr(two.table().tolist())  # NaN is not itself
    return summary.runs


# --- tools -------------------------------------------------------------------------------------


def first(path, number=0) -> Path:
    """A sidecar, by its place."""
    return [*sidecars(path)][number]


def plain(file, change):
    """Changes a file of JSON and leaves its seal as it was."""
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content))


def put(content, **changes):
    content.update(changes)


def flip(file, position, bit=2):
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)


def swap(items, a, b):
    items[a], items[b] = items[b], items[a]


def swap_files(one, two):
    between = one.with_suffix(".between")
    one.rename(between)
    two.rename(one)
    between.rename(two)


def swap_columns(*names, rows=(0, 1)):
    """Swaps these fields of two blocks of a pack."""

    def change(content):
        for name in names:
            swap(content["blocks"][name], *rows)

    return change


def set_column(name, value, row=0):
    def change(content):
        content["blocks"][name][row] = value

    return change


def drop_block(content):
    for column in content["blocks"].values():
        column.pop()


def all_keys_of(other):
    """Takes the keys of the first pack for those of another."""

    def change(content):
        content["blocks"]["key"] = json.loads(other.read_text())["blocks"]["key"]

    return change


def renamed(path, change):
    """Sealed anew and put under the name that its blocks ask for."""
    file = first(path)

    def whole(content):
        change(content)
        columns = content["blocks"]
        rows = zip(columns["key"], columns["start"], columns["stop"], strict=True)
        text = json.dumps(sorted(map(list, rows)), sort_keys=True, separators=(",", ":"))
        import hashlib

        content["name"] = hashlib.sha256(text.encode()).hexdigest()[:24]

    reseal(file, whole)
    name = json.loads(file.read_text())["name"]
    for old in (file.with_suffix(".npz"), file):
        old.rename(old.with_stem(name))


def rewrite_results(path, change):
    """New results under the old sidecar."""
    file = first(path).with_suffix(".npz")
    with np.load(file) as archive:
        arrays = dict(archive)
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    file.write_bytes(data + bytes(max(0, file.stat().st_size - len(data))))


def add_one(arrays):
    arrays["000.hit"] += 1


# --- sidecars ----------------------------------------------------------------------------------

FIELDS = {
    "its format": lambda c: put(c, format=3),
    "its name": lambda c: put(c, name="0" * 24),
    "keys swapped": swap_columns("key"),
    "keys swapped between learners": swap_columns("key", rows=(0, -1)),
    "a key of nobody": set_column("key", "0" * 64),
    "a start": set_column("start", 1),
    "a stop": set_column("stop", 4),
    "seeds swapped": swap_columns("start", "stop"),
    "more seeds": set_column("stop", 6),
    "a row": set_column("row", 1),
    "rows swapped": swap_columns("row"),
    "a learner": set_column("learner", 1),
    "learners swapped": swap_columns("learner", rows=(0, -1)),
    "a learner that is not there": set_column("learner", 7),
    "a row beyond the end": set_column("row", 100),
    "a row before the begin": set_column("row", -1),
    "a row that is no number": set_column("row", "0"),
    "a row in between": set_column("row", 0.5),
    "a stop that is true": set_column("stop", True),
    "what did not converge": set_column("nonconverged", 4),
    "what is not finite": set_column("nonfinite", -1),
    "repeats": set_column("repeats", True),
    "a block gone": drop_block,
    "a column gone": lambda c: c["blocks"].pop("row"),
    "a column too short": lambda c: c["blocks"]["row"].pop(),
    "no blocks": lambda c: put(c, blocks={}),
    "blocks that are none": lambda c: put(c, blocks=[1]),
    "its size": lambda c: put(c, bytes=c["bytes"] + 1),
    "its SHA-256": lambda c: put(c, sha256="0" * 64),
    "a field gone": lambda c: c.pop("facts"),
}
BLOCKS = [
    field
    for field in FIELDS
    if field not in ("its format", "its name", "its size", "its SHA-256", "a field gone")
]


def assert_pack_is_lost(path, straight):
    there = assert_no_wrong_number(path)
    assert 0 < there < WORK
    stored = Stored(path)
    assert len(stored.damaged) == 1 and stored.damaged[0].startswith("pack ")
    assert assert_run_mends(path, straight) == WORK - there


@pytest.mark.parametrize("field", FIELDS)
def test_a_sidecar_that_was_changed(path, straight, field):
    plain(first(path), FIELDS[field])
    assert_pack_is_lost(path, straight)


@pytest.mark.parametrize("field", FIELDS)
def test_a_sidecar_that_was_changed_and_sealed_anew(path, straight, field):
    reseal(first(path), FIELDS[field])
    assert_pack_is_lost(path, straight)


@pytest.mark.parametrize(
    "field", [field for field in BLOCKS if "column" not in field and "blocks" not in field]
)
def test_a_sidecar_that_was_changed_sealed_anew_and_renamed(path, straight, field):
    """The results say themselves which blocks they were written for."""
    renamed(path, FIELDS[field])
    there = assert_no_wrong_number(path)
    assert 0 < there < WORK and len(Stored(path).damaged) == 1
    run(path, STUDY)
    assert_same_bits(stored_runs(path), expected(STUDY))


def test_the_keys_of_another_pack(path, straight):
    """Two packs of equal shape: one is said to be the other."""
    shapes = {}
    for file in sidecars(path):
        columns = json.loads(file.read_text())["blocks"]
        shape = json.dumps([columns[c] for c in ("start", "stop", "row", "learner")])
        shapes.setdefault(shape, []).append(file)
    study = make_study(seeds=4, pack=4, groups=((0, 1, 2, 3),), rounds={(0, 1, 2, 3): (3, 6)})
    other = path.with_name("other")
    run(other, study)
    one, two = [*sidecars(other)][:2]
    reseal(one, all_keys_of(two))
    with contextlib.suppress(InputError):
        assert_no_wrong_number(other)
    one.with_suffix(".npz").replace(two.with_suffix(".npz"))
    one.replace(two)
    reseal(two, lambda content: put(content, name=two.stem))
    assert 0 < assert_no_wrong_number(other) < 4 * 4 * 3
    run(other, study)
    assert_same_bits(stored_runs(other), expected(study))


# --- files -------------------------------------------------------------------------------------

FILES = {
    "a bit of the results": lambda p: flip(first(p).with_suffix(".npz"), 300),
    "their first bit": lambda p: flip(first(p).with_suffix(".npz"), 0),
    "their last bit": lambda p: flip(first(p).with_suffix(".npz"), -1),
    "results truncated": lambda p: os.truncate(first(p).with_suffix(".npz"), 500),
    "results empty": lambda p: os.truncate(first(p).with_suffix(".npz"), 0),
    "results gone": lambda p: first(p).with_suffix(".npz").unlink(),
    "results written anew": lambda p: rewrite_results(p, add_one),
    "arrays swapped": lambda p: rewrite_results(
        p, lambda a: put(a, **{"000.hit": a["001.hit"], "001.hit": a["000.hit"]})
    ),
    "results of another pack": lambda p: shutil.copy(
        first(p, 1).with_suffix(".npz"), first(p).with_suffix(".npz")
    ),
    "a bit of the sidecar": lambda p: flip(first(p), 100),
    "the sidecar truncated": lambda p: os.truncate(first(p), 100),
    "the sidecar empty": lambda p: os.truncate(first(p), 0),
    "the seal": lambda p: plain(first(p), lambda c: put(c, seal="0" * 64)),
    "no seal": lambda p: plain(first(p), lambda c: c.pop("seal")),
    "the sidecar of another pack": lambda p: shutil.copy(first(p, 1), first(p)),
}


@pytest.mark.parametrize("damage", FILES)
def test_a_file_that_was_changed(path, straight, damage):
    FILES[damage](path)
    assert_pack_is_lost(path, straight)


@pytest.mark.parametrize("suffixes", [(".npz",), (".json",), (".npz", ".json")])
def test_files_of_two_packs_swapped(path, straight, suffixes):
    one, two = first(path), first(path, 1)
    for suffix in suffixes:
        swap_files(one.with_suffix(suffix), two.with_suffix(suffix))
    there = assert_no_wrong_number(path)
    assert 0 < there < WORK and len(Stored(path).damaged) == 2
    assert assert_run_mends(path, straight) == WORK - there


@pytest.mark.parametrize("suffix", [".json", None])
def test_a_pack_that_is_gone_was_never_computed(path, straight, suffix):
    for file in (first(path), first(path).with_suffix(".npz")):
        if suffix in (None, file.suffix):
            file.unlink()
    there = assert_no_wrong_number(path)
    assert 0 < there < WORK and Stored(path).damaged == []
    assert assert_run_mends(path, straight) == WORK - there


def test_a_pack_twice_counts_once(path):
    for file in (first(path), first(path).with_suffix(".npz")):
        shutil.copy(file, file.with_stem("0" * 24))
    assert len(Stored(path).damaged) == 1 and assert_no_wrong_number(path) == WORK
    assert_same_bits(stored_runs(path), expected(STUDY))


@pytest.mark.parametrize(
    "other",
    [
        {"seeds": 5, "learners": {"pcm": {"epsilon": 0.2}}},
        {"speeds": (1.5, 2.0, 4.5, 5.0)},
    ],
)
def test_packs_of_another_study_are_not_these(path, other):
    """Whatever is put into the folder: cells that nobody asks for are passed over."""
    elsewhere = path.with_name("elsewhere")
    run(elsewhere, make_study(**other))
    for file in (elsewhere / "packs").iterdir():
        shutil.copy(file, path / "packs")
    assert assert_no_wrong_number(path) == WORK and Stored(path).damaged == []
    assert_same_bits(stored_runs(path), expected(STUDY))


# --- the manifest ------------------------------------------------------------------------------


def group_of(manifest, number=0):
    return manifest["plan"]["groups"][number]


def swap_labels(m):
    one, two = m["settings"]["learners"]
    one["label"], two["label"] = two["label"], one["label"]


def swap_values(m):
    one, two = m["settings"]["learners"]
    one["values"], two["values"] = two["values"], one["values"]


def swap_points_of_groups(m):
    group_of(m)["points"][0], group_of(m, 1)["points"][0] = 1, 0


MANIFESTS = {
    "points of a group swapped": lambda m: swap(group_of(m)["points"], 0, 1),
    "points of two groups swapped": swap_points_of_groups,
    "points of the settings swapped": lambda m: swap(m["settings"]["points"], 0, 1),
    "a point twice": lambda m: group_of(m)["points"].append(0),
    "a point gone": lambda m: group_of(m)["points"].pop(),
    "a point that is not there": lambda m: group_of(m)["points"].append(9),
    "a point in place of another": lambda m: group_of(m).update(points=[0, 0, 3]),
    "a value of a point": lambda m: put(m["settings"]["points"][0], speed=9.0),
    "labels swapped": swap_labels,
    "labels of the plan swapped": lambda m: swap(m["plan"]["learners"], 0, 1),
    "a learner taken for the optimum": lambda m: swap(m["plan"]["learners"], 0, 2),
    "a label of nobody": lambda m: m["plan"]["learners"].__setitem__(0, "greedy"),
    "a learner's values": lambda m: put(m["settings"]["learners"][1]["values"], epsilon=0.2),
    "values swapped": swap_values,
    "a learner's name": lambda m: put(m["settings"]["learners"][0], name="st_clip"),
    "values in the presentation": lambda m: put(
        m["presentation"]["learners"]["st_clip(epsilon=0.1)"]["values"], epsilon=0.2
    ),
    "another optimum": lambda m: (
        put(m["settings"], comparators=["pcm"]),
        m["plan"]["learners"].pop(),
    ),
    "more seeds": lambda m: [put(group, seeds=6) for group in m["plan"]["groups"]],
    "fewer seeds": lambda m: [put(group, seeds=3) for group in m["plan"]["groups"]],
    "seeds of one group": lambda m: put(group_of(m), seeds=15),
    "the root seed": lambda m: put(m["settings"], root_seed=8),
    "a horizon": lambda m: put(group_of(m), horizon=7),
    "a checkpoint": lambda m: put(group_of(m), checkpoints=[3, 6]),
    "a checkpoint more": lambda m: put(group_of(m), checkpoints=[2, 3, 6]),
    "groups swapped": lambda m: (
        swap(m["plan"]["groups"], 0, 1),
        put(group_of(m), index=0),
        put(group_of(m, 1), index=1),
    ),
    "costs of the plan": lambda m: put(m["plan"], costs=["move", "hit"]),
    "costs swapped": lambda m: swap(m["presentation"]["costs"], 0, 1),
    "a cost by another name": lambda m: put(m["presentation"]["costs"][0], name="miss"),
    "a cost that does not count": lambda m: put(m["presentation"]["costs"][0], objective=False),
    "the precision": lambda m: put(m["settings"], precision="float64"),
    "a precision of nobody": lambda m: put(m["settings"], precision="float8"),
    "the family": lambda m: put(m["settings"], family="other"),
    "the problem": lambda m: put(m["settings"], problem="other"),
    "data of points": lambda m: put(m["settings"], data=[{"map": 1}], data_of_points=[0] * 4),
    "data of points that are not there": lambda m: put(m["settings"], data_of_points=[0] * 4),
    "the common code": lambda m: put(m["origin"], common="other"),
    "the code of a learner": lambda m: put(m["origin"]["learners"], pcm="other"),
    "codes swapped": lambda m: put(
        m["origin"]["learners"],
        pcm="code of opt",
        opt="code of pcm",
    ),
    "the compiler": lambda m: put(m["origin"]["compiler"], platform="gpu"),
    "no origin": lambda m: m.pop("origin"),
    "an origin that is none": lambda m: put(m, origin=[]),
    "no settings": lambda m: m.pop("settings"),
    "no plan": lambda m: put(m, plan={}),
    "no groups": lambda m: put(m["plan"], groups=[]),
    "no learners": lambda m: put(m["plan"], learners=[]),
    "a label twice": lambda m: m["plan"]["learners"].append("pcm"),
    "a tile of none": lambda m: put(m["plan"], tile=0),
    "the identity": lambda m: put(m, identity="0" * 64),
    "an older format": lambda m: put(m, format=1),
    "a later format": lambda m: put(m, format=3),
}


@pytest.mark.parametrize("edit", MANIFESTS)
def test_a_manifest_that_was_changed_is_refused(path, straight, edit):
    plain(path / "manifest.json", MANIFESTS[edit])
    assert assert_no_wrong_number(path) == -1
    with pytest.raises(InputError):
        load(path)
    if edit != "a later format":  # that of a later version is left alone
        assert assert_run_mends(path, straight) == 0


@pytest.mark.parametrize("edit", MANIFESTS)
def test_a_manifest_that_was_changed_and_sealed_anew(path, straight, edit):
    """It asks for other cells, or for the same in another order."""
    reseal(path / "manifest.json", MANIFESTS[edit])
    assert_no_wrong_number(path)
    with contextlib.suppress(InputError):
        assert_totals_are_right(path)
    if edit != "a later format":
        assert assert_run_mends(path, straight) == 0


def assert_totals_are_right(path):
    """Of every run of a table, the sum of both costs; whatever the manifest says of them."""
    results = load(path)
    for label in results.labels:
        for row in results.runs(label):
            point = next(
                i for i, p in enumerate(results.study.setup.points) if p["speed"] == row.speed
            )
            costs, _, finite = record(results.study, label, point, int(row.seed))
            at = next(g.checkpoints for g in results.study.groups if point in g.points)
            column = at.index(int(row["round"]))
            total = sum(float(values[column]) for values in costs.values())
            assert row.total == pytest.approx(total, rel=1e-6) and finite in (True, False)


@pytest.mark.parametrize("edit", ["points of a group swapped", "labels of the plan swapped"])
def test_another_order_is_the_same_table(path, straight, edit):
    """The plan is not trusted: rows are found by what they are."""
    reseal(path / "manifest.json", MANIFESTS[edit])
    assert assert_no_wrong_number(path) == WORK
    one, two = load(path), load(straight)
    rows = [sorted(map(str, results.table().tolist())) for results in (one, two)]
    assert rows[0] == rows[1]


REFUSED = ("a point twice", "a point gone", "a point in place of another", "a precision of nobody")


@pytest.mark.parametrize("edit", REFUSED)
def test_what_would_count_runs_twice_is_refused(path, edit):
    reseal(path / "manifest.json", MANIFESTS[edit])
    with pytest.raises(InputError):
        Stored(path)


MISSING = (
    *("a value of a point", "labels swapped", "a learner's values", "values swapped"),
    *("a learner's name", "the root seed", "the precision", "the family", "the problem"),
    *("the common code", "the compiler", "no origin", "a cost by another name"),
    *("a cost that does not count", "a checkpoint", "a horizon", "points of two groups swapped"),
)


@pytest.mark.parametrize("edit", MISSING)
def test_what_was_never_computed_is_missing(path, edit):
    reseal(path / "manifest.json", MANIFESTS[edit])
    state = Stored(path).coverage
    assert state.stored < state.wanted == WORK
