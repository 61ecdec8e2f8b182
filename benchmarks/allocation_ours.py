"""The library's side of the allocation benchmark: compiled tiles, and the jobs that they see."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from reference_job import Job

from jaxsoco.allocation import FAMILY, comparators, workload
from jaxsoco.allocation.offline import CONVERGED, offline_optimum
from jaxsoco.allocation.algorithm_pcm import PCMParams, pcm
from jaxsoco.allocation.problem import allocation, prices
from jaxsoco.allocation.algorithm_stclip import STCLIPParams, st_clip
from jaxsoco.core import random
from jaxsoco.core.protocol import Instance
from jaxsoco.engine.batch import Batch, Tile
from jaxsoco.engine.simulate import simulate

EPSILON = 0.1
LEARNERS = {"PCM": (pcm, PCMParams()), "ST-CLIP": (st_clip, STCLIPParams(EPSILON))}
ROOT = 0


class Size(NamedTuple):
    """What is computed: jobs, regions (None: all), slots until the deadline, slots of work."""

    jobs: int
    regions: int | None
    slots: int
    length: int


class Setting(NamedTuple):
    """How it is computed."""

    precision: str
    devices: int
    tile: int

    @property
    def width(self) -> int:
        """Jobs of one call."""
        return self.devices * self.tile


def instance(size: Size) -> Instance:
    """The library's default workload (synthetic carbon) with one deadline and one length."""
    entry = FAMILY.problems[0]
    values: dict[str, Any] = {field.name: field.default for field in entry.fields}
    values |= {"deadline_min": size.slots, "deadline_max": size.slots, "job_length": size.length}
    prepared = workload.prepare(values, Path())
    if size.regions is not None:
        values["regions"] = prepared.content.carbon.regions[: size.regions]
        prepared = workload.prepare(values, Path())
    return workload.build(prepared, values)


class Ours:
    """All algorithms, compiled for one setting."""

    def __init__(self, size: Size, setting: Setting):
        self.setting, self._size = setting, size
        self._x64 = partial(jax.enable_x64, setting.precision == "float64")
        with self._x64():
            batch = _batch(size, setting.devices, setting.tile)
            self._tiles: dict[str, Tile] = {
                name: batch.learner(algorithm, params)
                for name, (algorithm, params) in LEARNERS.items()
            }
            self._tiles["OPT"] = batch.comparator(_value_and_weight)
            self._tiles["OPT with ledger"] = batch.comparator(comparators.offline)

    def run(self, name: str) -> list[Any]:
        """Runs all jobs; results are ready when this returns."""
        tile, width = self._tiles[name], self.setting.width
        seeds = np.arange(self._size.jobs, dtype=np.int32).reshape(-1, width)
        with self._x64():
            return jax.block_until_ready([tile(np.zeros(width, np.int32), row) for row in seeds])

    def costs(self, name: str) -> np.ndarray:
        """Total cost of every job, ``[jobs]``."""
        totals = []
        for outcome in self.run(name):
            parts = outcome.costs
            names = ["value"] if "value" in parts else ["service", "move", "switch"]
            totals.append(sum(np.asarray(parts[x][-1], np.float64) for x in names))
        return np.concatenate(totals)

    def troubled(self, name: str) -> int:
        """Jobs with a fault or a cost that is not finite."""
        outcomes = self.run(name)
        return sum(int(np.sum((o.faults > 0) | ~o.finite)) for o in outcomes)


@functools.cache
def ours(size: Size, setting: Setting) -> Ours:
    """The one :class:`Ours` of a setting, so that nothing is compiled twice."""
    return Ours(size, setting)


def _batch(size: Size, devices: int, tile: int) -> Batch:
    made = instance(size)
    return Batch(
        [made],
        seeds_root=ROOT,
        tile=tile,
        devices=jax.devices()[:devices],
        at=(made.horizon,),
    )


def _value_and_weight(key, spec, at):
    """The offline optimum's value and the weight of its two paths, as a comparator."""
    del key, at
    best = offline_optimum(
        prices(spec),
        spec.metric,
        spec.throughput,
        spec.metric.switch,
        spec.start,
        deadline=spec.deadline,
    )
    parts = {"value": best.value[None], "weight": best.weight[None]}
    return parts, (best.info.status != CONVERGED).astype(np.int32)


class Revealed(NamedTuple):
    """The first jobs in plain arrays, and what our learners decided in each of their slots."""

    jobs: Sequence[Job]
    decisions: Mapping[str, Sequence[np.ndarray]]  # [T, 2n] a job


def reveal(size: Size, count: int) -> Revealed:
    """The jobs of seeds ``0 .. count - 1``, in float64, as the tiles draw them."""

    def record(key, spec, at):
        nature, learner, _ = random.round_keys(random.words(key), 0)
        world = allocation.init(nature, spec)
        tree = pcm.init(learner, PCMParams(), spec).job.inner.distance
        seen = {
            "costs": world.costs,
            "distance": spec.metric.distance,
            "tree": tree,
            "switch": spec.metric.switch,
            "start": spec.start,
            "throughput": spec.throughput[0],
            "lower": spec.lower,
            "upper": spec.upper,
            "advice": world.advice,
        }
        for name, (algorithm, params) in LEARNERS.items():
            run = simulate(algorithm, params, allocation, spec, key, at[-1], at=at, trace=True)
            seen[name] = run.trace[0]
        lanes = np.zeros(spec.lanes, np.int32)
        shape = lambda x: jax.numpy.broadcast_to(x, (*x.shape[: x.ndim - 1], *lanes.shape))  # noqa: E731
        return {name: shape(x) for name, x in seen.items()}, lanes

    with jax.enable_x64(True):
        tile = _batch(size, 1, count).comparator(record)
        found = tile(np.zeros(count, np.int32), np.arange(count, dtype=np.int32)).costs
        arrays = {name: np.asarray(x) for name, x in found.items()}
    jobs = [_job({name: arrays[name][..., i] for name in Job._fields}) for i in range(count)]
    decisions = {name: [arrays[name][..., i] for i in range(count)] for name in LEARNERS}
    return Revealed(jobs, decisions)


def _job(parts: dict[str, np.ndarray]) -> Job:
    for name, kind in (("start", int), ("throughput", float), ("lower", float), ("upper", float)):
        parts[name] = kind(parts[name])
    return Job(**parts)
