"""A job's way down the tree: who forwards it where, and with what probability it got there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import hold
from jaxsoco.multistage.spec import Policy
from jaxsoco.multistage.theory.levels import look_up, pick
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco_kernels.mirror import categorical


class Visit(NamedTuple):
    """One node on the way of a job, ``[...]`` each.

    Attributes:
      place: its place in its level, -1 if the job had reached a leaf before, int32.
      child: the child that it chose, int32.
      weight: inverse probability by which the cost is divided: ``K_i / v`` after a uniform choice,
        ``1 / (v learned)`` otherwise, with ``v`` the probability that jobs reach the node (or 1).
    """

    place: jax.Array
    child: jax.Array
    weight: jax.Array


def first_visits(tree: Tree, like: jax.Array) -> tuple[Visit, ...]:
    """The visits of a learner's first state, before there is a job: of the kind of :func:`descend`.

    The state of a learner keeps its structure, so it has room for them from the start.

    >>> from jaxsoco.multistage import Tree, first_visits
    >>> visits = first_visits(Tree.complete(2, 2), jnp.ones(4))  # 4 lanes
    >>> [visit.place.shape for visit in visits]
    [(4,), (4,)]

    Args:
      tree: the tree.
      like: ``[...]``, whose lanes the visits get, and whose numbers and dtype their weights.
    """
    zeros = jnp.zeros(like.shape, jnp.int32)
    return tuple(Visit(zeros, zeros, like) for _ in tree.levels)


def descend(
    tree: Tree,
    policy: Policy,
    key: random.AnyKey,
    ones: jax.Array | None = None,
    *,
    path_weight: bool = True,
) -> tuple[jax.Array, tuple[Visit, ...]]:
    """Sends a job from the root to a leaf.

    Two uniforms a level: one says whether the node explores, one which child it takes.

    >>> from jaxsoco.multistage import Tree, descend, policies, uniform_probabilities
    >>> tree = Tree.complete(2, 2)
    >>> policy = policies(tree, uniform_probabilities(tree, jnp.ones(4)))  # 4 lanes
    >>> words = jnp.array([[0, 0, 0, 0], [1, 2, 3, 4]], jnp.uint32)
    >>> leaf, visits = descend(tree, policy, words)
    >>> leaf.shape, visits[1].weight.tolist()  # 1 / (0.5 * 0.5)
    ((4,), [4.0, 4.0, 4.0, 4.0])

    Args:
      tree: the tree.
      policy: of all nodes (:func:`policies`).
      key: words ``[2, ...]``, or a ``random.Stream``; consumed.
      ones: ones ``[K, ...]`` that the compiler does not know (:func:`jaxsoco.core.lanes.hold`):
        with them, loops on the CPU are several times faster. None for none.
      path_weight: whether weights count the probability of reaching the node.

    Returns:
      The leaf's number, int32 ``[...]``, and the visits by level.

    Example:
      What a learner does in a round::

        def act(key, params, state, obs):
            policy = policies(state.tree, state.learned)
            leaf, visits = descend(state.tree, policy, key)
            return Action(leaf, policy), replace(state, visits=visits)
    """
    leaf, visits, _ = draw_way(tree, policy, key, ones, path_weight=path_weight)
    return leaf, visits


def draw_way(
    tree: Tree,
    policy: Policy,
    key: random.AnyKey,
    ones: jax.Array | None = None,
    *,
    path_weight: bool = True,
) -> tuple[jax.Array, tuple[Visit, ...], tuple[jax.Array, ...]]:
    """As :func:`descend`, and whether the node of each level explored, bool ``[...]``."""
    if ones is None:
        root = policy.learned[0]
        ones = jnp.ones(root.shape[1:], root.dtype)
    uniforms = random.draws(key, 2 * tree.depth, ones.dtype)
    place = jnp.zeros(ones.shape[1:], jnp.int32)
    leaf = jnp.zeros(ones.shape[1:], jnp.int32)
    reach = None
    visits, explored = [], []
    for d, level in enumerate(tree.levels):
        row = hold(pick(policy.learned[d], place), ones)
        mode, uniform = uniforms[2 * d : 2 * d + 2]
        epsilon = policy.epsilon[d]
        child, explores = _choose(level, row, place, epsilon, mode, uniform, ones)
        chance = pick(row, child)
        inverse = 1 / chance
        taken = chance
        if epsilon is not None:
            # K_i after a uniform choice, 1 / learned otherwise; the child is taken with
            # probability epsilon / K_i + (1 - epsilon) learned either way.
            degree = look_up(level.degree, place).astype(row.dtype)
            inverse = jnp.where(explores, degree, inverse)
            mixed = epsilon / degree + (1 - epsilon) * chance
            taken = jnp.where(look_up(level.inner, place) > 0, mixed, chance)
        weight = inverse if reach is None or not path_weight else inverse / reach
        visits.append(Visit(place, child, weight))
        explored.append(explores)
        # v of the child: v of the node times the probability of the child.
        reach = hold(taken if reach is None else reach * taken, ones)
        place, ended = _step(level, place, child)
        leaf = ended if level.regular else jnp.where(ended >= 0, ended, leaf)
    return leaf, tuple(visits), tuple(explored)


def _choose(level: Level, row, place, epsilon, mode, uniform, ones) -> tuple[jax.Array, jax.Array]:
    """``(child, whether it explores)``."""
    width = row.shape[0]
    child = categorical(row, uniform)
    if epsilon is None:
        return hold(child.astype(row.dtype), ones).astype(jnp.int32), jnp.zeros(child.shape, bool)
    degree = look_up(level.degree, place)
    # floor(K_i u) is uniform over the children; K_i u may round up to K_i.
    anything = jnp.minimum(degree - 1, (uniform * degree.astype(uniform.dtype)).astype(jnp.int32))
    explores = mode < epsilon
    # epsilon_i = 0 at nodes above leaves only.
    if not level.inner.all():
        explores = explores & (look_up(level.inner, place) > 0)
    # Both in one float, so that the draws behind them are made once.
    code = jnp.where(explores, anything + width, child)
    code = hold(code.astype(row.dtype), ones).astype(jnp.int32)
    explores = code >= width
    return jnp.where(explores, code - width, code), explores


def _step(level: Level, place: jax.Array, child: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Place in the next level and number of the leaf; -1 for the one that it is not."""
    width = level.mask.shape[1]
    # In a complete level, child m of node i is number i K + m of what comes next.
    index = place * width + child
    if level.regular:
        return index, index
    gone = place < 0
    below, leaf = (look_up(table.ravel(), index) for table in (level.below, level.leaf))
    return jnp.where(gone, -1, below), jnp.where(gone, -1, leaf)


def end_of(tree: Tree, visits: Sequence[Visit]) -> tuple[jax.Array, jax.Array]:
    """The leaf at which a way ends, -1 if there is no way, and the weight of its last visit.

    Args:
      tree: the tree.
      visits: by level, place -1 where the way had ended before.

    Returns:
      The leaf's number, int32 ``[...]``, and the weight ``[...]``.
    """
    leaf, weight = jnp.full_like(visits[0].place, -1), visits[0].weight
    for level, visit in zip(tree.levels, visits, strict=True):
        weight = jnp.where(visit.place < 0, weight, visit.weight)
        index = jnp.where(visit.place < 0, 0, visit.place * level.mask.shape[1] + visit.child)
        ended = look_up(level.leaf.ravel(), index)
        leaf = jnp.where((visit.place >= 0) & (ended >= 0), ended, leaf)
    return leaf, weight
