"""Tables: ``table.csv`` with every digit, and the same for people."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco.analysis.constraints import breaches, marked
from jaxsoco.analysis.indicators import share_text
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.statistics import Estimate, mean_estimate
from jaxsoco.core.escape import spreadsheet
from jaxsoco.core.text import NO_UNITS, show

MOST_ROWS = 40
"""Longer tables are pooled over points where people read them."""


@dataclass(frozen=True)
class Spread:
    """A distribution over runs: mean and median with their intervals, 95 % quantile, largest."""

    mean: Estimate
    median: Estimate
    p95: float
    largest: float


@dataclass(frozen=True)
class Row:
    """One learner at one point, or pooled over several.

    Attributes:
      points: indices of the points.
      learner: label.
      runs: runs in the ledger.
      nonfinite: runs left out of the averages.
      nonconverged: runs with a kernel that did not converge.
      cost: total cost.
      parts: component -> mean.
      worst: component -> largest value.
      measures: comparator -> ratio or regret.
      undefined: comparator -> runs whose ratio has no meaning.
      heavy: the costs have no mean; means are NaN.
    """

    points: tuple[int, ...]
    learner: str
    runs: int
    nonfinite: int
    nonconverged: int
    cost: Spread
    parts: dict[str, float]
    worst: dict[str, float]
    measures: dict[str, Spread]
    undefined: dict[str, int]
    heavy: bool = False


def make_row(ledger: Ledger, points: Sequence[int], learner: str) -> Row:
    """Sums up a learner's runs at some points."""
    study = ledger.study
    cells = [ledger.cells[point, learner] for point in points]
    counts = np.array([cell.parts.count for cell in cells])
    means = np.where(counts > 0, [cell.parts.mean for cell in cells], 0.0)
    with np.errstate(invalid="ignore"):
        parts = (means * counts).sum(axis=0) / counts.sum(axis=0)
    worst = np.fmax.reduce([cell.worst for cell in cells])
    rivals = [rival for rival in study.comparators if rival != learner]
    if learner in study.optima:
        rivals = [rival for rival in rivals if rival not in study.components]
    heavy = not study.heavy.isdisjoint(points)
    if heavy:  # a share of runs has a mean whatever the costs have
        parts = np.where([cost.share for cost in study.costs], parts, np.nan)
    return Row(
        points=tuple(points),
        learner=learner,
        runs=sum(cell.runs for cell in cells),
        nonfinite=sum(cell.nonfinite for cell in cells),
        nonconverged=sum(cell.nonconverged for cell in cells),
        cost=_spread(ledger, points, learner, None),
        parts=dict(zip((c.name for c in study.costs), map(float, parts), strict=True)),
        worst=dict(zip((c.name for c in study.costs), map(float, worst), strict=True)),
        measures={rival: _spread(ledger, points, learner, rival) for rival in rivals},
        undefined={rival: sum(cell.undefined[rival] for cell in cells) for rival in rivals},
        heavy=heavy,
    )


def _spread(ledger: Ledger, points: Sequence[int], learner: str, against: str | None) -> Spread:
    sample, level = ledger.sample(learner, against, points), ledger.study.level
    if not ledger.study.heavy.isdisjoint(points):
        mean = Estimate(math.nan)
    elif len(points) == 1:
        cell = ledger.cells[points[0], learner]
        mean = mean_estimate(cell.cost if against is None else cell.measures[against], level=level)
    else:
        mean = sample.mean(level)
    median, p95 = sample.quantile(0.5, level), float(sample.quantiles([0.95])[0])
    return Spread(mean, median, p95, sample.largest)


def point_rows(ledger: Ledger) -> list[Row]:
    """A row for every point and learner that has runs, algorithms before comparators."""
    study = ledger.study
    return [
        make_row(ledger, (point,), learner)
        for point in range(len(study.points))
        for learner in (*study.algorithms, *study.optima)
        if ledger.cells[point, learner].runs
    ]


def pooled_rows(ledger: Ledger) -> list[Row]:
    """A row for every learner, over all points."""
    study = ledger.study
    points = [p for p in range(len(study.points)) if ledger.cells[p, study.labels[0]].runs]
    return [
        make_row(ledger, points, learner)
        for learner in (*study.algorithms, *study.optima)
        if points
    ]


def csv_text(ledger: Ledger, rows: Iterable[Row]) -> str:
    """The rows as CSV with floats that read back to the same bits.

    The columns: the point's axes, algorithm, role, counts, total cost, component means, largest
    values of the components outside the objective, and a block for every comparator.
    """
    study = ledger.study
    cells = [record(ledger, row) for row in rows]
    header = dict.fromkeys(key for line in cells for key in line)
    order = [*header] or [*study.axes, "algorithm"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, order, restval="", lineterminator="\n")
    writer.writerow({key: spreadsheet(key) for key in order})
    for line in cells:
        writer.writerow({key: _exact(value) for key, value in line.items()})
    return buffer.getvalue()


def record(ledger: Ledger, row: Row) -> dict[str, Any]:
    """A row's cells by the names of their columns, as ``table.csv`` has them."""
    study = ledger.study
    point = study.points[row.points[0]]
    role = "algorithm" if row.learner in study.algorithms else "comparator"
    cells = {axis: point[axis] for axis in study.axes}
    cells |= {"algorithm": row.learner, "role": role, "runs": row.runs}
    cells |= {"nonfinite": row.nonfinite, "nonconverged": row.nonconverged}
    cells |= _spread_columns("cost", row.cost)
    cells |= {f"{name}_mean": value for name, value in row.parts.items()}
    cells |= {f"{c.name}_max": row.worst[c.name] for c in study.costs if not c.objective}
    for rival, spread in row.measures.items():
        prefix = f"{study.measure}_{rival}"
        cells |= _spread_columns(prefix, spread)
        cells[f"{prefix}_undefined"] = row.undefined[rival]
    return cells


