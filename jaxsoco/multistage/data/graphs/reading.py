"""A graph from a file of any layout: :func:`read_graph`. No JAX."""

from __future__ import annotations

import re
from pathlib import Path

from jaxsoco.core.content import HINTS, Content, kind_of, read_content
from jaxsoco.core.dialects import SEPARATORS
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.data.graphs.dot import read_dot
from jaxsoco.multistage.data.graphs.edge_lists import read_edges
from jaxsoco.multistage.data.graphs.graph import Graph
from jaxsoco.multistage.data.graphs.graphml import read_graphml
from jaxsoco.multistage.data.graphs.json_layouts import read_json

# Of DOT, and of programs that write it; a list of edges has them, too.
_COMMENTS = re.compile(r"\A(?:\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_TUPLE = re.compile(r"\([^()\r\n]*\)[ \t,;]+\(")
# What has names on its lines and is no list of edges.
_DIAGRAMS = {
    "Mermaid": re.compile(r"(?:graph|flowchart)\s+(?:TB|TD|BT|RL|LR)\b", re.IGNORECASE),
    "PlantUML": re.compile(r"@start(?:uml|mindmap|wbs)\b", re.IGNORECASE),
    "YAML": re.compile(
        r"(?:---\s*\n|%YAML)|(?:- )?[\w-]+:(?:[ \t]*\n[ \t]+\S|[ \t]+\S+[ \t]*\n[ \t-]*[\w-]+:)"
    ),
}
_OUTLINE = re.compile(r"(?:[ \t]*\S+[ \t]*(?>\r\n|\r|\n|\Z))+")
_INDENTED = re.compile(r"^[ \t]+\S", re.MULTILINE)
_WANT = "want a list of edges, JSON, GraphML or DOT"


def read_graph(path: Path) -> Graph:
    """Reads a file of nodes and edges, of the layout that its content shows.

    Raises:
      InputError: the file cannot be read, or its layout is not known; each problem with its place.
    """
    content = read_content(path, f"{_WANT}, in UTF-8")
    try:
        return _graph(content)
    except InputError as error:
        raise error.under(path.name) from None


def _graph(content: Content) -> Graph:
    kind = _kind(content)
    if kind.startswith("JSON"):
        return read_json(content.text, lines=kind == "JSON Lines")
    if kind == "GraphML":
        return read_graphml(content.text)
    if kind == "DOT":
        return read_dot(content.text)
    if kind:
        raise InputError(Issue("", f"holds {kind}, which is not read", HINTS.get(kind, _WANT)))
    return read_edges(content)


def _kind(content: Content) -> str:
    """What the content is; names tell where it does not: an empty file is no table of edges."""
    head, ending = content.text.lstrip()[:2000], content.name.casefold().rpartition(".")[2]
    if content.kind == "XML" and "<gexf" in head:
        return "GEXF"
    body = _COMMENTS.sub("", content.text, 1)
    kind = content.kind or kind_of(body)
    if kind:
        return kind
    if ending == "json" or head.startswith("{"):
        return "JSON"
    if ending in ("dot", "gv"):
        return "DOT"
    if head[:6].casefold() == "#nexus":
        return "Nexus"
    if ending in ("nwk", "newick") or (head.startswith("(") and not _TUPLE.match(head)):
        return "Newick"
    return _text_kind(body)


def _text_kind(body: str) -> str:
    """A diagram or an outline, which has names on its lines, too, but not those of an edge."""
    kind = next((kind for kind, sign in _DIAGRAMS.items() if sign.match(body)), "")
    separated = any(sign in body for sign in SEPARATORS)
    if not kind and not separated and _INDENTED.search(body) and _OUTLINE.fullmatch(body):
        return "an indented outline"
    return kind
