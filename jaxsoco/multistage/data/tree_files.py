"""Trees from files: JSON, or a list of edges. No JAX.

JSON holds ``{"edges": [["root", "a"], ...], "nodes": [...]}``, ``{"paths": [["root", "a"], ...]}``
or nested objects, ``{"root": {"a": {}, "b": {}}}``. An edge list has a parent and a child on each
line, separated by a comma or white space; ``#`` begins a comment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.theory.tree import Tree


def load_tree(path: str | Path) -> Tree:
    """Reads a tree or a directed acyclic graph, which is unfolded into the tree of its paths.

    Raises:
      InputError: the file cannot be read, or holds no tree: each problem with its place.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Issue(str(path), f"cannot be read: {error}")) from error
    try:
        return _from_json(text) if path.suffix.lower() == ".json" else _from_lines(text)
    except InputError as error:
        issues = (Issue(f"{path.name}: {i.path}", i.message, i.hint) for i in error.issues)
        raise InputError(issues) from None


def _from_lines(text: str) -> Tree:
    edges, issues = [], []
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.partition("#")[0].replace(",", " ").split()
        if not cells or (number == 1 and [c.lower() for c in cells] == ["parent", "child"]):
            continue
        if len(cells) != 2:
            message = f"{len(cells)} names"
            issues.append(Issue(f"line {number}", message, "want a parent and a child"))
            continue
        edges.append((cells[0], cells[1]))
    if issues:
        raise InputError(issues)
    return Tree.from_edges(edges)


def _from_json(text: str) -> Tree:
    try:
        content = json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        raise InputError(Issue(f"line {error.lineno}", f"no JSON: {error.msg}")) from error
    if not isinstance(content, dict):
        raise InputError(Issue("top level", "want an object with edges, paths or one root"))
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
    return Tree.from_paths(_nested(content, ()))


def _nested(content: Any, above: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not isinstance(content, dict):
        place = " -> ".join(above)
        raise InputError(Issue(place, "want an object of children, {} for a leaf"))
    if not content:
        return [above]
    return [path for name, below in content.items() for path in _nested(below, (*above, name))]


def _names(value: Any, place: str, count: int | None) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(v, str | int) for v in value)
    if not good or (count is not None and len(value) != count):
        what = "a list of names" if count is None else f"a list of {count} names"
        raise InputError(Issue(place, f"want {what}"))
    return tuple(map(str, value))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(Issue(twice[0], "is there twice among its siblings"))
    return dict(pairs)
