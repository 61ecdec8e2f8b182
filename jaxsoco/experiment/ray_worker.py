"""What a worker of a cluster does: it builds its problem, compiles once, and computes packs.

This runs in a process of its own, on any machine, with one device. It must not differ from the
driver in anything that fixes the numbers, whose keys name the driver's code and compiler. What
:func:`begin` takes and gives is plain data, which can be read even where it has to refuse.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.core.study import Study
from jaxsoco.engine import manifest
from jaxsoco.engine.requests import Request
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Tiles, compute
from jaxsoco.experiment.building import Builder
from jaxsoco.experiment.devices import start_jax
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.origin import compiler_facts, origin, package_facts
from jaxsoco.experiment.shipping import Parcel, unpacked

READY, REFUSED, INVALID = "ready", "refused", "invalid"
COMPUTED, WRITTEN, FAILED, STOPPED = "computed", "written", "failed", "stopped"

Answer = tuple[str, Any]
"""One of the words above, and what belongs to it: content or name of a pack, issues, a text."""

_CACHE = "JAX_COMPILATION_CACHE_DIR"
_PLATFORMS = "JAX_PLATFORMS"
_OF_A_MACHINE = (_CACHE, _PLATFORMS, "JAX_NUM_CPU_DEVICES")
"""Variables of JAX that say something of one machine alone."""


def surroundings(platform: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What a worker must have in common with the driver, as plain data.

    Args:
      platform: ``"cpu"``, or an accelerator's as ``JAX_PLATFORMS`` has it; empty for the best.
      environment: of the driver, prepared for JAX.
    """
    return {
        "platform": platform,
        "variables": {k: v for k, v in environment.items() if _is_passed(k)},
        "cache": environment.get(_CACHE, ""),
        "package": package_facts(),
    }


def _is_passed(name: str) -> bool:
    return name == "XLA_FLAGS" or (name.startswith("JAX_") and name not in _OF_A_MACHINE)


def settle(wanted: Mapping[str, Any]) -> str:
    """Makes this process like the driver's; JAX must not have started in it.

    Args:
      wanted: of :func:`surroundings`.

    Returns:
      Why that cannot be; empty if it is done.
    """
    package = package_facts()
    for what, value in wanted["package"].items():
        if package.get(what) != value:
            return _difference(what, package.get(what), value)
    for name in [name for name in os.environ if _is_passed(name)]:
        del os.environ[name]
    os.environ.update(wanted["variables"])
    for name in (_PLATFORMS, "JAX_NUM_CPU_DEVICES"):
        os.environ.pop(name, None)
    if wanted["platform"]:
        os.environ[_PLATFORMS] = wanted["platform"]
    if wanted["platform"] == "cpu":
        os.environ["PJRT_NPROC"] = "1"  # the other cores have workers of their own
    else:
        # The card is this worker's alone, but one that was killed may hold memory a little longer.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if _CACHE not in os.environ and os.path.isdir(wanted["cache"]):
        os.environ[_CACHE] = wanted["cache"]
    return ""


def _difference(what: str, here: Any, wanted: Any) -> str:
    """Why a worker cannot compute for a driver that has something else."""
    texts = [str(value) for value in (here, wanted)]
    if max(map(len, texts)) == 64:  # digests
        return f"{what} is another there"
    return f"{what} is {texts[0]} there and {texts[1]} here"


def device_of(wanted: Mapping[str, Any]) -> Answer:
    """Platform and kind of this process's device."""
    refusal = settle(wanted)
    if refusal:
        return REFUSED, refusal
    try:
        (device,) = start_jax("float32", 1, 1)
    except InputError as error:
        return REFUSED, str(error)
    return READY, (device.platform, device.device_kind)


def begin(
    wanted: Mapping[str, Any], parcel: tuple, out: str, scratch: str
) -> tuple[Worker | None, Answer]:
    """A worker, if this process can be one.

    Args:
      wanted: of :func:`surroundings`.
      parcel: the fields of a :class:`~jaxsoco.experiment.shipping.Parcel`.
      out: the run directory, if the worker writes to it itself.
      scratch: a folder for plug-ins; one for temporary files if empty.
    """
    refusal = settle(wanted)
    if refusal:
        return None, (REFUSED, refusal)
    try:
        worker = Worker(Parcel(*parcel), out, scratch)
        refusal = worker.refusal()
    except InputError as error:
        return None, (REFUSED, "; ".join(map(str, error.issues)))
    if refusal:
        worker.clear()
        return None, (REFUSED, refusal)
    return worker, (READY, "")


class Worker:
    """One device, and the packs that it is asked for.

    Args:
      parcel: the sweep and its study.
      out: the run directory, if it writes to it itself.
      scratch: as of :func:`begin`.
    """

    def __init__(self, parcel: Parcel, out: str = "", scratch: str = ""):
        self._folder = ""
        if parcel.files:
            self._folder = tempfile.mkdtemp(prefix="jaxsoco-plugins-", dir=scratch or None)
            atexit.register(self.clear)
        self._sweep: Sweep
        self._study: Study
        self._sweep, self._study = unpacked(parcel, Path(self._folder))
        self._builder, self._cells = Builder(self._sweep, 1), Cells(self._study)
        self._group, self._tiles = -1, None
        self._store = Store(out) if out else None

    def refusal(self) -> str:
        """Why its numbers would not be what their keys say; empty if they are."""
        device, there = self._builder.device, self._study.origin
        shape = self._study.plan.tile, self._study.setup.precision
        facts = compiler_facts(device.platform, device.device_kind, *shape)
        for what in {**there.compiler, **facts}:
            if facts.get(what) != there.compiler.get(what):
                return _difference(what, facts.get(what), there.compiler.get(what))
        here = origin(self._sweep, facts)
        if (here.common, here.problem) != (there.common, there.problem):
            return "the code of the problem is another there"
        for label, code in there.learners.items():
            if here.learners.get(label) != code:
                return f"the code of {label} is another there"
        return self._other_directory() if self._store else ""

    def _other_directory(self) -> str:
        """Why the run directory cannot be written to from here; empty if it can."""
        assert self._store
        identity = manifest.complete(self._study.to_json())["identity"]
        try:
            if self._store.open().manifest["identity"] == identity:
                return ""
            return f"{self._store.path} holds something else there: --workers-write shares a disk"
        except InputError as error:
            return f"{error}: --workers-write needs a disk that is shared"

    def compute(self, request: Request) -> Answer:
        """Computes a pack, and writes it where it is told to."""
        try:
            content = compute(self._study, request, self._load(request.group), cells=self._cells)
            if self._store is None:
                return COMPUTED, content
            return WRITTEN, self._store.commit(*content).name
        except InputError as error:
            return INVALID, [tuple(issue) for issue in error.issues]
        except Interrupted as error:
            return STOPPED, str(error)
        except Exception as error:
            return FAILED, (f"{type(error).__name__}: {error}", traceback.format_exc())

    def clear(self) -> None:
        """Removes the text of plug-ins; it computes nothing afterwards."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _load(self, group: int) -> Tiles:
        """Compiled blocks of a group; the last ones are kept."""
        if self._tiles is None or group != self._group:
            self._tiles = None  # frees them before the next ones are loaded
            self._group, self._tiles = group, self._builder.tiles(self._study.groups[group])
        return self._tiles
