"""The commands of ``jaxsoco`` and their arguments; ``readers`` has those that look at results."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxsoco import listing, readers, registry
from jaxsoco._version import __version__
from jaxsoco.core.exits import DONE
from jaxsoco.core.files import read_text
from jaxsoco.core.text import columns, shorten
from jaxsoco.engine.requests import Share
from jaxsoco.experiment import Sweep, expand, load_experiment
from jaxsoco.experiment.document import parse_toml
from jaxsoco.experiment.folders import default_folder
from jaxsoco.experiment.overview import (
    check_document,
    check_text,
    unread_text,
)
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.runner import report, run, trace
from jaxsoco.experiment.shares import share_of
from jaxsoco.experiment.spec import Unread
from jaxsoco.experiment.workers import EXECUTORS, Workers
from jaxsoco.planning.command import EXAMPLES as PLAN_EXAMPLES
from jaxsoco.planning.command import add_job, plan
from jaxsoco.tuning.overview import tuning_document, tuning_text
from jaxsoco.tuning.table import read_table


def print_json(arguments: argparse.Namespace, content: dict[str, Any]) -> None:
    """One document; what it has is part of the interface (``docs/command-line.md``)."""
    head = {"format": _FORMAT, "jaxsoco": __version__, "command": arguments.command}
    document = {**head, **content, "warnings": arguments.warnings}
    print(json.dumps(document, indent=1, allow_nan=False))


_FORMAT = 1
"""Of the documents of ``--json``: counts up when something in them goes or changes its meaning."""

_EXAMPLES = {
    "": """
  jaxsoco list                                   what there is
  jaxsoco check experiments/quickstart.toml      is the file right, and how large is the run
  jaxsoco run experiments/quickstart.toml        run it, or go on with it
  jaxsoco report runs/quickstart                 table, figures and checks once more""",
    "list": """
  jaxsoco list                                   everything, one line each
  jaxsoco list allocation/st_clip                one learner and its fields
  jaxsoco list checks/slope                      one kind of check
  jaxsoco list tracking --json                   a family, for programs""",
    "check": """
  jaxsoco check experiments/quickstart.toml
  jaxsoco check experiments/quickstart.toml --seeds 64 --set "problem.data_size=[1, 2, 4]"
  jaxsoco check experiments/quickstart.toml --trace
  jaxsoco check experiments/quickstart.toml --json""",
    "run": """
  jaxsoco run experiments/quickstart.toml --smoke
  jaxsoco run experiments/quickstart.toml --seeds 64 --out runs/trial
  jaxsoco run experiments/quickstart.toml --set algorithm.st_clip.epsilon=0.5 --out runs/bold
  jaxsoco run experiments/quickstart.toml --share 1/2 --devices 1
  jaxsoco run experiments/quickstart.toml --share auto --steal --time-limit 3h50m
  jaxsoco run experiments/quickstart.toml --executor ray --workers 2""",
    "tune": """
  jaxsoco tune experiments/tracking/tune_hyscale.toml --smoke
  jaxsoco tune experiments/tracking/tune_hyscale.toml --set tune.steps=30 --out runs/trial""",
    "plan": PLAN_EXAMPLES,
    "report": """
  jaxsoco report runs/quickstart""",
    **readers.EXAMPLES,
}

_CODES = """exit codes:
  0    done
  1    a check failed (with --strict: or is undecided)
  2    bad input
  70   internal error: a file for a report is named
  75   interrupted and resumable
  141  the reader of the output went away"""


def parser() -> argparse.ArgumentParser:
    """Of the whole command line. Its results have ``act``, the function that runs the command."""
    options: dict[str, Any] = {
        "allow_abbrev": False,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
    top = argparse.ArgumentParser(
        prog="jaxsoco",
        description="Online decisions with switching costs: runs experiments from TOML files.",
        epilog=f"examples:{_EXAMPLES['']}\n\n{_CODES}\n\njaxsoco COMMAND --help says more of one.",
        **options,
    )
    top.add_argument("--version", action="version", version=f"jaxsoco {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, act: Any, text: str) -> argparse.ArgumentParser:
        epilog = f"examples:{_EXAMPLES[name]}"
        one = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog, **options
        )
        one.set_defaults(act=act, command=name, json=False, warnings=[])
        return one

    listed = add("list", _list, "families, algorithms, experiments")
    listed.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="show one in detail, such as allocation/pcm; also run, tune, checks, plots, "
        "checks/slope, gradients, methods (default: all, one line each)",
    )
    form = listed.add_mutually_exclusive_group()
    form.add_argument(
        "--markdown", action="store_true", help="print a Markdown table (default: plain text)"
    )
    _add_json(form)
    _add_plugins(listed)

    checked = add("check", _check, "validate an experiment and show its size")
    _add_spec(checked)
    checked.add_argument(
        "--trace",
        action="store_true",
        help="also trace every learner at every shape, with JAX (default: do without JAX)",
    )
    _add_json(checked)

    ran = add("run", _run, "run an experiment, or resume it")
    _add_spec(ran)
    ran.add_argument(
        "--share",
        "--chunks",
        type=_share,
        metavar="I/N",
        help="only the I-th of N shares; auto: as the batch system numbers the members of a job "
        "array (default: 1/1, all)",
    )
    ran.add_argument(
        "--steal",
        action="store_true",
        help="then help the other shares, and take over what dead members held "
        "(default: only one's own share)",
    )
    ran.add_argument(
        "--time-limit",
        type=_duration,
        metavar="TIME",
        help="begin no pack that would not end within TIME, such as 3h50m (default: none)",
    )
    _add_computing(ran)
    _add_workers(ran)
    _add_strict(ran)

    tuned = add("tune", _tune, "search parameters of learners, as [tune] says, or resume it")
    _add_spec(tuned)
    _add_computing(tuned)

    planned = add("plan", _plan, "plan one job of allocation, or servers for a load, hour by hour")
    _add_file(planned)
    add_job(planned)
    _add_json(planned)

    reported = add("report", _report, "rewrite a run's table, figures, checks and report")
    reported.add_argument("directory", type=Path, metavar="DIR", help="the run directory")
    _add_plugins(reported)  # it evaluates checks, whose kinds may be a plug-in's
    _add_strict(reported)

    readers.add_status(seen := add("status", _reading(readers.status), "progress of runs"))
    readers.add_export(add("export", _reading(readers.export), "results as one long table"))
    compared = add("compare", _reading(readers.comparing), "two runs side by side, seed by seed")
    readers.add_compare(compared)
    pruned = add("prune", _reading(readers.prune), "delete results that nothing asks for any more")
    readers.add_prune(pruned)
    for one in (seen, compared, pruned):
        _add_json(one)
    return top


def _add_computing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="take packs from here, and put new ones here (default: the folder that "
        "JAXSOCO_CACHE names, if any)",
    )
    parser.add_argument(
        "--devices",
        type=_positive,
        metavar="N",
        help="number of devices, or CPU cores, to use (default: all that have something to do)",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="begin even if the run does not fit the disk, the memory or a lifetime "
        "(default: refuse, with the numbers)",
    )


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        default="local",
        help="who computes: this process, or workers of Ray on this machine or a cluster "
        "(default: local)",
    )
    parser.add_argument(
        "--ray-address",
        default="",
        metavar="ADDRESS",
        help="a cluster of Ray: HOST:PORT, or auto on one of its machines "
        "(default: start Ray here, and end it)",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="number of Ray's workers, one device each (default: all cores or GPUs there are)",
    )
    parser.add_argument(
        "--workers-write",
        action="store_true",
        help="Ray's workers write to DIR themselves, which is on a disk that all share "
        "(default: they send what they computed)",
    )


def _add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if a check is undecided, too (default: only if one failed)",
    )


def _add_json(parser: Any) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON document, for programs (default: plain text)",
    )


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        dest="plugins",
        metavar="MODULE",
        help="import a plug-in: a module of this folder, or an installed one; may be repeated "
        "(default: those of installed packages, and those that the file names)",
    )


def _add_file(parser: argparse.ArgumentParser) -> None:
    """The experiment file, and what is laid over it."""
    _add_plugins(parser)
    parser.add_argument(
        "--no-plugins",
        action="store_true",
        help="refuse a file that names plug-ins (default: a run imports them)",
    )
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the experiment, a TOML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="replace problem.FIELD, run.KEY, tune.KEY or algorithm.NAME.FIELD; VALUE as in TOML; "
        "may be repeated (default: what SPEC says)",
    )


def _add_spec(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="run directory (default: runs/NAME of SPEC, with --smoke runs/NAME-smoke)",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="the small version, of [smoke] (default: full size)"
    )
    parser.add_argument(
        "--seeds", type=_seeds, metavar="N", help="replace run.seeds (default: what SPEC says)"
    )


_LARGEST = 2**31 - 1
_MOST_DIGITS = 20  # Python reads no integer of thousands, and an error quotes what it is about


def _integer(text: str) -> int | None:
    """The whole number that is written here, None if there is none or it is absurdly long."""
    try:
        return int(text) if len(text) <= _MOST_DIGITS else None
    except ValueError:
        return None


def _seeds(text: str) -> int:
    number = _integer(text)
    if number is None:  # what is too small or too large is the validator's to say
        raise _misfit(text, f"a whole number from 1 to {_LARGEST}")
    return number


def _positive(text: str) -> int:
    number = _integer(text)
    if number is None or not 1 <= number <= _LARGEST:
        raise _misfit(text, f"a whole number from 1 to {_LARGEST}")
    return number


def _share(text: str) -> Share | str:
    if text == "auto":
        return text
    first, _, second = text.partition("/")
    index, number = _integer(first), _integer(second)
    if index is None or number is None or not 1 <= index <= number <= _LARGEST:
        raise _misfit(text, f"I/N with 1 <= I <= N <= {_LARGEST}, such as 1/4, or auto")
    return Share(index - 1, number)


_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")


def _duration(text: str) -> float:
    """Seconds of a time such as ``3h50m``."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise _misfit(text, "a time such as 3h50m, 90m or 45s")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(86400 * days + 3600 * hours + 60 * minutes + seconds)


