"""The commands that look at results: ``status``, ``export``, ``compare``, ``prune``. No JAX."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxsoco.analysis.columns import (
    LONG_MEANS,
    LONG_RUNS,
    Columns,
    long_batches,
    mean_batches,
)
from jaxsoco.analysis.export import write_table
from jaxsoco.analysis.samples import require_runs
from jaxsoco.core import terminal, text
from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.exits import DONE, FAILED
from jaxsoco.core.study import Study
from jaxsoco.engine.pruning import Prunable, Pruning
from jaxsoco.engine.reading import Stored
from jaxsoco.experiment.comparing import compare, comparison_document, comparison_text
from jaxsoco.experiment.status import Watch, status_document, status_text

Print = Callable[[argparse.Namespace, dict[str, Any]], None]

EXAMPLES = {
    "status": """
  jaxsoco status runs/quickstart
  jaxsoco status runs
  jaxsoco status runs --watch
  jaxsoco status runs/quickstart --json""",
    "export": """
  jaxsoco export runs/quickstart --parquet means.parquet
  jaxsoco export runs/quickstart --parquet runs.parquet --runs
  jaxsoco export runs/quickstart --csv means.csv
  jaxsoco export runs/sampling --csv schedules.csv --traces""",
    "compare": """
  jaxsoco compare runs/quickstart runs/quickstart-gpu
  jaxsoco compare runs/before runs/after --strict
  jaxsoco compare runs/before runs/after --json""",
    "prune": """
  jaxsoco prune runs/quickstart
  jaxsoco prune runs/quickstart --yes""",
}

_SECONDS = 10.0


def add_status(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``status``."""
    parser.add_argument(
        "directories",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="a run directory, in detail; several of them, or a folder of runs, in a line each",
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_SECONDS,
        metavar="SECONDS",
        help=f"look again every SECONDS ({_SECONDS:g} without a number) until all runs are there "
        "(default: look once)",
    )


