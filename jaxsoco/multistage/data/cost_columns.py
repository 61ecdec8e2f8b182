"""Which leaf a column of costs is of, by its name or number. No JAX."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.rows import Table, is_unnamed
from jaxsoco.core.text import count
from jaxsoco.multistage.theory.tree import Tree

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


class Columns(NamedTuple):
    """Columns of leaves.

    Attributes:
      order: column of every leaf, from left to right, ``[leaves]``.
      width: columns of the table, where they may be fewer than leaves; None for as many.
      notes: how they were found.
    """

    order: np.ndarray
    width: int | None = None
    notes: tuple[str, ...] = ()


def is_numbering(cells: Sequence[str], tree: Tree) -> bool:
    """Whether a row may be numbers of columns: from 0 or 1 on, or the leaves' ids, in any order."""
    named = [*cells[1:]] if cells and is_unnamed(cells[0]) else [*cells]
    return _numbering(named, tree) is not None


def columns_of(table: Table, tree: Tree) -> Columns:
    """The columns that a header names.

    Raises:
      InputError: names that are no leaves, that are twice, and leaves without a column; all at
        once.
    """
    if not tree.names:
        order = _numbering(table.header, tree)
        return Columns(np.arange(tree.leaves) if order is None else order)
    names = tree.names[tree.nodes :]
    if [*names] == table.header:
        return Columns(np.arange(tree.leaves))
    order = None if {*names} & {*table.header} else _numbering(table.header, tree)
    return _by_name(table, tree) if order is None else Columns(order)


def _numbering(cells: Sequence[str], tree: Tree) -> np.ndarray | None:
    """The column of every leaf, if the cells number them."""
    if len(cells) != tree.leaves or not all(map(_WHOLE.fullmatch, cells)):
        return None
    numbers = np.array([int(cell) for cell in cells])
    order = np.argsort(numbers, kind="stable")
    ids = () if tree.names else (tree.nodes,)
    for first in (0, 1, *ids):
        if np.array_equal(numbers[order], np.arange(first, first + tree.leaves)):
            return order
    return None


def _by_name(table: Table, tree: Tree) -> Columns:
    names, header = tree.names[tree.nodes :], table.header
    places = _places(tree)
    leaf_of = {name.casefold(): name for name in places}
    if len(leaf_of) < len(places):  # names that differ in case alone
        leaf_of = {name: name for name in places}
    found = [name if name in places else leaf_of.get(name.casefold()) for name in header]
    unknown = [name for name, leaf in zip(header, found, strict=True) if leaf is None]
    claims = [(leaf, i) for i, name in enumerate(found) if name for leaf in places[name]]
    column = dict(claims)
    counts = Counter(leaf for leaf, _ in claims)
    twice = [names[leaf] for leaf, times in counts.items() if times > 1]
    missing = [name for leaf, name in enumerate(names) if leaf not in column]
    issues = _faults(table, unknown, twice, missing)
    if issues:
        raise InputError(issues)
    order = np.array([column[leaf] for leaf in range(tree.leaves)])
    notes = ()
    if not np.array_equal(order, np.arange(tree.leaves)):
        notes = ("costs: columns are those of the leaves that they name",)
    if len(header) < tree.leaves:
        notes += ("costs: leaves of one name share a column",)
    return Columns(order, len(header), notes)


def _places(tree: Tree) -> dict[str, list[int]]:
    """Leaves by name and, where some share one, by the names on their path."""
    places: dict[str, list[int]] = {}
    for leaf, name in enumerate(tree.names[tree.nodes :]):
        places.setdefault(name, []).append(leaf)
    if any(len(leaves) > 1 for leaves in places.values()):
        for leaf, path in enumerate(tree.leaf_paths()):
            parts = [tree.name(node) for node in path]
            for text in ("/".join(parts), "/".join(parts[1:])):
                places.setdefault(text, [leaf])
    return places


def _faults(
    table: Table, unknown: Sequence[str], twice: Sequence[str], missing: Sequence[str]
) -> list[Issue]:
    """An issue for each cause: a name that is wrong leaves a leaf without a column, too."""
    issues = []
    if unknown:
        verb = "is no leaf" if len(unknown) == 1 else "are no leaves"
        message = f"{len(unknown)} of {count(len(table.header), 'column')} {verb}: "
        close = suggest(unknown[0], missing[:50])
        rest = "leave it out" if len(unknown) == 1 else "leave them out"
        if missing:
            rest = f"leaves without a column: {_listed(missing)}"
        hint = close if close.startswith("did you mean") else rest
        issues.append(Issue(table.file, message + _listed(unknown), hint))
    if twice:
        issues.append(Issue(table.file, f"leaves with two columns: {_listed(twice)}", "want one"))
    if missing and not unknown:
        message = f"lacks columns of the leaves {_listed(missing)}"
        issues.append(Issue(table.file, message, "want one for each leaf"))
    return issues


def _listed(names: Sequence[str]) -> str:
    distinct = [*dict.fromkeys(name or '""' for name in names)]
    more = f" and {len(distinct) - 10:,} more" if len(distinct) > 10 else ""
    return ", ".join(distinct[:10]) + more
