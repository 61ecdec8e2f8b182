"""Components that are 0 or 1 in a run: in how many of the runs they are 1, beside every median.

A median is the same whether none of the runs has gone astray or two of five. The family says which
components tell (``share`` of its :class:`~jaxsoco.core.schema.CostEntry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxsoco.analysis.constraints import component_means
from jaxsoco.analysis.kinds import Kind
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.views import STATISTIC, view
from jaxsoco.core.study import Study
from jaxsoco.core.text import percent, span

_FEW = 3
"""Learners that have words of their own."""


class Share(NamedTuple):
    """In which share of a learner's runs a component is 1.

    Attributes:
      mean: over all points.
      worst: at the worst point.
      points: how many points have runs.
    """

    mean: float
    worst: float
    points: int

    def __str__(self) -> str:
        text = share_text(self.mean)
        if self.points == 1 or share_text(self.worst) == text:
            return text
        return f"{text} ({share_text(self.worst)} at the worst point)"


def share_text(share: float) -> str:
    """``3.1 %``; ``0 %`` only where it is none."""
    rounded = round(share, 3)
    return percent(rounded if rounded or not share else float(f"{share:.1g}"))


def beside_median(kind: Kind, ledger: Ledger) -> str:
    """``lost in 3.1 % of the runs of scale, 0 % of the others``.

    Args:
      kind: a check or plot.
      ledger: the runs.

    Returns:
      The text; empty if nothing there is a median, or the family has no such component.
    """
    study = ledger.study
    if STATISTIC.name not in {field.name for field in kind.fields}:
        return ""
    if view(kind.table, study, kind.where).statistic != "median":
        return ""
    learners, points = _learners(kind.table, study), study.select(kind.where)
    names = (
        cost.name for cost in study.costs if cost.share and cost.name != kind.table.get("cost")
    )
    return "; ".join(filter(None, (_words(ledger, name, learners, points) for name in names)))


def _learners(table: Mapping[str, Any], study: Study) -> list[str]:
    """Those that a table names, by label or by the name that several share; or else all."""
    names = table.get("algorithms") or table.get("algorithm") or study.algorithms
    names = {names} if isinstance(names, str) else {*names}
    bases = {label: base for label, (base, _) in study.settings.items()}
    return [label for label in study.labels if names & {label, bases.get(label)}]


def _words(ledger: Ledger, cost: str, learners: Sequence[str], points: Iterable[int]) -> str:
    points = tuple(points)
    pairs = ((name, _share(ledger, cost, name, points)) for name in learners)
    every = {name: one for name, one in pairs if one is not None}
    some = {name: one for name, one in every.items() if one.mean > 0}
    if not every:
        return ""
    if not some or len(every) == 1:
        return f"{cost} in {next(iter(every.values()))} of the runs"
    others = ", 0 % of the others" if len(some) < len(every) else ""
    if len(some) > _FEW:
        shares = span((one.mean for one in some.values()), share_text)
        return f"{cost} in {shares} of the runs of {len(some)} learners{others}"
    parts = [
        f"{one} of {'the runs of ' * (not i)}{name}" for i, (name, one) in enumerate(some.items())
    ]
    return f"{cost} in {', '.join(parts)}{others}"


def _share(ledger: Ledger, cost: str, learner: str, points: Sequence[int]) -> Share | None:
    """None without a run."""
    runs, means = component_means(ledger, learner, cost, points)
    if not runs.any():
        return None
    mean = float((runs * means).sum() / runs.sum())
    return Share(mean, float(means[runs > 0].max()), int((runs > 0).sum()))
