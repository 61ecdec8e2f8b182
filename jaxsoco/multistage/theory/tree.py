"""Trees of agents: level order, complete or ragged, with their tables. No JAX.

Decision nodes are numbered in level order, ``0 .. N - 1`` with the root 0; the leaves follow from
left to right, ``N .. N + leaves - 1``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.theory.graphs import MAX_NODES, MAX_TABLE, children_of, trie_of, unfold


class Level(NamedTuple):
    """Decision nodes of one depth, in order; ``K`` is the tree's width.

    Attributes:
      first: id of the first of them.
      mask: which children there are, bool ``[n, K]``.
      degree: children of each, ``[n]``.
      below: place of each child in the next level, -1 for leaves and absent ones, ``[n, K]``.
      leaf: number of each child that is a leaf, -1 for the others, ``[n, K]``.
      inner: whether a node has a child that is not a leaf, bool ``[n]``.
      regular: every path from the root gets here, all children are there, and all are leaves or
        none is, in plain order.
    """

    first: int
    mask: np.ndarray
    degree: np.ndarray
    below: np.ndarray
    leaf: np.ndarray
    inner: np.ndarray
    regular: bool

    @property
    def size(self) -> int:
        """Number of nodes ``n``."""
        return len(self.mask)


@dataclass(frozen=True)
class Tree:
    """A tree in level order. Hashable, so that it can be a static field.

    Attributes:
      children: ids of the children of every decision node, left to right.
      names: a name for every node, decision nodes first; their ids if empty.
    """

    children: tuple[tuple[int, ...], ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks that it is a tree in the order that the class says."""
        edges = [child for row in self.children for child in row]
        inner = [child for child in edges if child < self.nodes]
        if not self.children or min(map(len, self.children)) < 1:
            raise ValueError("a tree needs a decision node, and each of them a child")
        if sorted(edges) != list(range(1, len(edges) + 1)) or inner != sorted(inner):
            raise ValueError("want every node but the root once, decision nodes in level order")
        if [leaf for leaf in self._walk() if leaf >= self.nodes] != [
            *range(self.nodes, len(edges) + 1)
        ]:
            raise ValueError("want the leaves from left to right after the decision nodes")
        if self.names and len(self.names) != len(edges) + 1:
            raise ValueError(f"want {len(edges) + 1} names, got {len(self.names)}")

    @classmethod
    def complete(cls, depth: int, children: int) -> Tree:
        """The complete tree of ``depth`` decisions with ``children`` choices each.

        Raises:
          ValueError: ``depth`` or ``children`` below 1, or more than ``MAX_NODES`` nodes.
        """
        if depth < 1 or children < 1:
            raise ValueError(f"want depth and children >= 1, got {depth} and {children}")
        if sum(children**d for d in range(depth + 1)) > MAX_NODES:
            raise ValueError(f"a complete tree ({depth}, {children}) has over {MAX_NODES} nodes")
        nodes = sum(children**d for d in range(depth))
        return cls(
            tuple(tuple(range(i * children + 1, (i + 1) * children + 1)) for i in range(nodes))
        )

    @classmethod
    def from_paths(cls, paths: Iterable[Sequence[Hashable]]) -> Tree:
        """The tree of all given paths, from sequences of node names from the root to a leaf.

        A node that several paths reach by different ways stands at several places: the paths of a
        directed acyclic graph become the leaves of a tree. Children keep the order in which the
        paths name them first.

        Raises:
          InputError: no paths, two roots, a cycle, a path that is repeated or goes on past the
            end of another.
        """
        trie, root = trie_of(paths)
        # Every place but the root is once a child.
        if 1 + sum(map(len, trie.values())) > MAX_NODES:
            raise InputError(Issue("paths", f"they make a tree of over {MAX_NODES} nodes"))
        return cls._number(trie, root, lambda place: str(place[-1]))

    @classmethod
    def from_edges(cls, edges: Iterable[tuple[str, str]], nodes: Iterable[str] = ()) -> Tree:
        """The tree of all paths of a directed acyclic graph from its root to its sinks.

        Args:
          edges: ``(parent, child)`` names; children keep their order.
          nodes: further names that must occur in edges.

        Raises:
          InputError: no edges, a repeated edge, a cycle, an orphan (a node without an edge), two
            roots, or more than ``MAX_NODES`` nodes after unfolding.
        """
        return cls._number(*unfold(*children_of(edges, nodes)), lambda place: place[-1])

    @classmethod
    def _number(cls, trie: Mapping[tuple, Collection[tuple]], root: tuple, name) -> Tree:
        """Numbers places (paths from the root): inner ones by level, then leaves left to right."""
        order, queue = [], deque([root])
        while queue:
            place = queue.popleft()
            if place in trie:
                order.append(place)
                queue.extend(trie[place])
        width = max(len(trie[place]) for place in order)
        if len(order) * width > MAX_TABLE:
            message = f"{len(order)} decision nodes with up to {width} children make a table of "
            message += f"{len(order) * width} entries"
            raise InputError(Issue("tree", message, f"want at most {MAX_TABLE}"))
        leaves, stack = [], [root]
        while stack:
            place = stack.pop()
            if place in trie:
                stack.extend(reversed([*trie[place]]))
            else:
                leaves.append(place)
        ids = {place: i for i, place in enumerate([*order, *leaves])}
        children = tuple(tuple(ids[child] for child in trie[place]) for place in order)
        return cls(children, tuple(map(name, ids)))

    # --- sizes ----------------------------------------------------------------------------------

    @property
    def nodes(self) -> int:
        """Number of decision nodes ``N``."""
        return len(self.children)

    @cached_property
    def leaves(self) -> int:
        """Number of leaves."""
        return sum(map(len, self.children)) + 1 - self.nodes

    @cached_property
    def width(self) -> int:
        """Most children of a node, ``K``."""
        return max(map(len, self.children))

    @property
    def depth(self) -> int:
        """Most decisions on a path, ``H``."""
        return len(self.levels)

    @cached_property
    def ragged(self) -> bool:
        """Whether it is not complete."""
        return not all(level.regular for level in self.levels)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Decision nodes by depth."""
        levels, ids = [], [0]
        while ids:
            deeper = [c for i in ids for c in self.children[i] if c < self.nodes]
            levels.append(self._level(ids, deeper, not levels or levels[-1].regular))
            ids = deeper
        return tuple(levels)

    def _level(self, ids: list[int], deeper: list[int], whole: bool) -> Level:
        """The level of the nodes ``ids``; ``whole``: every path from the root gets there."""
        shape = (len(ids), self.width)
        below, leaf = np.full(shape, -1), np.full(shape, -1)
        first = deeper[0] if deeper else 0
        for i, node in enumerate(ids):
            for m, child in enumerate(self.children[node]):
                if child < self.nodes:
                    below[i, m] = child - first
                else:
                    leaf[i, m] = child - self.nodes
        mask = (below >= 0) | (leaf >= 0)
        plain = np.arange(mask.size).reshape(shape)
        regular = whole and (np.array_equal(below, plain) or np.array_equal(leaf, plain))
        return Level(
            ids[0],
            mask,
            mask.sum(axis=1),
            below,
            leaf,
            np.asarray((below >= 0).any(axis=1)),
            regular,
        )

    @cached_property
    def mask(self) -> np.ndarray:
        """Which children there are, bool ``[N, K]``."""
        return np.concatenate([level.mask for level in self.levels])

    @cached_property
    def inner(self) -> np.ndarray:
        """Decision nodes with a child that is a decision node, bool ``[N]``."""
        return np.concatenate([level.inner for level in self.levels])

    def name(self, node: int) -> str:
        """A node's name."""
        return self.names[node] if self.names else str(node)

    def leaf_paths(self) -> list[tuple[int, ...]]:
        """Node ids from the root to every leaf, from left to right."""
        parent = {child: i for i, row in enumerate(self.children) for child in row}
        paths = []
        for leaf in range(self.nodes, self.nodes + self.leaves):
            path = [leaf]
            while path[-1]:
                path.append(parent[path[-1]])
            paths.append(tuple(reversed(path)))
        return paths

    def _walk(self) -> Iterable[int]:
        """Ids in depth-first order."""
        stack = [0]
        while stack:
            node = stack.pop()
            yield node
            if node < self.nodes:
                stack.extend(reversed(self.children[node]))
