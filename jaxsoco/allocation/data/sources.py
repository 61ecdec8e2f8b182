"""Reads the data that a problem's settings name."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.files import carbon_files, url_issue
from jaxsoco.allocation.data.loading import load_carbon_csv
from jaxsoco.allocation.data.network import close_metric, great_circle_latency, load_latency
from jaxsoco.allocation.data.subsets import subset_regions
from jaxsoco.allocation.data.synthetic import synthetic_carbon
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import MOST_TEXT, read_bytes
from jaxsoco.core.problems import Problems

MOST_REGIONS = 200
"""Most regions that take part: every pair and every triple of them is looked at."""


def read_carbon(settings: CarbonJobs, folder: Path) -> CarbonTrace:
    """The trace that the settings name, with the regions that take part.

    Raises:
      InputError: with every problem of the data, under the setting that led to it.
    """
    try:
        if settings.carbon == "synthetic":
            carbon = _synthetic(settings.carbon_seed)
        else:
            carbon = load_trace(settings.carbon, settings, folder)
        if isinstance(settings.regions, str):
            carbon = carbon.select(subset_regions(settings.regions, carbon.regions))
        elif settings.regions is not None:
            carbon = carbon.select(tuple(settings.regions))
        if len(carbon.regions) > MOST_REGIONS:
            message = f"has {len(carbon.regions)} regions"
            hint = f"want at most {MOST_REGIONS}: name them in problem.regions"
            raise InputError(Issue("carbon", message, hint))
        return carbon
    except InputError as error:
        raise error.under("problem") from None


# The points of a sweep share their data, and the seed may be an axis of it: 1 MB each.
@functools.lru_cache(maxsize=256)
def _synthetic(seed: int) -> CarbonTrace:
    return synthetic_carbon(seed)


def load_trace(path: Path, settings: CarbonJobs, folder: Path) -> CarbonTrace:
    """The trace of files; parsed again only if another byte is in them than at the last time.

    Raises:
      InputError: with every problem of the files.
    """
    path = folder / path  # as messages name it
    options = {name: getattr(settings, name) for name in ("signal", "fill_gaps", "trim")}
    content = _digest(path)
    key = (str(path), content, *options.values())
    if content is None or key not in _parsed:
        trace = load_carbon_csv(path, **options)
        if content is None or _digest(path) != content:
            return trace  # the files changed while they were read
        _parsed[key] = trace
        for old in [*_parsed][:-_KEPT]:
            del _parsed[old]
    return _parsed[key]


_parsed: dict[tuple[Any, ...], CarbonTrace] = {}
_KEPT = 8


def _digest(path: Path) -> str | None:
    """SHA-256 of the files' names and bytes; None where the loader will say what is wrong."""
    digest, problems = hashlib.sha256(), Problems()
    try:
        for file, folders, _ in carbon_files(path, problems)[0]:
            content = read_bytes(file, MOST_TEXT)
            name = "/".join((*folders, file.name))
            digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape"))
            digest.update(content)
        problems.raise_if_any()
    except InputError:
        return None
    return digest.hexdigest()


def read_latency(
    settings: CarbonJobs, folder: Path, regions: tuple[str, ...]
) -> tuple[np.ndarray, int]:
    """The round-trip times that the settings name, closed under shortest paths.

    Returns:
      The metric ``[n, n]`` float64 (ms), and how many triangles of the data violated it.

    Raises:
      InputError: with every problem of the data, under the setting that led to it.
    """
    try:
        if settings.latency == "great-circle":
            if len(regions) == 1:
                return np.zeros((1, 1)), 0  # wherever it is
            return close_metric(great_circle_latency(regions))
        url = url_issue(settings.latency)
        if url is not None:
            raise InputError(url)
        return close_metric(load_latency(folder / settings.latency, regions))
    except InputError as error:
        raise error.under("problem.latency") from None
