"""float32 is float32 throughout, and close to float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.testing.cases import Case, Judge, Learner, instance
from jaxsoco.testing.pieces import equations, raw_mind, raw_pieces
from jaxsoco.testing.rollouts import judged, objective, rolled
from jaxsoco.testing.verdicts import require

SAME = 1e-5
"""Of the largest cost: some tens of roundings to 2**-24; ST-CLIP in float32 meets its budget, which
may be some times the cost, to 3e-6 of it."""


def upcasts(function: Callable, *arguments: Any) -> list[str]:
    """Where a float32 program turns float32 into float64, or returns it, if JAX would let it.

    (Constants alone do no harm: ``where(flag, 0.0, inf)`` is float64 until it meets an array.)
    """
    with jax.enable_x64(True):
        outputs = jax.tree.leaves(jax.eval_shape(function, *arguments))
        casts = [str(leaf) for leaf in outputs if leaf.dtype == jnp.float64]
        for eqn in equations(function, *arguments):
            dtypes = [getattr(v.aval, "dtype", None) for v in (*eqn.invars, *eqn.outvars)]
            if eqn.primitive.name == "convert_element_type" and dtypes == [
                jnp.float32,
                jnp.float64,
            ]:
                casts.append(str(eqn))
        return casts


def _require_float32(what: str, function: Callable, *arguments: Any) -> None:
    casts = upcasts(function, *arguments)
    hint = "expected constants of the arrays' dtype (jnp.zeros_like, a Python number)"
    require(not casts, f"{what} turns float32 into float64: {'; '.join(casts[:3])}: {hint}")


def shapes(case: Case) -> tuple[Any, ...]:
    """Pieces, settings, key, slot number, spec, world and round of a float32 block."""
    with jax.enable_x64(True):
        pieces, settings = raw_pieces(case, False), instance(case, False).settings
        key, t = jax.ShapeDtypeStruct((2, 5), jnp.uint32), jax.ShapeDtypeStruct((), jnp.int32)
        spec = jax.eval_shape(pieces.draw, key, settings)
        world = jax.eval_shape(pieces.open, key, spec)
        _, now = jax.eval_shape(pieces.move, key, t, spec, world)
        return pieces, settings, key, t, spec, world, now


def _single(tree: Any) -> Any:
    """Shapes of one run, of those of a block."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[:-1], x.dtype), tree)


def learner_never_leaves_float32(learner: Learner) -> None:
    """``init``, ``act``, ``update`` and the round it plays have no float64 inside."""
    pieces, settings, key, t, spec, world, now = shapes(learner.case)
    mind, params = raw_mind(learner), learner.params()
    with jax.enable_x64(True):
        if not learner.native:
            key = _single(key)
            spec = jax.eval_shape(pieces.draw, key, settings)
            world = jax.eval_shape(pieces.open, key, spec)
            _, now = jax.eval_shape(pieces.move, key, t, spec, world)
        observation = jax.eval_shape(pieces.look, spec, world, now)
        state = jax.eval_shape(mind.init, key, params, spec)
        action, _ = jax.eval_shape(mind.act, key, t, params, state, observation)
        play = pieces.play, key, t, spec, world, now, action
        feedback = jax.eval_shape(*play)[1]
    id = learner.id
    _require_float32(f"{id}: init", mind.init, key, params, spec)
    _require_float32(f"{id}: act", mind.act, key, t, params, state, observation)
    _require_float32(f"{id}: update", mind.update, params, state, action, feedback)
    _require_float32(f"{id}: its action in {learner.case.problem}", *play)


def world_never_leaves_float32(case: Case) -> None:
    """``draw``, ``init``, ``advance`` and ``observe`` have no float64 inside."""
    pieces, settings, key, t, spec, world, now = shapes(case)
    _require_float32(f"{case.problem}: draw", pieces.draw, key, settings)
    _require_float32(f"{case.problem}: init", pieces.open, key, spec)
    _require_float32(f"{case.problem}: advance", pieces.move, key, t, spec, world)
    _require_float32(f"{case.problem}: observe", pieces.look, spec, world, now)


def comparator_never_leaves_float32(judge: Judge) -> None:
    """A comparator has no float64 inside."""
    _, _, key, _, spec, *_ = shapes(judge.case)
    at = (instance(judge.case, False).horizon,)
    _require_float32(judge.id, lambda key, spec: judge.comparator(key, spec, at), key, spec)


def learner_in_float32_is_close_to_float64(learner: Learner, same: float = SAME) -> None:
    """Costs of every round agree to ``same`` of the largest, and floats have the dtype."""
    short, long = rolled(learner, "native", False), rolled(learner, "loop", True)
    for record, number in ((short, np.float32), (long, np.float64)):
        floats = [
            leaf
            for leaf in jax.tree.leaves((record.states, record.actions, record.costs))
            if np.issubdtype(leaf.dtype, np.inexact)
        ]
        dtypes = {str(leaf.dtype) for leaf in floats}
        wanted = str(np.dtype(number))
        require(dtypes == {wanted}, f"{learner.id}: {dtypes} among its {wanted}")
    scale = max(np.abs(cost).max() for cost in long.totals().values())
    off = [np.abs(short.totals()[n] - cost).max(axis=0) for n, cost in long.totals().items()]
    worst = np.max(off, axis=0) / scale
    require(
        np.sort(worst)[-1 - learner.case.torn] <= same,
        f"{learner.id}: costs in float32 differ from float64 by {worst} of the largest cost: "
        f"expected at most {same} in all runs but {learner.case.torn}",
    )


def comparator_in_float32_is_close_to_float64(judge: Judge) -> None:
    """The optimum agrees to :data:`SAME`, relative."""
    (short, faults), (long, _) = (judged(judge, "native", x64=x64) for x64 in (False, True))
    require(not faults.any(), f"{judge.id}: kernels did not converge in float32")
    dtypes = {str(cost.dtype) for cost in short.values()}
    require(dtypes == {"float32"}, f"{judge.id}: {dtypes} among its float32 costs")
    case = judge.case
    np.testing.assert_allclose(
        objective(case, short), objective(case, long), rtol=SAME, err_msg=judge.id
    )
