"""The directory of results: nothing but whole packs ever counts as computed."""

import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from toy_study import make_study, pack_files, temporaries

from jaxsoco.core import scratch
from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.engine import files
from jaxsoco.engine.packs import Block, name_of
from jaxsoco.engine.store import Store

STUDY = make_study()
KEYS = tuple(f"{number:064x}" for number in range(3))


def content_of(number):
    """Blocks, arrays and facts of a small pack, of two learners."""
    rows = np.arange(4 * number, 4 * number + 4)
    arrays = {}
    for learner in (0, 1):
        arrays |= {
            f"{learner:03d}.hit": np.sin(rows[:, None] + learner + np.arange(2)).astype("f4"),
            f"{learner:03d}.faults": rows.astype(np.int32),
            f"{learner:03d}.finite": rows % 3 > 0,
        }
    blocks = tuple(
        Block(KEYS[key], start, stop, learner, row)
        for learner, key in ((0, 0), (1, 1))
        for start, stop, row in [(4 * number, 4 * number + 4, 0)]
    )
    return blocks, arrays, {"seconds": 0.5, "device": "fake"}


NAMES = tuple(name_of(content_of(number)[0]) for number in range(3))


def fill(store, numbers=range(3)):
    for number in numbers:
        store.commit(*content_of(number))
    return store


@pytest.fixture
def full(tmp_path):
    return fill(Store(tmp_path / "run").begin(STUDY.to_json()))


def whole(path):
    """Numbers of the packs that are here and whole, and the reasons of the others."""
    store = Store(path).open()
    index = store.refresh()
    return sorted(NAMES.index(name) for name in index.packs), store.damaged


def messages(caught):
    return [str(issue) for issue in caught.value.issues]


# --- what is written ---------------------------------------------------------------------------


def test_what_is_committed_is_read_back(full):
    store = Store(full.path).open()
    index = store.refresh()
    assert set(index.packs) == {*NAMES} and store.damaged == []
    for number, name in enumerate(NAMES):
        blocks, expected, facts = content_of(number)
        arrays, pack = store.read(name), index.packs[name]
        assert arrays.keys() == expected.keys()
        for key, array in arrays.items():
            assert array.dtype == expected[key].dtype
            np.testing.assert_array_equal(array, expected[key])
        assert (pack.blocks, pack.facts, pack.runs) == (blocks, facts, 8)
        assert pack.size == (full.path / f"packs/{name}.npz").stat().st_size
    assert temporaries(full.path) == []


def test_the_index_is_the_union_of_the_sidecars(full):
    index = Store(full.path).open().refresh()
    assert index.seeds(KEYS[0]) == index.seeds(KEYS[1]) == [(0, 12)]
    assert index.seeds(KEYS[2]) == []
    (full.path / "packs" / f"{NAMES[1]}.json").unlink()
    assert Store(full.path).open().refresh().seeds(KEYS[0]) == [(0, 4), (8, 12)]


def test_the_manifest_says_what_is_asked(full):
    manifest = json.loads((full.path / "manifest.json").read_text())
    assert (manifest["format"], manifest["figure"]) == (2, "Walks") and manifest["created"]
    study = Store(full.path).open().study
    assert (study.plan, study.setup, study.origin) == (STUDY.plan, STUDY.setup, STUDY.origin)


def test_the_identity_depends_on_what_fixes_the_numbers_alone(tmp_path):
    def identity(name, **changes):
        return Store(tmp_path / name).begin(make_study(**changes).to_json()).manifest["identity"]

    one = identity("one")
    assert one == identity("two", title="another", pack=16)
    assert len({one, identity("three", seeds=12), identity("four", speeds=(1.0, 2.5, 4.0, 6.0))})


def test_equal_results_give_equal_files(full, tmp_path):
    other = fill(Store(tmp_path / "other").begin(STUDY.to_json()))
    assert pack_files(other.path) == pack_files(full.path)


def test_objects_are_never_pickled(full):
    blocks, arrays, facts = content_of(0)
    with pytest.raises(TypeError):
        full.commit(blocks, arrays | {"x": np.array([{}], object)}, facts)


def test_another_process_may_commit_and_delete_in_the_meantime(tmp_path):
    mine = Store(tmp_path).begin(STUDY.to_json())
    assert mine.refresh().packs == {}
    theirs = fill(Store(tmp_path).open())
    theirs.refresh()
    assert mine.refresh().packs.keys() == {*NAMES}
    theirs.remove(NAMES[1])
    assert mine.refresh().packs.keys() == {NAMES[0], NAMES[2]}
    # What comes back counts again.
    fill(theirs, [1])
    assert mine.refresh().packs.keys() == {*NAMES}
    mine.read(NAMES[1])


