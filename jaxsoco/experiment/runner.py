"""Running an experiment: its folder, its compiled blocks, the sweep, and the report at the end."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsoco.core import stopping, terminal
from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.exits import DONE, FAILED, INTERRUPTED
from jaxsoco.core.text import count, show
from jaxsoco.engine.manifest import identity_of
from jaxsoco.engine.plan import GroupPlan, Plan
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import SweepSummary, Tiles
from jaxsoco.engine.sweep import sweep as compute
from jaxsoco.experiment.devices import start_jax
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.folders import existing
from jaxsoco.experiment.manifest import manifest, settings
from jaxsoco.experiment.settings import most_checkpoints
from jaxsoco.experiment.sizes import excesses
from jaxsoco.experiment.tracing import load_entry, trace_issues

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.engine.batch import Outcome, Tile

_COLOURS = {
    r"(?i)^check passed\b": "green",
    r"(?i)^check failed\b": "red",
    r"(?i)^check undecided\b": "yellow",
}
"""Of the verdicts in the summary of a report."""


@dataclass(frozen=True)
class Share:
    """Chunks ``index, index + count, ...`` of a sweep (``--chunks 1/4`` has index 0)."""

    index: int
    count: int


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
    """Runs what is missing of a sweep, then reports.

    Args:
      sweep: the expanded experiment.
      out: the run directory: new, empty, or of this same sweep.
      command: the command line, for the manifest.
      devices: how many to use (all that have something to do if None), or the ``jax.Device`` of
        a JAX that is set up already.
      share: the part of the chunks that this process takes (all if None).
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
    started = existing(out)
    if not anyway:
        _require_size(sweep, out, started, share)
    builder = _Builder(sweep, devices)
    groups = builder.groups() if started is None else _groups_of(started, sweep)
    run = sweep.experiment.run
    costs = tuple(cost.name for cost in sweep.experiment.family.costs)
    plan = Plan(groups, sweep.labels, costs, tile=run.tile, chunk=run.chunk)
    content = manifest(sweep, plan, command)
    open_groups = _open_groups(plan, started, share)
    if open_groups:
        from jaxsoco.analysis.trial import try_folder, try_report

        if started is not None:
            try_folder(out)
        try_report(content)
    builder.trace(open_groups)
    store = Store(out).create(content)
    store.committed()
    for damaged in store.damaged:
        print(f"warning: {damaged}; it is computed again", file=sys.stderr)
    only = (share.index, share.count) if share else None
    programs = -(-sweep.compilations * len(open_groups) // len(sweep.groups))
    progress = Progress()
    announce = _Announcer(programs, progress)
    try:
        summary = compute(
            plan,
            store,
            lambda group: announce.of(sweep.labels, builder.tiles(plan.groups[group])),
            only=only,
            progress=progress,
        )
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        message = f"{run.tile} runs at once do not fit the memory of the device"
        hint = "want a smaller one, in a new --out"
        raise InputError(Issue("run.tile", message, hint)) from error
    _tell(summary)
    missing = len(plan.chunks()) - len(store.committed())
    if missing:
        _tell_failures(summary)
        print(f"{missing} of {len(plan.chunks())} chunks are left to others: no report yet")
        return DONE
    return report(out, strict=strict)


def _require_size(sweep: Sweep, out: Path, started: Store | None, share: Share | None) -> None:
    done = 0 if started is None else started.runs()
    left = max(1 - done / sweep.runs, 0) / (share.count if share else 1)
    issues = [*excesses(sweep, out, left)] if left else []
    if issues:
        raise InputError(issues)


def trace(sweep: Sweep, devices: int | None = None) -> None:
    """Evaluates the shapes of every learner and comparator at every group, and runs nothing.

    Raises:
      InputError: with one issue for each that raises: learner, problem, point and line.
    """
    builder = _Builder(sweep, devices)
    builder.trace(builder.groups())


def _open_groups(plan: Plan, started: Store | None, share: Share | None) -> tuple[GroupPlan, ...]:
    """The groups of which something is left to compute."""
    chunks = plan.chunks()[share.index :: share.count] if share else plan.chunks()
    committed = {} if started is None else started.committed()
    missing = {chunk.group for chunk in chunks if chunk.id not in committed}
    return tuple(group for group in plan.groups if group.index in missing)


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
    store = Store(directory).open()
    committed = store.committed()

    def state() -> str:
        of = f"{len(committed)} of {len(store.plan.chunks())}"
        return f"{of} chunks are whole in {directory}, and the report is not written"

    chunks = ((receipt, store.read(chunk)) for chunk, receipt in committed.items())
    try:
        with stopping.stage(state):
            from jaxsoco.analysis.report import write_report  # brings matplotlib

            result = write_report(store.manifest, chunks, directory)
    except OSError as error:
        raise Interrupted(
            f"the results in {directory} are whole, but the report cannot be written: "
            f"{error.strerror or error}. Once that is fixed: jaxsoco report {directory}"
        ) from error
    except Exception:
        _tell_kept(directory)
        raise
    texts = (result.table_text, result.summary_text, f"report: {result.path}")
    terminal.show("\n" + "\n\n".join(text for text in texts if text), _COLOURS)
    if result.failures:
        _tell_kept(directory)
        raise result.failures[0][1]
    if len(committed) < len(store.plan.chunks()):
        return INTERRUPTED
    bad = ("failed", "undecided") if strict else ("failed",)
    return FAILED if result.verdict in bad else DONE


def _tell_kept(directory: Path) -> None:
    """Says that nothing computed is lost, before an error ends the program."""
    command = shlex.join(["jaxsoco", "report", str(directory)])
    print(f"the runs are kept in {directory}; {command} repeats the report", file=sys.stderr)


def _groups_of(started: Store, sweep: Sweep) -> tuple[GroupPlan, ...]:
    """The groups of a run that is there already, if it is this one: no need for JAX."""
    if identity_of(settings(sweep)) != started.manifest["identity"]:
        # Raises and says what differs.
        Store(started.path).create(manifest(sweep, started.plan, ""))
    return started.plan.groups


def _tell(summary: SweepSummary) -> None:
    if not summary.chunks:
        print("all chunks were there already")
        return
    rate = summary.runs / max(summary.seconds, 1e-9)
    before = f"; {summary.resumed_chunks} were there already" if summary.resumed_chunks else ""
    print(
        f"{summary.runs} runs of each learner in {summary.seconds:.1f} s ({rate:.3g} runs/s), "
        f"{count(summary.chunks, 'chunk')}{before}"
    )


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

    def __init__(self, programs: int, progress: Progress):
        self._programs, self._progress = programs, progress
        self._begun = 0

    def of(self, labels: Sequence[str], tiles: Tiles) -> Tiles:
        """The tiles, each of which says so before it compiles."""
        blocks = zip(labels, tiles.tiles, strict=True)
        return replace(tiles, tiles=tuple(self._announced(*pair) for pair in blocks))

    def _announced(self, label: str, block: Any) -> Tile:
        def tile(points: Any, seeds: Any) -> Outcome:
            if not block.compiled:
                self._begun += 1
                self._progress.compiling(f"{self._begun} of {self._programs}: {label}")
                block.compile()
                self._progress.compiled()
            return block(points, seeds)

        return tile


_KEPT_GROUPS = 16
"""Of how many groups the traces wait for their turn, with the settings of their points."""

_KEPT_PROGRAMS = 64
"""How many wait for groups that differ from an earlier one in numbers alone."""


class _Builder:
    """Makes instances and compiled blocks; JAX starts when the first is needed."""

    def __init__(self, sweep: Sweep, devices: int | Sequence[Any] | None):
        self._sweep = sweep
        self._wanted = devices
        self._traced: dict[int, Tiles] = {}
        self._programs: dict[Any, Any] = {}

    def groups(self) -> tuple[GroupPlan, ...]:
        """The plan of every group; only the instances know their horizons."""
        _ = self._devices
        from jaxsoco.engine.simulate import checkpoints

        experiment, plans = self._sweep.experiment, []
        for index, points in enumerate(self._sweep.groups):
            horizon = self._instance(points[0]).horizon
            at = checkpoints(
                horizon, most_checkpoints(experiment.problem, experiment.run.checkpoints)
            )
            plans.append(GroupPlan(index, points, experiment.run.seeds, horizon, at))
        return tuple(plans)

    def trace(self, groups: Sequence[GroupPlan]) -> None:
        """Traces every learner and comparator at these groups; keeps the traces of small ones.

        Raises:
          InputError: with everything that raises.
        """
        experiment, issues = self._sweep.experiment, list[Issue]()
        problem = f"{experiment.family.name}/{experiment.problem.name}"
        for group in groups:
            tiles = self._make(group)
            place = f"{problem}{self._point_text(group)}"
            issues += trace_issues(self._sweep.labels, tiles.tiles, place)
            if len(self._traced) < _KEPT_GROUPS:
                self._traced[group.index] = tiles
        if issues:
            raise InputError(dict.fromkeys(issues))

    def _point_text(self, group: GroupPlan) -> str:
        """`` at data_size = 4, horizon = 200``: where a group's first point lies on the axes."""
        values = self._sweep.points[group.points[0]]
        axes = ", ".join(f"{name} = {show(values[name])}" for name in self._sweep.experiment.swept)
        return f" at {axes}" if axes else ""

    def tiles(self, group: GroupPlan) -> Tiles:
        """Compiled blocks of a group, for all learners and comparators."""
        return self._traced.pop(group.index, None) or self._make(group)

    def _make(self, group: GroupPlan) -> Tiles:
        devices = self._devices
        from jaxsoco.engine.batch import Batch

        experiment = self._sweep.experiment
        batch = Batch(
            [self._instance(point) for point in group.points],
            seeds_root=experiment.run.root_seed,
            tile=experiment.run.tile,
            devices=devices,
            at=group.checkpoints,
            programs=self._programs,
        )
        learners = [
            batch.learner(
                load_entry(learner.label, learner.entry),
                learner.entry.parameters(learner.values),
                learner.entry.lanes,
            )
            for learner in experiment.learners
        ]
        comparators = [
            batch.comparator(load_entry(entry.name, entry)) for entry in experiment.optima
        ]
        describe = {
            "jax": importlib.metadata.version("jax"),
            "device": f"{devices[0].platform} ({devices[0].device_kind})",
            "devices": len(devices),
        }
        for old in [*self._programs][:-_KEPT_PROGRAMS]:
            del self._programs[old]
        return Tiles(batch.width, (*learners, *comparators), describe)

    @cached_property
    def _devices(self) -> list[Any]:
        if isinstance(self._wanted, Sequence):
            return list(self._wanted)
        run = self._sweep.experiment.run
        largest = max(map(len, self._sweep.groups)) * run.seeds
        useful = -(-min(largest, self._sweep.chunk) // run.tile)
        return start_jax(run.precision, self._wanted, useful)

    def _instance(self, point: int) -> Instance:
        problem = self._sweep.experiment.problem
        return problem.instance(self._sweep.prepared[point], self._sweep.inputs[point])
