"""The entry to the command line: signals, output, errors and exit codes of every command.

Exit codes (``core.exits``): 0 done, 1 a check failed (with ``--strict``: or is undecided), 2 bad
input, 70 internal error, 75 interrupted and resumable, 141 closed pipe.

This file is small and imports next to nothing before :func:`main` is called, so that a signal
finds its handler from the first line on. The commands are in ``jaxsoco.commands``.
"""

from __future__ import annotations

import os
import sys

from jaxsoco.core import stopping
from jaxsoco.core.exits import BAD_INPUT, CLOSED_PIPE, DONE, FAILED, INTERNAL, INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jaxsoco.core.errors import Issue


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
      argv: arguments without the program's name. None is for the program ``jaxsoco`` itself: the
        arguments of the process, whose signals are then handled until it ends (``core.stopping``).

    Returns:
      The exit code.
    """
    if argv is not None:
        return _run_guarded(argv)
    _open_standard_files()
    stopping.install(_tell)
    code = _run_guarded(sys.argv[1:])
    stopping.finish(code)
    return code


def _open_standard_files() -> None:
    """Opens what is closed of descriptors 0 to 2 on nothing, lest a file of ours take its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _tell(line: str) -> None:
    """Writes the last line of a process that a signal ends; does not wait for a reader."""
    import select

    from jaxsoco.core import terminal

    stream = sys.stderr
    # Over a live line, or the ^C that the terminal shows.
    start = "\r\x1b[K" if terminal.has_sequences(stream) else ""
    text = f"{start}jaxsoco: {terminal.visible(line)}\n"
    # Not through the stream, which the main thread may be writing to.
    if stream is not None and (os.name != "posix" or select.select([], [2], [], 0.2)[1]):
        os.write(2, text.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace"))


def _run_guarded(argv: Sequence[str]) -> int:
    """The command, with all output as ``core.terminal`` has it."""
    import errno

    from jaxsoco.core import terminal

    with terminal.guarded() as streams:
        code = _run_command(list(argv))
        streams.stdout.flush()
        error = streams.stdout.failure
        if error is None or error.errno == errno.EBADF:  # closed on purpose
            return code
        if error.errno == errno.EPIPE:  # the reader (`head`, say) has enough
            return CLOSED_PIPE if code in (DONE, FAILED) else code
        reason = error.strerror or error
        print(f"jaxsoco: the output cannot be written: {reason}", file=sys.stderr)
        return INTERRUPTED if code == DONE else code


def _parser() -> argparse.ArgumentParser:
    from jaxsoco import commands

    return commands.parser()


def _run_command(argv: list[str]) -> int:
    import shlex

    from jaxsoco.core import terminal

    command = terminal.visible(shlex.join(["jaxsoco", *argv]))
    if argv[:1] not in (["run"], ["tune"], ["report"]):
        return _act(argv, command, "")
    resume = f"resume with: {command}"
    with stopping.stage(lambda: resume):
        return _act(argv, command, f"; {resume}")


def _act(argv: list[str], command: str, resume: str) -> int:
    import argparse

    from jaxsoco.core.errors import InputError, Interrupted

    arguments = argparse.Namespace(json=False)
    try:
        arguments = _parser().parse_args(argv)
        return arguments.act(arguments, command)
    except SystemExit as error:  # argparse: --help, --version, bad usage
        return error.code if isinstance(error.code, int) else BAD_INPUT
    except InputError as error:
        if arguments.json:
            from jaxsoco.commands import print_json

            print_json(arguments, {"errors": [issue._asdict() for issue in error.issues]})
        _print_issues(error.issues)
        return BAD_INPUT
    except Interrupted as error:
        print(f"{error}\nresume with: {command}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print(f"interrupted{resume}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        from jaxsoco.core import faults

        folders = (getattr(arguments, name, None) for name in ("out", "directory"))
        print(faults.told(error, command, [*filter(None, folders)]), file=sys.stderr)
        return INTERNAL


def _print_issues(issues: Sequence[Issue]) -> None:
    if len(issues) == 1:
        print(f"jaxsoco: {issues[0]}", file=sys.stderr)
        return
    print(f"jaxsoco: {len(issues)} problems", file=sys.stderr)
    for issue in issues:
        print(f"  {issue}", file=sys.stderr)
