"""Blocks of runs: the compiled unit of a sweep.

A *tile* of lanes is compiled once and is part of a sweep's identity; several devices each take a
tile of their own, so that their number never changes a result.

The devices that JAX makes of a CPU's cores are threads here, which call one and the same program.
XLA takes a program whose loops are long and whose steps are short for a cheap one, and runs it in
the thread that calls it: two devices called by one thread would work one after the other.

Nor does a result hang on a run's place in its tile. Where a row of lanes fills one vector of a CPU
alone, XLA unrolls the loops over rows, and fuses a product and a sum into one rounding here and not
there: so its programs have two vectors of lanes at least, and what is too much is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxsoco.core import random
from jaxsoco.core.compiler import CPU_OPTIONS, equations, known
from jaxsoco.core.protocol import Algorithm, Comparator, Instance, PyTree
from jaxsoco.engine.compiling import workers
from jaxsoco.engine.simulate import all_finite, simulate


class Outcome(NamedTuple):
    """Records of a batch of runs: costs by name ``[C, W]``, faults ``[W]``, finite ``[W]``."""

    costs: Mapping[str, jax.Array]
    faults: jax.Array
    finite: jax.Array

    def result(self) -> Outcome:
        """Itself, as :class:`Parts` becomes one; the device may still compute."""
        return self


class Parts(NamedTuple):
    """An outcome that threads compute, a tile each."""

    tiles: tuple[Future[Outcome], ...]

    def result(self) -> Outcome:
        """Waits for all, and joins the lanes; raises what one of them raised."""
        outcomes = [tile.result() for tile in self.tiles]
        return jax.tree.map(lambda *lanes: np.concatenate(lanes, -1), *outcomes)


VECTORS = 2
"""Vectors of 512 bits that a row of lanes fills at least, on a CPU."""

Tile = Callable[[np.ndarray, np.ndarray], Outcome | Parts]


class Batch:
    """Compiled tiles for the points of one group.

    Args:
      instances: one per point; equal static fields and shapes.
      seeds_root: root of all seeds.
      tile: lanes per device.
      devices: the ``jax.Device`` to use (all local ones if None). Of forced CPU devices, XLA's
        pool needs a thread more than there are (``PJRT_NPROC``, before JAX starts), or programs
        with loops in loops may wait for each other for ever; the command line sees to that.
      at: checkpoints.
      shown: what every round of a run shows beside its costs: names of ``Prepared.shown``, for runs
        of which every round is kept.
      programs: those of other batches, which take theirs from here and leave it here: batches
        that differ in numbers alone share them.
      threads: whether the first device computes the tiles of all, in as many threads; a CPU's do if
        None.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        *,
        seeds_root: int,
        tile: int,
        devices: Sequence[Any] | None = None,
        at: tuple[int, ...],
        shown: Sequence[str] = (),
        programs: dict[Any, _Program] | None = None,
        threads: bool | None = None,
    ):
        self._instance = instances[0]
        self._devices = list(jax.local_devices() if devices is None else devices)
        cpu = self._devices[0].platform == "cpu"
        threads = cpu if threads is None else threads
        if threads:
            self._devices = self._devices[:1] * len(self._devices)
        root = random.words(jax.random.key(seeds_root, impl="threefry2x32"))
        halves = _stack([i.settings for i in instances])
        self._fixed = self._everywhere((*halves, root))
        self._at = at
        self._shown = tuple(shown)
        least = VECTORS * 64 // jnp.result_type(float).itemsize if cpu else 1
        self._tile, self._lanes = tile, max(tile, least)
        self._programs = {} if programs is None else programs
        one, shapes = self._instance, tuple((x.shape, x.dtype) for x in jax.tree.leaves(halves))
        self._kind = (
            *(one.problem, one.draw, one.horizon, at, tile, tuple(self._devices), self._shown),
            *(jax.tree.structure(halves), shapes),
        )
        self.width = tile * len(self._devices)

    def learner(self, algorithm: Algorithm, params: PyTree, lanes: str = "native") -> Block:
        """A tile of ``algorithm``; equal algorithms with equal static parameters share code.

        Args:
          algorithm: the learner.
          params: its parameters.
          lanes: ``"vmap"`` if it is written for one run only; so may ``algorithm.lanes`` say.
        """
        lanes = algorithm.lanes if lanes == "native" else lanes
        # Through numpy, so that a Python number and an array of the same value share code as well.
        params = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), params)
        kinds = tuple((x.shape, x.dtype) for x in jax.tree.leaves(params))

        def run(key, params, spec):
            problem, horizon = self._instance.problem, self._instance.horizon
            # Nobody takes gradients here: no parameter needs a guard.
            options = {"at": self._at, "allow_biased": True, "trace": bool(self._shown)}
            result = simulate(algorithm, params, problem, spec, key, horizon, **options)
            costs = result.costs._asdict()
            if self._shown:
                costs |= self._show(key, spec, result.trace[0])
            return Outcome(costs, result.faults, result.finite)

        code = (algorithm, jax.tree.structure(params), kinds, lanes)
        return Block(self, self._program(code, run, lanes), self._everywhere(params))

    def _show(self, key: jax.Array, spec: PyTree, actions: PyTree) -> dict[str, jax.Array]:
        """What the problem shows of a run, ``[T, ...]`` each; -1 where it shows nothing."""
        show = self._instance.problem.show
        values = {} if show is None else show(key, spec, actions)
        nothing = jnp.full((len(self._at), *key.shape[1:]), -1)
        return {name: values.get(name, nothing) for name in self._shown}

    def comparator(self, comparator: Comparator) -> Block:
        """A tile of an offline optimum."""

        def run(key, params, spec):
            costs, faults = comparator(key, spec, self._at)
            return Outcome(costs, faults, all_finite(costs, key.ndim - 1))

        program = self._program(comparator, run, "native")
        return Block(self, program, self._everywhere(()))

    def _everywhere(self, tree: PyTree) -> list[PyTree]:
        """A copy of a tree of arrays on every device."""
        copies = {device: jax.device_put(tree, device) for device in dict.fromkeys(self._devices)}
        return [copies[device] for device in self._devices]

    def arguments(
        self, params: list[PyTree], point: np.ndarray, seed: np.ndarray
    ) -> list[tuple[Any, ...]]:
        """What the program of every device takes for its part of the lanes."""
        # Device d takes the d-th tile of lanes.
        parts = [slice(i, i + self._tile) for i in range(0, self.width, self._tile)]
        return [
            (*fixed, own, self._filled(point[part]), self._filled(seed[part]))
            for fixed, own, part in zip(self._fixed, params, parts, strict=True)
        ]

    def _filled(self, lanes: np.ndarray) -> np.ndarray:
        """A tile's lanes, the last one repeated up to as many as the program has."""
        return np.pad(lanes, (0, self._lanes - len(lanes)), mode="edge")

    def _program(self, code: Any, run: Callable, lanes: str) -> _Program:
        # What the program of another batch was traced with must be the same here.
        code = code, *self._kind
        if code in self._programs:
            return self._programs[code]
        draw = self._instance.draw

        def one_block(settings, params, key):
            spec = draw(random.draw_key(key), settings)
            return run(key, params, spec)

        def tile(shared, varied, root, params, point, seed):
            # The seed alone makes the key: points and learners that share it see the same world.
            key = random.run_key(root, seed)
            settings = _merge(shared, varied, point)
            if lanes == "native":
                return one_block(settings, params, key)
            # Shared settings have no axis of lanes, stacked ones have it last.
            axes = _merge(jax.tree.map(lambda _: None, shared), jax.tree.map(lambda _: -1, varied))
            mapped = jax.vmap(one_block, in_axes=(axes, None, -1), out_axes=-1)
            return mapped(settings, params, key)

        self._programs[code] = _Program(tile, self._devices, self._tile)
        return self._programs[code]


