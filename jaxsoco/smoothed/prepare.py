"""From settings to a problem: ``prepare_*`` without JAX, :func:`build` with it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.smoothed.data.loads import digest_of, drawn, notes_of, recorded_load
from jaxsoco.smoothed.data.numbers import Numbers, read_numbers
from jaxsoco.smoothed.settings_problems import (
    JumpingTarget,
    RandomWalk,
    RecordedRounds,
    ServersOn,
    Sight,
    StrongLowerBound,
    ZigZag,
)

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance


class Content(NamedTuple):
    """A problem in numbers, those that are leaves may be tracers.

    Attributes:
      name: of the function in :mod:`jaxsoco.smoothed.instances` that makes it.
      arguments: of that.
      bin: length of a round in seconds, where a recorded load tells it; else 0.
    """

    name: str
    arguments: dict[str, Any]
    bin: float = 0.0


def prepare_walk(settings: RandomWalk, folder: Path) -> Prepared:
    """Checks the settings against each other.

    Raises:
      InputError: a price of moving down for a movement that has none.
    """
    del folder
    arguments = {**_sight(settings), **_moves(settings)}
    names = ("horizon", "dimension", "cost", "curvature", "condition", "step", "persistence")
    arguments |= {name: getattr(settings, name) for name in names}
    return _prepared("walk", settings, arguments, (settings.dimension, settings.cost))


def prepare_jumps(settings: JumpingTarget, folder: Path) -> Prepared:
    """There is nothing to check."""
    del folder
    arguments = {one.name: getattr(settings, one.name) for one in JumpingTarget.FIELDS}  # type: ignore[attr-defined]
    group = (settings.horizon, settings.dimension, settings.information)
    return _prepared("jumps", settings, arguments, group)


def prepare_zigzag(settings: ZigZag, folder: Path) -> Prepared:
    """There is nothing to check."""
    del folder
    names = ("eps", "length", "block")
    arguments = {**_sight(settings), **{name: getattr(settings, name) for name in names}}
    return _prepared("zigzag", settings, arguments, ())


def prepare_strong_lower_bound(settings: StrongLowerBound, folder: Path) -> Prepared:
    """There is nothing to check."""
    del folder
    rounds = settings.rounds
    rounds = math.ceil(20 / math.sqrt(settings.m)) if rounds is None else rounds
    arguments = {"m": settings.m, "rounds": rounds, "steep": settings.steep}
    return _prepared("strong_lower_bound", settings, arguments | _sight(settings), (rounds,))


def prepare_rightsizing(settings: ServersOn, folder: Path) -> Prepared:
    """Reads the load, and checks that the servers bear it.

    Raises:
      InputError: the file is not what it should be, or some load is too much for all servers.
    """
    names = ("servers", "e0", "e1", "d0", "d1", "mu", "switching", "between")
    arguments = {**_sight(settings), **{name: getattr(settings, name) for name in names}}
    if load := drawn(settings):
        arguments |= load
        return _prepared("rightsizing", settings, arguments, (load["load"], load["rounds"]))
    trace = recorded_load(settings, folder, settings.servers * settings.mu)
    arguments["load"] = trace.counts
    ready = _prepared("rightsizing", settings, arguments, ("file", len(trace.counts)))
    ready = replace(ready, identity=digest_of(trace), notes=notes_of(trace))
    return replace(ready, content=ready.content._replace(bin=trace.bin))


def prepare_recorded(settings: RecordedRounds, folder: Path) -> Prepared:
    """Reads the rounds.

    Raises:
      InputError: the file is not what it should be, or the box is empty.
    """
    numbers = _read(folder / settings.file, "problem.file")
    lo, hi = settings.lo, settings.hi
    if lo is not None and hi is not None and not is_traced(lo) and not is_traced(hi) and lo > hi:
        raise InputError(Issue("problem.lo", f"is {lo:g}, above hi, {hi:g}", "expected lo <= hi"))
    if settings.cost == "table":
        _check_table(settings, numbers)
    arguments = {**_sight(settings), **_moves(settings), "rows": numbers.values}
    names = ("cost", "curvature", "start", "lo", "hi")
    arguments |= {name: getattr(settings, name) for name in names}
    kinds = (settings.cost, numbers.values.shape, lo is None, hi is None)
    return _prepared("recorded_rows", settings, arguments, kinds, numbers)


def _check_table(settings: RecordedRounds, numbers: Numbers) -> None:
    issues = []
    if numbers.values.shape[1] < 2:
        message = "a table of costs has one column"
        issues.append(Issue("problem.file", message, "expected the costs of 0, 1, .., m"))
    for name in ("lo", "hi"):
        if getattr(settings, name) is not None:
            hint = "leave it out: the positions are those of the table"
            issues.append(Issue(f"problem.{name}", "is for targets, and cost is a table", hint))
    if not is_traced(settings.start) and settings.start % 1:
        message = f"{settings.start:g} is no whole number"
        issues.append(Issue("problem.start", message, "expected a position of the table"))
    if issues:
        raise InputError(issues)


def build(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    from jaxsoco.smoothed import instances

    content: Content = prepared.content
    return getattr(instances, content.name)(**content.arguments)


def _read(path: Path, field: str) -> Numbers:
    try:
        return read_numbers(path)
    except InputError as error:
        raise error.under(field) from None


def _sight(settings: Sight) -> dict[str, Any]:
    names = [one.name for one in Sight.FIELDS]  # type: ignore[attr-defined]
    return {name: getattr(settings, name) for name in names}


def _moves(settings: RandomWalk | RecordedRounds) -> dict[str, Any]:
    if settings.weight_down is None:
        return {"movement": settings.movement, "weight": settings.weight}
    if settings.movement != "l1":
        message = f"is for l1 movement, and movement is {settings.movement}"
        raise InputError(Issue("problem.weight_down", message, 'leave it out, or movement = "l1"'))
    return {"movement": "l1", "weight": (settings.weight, settings.weight_down)}


def _prepared(
    name: str,
    settings: Any,
    arguments: dict[str, Any],
    group: tuple[Any, ...],
    numbers: Numbers | None = None,
) -> Prepared:
    statics = [one.name for one in type(settings).FIELDS if one.static]
    values = tuple(str(getattr(settings, name)) for name in statics)
    nones = tuple(getattr(settings, one.name) is None for one in type(settings).FIELDS)
    identity = {} if numbers is None else {"sha256": numbers.digest}
    notes = () if numbers is None else (f"data: {numbers.source}",)
    return Prepared(Content(name, arguments), (*group, *values, *nones), identity, notes)
