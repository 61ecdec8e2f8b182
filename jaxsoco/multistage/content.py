"""A problem in numbers: the costs of its leaves and the edges that are tracked. No JAX."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.multistage.settings_problems import TrackedEdges
from jaxsoco.multistage.theory.tree import Tree


class Content(NamedTuple):
    """Leaf costs: 1 with probability ``chance [segments, leaves]``, else ``base`` (or 0).

    ``base`` is ``[segments, leaves]``, or ``[1, leaves]`` if it is the same in all segments.
    ``extras`` are further fields of the :class:`~jaxsoco.multistage.spec.Spec`.
    """

    name: str
    tree: Tree
    chance: Any
    base: np.ndarray | None
    segment_end: np.ndarray
    horizon: int
    track: tuple[int, int]
    extras: dict[str, Any]


def prepared_from(
    name: str,
    settings: TrackedEdges,
    tree: Tree,
    chance: Any,
    ends: Any,
    *,
    base: np.ndarray | None = None,
    source: dict[str, Any] | None = None,
    notes: tuple[str, ...] = (),
    extras: dict[str, Any] | None = None,
) -> Prepared:
    """Costs of the leaves, and tracked edges that the tree has.

    Args:
      name: of the problem.
      settings: the horizon and the tracked edges.
      tree: of the agents.
      chance: ``[segments, leaves]``, the probability of the cost 1.
      ends: the last round of every segment.
      base: the cost otherwise; None for 0.
      source: what identifies the files behind the numbers.
      notes: on those files, for people.
      extras: further fields of the spec.

    Raises:
      InputError: the tree has no such node.
    """
    track = (settings.track_first, settings.track_second)
    nodes = tree.nodes + tree.leaves
    wrong = [node for node in track if node >= nodes]
    if wrong:
        message = f"the tree has no node {wrong[0]}"
        raise InputError(Issue("problem.track_first", message, f"want an id below {nodes}"))
    ends = np.asarray(ends, np.int64)
    extras = extras or {}
    content = Content(name, tree, chance, base, ends, settings.horizon, track, extras)
    digest = hashlib.sha256(ends.tobytes()).hexdigest()
    group = (tree, len(ends), digest, None if base is None else len(base), track)
    if extras:
        group += (tuple(sorted(extras)), extras.get("delay", 0))
    identity = {}
    if source:
        identity = {**source, "children": [list(row) for row in tree.children]}
        files = (f"{what}: {value}" for what, value in source.items() if what != "sha256")
        notes = (*files, *notes)
    return Prepared(content, group, identity, notes)
