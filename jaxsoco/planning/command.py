"""The command ``jaxsoco plan``: its arguments, and what it prints and writes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco.core.exits import DONE
from jaxsoco.core.text import count
from jaxsoco.experiment.spec import Experiment
from jaxsoco.planning.experiment import compute_plan, lay_out_plan, read_job, write_csv
from jaxsoco.planning.figure import check_form, write_figure
from jaxsoco.planning.servers import PROBLEM as SERVERS
from jaxsoco.planning.servers import (
    compute_servers,
    servers_document,
    servers_text,
    write_servers_csv,
    write_servers_figure,
)
from jaxsoco.planning.wording import plan_document, plan_text

EXAMPLES = """
  jaxsoco plan experiments/allocation/one_job.toml
  jaxsoco plan experiments/allocation/one_job.toml --job start=2022-03-01T14:00,region=eu-west-2
  jaxsoco plan experiments/allocation/one_job.toml --set problem.carbon=carbon.csv \\
    --forecast forecast.csv --job hours=6,deadline=24 --csv plan.csv --figure plan.svg
  jaxsoco plan experiments/allocation/one_job.toml --json
  jaxsoco plan experiments/smoothed/servers.toml --set problem.load=requests.csv --csv plan.csv"""


def add_job(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``plan`` beside the experiment."""
    parser.add_argument(
        "--job",
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="the job: start and now (hours in ISO 8601, UTC), hours of work, deadline (hours from "
        "the start, or a time), region; may be repeated (default: the first hour of the data, or "
        "of the forecast after them; job_length and deadline_max of SPEC; its first region)",
    )
    parser.add_argument(
        "--forecast",
        type=Path,
        metavar="PATH",
        help="forecast prices: a CSV file or a folder of them; they stand for prices that are not "
        "measured yet (default: none; every hour of the job must be in the data)",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a row for every learner, hour and region here (default: none)",
    )
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="draw prices, location and progress here: .svg, .pdf or .png (default: none)",
    )


def plan(
    arguments: argparse.Namespace,
    load: Callable[[], Experiment],
    print_json: Callable[[argparse.Namespace, dict[str, Any]], None],
    warn: Callable[[argparse.Namespace, object], None],
) -> int:
    """``jaxsoco plan``.

    Args:
      arguments: of :func:`add_job`, and ``json``.
      load: reads the experiment.
      print_json: prints a document.
      warn: says a warning.
    """
    request = read_job(arguments.job)
    if arguments.figure is not None:
        check_form(arguments.figure)
    experiment = load()
    if f"{experiment.family.name}/{experiment.problem.name}" == SERVERS:
        servers = compute_servers(experiment, arguments.job, arguments.forecast)
        _show(arguments, servers, _SERVERS, print_json)
        return DONE
    result = compute_plan(experiment, lay_out_plan(experiment, request, arguments.forecast))
    for warning in result.warnings:
        warn(arguments, warning)
    _show(arguments, result, _JOB, print_json)
    return DONE


class _Forms(NamedTuple):
    """What a plan can be shown as.

    Attributes:
      document: for ``--json``.
      text: for the terminal.
      write_csv: writes a file; returns its rows.
      write_figure: writes a file.
      drawn: what the figure shows.
    """

    document: Callable[[Any], dict[str, Any]]
    text: Callable[[Any], str]
    write_csv: Callable[[Any, Path], int]
    write_figure: Callable[[Any, Path], None]
    drawn: str


_JOB = _Forms(plan_document, plan_text, write_csv, write_figure, "prices, location and progress")
_SERVERS = _Forms(
    servers_document,
    servers_text,
    write_servers_csv,
    write_servers_figure,
    "load, servers on, and costs so far",
)


def _show(
    arguments: argparse.Namespace,
    result: Any,
    forms: _Forms,
    print_json: Callable[[argparse.Namespace, dict[str, Any]], None],
) -> None:
    if arguments.json:
        print_json(arguments, forms.document(result))
    else:
        print(forms.text(result))
    if arguments.csv is not None:
        rows = forms.write_csv(result, arguments.csv)
        _say(arguments, f"{arguments.csv}: {count(rows, 'row')}")
    if arguments.figure is not None:
        forms.write_figure(result, arguments.figure)
        _say(arguments, f"{arguments.figure}: {forms.drawn}")


def _say(arguments: argparse.Namespace, line: str) -> None:
    """A line beside the results, which the document of ``--json`` has to itself."""
    print(line, file=sys.stderr if arguments.json else sys.stdout)
