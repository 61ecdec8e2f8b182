"""What a file's path says about its region: ``DE_2020.csv``, ``DE/2020/hourly.csv``."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SUFFIX = re.compile(
    r"(?:[_\s.-]+(?:\d{4}(?:[-_]\d\d){0,2}|hourly|co2_moer|co2_aoer|moer|historical"
    r"|all_moer_versions)|[_\s]+(?:ci|carbon|carbon_?intensity|co2)|\s*\(\d+\)|[_\s-]+copy(?:\s*\d+)?)+$",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"(?:\d{4}(?:-\d\d){0,2}|hourly|history|historical|ci|carbon|carbon_?intensity|intensity|co2"
    r"|emissions|values|avg_?ci|\d{1,2})?",
    re.IGNORECASE,
)


def region_of(stem: str, folders: Sequence[str] = (), root: str = "") -> str:
    """The region that a file's name stands for, without years and words for what it holds.

    >>> region_of("DE_2020"), region_of("2020", ["DE"]), region_of("hourly", ["FR", "2021"])
    ('DE', 'DE', 'FR')

    Args:
      stem: the file's name without its ending.
      folders: sub-folders between the folder that the user named and the file, outermost first.
      root: name of the folder that the user named: that of years, ``2020.csv``, in it.
    """
    short = _SUFFIX.sub("", stem)
    if not _NOTHING.fullmatch(short):
        return short
    return folder_of(folders) or (root if stem.isdecimal() else "") or stem


def is_silent(region: str) -> bool:
    """Whether a region's name is that of a file that says nothing of it: ``carbon``, ``2020``."""
    return bool(_NOTHING.fullmatch(_SUFFIX.sub("", region)))


def folder_of(folders: Sequence[str]) -> str:
    """The innermost sub-folder whose name says more than a year; empty if there is none."""
    names = (_SUFFIX.sub("", folder) for folder in reversed(folders))
    return next((name for name in names if not _NOTHING.fullmatch(name)), "")
