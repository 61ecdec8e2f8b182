"""Graphs and trees in JSON. No JAX.

==================  ============================================================================
layout              content
==================  ============================================================================
edges               ``{"edges": [["root", "a"], ...], "nodes": [...]}``, or the list alone
paths               ``{"paths": [["root", "a"], ...]}``
nested objects      ``{"root": {"a": {}, "b": {}}}``
node-link           ``{"nodes": [{"id": "root"}, ...], "links": [{"source": ..., "target": ...}]}``
                    or ``"edges"`` for ``"links"`` (networkx, d3)
tree                ``{"id": "root", "children": [{"id": "a"}]}``, or ``"name"`` (networkx, d3)
adjacency           ``{"nodes": [{"id": "root"}, ...], "adjacency": [[{"id": "a"}], ...]}``
Cytoscape           ``{"elements": {"nodes": [...], "edges": [{"data": {...}}]}}``, or a list
lists of children   ``{"root": ["a", "b"], "a": []}``
==================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.json_text import parse_json, parse_json_lines
from jaxsoco.core.problems import Problems
from jaxsoco.core.text import shorten
from jaxsoco.multistage.data.graphs.graph import ENDS, UNDIRECTED, Graph, name_of
from jaxsoco.multistage.theory.graphs import MAX_DEPTH

_WANT = "want an object with edges, paths or one root, or what networkx writes: "
_WANT += "node-link, tree, adjacency or Cytoscape data"
_NAMES = ("id", "name", "label", "title", "text")
_LEVELS = f"want {MAX_DEPTH} levels at most"


def read_json(text: str, lines: bool = False) -> Graph:
    """The graph in a text.

    Args:
      text: JSON.
      lines: it holds a value on each line.

    Raises:
      InputError: no JSON, or no layout that is known; each problem with its place.
    """
    content = parse_json_lines(text) if lines else parse_json(text, _LEVELS)
    if isinstance(content, list):
        return _from_list(content)
    if not isinstance(content, dict):
        raise InputError(Issue("top level", _WANT))
    return _from_object(content)


def _from_object(content: dict[str, Any]) -> Graph:
    inner = content.get("graph")
    if isinstance(inner, dict) and isinstance(inner.get("edges"), list) and "edges" not in content:
        content = inner  # JSON Graph Format has everything in there
    if isinstance(content.get("elements"), dict | list):
        return _cytoscape(content, content["elements"])
    if isinstance(content.get("adjacency"), list):
        return _adjacency(content)
    for key in ("links", "edges"):
        rows = content.get(key)
        if isinstance(rows, list):
            return _with_edges(content, key, rows)
    if isinstance(content.get("paths"), list):
        paths = (_names(p, f"paths[{i}]") for i, p in enumerate(content["paths"]))
        return Graph(paths=tuple(paths))
    if "children" in content and _name_key(content):
        return _tree(content)
    return _of_children(content)


# --- edges ----------------------------------------------------------------------------------------


def _with_edges(content: Mapping[str, Any], key: str, rows: Sequence[Any]) -> Graph:
    """Pairs of names, or objects with two ends."""
    nodes = content.get("nodes", [])
    linked = any(isinstance(row, dict) for row in rows)
    layout = "node-link JSON" if linked else ""
    names = _node_names(nodes)
    edges = _collected(rows, key, _link if linked else _pair)
    if linked and _are_places(rows, names):
        names_of_places = dict(enumerate(names))
        edges = [(names_of_places[int(a)], names_of_places[int(b)]) for a, b in edges]
    return _directed(content, Graph(layout, tuple(edges), tuple(names)))


def _from_list(rows: list[Any]) -> Graph:
    """A list of pairs, of objects with two ends, or of Cytoscape's elements."""
    if rows and all(isinstance(row, dict) and isinstance(row.get("data"), dict) for row in rows):
        return _cytoscape({}, rows)
    if rows and all(isinstance(row, list) for row in rows):
        return Graph(edges=tuple(_collected(rows, "", _pair)))
    if rows and all(isinstance(row, dict) for row in rows):
        return Graph("a list of edges", tuple(_collected(rows, "", _link)))
    raise InputError(Issue("top level", _WANT))


