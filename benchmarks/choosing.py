"""Writes the tables of docs/choosing.md: every learner with its needs, guarantee, time and result.

    python benchmarks/choosing.py --write                 what learners declare
    python benchmarks/choosing.py RUN... --write          and the results of finished runs

Information and guarantees are the learners' own declarations. A run directory is that of one of the
page's experiments, which the page names with the commands; its results are read, and so is the time
of a round, if ``choosing_rounds.py`` has measured it there. Cells of which nothing is given stay as
they are. Without ``--write`` the page is printed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import choosing_rounds
import harness
import verdicts

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.tables import with_interval
from jaxsoco.analysis.views import View, finals
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import AlgorithmEntry
from jaxsoco.core.study import HORIZON, Study
from jaxsoco.core.text import percent, thousands
from jaxsoco.experiment import load_experiment
from jaxsoco.listing import table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "choosing.md"
ABSENT = "—"


class Column(NamedTuple):
    """A result of the table.

    Attributes:
      heading: of the column.
      view: what is looked at.
    """

    heading: str
    view: View


@dataclass(frozen=True, eq=False)
class Reference:
    """An experiment on whose problem learners are measured, and its table.

    Attributes:
      family: of the learners.
      name: of the experiment, below ``experiments``, without its suffix.
      columns: the results.
      where: the point of the experiment.
      round: what a round is.
      timed: rounds of a run whose time is measured; those of the experiment if None.
    """

    family: str
    name: str
    columns: tuple[Column, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    round: str = "round"
    timed: int | None = None

    @property
    def path(self) -> Path:
        """The experiment."""
        return ROOT / "experiments" / self.family / f"{self.name}.toml"

    @property
    def command(self) -> str:
        """Runs it."""
        out = f"runs/choosing/{self.family}_{self.name}"
        return f"jaxsoco run {self.path.relative_to(ROOT)} --out {out}"


REFERENCES = (
    Reference("tracking", "choosing", (Column("regret", View("online_optimum")),)),
    Reference(
        "tracking",
        "exponents",
        (Column("regret", View("online_optimum", statistic="median")),),
        {"part": "all", HORIZON: 10_000},
    ),
    Reference(
        "allocation",
        "choosing",
        (
            Column("cost over integral_optimum", View("integral_optimum")),
            Column("over offline_optimum", View("offline_optimum")),
        ),
        round="slot",
    ),
    Reference(
        "multistage",
        "choosing",
        (Column("regret per round", View("best_leaf", per_round=True)),),
        timed=100_000,
    ),
    Reference(
        "provisioning",
        "choosing",
        (
            Column("regret", View("static_optimum")),
            Column("violation, blocks", View(None, cost="violation")),
        ),
        round="episode",
        timed=1000,
    ),
    Reference(
        "smoothed",
        "choosing",
        (Column("cost over integral_optimum", View("integral_optimum")),),
    ),
    Reference(
        "smoothed",
        "choosing_space",
        (Column("cost over offline_optimum", View("offline_optimum")),),
    ),
    Reference(
        "smoothed",
        "dynamic_regret",
        (Column("hitting cost per round", View(None, cost="hit", per_round=True)),),
        {"exponent": 0.5, HORIZON: 4000},
    ),
    Reference(
        "smoothed",
        "load_types",
        (Column("cost over integral_optimum", View("integral_optimum")),),
        {"types": 2},
    ),
)
"""The tables of the page, in its order."""


class Measured(NamedTuple):
    """What was measured with a reference.

    Attributes:
      times: label -> microseconds of a round.
      results: label -> a text for every column.
      timing: where the times come from.
      run: how large the run is.
    """

    times: Mapping[str, str]
    results: Mapping[str, Sequence[str]]
    timing: str = ABSENT
    run: str = ABSENT


# --- what is declared -----------------------------------------------------------------------------


@cache
def learners(reference: Reference) -> dict[str, AlgorithmEntry]:
    """The learners of the reference's experiment by their labels."""
    return {one.label: one.entry for one in load_experiment(reference.path).learners}


def block(reference: Reference, measured: Measured) -> str:
    """The table of a reference with what stands below it, between the page's marks."""
    headings = [column.heading for column in reference.columns]
    header = ["learner", "information", "guarantee", f"µs per {reference.round}", *headings]
    rows = []
    for label, entry in learners(reference).items():
        results = measured.results.get(label, [ABSENT] * len(headings))
        time = measured.times.get(label, ABSENT)
        name = "" if label.startswith(entry.name) else f" ({entry.name})"
        rows.append([f"`{label}`{name}", entry.information, entry.promise, time, *results])
    facts = [f"- `{reference.command}`: {measured.run}", f"- time: {measured.timing}"]
    begin, end = _marks(reference)
    return "\n".join([begin, *table(header, rows), "", *facts, end])