def test_a_pack_is_read_as_it_was_written_last(full):
    """The same cells may be computed by a study that numbers its learners in another way."""
    full.read(NAMES[0])
    blocks, arrays, facts = content_of(0)
    blocks = tuple(block._replace(learner=1 - block.learner) for block in blocks)
    swapped = {f"{1 - int(k[:3]):03d}{k[3:]}": array for k, array in arrays.items()}
    full.commit(blocks, swapped, facts)
    np.testing.assert_array_equal(full.read(NAMES[0])["001.hit"], arrays["000.hit"])


def test_a_pack_of_another_process_is_found_without_a_look_at_the_others(full, monkeypatch):
    other = Store(full.path).open()
    monkeypatch.setattr(Store, "_names", None)
    first, name, _ = full.index.packs
    assert other.find(name) == full.index.packs[name]
    assert [*other.index.packs] == [name]
    with pytest.raises(InputError, match="it is gone"):
        other.find("0" * 24)
    (full.path / "packs" / f"{first}.npz").write_bytes(b"")
    with pytest.raises(InputError, match="size differs"):
        other.find(first)


def test_few_arrays_are_kept(full, monkeypatch):
    monkeypatch.setattr("jaxsoco.engine.store._MOST_KEPT", 0)
    store = Store(full.path).open()
    store.refresh()
    for name in (*NAMES, *NAMES):
        store.read(name)
        assert [*store._arrays] == [name]


# --- packs of another folder -------------------------------------------------------------------


def refuse_links(monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("links", [True, False])
def test_packs_are_taken_over_by_links_or_copies(full, tmp_path, monkeypatch, links):
    other = Store(tmp_path / "other").begin(STUDY.to_json())
    if not links:
        refuse_links(monkeypatch)
    for pack in full.index.packs.values():
        other.take(pack, full.path / "packs")
        other.take(pack, full.path / "packs")
    assert whole(other.path) == ([0, 1, 2], [])
    assert pack_files(other.path) == pack_files(full.path)
    results = other.path / f"packs/{NAMES[0]}.npz"
    assert (results.stat().st_nlink == 2) == links
    assert temporaries(tmp_path) == []


def test_what_is_taken_over_takes_the_place_of_what_is_damaged(full, tmp_path):
    other = fill(Store(tmp_path / "other").begin(STUDY.to_json()))
    DAMAGES["a bit"](other.path)
    other = Store(other.path).open()
    assert NAMES[1] not in other.refresh().packs
    other.take(full.index.packs[NAMES[1]], full.path / "packs")
    assert whole(other.path) == ([0, 1, 2], [])
    other.read(NAMES[1])


def test_a_full_disk_while_packs_are_taken_over(full, tmp_path, monkeypatch):
    other = Store(tmp_path / "other").begin(STUDY.to_json())
    with monkeypatch.context() as patch:
        Trouble(patch, 2, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(Interrupted, match="No space left"):
            other.take(full.index.packs[NAMES[0]], full.path / "packs")
    assert temporaries(tmp_path) == [] and whole(other.path) == ([], [])
    other.take(full.index.packs[NAMES[0]], full.path / "packs")
    assert whole(other.path) == ([0], [])


# --- begin, go on, refuse ----------------------------------------------------------------------


def test_a_directory_is_gone_on_with_and_its_presentation_renewed(full):
    created = full.manifest["created"]
    store = Store(full.path).begin(make_study(title="better").to_json())
    assert len(store.refresh().packs) == 3
    manifest = Store(full.path).open().manifest
    assert (manifest["figure"], manifest["created"]) == ("better", created)


def test_going_on_with_the_same_leaves_the_manifest_alone(full):
    before = (full.path / "manifest.json").stat()
    Store(full.path).begin(STUDY.to_json())
    after = (full.path / "manifest.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "other",
    [
        {"seeds": 7},
        {"speeds": (9.0, 1.0), "groups": ((0, 1),)},
        {"learners": {"greedy": {}}},
        {"pack": 16},
        {"tile": 8},
    ],
)
def test_another_study_may_be_asked_of_a_directory(full, other):
    """The packs stay, whatever they are of: the manifest is of what was asked last."""
    store = Store(full.path).begin(make_study(**other).to_json())
    assert len(store.refresh().packs) == 3
    assert Store(full.path).open().study.plan == make_study(**other).plan


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not a run directory"):
        Store(tmp_path).open()
    with pytest.raises(InputError, match=r'not a run directory: it holds "thesis\.tex"'):
        Store(tmp_path).begin(STUDY.to_json())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    "text", ['{"name": "A web site", "icons": []}', '{"format": 2}', "", "[1]", '{"format": 1']
)
def test_a_manifest_of_another_program_is_never_overwritten(tmp_path, text):
    (tmp_path / "index.html").write_text("precious")
    (tmp_path / "manifest.json").write_text(text)
    for attempt in (
        Store(tmp_path).open,
        lambda: Store(tmp_path).open(to_extend=True),
        lambda: Store(tmp_path).begin(STUDY.to_json()),
    ):
        with pytest.raises(InputError, match=r"its manifest\.json"):
            attempt()
    assert (tmp_path / "manifest.json").read_text() == text
    assert {p.name for p in tmp_path.iterdir()} == {"index.html", "manifest.json"}


def test_packs_without_a_manifest_are_refused(full):
    (full.path / "manifest.json").unlink()
    with pytest.raises(InputError, match="not a run directory"):
        Store(full.path).begin(STUDY.to_json())


@pytest.mark.parametrize("left", [(), ("packs",), (".manifest.json.0a0a0a0a-1-0b0b0b0b-0.tmp",)])
def test_an_interrupted_beginning_is_taken_up(tmp_path, left):
    for name in left:
        (tmp_path / name).mkdir() if name == "packs" else (tmp_path / name).touch()
    assert Store(tmp_path).begin(STUDY.to_json()).refresh().packs == {}


def test_a_folder_of_packs_that_is_gone_is_made_again(full):
    shutil.rmtree(full.path / "packs")
    assert Store(full.path).open().refresh().packs == {}
    fill(Store(full.path).begin(STUDY.to_json()))
    assert whole(full.path) == ([0, 1, 2], [])


def test_missing_directories(tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        Store(tmp_path / "absent").open()
    assert Store(tmp_path / "a" / "b").begin(STUDY.to_json()).refresh().packs == {}


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=str(path)):
            Store(path).open()
        with pytest.raises(InputError, match="Not a directory"):
            Store(path).begin(STUDY.to_json())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "packs").touch()
    with pytest.raises(InputError, match="cannot be used as a run directory"):
        Store(tmp_path / "run").begin(STUDY.to_json())


