"""``jaxsoco prune``: what is deleted, why, and above all what is not."""

import dataclasses
import json
import os
import shutil
import time

import pytest

import jaxsoco
from jaxsoco.core.errors import InputError
from jaxsoco.engine import packs
from jaxsoco.engine.pruning import Pruning
from jaxsoco.experiment import building


@pytest.fixture
def changed(monkeypatch):
    """Makes the code, the learners' code or the compiler of runs to come another."""
    real = building.origin

    def change(**parts):
        def origin(*arguments):
            return dataclasses.replace(real(*arguments), **parts)

        monkeypatch.setattr(building, "origin", origin)

    return change


def reasons(out) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in Pruning(out).prunable:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return counts


def contents(out) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (out / "packs").iterdir()}


def test_nothing_is_deleted_where_everything_is_wanted(folder):
    out = folder.run("out", "--set", "run.trace=1")
    before = contents(out)
    assert "nothing to delete" in folder("prune", out, "--yes")
    assert contents(out) == before


def test_nothing_is_deleted_without_yes(folder):
    out = folder.run("out")
    folder.run("out", spec=folder.spec(("speed = [1, 2]", "speed = [3, 4]")))
    before = contents(out)
    printed = folder("prune", out)
    assert "would be freed" in printed and f"jaxsoco prune {out} --yes" in printed
    assert contents(out) == before


def test_learners_that_nobody_asks_for_go_with_their_packs_only(folder):
    # The first run's pack has `still`, which the second wants as well: it stays whole.
    out = folder.run("out")
    first = {*folder.packs(out)}
    spec = folder.spec(("stride = [0.5, 1]", "stride = 2"))
    folder.run("out", spec=spec)
    assert reasons(out) == {}
    assert first < {*folder.packs(out)}
    # Now learners alone: `still` is stored, the packs of the learners are theirs.
    folder.run("out", spec=folder.spec(("stride = [0.5, 1]", "stride = 3")))
    assert reasons(out) == {"of learners or values that are no longer asked for": 1}
    folder("prune", out, "--yes")
    results = jaxsoco.load(out)
    assert results.complete and results.labels == ("step", "still")
    assert first < {*folder.packs(out)}


def test_other_code_other_learners_other_compilers_are_told_apart(folder, changed):
    out = folder.run("out")
    changed(common="another")
    folder.run("out")
    assert reasons(out) == {"of other code": 1}
    folder("prune", out, "--yes")
    assert reasons(out) == {} and jaxsoco.load(out).complete
    changed(common="another", compiler={"platform": "gpu", "tile": 16})
    folder.run("out")
    assert reasons(out) == {"of another compiler or platform": 1}
    folder("prune", out, "--yes")
    code = {"step(stride=0.5)": "1", "step(stride=1)": "2", "still": "3"}
    changed(common="another", compiler={"platform": "gpu", "tile": 16}, learners=code)
    folder.run("out")
    assert reasons(out) == {"of other code": 1}


def test_points_that_nobody_asks_for(folder):
    out = folder.run("out")
    folder.run("out", spec=folder.spec(("speed = [1, 2]", "speed = [3, 4]")))
    assert reasons(out) == {"of points or seeds that are no longer asked for": 1}
    content = folder.json("prune", out)
    (row,) = content["prunable"]
    assert row["packs"] == 1 and content["deleted"] == 0
    assert row["bytes"] == content["bytes"] > 0 and content["kept"]["packs"] == 1
    done = folder.json("prune", out, "--yes")
    assert done["deleted"] == 1 and len(folder.packs(out)) == 1


def test_seeds_that_nobody_asks_for(folder):
    spec = folder.spec(("tile = 16", "tile = 16\npack = 16"), ("seeds = 3", "seeds = 200"))
    out = folder.run("out", spec=spec)
    whole = jaxsoco.load(out).runs("still")
    folder.run("out", spec=spec, code=0)
    folder("run", spec, "--out", out, "--seeds", "16")
    assert [*reasons(out)] == ["of points or seeds that are no longer asked for"]
    folder("prune", out, "--yes")
    kept = jaxsoco.load(out)
    assert kept.complete
    assert kept.runs("still").tolist() == whole[whole.seed < 16].tolist()


