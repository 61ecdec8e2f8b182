"""Which files a path of carbon data stands for, and what beside them is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxsoco.core.content import PACKED
from jaxsoco.core.errors import Issue
from jaxsoco.core.files import is_folder, unreadable
from jaxsoco.core.folders import Found, find_files
from jaxsoco.core.problems import Problems
from jaxsoco.core.text import shorten

_TABLES, _ANSWERS = (".csv", ".tsv"), (".json", ".jsonl", ".ndjson")
_URL = re.compile(r"(?:^|/)((?:https?|ftp|file|s3|gs|hdfs|abfss?):/.*)", re.IGNORECASE)


class CarbonFile(NamedTuple):
    """A file, the sub-folders that lead to it from the folder that the user named, and that one."""

    path: Path
    folders: tuple[str, ...] = ()
    root: str = ""


def carbon_files(
    path: str | Path | Sequence[str | Path], problems: Problems
) -> tuple[list[CarbonFile], tuple[str, ...]]:
    """The files that ``path`` stands for, each once, and notes; faults go to ``problems``.

    A folder stands for its CSV files, packed or not; where it holds none for those of its
    sub-folders, and else for answers in JSON.
    """
    entries = [path] if isinstance(path, str | Path) else list(path)
    if not entries:
        problems.add("", "paths", Issue("carbon", "names no file", "give a folder or CSV files"))
    files: list[CarbonFile] = []
    notes: list[str] = []
    for entry in map(Path, entries):
        url = url_issue(entry)
        if url is not None:
            problems.add(str(entry), "paths", url)
        elif is_folder(entry):
            inside, said = _inside(entry, problems)
            files += inside
            notes += said
        else:
            files.append(CarbonFile(entry))
    paths = [file.path for file in files]
    for repeated in {one for one in paths if paths.count(one) > 1}:
        issue = Issue(str(repeated), "is given more than once", "name each file once")
        problems.add(str(repeated), "paths", issue)
    return list({file.path: file for file in files}.values()), tuple(notes)


def url_issue(path: str | Path) -> Issue | None:
    """What is wrong with an address of the web in place of a path."""
    match = _URL.search(str(path))
    if match is None:
        return None
    address = re.sub(r":/+", "://", match[1], count=1)
    return Issue(address, "is an address, and only local files are read", "download it first")


def _inside(folder: Path, problems: Problems) -> tuple[list[CarbonFile], list[str]]:
    try:
        found = find_files(folder, _endings(_TABLES))
        if not found.files:
            found = find_files(folder, _endings(_ANSWERS))
    except OSError as error:
        problems.add(str(folder), "paths", unreadable(folder, error))
        return [], []
    twins = {file for file in found.files if _twin(file) in found.files}
    files = [
        CarbonFile(file, file.relative_to(folder).parts[:-1], folder.name)
        for file in found.files
        if file not in twins
    ]
    if not files:
        hint = "wanted: hourly CSV files, one for each region or one wide table"
        if found.others:
            hint += f"; not read: {shorten(', '.join(found.others), 120)}"
        problems.add(str(folder), "paths", Issue(str(folder), "holds no *.csv file", hint))
    return files, _left_out(folder, found, sorted(file.name for file in twins))


def _endings(plain: tuple[str, ...]) -> tuple[str, ...]:
    return (*plain, *(ending + packed for ending in plain for packed in PACKED))


def _twin(file: Path) -> Path | None:
    """The file that a packed one would unpack to."""
    return file.with_suffix("") if file.suffix.casefold() in PACKED else None


def _left_out(folder: Path, found: Found, twins: list[str]) -> list[str]:
    notes = []
    if found.others:
        notes.append(f"left out of {folder}: {shorten(', '.join(found.others), 160)}")
    if twins:
        notes.append(f"read unpacked, not packed, in {folder}: {shorten(', '.join(twins), 160)}")
    if found.files and found.folders:
        listed = shorten(", ".join(found.folders), 160)
        notes.append(f"sub-folders of {folder} not searched: {listed}")
    return notes
