"""Trees from files: JSON, or a list of edges. No JAX.

JSON holds ``{"edges": [["root", "a"], ...], "nodes": [...]}``, ``{"paths": [["root", "a"], ...]}``
or nested objects, ``{"root": {"a": {}, "b": {}}}``. An edge list has a parent and a child on each
line, separated by a comma, a semicolon, a tab or, in a file without those, white space; ``#`` at
the start of a line or after white space begins a comment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import read_text
from jaxsoco.core.rows import Problems, Table, read_table
from jaxsoco.multistage.data.json_objects import parse_object
from jaxsoco.multistage.theory.graphs import MAX_DEPTH
from jaxsoco.multistage.theory.tree import Tree


def load_tree(path: str | Path) -> Tree:
    r"""Reads a tree or a directed acyclic graph, which is unfolded into the tree of its paths.

    >>> from pathlib import Path
    >>> from jaxsoco.multistage import load_tree
    >>> _ = Path("tree.csv").write_text("root,a\nroot,b\nb,c\n")
    >>> tree = load_tree("tree.csv")
    >>> tree.names, tree.leaf_paths()
    (('root', 'b', 'a', 'c'), [(0, 2), (0, 1, 3)])

    Raises:
      InputError: the file cannot be read, or holds no tree: each problem with its place.
    """
    path = Path(path)
    content = read_text(path) if path.suffix.lower() == ".json" else _read_edges(path)
    try:
        return _from_json(content) if isinstance(content, str) else _from_rows(content)
    except InputError as error:
        raise error.under(path.name) from None


def _read_edges(path: Path) -> Table:
    def header(cells: list[str]) -> bool:
        return [cell.lower() for cell in cells] == ["parent", "child"]

    return read_table(path, header=header, comments=True, blanks=True)


def _from_rows(table: Table) -> Tree:
    problems = Problems()
    for line, row in zip(table.lines, table.rows, strict=True):
        if len(row) != 2:
            issue = Issue(f"line {line}", f"{len(row)} names", "want a parent and a child")
            problems.add("", "lines like these", issue)
    problems.raise_if_any()
    return Tree.from_edges([(parent, child) for parent, child in table.rows])


def _from_json(text: str) -> Tree:
    content = parse_object(text, "want an object with edges, paths or one root")
    if isinstance(content.get("edges"), list):
        edges = [_names(e, f"edges[{i}]", 2) for i, e in enumerate(content["edges"])]
        nodes = _names(content.get("nodes", []), "nodes", None)
        return Tree.from_edges([(a, b) for a, b in edges], nodes)
    if isinstance(content.get("paths"), list):
        return Tree.from_paths(
            [_names(p, f"paths[{i}]", None) for i, p in enumerate(content["paths"])]
        )
    if len(content) != 1:
        names = " and ".join([*content][:2]) or "none"
        raise InputError(Issue("top level", f"{len(content)} roots: {names}", "want one"))
    return Tree.from_paths(_nested(content))


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
            paths.append(above)  # the tree says what is too deep
            continue
        stack += [((*above, name), content[name]) for name in reversed(content)]
    return paths


def _names(value: Any, place: str, count: int | None) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(v, str | int) for v in value)
    if not good or (count is not None and len(value) != count):
        what = "a list of names" if count is None else f"a list of {count} names"
        raise InputError(Issue(place, f"want {what}"))
    return tuple(map(str, value))
