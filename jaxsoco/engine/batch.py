"""Blocks of runs: the compiled unit of a sweep.

A *tile* of lanes is compiled once and is part of a sweep's identity; several devices each take a
tile of their own, so that their number never changes a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm, Comparator, Instance, PyTree
from jaxsoco.engine.simulate import all_finite, simulate

CPU_OPTIONS = {"xla_cpu_prefer_vector_width": 512}


class Outcome(NamedTuple):
    """Records of a batch of runs: costs by name ``[C, W]``, faults ``[W]``, finite ``[W]``."""

    costs: Mapping[str, jax.Array]
    faults: jax.Array
    finite: jax.Array


Tile = Callable[[np.ndarray, np.ndarray], Outcome]


class Batch:
    """Compiled tiles for the points of one group.

    Args:
      instances: one per point; equal static fields and shapes.
      seeds_root: root of all seeds.
      tile: lanes per device.
      devices: devices to use (all local ones if None).
      at: checkpoints.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        *,
        seeds_root: int,
        tile: int,
        devices: Sequence[jax.Device] | None = None,
        at: tuple[int, ...],
    ):
        self._instance = instances[0]
        self._devices = list(jax.local_devices() if devices is None else devices)
        self._root = random.words(jax.random.key(seeds_root, impl="threefry2x32"))
        self._shared, self._varied = _stack([i.settings for i in instances])
        self._at = at
        self._compiled: dict[Any, Callable[..., Outcome]] = {}
        self.width = tile * len(self._devices)

    def learner(self, algorithm: Algorithm, params: PyTree, lanes: str = "native") -> Tile:
        """A tile of ``algorithm``; equal algorithms with equal static parameters share code."""

        def run(key, params, spec):
            problem, horizon = self._instance.problem, self._instance.horizon
            result = simulate(algorithm, params, problem, spec, key, horizon, at=self._at)
            return Outcome(result.costs._asdict(), result.faults, result.finite)

        code = (algorithm, jax.tree.structure(params), lanes)
        return partial(self._call, self._program(code, run, lanes), params)

    def comparator(self, comparator: Comparator) -> Tile:
        """A tile of an offline optimum."""

        def run(key, params, spec):
            costs, faults = comparator(key, spec, self._at)
            return Outcome(costs, faults, all_finite(costs, key.ndim - 1))

        return partial(self._call, self._program(comparator, run, "native"), ())

    def _call(self, program: Callable, params: PyTree, point: np.ndarray, seed: np.ndarray):
        return program(self._shared, self._varied, params, self._root, point, seed)

    def _program(self, code: Any, run: Callable, lanes: str) -> Callable[..., Outcome]:
        if code in self._compiled:
            return self._compiled[code]
        draw = self._instance.draw

        def one_block(settings, params, key):
            spec = draw(random.fold(key, _DRAW_ROUND), settings)
            return run(key, params, spec)

        def tile(shared, varied, params, root, point, seed):
            key = random.run_key(root, seed)
            settings = _merge(shared, varied, point)
            if lanes == "native":
                return one_block(settings, params, key)
            axes = _merge(jax.tree.map(lambda _: None, shared), jax.tree.map(lambda _: -1, varied))
            mapped = jax.vmap(one_block, in_axes=(axes, None, -1), out_axes=-1)
            return mapped(settings, params, key)

        if len(self._devices) > 1:
            mesh = jax.make_mesh(
                (len(self._devices),), ("runs",), (AxisType.Auto,), devices=self._devices
            )
            whole, runs = PartitionSpec(), PartitionSpec("runs")
            tile = jax.shard_map(
                tile,
                mesh=mesh,
                in_specs=(whole, whole, whole, whole, runs, runs),
                out_specs=Outcome(PartitionSpec(None, "runs"), runs, runs),  # type: ignore[arg-type]
                check_vma=False,
            )
        options = CPU_OPTIONS if self._devices[0].platform == "cpu" else None
        self._compiled[code] = jax.jit(tile, compiler_options=options)
        return self._compiled[code]


_DRAW_ROUND = 0xFFFFFFFF
"""Place of the spec's draw in a run's stream: no round reaches it."""


def _stack(settings: Sequence[PyTree]) -> tuple[PyTree, PyTree]:
    """Splits points' settings into shared leaves and stacked ones ``[P, ...]`` (None elsewhere)."""
    columns = [[np.asarray(x) for x in column] for column in _columns(settings)]
    varied = [any(not np.array_equal(x, column[0]) for x in column) for column in columns]
    treedef = jax.tree.structure(settings[0])
    shared = [None if v else jnp.asarray(c[0]) for c, v in zip(columns, varied, strict=True)]
    stacked = [
        jnp.stack([jnp.asarray(x) for x in c]) if v else None
        for c, v in zip(columns, varied, strict=True)
    ]
    return treedef.unflatten(shared), treedef.unflatten(stacked)


def _columns(settings: Sequence[PyTree]) -> list[list[Any]]:
    structures = {str(jax.tree.structure(s)) for s in settings}
    if len(structures) > 1:
        raise ValueError(f"points of a group differ in structure: {structures}")
    return [list(column) for column in zip(*(jax.tree.leaves(s) for s in settings), strict=True)]


def _merge(shared: PyTree, varied: PyTree, point: jax.Array | None = None) -> PyTree:
    """Joins the two halves of :func:`_stack`; with ``point [B]`` picks ``[..., B]`` leaves."""

    def join(s, v):
        if v is None or point is None:
            return s if v is None else v
        return jnp.moveaxis(v[point], 0, -1)

    return jax.tree.map(join, shared, varied, is_leaf=lambda x: x is None)
