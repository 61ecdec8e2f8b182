"""A search on the disk: whole or not there, found again by what fixes it alone."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core.errors import Interrupted
from jaxsoco.tuning.folder import SearchFolder, appended


class State(NamedTuple):
    step: object
    free: object
    memory: object


class Told(NamedTuple):
    step: object
    objective: object
    values: object


STATE = State(jnp.int32(2), jnp.array([0.1, 1 / 3]), {"mean": jnp.zeros(2), "words": jnp.uint32(7)})
IDENTITY = "0123456789abcdef" * 4


def steps(number):
    columns = {}
    for i in range(number):
        columns = appended(columns, Told(i + 1, 1 / (i + 1), np.array([0.5, i])))
    return columns


def test_what_was_saved_is_loaded_to_the_bit(tmp_path):
    folder = SearchFolder(tmp_path, "pcm", IDENTITY)
    assert folder.load(STATE) is None and not folder.damaged
    folder.begin()
    folder.save(STATE, steps(3))
    loaded = folder.load(STATE)
    assert loaded is not None
    state, columns = loaded
    np.testing.assert_array_equal(state.free, STATE.free)
    assert state.memory["words"].dtype == np.uint32 and int(state.step) == 2
    assert columns["objective"].tolist() == [1, 0.5, 1 / 3]
    assert columns["values"].shape == (3, 2)


def test_the_same_content_is_the_same_bytes(tmp_path):
    contents = []
    for name in ("one", "other"):
        folder = SearchFolder(tmp_path / name, "pcm", IDENTITY)
        folder.begin()
        folder.save(STATE, steps(2))
        contents.append((folder.path / "search.npz").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    "other",
    [
        STATE._replace(free=jnp.zeros(3)),
        STATE._replace(step=jnp.float32(2)),
        STATE._replace(memory=(jnp.zeros(2), jnp.uint32(7), jnp.zeros(1))),
    ],
)
def test_a_state_of_another_kind_is_none_of_its_own(tmp_path, other):
    folder = SearchFolder(tmp_path, "pcm", IDENTITY)
    folder.begin()
    folder.save(STATE, steps(1))
    assert folder.load(other) is None and folder.damaged


def test_other_searches_of_the_learner_are_known_and_no_others(tmp_path):
    folder = SearchFolder(tmp_path, "st_clip(epsilon=0.1)", IDENTITY)
    folder.begin()
    assert folder.path.parent == tmp_path / "tuning" and folder.others == []
    second = SearchFolder(tmp_path, "st_clip(epsilon=0.1)", "f" * 64)
    assert second.others == [folder.path.name]
    assert SearchFolder(tmp_path, "st_clip", "e" * 64).others == []
    assert SearchFolder(tmp_path / "nowhere", "pcm", IDENTITY).others == []


def test_leftovers_of_killed_processes_go_and_files_stay(tmp_path):
    folder = SearchFolder(tmp_path, "pcm", IDENTITY)
    folder.begin()
    folder.save(STATE, steps(1))
    note = folder.path / "note.txt"
    note.write_text("mine")
    folder.begin()
    assert {path.name for path in folder.path.iterdir()} == {"search.npz", "note.txt"}


def test_a_full_disk_is_an_interruption(tmp_path, monkeypatch):
    folder = SearchFolder(tmp_path, "pcm", IDENTITY)
    folder.begin()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxsoco.tuning.folder.write_whole", full)
    with pytest.raises(Interrupted, match=r"search\.npz: No space left on device.*to resume"):
        folder.save(STATE, steps(1))
