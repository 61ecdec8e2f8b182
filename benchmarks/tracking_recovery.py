"""Trace-norm recovery beside CVXPY with Clarabel and SCS, on the same problems.

Ours solves batches of 1, 16 and 128 problems; the others one after the other, as they must. Their
solver's own time stands beside the total with CVXPY's overhead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import harness
import numpy as np

EXPECTED = 15  # times Clarabel's own solve time, at d = 10, full rank, in a batch of 128
BATCHES = (1, 16, 128)
NOISE = 0.05


class Size(NamedTuple):
    """Dimension, rank, measurements of a problem."""

    dimension: int
    rank: int
    measurements: int

    def __str__(self) -> str:
        rank = "" if self.rank == self.dimension else f", rank {self.rank}"
        return f"d = {self.dimension}{rank}, m = {self.measurements}"


FULL = Size(10, 10, 200)
SIZES = (Size(5, 5, 50), FULL, Size(10, 2, 80), Size(20, 20, 500))


def problems(size: Size, number: int) -> list[np.ndarray]:
    """Vectors ``[m, d, b]``, values ``[m, b]`` and radius ``[b]`` of random matrices with noise."""
    rng = np.random.default_rng(size.dimension + size.rank)
    d, count = size.dimension, size.measurements
    spectrum = np.zeros(d)
    spectrum[: size.rank] = np.geomspace(0.5, 8, size.rank)
    basis = np.linalg.qr(rng.normal(size=(number, d, d)))[0]
    vectors = rng.normal(size=(number, count, d))
    seen = np.einsum("bmi,bij->bmj", vectors, basis) ** 2 @ spectrum
    values = seen + 2 * NOISE * rng.uniform(-1, 1, size=seen.shape)
    radius = np.full(number, 2 * count * NOISE)
    return [np.moveaxis(x, 0, -1) for x in (vectors, values, radius)]


class Ours:
    """Compiled batches of one size; a batch spread over the devices that JAX shows."""

    def __init__(self, size: Size, batches: Sequence[int], devices: int):
        import jax

        from jaxsoco_kernels.sensing import recover_psd

        self._jax = jax
        self._solve: dict[tuple[int, int], Callable[[], Any]] = {}
        mesh = jax.make_mesh((devices,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
        with jax.enable_x64(True):
            for batch in batches:
                arguments = [jax.device_put(x) for x in problems(size, batch)]
                self._solve[batch, 1] = partial(jax.jit(recover_psd), *arguments)
                if devices > 1 and batch % devices == 0:
                    specs = tuple(
                        jax.sharding.PartitionSpec(*(None,) * (x.ndim - 1), "runs")
                        for x in arguments
                    )
                    spread = jax.jit(
                        jax.shard_map(
                            recover_psd,
                            mesh=mesh,
                            in_specs=specs,
                            out_specs=self._out(recover_psd, arguments),
                            check_vma=False,
                        )
                    )
                    placed = [
                        jax.device_put(x, jax.sharding.NamedSharding(mesh, s))
                        for x, s in zip(arguments, specs, strict=True)
                    ]
                    self._solve[batch, devices] = partial(spread, *placed)

    def _out(self, function, arguments):
        shapes = self._jax.eval_shape(function, *arguments)
        spec = self._jax.sharding.PartitionSpec
        return self._jax.tree.map(lambda x: spec(*(None,) * (x.ndim - 1), "runs"), shapes)

    @property
    def cases(self) -> list[tuple[int, int]]:
        """Batches and devices."""
        return list(self._solve)

    def run(self, case: tuple[int, int]) -> Any:
        """One call, waited for."""
        with self._jax.enable_x64(True):
            return self._jax.block_until_ready(self._solve[case]())


class Theirs:
    """CVXPY with one solver: a problem per call, written down and solved."""

    def __init__(self, solver: str, given: list[np.ndarray]):
        self._given, self._solver = given, solver
        self._options = {"max_iters": 100_000} if solver == "SCS" else {}
        self.solver_seconds: list[float] = []
        self.objectives: list[float] = []

    def next(self) -> None:
        """Solves the next problem and notes the solver's own time."""
        import cvxpy

        place = len(self.objectives) % self._given[2].shape[0]
        vectors, values, radius = (x[..., place] for x in self._given)
        count, d = vectors.shape
        squares = (vectors[:, :, None] * vectors[:, None]).reshape(count, d * d)
        matrix = cvxpy.Variable((d, d), PSD=True)
        forms = squares @ cvxpy.vec(matrix, order="C")
        close = cvxpy.norm1(forms - values) <= radius
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.trace(matrix)), [close])
        problem.solve(solver=self._solver, **self._options)
        self.solver_seconds.append(float(problem.solver_stats.solve_time or np.nan))
        self.objectives.append(float(problem.value))  # pyright: ignore[reportArgumentType]


