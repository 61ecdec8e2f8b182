"""Ablation of the multistage benchmark: what a round's time is spent on."""

from __future__ import annotations

import time
from statistics import median

import harness
import jax
import jax.numpy as jnp
import numpy as np
from multistage_ours import Ours

from jaxsoco.core import random
from jaxsoco.core.lanes import hold
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage import epsilon_exp3, multistage

ROUNDS = 20_001


def parts(depth: int, children: int, runs: int, repeats: int) -> str:
    """A table of the whole round, the round with a part left out, and a part alone."""
    forgetful = Algorithm(
        epsilon_exp3.init,
        epsilon_exp3.act,
        lambda params, state, action, feedback: state,
        counter=True,
    )
    cases = {
        "the whole round": Ours(depth, children, runs, runs),
        "without learning": Ours(depth, children, runs, runs, algorithm=forgetful),
        "keys derived for every round": Ours(
            depth,
            children,
            runs,
            runs,
            algorithm=epsilon_exp3._replace(counter=False),
            problem=multistage._replace(counter=False),
        ),
        "uniforms alone": Uniforms(2 * depth + 1, runs),
        "reading and writing the tables alone": Tables(depth, children, runs),
    }
    for call in cases.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, call in cases.items():
            began = time.process_time()
            call()
            times[name].append(time.process_time() - began)
    rows = [
        [
            name,
            f"{median(times[name]) / call.total * runs * 1e6:.3g}",
            f"{call.total / median(times[name]) / 1e6:.3g}",
        ]
        for name, call in cases.items()
    ]
    columns = [f"H={depth} K={children}, {runs:,} runs", "us a round", "M rounds/s"]
    return harness.table(columns, rows)


class Uniforms:
    """The draws of every round, added up."""

    def __init__(self, count: int, runs: int):
        @jax.jit
        def run(words):
            def one(t, total):
                drawn = random.draws(random.Stream(words, t), count)
                return total + sum(drawn[1:], drawn[0])

            return jax.lax.fori_loop(0, ROUNDS, one, jnp.zeros(words.shape[1:]))

        self._words = random.run_key(jax.random.key(0), jnp.arange(runs))
        self._run, self.total = run, ROUNDS * runs

    def __call__(self) -> None:
        """Draws them."""
        jax.block_until_ready(self._run(self._words))


class Tables:
    """One row read from and written to three tables of every level in every round."""

    def __init__(self, depth: int, children: int, runs: int):
        from jaxsoco.multistage.theory.levels import pick, put

        levels = [children**d for d in range(depth)]

        @jax.jit
        def run(tables, place, ones):
            def one(t, tables):
                rows = [
                    [hold(pick(x, (place + t) % n), ones) for x in level]
                    for n, level in zip(levels, tables, strict=True)
                ]
                return [
                    [
                        put(x, (place + t) % n, 0.5 * row)
                        for x, row in zip(level, found, strict=True)
                    ]
                    for n, level, found in zip(levels, tables, rows, strict=True)
                ]

            return jax.lax.fori_loop(0, ROUNDS, one, tables)

        self._tables = [[jnp.ones((n, children, runs)) for _ in range(3)] for n in levels]
        self._place = jnp.asarray(np.arange(runs), jnp.int32)
        self._ones = jnp.ones((children, runs))
        self._run, self.total = run, ROUNDS * runs

    def __call__(self) -> None:
        """Reads and writes."""
        jax.block_until_ready(self._run(self._tables, self._place, self._ones))
