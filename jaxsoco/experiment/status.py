"""What ``jaxsoco status`` says: progress, rate and time left of one run or of many. No JAX."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco.core import text
from jaxsoco.core.errors import InputError
from jaxsoco.engine.failures import Noted
from jaxsoco.engine.manifest import MANIFEST
from jaxsoco.engine.pace import recent_rate
from jaxsoco.engine.reading import Stored

_INNER = ("packs", "chunks", "figures", "claims", "failures")
"""Folders in a run directory, which has no other run below it."""


class State(NamedTuple):
    """A run directory as it is now.

    Attributes:
      path: the directory.
      results: what it holds; None if it cannot be read.
      reason: why not.
      rate: runs per second of the last minutes, all processes together; None if none were written.
      failures: packs that could not be computed.
    """

    path: Path
    results: Stored | None
    reason: str = ""
    rate: float | None = None
    failures: tuple[Noted, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.results is None or self.results.coverage.complete

    @property
    def failed(self) -> int:
        """Runs that could not be computed, and those with a cost that is not finite."""
        lost = sum(one.runs for one in self.failures)
        return lost + sum(self.results.coverage.nonfinite.values()) if self.results else 0

    @property
    def seconds_left(self) -> float | None:
        """Until it is complete at this rate; None if that is not known."""
        if self.results is None:
            return None
        there = self.results.coverage
        if there.complete:
            return 0.0
        return (there.wanted - there.stored) / self.rate if self.rate else None

    @property
    def device(self) -> str:
        """What computed it."""
        packs = self.results.coverage.all_packs if self.results else ()
        return ", ".join(sorted({str(p.facts["device"]) for p in packs if "device" in p.facts}))


class Watch:
    """Run directories that are looked at again and again; each look reads what is new.

    Args:
      places: run directories, or folders of them.
      clock: seconds since the epoch.

    Raises:
      InputError: a place is, and holds, no run.
    """

    def __init__(self, places: Sequence[Path], clock: Any = time.time):
        self._places, self._clock = places, clock
        self._results: dict[Path, tuple[bytes, Stored]] = {}
        for place in places:
            if not _is_run(place) and next(runs_below(place), None) is None:
                Stored(place, thorough=False)  # says what is wrong with it

    @property
    def single(self) -> bool:
        """Whether it is one run directory."""
        return len(self._places) == 1 and _is_run(self._places[0])

    def states(self) -> list[State]:
        """All runs as they are now."""
        states = []
        for place in self._places:
            for path in [place] if _is_run(place) else runs_below(place):
                if path not in (state.path for state in states):
                    states.append(self._state(path, named=path == place))
        return states

    def _state(self, path: Path, *, named: bool) -> State:
        """Of one directory; one that cannot be read is an error if the user named it."""
        try:
            results = self._read(path)
        except InputError as error:
            if named:
                raise
            return State(path, None, error.issues[0].message)
        rate = recent_rate(path, results.coverage.all_packs, self._clock())
        return State(path, results, "", rate, tuple(results.failures))

    def _read(self, path: Path) -> Stored:
        try:
            manifest = (path / MANIFEST).read_bytes()
        except OSError:
            manifest = b""
        before, results = self._results.get(path, (b"", None))
        if results is None or manifest != before:
            results = Stored(path, thorough=False)
        else:
            results.refresh()
        self._results[path] = manifest, results
        return results


def runs_below(folder: Path) -> Iterator[Path]:
    """Run directories in a folder, at any depth, in order of their names."""
    for place, folders, files in os.walk(folder):
        if MANIFEST in files:
            folders.clear()
            yield Path(place)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in _INNER)


def _is_run(place: Path) -> bool:
    return (place / MANIFEST).exists()


def status_text(watch: Watch, states: Sequence[State]) -> str:
    """Progress of one run in detail, or of several in a line each."""
    return _detail(states[0]) if watch.single else _lines(states)


def _lines(states: Iterable[State]) -> str:
    rows = [_row(state) for state in states]
    header = ["run", "device", "done", "wanted", "", "failed", "runs/s", "left"]
    return text.table(header, rows, 2)


def _row(state: State) -> list[str]:
    if state.results is None:
        return [str(state.path), text.shorten(state.reason, 60), *["–"] * 6]
    there = state.results.coverage
    return [
        str(state.path),
        state.device or "–",
        str(there.stored),
        str(there.wanted),
        f"{_percent(there.stored, there.wanted)} %",
        str(state.failed),
        "–" if state.rate is None or there.complete else f"{state.rate:.3g}",
        "done" if there.complete else _left(state) or "not known",
    ]


def _detail(state: State) -> str:
    results = state.results
    assert results is not None  # one that was named raised
    there = results.coverage
    left = "none" if there.complete else "not known yet"
    if not there.complete and (time_left := _left(state)):
        left = f"about {time_left}, at the rate of the last minutes"
    elif not there.complete and there.rate:
        alone = text.duration((there.wanted - there.stored) / there.rate)
        left = f"about {alone} for one process (nothing was written in the last minutes)"
    rate = "not known yet" if there.rate is None else f"{there.rate:.3g} runs/s per process"
    if state.rate is not None and not there.complete:
        rate = f"{state.rate:.3g} runs/s in the last minutes, {rate}"
    rows = [
        ("started", results.study.created),
        (
            "runs",
            f"{there.stored} of {there.wanted} ({_percent(there.stored, there.wanted)} %)",
        ),
        ("packs", f"{len(there.all_packs)}"),
        ("device", state.device or "not known yet"),
        ("rate", rate),
        ("remaining", left),
        ("not converged", _counts(there.nonconverged)),
        ("not finite", _counts(there.nonfinite)),
        *(
            ("failed", f"{text.count(one.runs, 'run')} of {', '.join(one.learners)}: {one.error}")
            for one in state.failures
        ),
        *(("damaged", f"{one}; the next run computes it again") for one in results.damaged),
    ]
    lines = text.columns((f"  {name}", content) for name, content in rows)
    return "\n".join([f"{state.path}: {results.study.title}", *lines])


def status_document(watch: Watch, states: Sequence[State]) -> dict[str, Any]:
    """The same for programs: every run in ``directories``; a single one at the top as well."""
    entries = [_entry(state) for state in states]
    return {**(entries[0] if watch.single else {}), "directories": entries}


def _entry(state: State) -> dict[str, Any]:
    if state.results is None:
        return {"directory": str(state.path), "unreadable": state.reason}
    results = state.results
    there = results.coverage
    left = state.seconds_left
    if left is None and there.rate:
        left = (there.wanted - there.stored) / there.rate
    return {
        "directory": str(state.path),
        "title": results.study.title,
        "identity": results.study.identity,
        "started": results.study.created,
        "complete": there.complete,
        "runs": {"done": there.stored, "total": there.wanted, "failed": state.failed},
        "failures": [one._asdict() for one in state.failures],
        "packs": len(there.all_packs),
        "device": state.device,
        "runs_per_second": there.rate,
        "recent_runs_per_second": state.rate,
        "seconds_left": left,
        "nonconverged": {**there.nonconverged},
        "nonfinite": {**there.nonfinite},
        "damaged": results.damaged,
    }


def _left(state: State) -> str:
    """``1:02:03``; empty if it is not known."""
    return "" if state.seconds_left is None else text.duration(state.seconds_left)


def _percent(done: int, wanted: int) -> int:
    """Whole percent, 100 only where nothing is missing."""
    return 100 * done // wanted


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.items() if count) or "none"