class Row(NamedTuple):
    """Seconds per problem of one size, and how far the objectives and constraints are off."""

    size: Size
    ours: dict[tuple[int, int], float]
    solver: dict[str, float]
    total: dict[str, float]
    difference: dict[str, float]
    excess: float
    unsolved: int

    @property
    def agrees(self) -> bool:
        """Objectives to the solvers' own tolerances, constraints to 1e-6."""
        close = self.difference["CLARABEL"] < 1e-5 and self.difference["SCS"] < 5e-2
        return close and self.excess < 1e-6 and not self.unsolved


def measure(size: Size, batches: Sequence[int], devices: int, rounds: int) -> Row:
    """Solves the same problems with all solvers, their timings interleaved."""
    ours = Ours(size, batches, devices)
    largest = max(batches)
    given = problems(size, largest)
    theirs = {name: Theirs(name, given) for name in ("CLARABEL", "SCS")}
    results = {case: ours.run(case) for case in ours.cases}  # compiles
    for side in theirs.values():
        side.next()
        side.solver_seconds.clear()
        side.objectives.clear()
    cases: dict[Any, Callable[[], Any]] = {case: partial(ours.run, case) for case in ours.cases}
    cases |= {name: side.next for name, side in theirs.items()}
    times = harness.interleaved(cases, rounds)
    recovery = results[largest, 1]
    objective, matrix = np.asarray(recovery.objective), np.asarray(recovery.matrix)
    forms = np.einsum("mib,ijb,mjb->mb", given[0], matrix, given[0])
    excess = (np.abs(forms - given[1]).sum(0) - given[2]) / np.abs(given[1]).sum(0)
    return Row(
        size,
        {case: median(times[case]) / case[0] for case in ours.cases},
        {name: median(side.solver_seconds) for name, side in theirs.items()},
        {name: median(times[name]) for name in theirs},
        {
            name: max(abs(a / b - 1) for a, b in zip(side.objectives, objective, strict=False))
            for name, side in theirs.items()
        },
        float(excess.max()),
        int(np.count_nonzero(recovery.info.status)),
    )


def recovery_table(rows: Sequence[Row]) -> str:
    """Milliseconds per problem and the ratios to the solvers."""
    columns = ["ms per problem", "batch", "devices", "ours", "Clarabel", "ratio", "SCS", "ratio"]
    columns += ["CVXPY + Clarabel", "ratio", "CVXPY + SCS", "ratio"]
    cells = []
    for row in rows:
        for (batch, devices), seconds in row.ours.items():
            line = [str(row.size), batch, devices, _milli(seconds)]
            for table in (row.solver, row.total):
                for name in ("CLARABEL", "SCS"):
                    line += [_milli(table[name]), harness.times(table[name] / seconds)]
            cells.append(line)
    return harness.table(columns, cells)


def agreement_table(rows: Sequence[Row]) -> str:
    """Largest relative differences of the objectives, and the constraint."""
    columns = ["agreement", "Clarabel", "SCS", "over the radius", "unsolved", "agrees"]
    return harness.table(
        columns,
        [
            [
                str(row.size),
                *(f"{row.difference[name]:.1e}" for name in ("CLARABEL", "SCS")),
                f"{row.excess:.1e}",
                row.unsolved,
                "yes" if row.agrees else "no",
            ]
            for row in rows
        ],
    )


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g}"


def report(options: argparse.Namespace) -> bool:
    """Measures and prints; whether the results agree."""
    sizes = (Size(3, 3, 18), Size(5, 5, 50)) if options.quick else SIZES
    if options.dimensions and not options.quick:
        sizes = tuple(size for size in SIZES if size.dimension in options.dimensions)
    batches, rounds = ((1, 4), 2) if options.quick else (BATCHES, options.rounds)
    rows = [measure(size, batches, options.devices, rounds) for size in sizes]
    print(agreement_table(rows), end="\n\n")
    print(recovery_table(rows), end="\n\n")
    agree = all(row.agrees for row in rows)
    print("- results agree" if agree else "- results disagree")
    if FULL in sizes:
        row = next(row for row in rows if row.size == FULL)
        best = min(seconds for (batch, _), seconds in row.ours.items() if batch == max(batches))
        ratio = row.solver["CLARABEL"] / best
        verdict = "met" if ratio >= EXPECTED else "falls short"
        print(
            f"- ratio recovery: {harness.times(ratio)} Clarabel's own time at {FULL}, batch "
            f"{max(batches)}; expected at least {EXPECTED}x: {verdict}"
        )
    return agree
