"""Experiments from Python: ``run``."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.exits import BAD_INPUT, DONE, FAILED, INTERNAL, INTERRUPTED
from jaxsoco.core.fields import Issues, read_value
from jaxsoco.core.files import one_line, read_text
from jaxsoco.core.schema import AUTO, AlgorithmEntry, Extension, Field
from jaxsoco.core.scratch import scratch_folder
from jaxsoco.core.text import with_type
from jaxsoco.experiment.document import parse_toml
from jaxsoco.experiment.expand import expand
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.runner import run as run_sweep
from jaxsoco.experiment.spec import load_experiment
from jaxsoco.experiment.workers import Workers
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
    anyway: bool = False,
    executor: str = "local",
    ray_address: str = "",
    workers: int | None = None,
    workers_write: bool = False,
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
      devices: devices, or CPU cores, to use (all if None; one with ``algorithms``).
      plugins: modules to import, beside those that the file names.
      algorithms: learners of your own, name -> ``(algorithm, Params)`` with a class of
        :func:`~jaxsoco.core.settings.settings` (or a pytree of parameters): for the experiment's
        family, under that name in ``[[algorithm]]``, where they are added if they are not there.
        They run in this process, with this JAX, and are computed anew each time: ``out`` must be
        new, a temporary folder by default.
      progress: let the child process tell how far it is, on stderr.
      anyway: begin even if the run does not fit the disk, the memory or a lifetime.
      executor: ``"local"``, or ``"ray"`` for workers of Ray, one a CPU core or GPU (extra ``ray``).
      ray_address: of a cluster of Ray, ``HOST:PORT`` or ``"auto"``; one is started on this machine,
        and ended, if empty.
      workers: how many of Ray's (all that there is room for if None).
      workers_write: they write to ``out`` themselves, which is on a disk that all share.

    Raises:
      InputError: bad input, with every problem found. A check that fails raises nothing: see
        :attr:`Results.checks`.
      Interrupted: the run stopped early; the same call resumes it.
      KeyboardInterrupt: so it was by Ctrl-C.
      RuntimeError: the child process failed.
    """
    _check_arguments(overrides, devices)
    team = Workers(executor, ray_address, workers, workers_write)
    team.validate(devices, typed=False)
    assignments = [(str(key), _plain(value)) for key, value in (overrides or {}).items()]
    path, tables = (Path("study.toml"), _plain(spec)) if isinstance(spec, Mapping) else (spec, None)
    request = {
        "spec": os.fspath(path),
        "tables": tables,
        "out": None if out is None else os.fspath(out),
        "assignments": assignments,
        "smoke": smoke,
        "devices": devices,
        "anyway": anyway,
        "plugins": [plugins] if isinstance(plugins, str) else list(plugins),
        "workers": asdict(team),
    }
    if algorithms and executor != "local":
        hint = "put them in a module, and name it in plugins"
        raise InputError(Issue("algorithms", "run in this process, without workers", hint))
    if algorithms:
        return _run_here(request, algorithms)
    return Results(Path(_run_in_child(request, progress)))


