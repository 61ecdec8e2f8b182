"""Experiments from Python: ``run``."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.schema import AUTO, AlgorithmEntry, Extension
from jaxsoco.experiment.expand import expand
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.runner import BAD_INPUT, DONE, FAILED, INTERRUPTED
from jaxsoco.experiment.runner import run as run_sweep
from jaxsoco.experiment.spec import load_experiment
from jaxsoco.front.child import COMMAND
from jaxsoco.front.results import Results
from jaxsoco.plugins import Plugin


def run(
    spec: str | PathLike[str] | Mapping[str, Any],
    out: str | PathLike[str] | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    smoke: bool = False,
    devices: int | None = None,
    plugins: Sequence[str] = (),
    algorithms: Mapping[str, tuple[Any, Any]] | None = None,
    progress: bool = True,
) -> Results:
    """Runs an experiment, or what is left of it, and returns its results.

    >>> jaxsoco.run("experiments/quickstart.toml", overrides={"run.seeds": 64}).table()

    A child process computes, as the command line does: the same bits, precision, devices and
    resumption, and the caller's own JAX stays as it is.

    Args:
      spec: an experiment file, or its content as a mapping (paths in it start from the working
        directory).
      out: the run directory; ``runs/NAME`` by default.
      overrides: laid over the file as ``--set`` does: ``problem.FIELD``, ``run.KEY`` or
        ``algorithm.NAME.FIELD`` to a value, or a list for an axis.
      smoke: the small size, with ``[smoke]``.
      devices: devices, or CPU cores, to use (all if None).
      plugins: modules to import, beside those that the file names.
      algorithms: learners of your own, name -> ``(algorithm, Params)`` with a class of
        :func:`~jaxsoco.core.settings.settings` (or a pytree of parameters): for the experiment's
        family, under that name in ``[[algorithm]]``. They run in this process, with this JAX, and
        are computed anew each time: ``out`` must be new, a temporary folder by default.
      progress: let the child process tell how far it is, on stderr.

    Raises:
      InputError: bad input, with every problem found. A check that fails raises nothing: see
        :attr:`Results.checks`.
      Interrupted: the run stopped early; the same call resumes it.
      RuntimeError: the child process failed.
    """
    assignments = [(key, _plain(value)) for key, value in (overrides or {}).items()]
    path, tables = (Path("study.toml"), _plain(spec)) if isinstance(spec, Mapping) else (spec, None)
    request = {
        "spec": os.fspath(path),
        "tables": tables,
        "out": None if out is None else os.fspath(out),
        "assignments": assignments,
        "smoke": smoke,
        "devices": devices,
        "plugins": list(plugins),
    }
    if algorithms:
        return _run_here(request, algorithms)
    return Results(Path(_run_in_child(request, progress)))


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    if value is None:
        return AUTO
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PathLike):
        return os.fspath(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _run_in_child(request: Mapping[str, Any], progress: bool) -> str:
    """Runs ``jaxsoco.front.child`` and returns the run directory."""
    paths = [*_our_folders(), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        child_module = "jaxsoco.front.child"
        child = subprocess.Popen(
            [sys.executable, "-m", child_module, str(answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if progress else subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
        )
        errors = _converse(child, json.dumps(request))
        reply = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {}
    if child.returncode in (DONE, FAILED):
        return reply["out"]
    if child.returncode == BAD_INPUT and reply:
        raise InputError(Issue(*issue) for issue in reply["issues"])
    if child.returncode == INTERRUPTED:
        raise Interrupted(reply.get("message", "the run stopped early; the same call resumes it"))
    raise RuntimeError(f"the run failed with exit code {child.returncode}\n{errors or ''}".strip())


def _our_folders() -> list[str]:
    """Where this package and its kernels were imported from: the child takes the same."""
    specs = [importlib.util.find_spec(name) for name in ("jaxsoco", "jaxsoco_kernels")]
    folders = [str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin]
    return list(dict.fromkeys(folders))


def _converse(child: subprocess.Popen[str], text: str) -> str | None:
    """Hands the request over and waits; Ctrl-C lets the child stop in good order first."""
    try:
        return child.communicate(text)[1]
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise


def _run_here(request: Mapping[str, Any], algorithms: Mapping[str, tuple[Any, Any]]) -> Results:
    """Runs an experiment with learners of the caller's own in the caller's process."""
    import jax

    folder = Path(request["out"] or tempfile.mkdtemp(prefix="jaxsoco-"))
    spec = Path(request["spec"])
    family = _family_of(spec, request["tables"])
    policy = Policy(tuple(request["plugins"]), ready=(_own_plugin(family, algorithms),))
    with registry.unchanged():
        experiment = load_experiment(
            spec,
            smoke=request["smoke"],
            assignments=request["assignments"],
            plugins=policy,
            tables=request["tables"],
        )
    sweep = expand(experiment)
    here = jax.local_devices()[: request["devices"] or 1]
    precision = jax.enable_x64(experiment.run.precision == "float64")
    with precision, contextlib.redirect_stdout(io.StringIO()):
        run_sweep(sweep, folder, command=COMMAND, devices=here)
    return Results(folder)


def _family_of(spec: Path, tables: Mapping[str, Any] | None) -> str:
    """The family that an experiment names; the validator says what is wrong with it."""
    import tomllib

    try:
        raw = tomllib.loads(spec.read_text(encoding="utf-8-sig")) if tables is None else tables
    except (OSError, ValueError):
        return ""
    return str(raw.get("family", ""))


def _own_plugin(family: str, algorithms: Mapping[str, tuple[Any, Any]]) -> Plugin:
    """The caller's learners as a plug-in, of another identity in every call."""
    entries = tuple(_entry(name, *pair) for name, pair in algorithms.items())
    extension = Extension(family, algorithms=entries)
    return Plugin("algorithms=", "this process", uuid.uuid4().hex, (extension,))


def _entry(name: str, algorithm: Any, params: Any) -> AlgorithmEntry:
    make = params if hasattr(params, "FIELDS") and isinstance(params, type) else lambda _: params
    return AlgorithmEntry(name, "a learner of the caller's own", "Python", algorithm, make)
