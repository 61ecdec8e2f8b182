"""What a rollout carries keeps its structure, shapes and dtypes, whatever the lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco import registry
from jaxsoco.core.schema import load
from jaxsoco.testing.cases import Case, Judge, Learner, instance, learners, remembered
from jaxsoco.testing.pieces import equations, raw_mind, raw_pieces
from jaxsoco.testing.verdicts import NotApplicable, require, require_same_kinds

Lanes = tuple[int, ...]


@remembered
def shapes_of(case: Case, lanes: Lanes, x64: bool) -> tuple[Any, ...]:
    """Pieces, key, round number, spec, world, moved world, round and observation, as shapes."""
    with jax.enable_x64(x64):
        key = jax.ShapeDtypeStruct((2, *lanes), jnp.uint32)
        pieces = raw_pieces(case, x64)
        spec = jax.eval_shape(pieces.draw, key, instance(case, x64).settings)
        world = jax.eval_shape(pieces.open, key, spec)
        t = jax.ShapeDtypeStruct((), jnp.int32)
        moved, now = jax.eval_shape(pieces.move, key, t, spec, world)
        look = jax.eval_shape(pieces.look, spec, world, now)
        return pieces, key, t, spec, world, moved, now, look


def _require_lanes(tree: Any, lanes: Lanes, what: str) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        place = f"{what}{jax.tree_util.keystr(path)}"
        require(
            leaf.shape[leaf.ndim - len(lanes) :] == lanes,
            f"{place}: expected the lanes {lanes} last, got the shape {leaf.shape}",
        )


def state_is_a_fixed_point(learner: Learner, lanes: Lanes = (), x64: bool = False) -> None:
    """``act`` and ``update`` return a state like that of ``init``; costs are one number a lane."""
    if lanes and not learner.native:
        raise NotApplicable("it is written for one run only")
    case, id = learner.case, learner.id
    pieces, key, t, spec, world, _, now, observation = shapes_of(case, lanes, x64)
    with jax.enable_x64(x64):
        mind, params = raw_mind(learner), learner.params()
        state = jax.eval_shape(mind.init, key, params, spec)
        action, acted = jax.eval_shape(mind.act, key, t, params, state, observation)
        require_same_kinds(acted, state, f"{id}: the state that act returns")
        round = pieces.play, key, t, spec, world, now, action
        played, feedback, costs = jax.eval_shape(*round)
        require_same_kinds(played, world, f"{case.problem}: the world that play returns")
        updated = jax.eval_shape(mind.update, params, state, action, feedback)
        require_same_kinds(updated, state, f"{id}: the state that update returns")
        faults = _faults(learner, state)
    _require_costs(costs, case, lanes, x64)
    _require_state(state, lanes, id)
    _require_lanes((action, observation, feedback), lanes, f"{id}: (action, observation, feedback)")
    require(
        faults is None or (faults.shape, faults.dtype) == (lanes, jnp.int32),
        f"{id}: faults: expected int32{list(lanes)}, got {_kind(faults)}",
    )


def _kind(leaf: Any) -> str:
    return "nothing" if leaf is None else f"{leaf.dtype}{list(leaf.shape)}"


def _faults(learner: Learner, state: Any) -> Any:
    """Shape of what counts kernel calls that did not converge, if anything does."""
    count = learner.algorithm.faults
    return getattr(state, "faults", None) if count is None else jax.eval_shape(count, state)


def _require_costs(costs: Any, case: Case, lanes: Lanes, x64: bool) -> None:
    names = tuple(cost.name for cost in registry.family(case.family).costs)
    require(
        costs._fields == names,
        f"{case.problem}: play returns the costs {costs._fields}, and the family declares {names}",
    )
    number = jnp.float64 if x64 else jnp.float32
    for name, cost in costs._asdict().items():
        require(
            (cost.shape, cost.dtype) == (lanes, number),
            f"{case.problem}: cost {name}: expected {jnp.dtype(number)}{list(lanes)}, "
            f"got {_kind(cost)}",
        )


def _require_state(state: Any, lanes: Lanes, id: str) -> None:
    if hasattr(state, "clock"):  # shared by all lanes, so that a branch on it is a branch
        clocks = jax.tree.leaves(state.clock)
        require(all(leaf.shape == () for leaf in clocks), f"{id}: state.clock: expected no lanes")
        state = state._replace(clock=())
    _require_lanes(state, lanes, f"{id}: state")


def world_is_a_fixed_point(case: Case, lanes: Lanes = (), x64: bool = False) -> None:
    """``advance`` returns a world like that of ``init``."""
    *_, world, moved, _, _ = shapes_of(case, lanes, x64)
    require_same_kinds(moved, world, f"{case.problem}: the world that advance returns")


def comparator_speaks_of_the_familys_costs(
    judge: Judge, lanes: Lanes = (), x64: bool = False
) -> None:
    """Every cost of the ledger by name, at every checkpoint, and faults that are counted."""
    _, key, _, spec, *_ = shapes_of(judge.case, lanes, x64)
    at = (2, instance(judge.case, x64).horizon)
    with jax.enable_x64(x64):
        costs, faults = jax.eval_shape(lambda k, s: judge.comparator(k, s, at), key, spec)
    names = {cost.name for cost in registry.family(judge.case.family).costs}
    missing, foreign = sorted(names - set(costs)), sorted(set(costs) - names)
    require(not missing, f"{judge.id}: says nothing of the costs {', '.join(missing)}")
    require(not foreign, f"{judge.id}: the family has no costs {', '.join(foreign)}")
    number = jnp.float64 if x64 else jnp.float32
    for name, cost in costs.items():
        require(
            cost.dtype == number and cost.shape[1:] == lanes,
            f"{judge.id}: cost {name}: expected {jnp.dtype(number)}[checkpoints, {lanes}], "
            f"got {_kind(cost)}",
        )
    require(
        (faults.shape, faults.dtype) == (lanes, jnp.int32),
        f"{judge.id}: faults: expected int32{list(lanes)}, got {_kind(faults)}",
    )


def problem_is_what_its_entry_says(case: Case) -> None:
    """Problems, learners and their parameters are the same objects whenever they are asked for."""
    made, other = instance(case, False), instance(case, False, min(1, len(case.points)))
    require(
        hash(made.problem) == hash(other.problem),
        f"{case.problem}: build makes other functions at every point, so that each is compiled: "
        "expected functions of a module",
    )
    for learner in learners(case):
        algorithm_is_the_same_every_time(learner)


def algorithm_is_the_same_every_time(learner: Learner) -> None:
    """The entry names one algorithm, and a structure of parameters that values do not change."""
    same = hash(learner.algorithm) == hash(load(learner.entry.load))
    require(same, f"{learner.id}: its entry makes another algorithm every time it is loaded")
    structures = [jax.tree.structure(learner.params()) for _ in range(2)]
    require(
        structures[0] == structures[1],
        f"{learner.id}: the structure of its parameters is not equal to itself",
    )


# --- branches -------------------------------------------------------------------------------------


def conds(function: Callable, *arguments: Any) -> int:
    """How many ``cond`` there are in a function's program, inner programs included."""
    return sum(eqn.primitive.name == "cond" for eqn in equations(function, *arguments))


def lanes_do_not_turn_branches_into_both(learner: Learner) -> None:
    """A branch that is chosen per run is no branch in a block: both sides run for every lane.

    It counts in the layout that the engine uses for the learner. A native learner that branches
    on a whole block (``any`` lane needs it) loses that branch under ``vmap``, and may.
    """
    native = learner.native
    many = _branches(learner, (5,), False) if native else _branches(learner, (), True)
    one = _branches(learner, (), False)
    require(
        many == one,
        f"{learner.id}: act has {one} branches (lax.cond) for one run and {many} for a block, "
        "where both sides run for every lane: expected where() in place of a branch per run",
    )


def _branches(learner: Learner, lanes: Lanes, mapped: bool) -> int:
    """Branches of ``act``."""
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