def _check_arguments(overrides: Any, devices: Any) -> None:
    """Raises unless the overrides are a mapping and the devices a count."""
    issues = Issues()
    if overrides is not None and not isinstance(overrides, Mapping):
        hint = 'want a mapping such as {"run.seeds": 64}'
        issues.found("overrides", f"found {with_type(overrides)}", hint)
    if devices is not None:
        read_value(Field("devices", "integer", "to use", low=1), devices, "devices", issues)
    if issues:
        raise InputError(issues)


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    try:
        plain = _converted(value)
        json.dumps(plain, default=str)  # as the child process gets it
        return plain
    except (RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        message = f"cannot be written down: {one_line(error)}"
        raise InputError(Issue("", message, "want what an experiment file can say")) from None


def _converted(value: Any) -> Any:
    if value is None:
        return AUTO
    if isinstance(value, Mapping):
        return {str(key): _converted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_converted(item) for item in value]
    if isinstance(value, PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, str | bool | int | float | datetime.date | datetime.time):
        return value
    raise InputError(Issue("", f"an experiment file cannot say {value!r}"))


_BOOT = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = json.loads(sys.argv.pop())
from jaxsoco.front.child import main
sys.exit(main())
"""
"""Starts the child process with the modules that its parent can import; Ctrl-C is for the parent,
which asks the child to stop. Until the child can answer to signals, they are blocked."""


def _run_in_child(request: Mapping[str, Any], progress: bool) -> str:
    """Runs ``jaxsoco.front.child`` and returns the run directory."""
    text = json.dumps(request, default=str)
    with scratch_folder("jaxsoco-answer") as folder:
        file = folder / "answer.json"
        paths = json.dumps([path for path in sys.path if isinstance(path, str)])
        with _signals_blocked():
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(file), paths],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=None if progress else subprocess.PIPE,
                text=True,
            )
        errors = _converse(child, text)
        answer = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if child.returncode in (DONE, FAILED) and "out" in answer:
        return answer["out"]
    if child.returncode == BAD_INPUT and "issues" in answer:
        raise InputError(Issue(*issue) for issue in answer["issues"])
    if child.returncode == INTERRUPTED:
        default = "the run stopped early; the same call resumes it"
        raise Interrupted(answer.get("message", default))
    if child.returncode == INTERNAL and "message" in answer:
        raise RuntimeError(answer["message"])
    raise RuntimeError(f"{_end(child.returncode)}\n{errors or ''}".strip())


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that this thread starts has SIGINT and SIGTERM blocked; here they come later."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(code: int) -> str:
    """How a child process ended that gave no answer."""
    if code >= 0:
        return f"the child process failed with exit code {code}; what it says is on stderr"
    name = signal.Signals(-code).name
    return f"the child process was ended by {name}; the same call resumes the run"


def _converse(child: subprocess.Popen[str], text: str) -> str | None:
    """Hands the request over and waits; Ctrl-C lets the child stop in good order, twice at once."""
    try:
        return child.communicate(text)[1]
    except BaseException:
        child.terminate()
        try:
            child.communicate()
        except BaseException:
            child.kill()
            raise
        raise


def _run_here(request: Mapping[str, Any], algorithms: Mapping[str, tuple[Any, Any]]) -> Results:
    """Runs an experiment with learners of the caller's own in the caller's process."""
    import jax

    folder = Path(request["out"] or tempfile.mkdtemp(prefix="jaxsoco-"))
    spec = Path(request["spec"])
    tables = _with_learners(_content(spec, request["tables"]), algorithms)
    plugin = _own_plugin(str((tables or {}).get("family", "")), algorithms)
    with registry.unchanged():
        experiment = load_experiment(
            spec,
            smoke=request["smoke"],
            assignments=request["assignments"],
            plugins=Policy(tuple(request["plugins"]), ready=(plugin,)),
            tables=tables,
        )
    sweep = expand(experiment)
    wanted, here = request["devices"] or 1, jax.local_devices()
    if wanted > len(here):
        message = f"{wanted} devices are asked for, and JAX has {len(here)}"
        raise InputError(Issue("devices", message, f"want 1 to {len(here)}"))
    precision = jax.enable_x64(experiment.run.precision == "float64")
    with precision, contextlib.redirect_stdout(io.StringIO()):
        run_sweep(sweep, folder, command=COMMAND, devices=here[:wanted], anyway=request["anyway"])
    return Results(folder)


def _content(spec: Path, tables: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What an experiment says; None where the validator says why it cannot be read."""
    try:
        return parse_toml(read_text(spec)) if tables is None else tables
    except ValueError:
        return None


def _with_learners(
    tables: Mapping[str, Any] | None, names: Iterable[str]
) -> Mapping[str, Any] | None:
    """The experiment with an ``[[algorithm]]`` for each name that has none."""
    learners = (tables or {}).get("algorithm", [])
    if tables is None or not isinstance(learners, list):
        return tables
    listed = {one.get("name") for one in learners if isinstance(one, Mapping)}
    missing = [{"name": name} for name in names if name not in listed]
    return {**tables, "algorithm": [*learners, *missing]}


def _own_plugin(family: str, algorithms: Mapping[str, tuple[Any, Any]]) -> Plugin:
    """The caller's learners as a plug-in, of another identity in every call."""
    entries = tuple(_entry(name, pair) for name, pair in algorithms.items())
    extension = Extension(family, algorithms=entries)
    return Plugin("algorithms=", "this process", uuid.uuid4().hex, (extension,))


def _entry(name: str, pair: Any) -> AlgorithmEntry:
    from jaxsoco.core.protocol import Algorithm  # brings JAX

    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], Algorithm):
        message = f"found {'a tuple' if isinstance(pair, tuple) else type(pair).__name__}"
        raise InputError(Issue(f"algorithms.{name}", message, "want (algorithm, Params)"))
    algorithm, params = pair
    fields = _fields_of(params)
    declared = params if isinstance(params, type) or not fields else type(params)
    make = declared if fields else lambda _: params
    return AlgorithmEntry(name, "a learner of the caller's own", "Python", algorithm, make, fields)


def _fields_of(params: Any) -> tuple[Field, ...]:
    """What an experiment may say of a class of settings, or of an instance: its own defaults."""
    fields = getattr(params, "FIELDS", ())
    if isinstance(params, type) or not fields:
        return fields
    values = {name: _plain(value) for name, value in params.values().items()}
    if any(isinstance(values[field.name], list) and field.kind != "strings" for field in fields):
        return ()  # an array for a number: an experiment file cannot say it
    return tuple(replace(field, default=values[field.name]) for field in fields)
