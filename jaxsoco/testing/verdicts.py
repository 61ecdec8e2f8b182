"""What properties raise, and how they compare trees: in words for the author of the entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

TOLERANCE = 1e-12
"""Of the largest number, where the same operations are taken in another order (float64)."""


class NotApplicable(Exception):
    """A property that does not apply to an entry; says why."""


def require(condition: Any, message: str) -> None:
    """Raises ``AssertionError(message)`` unless the condition holds (also under ``python -O``)."""
    if not condition:
        raise AssertionError(message)


def kinds(tree: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Structure of a pytree, and shape and dtype of every leaf."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def require_same_kinds(tree: Any, wanted: Any, what: str) -> None:
    """Raises unless two pytrees agree in structure, shapes and dtypes.

    Args:
      tree: what an entry returned.
      wanted: what it should be like.
      what: what it returned, in words.
    """
    if kinds(tree) == kinds(wanted):
        return
    had, has = _described(wanted), _described(tree)
    pairs = [(had.get(place, "nothing"), has.get(place, "nothing")) for place in {**had, **has}]
    places = [place or "it" for place in {**had, **has}]
    changes = [f"{p} was {a} and is {b}" for p, (a, b) in zip(places, pairs, strict=True) if a != b]
    detail = "; ".join(changes) or f"{jax.tree.structure(wanted)} is {jax.tree.structure(tree)}"
    raise AssertionError(f"{what}: expected the same structure, shapes and dtypes, but {detail}")


def _described(tree: Any) -> dict[str, str]:
    """Place of every leaf -> ``float32[2]``."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path).lstrip("."): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in leaves
    }


def differs(a: Any, b: Any) -> bool:
    """Whether two trees of arrays differ in any bit that counts (NaN differs from itself)."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return any(not np.array_equal(x, y) for x, y in pairs)


def require_same_costs(costs: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    """Raises unless costs by name agree to :data:`TOLERANCE` of the largest of them."""
    scale = max(np.abs(cost).max() for cost in wanted.values())
    require(scale > 0, f"{what}: every cost is 0, so that there is nothing to compare")
    require(costs.keys() == wanted.keys(), f"{what}: costs {[*costs]} and {[*wanted]}")
    for name, cost in wanted.items():
        np.testing.assert_allclose(
            costs[name], cost, rtol=0, atol=TOLERANCE * scale, err_msg=f"{what}: {name}"
        )


def require_same_trees(tree: Any, wanted: Any, what: str) -> None:
    """Raises unless two trees agree: numbers to :data:`TOLERANCE`, all else in every bit.

    What is as small as a rounding of the largest number, such as what compensation keeps beside a
    sum, agrees to that rounding.
    """
    leaves = dict(jax.tree_util.tree_leaves_with_path(tree))
    largest = max(map(_magnitude, jax.tree.leaves(wanted)), default=0.0)
    for path, leaf in jax.tree_util.tree_leaves_with_path(wanted):
        other, place = leaves[path], f"{what}: {jax.tree_util.keystr(path)}"
        require(other.dtype == leaf.dtype, f"{place}: {other.dtype} and {leaf.dtype}")
        if np.issubdtype(leaf.dtype, np.inexact):
            rounding = float(np.finfo(leaf.dtype).eps) * largest
            slack = max(TOLERANCE * _magnitude(leaf), rounding)
            np.testing.assert_allclose(other, leaf, rtol=0, atol=slack, err_msg=place)
        else:
            np.testing.assert_array_equal(other, leaf, err_msg=place)


def _magnitude(leaf: Any) -> float:
    """The largest finite number; 0 of whole numbers, and of a leaf that is empty or infinite."""
    if not np.issubdtype(leaf.dtype, np.inexact):
        return 0.0
    return float(np.abs(leaf).max(initial=0, where=np.isfinite(leaf)))
