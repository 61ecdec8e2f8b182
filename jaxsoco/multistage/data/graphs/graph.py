"""A graph as a file has it. No JAX."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import with_type

ENDS = (
    ("parent", "child"),
    ("source", "target"),
    ("from", "to"),
    ("src", "dst"),
    ("source", "destination"),
    ("start", "end"),
    ("tail", "head"),
    ("sender", "receiver"),
    ("from_node", "to_node"),
    ("source_node", "target_node"),
    ("from_id", "to_id"),
    ("parent", "id"),
    ("parent", "name"),
    ("parent", "node"),
    ("parent_id", "id"),
    ("parentid", "id"),
    ("u", "v"),
)
"""Names of the two ends of an edge, of columns and of fields, in any case."""

UNDIRECTED = "its edges have no direction: they are read as written, from parent to child"
"""Note about a graph that says of itself that it has no directions."""


class Graph(NamedTuple):
    """Names of nodes, and which of them are connected.

    Attributes:
      layout: of the file, in words: ``"node-link JSON"``; empty for the plainest ones.
      edges: pairs of a parent and a child, in the order of the file.
      nodes: names that the file lists besides.
      paths: from the root to every leaf, in place of edges: of a tree in which a name may stand
        at several places.
      notes: what was assumed or left out.
      hint: what to look at where the graph turns out to be no tree.
    """

    layout: str = ""
    edges: tuple[tuple[str, str], ...] = ()
    nodes: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] | None = None
    notes: tuple[str, ...] = ()
    hint: str = ""


def name_of(value: Any, place: str) -> str:
    """A node's name: a string, an integer, or a tuple of them, as nodes of a grid have.

    Raises:
      InputError: it is something else, or empty.
    """
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    if isinstance(value, list) and value and all(isinstance(v, str | int) for v in value):
        return f"({', '.join(map(str, value))})"
    raise InputError(Issue(place, f"found {with_type(value)}", "want a name, or an integer"))
