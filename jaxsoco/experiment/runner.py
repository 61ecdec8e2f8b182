"""Running an experiment: its folder, its compiled blocks, the sweep, and the report at the end."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsoco.core import stopping, terminal
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Interrupted, Issue, reason_of
from jaxsoco.core.exits import BAD_INPUT, DONE, FAILED, INTERNAL, INTERRUPTED
from jaxsoco.core.files import one_line
from jaxsoco.core.study import Study
from jaxsoco.core.text import count
from jaxsoco.engine.index import Index
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.reading import Stored, coverage
from jaxsoco.engine.requests import Request, Share, requests, shared
from jaxsoco.engine.store import Store, is_trace
from jaxsoco.engine.sweep import Local, SweepSummary, Tiles
from jaxsoco.engine.sweep import sweep as compute
from jaxsoco.experiment.building import Builder
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.sizes import excesses
from jaxsoco.experiment.traces import study_excess

if TYPE_CHECKING:
    from jaxsoco.engine.batch import Outcome, Tile

_COLOURS = {
    r"(?i)^check passed\b": "green",
    r"(?i)^check failed\b": "red",
    r"(?i)^check undecided\b": "yellow",
}
"""Of the verdicts in the summary of a report."""


def default_folder(name: str, smoke: bool) -> Path:
    """Where a run goes if the user names no place."""
    return Path("runs") / (f"{name}-smoke" if smoke else name)


def run(
    sweep: Sweep,
    out: Path,
    *,
    command: str,
    devices: int | Sequence[Any] | None = None,
    share: Share | None = None,
    strict: bool = False,
    anyway: bool = False,
) -> int:
    """Computes what a directory lacks of a sweep, then reports on the sweep.

    Args:
      sweep: the expanded experiment.
      out: the run directory: new, empty, or with results of this or any other experiment.
      command: the command line, for the manifest.
      devices: how many to use (all that have something to do if None), or the ``jax.Device`` of
        a JAX that is set up already.
      share: the part of the sweep that this process takes (all if None).
      strict: a check that is undecided counts as failed.
      anyway: even if the sweep does not fit the disk, the memory or a lifetime.

    Returns:
      The exit code.

    Raises:
      InputError: the directory, or the number of devices, cannot be used; or the sweep is too
        large.
      Interrupted: the run stopped early and can be resumed.
    """
    print(sweep.header(), flush=True)
    earlier = existing(out)
    builder = Builder(sweep, devices)
    study, share = builder.study(earlier, command), share or Share()
    index = earlier.refresh() if earlier else Index()
    todo = _missing(study, index, share)
    traces = _missing(study.traced, index, share) if study.traced else []
    if (todo or traces) and not anyway:
        _require_size(sweep, study, out, sum(request.work for request in todo))
    content = study.to_json()
    if todo or traces:
        from jaxsoco.analysis.trial import try_folder, try_report

        try_folder(out)
        try_report(content)
    open_groups = dict.fromkeys(request.group for request in todo)
    builder.trace([study.groups[index] for index in open_groups])
    store = Store(out).begin(content)
    _warn_of_damage(store)
    if earlier:
        _tell_of_others(earlier, study, todo)
    programs = -(-sweep.compilations * len(open_groups) // len(sweep.groups))
    progress = Progress()
    announce = _Announcer(programs, progress)
    local = Local(lambda group: announce.of(sweep.labels, builder.tiles(study.groups[group])))
    summary = compute(study, store, local, share=share, progress=progress)
    _tell(summary)
    if study.traced:
        others = _trace_runs(builder, study.traced, store, share, progress)
        summary = summary.beside(others)
    state = coverage(study, store.refresh())
    if summary.failures:
        _tell_failures(summary)
        code = _tell_failed_packs(summary, sweep)
        if state.stored:
            report(out, strict=strict)
        return code
    if not state.complete:
        _tell_failures(summary)
        left = f"{state.wanted - state.stored} of {state.wanted} runs"
        print(f"{left} are left to others: no report yet")
        return DONE
    return report(out, strict=strict)


def _missing(study: Study, index: Index, share: Share) -> list[Request]:
    """The packs of a share that are not stored."""
    return [*requests(study.plan, Cells(study), index, shared(study.plan, share))]


def _require_size(sweep: Sweep, study: Study, out: Path, work: int) -> None:
    issues = [*excesses(sweep, out, work / (sweep.runs * len(sweep.labels)))]
    # Only the instances know the horizons of some problems.
    issues = [issue for issue in issues if issue.path != "run.trace"] + [*study_excess(study)]
    if issues:
        raise InputError(issues)


def _trace_runs(
    builder: Builder, traced: Study, store: Store, share: Share, progress: Progress
) -> SweepSummary:
    """Computes what is missing of the single runs of which every round is kept."""
    programs = len(traced.groups) * len(traced.labels)
    announce = _Announcer(programs, progress, ", at every round")

    def load(index: int) -> Tiles:
        tiles = builder.learner_tiles(traced.groups[index], traced.plan.tile)
        return announce.of(traced.labels, tiles)

    summary = compute(traced, store, Local(load), share=share, progress=progress)
    if summary.packs:
        print(f"{count(summary.runs, 'run')} at every round in {summary.seconds:.1f} s")
    return summary


def _warn_of_damage(store: Store) -> None:
    store.refresh()
    for damaged in store.damaged:
        print(f"warning: {damaged}; it is computed again", file=sys.stderr)


def _tell_of_others(earlier: Store, study: Study, todo: Sequence[Request]) -> None:
    """Says why runs that seem to be there are computed again: by other code, or elsewhere."""
    before = earlier.study
    if not todo or before.setup.points != study.setup.points:
        return
    was, now = before.origin, study.origin
    if was.platform and was.platform != now.platform:
        print(
            f"note: what is in {earlier.path} was computed on {was.platform}. On {now.platform} "
            "all of it is computed anew, and kept beside it: the two are never mixed",
            file=sys.stderr,
        )
    elif (was.compiler, was.common, was.problem) != (now.compiler, now.common, now.problem):
        what = "another compiler" if was.compiler != now.compiler else "other code"
        print(
            f"note: what is in {earlier.path} comes from {what}; it is kept, and what is wanted "
            "is computed anew",
            file=sys.stderr,
        )


def trace(sweep: Sweep, devices: int | None = None) -> None:
    """Evaluates the shapes of every learner and comparator at every group, and runs nothing.

    Raises:
      InputError: with one issue for each that raises: learner, problem, point and line.
    """
    builder = Builder(sweep, devices)
    builder.trace(builder.groups())


def report(directory: Path, *, strict: bool = False) -> int:
    """Writes a run's table, figures, checks and report anew, and prints the table.

    Args:
      directory: of the run.
      strict: a check that is undecided counts as failed.

    Returns:
      The exit code: ``INTERRUPTED`` if runs are missing (what is there is reported).

    Raises:
      InputError: there is no run.
      Interrupted: the report could not be written.
    """
    results = Stored(directory)
    for line in results.damaged:
        print(f"warning: {line}; it is left out", file=sys.stderr)
    there = results.coverage
    if there.untraced:
        what = f"{count(there.untraced, 'single run')} at every round"
        print(f"warning: {what} are missing; the same run computes them", file=sys.stderr)

    def state() -> str:
        of = f"{there.stored} of {there.wanted}"
        return f"{of} runs are whole in {directory}, and the report is not written"

    try:
        with stopping.stage(state):
            from jaxsoco.analysis.report import write_report  # brings matplotlib

            pieces = results.pieces()
            result = write_report(results.manifest, pieces, directory, traces=results.traces)
    except OSError as error:
        raise Interrupted(
            f"the results in {directory} are whole, but the report cannot be written: "
            f"{reason_of(error)}. Once that is fixed: jaxsoco report {directory}"
        ) from error
    except InputError:
        raise
    except Exception:
        _tell_kept(directory)
        raise
    texts = (result.table_text, result.summary_text, f"report: {result.path}")
    terminal.show("\n" + "\n\n".join(text for text in texts if text), _COLOURS)
    if result.failures:
        _tell_kept(directory)
        raise result.failures[0][1]
    if not there.complete:
        return INTERRUPTED
    bad = ("failed", "undecided") if strict else ("failed",)
    return FAILED if result.verdict in bad else DONE


def _tell_kept(directory: Path) -> None:
    """Says that nothing computed is lost, before an error ends the program."""
    command = shlex.join(["jaxsoco", "report", str(directory)])
    print(f"the runs are kept in {directory}; {command} repeats the report", file=sys.stderr)


def existing(out: Path) -> Store | None:
    """The results that a folder holds, None if there are none and they can go there.

    Raises:
      InputError: neither holds.
    """
    try:
        if out.is_dir():
            return None if all(map(is_trace, out.iterdir())) else Store(out).open()
        place = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    except OSError as error:
        raise InputError(Issue(str(out), f"cannot be used: {error.strerror}")) from error
    if not place.is_dir():
        raise InputError(Issue(str(place), "is a file", "want a new or empty folder for the run"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(Issue(str(place), "cannot be written to", "choose another --out"))
    return None


def _tell(summary: SweepSummary) -> None:
    if not summary.packs and not summary.failures:
        print("all runs were there already")
        return
    rate = summary.runs / max(summary.seconds, 1e-9)
    before = f"; {count(summary.earlier, 'run')} were there already" if summary.earlier else ""
    print(
        f"{count(summary.runs, 'run')} in {summary.seconds:.1f} s ({rate:.3g} runs/s), "
        f"{count(summary.packs, 'pack')}{before}"
    )


def _tell_failed_packs(summary: SweepSummary, sweep: Sweep) -> int:
    """Says which packs could not be computed, and why; returns the exit code."""
    errors = {one_line(failure.error): None for failure in summary.failures}
    lost = sum(failure.request.work for failure in summary.failures)
    number = count(len(summary.failures), "pack")
    print(f"{number} could not be computed ({lost} runs); all others are kept:", file=sys.stderr)
    for message in errors:
        if "RESOURCE_EXHAUSTED" in message:
            tile = sweep.experiment.run.tile
            message = f"run.tile: {tile} runs at once do not fit the memory of the device"
        print(f"  {message}", file=sys.stderr)
    return BAD_INPUT if all("RESOURCE_EXHAUSTED" in text for text in errors) else INTERNAL


def _tell_failures(summary: SweepSummary) -> None:
    for what, counts in (
        ("with a kernel that did not converge", summary.nonconverged),
        ("with a cost that is not finite", summary.nonfinite),
    ):
        bad = [f"{label} {count}" for label, count in counts.items() if count]
        if bad:
            print(f"warning: runs {what}: {', '.join(bad)}", file=sys.stderr)


class _Announcer:
    """Says which program is being compiled: each is when it is first called."""

    def __init__(self, programs: int, progress: Progress, note: str = ""):
        self._programs, self._progress, self._note = programs, progress, note
        self._begun = 0

    def of(self, labels: Sequence[str], tiles: Tiles) -> Tiles:
        """The tiles, each of which says so before it compiles."""
        blocks = zip(labels, tiles.tiles, strict=True)
        return replace(tiles, tiles=tuple(self._announced(*pair) for pair in blocks))

    def _announced(self, label: str, block: Any) -> Tile:
        def tile(points: Any, seeds: Any) -> Outcome:
            if not block.compiled:
                self._begun += 1
                program = f"{self._begun} of {self._programs}: {label}{self._note}"
                self._progress.compiling(program)
                block.compile()
                self._progress.compiled()
            return block(points, seeds)

        return tile
