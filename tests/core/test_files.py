"""Files as they come: odd places, sizes, archives. Each is read, or refused in one sentence."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxsoco.core import files
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import numbers, read_bytes, read_npy, read_npz, read_text


def header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.symlink("loop", tmp_path / "loop")
    os.symlink("nowhere", tmp_path / "gone")
    for path, message in (
        (tmp_path / "pipe", "it is a device or a pipe"),
        (Path("/dev/zero"), "it is a device or a pipe"),
        (tmp_path / "loop", "too many levels of symbolic links"),
        (tmp_path / "gone", "it does not exist"),
        (tmp_path, "it is a folder"),
        (tmp_path / ("n" * 300), "file name too long"),
        (tmp_path / "a\0b", "embedded null byte"),
    ):
        with pytest.raises(InputError, match=message) as error:
            read_bytes(path)
        assert str(error.value).count("cannot be read") == 1


def test_large_files_are_refused_by_their_size_alone(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # no block of it is there
    with pytest.raises(InputError, match=r"too large, 1\.1 TB \(want at most 268 MB\)"):
        read_text(tmp_path / "large")
    with pytest.raises(InputError, match="too large"):
        read_npz(tmp_path / "large")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("(1000000, 1000000)") + bytes(8), r"takes 8 TB, and it holds 8 bytes"),
        (header("(-1,)"), "no array of numbers"),
        (header("(2,)"), "takes 16 bytes, and it holds 0 bytes"),
        (header("(1,)", "|O") + bytes(8), "Python objects"),
        (header("(" * 200), "no array of numbers"),
        (b"PK\x03\x04", "npz file by another name"),
        (b"", "no array of numbers"),
    ],
)
def test_arrays_that_are_not_what_they_promise(tmp_path, content, message):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_npy(tmp_path / "x.npy")


def test_damaged_archives(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, a=np.arange(50.0))
    path, content = tmp_path / "x.npz", whole.getvalue()
    flipped = bytearray(content)
    flipped[200] ^= 1
    for damaged in (content[:100], content[:-10], bytes(flipped), b"PK", b"", header("(0,)")):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read: it is"):
            read_npz(path)


def test_archives_that_grow_beyond_measure_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 10_000)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(5000))
    with pytest.raises(InputError, match="its arrays take more than 10 kB"):
        read_npz(tmp_path / "x.npz")


def test_what_is_no_array_in_an_archive_is_left_alone(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("note.txt", "by hand")
    assert [*read_npz(tmp_path / "x.npz")] == ["a"]


def test_real_numbers_only():
    assert numbers(np.array([True, False]), "x").tolist() == [1.0, 0.0]
    for array in (np.array("four"), np.array(1j), np.array("2022", "datetime64[D]")):
        with pytest.raises(InputError, match="x: is no array of numbers but of"):
            numbers(array, "x")


def test_messages_have_a_length():
    text = str(Issue("p" * 10_000, "m" * 10_000, "h" * 10_000))
    assert len(text) < 2000 and "ppp...ppp" in text and "ppp: mmm" in text
