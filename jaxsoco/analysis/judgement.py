"""Tuned values beside the default and theory's, on seeds that the search has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from jaxsoco.analysis.checks._base import number
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.page import Table
from jaxsoco.analysis.searches import ROWS, Search
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.text import count, percent, rounded, show, show_all, table

TUNED = ROWS[0]


class Judged(NamedTuple):
    """One learner of a search on held-out seeds.

    Attributes:
      row: ``"tuned"``, ``"default"`` or ``"theory"``; several, where their values are equal.
      label: in the sweep.
      values: of the parameters, in words.
      objective: with its interval.
      gain: by how much the tuned one's is larger, with a paired interval; NaN for itself.
      runs: that have a value.
    """

    row: str
    label: str
    values: str
    objective: Estimate
    gain: Estimate
    runs: int


def judged(search: Search, ledger: Ledger) -> list[Judged]:
    """A row for each learner that the search ends with, the tuned one first."""
    level, rows = ledger.study.level, []
    tuned = search.objective.sample(ledger, search.labels[TUNED])
    for label in dict.fromkeys(search.labels[row] for row in ROWS if row in search.labels):
        names = [row for row in ROWS if search.labels.get(row) == label]
        sample = search.objective.sample(ledger, label)
        other = label != search.labels[TUNED]
        gain = search.objective.difference(tuned, sample, level) if other else Estimate(math.nan)
        values = ", ".join(dict.fromkeys(show_all(search.values[name]) for name in names))
        estimate = search.objective.estimate(sample, level)
        rows.append(Judged(" = ".join(names), label, values, estimate, gain, sample.runs))
    return rows


def verdict(gain: Estimate) -> str:
    """``better``, ``worse``, ``the same`` or ``not told apart``, and ``unknown`` without an
    interval; empty without a value."""
    if math.isnan(gain.value):
        return ""
    if math.isnan(gain.lower) or math.isnan(gain.upper):
        return "unknown"
    if gain.upper < 0:
        return "better"
    if gain.lower > 0:
        return "worse"
    if gain.lower == gain.upper == 0:
        return "the same"
    return "not told apart"


def judgement_table(search: Search, rows: Sequence[Judged]) -> Table:
    """For the page."""
    header = ["values", *(p.name for p in search.parameters), "objective", "lower", "upper"]
    header += ["tuned less this", "lower", "upper", "runs", "tuned is"]
    body = []
    for one in rows:
        row = one.row.partition(" = ")[0]
        values = [show(rounded(search.values[row][p.name]), "auto") for p in search.parameters]
        ends = [*map(_cell, one.objective), *map(_cell, one.gain)]
        body.append([one.row, *values, *ends, str(one.runs), verdict(one.gain)])
    return Table(header, body, 1)


def _cell(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ""


def lead(search: Search, ledger: Ledger) -> str:
    """What was searched, how, and on what it is judged."""
    objective = search.objective.words(ledger.study.measure)
    names = " and ".join(p.name for p in search.parameters)
    seeds = count(ledger.study.seeds, "seed")
    steps = count(search.steps, "step")
    return (
        f"{search.name}: {names} for the least {objective}, by {search.method} in {steps} of "
        f"{count(search.seeds, 'run')} ({search.reason}). Judged on {seeds} that the search has "
        "not seen; differences are paired, seed by seed."
    )


def text(search: Search, rows: Sequence[Judged], ledger: Ledger) -> str:
    """The judgement for a terminal."""
    level = ledger.study.level
    objective = search.objective.words(ledger.study.measure)
    header = ["", "values", objective, "tuned less this", "tuned is"]
    body = [
        [
            one.row,
            one.values,
            number(one.objective, level),
            number(one.gain, level) if verdict(one.gain) else "",
            verdict(one.gain),
        ]
        for one in rows
    ]
    held = f"{search.name} on {count(ledger.study.seeds, 'held-out seed')}"
    held += f" ({percent(level)} intervals; differences paired by seed)"
    return "\n".join([held, table(header, body, 5), *search.notes])
