"""A job's way down the tree: who forwards it where, and with what probability it got there."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import hold
from jaxsoco.multistage.spec import Change, Levels, Policy
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco.multistage.theory.values import look_up, pick, spread_mask
from jaxsoco_kernels.mirror import categorical


class Visit(NamedTuple):
    """One node on the way of a job, ``[...]`` each.

    Attributes:
      place: its place in its level, -1 if the job had reached a leaf before, int32.
      child: the child that it chose, int32.
      weight: inverse probability by which the cost is divided: ``K_i / v`` after a uniform choice,
        ``1 / (v learned)`` else, with ``v`` the probability that jobs reach the node (or 1).
    """

    place: jax.Array
    child: jax.Array
    weight: jax.Array


def descend(
    tree: Tree, policy: Policy, key: random.AnyKey, ones: jax.Array, *, path_weight: bool = True
) -> tuple[jax.Array, tuple[Visit, ...]]:
    """Sends a job from the root to a leaf.

    Two uniforms a level: one says whether the node explores, one which child it takes.

    Args:
      tree: the tree.
      policy: of all nodes.
      key: consumed.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      path_weight: whether weights count the probability of reaching the node.

    Returns:
      The leaf's number, int32 ``[...]``, and the visits by level.
    """
    uniforms = random.draws(key, 2 * tree.depth, ones.dtype)
    place = jnp.zeros(ones.shape[1:], jnp.int32)
    leaf = jnp.zeros(ones.shape[1:], jnp.int32)
    reach = None
    visits = []
    for d, level in enumerate(tree.levels):
        row = hold(pick(policy.learned[d], place), ones)
        mode, uniform = uniforms[2 * d : 2 * d + 2]
        epsilon = policy.epsilon[d]
        child, explores = _choose(level, row, place, epsilon, mode, uniform, ones)
        chance = pick(row, child)
        inverse = 1 / chance
        taken = chance
        if epsilon is not None:
            degree = look_up(level.degree, place).astype(row.dtype)
            inverse = jnp.where(explores, degree, inverse)
            mixed = epsilon / degree + (1 - epsilon) * chance
            taken = jnp.where(look_up(level.inner, place) > 0, mixed, chance)
        weight = inverse if reach is None or not path_weight else inverse / reach
        visits.append(Visit(place, child, weight))
        reach = hold(taken if reach is None else reach * taken, ones)
        place, ended = _step(level, place, child)
        leaf = ended if level.regular else jnp.where(ended >= 0, ended, leaf)
    return leaf, tuple(visits)


def _choose(level: Level, row, place, epsilon, mode, uniform, ones) -> tuple[jax.Array, jax.Array]:
    """``(child, whether it explores)``."""
    width = row.shape[0]
    child = categorical(row, uniform)
    if epsilon is None:
        return hold(child.astype(row.dtype), ones).astype(jnp.int32), jnp.zeros(child.shape, bool)
    degree = look_up(level.degree, place)
    anything = jnp.minimum(degree - 1, (uniform * degree.astype(uniform.dtype)).astype(jnp.int32))
    explores = mode < epsilon
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
    index = place * width + child
    if level.regular:
        return index, index
    gone = place < 0
    below, leaf = (look_up(table.ravel(), index) for table in (level.below, level.leaf))
    return jnp.where(gone, -1, below), jnp.where(gone, -1, leaf)


def uniform_policy(tree: Tree, like: jax.Array) -> Levels:
    """Equal probabilities at every node, ``[n, K, ...] by level``."""
    return tuple(
        jnp.broadcast_to(
            spread_mask(level.mask / level.degree[:, None], like.ndim).astype(like.dtype),
            (*level.mask.shape, *like.shape),
        )
        for level in tree.levels
    )


def tables(tree: Tree, like: jax.Array, value: float, absent: float | None = None) -> Levels:
    """``[n, K, ...] by level`` of one value, another one for absent children."""
    absent = value if absent is None else absent
    return tuple(
        jnp.broadcast_to(
            spread_mask(np.where(level.mask, value, absent), like.ndim).astype(like.dtype),
            (*level.mask.shape, *like.shape),
        )
        for level in tree.levels
    )


def explorations(tree: Tree, epsilon: jax.Array) -> tuple[jax.Array | None, ...]:
    """Exploration of each level: ``epsilon`` where a node has a child that decides, else None."""
    return tuple(epsilon if level.inner.any() else None for level in tree.levels)


def start_change(tree: Tree, like: jax.Array) -> Change:
    """Nothing has changed yet."""
    place = tuple(jnp.full(like.shape, -1, jnp.int32) for _ in tree.levels)
    rows = tuple(jnp.zeros((tree.width, *like.shape), like.dtype) for _ in tree.levels)
    return Change(place, rows, None)
