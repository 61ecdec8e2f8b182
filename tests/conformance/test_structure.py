"""What a rollout carries keeps its structure, shapes and dtypes, whatever the lanes."""

from functools import cache

import jax
import jax.numpy as jnp
import pytest
from conformance_cases import instance, learners
from conformance_rollouts import equations, raw_mind, raw_pieces

from jaxsoco import registry
from jaxsoco.core.schema import load


def kinds(tree):
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


@pytest.fixture(params=[(), (2, 3)], ids=["one run", "two lane axes"])
def lanes(request):
    return request.param


@cache
def shapes_of(case, lanes, x64):
    """Key, spec, world, round and observation of a block, as shapes."""
    key = jax.ShapeDtypeStruct((2, *lanes), jnp.uint32)
    pieces = raw_pieces(case, x64)
    spec = jax.eval_shape(pieces.draw, key, instance(case, x64).settings)
    world = jax.eval_shape(pieces.open, key, spec)
    t = jax.ShapeDtypeStruct((), jnp.int32)
    moved, now = jax.eval_shape(pieces.move, key, t, spec, world)
    return pieces, key, t, spec, world, moved, now, jax.eval_shape(pieces.look, spec, world, now)


def test_a_state_is_a_fixed_point(learner, lanes, x64):
    pieces, key, t, spec, world, _, now, observation = shapes_of(learner.case, lanes, x64)
    mind, params = raw_mind(learner), learner.params()
    state = jax.eval_shape(mind.init, key, params, spec)
    action, acted = jax.eval_shape(mind.act, key, t, params, state, observation)
    assert kinds(acted) == kinds(state)
    played, feedback, costs = jax.eval_shape(pieces.play, key, t, spec, world, now, action)
    assert kinds(played) == kinds(world)
    updated = jax.eval_shape(mind.update, params, state, action, feedback)
    assert kinds(updated) == kinds(state)

    names = tuple(cost.name for cost in registry.family(learner.case.family).costs)
    assert costs._fields == names
    number = jnp.float64 if x64 else jnp.float32
    assert all((cost.shape, cost.dtype) == (lanes, number) for cost in costs)
    if hasattr(state, "clock"):  # shared by all lanes, so that a branch on it is a branch
        assert all(leaf.shape == () for leaf in jax.tree.leaves(state.clock))
        state = state._replace(clock=())
    for leaf in jax.tree.leaves((state, action, observation, feedback)):
        assert leaf.shape[leaf.ndim - len(lanes) :] == lanes
    if hasattr(state, "faults"):
        assert (state.faults.shape, state.faults.dtype) == (lanes, jnp.int32)


def test_a_world_is_a_fixed_point(case, lanes, x64):
    *_, world, moved, _, _ = shapes_of(case, lanes, x64)
    assert kinds(moved) == kinds(world)


def test_a_comparator_speaks_of_the_familys_costs(judge, lanes, x64):
    _, key, _, spec, *_ = shapes_of(judge.case, lanes, x64)
    at = (2, instance(judge.case, x64).horizon)
    costs, faults = jax.eval_shape(lambda k, s: judge.comparator(k, s, at), key, spec)
    assert set(costs) == {cost.name for cost in registry.family(judge.case.family).costs}
    number = jnp.float64 if x64 else jnp.float32
    for cost in costs.values():
        assert cost.dtype == number and cost.shape[1:] == lanes
    assert (faults.shape, faults.dtype) == (lanes, jnp.int32)


def test_a_problem_is_what_its_entry_says(case):
    made = instance(case, False)
    assert hash(made.problem) == hash(instance(case, False, 1).problem)
    for learner in learners(case):
        assert hash(learner.algorithm) == hash(load(learner.entry.load))
        assert jax.tree.structure(learner.params()) == jax.tree.structure(learner.params())


# --- branches -------------------------------------------------------------------------------------


def conds(function, *arguments) -> int:
    """How many ``cond`` there are in a function's program, inner programs included."""
    return sum(eqn.primitive.name == "cond" for eqn in equations(function, *arguments))


def test_lanes_do_not_turn_branches_into_both(learner):
    """A branch that is chosen per run is no branch in a block: both sides run for every lane.

    It counts in the layout that the engine uses for the learner. A native learner that branches
    on a whole block (``any`` lane needs it) loses that branch under ``vmap``, and may.
    """

    def act_in(lanes, mapped):
        *_, observation = shapes = shapes_of(learner.case, lanes, False)
        _, key, t, spec = shapes[:4]
        mind, params = raw_mind(learner), learner.params()
        state = jax.eval_shape(mind.init, key, params, spec)
        act = mind.act
        if mapped:
            block = lambda x: jax.ShapeDtypeStruct((*x.shape, 5), x.dtype)  # noqa: E731
            key, state, observation = jax.tree.map(block, (key, state, observation))
            act = jax.vmap(act, (-1, None, None, -1, -1), -1)
        return conds(act, key, t, params, state, observation)

    if learner.entry.lanes == "native":
        assert act_in((5,), False) == act_in((), False)
    else:
        assert act_in((), True) == act_in((), False)
