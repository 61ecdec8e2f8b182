"""Advice from a file: a table of states for every hour and region in which a job may arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.settings_jobs import MONTH, AdviceWord, CarbonJobs
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.files import numbers, read_npy, read_npz
from jaxsoco.core.settings import is_traced

_FIELD = "problem.advice"
ADVICE_WORDS: tuple[str, ...] = get_args(AdviceWord)
_TOLERANCE = 1e-6
"""By how much the weights of a mix, and the work of a schedule in slots, may be off."""


class Schedules(NamedTuple):
    """Advice for every arrival, as mixes of A paths.

    Attributes:
      states: ON at region u is ``u``, OFF there ``n + u``: int16 ``[hours, n, slots, A]``.
      weights: of the paths, float64 ``[hours, n, A]``.
      source: path of the file.
      digest: sha256 of both arrays, in hexadecimal.
    """

    states: np.ndarray
    weights: np.ndarray
    source: str
    digest: str


def read_schedules(
    settings: CarbonJobs, folder: Path, carbon: CarbonTrace, deadlines: tuple[Any, int]
) -> Schedules | None:
    """The table of states that ``advice`` names; None if it names none.

    A ``.npy`` file holds integers ``[hours, slots]`` or ``[hours, n, slots]``, row h for a job that
    arrives in hour h of the carbon data. A ``.npz`` file holds them as ``states``; it may have
    ``regions``, the names that the states refer to, and for mixes of A paths ``states
    [hours, n, slots, A]`` and ``weights`` ``[A]`` or ``[hours, n, A]``.

    Args:
      settings: of the jobs.
      folder: where relative paths start.
      carbon: the trace.
      deadlines: the shortest, which may be a tracer, and the longest.

    Raises:
      InputError: the file cannot be read, is too short, names regions that are unknown, or its
        schedules do not do the work of the job by the shortest deadline.
    """
    if settings.advice in ADVICE_WORDS:
        return None
    path = folder / settings.advice
    try:
        states, weights, regions = _read(path)
        states, weights = _shaped(states, weights, carbon, deadlines[1])
        states = _renamed(states, regions, carbon.regions)
        for issue in _faults(states, weights, settings, carbon, deadlines[0]):
            raise InputError(issue)
    except InputError as error:
        raise error.under(_FIELD) from None
    states = np.ascontiguousarray(states, np.int16)
    weights = np.ascontiguousarray(weights, np.float64)
    digest = hashlib.sha256(states.astype("<i2").tobytes() + weights.astype("<f8").tobytes())
    return Schedules(states, weights, str(settings.advice), digest.hexdigest())


def advice_conflicts(settings: CarbonJobs) -> Iterator[Issue]:
    """An error of the advice, where the advice takes none."""
    error = settings.advice_error
    if settings.advice != "hindsight" and not is_traced(error) and error > 0:
        yield Issue(
            "problem.advice_error",
            f'{error:g} has no effect on advice = "{settings.advice}"',
            'want advice = "hindsight", which the costliest schedule is mixed into, or 0',
        )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None, list[str] | None]:
    """States, weights and names of regions, as they are in the file."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path), None, None
    if suffix != ".npz":
        hint = f"{suggest(path.name, ADVICE_WORDS)}; a table is a .npy or .npz file"
        raise InputError(Issue("", f'"{path.name}" is no advice and no table of states', hint))
    arrays = read_npz(path)
    if "states" not in arrays:
        message = f"has no array states; it has {', '.join(arrays) or 'none'}"
        raise InputError(Issue(str(path), message, "want states [hours, n, slots]"))
    names = arrays.get("regions")
    return arrays["states"], arrays.get("weights"), None if names is None else _text(names, path)


def _text(names: np.ndarray, path: Path) -> list[str]:
    if names.dtype.kind != "U" or names.ndim != 1:
        raise InputError(Issue(str(path), "regions are no list of names", "want text [n]"))
    return names.tolist()


