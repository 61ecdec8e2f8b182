"""How likely the draws of a round are: what the gradient of an expected cost is made of."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.protocol import PyTree
from jaxsoco.multistage.spec import Action, Policy
from jaxsoco.multistage.theory.levels import look_up, pick
from jaxsoco.multistage.theory.tree import Level, Tree


def log_probability_of_path(params: PyTree, state: Any, obs: PyTree, action: Action) -> jax.Array:
    """``log_probability`` of learners whose nodes draw as the job passes them.

    The draws are the nodes' choices on the way of the job and, where they explore, whether each of
    them took any child: the learner weighs the cost by it.
    """
    del params, obs
    return log_chance_of_path(state.tree, action.policy, action.leaf, action.explored)


def log_chance_of_path(
    tree: Tree, policy: Policy, leaf: jax.Array, explored: tuple[jax.Array, ...] | None = None
) -> jax.Array:
    """Logarithm of the chance of a job's way to its leaf, ``[...]``.

    A node takes child ``m`` with the chance ``p_m``; one that explores takes it as any child with
    ``epsilon / K`` and as a learned one with ``(1 - epsilon) p_m``, which are two draws.

    Args:
      tree: the tree.
      policy: of all nodes.
      leaf: number of the leaf, int32 ``[...]``.
      explored: whether the node of each level took any child, bool ``[...]`` by level; None where
        no node explores.
    """
    total = jnp.zeros(leaf.shape, policy.learned[0].dtype)
    for d, (level, (places, children)) in enumerate(zip(tree.levels, ways(tree), strict=True)):
        place, child = look_up(places, leaf), look_up(children, leaf)
        passes = place >= 0
        row = pick(policy.learned[d], place)
        learned = jnp.where(passes, pick(row, child), 1)
        epsilon = policy.epsilon[d]
        if epsilon is None or explored is None:
            total = total + jnp.log(learned)
        else:
            total = total + _log_mixed(level, place, learned, epsilon, explored[d])
    return total


def _log_mixed(
    level: Level, place: jax.Array, learned: jax.Array, epsilon: jax.Array, explored: jax.Array
) -> jax.Array:
    """Of a node that explores: ``log(epsilon / K)``, or ``log((1 - epsilon) p)``."""
    explores = (look_up(level.inner, place) > 0) & (place >= 0)
    any_child, learned_child = explores & explored, ~(explores & explored)
    degree = look_up(level.degree, place).astype(learned.dtype)
    # What is not taken is 1, so that no derivative of it is infinite.
    share = jnp.where(any_child, epsilon / degree, 1)
    rest = jnp.where(explores & learned_child, 1 - epsilon, 1)
    return jnp.log(share) + jnp.log(rest) + jnp.log(jnp.where(learned_child, learned, 1))


@lru_cache(maxsize=64)
def ways(tree: Tree) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """For every level, the node (-1: none) and the child on the way to each leaf, ``[leaves]``."""
    table = [
        (np.full(tree.leaves, -1, np.int32), np.zeros(tree.leaves, np.int32)) for _ in tree.levels
    ]

    def walk(depth: int, place: int, way: list[tuple[int, int]]) -> None:
        level = tree.levels[depth]
        for child in np.flatnonzero(level.mask[place]):
            here = [*way, (place, int(child))]
            leaf = int(level.leaf[place, child])
            if leaf < 0:
                walk(depth + 1, int(level.below[place, child]), here)
                continue
            for d, (node, choice) in enumerate(here):
                table[d][0][leaf], table[d][1][leaf] = node, choice

    walk(0, 0, [])
    return tuple(table)