def _marks(reference: Reference) -> tuple[str, str]:
    name = reference.path.relative_to(ROOT)
    by = "by python benchmarks/choosing.py, to be replaced as a whole"
    return f"<!-- begin: {name}, {by} -->", f"<!-- end: {name} -->"


# --- what was measured ----------------------------------------------------------------------------


def reference_of(study: Study) -> Reference:
    """The reference that a study is a run of.

    Raises:
      InputError: there is none, or it is the small size.
    """
    for reference in REFERENCES:
        same = (study.setup.family, set(study.algorithms)) == (
            reference.family,
            set(learners(reference)),
        )
        if same and study.presentation.smoke:
            raise InputError(Issue("RUN", f"{study.title} has the small size", "want a full run"))
        if same:
            return reference
    message = f'"{study.title}" is none of the page\'s experiments, or has other learners'
    names = ", ".join(str(one.path.relative_to(ROOT)) for one in REFERENCES)
    raise InputError(Issue("RUN", message, f"want a run of {names}"))


def results_of(reference: Reference, ledger: Ledger) -> tuple[dict[str, list[str]], str]:
    """Every learner's results, and how large the run is.

    Raises:
      InputError: runs are missing, or the point is not among them.
    """
    study = ledger.study
    points = study.select(reference.where)
    if not ledger.complete or len(points) != 1:
        what = "is not complete" if points else f"has no point {dict(reference.where)}"
        raise InputError(Issue("RUN", f"{study.title} {what}", "run it again with the same --out"))
    results = {
        label: [_result(ledger, label, column.view, points) for column in reference.columns]
        for label in study.algorithms
    }
    rounds = thousands(study.points[points[0]][HORIZON])
    middle = "median" if reference.columns[0].view.statistic == "median" else "mean"
    size = f"{study.seeds} seeds, {rounds} {reference.round}s"
    return results, f"{size}; ± is half the {percent(study.level)} interval of the {middle}"


def _result(ledger: Ledger, label: str, view: View, points: Sequence[int]) -> str:
    sample = finals(ledger, label, view, points)
    level = ledger.study.level
    median = view.statistic == "median"
    return with_interval(sample.quantile(0.5, level) if median else sample.mean(level))


def measured_in(folder: Path, before: Mapping[Reference, Measured]) -> tuple[Reference, Measured]:
    """What a run directory has; its times where they were measured, and else those from before."""
    ledger = verdicts.read_run(folder)
    reference = reference_of(ledger.study)
    results, size = results_of(reference, ledger)
    rounds = choosing_rounds.read(folder)
    if rounds is None:
        return reference, before[reference]._replace(results=results, run=size)
    times = {label: harness.micro(seconds) for label, seconds in rounds.seconds.items()}
    return reference, Measured(times, results, rounds.where, size)


# --- the page -------------------------------------------------------------------------------------


def cells(line: str) -> list[str]:
    """The cells of a row, as they are written."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def measured_on(page: str, reference: Reference) -> Measured:
    """What the page says already."""
    begin, end = _marks(reference)
    lines = page.partition(begin)[2].partition(end)[0].splitlines()
    rows = [cells(line) for line in lines if line.startswith("| `")]
    facts = [line.partition(": ")[2] for line in lines if line.startswith("- ")]
    run, timing = facts if len(facts) == 2 else (ABSENT, ABSENT)
    width = 4 + len(reference.columns)
    by_label = {row[0].split("`")[1]: row for row in rows if len(row) == width}
    times = {label: row[3] for label, row in by_label.items()}
    return Measured(times, {label: row[4:] for label, row in by_label.items()}, timing, run)


def written(page: str, runs: Sequence[Path] = ()) -> str:
    """The page with its tables written anew.

    Args:
      page: its text, which has the marks of every reference.
      runs: run directories whose results replace those of the page.

    Raises:
      InputError: a directory holds no run that the page has a table of.
    """
    measured = {one: measured_on(page, one) for one in REFERENCES}
    measured |= dict(measured_in(folder, measured) for folder in runs)
    for reference, values in measured.items():
        begin, end = _marks(reference)
        before, _, rest = page.partition(begin)
        _, mark, after = rest.partition(end)
        if not mark:
            raise InputError(Issue(PAGE.name, f"lacks the line {begin} or {end}"))
        page = before + block(reference, values) + after
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints or writes the page; 2 if a run is of no use."""
    parser = argparse.ArgumentParser(description="the tables of docs/choosing.md")
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="run directory")
    parser.add_argument("--write", action="store_true", help="write docs/choosing.md")
    options = parser.parse_args(arguments)
    try:
        text = written(PAGE.read_text(encoding="utf-8"), options.runs)
    except InputError as error:
        print(error)
        return 2
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
