"""From a validated experiment to everything that a sweep of it needs to know, without JAX."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.plan import block_of
from jaxsoco.core.schema import HORIZON, Prepared
from jaxsoco.core.summary import COLUMNS, PART
from jaxsoco.core.text import count
from jaxsoco.experiment.claims import unanswerable
from jaxsoco.experiment.learners import combinations
from jaxsoco.experiment.settings import most_checkpoints
from jaxsoco.experiment.spec import Experiment

_RECORD = 5  # bytes a run beside its costs: faults (int32) and finite (bool)


@dataclass(frozen=True)
class Sweep:
    """An experiment spread out.

    Attributes:
      experiment: the experiment.
      points: values of every problem field at every point, paths by their names.
      inputs: the same with paths that can be opened: what the problem's functions take.
      prepared: what the problem read for each point.
      groups: points that share one compiled problem, by index.
      notes: lines for the report.
      warnings: lines that the user should see first.
    """

    experiment: Experiment
    points: tuple[dict[str, Any], ...]
    inputs: tuple[dict[str, Any], ...]
    prepared: tuple[Prepared, ...]
    groups: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the algorithms, then the comparators that are run."""
        experiment = self.experiment
        comparators = (entry.name for entry in experiment.optima)
        return (*(learner.label for learner in experiment.learners), *comparators)

    @property
    def runs(self) -> int:
        """Runs of each learner."""
        return len(self.points) * self.experiment.run.seeds

    @property
    def pack(self) -> int:
        """Runs of each learner in a full pack: as asked for, rounded up to whole tiles; a block of
        moments at least."""
        run = self.experiment.run
        return max(-(-run.pack // run.tile) * run.tile, self.block)

    @property
    def checkpoints(self) -> int:
        """At how many rounds of a run costs are kept, at most."""
        experiment, run = self.experiment, self.experiment.run
        return most_checkpoints(experiment.problem, run.checkpoints, run.keep)

    @property
    def block(self) -> int:
        """Seeds of a block of moments; 0 where every run is kept."""
        run = self.experiment.run
        return block_of(run.seeds) if run.keep == "moments" else 0

    @property
    def blocks(self) -> int:
        """Blocks of moments of a point and learner."""
        return -(-self.experiment.run.seeds // self.block) if self.block else 0

    @property
    def packs(self) -> int:
        """Number of packs of all of it, about: how they end depends on the seeds."""
        seeds = self.experiment.run.seeds
        return sum(-(-len(group) * seeds // self.pack) for group in self.groups)

    @property
    def largest_pack(self) -> int:
        """Runs of each learner in the largest pack that there is."""
        return min(self.pack, max(map(len, self.groups)) * self.experiment.run.seeds)

    @property
    def compilations(self) -> int:
        """Number of programs: learners that differ in numbers alone share one."""
        experiment = self.experiment
        distinct = {learner.compiled_as for learner in experiment.learners}
        # Groups that differ in their data alone share programs.
        shapes = {
            (self.points[group[0]].get(HORIZON), self.prepared[group[0]].group, len(group))
            for group in self.groups
        }
        return len(shapes) * (len(distinct) + len(experiment.optima))

    @property
    def traced_groups(self) -> tuple[tuple[int, int], ...]:
        """Traced runs of each learner and their rounds, group by group; those whose horizon the
        experiment does not say are left out."""
        run = self.experiment.run
        seeds = min(run.trace, run.seeds)
        horizons = [self.points[group[0]].get(HORIZON) for group in self.groups]
        sizes = zip(self.groups, horizons, strict=True)
        return tuple((seeds * len(group), rounds) for group, rounds in sizes if seeds and rounds)

    @property
    def disk_bytes(self) -> int:
        """Size of the results on the disk, at most."""
        rounds = sum(runs * horizon for runs, horizon in self.traced_groups)
        experiment = self.experiment
        traces = rounds * len(experiment.learners) * len(experiment.family.costs) * self._number
        if self.block:
            return len(self.points) * self.blocks * self._bytes_a_block + traces
        return self.runs * self._bytes_a_run + traces

    @property
    def tile_bytes(self) -> int:
        """Size of the records of one tile of runs, at most, for all learners."""
        return self.experiment.run.tile * self._bytes_a_run

    @property
    def pack_bytes(self) -> int:
        """Memory that a pack takes on the host before it is written: its batches and their sum."""
        runs, summed = self.largest_pack, 0
        if self.block:
            # No more runs than a part of a block wait to be summed up.
            summed = -(-runs // self.block) * self._bytes_a_block
            runs = min(runs, PART)
        return 2 * (runs * self._bytes_a_run + summed) + self.tile_bytes

    @property
    def _number(self) -> int:
        """Bytes of a number."""
        return 4 if self.experiment.run.precision == "float32" else 8

    @property
    def _bytes_a_run(self) -> int:
        experiment = self.experiment
        costs = len(experiment.family.costs) * self.checkpoints * self._number
        return len(self.labels) * (costs + _RECORD)

    @property
    def _bytes_a_block(self) -> int:
        """Of the moments of all learners, at most: of a comparator against itself few are kept."""
        costs, rivals = len(self.experiment.family.costs), len(self.experiment.optima)
        quantities = 1 + costs + rivals * (2 + costs)
        return len(self.labels) * quantities * self.checkpoints * COLUMNS * 8

    def header(self) -> str:
        """The sweep's size in one line."""
        seeds = self.experiment.run.seeds
        runs = len(self.labels) * self.runs
        parts = (count(len(self.points), "point"), count(len(self.labels), "learner"))
        return (
            f"{' x '.join(parts)} x {count(seeds, 'seed')} = {count(runs, 'run')}, "
            f"{count(self.compilations, 'compilation')}, {count(self.packs, 'pack')}"
        )


def expand(experiment: Experiment) -> Sweep:
    """Spreads an experiment out and lets the problem read its data.

    Raises:
      InputError: with everything that the problem found wrong at any point, once.
    """
    points = combinations(experiment.axes)
    inputs = [with_paths(experiment, point) for point in points]
    issues: dict[Issue, None] = {}
    prepared: list[Prepared] = []
    for values in inputs:
        try:
            prepared.append(experiment.problem.prepared(values, experiment.folder))
        except InputError as error:
            issues |= dict.fromkeys(error.issues)
    heavy = [i for i, ready in enumerate(prepared) if ready.heavy_tailed] if not issues else ()
    issues |= dict.fromkeys(unanswerable(experiment, points, heavy))
    if issues:
        raise InputError(issues)
    warnings = [*experiment.warnings, *(w for ready in prepared for w in ready.warnings)]
    return Sweep(
        experiment=experiment,
        points=tuple(points),
        inputs=tuple(inputs),
        prepared=tuple(prepared),
        groups=_group(points, prepared),
        notes=tuple(dict.fromkeys(note for ready in prepared for note in ready.notes)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def with_paths(experiment: Experiment, point: dict[str, Any]) -> dict[str, Any]:
    """The values of a point with paths that can be opened in place of their names."""
    paths = {
        name: files[point[name]] for name, files in experiment.paths.items() if point[name] in files
    }
    return point | paths


def _group(points: list[dict[str, Any]], prepared: list[Prepared]) -> tuple[tuple[int, ...], ...]:
    groups: dict[Hashable, list[int]] = {}
    for i, (point, ready) in enumerate(zip(points, prepared, strict=True)):
        data = json.dumps(ready.identity, sort_keys=True)
        groups.setdefault((point.get("horizon"), ready.group, data), []).append(i)
    return tuple(map(tuple, groups.values()))
