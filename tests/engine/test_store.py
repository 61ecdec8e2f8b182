"""The run directory: nothing but whole chunks of one identity ever counts as computed."""

import errno
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.engine import files
from jaxsoco.engine.manifest import identity_of
from jaxsoco.engine.plan import GroupPlan, Plan
from jaxsoco.engine.store import Store


def make_plan(chunk=4) -> Plan:
    groups = (GroupPlan(index=0, points=(0, 1), seeds=6, horizon=8, checkpoints=(4, 8)),)
    return Plan(groups, learners=("pcm", "opt"), costs=("hit",), tile=2, chunk=chunk)


def make_manifest(*, chunk: int = 4, title="Expt. I", **settings: Any):
    return {
        "name": "data_size",
        "settings": {"family": "allocation", "seeds": 6, "points": [{"beta": 1.0}], **settings},
        "plan": make_plan(chunk).to_json(),
        "presentation": {"title": title},
    }


def arrays_of(chunk):
    runs = np.arange(chunk.start, chunk.stop)
    return {
        "000.hit": np.sin(runs[:, None] + np.arange(2)).astype(np.float32),
        "000.faults": runs.astype(np.int32),
        "000.finite": runs % 3 > 0,
    }


def fill(store):
    for chunk in store.plan.chunks():
        store.commit(chunk, arrays_of(chunk), {"seconds": 0.5, "device": "fake"})
    return store


@pytest.fixture
def full(tmp_path):
    return fill(Store(tmp_path / "run").create(make_manifest()))


def messages(caught):
    return [str(issue) for issue in caught.value.issues]


def temporaries(path):
    return [p for p in path.rglob("*") if files.is_temporary(p)]


# --- what is written ---------------------------------------------------------------------------


def test_what_is_committed_is_read_back(full):
    store = Store(full.path).open()
    found = store.committed()
    assert list(found) == ["00000", "00001", "00002"] and store.damaged == []
    for chunk in store.plan.chunks():
        arrays, expected = store.read(chunk.id), arrays_of(chunk)
        assert arrays.keys() == expected.keys()
        for name, array in arrays.items():
            assert array.dtype == expected[name].dtype
            np.testing.assert_array_equal(array, expected[name])
        meta = found[chunk.id]
        assert (meta["group"], meta["start"], meta["stop"]) == (0, chunk.start, chunk.stop)
        assert (meta["device"], meta["seconds"]) == ("fake", 0.5)
        assert meta["identity"] == store.manifest["identity"]
        assert meta["bytes"] == (full.path / f"chunks/{chunk.id}.npz").stat().st_size
    assert temporaries(full.path) == []