class Block(NamedTuple):
    """A learner or comparator of a batch: a :data:`Tile` that can be traced before it is run."""

    batch: Batch
    program: _Program
    params: list[PyTree]

    def __call__(self, point: np.ndarray, seed: np.ndarray) -> Outcome | Parts:
        """Costs of the runs of these points and seeds, int32 ``[width]`` each.

        Parts of it where threads compute.
        """
        return self.program(self.batch.arguments(self.params, point, seed))

    @property
    def compiled(self) -> bool:
        """Whether a call would run at once."""
        return self.program.compiled

    def trace(self) -> None:
        """Evaluates all shapes, without compiling or running; raises what the code raises."""
        self.program.trace(self._example())

    @property
    def equations(self) -> int:
        """How long its program is, once it is traced."""
        return self.program.equations

    def begin(self, pool: Executor) -> None:
        """Begins to compile in the background, for the first call."""
        self.program.begin(self._example(), pool)

    def compile(self) -> None:
        """Compiles, without running; the first call would."""
        self.program.compile(self._example())

    def memory(self) -> int:
        """Bytes that a call takes on each device, as XLA plans it; 0 where it does not say."""
        return self.program.memory(self._example())

    def _example(self) -> list[tuple[Any, ...]]:
        lanes = np.zeros(self.batch.width, np.int32)
        return self.batch.arguments(self.params, lanes, lanes)


