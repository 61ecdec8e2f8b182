"""Right-sizing of an experiment file, planned: servers on by hour for its recorded load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.analysis import style
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import count, table
from jaxsoco.experiment.devices import start_jax
from jaxsoco.experiment.expand import with_paths
from jaxsoco.experiment.learners import combinations
from jaxsoco.experiment.spec import Experiment
from jaxsoco.planning.experiment import learners_of, save_table, several_values
from jaxsoco.planning.figure import save_figure
from jaxsoco.smoothed.planning.result import COLUMNS, ServerPlan, ServerSchedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROBLEM = "smoothed/rightsizing"
SHOWN = 48
"""Rounds that are printed one by one; more are for the CSV file."""


def compute_servers(
    experiment: Experiment, jobs: Sequence[str], forecast: Path | None
) -> ServerPlan:
    """Starts JAX as the experiment wants it, and plans with the experiment's learners.

    Raises:
      InputError: options of a plan for jobs are given; a field of the problem has several values;
        or its load is drawn.
    """
    issues = [
        Issue(option, f"is for jobs of allocation, and the file is of {PROBLEM}", "leave it out")
        for option, value in (("--job", jobs), ("--forecast", forecast))
        if value
    ]
    issues += several_values(experiment)
    if issues:
        raise InputError(issues)
    (point,) = combinations(experiment.axes)
    values = with_paths(experiment, point)
    prepared = experiment.problem.prepared(values, experiment.folder)
    load = prepared.content.arguments["load"]
    if isinstance(load, str):
        hint = "such as --set problem.load=requests.csv"
        raise InputError(Issue("problem.load", f'"{load}" is drawn, a plan is for a file', hint))
    start_jax(experiment.run.precision, 1, 1)
    from jaxsoco.smoothed.planning.playing import plan_servers

    problem = experiment.problem.instance(prepared, values)
    schedules = plan_servers(problem, learners_of(experiment), experiment.run.root_seed)
    load, width = np.asarray(load, np.float64), float(prepared.content.bin)
    return ServerPlan(load, width, schedules, prepared.notes)


def servers_text(plan: ServerPlan) -> str:
    """The plan for a terminal."""
    length = f" of {plan.bin / 60:g} min" if plan.bin else ""
    rounds = f"{count(len(plan.load), 'round')}{length}"
    head = f"load: {rounds}, {plan.load.mean():.4g} on average and up to {plan.load.max():.4g}"
    lines = [head, *(f"  {note}" for note in plan.notes), "", _totals(plan), ""]
    if len(plan.load) <= SHOWN:
        lines += [_by_round(plan), ""]
    else:
        lines += [f"{len(plan.load):,} rounds: --csv FILE writes them one by one", ""]
    lines += ["The optima know all rounds beforehand: hindsight."]
    for schedule in plan.schedules:
        if schedule.faults:
            steps = count(schedule.faults, "step")
            lines.append(f"{schedule.name}: {steps} missed the solver's tolerance.")
    return "\n".join(lines)


def _totals(plan: ServerPlan) -> str:
    header = ["learner", "cost", "running", "switching", "/ optimum", "most on", "mean on"]
    body = [
        [
            one.name,
            f"{one.total:.2f}",
            f"{one.hit.sum():.2f}",
            f"{one.move.sum():.2f}",
            f"{plan.ratio(one):.4f}",
            f"{one.servers.max():.4g}",
            f"{one.servers.mean():.2f}",
        ]
        for one in plan.schedules
    ]
    return table(header, body, 1)


def _by_round(plan: ServerPlan) -> str:
    header = ["hour" if plan.bin else "round", "load", *(one.name for one in plan.schedules)]
    hours = plan.hours if plan.bin else plan.hours + 1
    body = [
        [f"{hour:g}", f"{load:.4g}", *(f"{one.servers[t]:.4g}" for one in plan.schedules)]
        for t, (hour, load) in enumerate(zip(hours, plan.load, strict=True))
    ]
    return table(header, body, 0)


def servers_document(plan: ServerPlan) -> dict[str, Any]:
    """The plan for programs; its keys are part of the interface (``docs/command-line.md``)."""
    return {
        "problem": PROBLEM,
        "bin": plan.bin or None,
        "load": list(map(float, plan.load)),
        "schedules": [_document(plan, one) for one in plan.schedules],
        "notes": list(plan.notes),
    }


def _document(plan: ServerPlan, one: ServerSchedule) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "costs": {"total": one.total, "hit": float(one.hit.sum()), "move": float(one.move.sum())},
        "ratio": plan.ratio(one),
        "faults": one.faults,
        "servers": list(map(float, one.servers)),
    }


def write_servers_csv(plan: ServerPlan, path: Path) -> int:
    """Writes the plan's table; returns the number of rows.

    Raises:
      InputError: the file cannot be written.
    """
    return save_table(path, plan.table(), COLUMNS)


def write_servers_figure(plan: ServerPlan, path: Path) -> None:
    """Draws load, servers on, and costs so far, to a file.

    Raises:
      InputError: the form is unknown, or the file cannot be written.
    """
    save_figure(path, "\n".join(one.name for one in plan.schedules), lambda: _draw(plan))


def _draw(plan: ServerPlan) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * style.WIDTH, 4.8), layout="constrained")
    servers, costs = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1.0))
    looks = style.lines(one.name for one in plan.schedules)
    hours = plan.hours if plan.bin else plan.hours + 1
    step = hours[1] - hours[0] if len(hours) > 1 else 1.0
    edges = np.append(hours, hours[-1] + step)
    servers.stairs(plan.load, edges, fill=True, color="#e4e4e4", label="load")
    for one in plan.schedules:
        _draw_schedule(servers, costs, edges, one, looks[one.name])
    servers.set_ylabel("servers on")
    servers.set_ylim(bottom=0)
    servers.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    costs.set_ylabel("cost so far")
    costs.set_xlabel("hour" if plan.bin else "round")
    costs.set_xlim(edges[0], edges[-1])
    return figure


def _draw_schedule(
    servers: Axes, costs: Axes, edges: np.ndarray, one: ServerSchedule, look: Any
) -> None:
    label = style.plain(one.name)
    looks = {"color": look.color, "linestyle": look.linestyle}
    servers.stairs(one.servers, edges, baseline=None, label=label, **looks)
    costs.plot(edges[1:], np.cumsum(one.hit + one.move), **looks)