def test_the_manifest_says_what_the_run_is(full):
    manifest = json.loads((full.path / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["identity"] == identity_of(make_manifest()["settings"])
    assert manifest["presentation"] == {"title": "Expt. I"} and manifest["created"]
    assert Store(full.path).open().plan == make_plan()


def test_identity_depends_on_content_alone():
    assert identity_of({"a": 1, "b": [1.5, "x"]}) == identity_of({"b": (1.5, "x"), "a": 1})
    assert identity_of({"a": 1}) != identity_of({"a": 1.0}) != identity_of({"a": 2})


def test_equal_results_give_equal_files(full, tmp_path):
    other = fill(Store(tmp_path / "other").create(make_manifest()))
    for chunk in full.plan.chunks():
        name = f"chunks/{chunk.id}.npz"
        assert (full.path / name).read_bytes() == (other.path / name).read_bytes()


def test_objects_are_never_pickled(full):
    with pytest.raises(TypeError):
        full.commit(full.plan.chunks()[0], {"x": np.array([{}], object)}, {})


def test_another_process_may_commit_in_the_meantime(tmp_path):
    mine = Store(tmp_path).create(make_manifest())
    assert mine.committed() == {}
    fill(Store(tmp_path).open())
    assert len(mine.committed()) == 3


# --- create, resume, refuse --------------------------------------------------------------------


def test_the_same_run_is_resumed_and_its_presentation_renewed(full):
    created = full.manifest["created"]
    store = Store(full.path).create(make_manifest(title="better"))
    assert len(store.committed()) == 3
    assert Store(full.path).open().manifest["presentation"] == {"title": "better"}
    assert Store(full.path).open().manifest["created"] == created


def test_resuming_an_unchanged_run_leaves_the_manifest_alone(full):
    before = (full.path / "manifest.json").stat()
    Store(full.path).create(make_manifest())
    after = (full.path / "manifest.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_run_is_refused_and_the_differences_named(full):
    other = make_manifest(seeds=7, points=[{"beta": 2.0}, {"beta": 3.0}], carbon="fr.csv")
    with pytest.raises(InputError) as caught:
        Store(full.path).create(other)
    first, *rest = messages(caught)
    assert str(full.path) in first
    for identity in (full.manifest["identity"], identity_of(other["settings"])):
        assert identity[:12] in first
    assert rest == [
        'carbon: absent in that run, "fr.csv" now',
        "points: 1 value in that run, 2 values now",
        "seeds: 6 in that run, 7 now",
    ]
    assert len(Store(full.path).open().committed()) == 3


def test_differences_are_located_and_cut_short(full):
    with pytest.raises(InputError) as caught:
        Store(full.path).create(make_manifest(points=[{"beta": 1}]))
    assert messages(caught)[1:] == ["points[0].beta: 1.0 in that run, 1 now"]
    many: dict[str, Any] = {f"field{i}": "x" * 100 for i in range(9)}
    with pytest.raises(InputError) as caught:
        Store(full.path).create(make_manifest(**many))
    assert len(caught.value.issues) == 7 and messages(caught)[-1].endswith("4")
    assert all(len(message) < 160 for message in messages(caught)[1:])


def test_another_chunk_size_is_refused_with_the_one_to_use(full):
    with pytest.raises(InputError, match="was started with chunk = 4, and chunk = 6 is") as caught:
        Store(full.path).create(make_manifest(chunk=6))
    assert "keep chunk = 4" in str(caught.value)


def test_another_cut_is_refused(full):
    manifest = make_manifest()
    manifest["plan"]["learners"] = ["opt", "pcm"]
    with pytest.raises(InputError, match=r"learners\[0\]"):
        Store(full.path).create(manifest)


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not a run directory"):
        Store(tmp_path).open()
    with pytest.raises(InputError, match=r'not a run directory: it holds "thesis\.tex"'):
        Store(tmp_path).create(make_manifest())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_chunks_without_a_manifest_are_refused(full):
    (full.path / "manifest.json").unlink()
    with pytest.raises(InputError, match="not a run directory"):
        Store(full.path).create(make_manifest())


@pytest.mark.parametrize("left", [(), ("chunks",), (".manifest.json.0a0a0a0a-1-0b0b0b0b-0.tmp",)])
def test_an_interrupted_creation_is_taken_up(tmp_path, left):
    for name in left:
        (tmp_path / name).mkdir() if name == "chunks" else (tmp_path / name).touch()
    assert Store(tmp_path).create(make_manifest()).committed() == {}


def test_missing_directories(tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        Store(tmp_path / "absent").open()
    assert Store(tmp_path / "a" / "b").create(make_manifest()).committed() == {}


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=str(path)):
            Store(path).open()
        with pytest.raises(InputError, match="Not a directory"):
            Store(path).create(make_manifest())


def test_of_two_runs_that_start_in_one_directory_one_is_refused(tmp_path, monkeypatch):
    link = os.link

    def late(source, target):
        monkeypatch.setattr(os, "link", link)
        Store(tmp_path).create(make_manifest(seeds=7))
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(InputError, match="holds another run"):
        Store(tmp_path).create(make_manifest())
    assert Store(tmp_path).open().manifest["settings"]["seeds"] == 7
    assert temporaries(tmp_path) == []


def test_two_starts_of_one_run_share_the_directory(tmp_path, monkeypatch):
    link = os.link

    def late(source, target):
        monkeypatch.setattr(os, "link", link)
        fill(Store(tmp_path).create(make_manifest()))
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert len(Store(tmp_path).create(make_manifest()).committed()) == 3


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    assert Store(tmp_path / "run").create(make_manifest()).committed() == {}
    assert temporaries(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": 1,', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "lacks created, format, identity, plan, settings"),
        ({"format": 2}, "written in format 2"),
        ({"settings": {"seeds": 9}}, "were changed"),
        ({"plan": {}}, "not the plan of a run"),
    ],
)
def test_a_damaged_manifest_is_refused(full, content, message):
    path = full.path / "manifest.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Store(full.path).open()


# --- damage ------------------------------------------------------------------------------------


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def replace_by_another_run(path):
    other = fill(Store(path / "other").create(make_manifest(seeds=5)))
    for suffix in ("npz", "json"):
        shutil.copy(other.path / f"chunks/00001.{suffix}", path / f"chunks/00001.{suffix}")


def replace_by_another_chunk(path):
    for suffix in ("npz", "json"):
        shutil.copy(path / f"chunks/00000.{suffix}", path / f"chunks/00001.{suffix}")


DAMAGES = {
    "truncated": lambda p: os.truncate(p / "chunks/00001.npz", 100),
    "empty": lambda p: os.truncate(p / "chunks/00001.npz", 0),
    "longer": lambda p: os.truncate(p / "chunks/00001.npz", 10_000),
    "first bit": lambda p: flip(p / "chunks/00001.npz", 0),
    "a bit": lambda p: flip(p / "chunks/00001.npz", 200, 3),
    "last bit": lambda p: flip(p / "chunks/00001.npz", -1, 7),
    "gone": lambda p: (p / "chunks/00001.npz").unlink(),
    "sidecar truncated": lambda p: os.truncate(p / "chunks/00001.json", 50),
    "sidecar empty": lambda p: os.truncate(p / "chunks/00001.json", 0),
    "sidecar no object": lambda p: (p / "chunks/00001.json").write_text("[1]"),
    "sidecar unsealed": lambda p: (p / "chunks/00001.json").write_text("{}"),
    "of another run": replace_by_another_run,
    "of another chunk": replace_by_another_chunk,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_reported_and_repaired(full, damage):
    DAMAGES[damage](full.path)
    store = Store(full.path).open()
    assert list(store.committed()) == ["00000", "00002"]
    assert [found.chunk for found in store.damaged] == ["00001"]
    assert str(store.damaged[0]).startswith("chunk 00001: ")
    with pytest.raises(InputError, match="chunk 00001"):
        store.read("00001")
    chunk = store.plan.chunks()[1]
    store.commit(chunk, arrays_of(chunk), {})
    again = Store(full.path).open()
    assert len(again.committed()) == 3 and again.damaged == []


def test_a_chunk_without_sidecar_was_never_committed(full):
    (full.path / "chunks/00001.json").unlink()
    store = Store(full.path).open()
    assert list(store.committed()) == ["00000", "00002"] and store.damaged == []
    with pytest.raises(InputError, match="not computed yet"):
        store.read("00001")


def test_every_flipped_bit_of_a_sidecar_is_found(full):
    path = full.path / "chunks/00001.json"
    whole = path.read_bytes()
    for position in range(len(whole)):
        flip(path, position, position % 8)
        assert "00001" not in Store(full.path).open().committed(), position
        path.write_bytes(whole)


def test_an_unreadable_chunk_is_no_traceback(full):
    store = Store(full.path).open()
    store.committed()
    os.truncate(full.path / "chunks/00001.npz", 100)
    with pytest.raises(InputError, match="cannot be read"):
        store.read("00001")
    assert "00001" not in store.committed()


# --- writing that fails, processes that die ----------------------------------------------------


class Trouble:
    """Counts the system calls that make a file last; the n-th and all later ones fail."""

    def __init__(self, monkeypatch, at, error):
        self.calls = 0
        for name in ("fsync", "replace", "link"):
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name), at, error))

    def _wrap(self, call, at, error):
        def wrapped(*args):
            self.calls += 1
            if self.calls >= at:
                raise error
            return call(*args)

        return wrapped


