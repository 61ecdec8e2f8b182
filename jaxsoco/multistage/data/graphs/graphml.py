"""Graphs in GraphML. No JAX."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import one_line
from jaxsoco.core.problems import Problems
from jaxsoco.multistage.data.graphs.graph import UNDIRECTED, Graph

_LABELS = ("label", "name")


def read_graphml(text: str) -> Graph:
    """The nodes and edges of the first graph and of those in its nodes.

    Names are the nodes' ids, or labels where each node has its own.

    Raises:
      InputError: no XML, an edge without its ends, or edges of more than two nodes.
    """
    root = _parsed(text)
    kinds: dict[str, list[ElementTree.Element]] = {}
    for element in root.iter():
        kinds.setdefault(_kind(element), []).append(element)
    if "hyperedge" in kinds:
        hint = "want edges of a source and a target"
        raise InputError(Issue("hyperedge", "edges of several nodes are not read", hint))
    names = _labels(kinds.get("key", []), kinds.get("node", []))
    edges = _edges(kinds.get("edge", []), names)
    ids = (element.get("id", "") for element in kinds.get("node", []))
    nodes = tuple(names.get(node, node) for node in ids)
    undirected = any(one.get("edgedefault") == "undirected" for one in kinds.get("graph", []))
    notes = (UNDIRECTED,) if undirected else ()
    return Graph("GraphML", tuple(edges), nodes, notes=notes, hint="".join(notes))


def _parsed(text: str) -> ElementTree.Element:
    if "<!ENTITY" in text:  # which could make a small file a large one
        raise InputError(Issue("", "defines entities of XML, which are not read", "leave them out"))
    try:
        return ElementTree.fromstring(text.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(
            Issue("", f"is no GraphML: {one_line(error)}", "export it again")
        ) from None


def _kind(element: ElementTree.Element) -> str:
    """The name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def _edges(elements: Sequence[ElementTree.Element], names: dict[str, str]) -> list[tuple[str, str]]:
    edges, problems = [], Problems()
    for i, element in enumerate(elements):
        ends = element.get("source", ""), element.get("target", "")
        if not all(ends):
            issue = Issue(f"edge[{i}]", "has no source or no target", "want both")
            problems.add("", "edges like these", issue)
        edges.append((names.get(ends[0], ends[0]), names.get(ends[1], ends[1])))
    problems.raise_if_any()
    return edges


def _labels(
    keys: Sequence[ElementTree.Element], nodes: Sequence[ElementTree.Element]
) -> dict[str, str]:
    """Id -> label, where every node has one of its own; igraph counts nodes in its ids."""
    for label in _LABELS:
        of_label = {key.get("id") for key in keys if key.get("attr.name") == label}
        found = {
            node.get("id", ""): (data.text or "").strip()
            for node in nodes
            for data in node
            if _kind(data) == "data" and data.get("key") in of_label
        }
        texts = {*found.values()}
        if nodes and len(found) == len(texts) == len(nodes) and "" not in texts:
            return found
    return {}