def _spread_columns(prefix: str, spread: Spread) -> dict[str, float]:
    return {
        f"{prefix}_mean": spread.mean.value,
        f"{prefix}_lower": spread.mean.lower,
        f"{prefix}_upper": spread.mean.upper,
        f"{prefix}_median": spread.median.value,
        f"{prefix}_median_lower": spread.median.lower,
        f"{prefix}_median_upper": spread.median.upper,
        f"{prefix}_p95": spread.p95,
        f"{prefix}_max": spread.largest,
    }


def _exact(value: Any) -> str:
    """Text that reads back to the same value; empty for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | list | tuple):
        return json.dumps(value)
    if isinstance(value, str):
        return spreadsheet(value)
    return repr(value) if isinstance(value, float) else str(value)


def curves_text(ledger: Ledger) -> str:
    """Mean cost and measure at every checkpoint as CSV, for sweeps that keep several."""
    study = ledger.study
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    rivals = [f"{study.measure}_{rival}" for rival in study.comparators]
    names = [f"{name}_{end}" for name in ("cost", *rivals) for end in ("mean", "lower", "upper")]
    writer.writerow([*map(spreadsheet, (*study.axes, "algorithm", "round", "runs", *names))])
    rounds = {point: group.checkpoints for group in study.groups for point in group.points}
    for (point, learner), cell in ledger.cells.items():
        axes = [study.points[point][axis] for axis in study.axes]
        for i, at in enumerate(rounds[point] if cell.runs else ()):
            moments = [cell.cost, *(cell.measures[rival] for rival in study.comparators)]
            has_mean = point not in study.heavy
            ends = [
                end if has_mean else math.nan
                for m in moments
                for end in mean_estimate(m, i, study.level)
            ]
            head = [*axes, learner, at, int(cell.cost.count[i])]
            writer.writerow([_exact(value) for value in (*head, *ends)])
    return buffer.getvalue()


def cells_for_people(
    ledger: Ledger, rows: Sequence[Row], *, full: bool = True
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the readable table: swept axes, cost, and the measure by comparator.

    Shares of runs always have a column, runs that failed where there are any.
    Unless ``full``, comparators after the first one show their mean only.
    """
    study = ledger.study
    single = all(len(row.points) == 1 for row in rows)
    axes = [*study.axes] if single else []
    sign = "/" if study.measure == "ratio" else "−"
    cost = "cost" if study.unit in NO_UNITS else f"cost [{study.unit}]"
    header = [*axes, "algorithm", "runs", cost]
    widths = [4 if full or i == 0 else 1 for i in range(len(study.comparators))]
    for rival, width in zip(study.comparators, widths, strict=True):
        header += [f"{sign} {rival}", "median", "p95", "max"][:width]
    failures = {
        "non-finite": [row.nonfinite for row in rows],
        "non-converged": [row.nonconverged for row in rows],
    }
    failing = [name for name, counts in failures.items() if any(counts)]
    # Beside every median: 0 % says that a mean is no worse a summary.
    shares = [cost.name for cost in study.costs if cost.share]
    body = []
    for i, row in enumerate(rows):
        point = study.points[row.points[0]]
        learner = marked(row.learner, row.learner, breaches(ledger, row.points, [row.learner]))
        line = [*(show(point[axis]) for axis in axes), learner, str(row.runs)]
        line.append(_middle(row.cost))
        for rival, width in zip(study.comparators, widths, strict=True):
            line += _measure_cells(row.measures.get(rival))[:width]
        line += [share_text(row.parts[name]) for name in shares]
        body.append([*line, *(str(failures[name][i]) for name in failing)])
    return [*header, *shares, *failing], body


def _measure_cells(spread: Spread | None) -> list[str]:
    if spread is None:
        return [""] * 4
    digits = _decimals(_known(spread))
    tail = (spread.median.value, spread.p95, spread.largest)
    return [_middle(spread), *(_fixed(value, digits) for value in tail)]


def _known(spread: Spread) -> Estimate:
    return spread.mean if math.isfinite(spread.mean.value) else spread.median


def _middle(spread: Spread) -> str:
    """The mean with its interval; where there is none, the median, and it says so."""
    if math.isfinite(spread.mean.value) or not math.isfinite(spread.median.value):
        return with_interval(spread.mean)
    return f"median {with_interval(spread.median)}"


def without_interval(rows: Iterable[Row]) -> str:
    """What is said of the numbers that have no interval; empty if all have one."""
    estimates = [_known(spread) for row in rows for spread in (row.cost, *row.measures.values())]
    notes = dict.fromkeys(estimate.note for estimate in estimates if estimate.note)
    return f"without ±: {', '.join(notes)}" if notes else ""


def with_interval(estimate: Estimate) -> str:
    """``1.421 ± 0.011``: the half width with two digits, the mean with as many decimals."""
    digits = _decimals(estimate)
    mean = _fixed(estimate.value, digits)
    half = estimate.half_width
    return f"{mean} ± {_fixed(half, digits)}" if math.isfinite(half) else mean


def _decimals(estimate: Estimate) -> int:
    """Decimals that show two digits of the half width, or four digits of a bare mean."""
    half, value = estimate.half_width, abs(estimate.value)
    if math.isfinite(half) and half > 0:
        return min(max(1 - math.floor(math.log10(half)), 0), 9)
    if math.isfinite(value) and value > 0:
        return min(max(3 - math.floor(math.log10(value)), 0), 9)
    return 0


def _fixed(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.4g}" if abs(value) >= 1e7 else f"{value:.{decimals}f}"