@pytest.mark.parametrize("theirs", [{"seeds": 7}, {}])
def test_two_beginnings_in_one_directory_share_it(tmp_path, monkeypatch, theirs):
    """Whoever writes the manifest last is asked; nobody loses a pack."""
    link = os.link

    def late(source, target):
        monkeypatch.setattr(os, "link", link)
        fill(Store(tmp_path).begin(make_study(**theirs).to_json()))
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    store = Store(tmp_path).begin(STUDY.to_json())
    assert len(store.refresh().packs) == 3
    assert Store(tmp_path).open().study.seeds == store.study.seeds == 11
    assert temporaries(tmp_path) == []


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    refuse_links(monkeypatch)
    assert Store(tmp_path / "run").begin(STUDY.to_json()).refresh().packs == {}
    assert temporaries(tmp_path) == []


UNREADABLE = [
    (b'{"format": 2,', "cannot be read"),
    (b"\xff\xfe", "cannot be read"),
    (b"[]", "cannot be read"),
    (b"[" * 100_000, "cannot be read"),
    (b"{}", "lacks created, format, identity, name, plan, presentation, settings"),
    ({"settings": {"seeds": 9}}, "changed after it was written"),
    ({"plan": {}}, "changed after it was written"),
    ({"seal": "0" * 64}, "changed after it was written"),
    ({"figure": "Another"}, "changed after it was written"),
    ({"format": 1}, "were changed"),
]


def spoil(path, content):
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)


@pytest.mark.parametrize(("content", "message"), UNREADABLE)
def test_a_damaged_manifest_is_not_read_but_written_anew(full, content, message):
    """A manifest fixes nothing: packs say themselves what they are."""
    spoil(full.path / "manifest.json", content)
    with pytest.raises(InputError, match=message):
        Store(full.path).open()
    lenient = Store(full.path).open(to_extend=True)
    assert lenient.manifest == {} and len(lenient.refresh().packs) == 3
    assert len(Store(full.path).begin(STUDY.to_json()).refresh().packs) == 3
    assert Store(full.path).open().study.plan == STUDY.plan


