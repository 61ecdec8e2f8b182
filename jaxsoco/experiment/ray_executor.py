"""Packs computed by workers of Ray: ``jaxsoco run --executor ray``.

One actor a device builds its problem, compiles once and computes many packs; the driver, this
process, commits what comes back. Ray places the actors, and starts one again whose process or
machine is lost, there or elsewhere. The pack of such a one goes to the next that is free: Ray would
keep it for the same actor, which may have to wait for another machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.study import Study
from jaxsoco.core.text import count
from jaxsoco.engine import packs
from jaxsoco.engine.requests import Request
from jaxsoco.engine.sweep import Computed, Failure, Written
from jaxsoco.experiment import ray_worker
from jaxsoco.experiment.devices import prepare, usable_cores
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.origin import compiler_facts, likely_platform
from jaxsoco.experiment.ray_cluster import Cluster
from jaxsoco.experiment.ray_crew import LOST, Crew, first_device
from jaxsoco.experiment.shipping import packed

MOST_ATTEMPTS = 3
"""Workers that may die over a pack before it counts as one that cannot be computed."""

_LEAST_MEMORY, _MOST_MEMORY = 128 * 2**20, 2 * 2**30
"""Bytes of the object store of a Ray that is started here: packs on their way to the driver."""

_PATIENCE = 0.2
"""Seconds between two looks at signals."""

_LATE = 60.0
"""Seconds after which it is said that no worker has started, and that a file is not to be seen."""


class WorkerError(RuntimeError):
    """What an exception in a worker said, with its traceback as a note."""


class RayWorkers:
    """The workers of a sweep; Ray is started, or joined, when it is needed.

    Args:
      sweep: what is computed.
      address: of the cluster; one is started here if empty.
      number: of workers; as many as there are devices if None.
      write: they write to the run directory themselves.
    """

    def __init__(self, sweep: Sweep, address: str, number: int | None, write: bool):
        self._sweep = sweep
        self._address, self._number, self._write = address, number, write
        self._cluster: Cluster | None = None
        self._facts: Mapping[str, Any] | None = None
        # Meant for the workers: this process keeps to its CPU.
        self._platforms = os.environ.get("JAX_PLATFORMS", "")

    def compiler(self) -> Mapping[str, Any]:
        """See :class:`~jaxsoco.experiment.elsewhere.Elsewhere`."""
        if self._facts is None:
            prepare(1, 1)  # sets the flags that a process with one device has
            device = ("cpu", "")
            if self._has_gpus():
                self._connected()
                device = first_device(ray_worker.surroundings(self._platforms, os.environ))
            os.environ["JAX_PLATFORMS"] = "cpu"
            if "jax" in sys.modules:  # imported by a plug-in, and not started yet
                sys.modules["jax"].config.update("jax_platforms", "cpu")
            run = self._sweep.experiment.run
            self._facts = compiler_facts(*device, run.tile, run.precision)
        return self._facts

    def start(self) -> None:
        """See :class:`~jaxsoco.experiment.elsewhere.Elsewhere`.

        Ray forks processes, which must not happen once JAX has threads.
        """
        self._connected()

    def executor(self, out: Path, packs: int) -> RayExecutor:
        """See :class:`~jaxsoco.experiment.elsewhere.Elsewhere`."""
        gpu = self.compiler()["platform"] != "cpu"
        devices = self._connected().count("GPU" if gpu else "CPU")
        number = min(self._number or max(devices, 1), packs)
        print(f"Ray: {count(number, 'worker')}, one {'GPU' if gpu else 'core'} each", flush=True)
        directory = str(out.absolute()) if self._write else ""

        def hire(study: Study) -> Crew:
            wanted = ray_worker.surroundings(self._platforms if gpu else "cpu", os.environ)
            parcel = tuple(packed(self._sweep, study))
            return Crew((wanted, parcel, directory, self._connected().scratch), number, gpu)

        return RayExecutor(hire, directory, self._disconnect)

    def close(self) -> None:
        """Ends what was started here."""
        self._disconnect()
        if self._facts is not None:
            os.environ.pop("JAX_PLATFORMS", None)
            if self._platforms:
                os.environ["JAX_PLATFORMS"] = self._platforms

    def _disconnect(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def _has_gpus(self) -> bool:
        named = self._platforms.split(",")[0].strip()
        if named:
            return named != "cpu"
        if not self._address and likely_platform() == "cpu":
            return False
        return self._connected().count("GPU") > 0

    def _connected(self) -> Cluster:
        if self._cluster is None:
            needed = 2 * (self._number or usable_cores()) * self._sweep.pack_bytes
            memory = min(max(needed, _LEAST_MEMORY), _MOST_MEMORY)
            self._cluster = Cluster(self._address, self._number, memory, self._platforms != "cpu")
        return self._cluster


class RayExecutor:
    """Computes packs with a crew of actors.

    Args:
      hire: makes the crew for a study.
      directory: the run directory, if the workers write to it; otherwise empty.
      over: called when all is computed: Ray need not live while the report is written.
    """

    def __init__(self, hire: Callable[[Study], Crew], directory: str, over: Callable[[], None]):
        self._hire, self._directory, self._over = hire, directory, over

    def __call__(
        self,
        study: Study,
        requests: Iterator[Request],
        advance: Callable[[int], None],
        check: Callable[[], None],
    ) -> Iterator[Computed | Failure | Written]:
        """See :class:`~jaxsoco.engine.sweep.Executor`."""
        crew = self._hire(study)
        try:
            yield from self._outcomes(crew, requests, advance, check)
        finally:
            crew.dismiss()
            self._over()

    def _outcomes(
        self,
        crew: Crew,
        requests: Iterator[Request],
        advance: Callable[[int], None],
        check: Callable[[], None],
    ) -> Iterator[Computed | Failure | Written]:
        queue, deaths, late = _Queue(requests), Counter[Request](), time.monotonic() + _LATE
        outcome = None
        while True:
            check()
            while crew.idle and (request := queue.next()):
                crew.ask(request)
            if outcome is not None:
                yield outcome  # while all are at work again
            if crew.idle and not crew.busy:
                return queue.close()
            outcome, heard = None, crew.hear(_PATIENCE)
            if heard is None:
                late = _tell_late(crew, late)
                continue
            request, (kind, content) = heard
            if kind == LOST and deaths[request] + 1 < MOST_ATTEMPTS:
                deaths[request] += 1
                queue.again.append(request)
                continue
            outcome = self._outcome(request, kind, content, check)
            if not isinstance(outcome, Failure):
                advance(request.work)

    def _outcome(
        self, request: Request, kind: str, content: Any, check: Callable[[], None]
    ) -> Computed | Failure | Written:
        """What an answer means.

        Raises:
          InputError, Interrupted: what the worker raised, if it was one of these.
        """
        if kind == ray_worker.COMPUTED:
            return Computed(request, content)
        if kind == ray_worker.WRITTEN:
            return self._written(request, content, check)
        if kind == ray_worker.INVALID:
            raise InputError(Issue(*issue) for issue in content)
        if kind == ray_worker.STOPPED:
            raise Interrupted(content)
        if kind == LOST:
            died = f"{MOST_ATTEMPTS} workers died over a pack of {request.work} runs"
            return Failure(request, Interrupted(f"{died}: {content}"))
        message, traceback = content
        error = WorkerError(message)
        error.add_note(traceback)
        return Failure(request, error)

    def _written(self, request: Request, name: str, check: Callable[[], None]) -> Written | Failure:
        """Waits until a pack is to be seen here, too: file systems in a network take a while."""
        sidecar = Path(self._directory, packs.FOLDER, f"{name}.json")
        end = time.monotonic() + _LATE
        while not sidecar.exists():
            if time.monotonic() > end:
                message = f"a worker wrote {sidecar}, which is not here: the disk is not shared"
                return Failure(request, Interrupted(message))
            check()
            time.sleep(_PATIENCE)
        return Written(request, name)


class _Queue:
    """What is still to be asked for.

    Attributes:
      again: the packs that lost their workers; they come first.
    """

    def __init__(self, requests: Iterator[Request]):
        self.again = deque[Request]()
        self._requests = requests
        self._end: Interrupted | None = None

    def next(self) -> Request | None:
        """The next pack; None if there is none."""
        if self.again:
            return self.again.popleft()
        try:
            return None if self._end else next(self._requests, None)
        except Interrupted as end:  # time is up for new packs; those in work were given theirs
            self._end = end
            return None

    def close(self) -> None:
        """Raises what ended the packs early, if anything did."""
        if self._end is not None:
            raise self._end


def _tell_late(crew: Crew, late: float) -> float:
    """Says once that nobody has begun; returns when to look again."""
    if time.monotonic() < late:
        return late
    if not crew.begun:
        message = "Ray has started no worker yet; it may be waiting for a machine with room"
        print(message, file=sys.stderr, flush=True)
    return float("inf")
