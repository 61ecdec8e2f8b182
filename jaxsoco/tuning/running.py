"""``jaxsoco tune``: searches, then an ordinary sweep on held-out seeds that judges what they found.

Everything goes into one run directory. The sweep's blocks are shared with ``jaxsoco run``, which
has the same seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxsoco.analysis.searches import ROWS
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import AUTO, REQUIRED
from jaxsoco.core.text import as_toml, count
from jaxsoco.experiment.building import Builder
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.folders import existing
from jaxsoco.experiment.learners import Learner
from jaxsoco.experiment.runner import compute_runs, run
from jaxsoco.experiment.sizes import excesses
from jaxsoco.tuning.finding import Answer, find
from jaxsoco.tuning.landscape import keep, landscape
from jaxsoco.tuning.table import TuneTable


def tune(
    sweep: Sweep,
    table: TuneTable,
    out: Path,
    *,
    command: str,
    devices: int | Sequence[Any] | None = None,
    cache: Path | None = None,
    anyway: bool = False,
) -> int:
    """Searches what is missing, judges it, reports, and prints lines for an experiment file.

    Args:
      sweep: the expanded experiment.
      table: its ``[tune]``.
      out: the run directory: new, empty, or with results of any experiment.
      command: the command line, for the manifest.
      devices: how many to use for the sweep, see ``experiment.runner.run``.
      cache: a folder of packs to take from, and to add to.
      anyway: even if the sweep does not fit the disk, the memory or a lifetime.

    Returns:
      The exit code.

    Raises:
      InputError: the directory cannot be used, the sweep is too large, or a search cannot begin.
      Interrupted: it stopped early and can be resumed.
    """
    options = {"command": command, "devices": devices, "cache": cache, "anyway": anyway}
    draft = _before(sweep, table)
    existing(out)
    if (issues := [*excesses(draft, out)]) and not anyway:
        raise InputError(issues)
    builder = Builder(draft, devices)
    study, instances = builder.study(None, command), builder.instances()
    builder.trace(study.groups)
    answers = [find(target, table, instances, study, out) for target in table.learners]
    judging = _judging(sweep, table, answers, out)
    for answer in answers:
        if places := landscape(judging, answer, table):
            number = count(len(places.experiment.learners), "place")
            print(f"{answer.target.name}: the objective over the range, at {number}")
            keep(compute_runs(places, out, **options), answer, table)
    print(f"judging on {count(table.holdout, 'held-out seed')}")
    code = run(judging, out, **options)
    for answer in answers:
        print(f"\n{_told(answer)}")
    return code


def _before(sweep: Sweep, table: TuneTable) -> Sweep:
    """The judging sweep before any search: every learner with the values of the file."""
    learners = [target.learner(target.label("default"), {}) for target in table.learners]
    return _with_learners(sweep, table, learners)


def _with_learners(sweep: Sweep, table: TuneTable, learners: Sequence[Learner]) -> Sweep:
    experiment = sweep.experiment
    changed = replace(
        experiment,
        learners=tuple(learners),
        comparators=table.rivals,
        run=replace(experiment.run, seeds=table.holdout, trace=0),
        checks=(),
        plots=(),
    )
    return replace(sweep, experiment=changed)


def _judging(sweep: Sweep, table: TuneTable, answers: Sequence[Answer], out: Path) -> Sweep:
    """The sweep of what was found, of the default, of the theory's values and of the file's."""
    learners, infos = [], []
    for answer in answers:
        labels = _labels(answer)
        for label in dict.fromkeys(labels.values()):
            row = next(row for row, one in labels.items() if one == label)
            learners.append(answer.target.learner(label, answer.rows[row]))
        infos.append(_info(answer, labels, out))
    judging = _with_learners(sweep, table, learners)
    tuning = {"objective": table.objective._asdict(), "learners": infos}
    return replace(judging, experiment=replace(judging.experiment, tuning=tuning))


def _labels(answer: Answer) -> dict[str, str]:
    """Row -> label; rows with equal values have one label."""
    labels: dict[str, str] = {}
    for row in ROWS:
        if row in answer.rows:
            numbers = answer.numbers(row)
            alike = [other for other in labels if answer.numbers(other) == numbers]
            labels[row] = labels[alike[0]] if alike else answer.target.label(row)
    return labels


def _info(answer: Answer, labels: dict[str, str], out: Path) -> dict[str, Any]:
    """A search for the manifest, as ``analysis.searches`` reads it."""
    target, search = answer.target, answer.search
    # The file's values are a row of their own only where they are no other's.
    shown = {row: label for row, label in labels.items() if row != "start" or _is_own(row, labels)}
    return {
        "name": target.name,
        "folder": answer.folder.relative_to(out).as_posix(),
        "method": search.method,
        "reason": search.reason,
        "seeds": search.runs_per_step,
        "start": answer.start,
        "parameters": [
            {
                "name": one.name,
                "scale": one.scale,
                "choices": [AUTO if c is None else c for c in one.choices],
            }
            for one in target.space.dimensions
        ],
        "labels": shown,
        "values": {row: answer.numbers(row) for row in shown},
        "notes": _notes(shown),
        "toml": toml(answer),
    }


def _is_own(row: str, labels: dict[str, str]) -> bool:
    return all(label != labels[row] for other, label in labels.items() if other != row)


def _notes(labels: dict[str, str]) -> list[str]:
    """Which rows are one."""
    notes = []
    for label in dict.fromkeys(labels.values()):
        rows = [row for row, one in labels.items() if one == label]
        if len(rows) > 1:
            names = " and ".join(rows)
            notes.append(f"{names} have equal values, which are computed once.")
    return notes


def toml(answer: Answer) -> str:
    """An ``[[algorithm]]`` with the values that were found."""
    target, tuned = answer.target, answer.rows["tuned"]
    lines = ["[[algorithm]]", f"name = {as_toml(target.entry.name)}"]
    if target.name != target.entry.name:
        lines.append(f"label = {as_toml(target.name)}")
    for field in target.entry.fields:
        value = tuned.get(field.name, target.values[field.name])
        if field.name in tuned or field.default is REQUIRED or value != field.default:
            lines.append(f"{field.name} = {as_toml(AUTO if value is None else value)}")
    return "\n".join(lines)


def _told(answer: Answer) -> str:
    """The lines to paste, and where they come from."""
    names = count(len(answer.rows["tuned"]), "value")
    head = f"# {answer.target.name}, {names} tuned by {answer.search.method}; lines to paste:"
    return f"{head}\n{toml(answer)}"
