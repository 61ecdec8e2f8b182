"""The library's side of the allocation benchmark: compiled tiles, and the jobs that they see."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from reference_job import Job

from jaxsoco.allocation import (
    BaselineParams,
    PCMParams,
    STCLIPParams,
    agnostic,
    allocation,
    comparators,
    delayed_greedy,
    greedy,
    offline_optimum,
    pcm,
    st_clip,
    synthetic_workload,
    threshold,
)
from jaxsoco.allocation.data.network import REGIONS
from jaxsoco.allocation.jobs import draw_job
from jaxsoco.allocation.problem import prices
from jaxsoco.core import random
from jaxsoco.core.protocol import Instance
from jaxsoco.engine.batch import Batch, Tile
from jaxsoco.engine.simulate import simulate
from jaxsoco_kernels.info import Status

EPSILON = 0.1
LEARNERS = {"PCM": (pcm, PCMParams()), "ST-CLIP": (st_clip, STCLIPParams(epsilon=EPSILON))}
BASELINES = {
    "agnostic": (agnostic, BaselineParams()),
    "greedy": (greedy, BaselineParams()),
    "delayed greedy": (delayed_greedy, BaselineParams()),
    "threshold": (threshold, BaselineParams()),
}
ROOT = 0


class Size(NamedTuple):
    """What is computed: jobs, regions, slots until the deadline, slots of work."""

    jobs: int
    regions: int
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
    workload = synthetic_workload(
        regions=tuple(region.name for region in REGIONS[: size.regions]),
        deadline_min=size.slots,
        deadline_max=size.slots,
        job_length=size.length,
    )
    return Instance(allocation, draw_job, workload, workload.slots)


class Ours:
    """All algorithms in one setting; each is compiled when it first runs.

    Args:
      size: what is computed.
      setting: how.
      everyone: also the baselines, and the whole-slot optimum.
    """

    def __init__(self, size: Size, setting: Setting, *, everyone: bool = False):
        self._size, self._width = size, setting.width
        self._precision = partial(jax.enable_x64, setting.precision == "float64")
        with self._precision():
            batch = _batch(size, setting.devices, setting.tile)
            self._tiles: dict[str, Tile] = {
                name: batch.learner(algorithm, params)
                for name, (algorithm, params) in (
                    BASELINES | LEARNERS if everyone else LEARNERS
                ).items()
            }
            self._tiles["OPT"] = batch.comparator(_value_and_weight)
            self._tiles["OPT with ledger"] = batch.comparator(comparators.offline)
            if everyone:
                self._tiles["whole-slot optimum"] = batch.comparator(comparators.integral)

    @property
    def names(self) -> list[str]:
        """Of the algorithms."""
        return [*self._tiles]

    def run(self, name: str) -> list[Any]:
        """Outcomes of all jobs, ready when this returns: the draw of every job is included."""
        tile, points = self._tiles[name], np.zeros(self._width, np.int32)
        seeds = np.arange(self._size.jobs, dtype=np.int32).reshape(-1, self._width)
        with self._precision():
            return jax.block_until_ready([tile(points, row) for row in seeds])

    def costs(self, name: str) -> np.ndarray:
        """Total cost of every job, ``[jobs]``; NaN for one with a fault."""
        totals = []
        for outcome in self.run(name):
            parts = outcome.costs
            names = ["value"] if "value" in parts else ["service", "move", "switch"]
            total = sum(np.asarray(parts[x][-1], np.float64) for x in names)
            sound = np.asarray(outcome.finite) & (np.asarray(outcome.faults) == 0)
            totals.append(np.where(sound, total, np.nan))
        return np.concatenate(totals)


@functools.cache
def ours(size: Size, setting: Setting) -> Ours:
    """The one :class:`Ours` of a setting, so that nothing is compiled twice."""
    return Ours(size, setting)


def _batch(size: Size, devices: int, tile: int) -> Batch:
    return Batch(
        [instance(size)],
        seeds_root=ROOT,
        tile=tile,
        devices=jax.devices()[:devices],
        at=(size.slots,),
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
    return parts, (best.info.status != Status.OK).astype(jnp.int32)


class Revealed(NamedTuple):
    """Some jobs in plain arrays, and what our learners decided in each of their slots."""

    jobs: Sequence[Job]
    decisions: Mapping[str, Sequence[np.ndarray]]  # [T, 2n] a job


def reveal(size: Size, count: int) -> Revealed:
    """The jobs of seeds ``0 .. count - 1``, in float64, as the tiles draw them."""

    def record(key, spec, at):
        nature, learner, _ = random.round_keys(random.words(key), 0)
        world = allocation.init(nature, spec)
        seen = {
            "costs": world.costs,
            "distance": spec.metric.distance,
            "tree": pcm.init(learner, PCMParams(), spec).job.inner.distance,
            "switch": spec.metric.switch,
            "start": spec.start,
            "throughput": spec.throughput[0],
            "lower": spec.lower,
            "upper": spec.upper,
            "advice": world.advice.states[:, 0],
        }
        for name, (algorithm, params) in LEARNERS.items():
            run = simulate(algorithm, params, allocation, spec, key, size.slots, at=at, trace=True)
            seen[name] = run.trace[0]
        return seen, jnp.zeros(spec.lanes, jnp.int32)

    with jax.enable_x64(True):
        tile = _batch(size, 1, count).comparator(record)
        found = tile(np.zeros(count, np.int32), np.arange(count, dtype=np.int32)).costs
        arrays = {name: np.asarray(x) for name, x in found.items()}
    jobs = [_job({name: arrays[name][..., i] for name in Job._fields}) for i in range(count)]
    decisions = {name: [arrays[name][..., i] for i in range(count)] for name in LEARNERS}
    return Revealed(jobs, decisions)


def _job(parts: dict[str, Any]) -> Job:
    for name, kind in (("start", int), ("throughput", float), ("lower", float), ("upper", float)):
        parts[name] = kind(parts[name])
    return Job(**parts)