def _misfit(text: str, want: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f'"{shorten(text, 40)}": want {want}')


def _expand(arguments: argparse.Namespace, listed: bool = False) -> Sweep:
    """The experiment; ``listed``: its own plug-ins are named, and nobody's code is run unasked.

    ``arguments.out`` is the run directory afterwards.
    """
    _warn_of_plugins(arguments)
    experiment = load_experiment(
        arguments.spec,
        smoke=arguments.smoke,
        seeds=arguments.seeds,
        assignments=arguments.assignments,
        plugins=Policy(tuple(arguments.plugins), arguments.no_plugins, listed),
    )
    arguments.out = arguments.out or default_folder(experiment.name, arguments.smoke)
    sweep = expand(experiment)
    for warning in sweep.warnings:
        _warn(arguments, warning)
    return sweep


def _warn(arguments: argparse.Namespace, warning: object) -> None:
    """Says it on standard error, or in the document of ``--json``."""
    if arguments.json:
        arguments.warnings.append(str(warning))
    else:
        print(f"warning: {warning}", file=sys.stderr)


def _warn_of_plugins(arguments: argparse.Namespace) -> None:
    for issue in registry.complaints():
        _warn(arguments, issue)


def _list(arguments: argparse.Namespace, command: str) -> int:
    _warn_of_plugins(arguments)
    Policy(tuple(arguments.plugins)).use((), Path())
    if arguments.json:
        files = None if arguments.name else _spec_files()
        print_json(arguments, listing.document(arguments.name, files))
        return DONE
    if arguments.markdown:
        print(listing.markdown(arguments.name))
        return DONE
    if arguments.name is not None:
        print(listing.describe(arguments.name))
        return DONE
    print(registry.listing())
    spec_files = _spec_files()
    print("experiments" if spec_files else "experiments: none in the folder experiments")
    rows = [(f"  {path}", title) for path, title in spec_files.items()]
    for line in columns(rows) if rows else ():
        print(line)
    return DONE


