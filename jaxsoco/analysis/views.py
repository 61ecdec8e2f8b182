"""What a check or figure looks at: a measure or a component, its mean or its median."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.resampling import place_of_least
from jaxsoco.analysis.samples import Runs, Sample, values_of
from jaxsoco.analysis.statistics import (
    Clusters,
    Estimate,
    beside,
    certain,
    cluster_means,
    log_slope,
    log_slope_of_medians,
)
from jaxsoco.core.schema import Field
from jaxsoco.core.study import HORIZON, Study
from jaxsoco.core.text import thousands

AGAINST = Field("against", "string", "comparator (the first if absent)", default=None)
COST = Field(
    "cost",
    "string",
    "one cost component alone; with `against`, the measure of that component",
    default=None,
)
PER_ROUND = Field("per_round", "boolean", "divide by the number of rounds", default=False)
STATISTIC = Field(
    "statistic",
    "choice",
    "statistic over runs (the mean, or the median for costs without one)",
    default=None,
    choices=("mean", "median"),
)


_LOCAL, _FEWEST_LOCAL = 10.0, 3

LAST = Field(
    "last",
    "float",
    "along one run: over the rounds from the horizon divided by this number on",
    default=_LOCAL,
    low=1,
    open_low=True,
    high=1e9,
)

NO_MEDIANS = "an exponent of medians resamples single runs, and moments are all that is kept"


class View(NamedTuple):
    """What is looked at.

    Attributes:
      against: comparator of the measure; None for the cost itself.
      cost: a component, in place of the total.
      measure: ``"ratio"``, ``"regret"`` or None for the study's own.
      statistic: ``"mean"`` or ``"median"`` over runs.
      per_round: divided by the rounds.
      rate: increments between checkpoints, for a round.
    """

    against: str | None
    cost: str | None = None
    measure: str | None = None
    statistic: str = "mean"
    per_round: bool = False
    rate: bool = False

    def quantity(self, study: Study) -> str:
        """``regret``, ``ratio``, ``cost``, ``move`` or ``move regret``, and ``per round``."""
        measure = None if self.against is None else self.measure or study.measure
        name = " ".join(word for word in (self.cost, measure) if word) or "cost"
        return name + " per round" * (self.per_round or self.rate)

    def words(self, study: Study, algorithm: str = "") -> str:
        """``mean ratio of pcm to offline_optimum``."""
        text = f"{self.statistic} {self.quantity(study)}" + (
            f" of {algorithm}" if algorithm else ""
        )
        if self.against is None:
            return text
        ratio = (self.measure or study.measure) == "ratio"
        return f"{text} {'to' if ratio else 'against'} {self.against}"


class Line(NamedTuple):
    """A view along an axis, ``[K]`` each.

    ``lower`` and ``upper`` are the ends of the mean's interval, or the quartiles around a median.
    """

    x: tuple[Any, ...]
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    runs: np.ndarray


def view(table: Mapping[str, Any], study: Study, where: Mapping[str, Any] | None) -> View:
    """The view that a validated check or plot asks for."""
    first = study.comparators[0] if study.comparators and not table.get("cost") else None
    heavy = not study.heavy.isdisjoint(study.select(where))
    return View(
        against=table.get("against") or first,
        cost=table.get("cost"),
        statistic=table.get("statistic") or ("median" if heavy else "mean"),
        per_round=table.get("per_round", False),
        rate=table.get("rate", False),
    )


def finals(ledger: Ledger, label: str, quantity: View, points: Iterable[int]) -> Sample:
    """What the runs came to at their end."""
    return ledger.sample(
        label,
        quantity.against,
        points,
        quantity.measure,
        quantity.cost,
        per_round=quantity.per_round,
    )


def line(
    ledger: Ledger, label: str, quantity: View, axis: str, where: Mapping[str, Any] | None = None
) -> Line:
    """The view along an axis of the problem, pooled over the others; empty without runs."""
    study = ledger.study
    if axis == HORIZON and axis not in study.axes:
        return course(ledger, label, quantity, where)
    return columns_line(*samples_along(ledger, label, quantity, axis, where), quantity, study)


def columns_line(
    x: tuple[Any, ...], columns: Sequence[Sample], quantity: View, study: Study
) -> Line:
    """The line through the runs at each place."""
    if quantity.statistic == "median":
        return _quartiles(x, columns)
    if study.moments:  # of one point, from M2 over its runs
        means = np.array([one.mean(study.level) for one in columns]).reshape(-1, 3)
        runs = np.array([one.runs for one in columns], float)
        return Line(x, means[:, 0], means[:, 1], means[:, 2], runs)
    return _mean_line(x, beside([one.clusters() for one in columns], study.seeds), study.level)


def _mean_line(x: tuple[Any, ...], clusters: Clusters, level: float) -> Line:
    """The line of means, with their intervals."""
    return Line(x, *cluster_means(clusters, level), clusters.counts.sum(axis=0))


def course(
    ledger: Ledger, label: str, quantity: View, where: Mapping[str, Any] | None = None
) -> Line:
    """The view over the rounds of a run, at its checkpoints."""
    points = ledger.study.select(where)
    if quantity.statistic == "median" or (ledger.study.moments and not quantity.rate):
        rounds, columns = ledger.samples(label, quantity.against, points, quantity.cost)
        if rounds or quantity.statistic == "median":
            columns = _samples_over_rounds(rounds, columns, quantity)
            return columns_line(rounds, columns, quantity, ledger.study)
    x, clusters = ledger.course(label, quantity.against, points, quantity.cost)
    sums = _over_rounds(np.asarray(x, float), clusters.sums, quantity)
    shown = Clusters(sums, clusters.counts, clusters.blocks)
    return _mean_line(x, shown, ledger.study.level)


def _samples_over_rounds(
    rounds: Sequence[int], columns: Sequence[Sample], quantity: View
) -> Sequence[Sample]:
    """As :func:`_over_rounds`, of the runs at every checkpoint."""
    if quantity.rate and rounds:
        paths = np.stack(values_of(columns, "the median of increments"), axis=-1)
        steps = _over_rounds(np.asarray(rounds, float), paths, quantity)
        return [Runs(column) for column in np.moveaxis(steps, -1, 0)]
    if not quantity.per_round:
        return columns
    return [one.over(float(at)) for at, one in zip(rounds, columns, strict=True)]


def _over_rounds(rounds: np.ndarray, values: np.ndarray, quantity: View) -> np.ndarray:
    """Cumulative values ``[..., C]`` as they are, for a round so far, or for a round just past."""
    if quantity.rate:
        gaps = np.diff(rounds, prepend=0.0)
        return np.diff(values, axis=-1, prepend=0.0) / gaps
    return values / rounds if quantity.per_round else values


def _quartiles(x: tuple[Any, ...], columns: Sequence[Sample]) -> Line:
    keep = [i for i, one in enumerate(columns) if one.runs]
    ends = np.array([columns[i].quantiles([0.5, 0.25, 0.75]) for i in keep]).reshape(-1, 3)
    runs = np.array([columns[i].runs for i in keep], float)
    return Line(tuple(x[i] for i in keep), ends[:, 0], ends[:, 1], ends[:, 2], runs)


def estimated(
    ledger: Ledger, estimate: Estimate, labels: Iterable[str | None], points: Iterable[int]
) -> Estimate:
    """An estimate from the runs of these learners; certain if all seeds give the same."""
    if not ledger.repeats(labels, points):
        return estimate
    return certain(estimate.value, "the same with every seed")


class Growth(NamedTuple):
    """``value ~ axis ** exponent``.

    Attributes:
      exponent: with its interval.
      axis: name of the axis.
      places: positions that it rests on.
      note: why there is no exponent, or which positions are left out.
      local: the positions are the last rounds of runs of one horizon.
    """

    exponent: Estimate
    axis: str
    places: tuple[float, ...]
    note: str
    local: bool

    @property
    def over(self) -> str:
        """``T from 1000 to 16,000``, ``local slope over rounds 100 to 1000``; empty without."""
        if len(self.places) < 2:
            return ""
        low, high = thousands(min(self.places)), thousands(max(self.places))
        if self.local:
            return f"local slope over rounds {low} to {high}"
        return f"{'T' if self.axis == HORIZON else self.axis} from {low} to {high}"


def growth(
    ledger: Ledger,
    label: str,
    quantity: View,
    axis: str,
    where: Mapping[str, Any] | None = None,
    last: float = _LOCAL,
) -> Growth:
    """Fits the exponent of a view along an axis; along one run, over its last rounds.

    Growth within a run is not growth with the horizon: learners are tuned to it, and begin afresh
    in every run. The first rounds are not what is asked for either, so that a local slope is taken
    from the last checkpoints: those in the last factor of ``last``, and three at least.
    """
    study, columns, clusters = ledger.study, [], None
    local = axis == HORIZON and axis not in study.axes
    if quantity.statistic == "median" and study.moments:
        return Growth(Estimate(np.nan), axis, (), NO_MEDIANS, local)
    if quantity.statistic == "median":
        plain = quantity._replace(per_round=False)
        x, samples = samples_along(ledger, label, plain, axis, where)
        columns = values_of(samples, "an exponent of medians")
        middles = np.array([np.nanmedian(runs) for runs in columns])
    else:
        x, clusters = ledger.curve(
            label, quantity.against, axis, where, quantity.measure, quantity.cost
        )
        middles = clusters.sums.sum(axis=0) / clusters.counts.sum(axis=0)
    keep = [i for i, value in enumerate(x) if value > 0]
    notes = [f"without {', '.join(f'{v:g}' for v in x if v <= 0)}"] if len(keep) < len(x) else []
    if local:
        late = [i for i in keep if x[i] * last >= max(x)]
        keep = late if len(late) >= _FEWEST_LOCAL else keep[-_FEWEST_LOCAL:]
    if silent := [i for i in keep if middles[i] == 0]:
        keep = [i for i in keep if i not in silent]
        notes.append(f"without {', '.join(thousands(x[i]) for i in silent)} (0 but for rounding)")
    places = tuple(float(x[i]) for i in keep)
    if len(keep) < 2:
        note = f"fewer than two positive values of {axis} have runs"
        if silent:
            note = f"the {quantity.statistic} is 0 but for rounding"
        return Growth(Estimate(np.nan), axis, places, note, local)
    if clusters is not None:
        kept = clusters.map(lambda part: part[:, keep])
        estimate = log_slope(np.array(places), kept, study.level)
    else:
        kept = [columns[i] for i in keep]
        estimate = log_slope_of_medians(np.array(places), kept, study.level)
    if quantity.per_round and axis == HORIZON:
        estimate = Estimate(*(end - 1 for end in estimate), note=estimate.note)
    estimate = estimated(ledger, estimate, (label, quantity.against), study.select(where))
    if not np.isfinite(estimate.value):
        notes = [f"the {quantity.statistic} is not positive everywhere, so it has no logarithm"]
    return Growth(estimate, axis, places, "; ".join(notes), local)


def samples_along(
    ledger: Ledger, label: str, quantity: View, axis: str, where: Mapping[str, Any] | None
) -> tuple[tuple[Any, ...], list[Sample]]:
    """Positions along an axis, pooled over the others, and what the runs came to at each."""
    study, points = ledger.study, ledger.study.select(where)
    if axis == HORIZON and axis not in study.axes:
        return ledger.samples(label, quantity.against, points, quantity.cost)
    here = study.along(axis, points)
    columns = {v: finals(ledger, label, quantity, ps) for v, ps in here.items() if ps}
    columns = {v: sample for v, sample in columns.items() if sample.runs}
    return tuple(columns), list(columns.values())


Profile = list[tuple[float, Sample]]
"""A parameter's values in order, with what the runs came to at each."""


def profiles(
    ledger: Ledger,
    base: str,
    parameter: str,
    quantity: View,
    where: Mapping[str, Any] | None = None,
) -> list[Profile]:
    """An algorithm's runs over one of its parameters, for every setting of the others."""
    study, points = ledger.study, ledger.study.select(where)
    by_rest: dict[str, Profile] = {}
    for label, (own, values) in study.settings.items():
        if own == base and parameter in values:
            rest = repr(sorted((k, repr(v)) for k, v in values.items() if k != parameter))
            runs = finals(ledger, label, quantity, points)
            if runs.runs:
                by_rest.setdefault(rest, []).append((float(values[parameter]), runs))
    return [sorted(profile, key=lambda place: place[0]) for profile in by_rest.values()]


def least(profile: Profile, quantity: View, level: float, same: bool = False) -> Estimate:
    """Where a profile is least, with an interval over seeds, unless all seeds give the ``same``."""
    places, columns = [place for place, _ in profile], [runs for _, runs in profile]
    return place_of_least(places, columns, quantity.statistic, level, same)
