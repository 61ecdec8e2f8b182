"""How every node plays: learned probabilities, and exploration above the leaves."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.multistage.spec import Levels, Policy
from jaxsoco.multistage.theory.levels import spread_like, spread_mask
from jaxsoco.multistage.theory.tree import Level, Tree


def policies(tree: Tree, learned: Levels, epsilon: jax.Array | None = None) -> Policy:
    """How every node plays, from a table of probabilities: what :func:`descend` takes.

    With ``epsilon``, a node with a child that is a decision node plays
    ``epsilon / K_i + (1 - epsilon) learned``; nodes above leaves only play what is learned.

    >>> from jaxsoco.multistage import Tree, policies, uniform_probabilities
    >>> tree, epsilon = Tree.complete(2, 2), jnp.array(0.1)
    >>> policy = policies(tree, uniform_probabilities(tree, epsilon), epsilon)
    >>> [rate is not None for rate in policy.epsilon]  # the root alone explores
    [True, False]

    Args:
      tree: the tree.
      learned: probabilities of the children, 0 for absent ones, ``[n, K, ...] by level``.
      epsilon: exploration, from 0 to 1, ``[...]``; None for none at all.

    Example:
      Nodes that follow the child with the smallest sum of costs::

        leaders = [one_hot(jnp.argmin(x, axis=1), tree.width, axis=1, dtype=float) for x in sums]
        policy = policies(tree, tuple(leaders))
    """
    if epsilon is None:
        return Policy(learned, (None,) * tree.depth)
    return Policy(learned, tuple(epsilon if level.inner.any() else None for level in tree.levels))


def uniform_probabilities(tree: Tree, like: jax.Array) -> Levels:
    """Equal probabilities of all children of every node, ``[n, K, ...] by level``.

    >>> from jaxsoco.multistage import Tree, uniform_probabilities
    >>> tree = Tree.from_edges([("root", "a"), ("root", "b"), ("a", "c")])
    >>> [table.tolist() for table in uniform_probabilities(tree, jnp.ones(()))]
    [[[0.5, 0.5]], [[1.0, 0.0]]]

    Args:
      tree: the tree.
      like: ``[...]``, whose lanes and dtype the tables get.
    """
    return tuple(spread_like(level.mask / level.degree[:, None], like) for level in tree.levels)


def play_probabilities(tree: Tree, policy: Policy) -> Levels:
    """What every node plays, exploration included, ``[n, K, ...] by level``.

    >>> from jaxsoco.multistage import Tree, play_probabilities, policies
    >>> tree = Tree.complete(2, 2)
    >>> learned = jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> play = play_probabilities(tree, policies(tree, learned, jnp.array(0.5)))
    >>> [table.tolist() for table in play]
    [[[0.75, 0.25]], [[1.0, 0.0], [0.0, 1.0]]]
    """
    return tuple(
        learned if epsilon is None else mix(level, learned, epsilon)
        for level, learned, epsilon in zip(tree.levels, *policy, strict=True)
    )


def mix(level: Level, learned: jax.Array, epsilon: jax.Array) -> jax.Array:
    """``epsilon / K_i + (1 - epsilon) learned`` at the nodes of a level that explore."""
    lanes = learned.ndim - 2
    # 1 / K_i for the children that there are.
    share = level.mask / level.degree[:, None]
    uniform = spread_mask(share, lanes).astype(learned.dtype)
    mixed = epsilon[None, None] * uniform + (1 - epsilon[None, None]) * learned
    if level.inner.all():
        return mixed
    # epsilon_i = 0 at nodes above leaves only.
    return jnp.where(spread_mask(level.inner, lanes + 1), mixed, learned)


def leaf_counts(tree: Tree) -> tuple[np.ndarray, ...]:
    """Leaves below every child, 0 for absent ones, ``[n, K] by level``."""
    counts: list[np.ndarray] = []
    for level in reversed(tree.levels):
        table = (level.leaf >= 0).astype(float)
        if counts:
            below = counts[-1].sum(axis=1)
            table = np.where(level.below >= 0, below[np.maximum(level.below, 0)], table)
        counts.append(table)
    return tuple(reversed(counts))
