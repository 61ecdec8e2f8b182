"""The process in which :func:`jaxsoco.run` computes; it is given a request on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core import stopping, terminal
from jaxsoco.core.exits import BAD_INPUT, INTERNAL, INTERRUPTED

COMMAND = "jaxsoco.run(...)"
"""What a manifest says for the command line of such a run."""


def main() -> int:
    """Runs the request; writes where the results are, or what is wrong, to the file named."""
    answer = Path(sys.argv[1])

    def write(reply: Mapping[str, Any]) -> None:
        answer.write_text(json.dumps(reply), encoding="utf-8")

    stopping.install(lambda line: write({"message": f"{line}; the same call resumes it"}))
    if os.name == "posix":  # its parent had them blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    with terminal.guarded():
        code, reply = _answer(json.load(sys.stdin))
    write(reply)
    stopping.finish(code)
    return code


def _answer(request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    from jaxsoco.core.errors import InputError, Interrupted

    try:
        return _run(request)
    except InputError as error:
        return BAD_INPUT, {"issues": error.issues}
    except Interrupted as error:
        return INTERRUPTED, {"message": str(error)}
    except Exception as error:
        from jaxsoco.core import faults

        folders = [Path(request["out"])] if request["out"] else []
        return INTERNAL, {"message": faults.told(error, COMMAND, folders)}


def _run(request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    from jaxsoco.experiment.expand import expand
    from jaxsoco.experiment.folders import default_folder
    from jaxsoco.experiment.plugging import Policy
    from jaxsoco.experiment.runner import run
    from jaxsoco.experiment.spec import load_experiment
    from jaxsoco.experiment.workers import Workers

    experiment = load_experiment(
        Path(request["spec"]),
        smoke=request["smoke"],
        assignments=[(key, value) for key, value in request["assignments"]],
        plugins=Policy(tuple(request["plugins"])),
        tables=request["tables"],
    )
    out = Path(request["out"] or default_folder(experiment.name, request["smoke"]))
    sweep = expand(experiment)
    for warning in sweep.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    with Workers(**request["workers"]).engaged(sweep) as elsewhere:
        code = run(
            sweep,
            out,
            command=COMMAND,
            devices=request["devices"],
            elsewhere=elsewhere,
            anyway=request["anyway"],
        )
    return code, {"out": str(out)}
