"""Running an experiment: its folder, its compiled blocks, the sweep, and the report at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from jaxsoco.core import stopping, terminal
from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Interrupted, Issue, reason_of
from jaxsoco.core.exits import DONE, FAILED, INTERRUPTED
from jaxsoco.core.study import Study
from jaxsoco.engine.cache import Cache, default_cache
from jaxsoco.engine.claims import Claims
from jaxsoco.engine.compiling import side_by_side
from jaxsoco.engine.index import Index
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.reading import Stored, coverage
from jaxsoco.engine.requests import Request, Share, requests, shared
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Executor, Local, SweepSummary, Tiles
from jaxsoco.engine.sweep import sweep as compute
from jaxsoco.engine.work import Deadline, StealingWork, Work
from jaxsoco.experiment import telling
from jaxsoco.experiment.building import Builder
from jaxsoco.experiment.computed import Computed, raise_failure
from jaxsoco.experiment.devices import usable_cores
from jaxsoco.experiment.elsewhere import Elsewhere
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.folders import existing
from jaxsoco.experiment.sizes import MOST_PACKS, excesses
from jaxsoco.experiment.traces import study_excess

_COLOURS = {
    r"(?i)^check passed\b": "green",
    r"(?i)^check failed\b": "red",
    r"(?i)^check undecided\b": "yellow",
}
"""Of the verdicts in the summary of a report."""


def run(sweep: Sweep, out: Path, *, strict: bool = False, **options: Any) -> int:
    """Computes what a directory lacks of a sweep, then reports on the sweep.

    Args:
      sweep: the expanded experiment.
      out: the run directory: new, empty, or with results of this or any other experiment.
      strict: a check that is undecided counts as failed.
      options: of :func:`compute_runs`.

    Returns:
      The exit code.

    Raises:
      InputError: the directory, or the number of devices, cannot be used; or the sweep is too
        large.
      Interrupted: the run stopped early and can be resumed.
    """
    return _conclude(compute_runs(sweep, out, **options), strict)


def compute_runs(
    sweep: Sweep,
    out: Path,
    *,
    command: str,
    devices: int | Sequence[Any] | None = None,
    share: Share | None = None,
    steal: bool = False,
    time_limit: float | None = None,
    cache: Path | None = None,
    elsewhere: Elsewhere | None = None,
    anyway: bool = False,
) -> Computed:
    """Computes what a directory lacks of a sweep.

    Args:
      sweep: the expanded experiment.
      out: the run directory: new, empty, or with results of this or any other experiment.
      command: the command line, for the manifest.
      devices: how many to use (all that have something to do if None), or the ``jax.Device`` of
        a JAX that is set up already.
      share: the part of the sweep that this process takes (all if None).
      steal: it also takes over what others do not compute, and stays until all is done.
      time_limit: seconds after which no pack is begun that would not end in time.
      cache: a folder of packs to take from, and to add to; that of ``JAXSOCO_CACHE`` if None.
      elsewhere: the workers that compute; this process if None.
      anyway: even if the sweep does not fit the disk, the memory or a lifetime.

    Raises:
      InputError, Interrupted: as :func:`run`.
    """
    print(sweep.header(), flush=True)
    store, share, shelf = existing(out), share or Share(), _cache(cache)
    if sweep.packs > MOST_PACKS or store is shelf is None:
        # All of it is to be computed, or too much to look what is missing: JAX need not start.
        _require_room(sweep, out, sweep.runs * len(sweep.labels) / share.count, anyway)
    builder = Builder(sweep, 1 if elsewhere else devices, elsewhere)
    before = store.study if store and store.manifest else None
    study = builder.study(before, command)
    if study.traced and elsewhere and study.origin.platform != "cpu":
        message = "single runs are computed by this process, on its CPU, and not by Ray's workers"
        raise InputError(Issue("run.trace", message, "leave one of the two out"))
    if store is None and shelf is not None:
        store = Store(out).begin(study.to_json())
    if store is not None:
        telling.warn_of_damage(store, (Work(part, store, share) for part in study.parts))
        telling.tell_of_cache(sum(shelf.fill(s, store) for s in study.parts) if shelf else 0)
    index, wide = store.index if store else Index(), Share() if steal else share
    todo, traces = _missing(study, index, wide), _missing(study.traced, index, wide)
    if todo or traces:
        work = sum(request.work for request in todo)
        _require_room(sweep, out, work / (share.count if steal else 1), anyway, study)
        _try(study, out, begun=store is not None)
    if todo:
        telling.tell_of_origin(out, before, study)
    groups = dict.fromkeys(request.group for request in todo)
    builder.trace([study.groups[index] for index in groups])
    store = (store or Store(out)).begin(study.to_json())
    progress = Progress()
    programs = -(-sweep.compilations * len(groups) // len(sweep.groups))
    admit = None if anyway else builder.require_memory
    announce = telling.Announcer(programs, progress, admit=admit)
    deadline = None if time_limit is None else Deadline(time_limit, _seconds_a_run(study, store))

    def run_part(part: Study, execute: Executor) -> SweepSummary:
        with Claims(out) if steal else nullcontext() as claims:
            work = StealingWork(part, store, share, claims) if claims else Work(part, store, share)
            options = {"deadline": deadline, "cache": shelf, "progress": progress}
            return compute(part, store, execute, work=work, **options)

    with side_by_side(usable_cores()) as pool:
        load = _tiles(study, builder, announce, [*groups], pool)
        workers = elsewhere.executor(out, len(todo)) if elsewhere and todo else Local(load)
        summary = run_part(study, workers)
    telling.tell_of_packs(summary)
    if study.traced:
        others = run_part(study.traced, Local(_trace_tiles(study.traced, builder, progress)))
        telling.tell_of_traces(others)
        summary = summary.beside(others)
    return Computed(study, store, summary, builder, alone=share.count == 1)


def _tiles(
    study: Study,
    builder: Builder,
    announce: telling.Announcer,
    order: Sequence[int],
    pool: ThreadPoolExecutor,
) -> Callable[[int], Tiles]:
    """Loads the compiled blocks of a group; those of the next one are compiled meanwhile."""

    def load(group: int) -> Tiles:
        # A pack that was damaged meanwhile, or that others left, may be of another group.
        place = order.index(group) if group in order else len(order)
        for index in (group, *order[place + 1 : place + 2]):
            builder.begin(study.groups[index], pool)
        return announce.of(study.labels, builder.tiles(study.groups[group]))

    return load


def _trace_tiles(traced: Study, builder: Builder, progress: Progress) -> Callable[[int], Tiles]:
    """Loads the compiled blocks of single runs at every round, by group."""
    programs = len(traced.groups) * len(traced.labels)
    announce = telling.Announcer(programs, progress, ", at every round")

    def load(group: int) -> Tiles:
        tiles = builder.single_tiles(traced.groups[group], traced)
        return announce.of(traced.labels, tiles)

    return load


def _conclude(computed: Computed, strict: bool) -> int:
    """Reports on what there is, or says what others will bring; returns the exit code.

    Of many members, only those that find the study complete compare all of it with its SHA-256.

    Raises:
      Exception: what the first pack raised that could not be computed.
    """
    _, store, summary, _, alone = computed
    whole = {*store.index.packs}
    results = Stored(store.path, store=store, thorough=alone)
    there, lost = results.coverage, any(one.pack in whole for one in store.damaged)
    if there.complete and not alone:
        results.verify()
    if there.complete or ((summary.failures or lost) and there.stored):
        code = report_on(results, strict=strict)
    else:
        telling.warn_of_failed_runs(summary)
        print(f"{there.wanted - there.stored} of {there.wanted} runs are missing: no report yet")
        code = DONE
    if summary.failures:
        raise_failure(computed)
    return code


def _seconds_a_run(study: Study, store: Store) -> float:
    """How long a run took in the packs that are there; 0 without any."""
    store.refresh(thorough=False)
    rate = coverage(study, store).rate
    return 1 / rate if rate else 0.0


def _try(study: Study, out: Path, begun: bool) -> None:
    """Writes the report of made-up runs: what would end it ends the run at once."""
    from jaxsoco.analysis.trial import try_folder, try_report

    if begun:
        try_folder(out)
    try_report(study.to_json())


def _missing(study: Study | None, index: Index, share: Share) -> list[Request]:
    """The packs that a share of a study lacks."""
    if study is None:
        return []
    return [*requests(study.plan, Cells(study), index, shared(study.plan, share))]


def _cache(folder: Path | None) -> Cache | None:
    folder = folder or default_cache()
    return None if folder is None else Cache(folder)


def _require_room(
    sweep: Sweep, out: Path, work: float, anyway: bool, study: Study | None = None
) -> None:
    """Raises if so many runs of all learners do not fit the machine, unless told to go on.

    Args:
      sweep: the expanded experiment.
      out: the run directory.
      work: how many runs.
      anyway: whether to go on.
      study: the study, once the horizons are known that the experiment does not say.
    """
    issues = [*excesses(sweep, out, work / (sweep.runs * len(sweep.labels)))]
    if study is not None:
        issues = [issue for issue in issues if issue.path != "run.trace"] + [*study_excess(study)]
    if issues and not anyway:
        raise InputError(issues)


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
    return report_on(Stored(directory), strict=strict)


def report_on(results: Stored, *, strict: bool = False) -> int:
    """As :func:`report`, of results that are open."""
    directory = results.path
    for line in results.damaged:
        print(f"warning: {line}; it is left out", file=sys.stderr)
    there = results.coverage
    telling.warn_of_missing_traces(there)

    def state() -> str:
        of = f"{there.stored} of {there.wanted}"
        return f"{of} runs are whole in {directory}, and the report is not written"

    try:
        with stopping.stage(state):
            from jaxsoco.analysis.report import write_report  # brings matplotlib

            pieces = results.pieces()
            result = write_report(results.manifest, pieces, directory, results.traces)
    except OSError as error:
        raise Interrupted(
            f"the results in {directory} are whole, but the report cannot be written: "
            f"{reason_of(error)}. Once that is fixed: jaxsoco report {directory}"
        ) from error
    except InputError:
        raise
    except Exception:
        telling.tell_what_is_kept(directory)
        raise
    texts = (result.table_text, result.summary_text, f"report: {result.path}")
    terminal.show("\n" + "\n\n".join(text for text in texts if text), _COLOURS)
    if result.failures:
        telling.tell_what_is_kept(directory)
        raise result.failures[0][1]
    if not there.complete:
        return INTERRUPTED
    bad = ("failed", "undecided") if strict else ("failed",)
    return FAILED if result.verdict in bad else DONE
