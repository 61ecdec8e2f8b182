"""What runs are judged by: their costs in float64, and ratio and regret against a comparator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxsoco.core.study import Study


class Record(NamedTuple):
    """One learner's runs in float64.

    Attributes:
      total: total cost ``[runs, C]``.
      parts: cost components ``[runs, C, costs]``; NaN where not recorded.
      finite: bool ``[runs]``.
      faults: int ``[runs]``.
    """

    total: np.ndarray
    parts: np.ndarray
    finite: np.ndarray
    faults: np.ndarray

    def part(self, runs: slice) -> Record:
        """Some of the runs."""
        return Record(*(x[runs] for x in self))


def read_record(study: Study, number: str, arrays: Mapping[str, np.ndarray]) -> Record:
    """One learner's arrays of a piece; a component that it does not record adds nothing."""
    finite = np.asarray(arrays[f"{number}.finite"], bool)
    faults = np.asarray(arrays[f"{number}.faults"])
    total, parts = None, None
    for i, cost in enumerate(study.costs):
        values = arrays.get(f"{number}.{cost.name}")
        if values is None:
            continue
        values = np.asarray(values, np.float64)
        finite = finite & np.isfinite(values).all(axis=1)
        if parts is None:
            parts = np.full((*values.shape, len(study.costs)), np.nan)
        parts[:, :, i] = values
        if cost.objective:
            total = values if total is None else total + values
    if total is None or parts is None:
        raise ValueError(f"learner {number} records no objective cost")
    return Record(total, parts, finite, faults)


def compare(mine: np.ndarray, theirs: np.ndarray, measure: str) -> np.ndarray:
    """Ratio or regret of two arrays of costs; NaN where a ratio's denominator is not positive."""
    if measure == "regret":
        return mine - theirs
    with np.errstate(over="ignore", invalid="ignore"):
        return np.divide(mine, theirs, out=np.full_like(mine, np.nan), where=theirs > 0)


def without_noise(values: np.ndarray, total: np.ndarray, noise: float) -> np.ndarray:
    """Regrets or components, 0 where they are at most ``noise`` of the runs' own total costs.

    >>> without_noise(np.array([5e-28, 0.5]), np.array([100.0, 100.0]), 1e-12)
    array([0. , 0.5])
    """
    return np.where(np.abs(values) <= noise * np.abs(total), 0.0, values)


class Quantity(NamedTuple):
    """What is summed up over runs.

    Attributes:
      cost: a component; None for the total cost.
      against: a comparator; None for the cost itself.
      measure: against it, ``"ratio"`` or ``"regret"``.
    """

    cost: str | None = None
    against: str | None = None
    measure: str | None = None


TOTAL = Quantity()


def quantities(study: Study, label: str) -> tuple[Quantity, ...]:
    """All that is summed up over the runs of a learner, whatever its checks and figures ask for.

    They are the total cost and each component; and against every comparator that is run, in
    alphabetical order, ratio and regret of the total and the study's measure of each component. Of
    a comparator against itself, the ratio: how often it has a meaning.
    """
    costs = [cost.name for cost in study.costs]
    listed = [TOTAL, *(Quantity(cost) for cost in costs)]
    for rival in sorted(study.optima):
        listed.append(Quantity(None, rival, "ratio"))
        if rival != label:
            listed.append(Quantity(None, rival, "regret"))
            listed += [Quantity(cost, rival, study.measure) for cost in costs]
    return tuple(listed)


def judged(
    study: Study, label: str, records: Mapping[str, Record]
) -> tuple[np.ndarray, np.ndarray]:
    """The values of all :func:`quantities` of a learner's runs, and which of them count.

    Args:
      study: what they belong to.
      label: of the learner.
      records: of its runs, and those of every comparator that is run, on the same seeds.

    Returns:
      float64 ``[runs, Q, C]`` and bool ``[runs, Q, C]``.
    """
    mine, columns = records[label], []
    for one in quantities(study, label):
        values, use = _costs(study, mine, one.cost), mine.finite
        if one.against is not None:
            theirs = records[one.against]
            use = use & theirs.finite
            values = compare(values, _costs(study, theirs, one.cost), one.measure or "")
            if has_noise(study, one):
                values = without_noise(values, mine.total, study.noise)
        columns.append((values, np.isfinite(values) & use[:, None]))
    values, use = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
    return values, use


def has_noise(study: Study, quantity: Quantity) -> bool:
    """Whether the rounding of the total cost is in a regret, or a component of the total."""
    if quantity.against is not None and quantity.measure == "ratio":
        return False
    if quantity.cost is None:
        return quantity.against is not None
    return study.cost(quantity.cost).objective


def _costs(study: Study, record: Record, cost: str | None) -> np.ndarray:
    if cost is None:
        return record.total
    return record.parts[:, :, study.costs.index(study.cost(cost))]
