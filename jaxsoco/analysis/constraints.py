"""Learners that break a constraint: their cost is no fair rival to that of the others.

Which component of the ledger is a constraint, and how much of it a round may have, is said by the
family (``limit`` of its :class:`~jaxsoco.core.schema.CostEntry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.core.study import HORIZON
from jaxsoco.core.text import span

MARK = "†"
"""Stands after the name of a learner that breaks a constraint."""
_FEW = 3
"""Breaches that have words of their own under a figure."""


class Breach(NamedTuple):
    """A constraint that a learner breaks.

    Attributes:
      learner: label.
      cost: the component.
      mean: of the runs: for a round, or, of what must be zero, for a run.
      unit: of the mean.
      worst: the mean at the worst of several points.
    """

    learner: str
    cost: str
    mean: float
    unit: str
    worst: float | None = None

    def __str__(self) -> str:
        text = f"{self.learner}, mean {self.cost} {self.mean:.3g} {self.unit}".rstrip()
        if self.worst is None or f"{self.worst:.3g}" == f"{self.mean:.3g}":
            return text
        return f"{text} ({self.worst:.3g} at the worst point)"


def breaches(ledger: Ledger, points: Iterable[int], learners: Sequence[str]) -> list[Breach]:
    """The constraints that learners break on average over the runs at some points."""
    study, points = ledger.study, tuple(points)
    rounds = np.array([study.points[p][HORIZON] for p in points], float)
    broken = []
    for cost in study.costs:
        if cost.limit is None:
            continue
        for learner in learners:
            runs, means = component_means(ledger, learner, cost.name, points)
            # Excess over the limit and over rounding, which does not grow with the rounds.
            excess = runs * (means - cost.limit * rounds - study.rounding)
            if runs.any() and excess.sum() > 0:
                amounts = means / rounds if cost.limit else means
                mean = float((runs * amounts).sum() / runs.sum())
                unit = f"{cost.unit} a round" if cost.limit else cost.unit
                worst = float(amounts[runs > 0].max()) if len(points) > 1 else None
                broken.append(Breach(learner, cost.name, mean, unit.strip(), worst))
    return broken


def component_means(
    ledger: Ledger, learner: str, cost: str, points: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Runs with a component and its mean over them, ``[points]`` each; 0 where there are none."""
    column = [one.name for one in ledger.study.costs].index(cost)
    parts = [ledger.cells[point, learner].parts for point in points]
    runs = np.array([part.count[column] for part in parts])
    means = np.array([part.mean[column] for part in parts])
    return runs, np.where(runs > 0, means, 0.0)


def worst_breaches(ledger: Ledger, learners: Sequence[str]) -> list[Breach]:
    """The constraints that learners break over all points, or else at one: then at the worst."""
    study = ledger.study
    broken = breaches(ledger, range(len(study.points)), learners)
    rest = [name for name in learners if all(name != breach.learner for breach in broken)]
    rounds = np.array([point[HORIZON] for point in study.points], float)
    for cost in study.costs if len(study.points) > 1 else ():
        if cost.limit is None:
            continue
        for learner in rest:
            _, means = component_means(ledger, learner, cost.name, range(len(study.points)))
            excess = means - cost.limit * rounds - study.rounding
            here = breaches(ledger, [int(excess.argmax())], [learner]) if excess.max() > 0 else ()
            worst = [breach for breach in here if breach.cost == cost.name]
            broken += [b._replace(unit=f"{b.unit} at the worst point".strip()) for b in worst]
    return broken


def marked(text: str, label: str, broken: Iterable[Breach]) -> str:
    """A text that names a learner, with a mark if it breaks a constraint."""
    return f"{text} {MARK}" if any(breach.learner == label for breach in broken) else text


def footnote(broken: Sequence[Breach]) -> str:
    """What the mark means, and for whom it stands; empty if nobody breaks a constraint."""
    if not broken:
        return ""
    return f"{MARK} breaks its constraint: {'; '.join(map(str, broken))}."


def brief_footnote(broken: Sequence[Breach]) -> str:
    """As :func:`footnote`; of many learners the range of what they break, in place of each."""
    if len(broken) <= _FEW:
        return footnote(broken)
    means: dict[tuple[str, str], list[float]] = {}
    for breach in broken:
        means.setdefault((breach.cost, breach.unit), []).append(breach.mean)
    ranges = [
        f"mean {cost} {span(some, '{:.3g}'.format)} {unit}".rstrip()
        for (cost, unit), some in means.items()
    ]
    return f"{MARK} breaks its constraint: {'; '.join(ranges)}."