def add_export(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``export``."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the run directory")
    form = parser.add_mutually_exclusive_group(required=True)
    for name, what in (("parquet", "Parquet (takes pyarrow)"), ("csv", "CSV")):
        form.add_argument(
            f"--{name}",
            type=Path,
            metavar="FILE",
            help=f"write {what} here; replaces a file (default: none, one of the two is needed)",
        )
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument(
        "--runs",
        action="store_true",
        help="a row for every seed (default: means over the seeds, with intervals)",
    )
    rows.add_argument(
        "--traces",
        action="store_true",
        help="a row for every round of the seeds of run.trace (default: means over the seeds)",
    )


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``compare``."""
    for name in ("A", "B"):
        parser.add_argument(name.lower(), type=Path, metavar=name, help="a run directory")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if a cell differs by more than rounding (default: with 0)",
    )


def add_prune(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``prune``."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the run directory")
    parser.add_argument(
        "--yes", action="store_true", help="delete it (default: only say what would be deleted)"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f'"{text}": want seconds, 0.1 to 86400')
    return seconds


def status(arguments: argparse.Namespace, print_json: Print) -> int:
    """``jaxsoco status``."""
    watch = Watch(arguments.directories)
    if arguments.json:
        if arguments.watch is not None:
            message = "not allowed with --json, which prints one document"
            raise InputError(Issue("--watch", message, "leave one of the two out"))
        print_json(arguments, status_document(watch, watch.states()))
        return DONE
    while True:
        states = watch.states()
        # A terminal shows the last look alone; a log keeps them all.
        if arguments.watch is not None and terminal.has_sequences(sys.stdout):
            terminal.output().put("\x1b[H\x1b[2J")
        print(status_text(watch, states), flush=True)
        if arguments.watch is None or all(state.complete for state in states):
            return DONE
        time.sleep(arguments.watch)


def export(arguments: argparse.Namespace, print_json: Print) -> int:
    """``jaxsoco export``."""
    del print_json
    form = "parquet" if arguments.parquet else "csv"
    path = arguments.parquet or arguments.csv
    results = Stored(arguments.directory)
    _warn(results)
    study, pieces = results.study, results.pieces
    if arguments.runs:
        require_runs(study, "a table of runs")
    if arguments.traces:
        study, pieces = _traced(results), results.traces
    single = arguments.runs or arguments.traces
    columns = Columns(study, LONG_RUNS if single else LONG_MEANS)
    batches = long_batches if single else mean_batches
    what = "rounds" if arguments.traces else "runs" if arguments.runs else "means over seeds"
    notes = {"title": study.title, "identity": study.identity, "rows": what}
    try:
        rows = write_table(path, form, columns.types, batches(columns, pieces()), notes)
    except ImportError as error:
        raise InputError(Issue("--parquet", str(error), "or want --csv FILE")) from error
    except OSError as error:
        message = f"cannot be written: {reason_of(error)}"
        raise InputError(Issue(f"--{form} {path}", message)) from error
    size = text.size(path.stat().st_size)
    print(f"{path}: {text.count(rows, 'row')}, {len(columns.types)} columns, {size}")
    return DONE


def _traced(results: Stored) -> Study:
    """The single runs at every round.

    Raises:
      InputError: there are none.
    """
    if results.study.traced is None:
        message = "no single run of this experiment was kept at every round"
        raise InputError(Issue("--traces", message, "want run.trace = 3, say"))
    return results.study.traced


def _warn(results: Stored) -> None:
    """Says what is damaged or missing."""
    for line in results.damaged:
        print(f"warning: {line}; it is left out", file=sys.stderr)
    there = results.coverage
    if not there.complete:
        missing = f"{there.wanted - there.stored} of {there.wanted} runs of {results.path}"
        print(f"warning: {missing} are missing", file=sys.stderr)


def comparing(arguments: argparse.Namespace, print_json: Print) -> int:
    """``jaxsoco compare``."""
    left, right = Stored(arguments.a), Stored(arguments.b)
    if not arguments.json:
        _warn(left)
        _warn(right)
    result = compare(left, right)
    if arguments.json:
        print_json(arguments, comparison_document(result, arguments.a, arguments.b))
    else:
        print(comparison_text(result, arguments.a, arguments.b))
    counts = result.counts
    differ = sum(counts.values()) - counts["identical"] - counts["rounding"]
    return FAILED if arguments.strict and differ else DONE


def prune(arguments: argparse.Namespace, print_json: Print) -> int:
    """``jaxsoco prune``."""
    pruning = Pruning(arguments.directory)
    gone = _delete(pruning) if arguments.yes else []
    if arguments.json:
        print_json(arguments, _prune_document(pruning, gone))
        return DONE
    directory = arguments.directory
    kept = f"{text.count(pruning.kept, 'pack')} of {text.size(pruning.kept_size)}"
    if not pruning.prunable:
        print(f"{directory}: nothing to delete; {kept} belong to what was last asked of it")
        return DONE
    rows = _by_reason(gone if arguments.yes else pruning.prunable)
    body = [[reason, str(len(ones)), text.size(_size(ones))] for reason, ones in rows.items()]
    print(text.table(["packs", "number", "size"], body, 1))
    if arguments.yes:
        print(f"\n{text.size(_size(gone))} freed; kept: {kept}")
    else:
        size = text.size(_size(pruning.prunable))
        print(f"\n{size} would be freed, by jaxsoco prune {directory} --yes; kept: {kept}")
    return DONE


def _delete(pruning: Pruning) -> list[Prunable]:
    gone: list[Prunable] = []
    try:
        for one in pruning.delete():
            gone.append(one)
    except OSError as error:
        message = f"cannot be deleted: {reason_of(error)} ({len(gone)} packs are gone)"
        raise InputError(Issue(str(error.filename or pruning.store.path), message)) from error
    return gone


def _by_reason(prunable: list[Prunable]) -> dict[str, list[Prunable]]:
    reasons: dict[str, list[Prunable]] = {}
    for one in prunable:
        reasons.setdefault(one.reason, []).append(one)
    return reasons


def _size(prunable: list[Prunable]) -> int:
    return sum(one.size for one in prunable)


def _prune_document(pruning: Pruning, gone: list[Prunable]) -> dict[str, Any]:
    rows = _by_reason(pruning.prunable)
    return {
        "directory": str(pruning.store.path),
        "prunable": [
            {"reason": reason, "packs": len(ones), "bytes": _size(ones)}
            for reason, ones in rows.items()
        ],
        "bytes": _size(pruning.prunable),
        "kept": {"packs": pruning.kept, "bytes": pruning.kept_size},
        "deleted": len(gone),
    }
