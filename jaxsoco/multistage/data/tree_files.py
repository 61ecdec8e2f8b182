"""Trees from files: :func:`load_tree`. No JAX.

The plainest layouts are a list of edges, with a parent and a child on each line (separated by a
comma, a semicolon, a tab or, in a file without those, white space; ``#`` begins a comment), and
JSON: ``{"edges": [["root", "a"], ...], "nodes": [...]}``, ``{"paths": [["root", "a"], ...]}`` or
nested objects, ``{"root": {"a": {}, "b": {}}}``. The package ``graphs`` reads others.
"""

from __future__ import annotations

from pathlib import Path

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.data.graphs.graph import Graph
from jaxsoco.multistage.data.graphs.reading import read_graph
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
    return read_tree(Path(path))[0]


def read_tree(path: Path) -> tuple[Tree, tuple[str, ...]]:
    """The tree of a file, and notes: its layout, what was not used, what was unfolded."""
    graph = read_graph(path)
    try:
        if graph.paths is None:
            tree = Tree.from_edges(graph.edges, graph.nodes)
        else:
            tree = Tree.from_paths(graph.paths)
    except InputError as error:
        raise _hinted(error, graph.hint).under(path.name) from None
    notes = (f"read as {graph.layout}",) * bool(graph.layout) + graph.notes
    return tree, notes + _unfolded(tree, graph)


def _unfolded(tree: Tree, graph: Graph) -> tuple[str, ...]:
    """That nodes stand at several places of the tree."""
    nodes, places = len({*tree.names}), len(tree.names)
    if graph.paths is not None or nodes == places:
        return ()
    return (f"a graph of {nodes} nodes: its {tree.leaves} paths are those of the tree",)


def _hinted(error: InputError, hint: str) -> InputError:
    """What makes a graph no tree, with what to look at."""
    if not hint:
        return error
    return InputError(
        Issue(path, message, f"{old}; {hint}" if old else hint)
        if "roots" in message or "a cycle" in message
        else Issue(path, message, old)
        for path, message, old in error.issues
    )
