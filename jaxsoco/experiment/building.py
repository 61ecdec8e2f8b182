"""Instances and compiled blocks of a sweep; JAX starts when the first is needed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jaxsoco.core.cells import Origin, digest_of
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.plan import Group, Plan, block_of, checkpoints
from jaxsoco.core.study import Study
from jaxsoco.core.text import count, show, size
from jaxsoco.engine.manifest import MANIFEST
from jaxsoco.engine.sweep import Tiles
from jaxsoco.experiment import manifest
from jaxsoco.experiment.devices import prepare, start_jax
from jaxsoco.experiment.elsewhere import Elsewhere
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.origin import compiler_facts, likely_platform, origin
from jaxsoco.experiment.settings import most_checkpoints
from jaxsoco.experiment.sizes import available_memory
from jaxsoco.experiment.tracing import load_entry, trace_issues

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.engine.batch import Block

_KEPT_GROUPS = 16
"""Of how many groups the traces wait for their turn, with the settings of their points."""

_KEPT_PROGRAMS = 64
"""How many wait for groups that differ from an earlier one in numbers alone."""


_SAFE = 0.9
"""Of a device's memory, the part that programs may take."""


class Builder:
    """Makes instances and compiled blocks; JAX starts when the first is needed.

    Args:
      sweep: the expanded experiment.
      devices: how many to use (as many as are useful if None), or which.
      elsewhere: the workers that compute, if that is not this process.
    """

    def __init__(
        self,
        sweep: Sweep,
        devices: int | Sequence[Any] | None,
        elsewhere: Elsewhere | None = None,
    ):
        self._sweep = sweep
        self._wanted = devices
        self._elsewhere = elsewhere
        self._traced: dict[int, Tiles] = {}
        self._programs: dict[Any, Any] = {}

    def study(self, earlier: Study | None, command: str) -> Study:
        """What the sweep is, with everything that fixes its numbers.

        Args:
          earlier: what was last asked of its directory; if that has its points, JAX need not start
            to know their horizons.
          command: the command line.
        """
        experiment, run = self._sweep.experiment, self._sweep.experiment.run
        facts = origin(self._sweep, self._compiler())
        horizons = _horizons(earlier, facts) if earlier else {}
        costs = tuple(cost.name for cost in experiment.family.costs)
        groups = self.groups(horizons)
        shapes = {"tile": run.tile, "pack": run.pack, "trace": run.trace}
        plan = Plan(groups, self._sweep.labels, costs, **shapes)
        return manifest.study(self._sweep, plan, facts, command)

    def groups(self, horizons: Mapping[str, int] | None = None) -> tuple[Group, ...]:
        """Every group; only the instances know their horizons, and what ``horizons`` has already,
        by the points' digests."""
        experiment, groups = self._sweep.experiment, []
        run = experiment.run
        most = most_checkpoints(experiment.problem, run.checkpoints, run.keep)
        block = block_of(run.seeds) if run.keep == "moments" else 0
        for index, points in enumerate(self._sweep.groups):
            first = points[0]
            one = _point_digest(self._sweep.points[first], self._sweep.prepared[first].identity)
            horizon = (horizons or {}).get(one) or self._instance(first).horizon
            at = checkpoints(horizon, most)
            groups.append(Group(index, points, run.seeds, horizon, at, block))
        return tuple(groups)

    def _compiler(self) -> dict[str, Any]:
        """What compiles the sweep. JAX starts only if an accelerator may be there."""
        if self._elsewhere is not None:
            return dict(self._elsewhere.compiler())
        platform = ""
        if not isinstance(self._wanted, Sequence):
            prepare(self._wanted, self._useful)
            platform = likely_platform()
        run = self._sweep.experiment.run
        if platform == "cpu":
            return compiler_facts(platform, "", run.tile, run.precision)
        device = self._devices[0]
        return compiler_facts(device.platform, device.device_kind, run.tile, run.precision)

    def trace(self, groups: Sequence[Group]) -> None:
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

    def _point_text(self, group: Group) -> str:
        """`` at data_size = 4, horizon = 200``: where a group's first point lies on the axes."""
        values = self._sweep.points[group.points[0]]
        axes = ", ".join(f"{name} = {show(values[name])}" for name in self._sweep.experiment.swept)
        return f" at {axes}" if axes else ""

    def begin(self, group: Group, pool: Executor) -> None:
        """Begins to compile the blocks of a group in the background, the longest first."""
        if group.index not in self._traced:
            self._traced[group.index] = self._make(group)
        blocks = [*map(_as_block, self._traced[group.index].tiles)]
        for block in blocks:
            block.trace()
        for block in sorted(blocks, key=lambda block: -block.equations):
            block.begin(pool)

    def tiles(self, group: Group) -> Tiles:
        """Compiled blocks of a group, for all learners and comparators."""
        return self._traced.pop(group.index, None) or self._make(group)

    def single_tiles(self, group: Group, traced: Study) -> Tiles:
        """Compiled blocks of the learners alone, for single runs at every round; not kept."""
        names = traced.plan.costs[len(self._sweep.experiment.family.costs) :]
        return self._make(group, traced.plan.tile, comparators=False, shown=names)

    def largest_tile(self, group: Group) -> int | None:
        """How many runs at once the device has memory for, about; None where nobody knows."""
        if self._elsewhere:
            return None
        needs = [block.memory() for block in map(_as_block, self.tiles(group).tiles)]
        return self._fitting(max(needs)) if all(needs) else None

    def require_memory(self, label: str, tile: Any) -> None:
        """Raises if a tile takes more memory, as its compiler plans it, than there is.

        Args:
          label: of its learner or comparator.
          tile: of this builder, compiled.

        Raises:
          InputError: with the numbers, and how many runs at once would fit.
        """
        need, free = _as_block(tile).memory(), self._free_memory()
        if free is None or need <= free:
            return
        runs, fits = self._sweep.experiment.run.tile, self._fitting(need)
        alone = self._shares_memory and len(self._devices) > 1
        each = f" on each of {count(len(self._devices), 'device')}" if alone else ""
        message = f"{runs} runs at once of {label} take {size(need)} of memory{each}, and "
        message += f"{size(free)} are available{each}"
        hint = f"want {fits} or fewer" if fits else "want fewer"
        if alone:
            hint += " or fewer --devices"
        hint += ", or go on with --anyway (from Python: anyway=True)"
        raise InputError(Issue("run.tile", message, hint))

    @property
    def _shares_memory(self) -> bool:
        """Whether all devices have the memory of the machine between them."""
        return self._devices[0].platform == "cpu"

    def _free_memory(self) -> int | None:
        """Bytes for a tile on each device; None where nobody knows."""
        free = (self._devices[0].memory_stats() or {}).get("bytes_limit")
        if free or not self._shares_memory:
            return free
        free = available_memory()
        return None if free is None else free // len(self._devices)

    def _fitting(self, need: int) -> int | None:
        """How many runs at once would fit, where the tile of the experiment takes ``need``."""
        tile, free = self._sweep.experiment.run.tile, self._free_memory()
        if free is None:
            return None
        runs = int(_SAFE * free / need * tile)
        return runs // 16 * 16 if 16 <= runs < tile else None

    def _make(
        self,
        group: Group,
        tile: int | None = None,
        *,
        comparators: bool = True,
        shown: Sequence[str] = (),
    ) -> Tiles:
        devices = self._devices
        from jaxsoco.core.optima import whole_ledger
        from jaxsoco.engine.batch import Batch

        experiment = self._sweep.experiment
        instances = [self._instance(point) for point in group.points]
        _require_horizon(group, instances)
        batch = Batch(
            instances,
            seeds_root=experiment.run.root_seed,
            tile=tile or experiment.run.tile,
            devices=devices,
            at=group.checkpoints,
            shown=shown,
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
        optima = experiment.optima if comparators else ()
        rivals = [
            batch.comparator(whole_ledger(load_entry(entry.name, entry), experiment.family))
            for entry in optima
        ]
        describe = {
            "jax": importlib.metadata.version("jax"),
            "device": f"{devices[0].platform} ({devices[0].device_kind})",
            "devices": len(devices),
        }
        for old in [*self._programs][:-_KEPT_PROGRAMS]:
            del self._programs[old]
        return Tiles(batch.width, (*learners, *rivals), describe)

    def instances(self) -> list[Instance]:
        """The problem at every point, by its name; starts JAX."""
        experiment = self._sweep.experiment
        name = f"{experiment.family.name}/{experiment.problem.name}"
        points = range(len(self._sweep.points))
        return [self._instance(point)._replace(name=name) for point in points]

    @property
    def device(self) -> Any:
        """The first ``jax.Device`` of this process; starts JAX."""
        return self._devices[0]

    @cached_property
    def _devices(self) -> list[Any]:
        if isinstance(self._wanted, Sequence):
            return list(self._wanted)
        if self._elsewhere is not None:
            self._elsewhere.start()
        return start_jax(self._sweep.experiment.run.precision, self._wanted, self._useful)

    @property
    def _useful(self) -> int:
        """More devices than this would have nothing to do."""
        run = self._sweep.experiment.run
        largest = max(map(len, self._sweep.groups)) * run.seeds
        return -(-min(largest, self._sweep.pack) // run.tile)

    def _instance(self, point: int) -> Instance:
        _ = self._devices  # JAX must have started as the sweep wants it
        problem = self._sweep.experiment.problem
        return problem.instance(self._sweep.prepared[point], self._sweep.inputs[point])


def _as_block(tile: Any) -> Block:
    """A tile that this module made."""
    return tile


def _require_horizon(group: Group, instances: Sequence[Instance]) -> None:
    """Raises unless a horizon that an earlier manifest told is the one of the instances."""
    horizons = {instance.horizon for instance in instances}
    if horizons != {group.horizon}:
        message = f"says {group.horizon} rounds, but a run has {', '.join(map(str, horizons))}"
        raise InputError(Issue(MANIFEST, message, "choose another --out"))


def _horizons(study: Study, facts: Origin) -> dict[str, int]:
    """The horizons of a study's points by their digests, if the same code built them."""
    if (study.origin.common, study.origin.problem) != (facts.common, facts.problem):
        return {}
    setup = study.setup
    owners = setup.data_of_points
    return {
        _point_digest(setup.points[point], setup.data[owners[point]]): group.horizon
        for group in study.groups
        for point in group.points
    }


def _point_digest(values: Any, data: Any) -> str:
    return digest_of([values, data])
