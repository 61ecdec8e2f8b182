"""Folders and files that name their process: gone with it, or with the next one that comes by."""

import os
import subprocess
import sys

import pytest
from processes import environment
from survivors import temporary_of_the_dead

from jaxsoco.core import scratch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="asks for processes by their id")

OTHER = """
import sys, time
from pathlib import Path
from jaxsoco.core.scratch import make_folder, temporary_name
place = Path(sys.argv[1])
for name in ("trial", "other"):
    (make_folder(name, place) / "file").touch()
temporary_name(place / "table.csv").touch()
print("made", flush=True)
time.sleep(60)
"""


def test_a_folder_lasts_as_long_as_its_block(tmp_path):
    with pytest.raises(ZeroDivisionError), scratch.scratch_folder("trial", tmp_path) as folder:
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
        raise ZeroDivisionError
    assert [*tmp_path.iterdir()] == []


def test_what_a_killed_process_left_goes_with_the_next_of_its_kind(tmp_path):
    started = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], env=environment(), stdout=subprocess.PIPE
    )
    assert started.stdout is not None and started.stdout.readline() == b"made\n"
    left = {path.name.split(".")[1]: path for path in tmp_path.iterdir()}
    assert left.keys() == {"trial", "other", "table"}
    assert all(map(scratch.is_temporary, left.values()))
    with scratch.scratch_folder("trial", tmp_path) as folder:
        assert folder not in left.values()
        assert all(path.exists() for path in left.values())  # it lives
    started.kill()
    started.communicate()
    with scratch.scratch_folder("trial", tmp_path):
        assert not left["trial"].exists()
        assert left["other"].exists() and left["table"].exists()
    scratch.remove_leftovers(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path):
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").touch()
    link = temporary_of_the_dead(tmp_path / "trial")
    link.symlink_to(target)
    scratch.remove_leftovers(tmp_path)
    assert not link.is_symlink() and (target / "file").exists()


def test_names_of_others_are_left_alone(tmp_path):
    names = [
        ".trial.part",
        "trial",
        ".a.0a0a0a0a-1-0a0a0a0a-0.tmp.bak",
        ".0a0a0a0a-1-0a0a0a0a-0.tmp",
    ]
    for name in names:
        (tmp_path / name).touch()
    scratch.remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