def _spec_files() -> dict[Path, str]:
    """The experiments of this folder, and their titles."""
    return {path: _title(path) for path in sorted(Path("experiments").rglob("*.toml"))}


def _title(path: Path) -> str:
    try:
        title = parse_toml(read_text(path)).get("figure", "")
    except ValueError:  # cannot be read, not UTF-8, not TOML
        return "(cannot be read; jaxsoco check says why)"
    return str(title)


def _check(arguments: argparse.Namespace, command: str) -> int:
    try:
        sweep = _expand(arguments, listed=not arguments.trace)
    except Unread as error:
        if arguments.json:
            print_json(arguments, {"plugins": {}, "unread_plugins": [*error.modules]})
            return DONE
        print(f"{arguments.spec}: its family or problem may belong to a plug-in")
        print("\n".join(unread_text(error.modules)))
        return DONE
    experiment = sweep.experiment
    # A learner that is tuned may be of a plug-in that was not imported.
    table = read_table(sweep) if experiment.document.tune and not experiment.unread else None
    if not arguments.json:
        print("\n".join([check_text(sweep, arguments.out), *tuning_text(table)]))
    if arguments.trace:
        trace(sweep)
    if arguments.json:
        traced = {"traced": arguments.trace}
        tuning = {"tuning": tuning_document(table)} if table else {}
        print_json(arguments, check_document(sweep, arguments.out) | tuning | traced)
    elif arguments.trace:
        print("  every learner and comparator was traced, at every shape")
    return DONE