class _Program:
    """One program with an executable for every device, compiled at the first call.

    One partitioned program (``shard_map``) would be compiled once, but by other passes, and runs
    of another number of devices would differ in their last bits.
    """

    def __init__(self, tile: Callable[..., Outcome], devices: Sequence[Any], width: int):
        options = known(CPU_OPTIONS) if devices[0].platform == "cpu" else None
        self._tile = jax.jit(tile, compiler_options=options)
        self._width = width
        self._devices = tuple(dict.fromkeys(devices))
        self._threads = workers(len(devices)) if len(self._devices) < len(devices) else None
        self._mesh = Mesh(np.asarray(self._devices), ("runs",))
        self._traced: Any = None
        self._first: Future[Any] | None = None
        self._executables: list[Callable[..., Outcome]] = []

    @property
    def compiled(self) -> bool:
        """Whether there are executables."""
        return bool(self._executables)

    @property
    def equations(self) -> int:
        """How long the program is, once it is traced: a measure of its time to compile."""
        return 0 if self._traced is None else sum(1 for _ in equations(self._traced.jaxpr.jaxpr))

    def trace(self, arguments: Sequence[tuple[Any, ...]]) -> None:
        """Traces the program, once."""
        if self._traced is None and not self._executables:
            self._traced = self._tile.trace(*arguments[0])

    def begin(self, arguments: Sequence[tuple[Any, ...]], pool: Executor) -> None:
        """Begins to compile the program in the background."""
        if self._first is None and not self._executables:
            # Lowered here, because what JAX is set to may be set for this thread alone.
            self.trace(arguments)
            self._first = pool.submit(self._traced.lower().compile)

    def compile(self, arguments: Sequence[tuple[Any, ...]]) -> None:
        """Compiles the program for every device, once."""
        if self._executables:
            return
        self.trace(arguments)
        # One that was dropped before it began is made here.
        begun = None if self._first is None or self._first.cancelled() else self._first
        first = self._traced.lower().compile() if begun is None else begun.result()
        places = range(1, len(self._devices))
        lowered = [self._tile.lower(*arguments[place]) for place in places]
        with ThreadPoolExecutor(max(len(lowered), 1)) as pool:
            others = pool.map(lambda one: one.compile(), lowered)
        self._executables = [first, *others]
        self._traced = self._first = None

    def memory(self, arguments: Sequence[tuple[Any, ...]]) -> int:
        """Bytes that the program takes on a device: arguments, results and what is in between."""
        self.compile(arguments)
        plan = self._executables[0].memory_analysis()  # type: ignore[attr-defined]
        if plan is None:
            return 0
        sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return sum(getattr(plan, size, 0) for size in sizes)

    def __call__(self, arguments: Sequence[tuple[Any, ...]]) -> Outcome | Parts:
        """Dispatches to every device the call with its own arguments, and joins the lanes."""
        self.compile(arguments)
        if self._threads is not None:
            run, submit = self._executables[0], self._threads.submit
            return Parts(tuple(submit(self._computed, run, own) for own in arguments))
        pairs = zip(self._executables, arguments, strict=True)
        parts = [self._cut(run(*own)) for run, own in pairs]
        return parts[0] if len(parts) == 1 else jax.tree.map(self._join, *parts)

    def _computed(self, run: Callable[..., Outcome], arguments: tuple[Any, ...]) -> Outcome:
        """An outcome on the host; waits for it."""
        return self._cut(jax.tree.map(np.asarray, run(*arguments)))

    def _cut(self, outcome: Outcome) -> Outcome:
        """The lanes of a tile, of those of the program."""
        if outcome.faults.shape[-1] == self._width:
            return outcome
        return jax.tree.map(lambda lanes: lanes[..., : self._width], outcome)

    def _join(self, *parts: jax.Array) -> jax.Array:
        """One array of all devices' lanes; nothing is copied and nothing waits."""
        *structure, lanes = parts[0].shape
        spec = PartitionSpec(*(None for _ in structure), "runs")
        shape = (*structure, lanes * len(parts))
        sharding = NamedSharding(self._mesh, spec)
        return jax.make_array_from_single_device_arrays(shape, sharding, list(parts))


def _stack(settings: Sequence[PyTree]) -> tuple[PyTree, PyTree]:
    """Splits points' settings into shared leaves and stacked ones ``[P, ...]`` (None elsewhere)."""
    columns = [[np.asarray(x) for x in column] for column in _columns(settings)]
    # What is equal at all points is kept once and shared by all lanes.
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
        # [P, ...] to [..., B]: every lane gets its point's settings, lanes last.
        return jnp.moveaxis(v[point], 0, -1)

    return jax.tree.map(join, shared, varied, is_leaf=lambda x: x is None)