def _collected(
    rows: Iterable[Any], key: str, read: Callable[[Any, str], tuple[str, str] | None]
) -> list[tuple[str, str]]:
    """What ``read`` makes of every row; all that is wrong at once."""
    edges, problems = [], Problems()
    for i, row in enumerate(rows):
        try:
            edge = read(row, f"{key}[{i}]" if key else f"[{i}]")
        except InputError as error:
            problems.add("", "edges like these", error.issues[0])
            continue
        if edge is not None:
            edges.append(edge)
    problems.raise_if_any()
    return edges


def _pair(row: Any, place: str) -> tuple[str, str]:
    # What follows two names is the edge's data.
    if not isinstance(row, list) or not (
        len(row) == 2 or (len(row) == 3 and isinstance(row[2], dict | float))
    ):
        raise InputError(Issue(place, "want a list of 2 names"))
    return _names(row[:1], place)[0], _names(row[1:2], place)[0]


def _link(row: Any, place: str) -> tuple[str, str] | None:
    """The ends of an edge; None for a root, which has no parent."""
    if not isinstance(row, dict):
        raise InputError(Issue(place, "want an object with source and target"))
    keys = {key.casefold(): key for key in row}
    for first, second in ENDS:
        if first in keys and second in keys:
            parent, child = row[keys[first]], row[keys[second]]
            if first.startswith("parent") and parent in (None, ""):
                return None
            return name_of(parent, f"{place}.{keys[first]}"), name_of(
                child, f"{place}.{keys[second]}"
            )
    held = shorten(", ".join(row), 80) or "nothing"
    raise InputError(Issue(place, f"holds {held}", "want an object with source and target"))


def _are_places(rows: Sequence[Any], names: Sequence[str]) -> bool:
    """Whether links name their ends by the nodes' places in the list, as older files of d3 do."""
    ends = [row.get(key) for row in rows if isinstance(row, dict) for key in ("source", "target")]
    whole = all(isinstance(end, int) and 0 <= end < len(names) for end in ends)
    return bool(ends) and whole and not {str(end) for end in ends} <= set(names)


def _node_names(nodes: Any) -> list[str]:
    """Names of listed nodes: plain ones, objects with an id or a name, or keys."""
    if isinstance(nodes, dict):
        return [*nodes]
    if not isinstance(nodes, list):
        raise InputError(Issue("nodes", "want a list of names"))
    names = []
    for i, node in enumerate(nodes):
        place = f"nodes[{i}]"
        if isinstance(node, dict):
            key = _name_key(node)
            if not key:
                raise InputError(Issue(place, "has no id", "want an object with an id"))
            names.append(name_of(node[key], f"{place}.{key}"))
        elif isinstance(node, str | int):
            names.append(str(node))
        else:
            raise InputError(Issue("nodes", "want a list of names"))
    return names


def _names(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str | int) for v in value):
        raise InputError(Issue(place, "want a list of names"))
    return tuple(map(str, value))


def _name_key(node: Mapping[str, Any]) -> str:
    return next((key for key in _NAMES if key in node), "")


def _directed(content: Mapping[str, Any], graph: Graph) -> Graph:
    if content.get("directed", True) is not False:
        return graph
    return graph._replace(notes=(*graph.notes, UNDIRECTED), hint=UNDIRECTED)


# --- other layouts --------------------------------------------------------------------------------


