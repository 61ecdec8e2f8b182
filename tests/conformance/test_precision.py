"""float32 is float32 throughout, and close to float64."""

import jax
import jax.numpy as jnp
import numpy as np
from conformance_cases import instance
from conformance_rollouts import equations, judged, objective, raw_mind, raw_pieces, rolled

SAME = 1e-5
"""Of the largest cost: some tens of roundings to 2**-24; ST-CLIP in float32 meets its budget, which
may be some times the cost, to 3e-6 of it."""


def upcasts(function, *arguments) -> list[str]:
    """Where a float32 program turns float32 into float64, or returns it, if JAX would let it.

    (Constants alone do no harm: ``where(flag, 0.0, inf)`` is float64 until it meets an array.)
    """
    with jax.enable_x64(True):
        outputs = jax.tree.leaves(jax.eval_shape(function, *arguments))
        found = [str(leaf) for leaf in outputs if leaf.dtype == jnp.float64]
        for eqn in equations(function, *arguments):
            dtypes = [getattr(v.aval, "dtype", None) for v in (*eqn.invars, *eqn.outvars)]
            if eqn.primitive.name == "convert_element_type" and dtypes == [
                jnp.float32,
                jnp.float64,
            ]:
                found.append(str(eqn))
        return found


def shapes(case):
    """Settings, key, slot number, spec, world and round of a float32 block."""
    with jax.enable_x64(True):
        pieces, settings = raw_pieces(case, False), instance(case, False).settings
        key, t = jax.ShapeDtypeStruct((2, 5), jnp.uint32), jax.ShapeDtypeStruct((), jnp.int32)
        spec = jax.eval_shape(pieces.draw, key, settings)
        world = jax.eval_shape(pieces.open, key, spec)
        _, now = jax.eval_shape(pieces.move, key, t, spec, world)
        return pieces, settings, key, t, spec, world, now


def test_a_learner_never_leaves_float32(learner):
    pieces, _, key, t, spec, world, now = shapes(learner.case)
    mind, params = raw_mind(learner), learner.params()
    with jax.enable_x64(True):
        observation = jax.eval_shape(pieces.look, spec, world, now)
        state = jax.eval_shape(mind.init, key, params, spec)
        action, _ = jax.eval_shape(mind.act, key, t, params, state, observation)
    assert not upcasts(mind.init, key, params, spec)
    assert not upcasts(mind.act, key, t, params, state, observation)
    assert not upcasts(pieces.play, key, t, spec, world, now, action)


def test_a_world_never_leaves_float32(case):
    pieces, settings, key, t, spec, world, now = shapes(case)
    assert not upcasts(pieces.draw, key, settings)
    assert not upcasts(pieces.open, key, spec)
    assert not upcasts(pieces.move, key, t, spec, world)
    assert not upcasts(pieces.look, spec, world, now)


def test_a_comparator_never_leaves_float32(judge):
    _, _, key, _, spec, *_ = shapes(judge.case)
    at = (instance(judge.case, False).horizon,)
    assert not upcasts(lambda key, spec: judge.comparator(key, spec, at), key, spec)


def test_an_upcast_would_be_seen():
    short = jax.ShapeDtypeStruct((3,), jnp.float32)
    assert upcasts(lambda x: jnp.sum(x * np.ones(3)).astype(jnp.float32), short)
    assert upcasts(lambda x: 1 / jnp.arange(3), short)
    assert not upcasts(lambda x: jnp.where(x > 0, 0.0, jnp.inf) * x, short)


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
    off = [np.abs(short.totals()[n] - cost).max(axis=0) for n, cost in long.totals().items()]
    worst = np.max(off, axis=0) / scale
    assert np.sort(worst)[-1 - learner.case.torn] <= SAME, worst


def test_a_comparator_in_float32_is_close_to_float64(judge):
    (short, faults), (long, _) = (judged(judge, "native", x64=x64) for x64 in (False, True))
    assert not faults.any()
    assert all(cost.dtype == np.float32 for cost in short.values())
    case = judge.case
    np.testing.assert_allclose(objective(case, short), objective(case, long), rtol=SAME)
