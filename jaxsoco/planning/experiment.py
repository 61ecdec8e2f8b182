"""One job of an experiment file: the file and ``--job`` checked without JAX, then the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.allocation.planning.request import JobRequest, read_request
from jaxsoco.allocation.planning.result import COLUMNS, Plan
from jaxsoco.allocation.planning.task import Task, lay_out
from jaxsoco.analysis.columns import Batch, Type
from jaxsoco.analysis.export import write_table
from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.fields import Issues
from jaxsoco.core.text import as_toml, count, shorten
from jaxsoco.experiment.devices import start_jax
from jaxsoco.experiment.expand import with_paths
from jaxsoco.experiment.learners import combinations
from jaxsoco.experiment.spec import Experiment
from jaxsoco.experiment.tracing import load_entry

PROBLEM = "allocation/carbon_jobs"


def read_job(texts: Sequence[str]) -> JobRequest:
    """The job that ``--job`` states, once or several times: ``start=2022-03-01T14:00,hours=4``.

    Raises:
      InputError: with everything that is wrong with it.
    """
    values: dict[str, str] = {}
    issues = Issues()
    for part in (part for text in texts for part in text.split(",") if part.strip()):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            message = f'found "{shorten(part.strip(), 80)}"'
            issues.found(
                "--job", message, "want NAME=VALUE, such as start=2022-03-01T14:00,hours=4"
            )
        elif name in values:
            issues.found(f"--job {name}", "is given twice", "give it once")
        else:
            values[name] = value
    if issues:
        raise InputError(issues)
    try:
        return read_request(values)
    except InputError as error:
        under = (issue._replace(path=f"--job {issue.path}") for issue in error.issues)
        raise InputError(under) from None


def lay_out_plan(experiment: Experiment, request: JobRequest, forecast: Path | None) -> Task:
    """What is to be planned: the experiment's problem with this job in place of drawn ones.

    Raises:
      InputError: the problem is another one or has several points; the data or the job do not fit.
    """
    name = f"{experiment.family.name}/{experiment.problem.name}"
    if name != PROBLEM:
        message = f"is of the problem {name}"
        hint = f"a plan is for a job of {PROBLEM}, or for smoothed/rightsizing"
        raise InputError(Issue("family", message, hint))
    if issues := several_values(experiment):
        raise InputError(issues)
    (point,) = combinations(experiment.axes)
    settings = experiment.problem.settings.of(with_paths(experiment, point))
    try:
        return lay_out(settings, experiment.folder, request, forecast)
    except InputError as error:
        raise _as_options(error) from None


def several_values(experiment: Experiment) -> list[Issue]:
    """Fields of the problem with several values, where a plan is for one."""
    return [
        Issue(
            f"problem.{axis}",
            f"has {count(len(values), 'value')}, and a plan is for one",
            f"such as --set problem.{axis}={as_toml(values[0])}",
        )
        for axis, values in experiment.swept.items()
    ]


def compute_plan(experiment: Experiment, task: Task) -> Plan:
    """Starts JAX as the experiment wants it, and plans with the experiment's learners."""
    start_jax(experiment.run.precision, 1, 1)
    from jaxsoco.allocation.planning.playing import carry_out

    return carry_out(task, learners_of(experiment), experiment.run.root_seed)


def learners_of(experiment: Experiment) -> dict[str, tuple[Any, Any]]:
    """Label -> algorithm and parameters. Needs JAX to be started."""
    return {
        learner.label: (
            load_entry(learner.label, learner.entry),
            learner.entry.parameters(learner.values),
        )
        for learner in experiment.learners
    }


def write_csv(plan: Plan, path: Path) -> int:
    """Writes the plan's table; returns the number of rows.

    Raises:
      InputError: the file cannot be written.
    """
    return save_table(path, plan.table(), COLUMNS)


def save_table(
    path: Path, table: np.ndarray | Mapping[str, np.ndarray], columns: Mapping[str, Type]
) -> int:
    """Writes columns of a plan's table as CSV; returns the number of rows.

    Raises:
      InputError: the file cannot be written.
    """
    batch = Batch({}, {name: table[name] for name in columns})
    try:
        return write_table(path, "csv", columns, [batch], {})
    except OSError as error:
        raise InputError(
            Issue(f"--csv {path}", f"cannot be written: {reason_of(error)}")
        ) from error


def _as_options(error: InputError) -> InputError:
    """Issues of a job's parts under the options of the command line that state them."""

    def place(path: str) -> str:
        first = re.split(r"[:.\[]", path, maxsplit=1)[0]
        if first in JobRequest.__dataclass_fields__:
            return f"--job {path}"
        return f"--{path}" if first == "forecast" else path

    return InputError(issue._replace(path=place(issue.path)) for issue in error.issues)
