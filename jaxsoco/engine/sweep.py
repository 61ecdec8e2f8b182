"""The host loop: compute the chunks that are missing, one file each, and stay resumable."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.core import stopping
from jaxsoco.core.errors import Interrupted
from jaxsoco.core.plan import Chunk, Plan
from jaxsoco.engine.progress import Reporter, Silent
from jaxsoco.engine.store import Store

if TYPE_CHECKING:
    from jaxsoco.engine.batch import Outcome, Tile

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


@dataclass(frozen=True)
class SweepSummary:
    """What one call of :func:`sweep` did.

    Attributes:
      runs: runs computed now (each by every learner).
      chunks: chunks computed now.
      resumed_chunks: chunks that were there already.
      seconds: wall time.
      nonconverged: runs per learner with a kernel call that did not converge, resumed ones
        included.
      nonfinite: runs per learner with a cost that is not finite, resumed ones included.
    """

    runs: int
    chunks: int
    resumed_chunks: int
    seconds: float
    nonconverged: dict[str, int]
    nonfinite: dict[str, int]


def sweep(
    plan: Plan,
    store: Store,
    load: Callable[[int], Tiles],
    *,
    only: tuple[int, int] | None = None,
    progress: Reporter | None = None,
) -> SweepSummary:
    """Computes the chunks of a plan that the store does not hold yet.

    Args:
      plan: the plan of the store's manifest.
      store: created or opened.
      load: compiles a group, given its index; called for groups with missing chunks alone.
      only: ``(i, n)``: this process takes the chunks at positions ``i, i + n, ...``, so that ``n``
        processes share a directory.
      progress: told about every batch.

    Raises:
      Interrupted: by SIGTERM or SIGINT (the chunk in flight is dropped; a second signal acts as
        it would without the sweep), or because a chunk could not be written. Everything committed
        is kept. Where signals end the process (``core.stopping``), they do so here as well.
    """
    began = time.perf_counter()
    progress = Silent() if progress is None else progress
    index, count = (0, 1) if only is None else only
    if not 0 <= index < count:
        raise ValueError(f"only: want (i, n) with 0 <= i < n, got {only}")
    # Every n-th chunk: processes share a directory without talking to each other.
    mine = plan.chunks()[index::count]
    if plan != store.plan:
        raise ValueError("the store holds another plan")
    committed = store.committed()
    done = [chunk for chunk in mine if chunk.id in committed]
    missing = [chunk for chunk in mine if chunk.id not in committed]
    receipts = [committed[chunk.id] for chunk in done]

    def state() -> str:
        whole = sum(store.holds(chunk.id) for chunk in mine)
        return f"{whole} of {len(mine)} chunks are whole in {store.path}"

    with stopping.stage(state), _Signals(state) as signals:
        progress.start(_runs(mine), _runs(done))
        try:
            group, tiles = -1, None
            for chunk in missing:
                signals.check()
                if tiles is None or chunk.group != group:
                    tiles = None  # frees the last group before the next one is loaded
                    group, tiles = chunk.group, load(chunk.group)
                receipts.append(
                    run_chunk(
                        plan, chunk, tiles, store, check=signals.check, advance=progress.advance
                    )
                )
        finally:
            progress.close()
    return SweepSummary(
        runs=_runs(missing),
        chunks=len(missing),
        resumed_chunks=len(done),
        seconds=time.perf_counter() - began,
        nonconverged=_total(receipts, "nonconverged", plan),
        nonfinite=_total(receipts, "nonfinite", plan),
    )


def run_chunk(
    plan: Plan,
    chunk: Chunk,
    tiles: Tiles,
    store: Store,
    *,
    check: Callable[[], None] = lambda: None,
    advance: Callable[[int], None] = lambda runs: None,
) -> dict[str, Any]:
    """Computes one chunk for every learner and commits it: the unit of work of any executor.

    The arrays, run axis first: ``"007.<cost>" [runs, C]``, ``"007.faults"`` int32 ``[runs]`` and
    ``"007.finite"`` bool ``[runs]`` for learner 7.

    Args:
      plan: the plan.
      chunk: one of its chunks.
      tiles: compiled blocks of the chunk's group.
      store: where to commit.
      check: called before every dispatch; raises to drop the chunk.
      advance: told the runs of every batch that all learners have run.

    Returns:
      The receipt: the chunk's sidecar.
    """
    began = time.perf_counter()
    if len(tiles.tiles) != len(plan.learners):
        raise ValueError(f"{len(tiles.tiles)} tiles for {len(plan.learners)} learners")
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    pending: deque[tuple[int, int, Outcome]] = deque()

    def collect() -> None:
        learner, runs, outcome = pending.popleft()
        for name, part in _records(plan, chunk, outcome).items():
            parts[f"{learner:03d}.{name}"].append(part)
        if learner == len(plan.learners) - 1:
            advance(runs)

    lanes = _lanes(chunk, plan.groups[chunk.group].seeds, tiles.width)
    for positions, seeds, runs in _batches(*lanes, tiles.width):
        for learner, tile in enumerate(tiles.tiles):
            check()
            # Tiles return before they are done: only the oldest is waited for.
            if len(pending) == IN_FLIGHT:
                collect()
            pending.append((learner, runs, tile(positions, seeds)))
    while pending:
        collect()
    whole = {k: np.concatenate(parts[k]) for k in sorted(parts)}
    arrays = {k: np.ascontiguousarray(v[: chunk.runs]) for k, v in whole.items()}
    labelled = {f"{i:03d}": label for i, label in enumerate(plan.learners)}
    meta = {
        **tiles.describe,
        "seconds": round(time.perf_counter() - began, 3),
        "nonconverged": {v: int((arrays[f"{k}.faults"] > 0).sum()) for k, v in labelled.items()},
        "nonfinite": {v: int((~arrays[f"{k}.finite"]).sum()) for k, v in labelled.items()},
    }
    if plan.groups[chunk.group].seeds == 1:
        same = {v: _repeats(whole, k, chunk.runs, lanes[0]) for k, v in labelled.items()}
        meta["repeating"] = [label for label, repeats in same.items() if repeats]
    return store.commit(chunk, arrays, meta)


def _lanes(chunk: Chunk, seeds: int, width: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Point positions and seeds of all lanes of a chunk, and how many of them are its runs.

    The last batch is filled with repetitions of the last run. Of points with a single seed nobody
    knows whether the world is random: there the runs come again with other seeds, once at least
    and until the last batch is full.
    """
    runs = np.arange(chunk.start, chunk.stop)
    if seeds > 1:
        lanes = np.minimum(np.arange(-(-len(runs) // width) * width), len(runs) - 1)
        # Run r has the seed r mod S at the point r // S.
        return runs[lanes] // seeds, runs[lanes] % seeds, len(runs)
    lanes = np.arange(-(-2 * len(runs) // width) * width)
    return runs[lanes % len(runs)], lanes // len(runs), len(runs)


def _batches(
    positions: np.ndarray, seeds: np.ndarray, runs: int, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Point positions, seeds and the number of real runs, batch by batch."""
    for start in range(0, len(seeds), width):
        batch = slice(start, start + width)
        real = min(max(runs - start, 0), width)
        yield positions[batch].astype(np.int32), seeds[batch].astype(np.int32), real


def _repeats(
    arrays: Mapping[str, np.ndarray], learner: str, runs: int, positions: np.ndarray
) -> bool:
    """Whether a learner's runs cost the same with every seed, where each point has one of them."""
    first = positions - positions[0]
    return all(
        np.array_equal(values, values[first], equal_nan=values.dtype.kind == "f")
        for name, values in arrays.items()
        if name.startswith(f"{learner}.")
    )


def _records(plan: Plan, chunk: Chunk, outcome: Outcome) -> dict[str, np.ndarray]:
    """An outcome as numpy arrays with the run axis first; waits for the device."""
    if set(outcome.costs) != set(plan.costs):
        raise ValueError(f"costs: want {sorted(plan.costs)}, got {sorted(outcome.costs)}")
    records = {name: np.asarray(outcome.costs[name]).T for name in plan.costs}
    checkpoints = len(plan.groups[chunk.group].checkpoints)
    for name, record in records.items():
        if record.ndim != 2 or record.shape[1] != checkpoints:
            raise ValueError(f"{name}: want [{checkpoints}, lanes], got {record.T.shape}")
    records["faults"] = np.asarray(outcome.faults).astype(np.int32)
    records["finite"] = np.asarray(outcome.finite).astype(np.bool_)
    return records


def _runs(chunks: Iterable[Chunk]) -> int:
    return sum(chunk.runs for chunk in chunks)


def _total(receipts: list[dict[str, Any]], what: str, plan: Plan) -> dict[str, int]:
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt[what])
    return {label: total[label] for label in plan.learners}


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
