"""Trees from names of nodes: paths from the root to the leaves, or the edges of a graph. No JAX.

A *place* is a path of names from the root. A *trie* maps the place of every inner node to those of
its children, in order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import show

MAX_NODES = 100_000
"""Most nodes of a tree: a graph with many paths unfolds into a large one."""

MAX_DEPTH = 64
"""Most decisions on a path: a place is as long as its path, and programs grow with each level."""

MAX_TABLE = 1_000_000
"""Most decision nodes times most children of one: learners keep a number for each pair."""

_SHOWN = 10
"""Faults of one kind that are listed."""

Place = tuple[Hashable, ...]

# --- paths ----------------------------------------------------------------------------------------


def trie_of(paths: Iterable[Sequence[Hashable]]) -> tuple[Mapping[Place, Collection[Place]], Place]:
    """The trie of paths from the root to every leaf, and the root's place.

    Raises:
      InputError: no paths, two roots, a cycle, a path that is repeated or goes on past the end of
        another.
    """
    places = [tuple(path) for path in paths]
    if max(map(len, places), default=0) > MAX_DEPTH + 1:
        raise InputError(_too_deep("paths"))
    if sum(map(len, places)) > MAX_DEPTH * MAX_NODES:
        raise InputError(Issue("paths", f"they make a tree of over {MAX_NODES} nodes"))
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
        key, text = f"paths[{i}]", _joined(path)
        if len(path) < 2:
            issues.append(Issue(key, f"{text or 'nothing'} has no decision", "want two nodes"))
        elif len(set(path)) < len(path):
            issues.append(Issue(key, f"a cycle: {text} visits a node twice"))
        elif path in earlier:
            issues.append(Issue(key, f"{text} is there twice"))
        elif path in inner:
            issues.append(Issue(key, f"{text} ends where another path goes on"))
        earlier.add(path)
    if len(issues) > _SHOWN:
        issues = [*issues[:_SHOWN], Issue("paths", f"and {len(issues) - _SHOWN} more faults")]
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
    counts = Counter(edges)
    below: dict[str, list[str]] = {}
    for parent, child in counts:
        below.setdefault(parent, []).append(child)
    twice = [f"{a} -> {b} is there twice" for (a, b), count in counts.items() if count > 1]
    reached = {child for row in below.values() for child in row}
    ends = reached.union(below)
    # Without any edge all of them are, for one cause.
    orphans = [name for name in dict.fromkeys(nodes) if name not in ends] if below else []
    issues = [
        *_listed("edges", twice),
        *_listed("nodes", [f"{name} is an orphan: no edge has it" for name in orphans]),
    ]
    roots = [name for name in below if name not in reached]
    cycle = _cycle(below)
    if not below:
        issues.append(Issue("edges", "there are none", "want parent, child pairs"))
    elif cycle:
        issues.append(Issue("edges", f"a cycle: {_joined(cycle)}"))
    elif len(roots) > 1:
        names = " and ".join(roots[:2]) + (" and more" if len(roots) > 2 else "")
        issues.append(Issue("edges", f"{len(roots)} roots: {names}", "want one"))
    if issues:
        raise InputError(issues)
    return below, roots[0]


def _listed(place: str, messages: Sequence[str]) -> list[Issue]:
    """An issue for each message; of many the rest is counted."""
    issues = [Issue(place, message) for message in messages[:_SHOWN]]
    if len(messages) > _SHOWN:
        issues.append(Issue(place, f"and {len(messages) - _SHOWN} more like these"))
    return issues


def _joined(names: Sequence[Hashable]) -> str:
    """A path in words, its middle left out where it is long."""
    texts = [*map(str, names)]
    return " -> ".join(texts if len(texts) <= _SHOWN else [*texts[:4], "...", *texts[-4:]])


def _too_deep(place: str) -> Issue:
    return Issue(place, f"a path has over {MAX_DEPTH} decisions", "want a shallower tree")


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


def _paths_from(root: str, below: Mapping[str, Sequence[str]]) -> int:
    """Number of paths from a node to the sinks of a graph without cycles."""
    counts: dict[str, int] = {}
    stack = [root]
    while stack:
        name = stack[-1]
        if name in counts:
            stack.pop()
            continue
        ahead = [child for child in below.get(name, ()) if child not in counts]
        if ahead:  # first those, then this one again
            stack += ahead
            continue
        counts[name] = sum(counts[child] for child in below.get(name, ())) or 1
    return counts[root]


def unfold(
    below: Mapping[str, Sequence[str]], root: str
) -> tuple[Mapping[Place, Collection[Place]], Place]:
    """The trie of all paths of a graph from its root to its sinks, and the root's place.

    Raises:
      InputError: more than ``MAX_NODES`` nodes, or ``MAX_DEPTH`` decisions on a path.
    """
    trie: dict[Place, list[Place]] = {}
    # Breadth first: level order, and a shared node once for every path that leads to it.
    queue: deque[tuple[str, ...]] = deque([(root,)])
    count = 1
    while queue:
        place = queue.popleft()
        if place[-1] in below:
            if len(place) > MAX_DEPTH:
                raise InputError(_too_deep("edges"))
            children = [(*place, child) for child in below[place[-1]]]
            trie[place] = list(children)
            queue.extend(children)
            count += len(children)
        if count > MAX_NODES:
            message = f"the {show(_paths_from(root, below))} paths of the graph make a tree of "
            message += f"over {MAX_NODES} nodes"
            raise InputError(Issue("edges", message, "leave out layers"))
    return trie, (root,)
