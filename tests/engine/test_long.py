"""Long runs: the loop whose memory does not grow does what the scan does, and sums exactly."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import walk_problem as toy

from jaxsoco import Algorithm, Problem
from jaxsoco.core import random, rollout
from jaxsoco.engine.simulate import simulate

quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def words():
    return random.words(jax.vmap(partial(jax.random.fold_in, jax.random.key(0)))(jnp.arange(3)))


@pytest.mark.parametrize("at", [(2, 3, 7), (7,), (4,), (1, 2, 3, 4, 5, 6, 7)])
@pytest.mark.parametrize("piece", [1, 2, 3, 1024])
def test_the_loop_does_what_the_scan_does(at, piece, monkeypatch):
    monkeypatch.setattr(rollout, "PIECE", piece)
    spec = toy.draw(random.fold(words(), 99), toy.instance(speed=0.7).settings)

    def play(differentiable):
        def run(key):
            options = {"at": at, "differentiable": differentiable}
            return toy.play(spec, key, 0.5, **options)._replace(at=None)

        return quick(run)(words())

    scan, loop = play(True), play(False)
    for a, b in zip(jax.tree.leaves(scan), jax.tree.leaves(loop), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


def counting(counter: bool):
    """A world that costs a tenth a round, and a learner that notes the keys' rounds."""
    problem = Problem(
        init=lambda key, spec: jnp.zeros(key.shape[1:]),
        advance=lambda key, spec, world: (world, random.draws(key, 1)[0]),
        observe=lambda spec, world, round: round,
        play=lambda key, spec, world, round, action: (world, None, {"cost": action}),
        counter=counter,
    )
    algorithm = Algorithm(
        init=lambda key, params, spec: jnp.zeros(key.shape[1:]),
        act=lambda key, params, state, obs: (jnp.full_like(state, 0.1), state + obs),
        update=lambda params, state, action, feedback: state,
    )
    return problem, algorithm


def test_a_million_float32_costs_add_up():
    problem, algorithm = counting(True)
    horizon = 1_000_000
    at = (1000, 500_000, horizon)
    run = jax.jit(lambda key: simulate(algorithm, (), problem, (), key, horizon, at=at).costs)
    found = run(jax.random.key(0))["cost"]
    # Summed plainly in float32 the last one would be off by a hundredth of itself.
    wanted = float(np.float32(0.1)) * np.array(at)
    np.testing.assert_allclose(found, wanted, rtol=2e-6)


def test_memory_does_not_grow_with_the_horizon():
    problem, algorithm = counting(True)

    def size(horizon):
        run = jax.jit(
            lambda key: simulate(algorithm, (), problem, (), key, horizon, at=(horizon,)).costs
        )
        memory = run.lower(words()).compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes + memory.argument_size_in_bytes

    assert size(10_000_000) <= size(20_000) + 64


def test_long_runs_have_no_trace():
    problem, algorithm = counting(True)
    with pytest.raises(ValueError, match="a trace grows with the horizon"):
        simulate(algorithm, (), problem, (), words(), 5, trace=True, differentiable=False)


def test_counter_keys_are_other_draws_of_the_same_run():
    sums = []
    for counter in (False, True):
        problem, algorithm = counting(counter)
        run = quick(lambda key, p=problem, a=algorithm: simulate(a, (), p, (), key, 400).state)
        sums.append(np.asarray(run(words())) / 400)
    assert not np.allclose(*sums)
    np.testing.assert_allclose(sums, 0.5, atol=5 * 12**-0.5 / 20)
