"""From the settings of load optimisation to a problem; without JAX but for :func:`build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.rows import number
from jaxsoco.core.schema import Prepared
from jaxsoco.smoothed.data.loads import digest_of, drawn, notes_of, recorded_load
from jaxsoco.smoothed.settings_types import LoadTypes

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance

MOST_STATES = 200_000
"""Of the lattice: a dynamic program goes over all of them in every round."""
_SERVERS = 6


class Fleet(NamedTuple):
    """Numbers by type, ``[d]`` each.

    Attributes:
      costs, switching: of a server that is on, and of turning it on.
      servers: how many there are.
      linear, quadratic, capacity: under a load.
    """

    costs: np.ndarray
    switching: np.ndarray
    servers: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray
    capacity: np.ndarray


def prepare_load_types(settings: LoadTypes, folder: Path) -> Prepared:
    """Reads numbers by type and the load, and checks that the servers bear it.

    Raises:
      InputError: lists of different lengths, numbers that are out of range, too many states, or a
        load that is too much.
    """
    fleet = _fleet(settings)
    arguments: dict[str, Any] = fleet._asdict()
    if not settings.dispatching:
        for name in ("linear", "quadratic", "capacity"):
            del arguments[name]
    arguments["swing"] = settings.swing
    bearable = fleet.capacity if settings.dispatching else 1.0
    trace = None
    if load := drawn(settings):
        arguments |= load
    else:
        trace = recorded_load(settings, folder, float((fleet.servers * bearable).sum()) + 1e-9)
        arguments["load"] = trace.counts
    kind = "file" if trace else settings.load
    rounds = arguments.get("rounds", np.size(arguments["load"]))
    sizes = (kind, rounds, settings.dispatching, *map(int, fleet.servers))
    # Numbers by type are in the group: runs side by side have one fleet.
    numbers = tuple(tuple(map(float, x)) for x in fleet)
    return Prepared(
        arguments,
        (*sizes, numbers, settings.swing == 0),
        digest_of(trace),
        notes_of(trace),
        _warnings(settings, fleet),
    )


def _warnings(settings: LoadTypes, fleet: Fleet) -> tuple[str, ...]:
    if settings.dispatching or len(fleet.costs) == 1:
        return ()
    if (np.diff(fleet.costs) < 0).all() and (np.diff(fleet.switching) > 0).all():
        return ()
    return (
        "problem.costs: expected costs that fall and switching that rises with the type: the "
        "guarantee of lazy_budgeting is for such types, and it may ask for more servers of one "
        "type than there are",
    )


def _fleet(settings: LoadTypes) -> Fleet:
    """Numbers of all types."""
    lists = {name: _listed(name, getattr(settings, name)) for name in Fleet._fields}
    sizes = {name: len(x) for name, x in lists.items() if x is not None}
    types = next(iter(sizes.values()), settings.types)
    issues = [
        Issue(f"problem.{name}", f"has {size} numbers", f"expected {types}, as {next(iter(sizes))}")
        for name, size in sizes.items()
        if size != types
    ]
    k = np.arange(1, types + 1)
    spread = np.full(types, _SERVERS // types) + (k <= _SERVERS % types)
    auto = Fleet(1 / k, 2.0 * k, np.maximum(spread, 1), 0.0 * k, 0.0 * k, 1.0 + 0 * k)
    found = {name: x for name, x in lists.items() if x is not None}
    fleet = auto._replace(**found)
    for name, low, open_low in _RANGES:
        values = getattr(fleet, name)
        if (values < low).any() or (open_low and (values <= low).any()):
            want = f"expected numbers {'>' if open_low else '>='} {low}"
            issues.append(Issue(f"problem.{name}", f"has {values.min():g}", want))
    if (fleet.servers != np.rint(fleet.servers)).any():
        issues.append(Issue("problem.servers", "has fractions", "expected whole numbers"))
    elif np.prod(fleet.servers + 1.0) > MOST_STATES:
        states = f"{np.prod(fleet.servers + 1.0):,.0f} states (the product of servers + 1)"
        issues.append(Issue("problem.servers", states, f"expected at most {MOST_STATES:,}"))
    if issues:
        raise InputError(issues)
    return fleet


_RANGES = (
    ("costs", 0, True),
    ("switching", 0, True),
    ("servers", 1, False),
    ("linear", 0, False),
    ("quadratic", 0, False),
    ("capacity", 0, True),
)


def _listed(name: str, text: str | None) -> np.ndarray | None:
    """The numbers of ``"2, 1"``."""
    if text is None:
        return None
    values = [number(cell.strip()) for cell in text.split(",")]
    if any(value is None or not np.isfinite(value) for value in values):
        message = f'"{text}" is no list of numbers'
        raise InputError(Issue(f"problem.{name}", message, 'expected such as "2.0, 1.0"'))
    return np.array(values, np.float64)


def build(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    from jaxsoco.smoothed.instances_types import load_types

    return load_types(**prepared.content)
