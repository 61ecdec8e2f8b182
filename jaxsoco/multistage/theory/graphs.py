"""Trees from names of nodes: paths from the root to the leaves, or the edges of a graph. No JAX.

A *place* is a path of names from the root. A *trie* maps the place of every inner node to those of
its children, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence

from jaxsoco.core.errors import InputError, Issue

MAX_NODES = 100_000
"""Most nodes of a tree: a graph with many paths unfolds into a large one."""

Place = tuple[Hashable, ...]

# --- paths ----------------------------------------------------------------------------------------


def trie_of(paths: Iterable[Sequence[Hashable]]) -> tuple[Mapping[Place, Iterable[Place]], Place]:
    """The trie of paths from the root to every leaf, and the root's place.

    Raises:
      InputError: no paths, two roots, a cycle, a path that is repeated or goes on past the end of
        another.
    """
    places = [tuple(path) for path in paths]
    issues = _path_issues(places)
    if issues:
        raise InputError(issues)
    # A dict to None serves as an ordered set: children keep the order of the paths.
    trie: dict[Place, dict[Place, None]] = {}
    for path in places:
        for i in range(1, len(path)):
            trie.setdefault(path[:i], {})[path[: i + 1]] = None
    return trie, places[0][:1]


def _path_issues(paths: list[Place]) -> list[Issue]:
    if not paths:
        return [Issue("paths", "there are none", "want one for every leaf")]
    issues = []
    roots = list(dict.fromkeys(path[0] for path in paths if path))
    if len(roots) > 1:
        issues.append(Issue("paths", f"{len(roots)} roots: {roots[0]} and {roots[1]}", "want one"))
    inner = {path[:i] for path in paths for i in range(1, len(path))}
    earlier: set[Place] = set()
    for i, path in enumerate(paths):
        key, text = f"paths[{i}]", " -> ".join(map(str, path))
        if len(path) < 2:
            issues.append(Issue(key, f"{text or 'nothing'} has no decision", "want two nodes"))
        elif len(set(path)) < len(path):
            issues.append(Issue(key, f"a cycle: {text} visits a node twice"))
        elif path in earlier:
            issues.append(Issue(key, f"{text} is there twice"))
        elif path in inner:
            issues.append(Issue(key, f"{text} ends where another path goes on"))
        earlier.add(path)
    return issues


# --- edges ----------------------------------------------------------------------------------------


def children_of(
    edges: Iterable[tuple[str, str]], nodes: Iterable[str]
) -> tuple[dict[str, list[str]], str]:
    """Children of every inner node of a directed acyclic graph, in order, and its root.

    Args:
      edges: ``(parent, child)`` names.
      nodes: further names that must occur in edges.

    Raises:
      InputError: no edges, a repeated edge, a cycle, an orphan (a node without an edge) or two
        roots.
    """
    below: dict[str, list[str]] = {}
    issues = []
    for parent, child in edges:
        siblings = below.setdefault(parent, [])
        if child in siblings:
            issues.append(Issue("edges", f"{parent} -> {child} is there twice"))
        siblings.append(child)
    reached = {child for row in below.values() for child in row}
    orphans = [name for name in dict.fromkeys(nodes) if name not in reached | set(below)]
    issues += [Issue("nodes", f"{name} is an orphan: no edge has it") for name in orphans]
    roots = [name for name in below if name not in reached]
    cycle = _cycle(below)
    if not below:
        issues.append(Issue("edges", "there are none", "want parent, child pairs"))
    elif cycle:
        issues.append(Issue("edges", f"a cycle: {' -> '.join(cycle)}"))
    elif len(roots) > 1:
        names = " and ".join(roots[:2]) + (" and more" if len(roots) > 2 else "")
        issues.append(Issue("edges", f"{len(roots)} roots: {names}", "want one"))
    if issues:
        raise InputError(issues)
    return below, roots[0]


def _cycle(below: Mapping[str, Sequence[str]]) -> list[str]:
    """Names along a cycle, its first one repeated at the end; nothing if there is none."""
    done: set[str] = set()
    for start in below:
        trail: dict[str, None] = {}
        # Depth first without recursion: False leaves a node whose children are all done.
        stack: list[tuple[str, bool]] = [(start, True)]
        while stack:
            name, enter = stack.pop()
            if not enter:
                del trail[name]
                done.add(name)
            elif name in trail:
                names = list(trail)
                return [*names[names.index(name) :], name]
            elif name not in done:
                trail[name] = None
                stack.append((name, False))
                stack.extend((child, True) for child in reversed(below.get(name, ())))
    return []


def unfold(
    below: Mapping[str, Sequence[str]], root: str
) -> tuple[Mapping[Place, Iterable[Place]], Place]:
    """The trie of all paths of a graph from its root to its sinks, and the root's place.

    Raises:
      InputError: more than ``MAX_NODES`` nodes.
    """
    trie: dict[Place, list[Place]] = {}
    # Breadth first: level order, and a shared node once for every path that leads to it.
    queue: deque[tuple[str, ...]] = deque([(root,)])
    count = 1
    while queue:
        place = queue.popleft()
        if place[-1] in below:
            children = [(*place, child) for child in below[place[-1]]]
            trie[place] = list(children)
            queue.extend(children)
            count += len(children)
        if count > MAX_NODES:
            message = f"the paths of the graph make a tree of over {MAX_NODES} nodes"
            raise InputError(Issue("edges", message, "leave out layers"))
    return trie, (root,)
