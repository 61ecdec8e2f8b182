"""The host loop: compute the runs that are missing, a pack at a time, and stay resumable."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from jaxsoco.core import stopping, text
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.study import Study
from jaxsoco.engine.cache import Cache
from jaxsoco.engine.failures import record_failure
from jaxsoco.engine.marks import marks
from jaxsoco.engine.packs import Block, Pack
from jaxsoco.engine.progress import Reporter, Silent
from jaxsoco.engine.requests import Request, Share, work_of, work_stored
from jaxsoco.engine.sinks import sink_of
from jaxsoco.engine.store import Store
from jaxsoco.engine.tally import tally
from jaxsoco.engine.work import Deadline, Work

if TYPE_CHECKING:
    from jaxsoco.engine.batch import Outcome, Parts, Tile

IN_FLIGHT = 4
"""Calls dispatched ahead of the results: keeps the device busy, bounds its memory."""


@dataclass(frozen=True)
class Tiles:
    """The compiled blocks of one group.

    Attributes:
      width: lanes of a call.
      tiles: one per learner of the plan: ``(point_position [width], seed [width]) -> Outcome``,
        both int32, dispatched asynchronously.
      describe: JSON-able facts for every sidecar: versions, device.
    """

    width: int
    tiles: tuple[Tile, ...]
    describe: Mapping[str, Any] = field(default_factory=dict)


Content = tuple[tuple[Block, ...], dict[str, np.ndarray], dict[str, Any]]
"""Blocks, arrays and facts of a pack: what :meth:`Store.commit` takes."""


class Computed(NamedTuple):
    """A pack that was computed."""

    request: Request
    content: Content


class Failure(NamedTuple):
    """A pack that could not be computed, and why."""

    request: Request
    error: Exception


class Written(NamedTuple):
    """A pack that whoever computed it has written to the directory itself.

    Attributes:
      request: what was computed.
      pack: its name.
    """

    request: Request
    pack: str


class Executor(Protocol):
    """Who computes packs, and where."""

    def __call__(
        self,
        study: Study,
        requests: Iterator[Request],
        advance: Callable[[int], None],
        check: Callable[[], None],
    ) -> Iterator[Computed | Failure | Written]:
        """Computes packs, in any order.

        Args:
          study: what they belong to.
          requests: the packs; taken one by one, as there is somebody to compute them.
          advance: told the runs that are done, of each learner, as they are.
          check: called often; raises to stop.
        """
        ...


@dataclass(frozen=True)
class SweepSummary:
    """What one call of :func:`sweep` did.

    Attributes:
      runs: runs computed now, of all learners together.
      packs: packs computed now.
      earlier: runs of this share that were stored already, of all learners together.
      seconds: wall time.
      nonconverged: runs per learner with a kernel call that did not converge, of this share.
      nonfinite: runs per learner with a cost that is not finite, likewise.
      failures: the packs that could not be computed.
      trace_failures: those of them that are of single runs at every round.
    """

    runs: int
    packs: int
    earlier: int
    seconds: float
    nonconverged: dict[str, int]
    nonfinite: dict[str, int]
    failures: tuple[Failure, ...] = ()
    trace_failures: tuple[Failure, ...] = ()

    def beside(self, other: SweepSummary) -> SweepSummary:
        """This one with that of its traces, whose runs that went wrong are not counted again."""
        return replace(
            self,
            runs=self.runs + other.runs,
            packs=self.packs + other.packs,
            earlier=self.earlier + other.earlier,
            seconds=self.seconds + other.seconds,
            failures=(*self.failures, *other.failures),
            trace_failures=other.failures,
        )


def sweep(
    study: Study,
    store: Store,
    execute: Executor,
    *,
    share: Share | None = None,
    work: Work | None = None,
    deadline: Deadline | None = None,
    cache: Cache | None = None,
    progress: Reporter | None = None,
) -> SweepSummary:
    """Computes the runs of a study that the store does not hold yet.

    Args:
      study: what is wanted.
      store: where the results go.
      execute: computes the packs; :class:`Local`, say.
      share: this process takes the slices ``index, index + count, ...`` of what is wanted, so that
        ``count`` processes share a directory without talking to each other. All if None.
      work: which packs, in which order, in place of those that are missing of the share.
      deadline: when no further pack is begun.
      cache: gets a copy of every pack.
      progress: told about every batch.

    A pack that raises is left out, noted in the directory and named in the summary; all others are
    computed.

    Raises:
      Interrupted: by SIGTERM or SIGINT (the pack in flight is dropped; a second signal acts as
        it would without the sweep), by the deadline, or because a pack could not be written.
        Everything committed is kept. Where signals end the process (``core.stopping``), they do so
        here as well.
    """
    began = time.perf_counter()
    progress = Silent() if progress is None else progress
    work = Work(study, store, share or Share()) if work is None else work
    plan, cells = study.plan, Cells(study)
    index = work.look()
    earlier = work_stored(plan, cells, index, work.spans)
    todo = iter(work) if deadline is None else deadline.within(iter(work))
    done, failures = list[Request](), list[Failure]()

    def state() -> str:
        return f"{text.count(len(done), 'pack')} written to {store.path}, which are kept"

    def finish(outcome: Computed | Failure | Written) -> None:
        if isinstance(outcome, Failure):
            failures.append(outcome)
            record_failure(store.path, study, outcome.request, outcome.error)
        else:
            with stopping.held():  # a signal counts the pack that it waited for
                pack = _stored(store, outcome)
                done.append(outcome.request)
            if deadline is not None:
                deadline.took(outcome.request, pack.facts["seconds"])
            if cache is not None:
                cache.keep(pack, store)
        work.finished(outcome.request)

    with stopping.stage(state), _Signals(state) as signals:
        progress.start(work_of(plan, work.spans), earlier)
        try:
            for outcome in execute(study, todo, progress.advance, signals.check):
                finish(outcome)
        finally:
            progress.close()
    total = tally(study, store, work.spans)
    return SweepSummary(
        runs=sum(request.work for request in done),
        packs=len(done),
        earlier=earlier,
        seconds=time.perf_counter() - began,
        nonconverged=total.nonconverged,
        nonfinite=total.nonfinite,
        failures=tuple(failures),
    )


def _stored(store: Store, outcome: Computed | Written) -> Pack:
    """Commits a pack, unless whoever computed it has done so."""
    if isinstance(outcome, Computed):
        return store.commit(*outcome.content)
    return store.find(outcome.pack)


class Local:
    """Computes packs in this process, one after the other.

    Args:
      load: compiles a group, given its index; called for groups that have something to do alone.
    """

    def __init__(self, load: Callable[[int], Tiles]):
        self._load = load

    def __call__(
        self,
        study: Study,
        requests: Iterator[Request],
        advance: Callable[[int], None],
        check: Callable[[], None],
    ) -> Iterator[Computed | Failure]:
        """See :class:`Executor`."""
        cells, group, tiles = Cells(study), -1, None
        for request in requests:
            check()
            try:
                if tiles is None or request.group != group:
                    tiles = None  # frees the last group before the next one is loaded
                    group, tiles = request.group, self._load(request.group)
                content = compute(study, request, tiles, cells=cells, check=check, advance=advance)
            except (Interrupted, InputError):
                raise
            except Exception as error:  # the others are none the worse
                yield Failure(request, error)
            else:
                yield Computed(request, content)


def compute(
    study: Study,
    request: Request,
    tiles: Tiles,
    *,
    cells: Cells | None = None,
    check: Callable[[], None] = lambda: None,
    advance: Callable[[int], None] = lambda runs: None,
) -> Content:
    """Computes a pack: the unit of work of any executor.

    The arrays, run axis first: ``"007.<cost>" [runs, C]``, ``"007.faults"`` int32 ``[runs]`` and
    ``"007.finite"`` bool ``[runs]`` for the learner with number 7. Where moments are kept in place
    of runs, ``"007.moments" [blocks, Q, C, M]`` (``engine.sinks.Summing``).

    Args:
      study: what it belongs to.
      request: what is computed.
      tiles: compiled blocks of the request's group.
      cells: the study's keys.
      check: called before every dispatch; raises to drop the pack.
      advance: told the runs of every batch, of each learner.

    Returns:
      What :meth:`Store.commit` takes.
    """
    plan, cells = study.plan, cells or Cells(study)
    began = time.perf_counter()
    if len(tiles.tiles) != len(plan.learners):
        raise ValueError(f"{len(tiles.tiles)} tiles for {len(plan.learners)} learners")
    pending: deque[tuple[int, int, Outcome | Parts]] = deque()
    group = plan.groups[request.group]
    positions, seeds, runs = _lanes(request, group.seeds, tiles.width)
    sink = sink_of(study, request, cells, positions)

    def collect() -> None:
        learner, real, outcome = pending.popleft()
        sink.add(learner, _records(plan, group, outcome.result()))
        if learner in request.learners:
            advance(real)

    for batch in _batches(positions, seeds, runs, tiles.width):
        for learner in sink.learners:
            check()
            # Tiles return before they are done: only the oldest is waited for.
            if len(pending) == IN_FLIGHT:
                collect()
            pending.append((learner, batch[2], tiles.tiles[learner](*batch[:2])))
    while pending:
        collect()
    blocks, arrays = sink.result()
    facts = {
        **tiles.describe,
        "seconds": round(time.perf_counter() - began, 3),
        "origin": marks(study, request.learners),
    }
    return blocks, arrays, facts


def _lanes(request: Request, seeds: int, width: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Point positions and seeds of all lanes of a pack, and how many of them are its runs.

    The last batch is filled with repetitions of the last run. Of points with a single seed nobody
    knows whether the world is random: there the runs come again with other seeds, once at least
    and until the last batch is full.
    """
    positions = np.concatenate([np.full(span.runs, span.position) for span in request.spans])
    runs = len(positions)
    if seeds > 1:
        numbers = np.concatenate([np.arange(span.start, span.stop) for span in request.spans])
        lanes = np.minimum(np.arange(-(-runs // width) * width), runs - 1)
        return positions[lanes], numbers[lanes], runs
    lanes = np.arange(-(-2 * runs // width) * width)
    return positions[lanes % runs], lanes // runs, runs


def _batches(
    positions: np.ndarray, seeds: np.ndarray, runs: int, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Point positions, seeds and the number of real runs, batch by batch."""
    for start in range(0, len(seeds), width):
        batch = slice(start, start + width)
        real = min(max(runs - start, 0), width)
        yield positions[batch].astype(np.int32), seeds[batch].astype(np.int32), real


def _records(plan: Plan, group: Group, outcome: Outcome) -> dict[str, np.ndarray]:
    """An outcome as numpy arrays with the run axis first; waits for the device."""
    if set(outcome.costs) != set(plan.costs):
        raise ValueError(f"costs: want {sorted(plan.costs)}, got {sorted(outcome.costs)}")
    records = {name: np.asarray(outcome.costs[name]).T for name in plan.costs}
    checkpoints = len(group.checkpoints)
    for name, record in records.items():
        if record.ndim != 2 or record.shape[1] != checkpoints:
            raise ValueError(f"{name}: want [{checkpoints}, lanes], got {record.T.shape}")
    records["faults"] = np.asarray(outcome.faults).astype(np.int32)
    records["finite"] = np.asarray(outcome.finite).astype(np.bool_)
    return records


class _Signals:
    """Turns the first SIGTERM or SIGINT into a request to stop; a second one acts at once.

    Handlers belong to the main thread; in another one nothing is installed. A signal that the
    process was told to ignore (``nohup``) stays ignored.
    """

    def __init__(self, state: Callable[[], str]):
        self._state = state
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        if stopping.installed():
            return self
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                previous = signal.getsignal(number)
                # None: a handler that Python did not install and could not put back.
                if previous not in (signal.SIG_IGN, None):
                    self._previous[number] = previous
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def check(self) -> None:
        """Raises if a signal came."""
        if self._received is not None:
            name = signal.Signals(self._received).name
            raise Interrupted(
                f"stopped by {name}: {self._state()}; run the same command again to resume."
            )

    def _note(self, number: int, frame: object) -> None:
        # Only noted here: the sweep raises before its next dispatch, with every file whole.
        self._received = number
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)
