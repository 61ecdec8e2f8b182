"""The command line: ``jaxsoco list``, ``check``, ``run``, ``status``, ``report``.

Exit codes: 0 done, 1 a check failed (with --strict: or is undecided), 2 bad input, 75 interrupted
and resumable.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jaxsoco import listing, registry
from jaxsoco._version import __version__
from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.text import columns
from jaxsoco.experiment import Sweep, expand, load_experiment
from jaxsoco.experiment.overview import check_text, status_text, unread_text
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.runner import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    Share,
    default_folder,
    report,
    run,
    trace,
)
from jaxsoco.experiment.spec import Unread

_CLOSED_PIPE = 141  # what a shell shows for a process that a closed pipe ended


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
      argv: arguments without the program's name (those of the process if None).

    Returns:
      The exit code.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    command = shlex.join(["jaxsoco", *argv])
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.act(arguments, command)
        sys.stdout.flush()
        return code
    except SystemExit as error:  # argparse: --help, --version, bad usage
        return error.code if isinstance(error.code, int) else BAD_INPUT
    except InputError as error:
        _print_issues(error.issues)
        return BAD_INPUT
    except Interrupted as error:
        print(f"{error}\nresume with: {command}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        resume = f"; resume with: {command}" if argv[:1] == ["run"] else ""
        print(f"interrupted{resume}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, say) has enough; Python must not flush into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE


def _print_issues(issues: Sequence[Issue]) -> None:
    if len(issues) == 1:
        print(f"jaxsoco: {issues[0]}", file=sys.stderr)
        return
    print(f"jaxsoco: {len(issues)} problems", file=sys.stderr)
    for issue in issues:
        print(f"  {issue}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxsoco",
        description="Online decisions with switching costs: runs experiments from TOML files.",
        epilog="exit codes: 0 done, 1 a check failed (with --strict: or is undecided), "
        "2 bad input, 75 interrupted and resumable",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"jaxsoco {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = partial(commands.add_parser, allow_abbrev=False)

    listed = add("list", help="families, algorithms, experiments")
    listed.add_argument(
        "name",
        nargs="?",
        help="show one in detail, such as allocation/pcm; also run, checks, plots, checks/slope",
    )
    listed.add_argument("--markdown", action="store_true", help="print a Markdown table")
    _add_plugins(listed)
    listed.set_defaults(act=_list)

    checked = add("check", help="validate an experiment and show its size")
    _add_spec(checked)
    checked.add_argument(
        "--trace", action="store_true", help="also trace every learner at every shape, with JAX"
    )
    checked.set_defaults(act=_check)

    ran = add("run", help="run an experiment, or resume it")
    _add_spec(ran)
    ran.add_argument(
        "--chunks", type=_share, metavar="I/N", help="only the I-th of N shares (job arrays)"
    )
    ran.add_argument(
        "--devices",
        type=_positive,
        metavar="N",
        help="number of devices, or CPU cores, to use (default: all)",
    )
    _add_strict(ran)
    ran.set_defaults(act=_run)

    for name, act, text in (
        ("status", _status, "progress of a run"),
        ("report", _report, "rewrite a run's table, figures, checks and report"),
    ):
        other = add(name, help=text)
        other.add_argument("directory", type=Path, metavar="DIR", help="the run directory")
        other.set_defaults(act=act)
        if name == "report":  # it evaluates checks, whose kinds may be a plug-in's
            _add_plugins(other)
            _add_strict(other)
    return parser


def _add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if a check is undecided, too"
    )


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        dest="plugins",
        metavar="MODULE",
        help="import a plug-in: a module of this folder, or an installed one",
    )


def _add_spec(parser: argparse.ArgumentParser) -> None:
    _add_plugins(parser)
    parser.add_argument(
        "--no-plugins", action="store_true", help="refuse a file that names plug-ins"
    )
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the experiment, a TOML file")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run directory (default: runs/NAME)"
    )
    parser.add_argument("--smoke", action="store_true", help="the small version, of [smoke]")
    parser.add_argument("--seeds", type=int, metavar="N", help="replace run.seeds")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="replace problem.FIELD, run.KEY or algorithm.NAME.FIELD; VALUE as in TOML",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}": want a whole number, 1 or more')
    return int(text)


def _share(text: str) -> Share:
    first, slash, second = text.partition("/")
    if slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return Share(int(first) - 1, int(second))
    raise argparse.ArgumentTypeError(f'"{text}": want I/N with 1 <= I <= N, such as 1/4')


def _expand(arguments: argparse.Namespace, listed: bool = False) -> tuple[Sweep, Path]:
    """The experiment; ``listed``: its own plug-ins are named, and nobody's code is run unasked."""
    _warn_of_plugins()
    experiment = load_experiment(
        arguments.spec,
        smoke=arguments.smoke,
        seeds=arguments.seeds,
        assignments=arguments.assignments,
        plugins=Policy(tuple(arguments.plugins), arguments.no_plugins, listed),
    )
    sweep = expand(experiment)
    for warning in sweep.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return sweep, arguments.out or default_folder(experiment.name, arguments.smoke)


def _warn_of_plugins() -> None:
    for issue in registry.complaints():
        print(f"warning: {issue}", file=sys.stderr)


def _list(arguments: argparse.Namespace, command: str) -> int:
    _warn_of_plugins()
    Policy(tuple(arguments.plugins)).use((), Path())
    if arguments.markdown:
        print(listing.markdown(arguments.name))
        return DONE
    if arguments.name is not None:
        print(listing.describe(arguments.name))
        return DONE
    print(registry.listing())
    spec_files = sorted(Path("experiments").rglob("*.toml"))
    print("experiments" if spec_files else "experiments: none in the folder experiments")
    for line in columns([(f"  {path}", _title(path)) for path in spec_files]) if spec_files else ():
        print(line)
    return DONE


def _title(path: Path) -> str:
    try:
        title = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("figure", "")
    except (OSError, ValueError):  # not UTF-8, not TOML
        return "(cannot be read; jaxsoco check says why)"
    return str(title)


def _check(arguments: argparse.Namespace, command: str) -> int:
    try:
        sweep, out = _expand(arguments, listed=not arguments.trace)
    except Unread as error:
        print(f"{arguments.spec}: its family or problem may belong to a plug-in")
        print("\n".join(unread_text(error.modules)))
        return DONE
    print(check_text(sweep, out))
    if arguments.trace:
        trace(sweep)
        print("  every learner and comparator was traced, at every shape")
    return DONE


def _run(arguments: argparse.Namespace, command: str) -> int:
    sweep, out = _expand(arguments)
    return run(
        sweep,
        out,
        command=command,
        devices=arguments.devices,
        share=arguments.chunks,
        strict=arguments.strict,
    )


def _status(arguments: argparse.Namespace, command: str) -> int:
    print(status_text(arguments.directory))
    return DONE


def _report(arguments: argparse.Namespace, command: str) -> int:
    _warn_of_plugins()
    Policy(tuple(arguments.plugins)).use((), Path())
    return report(arguments.directory, strict=arguments.strict)