def test_traces_that_nobody_asks_for(folder):
    out = folder.run("out", "--set", "run.trace=2")
    folder.run("out")
    assert reasons(out) == {"of points or seeds that are no longer asked for": 1}
    folder("prune", out, "--yes")
    assert jaxsoco.load(out).complete


def test_a_pack_without_marks_is_of_unknown_origin(folder):
    out = folder.run("out")
    (file,) = (out / "packs").glob("*.json")
    content = json.loads(file.read_text())
    del content["facts"]["origin"], content["seal"]
    file.write_text(json.dumps(content | {"seal": packs.digest_of(content)}))
    folder.run("out", spec=folder.spec(("speed = [1, 2]", "speed = [3, 4]")))
    assert reasons(out) == {"of unknown origin": 1}


def test_damaged_packs_go_even_if_they_were_wanted(folder):
    out = folder.run("out")
    (file,) = (out / "packs").glob("*.npz")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert reasons(out) == {"damaged": 1}
    folder("prune", out, "--yes")
    assert contents(out) == {}
    folder.run("out")
    assert jaxsoco.load(out).complete


def test_a_pack_that_is_computed_again_meanwhile_stays(folder):
    out = folder.run("out")
    (file,) = (out / "packs").glob("*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"?")
    pruning = Pruning(out)
    assert [one.reason for one in pruning.prunable] == ["damaged"]
    file.write_bytes(whole)
    assert [*pruning.delete()] == []
    assert jaxsoco.load(out).complete


def test_what_cannot_be_read_is_not_damaged(folder, monkeypatch):
    """A disk that does not answer for a moment, or a format of a later version."""
    out = folder.run("out")
    (file,) = (out / "packs").glob("*.json")
    content = json.loads(file.read_text())
    content["format"] = 99
    del content["seal"]
    file.write_text(json.dumps(content | {"seal": packs.digest_of(content)}))
    assert reasons(out) == {}

    def unreadable(*_):
        raise packs.UnreadableError("its sidecar cannot be read: Input/output error")

    monkeypatch.setattr(packs, "read_sidecar", unreadable)
    assert reasons(out) == {}


def test_a_pack_that_is_being_written_stays(folder):
    """Its results come before its sidecar; after an hour nobody writes them any more."""
    out = folder.run("out")
    late, now = out / "packs" / "0123456789abcdef01234567.npz", time.time()
    late.write_bytes(b"results")
    assert Pruning(out, now + 60).prunable == []
    (one,) = Pruning(out, now + 4000).prunable
    assert one == (late.stem, "never finished", 7)
    os.utime(late, (now - 4000, now - 4000))
    folder("prune", out, "--yes")
    assert not late.exists() and jaxsoco.load(out).complete


def test_nothing_more_is_deleted_once_something_else_is_asked_for(folder):
    out = folder.run("out")
    folder.run("out", spec=folder.spec(("speed = [1, 2]", "speed = [3, 4]")))
    pruning = Pruning(out)
    assert len(pruning.prunable) == 1
    folder.run("out")  # the first experiment again: its pack is wanted once more
    with pytest.raises(InputError, match="meanwhile"):
        next(pruning.delete())
    assert jaxsoco.load(out).complete


def test_files_that_another_directory_shares_free_nothing(folder):
    out = folder.run("out")
    cache = folder.path / "cache"
    cache.mkdir()
    for file in (out / "packs").iterdir():
        os.link(file, cache / file.name)
    folder.run("out", spec=folder.spec(("speed = [1, 2]", "speed = [3, 4]")))
    (one,) = Pruning(out).prunable
    assert one.size == 0


def test_a_place_that_is_no_run_is_bad_input(folder):
    folder("prune", folder.path, code=2)
    assert "not a run directory" in folder.told
    out = folder.run("out")
    manifest = json.loads((out / "manifest.json").read_text())
    shutil.rmtree(out)
    folder("prune", out, code=2)
    assert manifest["format"] == 2