def _shaped(
    states: np.ndarray, weights: np.ndarray | None, carbon: CarbonTrace, slots: int
) -> tuple[np.ndarray, np.ndarray]:
    """States ``[hours, n, slots, A]`` and weights ``[hours, n, A]``, where the table fits."""
    hours, n = carbon.values.shape
    if states.dtype.kind not in "iu":
        raise InputError(Issue("states", f"are {states.dtype}", "want integers, 0 to 2n - 1"))
    shape = list(states.shape)
    want = f"[{hours}, {slots}] or [{hours}, {n}, {slots}], hours by regions by slots"
    if states.ndim == 2:
        states = np.broadcast_to(states[:, None], (shape[0], n, shape[1]))
    if states.ndim == 3:
        states = states[..., None]
    if states.ndim != 4 or states.shape[:2] != (hours, n) or not states.shape[3]:
        raise InputError(Issue("states", f"have the shape {shape}", f"want {want}"))
    if states.shape[2] < slots:
        message = f"have {states.shape[2]} slots, and the longest deadline is {slots} h"
        raise InputError(Issue("states", message, f"want {want}"))
    paths = states.shape[3]
    if weights is None:
        weights = np.ones(1)
    weights = numbers(weights, "weights")
    if weights.shape not in ((paths,), (hours, n, paths)):
        message = f"have the shape {list(weights.shape)} for {paths} paths"
        raise InputError(Issue("weights", message, f"want [{paths}] or [{hours}, {n}, {paths}]"))
    return states[:, :, :slots], np.broadcast_to(weights, (hours, n, paths))


def _renamed(states: np.ndarray, names: list[str] | None, regions: tuple[str, ...]) -> np.ndarray:
    """The table in the order of the carbon data's regions."""
    if names is None or tuple(names) == regions:
        return states
    issues = [
        Issue("regions", f'unknown region "{name}"', suggest(name, regions))
        for name in names
        if name not in regions
    ]
    if not issues and sorted(names) != sorted(regions):
        issues = [Issue("regions", ", ".join(names), "want each once: " + ", ".join(regions))]
    if issues:
        raise InputError(issues)
    n = len(regions)
    place = np.array([regions.index(name) for name in names])
    if states.size and (states.min() < 0 or states.max() >= 2 * n):
        return states  # what stands there is said later
    # State u or n + u of the file is that of its name, and so is its row.
    renumbered = np.concatenate([place, place + n])[states]
    return renumbered[:, np.argsort(place)]


def _faults(
    states: np.ndarray,
    weights: np.ndarray,
    settings: CarbonJobs,
    carbon: CarbonTrace,
    shortest: Any,
) -> Iterator[Issue]:
    """What keeps the table from being advice for the jobs, the first place of each kind."""
    hours, n, slots, _ = states.shape
    if settings.subset_size is not None:
        yield Issue("", "is a table for all regions", 'want subset_size = "auto"')
    if not isinstance(settings.job_length, int):
        message = f'is a table for jobs of one length, and job_length is "{settings.job_length}"'
        yield Issue("", message, "want job_length = the slots that it runs")
    # Rows of hours in which no job arrives may hold anything.
    first = MONTH if settings.bounds == "month" else 0
    states, weights = states[first : hours - slots + 1], weights[first : hours - slots + 1]

    def at(places: np.ndarray) -> str:
        hour, region = places[0][:2]
        return f"of hour {hour + first} in {carbon.regions[region]}"

    wrong = np.argwhere((states < 0) | (states >= 2 * n))
    if len(wrong):
        message = f"state {states[tuple(wrong[0])]} in slot {wrong[0][2] + 1} {at(wrong)}"
        yield Issue("states", message, f"want 0 to {n - 1} for ON, {n} to {2 * n - 1} for OFF")
    total = weights.sum(axis=2)
    wrong = np.argwhere(~(np.abs(total - 1) <= _TOLERANCE) | ~(weights >= 0).all(axis=2))
    if len(wrong):
        message = f"the weights {at(wrong)} come to {total[tuple(wrong[0])]:.6g}"
        yield Issue("weights", message, "want weights of at least 0 with the sum 1")
    shortest = slots if is_traced(shortest) else int(shortest)
    on = states < n
    early, late = on[:, :, :shortest].sum(axis=2), on[:, :, shortest:].sum(axis=2)
    work, rest = (weights * early).sum(axis=2), (weights * late).sum(axis=2)
    wrong = np.argwhere((np.abs(work - settings.job_length) > _TOLERANCE) | (rest > _TOLERANCE))
    if len(wrong):
        place = tuple(wrong[0])
        more = f" and {rest[place]:g} too late" if rest[place] > _TOLERANCE else ""
        message = f"the schedule {at(wrong)} runs {work[place]:g} slots in time{more}"
        want = f"want {settings.job_length} slots ON within the first {shortest}, OFF after them"
        yield Issue("states", message, want)
