"""float32 is float32 throughout, and close to float64."""

import jax
import jax.numpy as jnp
import numpy as np
from conformance_cases import instance
from conformance_rollouts import judged, keys, objective, raw_mind, raw_pieces, rolled
from test_structure import equations

SAME = 2e-6
"""Of the largest cost: some tens of roundings to 2**-24."""


def double_in(function, *arguments) -> list[str]:
    """Equations of a float32 program that make float64 numbers, where JAX would let them."""
    with jax.enable_x64(True):
        return [
            str(eqn)
            for eqn in equations(function, *arguments)
            if any(getattr(v.aval, "dtype", None) == jnp.float64 for v in eqn.outvars)
        ]


def test_a_learner_never_leaves_float32(learner):
    pieces, mind, params = raw_pieces(learner.case, False), raw_mind(learner), learner.params()
    key, t = keys(), jnp.int32(1)
    spec = pieces.draw(key, instance(learner.case, False).settings)
    world = pieces.open(key, spec)
    world, now = pieces.move(key, t, spec, world)
    observation = pieces.look(spec, world, now)
    state = mind.init(key, params, spec)
    action, _ = jax.eval_shape(mind.act, key, t, params, state, observation)
    assert not double_in(mind.init, key, params, spec)
    assert not double_in(mind.act, key, t, params, state, observation)
    assert not double_in(pieces.play, key, t, spec, world, now, action)


def test_a_world_never_leaves_float32(case):
    pieces, settings, key, t = raw_pieces(case, False), instance(case, False).settings, keys(), 1
    assert not double_in(pieces.draw, key, settings)
    spec = pieces.draw(key, settings)
    assert not double_in(pieces.open, key, spec)
    world = pieces.open(key, spec)
    assert not double_in(pieces.move, key, t, spec, world)
    _, now = pieces.move(key, t, spec, world)
    assert not double_in(pieces.look, spec, world, now)


def test_a_comparator_never_leaves_float32(judge):
    spec = raw_pieces(judge.case, False).draw(keys(), instance(judge.case, False).settings)
    at = (instance(judge.case, False).horizon,)
    assert not double_in(lambda key, spec: judge.comparator(key, spec, at), keys(), spec)


def test_a_learner_in_float32_is_close_to_float64(learner):
    short, long = rolled(learner, "native", False), rolled(learner, "loop", True)
    for record, number in ((short, np.float32), (long, np.float64)):
        floats = [
            leaf
            for leaf in jax.tree.leaves((record.states, record.actions, record.costs))
            if np.issubdtype(leaf.dtype, np.inexact)
        ]
        assert floats and all(leaf.dtype == number for leaf in floats)
    scale = max(np.abs(cost).max() for cost in long.totals().values())
    for name, cost in long.totals().items():
        np.testing.assert_allclose(short.totals()[name], cost, rtol=0, atol=SAME * scale)


def test_a_comparator_in_float32_is_close_to_float64(judge):
    (short, faults), (long, _) = (judged(judge, "native", x64=x64) for x64 in (False, True))
    assert not faults.any()
    assert all(cost.dtype == np.float32 for cost in short.values())
    case = judge.case
    np.testing.assert_allclose(objective(case, short), objective(case, long), rtol=SAME)
