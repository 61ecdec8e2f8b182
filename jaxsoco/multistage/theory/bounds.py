"""Rates and bounds of eps-EXP3 (arXiv 2404.04509, lemma 4 and theorem 2). No JAX."""

from __future__ import annotations

import math

import numpy as np

from jaxsoco.multistage.theory.tree import Tree


def theory_rates(depth: int, children: int, horizon: float) -> tuple[np.ndarray, float]:
    """Exploration and learning rate of eps-EXP3 on the complete tree.

    ``eta = T^(-H/(H+1))`` at every node; ``epsilon = min(1, K T^(-1/(H+1)))`` where a child is a
    decision node, 0 where all children are leaves.

    >>> from jaxsoco.multistage import theory_rates
    >>> epsilon, eta = theory_rates(depth=2, children=2, horizon=1000)
    >>> epsilon.round(3).tolist(), round(eta, 3)
    ([0.2, 0.0, 0.0], 0.01)

    Args:
      depth: decisions on a path, ``H``.
      children: choices of a node, ``K``.
      horizon: rounds, ``T``.

    Returns:
      ``(epsilon [N], eta)``, epsilon in level order.
    """
    return tree_rates(Tree.complete(depth, children), horizon)


def tree_rates(tree: Tree, horizon: float) -> tuple[np.ndarray, float]:
    """The same on any tree, with ``H`` its greatest depth and ``K`` its most children."""
    exponent = 1 / (tree.depth + 1)
    # Lemma 4's K T^(-1/(H+1)) exceeds 1 while T < K^(H+1).
    epsilon = min(1.0, tree.width * horizon**-exponent)
    return np.where(tree.inner, epsilon, 0.0), horizon ** (-tree.depth * exponent)


def regret_bound(depth: int, children: int, horizon: float, *, anytime: bool = False) -> float:
    """``((2H-1) K + H log K) T^(H/(H+1))``, the bound on the expected regret of eps-EXP3.

    With ``anytime`` it is that of the doubling version, ``g/(g-1)`` times as much with
    ``g = 2^(H/(H+1))``.

    >>> from jaxsoco.multistage import regret_bound
    >>> round(regret_bound(2, 2, 1000)), round(regret_bound(2, 2, 1000, anytime=True))
    (739, 1996)
    """
    power = depth / (depth + 1)
    bound = ((2 * depth - 1) * children + depth * math.log(children)) * horizon**power
    # The bounds of epochs of doubling length grow by the factor g: a geometric series.
    growth = 2.0**power
    return bound * growth / (growth - 1) if anytime else bound
