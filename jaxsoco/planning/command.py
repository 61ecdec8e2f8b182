"""The command ``jaxsoco plan``: its arguments, and what it prints and writes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        return _plan_servers(arguments, experiment, print_json)
    result = compute_plan(experiment, lay_out_plan(experiment, request, arguments.forecast))
    for warning in result.warnings:
        warn(arguments, warning)
    if arguments.json:
        print_json(arguments, plan_document(result))
    else:
        print(plan_text(result))
    if arguments.csv is not None:
        rows = write_csv(result, arguments.csv)
        _say(arguments, f"{arguments.csv}: {count(rows, 'row')}")
    if arguments.figure is not None:
        write_figure(result, arguments.figure)
        _say(arguments, f"{arguments.figure}: prices, location and progress")
    return DONE


def _plan_servers(
    arguments: argparse.Namespace,
    experiment: Experiment,
    print_json: Callable[[argparse.Namespace, dict[str, Any]], None],
) -> int:
    """The plan of right-sizing."""
    result = compute_servers(experiment, arguments.job, arguments.forecast)
    if arguments.json:
        print_json(arguments, servers_document(result))
    else:
        print(servers_text(result))
    if arguments.csv is not None:
        rows = write_servers_csv(result, arguments.csv)
        _say(arguments, f"{arguments.csv}: {count(rows, 'row')}")
    if arguments.figure is not None:
        write_servers_figure(result, arguments.figure)
        _say(arguments, f"{arguments.figure}: load, servers on, and costs so far")
    return DONE


def _say(arguments: argparse.Namespace, line: str) -> None:
    """A line beside the results, which the document of ``--json`` has to itself."""
    print(line, file=sys.stderr if arguments.json else sys.stdout)
