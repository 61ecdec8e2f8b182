"""A learner that re-plans every round: warm Jacobi beside the literal recursion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

import harness
import numpy as np

EXPECTED = 1000  # times the literal recursion, run after run, at T = 1000, 64 runs, d = 5
RATE = 1e-3


class Size(NamedTuple):
    """Runs side by side, dimension, rounds."""

    runs: int
    dimension: int
    rounds: int


class Row(NamedTuple):
    """Rounds a second, summed over the runs, and how many rounds of the literal one were timed.

    ``literal`` goes through the runs one after the other, ``batched`` takes them all at once.
    """

    size: Size
    ours: float
    literal: float
    batched: float
    sampled: int


def spectrum(dimension: int) -> np.ndarray:
    """Eigenvalues of the hidden matrix."""
    return np.geomspace(0.5, 8, dimension)


def literal_round(
    estimates: np.ndarray, deviations: np.ndarray, feedback: np.ndarray, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """A round as the paper writes it, for all runs.

    The projected step, then ``C^-1 = 2 I + M - C`` from the end of the horizon back to this round.

    Args:
      estimates: ``M [runs, d, d]``.
      deviations: ``y [runs, d]``.
      feedback: ``[runs]``.
      left: rounds left after this one.

    Returns:
      The next estimates and the next plans ``C [runs, d, d]``.
    """
    forms = np.einsum("bi,bij,bj->b", deviations, estimates, deviations) / 2
    step = RATE * (forms - feedback)[:, None, None]
    moved = estimates - step * deviations[:, :, None] * deviations[:, None]
    values, basis = np.linalg.eigh((moved + np.swapaxes(moved, 1, 2)) / 2)
    estimates = (basis * np.maximum(values, 0)[:, None]) @ np.swapaxes(basis, 1, 2)
    eye = np.eye(estimates.shape[-1])
    plans = np.broadcast_to(eye, estimates.shape)
    for _ in range(left):
        plans = np.linalg.inv(2 * eye + estimates - plans)
    return estimates, plans


def literal_run(matrix: np.ndarray, increments: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Deviations ``[T, d]`` of one run from the identity, all rounds literal."""
    rounds, d = increments.shape
    estimates, last, found = np.eye(d)[None], np.zeros(d), []
    plans = literal_round(estimates, np.zeros((1, d)), np.zeros(1), rounds)[1]
    for t in range(rounds):
        last = plans[0] @ (last - increments[t])
        found.append(last)
        value = np.array([last @ matrix @ last / 2 + noise[t]])
        estimates, plans = literal_round(estimates, last[None], value, rounds - t - 1)
    return np.array(found)


def difference(dimension: int, rounds: int = 60) -> float:
    """Largest difference of a run's deviations between ours and the literal one."""
    import jax

    from jaxsoco.tracking import replay

    rng = np.random.default_rng(7)
    basis = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    matrix = (basis * spectrum(dimension)) @ basis.T
    increments = rng.normal(size=(rounds, dimension))
    noise = 0.1 * rng.uniform(-1, 1, rounds)
    with jax.enable_x64(True):
        ours = replay("passive_learner", matrix, increments, noise, learning_rate=RATE)
    found = np.asarray(ours.deviations)  # outside of enable_x64 JAX would round the difference
    return float(np.abs(found - literal_run(matrix, increments, noise)).max())


def measure(size: Size, sampled: int, repeats: int) -> Row:
    """Rounds a second of both; of the literal one, rounds spread evenly over the horizon.

    A literal round costs as much as rounds are left, so that such a sample has the right mean.
    """
    import jax

    from jaxsoco import simulate
    from jaxsoco.core.compiler import CPU_OPTIONS
    from jaxsoco.tracking import GradientParams, make_spec, passive_learner, quadratic_tracking

    with jax.enable_x64(True):
        spec = make_spec(np.diag(spectrum(size.dimension)), size.rounds)
        keys = jax.random.split(jax.random.key(0), size.runs)
        run = partial(
            jax.jit(
                lambda keys: (
                    simulate(
                        passive_learner,
                        GradientParams(learning_rate=RATE),
                        quadratic_tracking,
                        spec,
                        keys,
                        size.rounds,
                        at=(size.rounds,),
                    ).costs
                ),
                compiler_options=CPU_OPTIONS,
            ),
            keys,
        )
        jax.block_until_ready(run())
        rng = np.random.default_rng(1)
        estimates = np.broadcast_to(np.eye(size.dimension), (size.runs,) + (size.dimension,) * 2)
        deviations = rng.normal(size=(size.runs, size.dimension))
        feedback = rng.uniform(size=size.runs)
        places = ((np.arange(sampled) + 0.5) / sampled * size.rounds).astype(int)
        sides = {1: [], size.runs: []}
        ours: list[float] = []
        for _ in range(repeats):
            ours.append(harness.seconds_of(lambda: jax.block_until_ready(run())))
            for runs, found in sides.items():
                seconds = [
                    harness.seconds_of(
                        partial(
                            literal_round,
                            estimates[:runs],
                            deviations[:runs],
                            feedback[:runs],
                            int(left),
                        )
                    )
                    for left in places
                ]
                found.append(sum(seconds) / sampled * size.rounds / runs * size.runs)
    total = size.runs * size.rounds
    single, batched = (total / median(found) for found in (sides[1], sides[size.runs]))
    return Row(size, total / median(ours), single, batched, sampled)


def table(rows: Sequence[Row]) -> str:
    """Thousand rounds a second and ratios."""
    columns = ["thousand rounds a second", "runs", "d", "ours", "literal", "ratio"]
    columns += ["literal, all runs at once", "ratio", "timed rounds"]
    cells = [
        [
            f"T = {row.size.rounds:,}",
            row.size.runs,
            row.size.dimension,
            f"{row.ours / 1e3:,.0f}",
            f"{row.literal / 1e3:,.3g}",
            harness.times(row.ours / row.literal),
            f"{row.batched / 1e3:,.3g}",
            harness.times(row.ours / row.batched),
            row.sampled,
        ]
        for row in rows
    ]
    return harness.table(columns, cells)