def test_a_directory_of_a_later_format_is_left_alone(full):
    path = full.path / "manifest.json"
    spoil(path, {"format": 3})
    text = path.read_text()
    for attempt in (Store(full.path).open, lambda: Store(full.path).begin(STUDY.to_json())):
        with pytest.raises(InputError, match="written in format 3, and this version reads"):
            attempt()
    assert path.read_text() == text


# --- damage ------------------------------------------------------------------------------------


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def results(path):
    return path / "packs" / f"{NAMES[1]}.npz"


def sidecar(path):
    return path / "packs" / f"{NAMES[1]}.json"


def copy_pack(source, target):
    for suffix in (".npz", ".json"):
        shutil.copy(source.with_suffix(suffix), target.with_suffix(suffix))


def as_folder(file):
    file.unlink()
    file.mkdir()


DAMAGES = {
    "truncated": lambda p: os.truncate(results(p), 100),
    "empty": lambda p: os.truncate(results(p), 0),
    "longer": lambda p: os.truncate(results(p), 10_000),
    "first bit": lambda p: flip(results(p), 0),
    "a bit": lambda p: flip(results(p), 200, 3),
    "last bit": lambda p: flip(results(p), -1, 7),
    "gone": lambda p: results(p).unlink(),
    "a folder": lambda p: as_folder(results(p)),
    "sidecar truncated": lambda p: os.truncate(sidecar(p), 50),
    "sidecar empty": lambda p: os.truncate(sidecar(p), 0),
    "sidecar no object": lambda p: sidecar(p).write_text("[1]"),
    "sidecar unsealed": lambda p: sidecar(p).write_text("{}"),
    "sidecar too deep": lambda p: sidecar(p).write_text("[" * 100_000),
    "sidecar a folder": lambda p: as_folder(sidecar(p)),
    "of another pack": lambda p: copy_pack(p / "packs" / NAMES[0], p / "packs" / NAMES[1]),
    "results of another pack": lambda p: shutil.copy(p / f"packs/{NAMES[0]}.npz", results(p)),
    "sidecar of another pack": lambda p: shutil.copy(p / f"packs/{NAMES[0]}.json", sidecar(p)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_reported_and_repaired(full, damage):
    DAMAGES[damage](full.path)
    store = Store(full.path).open()
    assert sorted(store.refresh().packs) == sorted({NAMES[0], NAMES[2]})
    assert [one.pack for one in store.damaged] == [NAMES[1]]
    assert str(store.damaged[0]).startswith(f"pack {NAMES[1]}: its ")
    assert store.refresh().seeds(KEYS[0]) == [(0, 4), (8, 12)] and len(store.damaged) == 1
    for file in (results(full.path), sidecar(full.path)):
        if file.is_dir():
            file.rmdir()  # the one thing that a file cannot take the place of
    fill(store, [1])
    assert whole(full.path) == ([0, 1, 2], [])
    assert store.refresh().seeds(KEYS[0]) == [(0, 12)] and store.damaged == []


def test_a_quick_look_compares_sizes_alone(full):
    store = Store(full.path).open()
    DAMAGES["a bit"](full.path)
    assert len(store.refresh(thorough=False).packs) == 3
    with pytest.raises(InputError, match="SHA-256 differs"):
        store.read(NAMES[1])
    assert len(store.refresh().packs) == 2 and len(store.damaged) == 1
    DAMAGES["truncated"](full.path)
    quick = Store(full.path).open()
    assert len(quick.refresh(thorough=False).packs) == 2 and len(quick.damaged) == 1


def test_results_without_sidecar_were_never_committed(full):
    sidecar(full.path).unlink()
    assert whole(full.path) == ([0, 2], [])


def test_every_flipped_bit_of_a_sidecar_is_found(full):
    text = sidecar(full.path).read_bytes()
    for position in range(len(text)):
        flip(sidecar(full.path), position, position % 8)
        numbers, damaged = whole(full.path)
        assert numbers == [0, 2] and len(damaged) == 1, position
        sidecar(full.path).write_bytes(text)


def test_an_unreadable_pack_is_no_traceback(full):
    store = Store(full.path).open()
    store.refresh()
    os.truncate(results(full.path), 100)
    with pytest.raises(InputError, match=r"results are damaged.*run the experiment again"):
        store.read(NAMES[1])
    assert NAMES[1] not in store.refresh().packs and len(store.damaged) == 1


def test_a_pack_is_removed_with_its_sidecar_first(full, monkeypatch):
    unlink, order = files.Path.unlink, []

    def note(path, missing_ok=False):
        order.append(path.suffix)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(files.Path, "unlink", note)
    full.remove(NAMES[1])
    full.remove(NAMES[1])
    assert order[:2] == [".json", ".npz"]
    assert whole(full.path) == ([0, 2], [])
    assert full.index.seeds(KEYS[1]) == [(0, 4), (8, 12)]


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


CALLS_OF_A_PACK = 6  # twice: flush the file, rename it, flush the folder


@pytest.mark.parametrize("at", range(1, CALLS_OF_A_PACK + 1))
@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO"])
def test_a_failing_write_interrupts_and_leaves_no_trace(full, monkeypatch, at, code):
    number = getattr(errno, code)
    DAMAGES["a bit"](full.path)
    store = Store(full.path).open()
    kept = {*store.refresh().packs}
    with monkeypatch.context() as patch:
        Trouble(patch, at, OSError(number, os.strerror(number)))
        with pytest.raises(Interrupted) as caught:
            fill(store, [1])
    text = str(caught.value)
    assert os.strerror(number) in text and str(full.path) in text and f"pack {NAMES[1]}" in text
    assert "run the same command again" in text
    assert temporaries(full.path) == []
    assert kept <= {*Store(full.path).open().refresh().packs}
    fill(Store(full.path).open(), [1])
    assert whole(full.path) == ([0, 1, 2], [])


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_full_disk_at_the_beginning(tmp_path, monkeypatch, at):
    with monkeypatch.context() as patch:
        Trouble(patch, at, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(Interrupted, match=r"manifest\.json.*No space left.*free some space"):
            Store(tmp_path / "run").begin(STUDY.to_json())
    assert temporaries(tmp_path) == []
    assert Store(tmp_path / "run").begin(STUDY.to_json()).refresh().packs == {}


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_full_disk_while_the_manifest_is_renewed(full, monkeypatch, at):
    with monkeypatch.context() as patch:
        Trouble(patch, at, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(Interrupted, match=r"manifest\.json.*No space left.*free some space"):
            Store(full.path).begin(make_study(title="better").to_json())
    assert temporaries(full.path) == []
    assert whole(full.path) == ([0, 1, 2], [])


def test_a_directory_that_cannot_be_written_is_bad_input(tmp_path, monkeypatch):
    Trouble(monkeypatch, 1, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    with pytest.raises(InputError, match="Permission denied"):
        Store(tmp_path / "run").begin(STUDY.to_json())


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process runs any more, clean-up included."""


def test_a_kill_between_any_two_system_calls_loses_nothing(tmp_path, monkeypatch):
    """Kills a run at its first, second, ... system call, until one run gets through."""
    straight = fill(Store(tmp_path / "straight").begin(STUDY.to_json()))
    deaths = 0
    while True:
        path = tmp_path / f"run{deaths}"
        with monkeypatch.context() as patch:
            patch.setattr(scratch, "_PROCESS", "0a0a0a0a")
            trouble = Trouble(patch, deaths + 1, Killed)
            patch.setattr(files.Path, "unlink", _dead_after(trouble, deaths, files.Path.unlink))
            try:
                fill(Store(path).begin(STUDY.to_json()))
                break
            except Killed:
                deaths += 1
        acknowledged = max(0, (deaths - 1 - 4) // CALLS_OF_A_PACK)
        store = Store(path).begin(STUDY.to_json())
        assert temporaries(path) == []
        packs = {*store.refresh().packs}
        assert {*NAMES[:acknowledged]} <= packs and store.damaged == []
        fill(store, [n for n, name in enumerate(NAMES) if name not in packs])
        assert pack_files(path) == pack_files(straight.path)
        assert whole(path) == ([0, 1, 2], [])
    assert deaths == 4 + 3 * CALLS_OF_A_PACK


def _dead_after(trouble, calls, unlink):
    def dead(path, missing_ok=False):
        if trouble.calls > calls:
            raise Killed
        unlink(path, missing_ok=missing_ok)

    return dead


def test_leftovers_are_removed_but_not_what_is_being_written(full):
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    here, me = scratch._HOST, os.getpid()

    def leave(host, pid, process, age=0.0):
        path = full.path / f"packs/.{NAMES[1]}.npz.{host}-{pid}-{process}-0.tmp"
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
        leave(here, me, scratch._PROCESS),
        leave(here, os.getppid(), "0a0a0a0a"),
        leave("0a0a0a0a", 1, "0c0c0c0c"),
    ]
    Store(full.path).open()
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)
