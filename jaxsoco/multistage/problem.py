"""The world: leaves that cost 1 or less, and the exact expected cost of a job.

Leaves that answer to their use, Pareto costs and costs that arrive later are there where the spec
says so; without, nothing of them is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align, hold, one_hot, runtime_ones
from jaxsoco.core.protocol import Problem
from jaxsoco.multistage.spec import Action, Costs, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.channel import Post, deliver, first_post
from jaxsoco.multistage.theory.levels import pick
from jaxsoco.multistage.theory.policy import mix, play_probabilities
from jaxsoco.multistage.theory.values import along_path, child_values, sweep


class World(NamedTuple):
    """State of the world.

    Attributes:
      round: rounds that are over, int32 ``[]``, the same for all lanes.
      segment: segment of the round, int32 ``[]``.
      values: expected cost of a job at every node, ``[n, ...] by level``.
      ones: see :func:`jaxsoco.core.lanes.hold`.
      use: share of the jobs that went to each leaf, averaged, ``[leaves, ...]``; None where no leaf
        answers to it.
      post: costs on the way; None where they arrive at once.
    """

    round: jax.Array
    segment: jax.Array
    values: Levels
    ones: jax.Array
    use: jax.Array | None = None
    post: Post | None = None


class Round(NamedTuple):
    """Nature's move: the costs of all leaves.

    Attributes:
      segment: int32 ``[]``.
      fresh: whether the leaves' chances are other than in the round before, bool ``[]``.
      draws: where the leaves' costs are drawn from.
    """

    segment: jax.Array
    fresh: jax.Array
    draws: random.AnyKey


def _init(key: jax.Array, spec: Spec) -> World:
    lanes, dtype = spec.lanes(key.shape[1:]), spec.chance.dtype
    ones = jnp.broadcast_to(runtime_ones(key, 1, dtype), (1, *lanes))
    values = tuple(jnp.zeros((level.size, *lanes), dtype) for level in spec.tree.levels)
    use = None if spec.answer is None else jnp.zeros((spec.tree.leaves, *lanes), dtype)
    post = None if spec.lost is None else first_post(spec.tree, spec.delay, ones[0])
    return World(jnp.int32(0), jnp.int32(-1), values, ones, use, post)


def _advance(key: random.AnyKey, spec: Spec, world: World) -> tuple[World, Round]:
    round = world.round + 1
    last = spec.segment_end.shape[0] - 1
    # A segment's last round is segment_end itself.
    over = spec.segment_end[jnp.clip(world.segment, 0, last)] < round
    segment = jnp.minimum(world.segment + ((world.segment < 0) | over), last)
    fresh = segment != world.segment
    return world._replace(round=round, segment=segment), Round(segment, fresh, key)


def _observe(spec: Spec, world: World, round: Round) -> Observation:
    del spec, world, round
    return Observation()


def _play(
    key: random.AnyKey, spec: Spec, world: World, round: Round, action: Action
) -> tuple[World, Feedback, Costs]:
    del key  # the leaves' costs are nature's move
    lanes = action.leaf.ndim
    chance = align(spec.chance[round.segment], 1, lanes)
    if world.use is not None:
        chance = chance + align(spec.answer, 2, lanes)[0] * world.use
        action, world = replace(action, change=None), _used(spec, world, action.leaf)
    base = None
    if spec.base is not None:
        base = align(spec.base[jnp.minimum(round.segment, spec.base.shape[0] - 1)], 1, lanes)
    # The cost is 1 with probability q, else base: its mean is base + (1 - base) q.
    means = chance if base is None else base + (1 - base) * chance
    values = _values(spec, world, round, action, means)
    leaves = chance, base, means
    if action.choices is None:
        drawn = random.draw_at(round.draws, action.leaf, chance.dtype)
        reached = [None if x is None else pick(x, action.leaf) for x in leaves]
        happened = _happened(spec, drawn, reached)
        # What the learner does with the cost waits for the values, so that its tables may be
        # changed in place: else they are copied in every round for the values' rare branch.
        ones = jnp.where(jnp.isnan(values[0]), values[0], world.ones)
        cost = hold(happened, ones)
        feedback = Feedback(cost, None)
    else:
        cost, feedback = _everywhere(spec, round, action, values, leaves)
    if world.post is not None:
        world, feedback = _posted(spec, world, round, action, cost)
    edges = [_edge(spec, action, node) for node in spec.track]
    costs = Costs(values[0][0], cost, *edges)
    return world._replace(values=values), feedback, costs


def _happened(spec: Spec, drawn: jax.Array, leaves: Sequence[Any]) -> jax.Array:
    """Costs by uniforms ``drawn``: 1 with probability ``chance``, else ``base``; or Pareto."""
    chance, base, means = leaves
    if spec.tail is None:
        one = jnp.ones((), chance.dtype)
        return jnp.where(drawn < chance, one, 0 * one if base is None else base)
    # m (1 - 1 / tail) u^(-1 / tail) has the mean m.
    return means * (1 - 1 / spec.tail) * drawn ** (-1 / spec.tail)


def _used(spec: Spec, world: World, leaf: jax.Array) -> World:
    """The world after a job has gone to ``leaf``."""
    assert world.use is not None and spec.memory is not None
    reached = one_hot(leaf, spec.tree.leaves, dtype=world.ones.dtype)
    return world._replace(use=world.use + (reached - world.use) / spec.memory)


def _posted(
    spec: Spec, world: World, round: Round, action: Action, cost: jax.Array
) -> tuple[World, Feedback]:
    """The world with the cost on its way, and the feedback that arrives."""
    assert world.post is not None and spec.lost is not None
    # A draw behind those of the leaves' costs.
    behind = jnp.full(action.leaf.shape, spec.tree.leaves, jnp.int32)
    lost = random.draw_at(round.draws, behind, cost.dtype) < spec.lost
    post, feedback = deliver(world.post, world.round, action, cost, lost)
    return world._replace(post=post), feedback


def _values(spec: Spec, world: World, round: Round, action: Action, means: jax.Array) -> Levels:
    """Expected cost of a job at every node in this round."""
    lanes = action.leaf.shape
    change = action.change

    def whole(_) -> Levels:
        play = play_probabilities(spec.tree, action.policy)
        values = sweep(spec.tree, play, means)
        return tuple(jnp.broadcast_to(v, (v.shape[0], *lanes)) for v in values)

    if change is None:
        return whole(None)
    fresh = round.fresh
    if change.everywhere is not None:
        fresh = fresh | jnp.ravel(change.everywhere)[0]
    # One branch runs, because the predicate has no lanes.
    return jax.lax.cond(
        fresh,
        whole,
        lambda values: along_path(spec.tree, values, change.place, change.rows, means, world.ones),
        world.values,
    )


def _everywhere(spec: Spec, round: Round, action: Action, values: Levels, leaves):
    """Cost and feedback where every node chose a child: its cost is that of the child's choice."""
    tree, (chance, _, means) = spec.tree, leaves
    lanes = action.leaf.shape
    every = jnp.arange(tree.leaves, dtype=jnp.int32).reshape(-1, *(1,) * len(lanes))
    every = jnp.broadcast_to(every, (tree.leaves, *lanes))
    drawn = random.draw_at(round.draws, every, chance.dtype)
    happened = _happened(spec, drawn, leaves)
    reports, below = [], None
    assert action.choices is not None
    for level, choice in zip(reversed(tree.levels), reversed(action.choices), strict=True):
        children = child_values(level, below, happened)
        reports.append(children)
        # y_i is y of the child that node i chose.
        below = pick(jnp.moveaxis(children, 1, 0), choice)
    assert below is not None
    cost = below[0]
    # The children report w in place of y: the expected costs of this round's play.
    if action.feedback == "expected":
        deeper = (*values[1:], None)
        means = jnp.broadcast_to(means, (tree.leaves, *lanes))
        reports = [child_values(*pair, means) for pair in zip(tree.levels, deeper, strict=True)]
        return cost, Feedback(cost, tuple(reports))
    return cost, Feedback(cost, tuple(reversed(reports)))


def _edge(spec: Spec, action: Action, node: int) -> jax.Array:
    """Play probability of the edge to a node, ``[...]``."""
    if not node:
        return jnp.zeros(action.leaf.shape, spec.chance.dtype)
    ((parent, child),) = [
        (i, row.index(node)) for i, row in enumerate(spec.tree.children) if node in row
    ]
    (depth,) = [
        d for d, level in enumerate(spec.tree.levels) if 0 <= parent - level.first < level.size
    ]
    level, epsilon = spec.tree.levels[depth], action.policy.epsilon[depth]
    learned = action.policy.learned[depth]
    play = learned if epsilon is None else mix(level, learned, epsilon)
    return play[parent - level.first, child]


multistage = Problem(_init, _advance, _observe, _play, counter=True)
"""Jobs on a tree of agents: ``spec`` is a :class:`~jaxsoco.multistage.spec.Spec`."""
