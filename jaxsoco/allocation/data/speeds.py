"""Speeds of regions, as the setting ``speed`` states them: ``["eu-west-3=0.8", ...]``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxsoco.allocation.data.forecasts import name_among
from jaxsoco.core.errors import InputError, Issue, suggest

SLOWEST, FASTEST = 0.01, 100.0


def read_speeds(entries: Sequence[str] | None, regions: tuple[str, ...]) -> np.ndarray | None:
    """Speed of every region, ``[n]``, 1 where none is stated; None if none is stated anywhere.

    A region may go by its AWS name or by its zone of Electricity Maps.

    Raises:
      InputError: an entry is no ``REGION=NUMBER``, its region is unknown or stated twice, or its
        number is out of range: all of them at once.
    """
    if not entries:
        return None
    speeds, issues, places = np.ones(len(regions)), [], dict[int, int]()
    for i, entry in enumerate(entries):
        field = f"problem.speed[{i}]"
        name, _, text = (part.strip() for part in entry.rpartition("="))
        number, region = _number(text), name_among(name, regions)
        if not name or number is None:
            message = f'"{entry}" is no speed of a region'
            issues.append(Issue(field, message, 'want REGION=NUMBER, such as "eu-west-3=0.8"'))
        elif region is None:
            issues.append(Issue(field, f'unknown region "{name}"', suggest(name, regions)))
        elif not SLOWEST <= number <= FASTEST:
            message = f"{name} works at {number:g} times the speed of the others"
            issues.append(Issue(field, message, f"want {SLOWEST:g} to {FASTEST:g}"))
        elif (place := regions.index(region)) in places:
            message = f"{name} is there twice (first at [{places[place]}])"
            issues.append(Issue(field, message, "state it once"))
        else:
            places[place], speeds[place] = i, number
    if issues:
        raise InputError(issues)
    return speeds


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
