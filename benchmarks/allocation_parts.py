"""What the time of the batched learners is spent on: their parts, timed one by one."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import harness
import jax
import jax.numpy as jnp
import numpy as np
from allocation_ours import LEARNERS, ROOT, Size, instance

from jaxsoco.allocation import allocation, offline_optimum
from jaxsoco.allocation.jobs import draw_job
from jaxsoco.allocation.theory.step import shares
from jaxsoco.core import random
from jaxsoco.engine.batch import CPU_OPTIONS
from jaxsoco_kernels.minplus import minplus


def parts(size: Size, tile: int, rounds: int) -> str:
    """A table of the parts, one device, float64, one tile; and what explains them."""
    with jax.enable_x64(True):
        cases, slots, iterations = _cases(size, tile)
        for call in cases.values():
            call()
        times = harness.interleaved(cases, rounds)
    each = {name: median(seconds) / (slots[name] * tile) for name, seconds in times.items()}
    text = harness.table(
        [f"us per slot and job, 1 device, tile {tile}", "float64"],
        [[name, harness.micro(seconds)] for name, seconds in each.items()],
    )
    speed = size.regions**2 * 8 / each[_product(size)] / 1e9
    return (
        f"{text}\n\nA min-plus product reads every job's own matrix: {speed:.1f} GB/s. The optimum "
        f"took {np.mean(iterations):.1f} sweeps a job on average, {np.max(iterations)} in the "
        "slowest lane, which the others of its tile wait for."
    )


def _product(size: Size) -> str:
    return f"one min-plus product, {size.regions} x {size.regions}"


def _cases(size: Size, tile: int):
    """Calls that run one part for a tile, the slots that each covers, sweeps of the optimum."""
    workload = instance(size).settings
    keys = random.run_key(random.words(jax.random.key(ROOT)), jnp.arange(tile))
    nature, learner, _ = random.round_keys(keys, 0)
    spec = compiled(draw_job)(keys, workload)
    init = compiled(allocation.init)
    world = init(nature, spec)
    cases: dict[str, Callable[[], Any]] = {
        "draw of the job": _call(compiled(draw_job), keys, workload),
        "prices, forecast and advice": _call(init, nature, spec),
    }
    actions = None
    for name, (algorithm, params) in LEARNERS.items():
        begin = compiled(algorithm.init)
        act = compiled(acts(algorithm, size.slots))
        state = begin(learner, params, spec)
        actions = act(learner, params, spec, world, state)
        cases[f"{name}: tree and constants"] = _call(begin, learner, params, spec)
        cases[f"{name}: decisions"] = _call(act, learner, params, spec, world, state)
    cases["ledger (exact transport)"] = _call(compiled(_ledger), spec, world, actions)
    cases["OPT: value and weight"] = _call(compiled(_optimum), spec, world.costs)
    kernels = _kernels(size, tile)
    slots = {name: size.slots for name in cases} | {name: _REPEATS for name in kernels}
    found = offline_optimum(
        world.costs, spec.metric, spec.throughput, spec.metric.switch, spec.start
    )
    return {**cases, **kernels}, slots, np.asarray(found.info.iterations)


_REPEATS = 100


def _kernels(size: Size, tile: int) -> dict[str, Callable[[], Any]]:
    """The two inner loops of every decision, alone."""
    rng = np.random.default_rng(ROOT)
    n = size.regions
    matrix = jnp.asarray(rng.uniform(1, 2, (n, n, tile)))
    vector = jnp.asarray(rng.uniform(1, 2, (n, tile)))
    mass = jnp.asarray(rng.dirichlet(np.ones(2 * n), tile).T)
    price = jnp.asarray(rng.uniform(1, 2, (2 * n, tile)))
    rate = jnp.ones(tile)

    def products(matrix, vector):
        # Halved, so that the values stay finite and no product can be left out.
        step = lambda _, v: minplus(matrix, v)[0] / 2  # noqa: E731
        return jax.lax.fori_loop(0, _REPEATS, step, vector)

    def passes(price, mass):
        step = lambda _, m: shares(price + m, m, mass, rate, lambda p: 2 - p)  # noqa: E731
        return jax.lax.fori_loop(0, _REPEATS, step, mass)

    return {
        _product(size): _call(compiled(products), matrix, vector),
        f"one pass over all pairs of {2 * n} sources": _call(compiled(passes), price, mass),
    }


def acts(algorithm, slots: int):
    """All decisions of a job, without the world's answers."""

    def run(key, params, spec, world, state):
        def step(carry, t):
            world, state = carry
            world, now = allocation.advance(key, spec, world)
            seen = allocation.observe(spec, world, now)
            action, state = algorithm.act(random.fold(key, t), params, state, seen)
            return (world, state), action

        return jax.lax.scan(step, (world, state), jnp.arange(slots))[1]

    return run


def _ledger(spec, world, actions):
    """Costs of given decisions."""

    def step(world, action):
        world, now = allocation.advance(world.slot, spec, world)
        world, _, costs = allocation.play(world.slot, spec, world, now, action)
        return world, costs

    return jax.lax.scan(step, world, actions)[1]


def _optimum(spec, costs):
    best = offline_optimum(costs, spec.metric, spec.throughput, spec.metric.switch, spec.start)
    return best.value, best.weight


def compiled(function):
    options = CPU_OPTIONS if jax.devices()[0].platform == "cpu" else None
    return jax.jit(function, compiler_options=options)


def _call(function, *arguments) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(function(*arguments))
