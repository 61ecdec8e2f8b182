"""Directories of the older format: read as they are, their damage found, and never extended.

``write`` follows the description of that format. ``manifest.json`` has ``format`` 1, ``settings``
and, as ``identity``, their SHA-256; ``plan`` has groups and ``chunk``, runs of a file. Runs of a
group are numbered point after point; every ``chunks/00012.npz`` has ``chunk`` of them, for all
learners, and its sidecar its place, the identity, size and SHA-256, and a seal.
"""

import hashlib
import io
import json
import os
import shutil

import numpy as np
import pytest
from toy_study import (
    SPEEDS,
    assert_same_bits,
    expected,
    make_study,
    record,
    run,
    stack,
    stored_runs,
)

from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.store import Store
from jaxsoco.front.results import load

CHUNK = 8
# Their checkpoints are those that the settings lead to.
ROUNDS = {(0, 2, 3): (1, 2, 6), (1,): (1, 3, 9)}
STUDY = make_study(rounds=ROUNDS)


def digest(content):
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, study=STUDY, lack=()):
    """A directory as jaxsoco 0.1 left it."""
    (path / "chunks").mkdir(parents=True)
    manifest = json.loads(json.dumps(study.to_json()))
    del manifest["origin"], manifest["plan"]["pack"]
    manifest["plan"]["chunk"] = CHUNK
    identity = digest(manifest["settings"])
    manifest |= {"format": 1, "identity": identity, "created": "2026-01-01T00:00:00+00:00"}
    (path / "manifest.json").write_text(json.dumps(manifest, indent=1))
    number = 0
    for group in study.groups:
        for start in range(0, group.runs, CHUNK):
            stop = min(start + CHUNK, group.runs)
            if number not in lack:
                write_chunk(path, study, group, f"{number:05d}", start, stop, identity)
            number += 1
    return path