def _adjacency(content: Mapping[str, Any]) -> Graph:
    names, rows = _node_names(content.get("nodes", [])), content["adjacency"]
    if len(names) != len(rows):
        message = f"has {len(rows)} rows for {len(names)} nodes"
        raise InputError(Issue("adjacency", message, "want a list for every node"))
    edges = []
    for i, (parent, row) in enumerate(zip(names, rows, strict=True)):
        if not isinstance(row, list):
            raise InputError(Issue(f"adjacency[{i}]", "want a list of neighbours"))
        edges += [(parent, child) for child in _node_names(row)]
    if content.get("directed") is False:  # every edge is there from both of its ends
        ranks = {name: i for i, name in enumerate(names)}
        edges = [(a, b) for a, b in edges if ranks.get(a, 0) <= ranks.get(b, 0)]
    return _directed(content, Graph("adjacency JSON", tuple(edges), tuple(names)))


def _cytoscape(content: Mapping[str, Any], elements: Any) -> Graph:
    if isinstance(elements, dict):
        nodes, edges = elements.get("nodes", []), elements.get("edges", [])
    else:
        nodes = [one for one in elements if "source" not in _data(one)]
        edges = [one for one in elements if "source" in _data(one)]
    if not isinstance(nodes, list) or not isinstance(edges, list):
        raise InputError(Issue("elements", "want lists of nodes and edges"))
    names = _node_names([_data(node) for node in nodes])
    pairs = _collected([_data(edge) for edge in edges], "elements.edges", _link)
    return _directed(content, Graph("Cytoscape JSON", tuple(pairs), tuple(names)))


def _data(element: Any) -> Any:
    inner = element.get("data", element) if isinstance(element, dict) else element
    return inner if isinstance(inner, dict) else {}


def _tree(root: dict[str, Any]) -> Graph:
    """Paths from the root to the leaves of objects with children, depth first."""
    key = _name_key(root)
    paths: list[tuple[str, ...]] = []
    stack: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while stack:
        above, node = stack.pop()
        place = " -> ".join(above) or "top level"
        if not isinstance(node, dict) or key not in node:
            raise InputError(Issue(place, f"a child has no {key}", f"want {_NAMES[0]} or name"))
        path = (*above, name_of(node[key], place))
        children = node.get("children") or []
        if not isinstance(children, list):
            raise InputError(Issue(" -> ".join(path), "children: want a list"))
        if len(path) > MAX_DEPTH + 1 or not children:
            paths.append(path)  # the tree says what is too deep
            continue
        stack += [(path, child) for child in reversed(children)]
    return Graph("tree JSON", paths=tuple(paths))


def _of_children(content: dict[str, Any]) -> Graph:
    """Objects within objects, or the children of every node by its name."""
    values = content.values()
    if content and all(isinstance(value, list) for value in values) and "nodes" not in content:
        edges = [(p, c) for p, row in content.items() for c in _names(row, p)]
        return Graph("lists of children", tuple(edges), tuple(content))
    if len(content) == 1:
        return Graph(paths=tuple(_nested(content)))
    if content and all(isinstance(value, dict) for value in values):
        edges = [(p, c) for p, row in content.items() for c in row]
        if edges and all(child in content for _, child in edges):  # networkx's dict of dicts
            return Graph("objects of children", tuple(edges), tuple(content))
        names = " and ".join([*content][:2])
        raise InputError(Issue("top level", f"{len(content)} roots: {names}", "want one"))
    held = shorten(", ".join(content), 120) or "nothing"
    raise InputError(Issue("top level", f"holds {held}: no layout that is known", _WANT))


def _nested(root: dict[str, Any]) -> list[tuple[str, ...]]:
    """Paths from the root to the leaves of nested objects, depth first."""
    paths: list[tuple[str, ...]] = []
    stack: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while stack:
        above, content = stack.pop()
        if not isinstance(content, dict):
            place = " -> ".join(above)
            raise InputError(Issue(place, "want an object of children, {} for a leaf"))
        if len(above) > MAX_DEPTH + 1 or not content:
            paths.append(above)
            continue
        stack += [((*above, name), content[name]) for name in reversed(content)]
    return paths
