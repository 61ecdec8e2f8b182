"""What is in a directory of results, as bytes and digests that can be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from jaxsoco.engine.reading import Stored


def digests(out: Path) -> dict[str, str]:
    """All files of a run that do not tell when and where it was computed."""
    kept = [*out.glob("packs/*.npz"), out / "table.csv", out / "checks.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def tables(out: Path) -> dict[str, bytes]:
    """Every table that a report is made of."""
    names = ["table.csv", "curves.csv", "checks.json"]
    files = [*(out / name for name in names), *sorted((out / "figures").glob("*.csv"))]
    return {file.name: file.read_bytes() for file in files if file.exists()}


class Written(NamedTuple):
    """A file as it was written: one that is written again differs, even if its content does not."""

    inode: int
    time: int
    digest: str


def committed(out: Path) -> dict[str, Written]:
    """The files of the packs that are committed: their sidecar is there."""
    files = {}
    for mark in sorted((out / "packs").glob("*.json")):
        for file in (mark, mark.with_suffix(".npz")):
            state = file.stat()
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            files[file.name] = Written(state.st_ino, state.st_mtime_ns, digest)
    return files


def packs(out: Path) -> int:
    """Number of committed packs."""
    return len([*(out / "packs").glob("*.json")])


class Results(NamedTuple):
    """A finished run.

    Attributes:
      runs: (group, first run, number, array) -> type, shape and bytes, for every array.
      tables: name -> content, of everything that is reported in numbers.
      files: name -> content, of the packs' arrays.
    """

    runs: dict[tuple[int, int, int, str], tuple[str, tuple[int, ...], bytes]]
    tables: dict[str, bytes]
    files: dict[str, bytes]


def results(out: Path) -> Results:
    """Everything in a run that must not depend on how it was computed; it must be whole."""
    stored = Stored(out)
    assert stored.coverage.complete and not stored.damaged
    runs = {
        (place["group"], place["start"], place["stop"], name): (
            array.dtype.name,
            array.shape,
            array.tobytes(),
        )
        for place, arrays in stored.pieces()
        for name, array in arrays.items()
    }
    files = {file.name: file.read_bytes() for file in (out / "packs").glob("*.npz")}
    return Results(runs, tables(out), files)