def write_chunk(path, study, group, name, start, stop, identity):
    arrays, nonconverged, nonfinite, repeating = {}, {}, {}, []
    for learner, label in enumerate(study.labels):
        runs = [
            record(study, label, group.points[r // group.seeds], r % group.seeds)
            for r in range(start, stop)
        ]
        parts = stack(runs)
        arrays |= {f"{learner:03d}.{what}": array for what, array in parts.items()}
        nonconverged[label] = int((parts["faults"] > 0).sum())
        nonfinite[label] = int((~parts["finite"]).sum())
        if group.seeds == 1 and learner == 1:
            repeating.append(label)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    sidecar = {
        **{"jax": "0.0", "device": "fake", "seconds": 0.5},
        **{"nonconverged": nonconverged, "nonfinite": nonfinite},
        **({"repeating": repeating} if repeating else {}),
        **{"id": name, "group": group.index, "start": start, "stop": stop, "identity": identity},
        **{"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
    }
    (path / f"chunks/{name}.npz").write_bytes(data)
    (path / f"chunks/{name}.json").write_text(json.dumps(sidecar | {"seal": digest(sidecar)}))


@pytest.fixture
def old(tmp_path):
    return write(tmp_path / "old")


def pieces_of(path):
    """Runs by point and learner; a chunk may end in the middle of a point."""
    stored, parts = Stored(path), {}
    for place, arrays in stored.pieces():
        group = stored.study.groups[place["group"]]
        for row, r in enumerate(range(place["start"], place["stop"])):
            position, seed = divmod(r, group.seeds)
            for name, array in arrays.items():
                number, _, what = name.partition(".")
                where = group.points[position], stored.study.labels[int(number)]
                parts.setdefault(where, {}).setdefault(what, {})[seed] = array[row]
    return {
        where: {what: np.stack([rows[s] for s in sorted(rows)]) for what, rows in named.items()}
        for where, named in parts.items()
    }


# --- reading -----------------------------------------------------------------------------------


def test_a_directory_is_read_as_it_was_written(old):
    assert_same_bits(pieces_of(old), expected(STUDY))
    stored = Stored(old)
    state = stored.coverage
    assert (state.stored, state.wanted, state.complete) == (132, 132, True)
    assert stored.damaged == [] and len(state.packs) == 7
    assert all((p.facts["device"], p.facts["seconds"]) == ("fake", 0.5) for p in state.packs)
    for label in STUDY.labels:
        runs = [named for (_, learner), named in expected(STUDY).items() if learner == label]
        assert state.nonconverged[label] == sum((one["faults"] > 0).sum() for one in runs)
        assert state.nonfinite[label] == sum((~one["finite"]).sum() for one in runs)


def test_it_says_what_a_new_run_says(old, tmp_path):
    run(tmp_path / "new", STUDY)
    assert_same_bits(pieces_of(old), stored_runs(tmp_path / "new"))
    one, two = load(old), load(tmp_path / "new")
    assert one.complete and one.labels == two.labels
    for label in one.labels:
        np.testing.assert_array_equal(one.runs(label), two.runs(label))
    for mine, theirs in zip(one.table().tolist(), two.table().tolist(), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a == pytest.approx(b, rel=1e-12, nan_ok=True) if isinstance(a, float) else a == b


def test_a_single_seed_keeps_what_was_said_of_others(tmp_path):
    study = make_study(seeds=1, rounds=ROUNDS)
    path = write(tmp_path / "old", study)
    places = [place for place, _ in Stored(path).pieces()]
    assert [place["repeating"] for place in places] == [[1], [1]]


def test_an_unfinished_one_is_read_as_far_as_it_is(tmp_path):
    path = write(tmp_path / "old", lack=(2, 6))
    state = Stored(path).coverage
    assert (state.stored, state.complete) == (3 * (44 - 8 - 3), False)
    assert sum(len(named["finite"]) for named in pieces_of(path).values()) == state.stored


def test_a_manifest_of_the_first_versions_is_read(old):
    """Without what later versions added."""
    change(old, lambda m: [m["presentation"].pop(k) for k in ("learners", "confidence", "units")])
    assert_same_bits(pieces_of(old), expected(STUDY))


# --- never extended ----------------------------------------------------------------------------


def contents(path):
    return {file.name: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_extending_it_is_refused_with_a_reason(old):
    before = contents(old)
    for attempt in (
        lambda: Store(old).begin(STUDY.to_json()),
        lambda: Store(old).begin(make_study(seeds=99).to_json()),
        lambda: Store(old).open(to_extend=True),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        (issue,) = caught.value.issues
        assert issue.path == str(old) and "older jaxsoco" in issue.message
        assert "do not say what code they come from" in issue.message
        assert "loaded and reported, not extended" in issue.message
        assert issue.hint == "choose another directory"
    assert contents(old) == before


def test_one_with_a_damaged_manifest_is_not_overwritten(old):
    (old / "manifest.json").write_text('{"format": 1')
    before = contents(old)
    with pytest.raises(InputError, match="cannot be read"):
        Store(old).begin(STUDY.to_json())
    assert contents(old) == before


# --- damage ------------------------------------------------------------------------------------


def change(path, edit):
    manifest = json.loads((path / "manifest.json").read_text())
    edit(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def reseal(file, **changes):
    content = json.loads(file.read_text()) | changes
    del content["seal"]
    file.write_text(json.dumps(content | {"seal": digest(content)}))


def flip(file, position):
    data = bytearray(file.read_bytes())
    data[position] ^= 4
    file.write_bytes(data)


def npz(path):
    return path / "chunks/00001.npz"


def sidecar(path):
    return path / "chunks/00001.json"


def copy_chunk(source, path):
    for suffix in ("npz", "json"):
        shutil.copy(source / f"chunks/00000.{suffix}", path / f"chunks/00001.{suffix}")


def other_order(path):
    counts = json.loads(sidecar(path).read_text())["nonconverged"]
    reseal(sidecar(path), nonconverged=dict(reversed(counts.items())))


DAMAGES = {
    "truncated": lambda p: os.truncate(npz(p), 100),
    "empty": lambda p: os.truncate(npz(p), 0),
    "a bit": lambda p: flip(npz(p), 200),
    "last bit": lambda p: flip(npz(p), -1),
    "gone": lambda p: npz(p).unlink(),
    "sidecar truncated": lambda p: os.truncate(sidecar(p), 50),
    "sidecar empty": lambda p: os.truncate(sidecar(p), 0),
    "sidecar no object": lambda p: sidecar(p).write_text("[1]"),
    "sidecar too deep": lambda p: sidecar(p).write_text("[" * 100_000),
    "sidecar unsealed": lambda p: sidecar(p).write_text("{}"),
    "a bit of the sidecar": lambda p: flip(sidecar(p), 30),
    "of another chunk": lambda p: copy_chunk(p, p),
    "of another run": lambda p: copy_chunk(
        write(p / "more", make_study(seeds=12, rounds=ROUNDS)), p
    ),
    "other runs, sealed": lambda p: reseal(sidecar(p), start=9, stop=17),
    "another group, sealed": lambda p: reseal(sidecar(p), group=1),
    "learners in another order, sealed": other_order,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(old, damage):
    DAMAGES[damage](old)
    stored = Stored(old)
    assert len(stored.damaged) == 1 and stored.damaged[0].startswith("chunk 00001: it")
    assert stored.coverage.stored == 132 - 24 and len(stored.coverage.packs) == 6
    # What is left is right.
    wanted = expected(STUDY)
    for where, named in pieces_of(old).items():
        for what, array in named.items():
            rows = {row.tobytes() for row in wanted[where][what]}
            assert {row.tobytes() for row in array} <= rows


def test_damage_since_it_was_verified_is_no_traceback(old):
    stored = Stored(old)
    flip(npz(old), 200)
    with pytest.raises(InputError, match="chunk 00001: its results are damaged"):
        list(stored.pieces())


def group_of(manifest, number=0):
    return manifest["plan"]["groups"][number]


def swap(items, a, b):
    items[a], items[b] = items[b], items[a]


def put(content, **changes):
    content.update(changes)


EDITS = {
    "two points of a group swapped": lambda m: swap(group_of(m)["points"], 0, 1),
    "points of two groups swapped": lambda m: (
        group_of(m)["points"].__setitem__(0, 1),
        group_of(m, 1)["points"].__setitem__(0, 0),
    ),
    "a point twice": lambda m: group_of(m)["points"].append(0),
    "a point gone": lambda m: group_of(m)["points"].pop(),
    "groups swapped": lambda m: (
        swap(m["plan"]["groups"], 0, 1),
        put(group_of(m), index=0),
        put(group_of(m, 1), index=1),
    ),
    "learners swapped": lambda m: swap(m["plan"]["learners"], 0, 1),
    "a learner and the optimum swapped": lambda m: swap(m["plan"]["learners"], 0, 2),
    "another learner": lambda m: m["plan"]["learners"].__setitem__(0, "greedy"),
    "a learner more": lambda m: m["plan"]["learners"].append("greedy"),
    "seeds": lambda m: [put(group, seeds=12) for group in m["plan"]["groups"]],
    "seeds of one group": lambda m: put(group_of(m), seeds=33),
    "a checkpoint": lambda m: put(group_of(m), checkpoints=[1, 3, 6]),
    "a horizon": lambda m: put(group_of(m), horizon=7),
    "tile": lambda m: put(m["plan"], tile=8),
    "no plan": lambda m: put(m, plan={}),
    "a plan that is none": lambda m: put(m, plan=[1, 2]),
    "no chunk": lambda m: m["plan"].pop("chunk"),
    "a value of a point": lambda m: put(m["settings"]["points"][0], speed=9.0),
    "points of the settings swapped": lambda m: swap(m["settings"]["points"], 0, 1),
    "a value of a learner": lambda m: put(m["settings"]["learners"][1]["values"], epsilon=0.2),
    "labels swapped": lambda m: (
        put(m["settings"]["learners"][0], label="st_clip(epsilon=0.1)"),
        put(m["settings"]["learners"][1], label="pcm"),
    ),
    "root seed": lambda m: put(m["settings"], root_seed=8),
    "identity": lambda m: put(m, identity="0" * 64),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_manifest_that_was_changed_is_refused(old, edit):
    """The plan is no part of the identity: it must be the one that the settings lead to."""
    change(old, EDITS[edit])
    with pytest.raises(InputError, match=r"changed after the run began|not the plan|in one group"):
        Stored(old)


def test_another_chunk_size_finds_no_wrong_number(old):
    """Sidecars say which runs they are of."""
    change(old, lambda m: put(m["plan"], chunk=12))
    stored = Stored(old)
    assert stored.coverage.stored == 0 and len(stored.damaged) == 4
    assert list(stored.pieces()) == []


def test_values_in_the_presentation_are_not_believed(old):
    change(
        old,
        lambda m: put(m["presentation"]["learners"]["st_clip(epsilon=0.1)"]["values"], epsilon=9),
    )
    values = Stored(old).study.settings["st_clip(epsilon=0.1)"][1]
    assert values == {"epsilon": 0.1} and len(SPEEDS) == 4