def _run(arguments: argparse.Namespace, command: str) -> int:
    share = share_of(os.environ) if arguments.share == "auto" else arguments.share
    workers = Workers(
        arguments.executor, arguments.ray_address, arguments.workers, arguments.workers_write
    )
    workers.validate(arguments.devices, typed=True, steal=arguments.steal)
    sweep, out = _expand(arguments), arguments.out
    with workers.engaged(sweep) as elsewhere:
        return run(
            sweep,
            out,
            command=command,
            devices=arguments.devices,
            share=share,
            steal=arguments.steal,
            time_limit=arguments.time_limit,
            cache=arguments.cache,
            elsewhere=elsewhere,
            strict=arguments.strict,
            anyway=arguments.anyway,
        )


def _tune(arguments: argparse.Namespace, command: str) -> int:
    sweep = _expand(arguments)
    table = read_table(sweep)
    from jaxsoco.tuning.running import tune  # brings JAX, which bad input need not wait for

    return tune(
        sweep,
        table,
        arguments.out,
        command=command,
        devices=arguments.devices,
        cache=arguments.cache,
        anyway=arguments.anyway,
    )


def _plan(arguments: argparse.Namespace, command: str) -> int:
    _warn_of_plugins(arguments)
    policy = Policy(tuple(arguments.plugins), arguments.no_plugins)
    return plan(
        arguments,
        lambda: load_experiment(arguments.spec, assignments=arguments.assignments, plugins=policy),
        print_json,
        _warn,
    )


def _reading(act: Callable[[argparse.Namespace, readers.Print], int]) -> Any:
    """A command of ``readers``."""
    return lambda arguments, command: act(arguments, print_json)


def _report(arguments: argparse.Namespace, command: str) -> int:
    _warn_of_plugins(arguments)
    Policy(tuple(arguments.plugins)).use((), Path())
    return report(arguments.directory, strict=arguments.strict)
