"""The library's side of the multistage benchmark: compiled tiles of a sweep."""

from __future__ import annotations

import functools

import jax
import numpy as np

from jaxsoco.core.protocol import Algorithm, Instance, Problem, same_for_all
from jaxsoco.engine.batch import Batch
from jaxsoco.multistage import EpsilonEXP3Params, bernoulli_tree, epsilon_exp3, multistage

MINIMUM = 20_001
"""Rounds from which the engine's loop for long horizons is used."""


@functools.cache
def batch(
    depth: int, children: int, tile: int, rounds: int, problem: Problem = multistage
) -> Batch:
    """Compiled blocks of a Bernoulli tree of the paper."""
    spec = bernoulli_tree(rounds, depth=depth, children=children)
    instance = Instance(problem, same_for_all, spec, rounds)
    devices = jax.devices()[:1]
    return Batch([instance], seeds_root=0, tile=tile, devices=devices, at=(rounds,))


class Ours:
    """Some runs of eps-EXP3, block after block; call it to run them."""

    def __init__(
        self,
        depth: int,
        children: int,
        runs: int,
        tile: int,
        scale: float = 1.0,
        algorithm: Algorithm = epsilon_exp3,
        problem: Problem = multistage,
    ):
        width = min(runs, tile)
        blocks = -(-runs // width)
        # Small blocks for longer, so that every case takes about a second.
        rounds = max(MINIMUM, int(2e7 * scale * (1 if depth < 3 else 0.2) / max(runs, 64)))
        made = batch(depth, children, width, rounds, problem)
        self._tile = made.learner(algorithm, EpsilonEXP3Params())
        self._seeds = np.arange(blocks * width, dtype=np.int32).reshape(blocks, width)
        self._point = np.zeros(width, np.int32)
        self.total = rounds * blocks * width

    def __call__(self) -> None:
        """Runs all blocks."""
        for seeds in self._seeds:
            jax.block_until_ready(self._tile(self._point, seeds))


def mean_cost(depth: int, children: int, rounds: int, runs: int) -> tuple[float, float]:
    """Mean expected cost a round, and its standard error."""
    tile = batch(depth, children, runs, rounds).learner(epsilon_exp3, EpsilonEXP3Params())
    outcome = tile(np.zeros(runs, np.int32), np.arange(runs, dtype=np.int32))
    costs = np.asarray(outcome.costs["expected"][-1], np.float64) / rounds
    return float(costs.mean()), float(costs.std() / runs**0.5)
