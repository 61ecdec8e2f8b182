"""The data files in a folder; what a system or a program keeps beside them is skipped. No JAX."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MOST_ENTRIES = 100_000
"""Entries of a tree of folders that are looked at: nobody keeps so many data files."""

_SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "icon\r"})
_DATA = (
    *(".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xls", ".xlsm", ".ods"),
    *(".parquet", ".feather", ".arrow", ".h5", ".hdf5", ".nc", ".pkl", ".pickle", ".npy", ".npz"),
    *(".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz"),
)


def is_hidden(name: str) -> bool:
    """Whether a name is that of a hidden, lock or system file, or of an editor's copy.

    >>> [is_hidden(name) for name in (".DS_Store", "._FR.csv", "~$FR.xlsx", "FR.csv~", "FR.csv")]
    [True, True, True, True, False]
    """
    lower = name.casefold()
    return lower.startswith((".", "~$")) or lower.endswith(("~", ".swp")) or lower in _SYSTEM


class Found(NamedTuple):
    """What a folder holds.

    Attributes:
      files: the data files, in the order of their paths.
      others: names of files that look like data too, but have another ending.
      folders: names of sub-folders that were not searched.
    """

    files: list[Path]
    others: list[str]
    folders: list[str]


def find_files(folder: Path, endings: Sequence[str]) -> Found:
    """The files in a folder that end in one of ``endings`` (any case).

    Sub-folders are searched, at any depth, only where the folder itself holds none: a folder of
    one's own data often has the raw ones below it.

    Raises:
      OSError: the folder cannot be read.
    """
    names = sorted(entry.name for entry in folder.iterdir() if not is_hidden(entry.name))
    wanted = {name for name in names if name.casefold().endswith(tuple(endings))}
    folders = [name for name in names if name not in wanted and (folder / name).is_dir()]
    files = [folder / name for name in names if name in wanted]
    rest = [name for name in names if name not in wanted and name not in folders]
    others = [name for name in rest if name.casefold().endswith(_DATA)]
    if files or not folders:
        return Found(files, others, folders)
    return Found(_below(folder, tuple(endings)), others, [])


def _below(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Data files at any depth. Links to folders are not followed: they may lead in a circle."""
    files, count = [], 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        count += len(names)
        if count > MOST_ENTRIES:
            raise OSError(f"there are more than {MOST_ENTRIES:,} files in its sub-folders")
        files += [
            Path(place) / name
            for name in names
            if not is_hidden(name) and name.casefold().endswith(endings)
        ]
    return sorted(files)