CALLS_OF_A_CHUNK = 6  # twice: flush the file, rename it, flush the folder


@pytest.mark.parametrize("at", range(1, CALLS_OF_A_CHUNK + 1))
@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO"])
def test_a_failing_write_interrupts_and_leaves_no_trace(full, monkeypatch, at, code):
    chunk, number = full.plan.chunks()[1], getattr(errno, code)
    DAMAGES["a bit"](full.path)
    store = Store(full.path).open()
    kept = store.committed()
    with monkeypatch.context() as patch:
        Trouble(patch, at, OSError(number, os.strerror(number)))
        with pytest.raises(Interrupted) as caught:
            store.commit(chunk, arrays_of(chunk), {})
    text = str(caught.value)
    assert os.strerror(number) in text and str(full.path) in text and "chunk 00001" in text
    assert "run the same command again" in text
    assert temporaries(full.path) == []
    again = Store(full.path).open()
    assert kept.items() <= again.committed().items()
    again.commit(chunk, arrays_of(chunk), {})
    assert len(Store(full.path).open().committed()) == 3


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_full_disk_at_the_start(tmp_path, monkeypatch, at):
    with monkeypatch.context() as patch:
        Trouble(patch, at, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(Interrupted, match=r"manifest\.json.*No space left.*free some space"):
            Store(tmp_path / "run").create(make_manifest())
    assert temporaries(tmp_path) == []
    assert Store(tmp_path / "run").create(make_manifest()).committed() == {}


def test_a_directory_that_cannot_be_written_is_bad_input(tmp_path, monkeypatch):
    Trouble(monkeypatch, 1, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    with pytest.raises(InputError, match="Permission denied"):
        Store(tmp_path / "run").create(make_manifest())


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process runs any more, clean-up included."""


def test_a_kill_between_any_two_system_calls_loses_nothing(tmp_path, monkeypatch):
    """Kills a run at its first, second, ... system call, until one run gets through."""
    straight = fill(Store(tmp_path / "straight").create(make_manifest()))
    deaths = 0
    while True:
        path = tmp_path / f"run{deaths}"
        with monkeypatch.context() as patch:
            patch.setattr(files, "_PROCESS", "0a0a0a0a")
            trouble = Trouble(patch, deaths + 1, Killed)
            patch.setattr(files.Path, "unlink", _dead_after(trouble, deaths, files.Path.unlink))
            try:
                fill(Store(path).create(make_manifest()))
                break
            except Killed:
                deaths += 1
        acknowledged = max(0, (deaths - 1 - 4) // CALLS_OF_A_CHUNK)
        store = Store(path).create(make_manifest())
        assert temporaries(path) == []
        assert len(store.committed()) >= acknowledged and store.damaged == []
        for chunk in store.plan.chunks():
            if chunk.id not in store.committed():
                store.commit(chunk, arrays_of(chunk), {})
            name = f"chunks/{chunk.id}.npz"
            assert (path / name).read_bytes() == (straight.path / name).read_bytes()
    assert deaths == 4 + 3 * CALLS_OF_A_CHUNK


def _dead_after(trouble, calls, unlink):
    def dead(path):
        if trouble.calls > calls:
            raise Killed
        unlink(path)

    return dead


def test_leftovers_are_removed_but_not_what_is_being_written(full):
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    here, me = files._HOST, os.getpid()

    def leave(host, pid, process, age=0.0):
        path = full.path / f"chunks/.00001.npz.{host}-{pid}-{process}-0.tmp"
        path.write_bytes(b"half")
        stamp = path.stat().st_mtime - age
        os.utime(path, (stamp, stamp))
        return path

    gone = [
        leave(here, finished.pid, "0a0a0a0a"),
        leave(here, me, "0a0a0a0a"),
        leave("0a0a0a0a", 1, "0b0b0b0b", age=2 * 86400),
    ]
    kept = [
        leave(here, me, files._PROCESS),
        leave(here, os.getppid(), "0a0a0a0a"),
        leave("0a0a0a0a", 1, "0c0c0c0c"),
    ]
    Store(full.path).open()
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)
