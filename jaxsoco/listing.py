"""What ``jaxsoco list NAME`` prints, as text for a terminal or as a Markdown table for a page.

Besides what the registry has, a name may be ``run`` (the keys of ``[run]``), ``checks`` or
``plots`` (every kind), or one kind of them, such as ``checks/slope``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from jaxsoco import registry
from jaxsoco.analysis.checks import CHECKS
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.analysis.selection import PAIRS
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.schema import REQUIRED, ComparatorEntry, Field
from jaxsoco.experiment.settings import RUN_FIELDS

_KINDS: dict[str, Mapping[str, tuple[Field, ...]]] = {"checks": CHECKS, "plots": PLOTS}
_FIELDS = ("key", "takes", "default", "what it is")
_COSTS = ("component", "unit", "in the total", "what it is")


def describe(name: str) -> str:
    """One entry in full, for a terminal; an ``InputError`` with a suggestion if there is none."""
    tables = _tables(name)
    if tables is None:
        return registry.describe(name)
    return "\n".join(
        line
        for title, fields in tables.items()
        for line in (title, *_indented(_FIELDS, [_cells(field) for field in fields]))
    )


def markdown(name: str | None = None) -> str:
    """The Markdown tables of an entry: its fields; of a family: its costs; without a name: all."""
    if name is None:
        return "\n".join(_table(("name", "kind", "what it is"), _entries()))
    tables = _tables(name)
    if tables is not None:
        return "\n\n".join(
            "\n".join([*([f"**`{title}`**", ""] if len(tables) > 1 else []), *_field_table(fields)])
            for title, fields in tables.items()
        )
    if name in registry.families():
        return "\n".join(_table(_COSTS, _costs(name)))
    entry = registry.find(name)[1]
    fields = () if isinstance(entry, ComparatorEntry) else entry.fields
    return "\n".join(_field_table(fields)) if fields else f"`{name}` has no fields."


def _tables(name: str) -> dict[str, Sequence[Field]] | None:
    """The fields behind a name that is not the registry's, by title; None for all other names."""
    if name == "run":
        return {"run": RUN_FIELDS}
    group, slash, kind = name.partition("/")
    kinds = _KINDS.get(group)
    if kinds is None:
        return None
    if not slash:
        return {f"{group}/{kind}": fields for kind, fields in kinds.items()}
    if kind not in kinds:
        names = [f"{group}/{kind}" for kind in kinds]
        raise InputError(Issue("", f'nothing is called "{name}"', suggest(name, names)))
    return {name: kinds[kind]}


def _entries() -> list[tuple[str, ...]]:
    """Name, kind and summary of everything that the registry has."""
    rows = []
    for family in registry.families().values():
        rows.append((f"`{family.name}`", "family", family.summary))
        for kind, entries in (
            ("problem", family.problems),
            ("algorithm", family.algorithms),
            ("comparator", family.comparators),
        ):
            rows += [(f"`{family.name}/{entry.name}`", kind, entry.summary) for entry in entries]
    return rows


def _costs(family: str) -> list[tuple[str, ...]]:
    return [
        (f"`{cost.name}`", cost.unit, "yes" if cost.objective else "no", cost.summary)
        for cost in registry.family(family).costs
    ]


def _field_table(fields: Sequence[Field]) -> list[str]:
    rows = []
    for field in fields:
        key, takes, default, doc = _cells(field)
        code = f"`{default}`" if default not in ("", "required") else default
        rows.append((f"`{key}`", takes, code, doc))
    return _table(_FIELDS, rows)


def _cells(field: Field) -> tuple[str, str, str, str]:
    takes = "two numbers" if field.name in PAIRS else registry.want(field)
    if field.default is REQUIRED:
        return field.name, takes, "required", field.summary
    default = "" if field.default is None else json.dumps(field.default)
    return field.name, takes, default, field.summary


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar inside a cell is escaped, because it would end the cell."""
    cells = [header, ("---",) * len(header), *rows]
    lines = (" | ".join(cell.replace("|", r"\|") for cell in row) for row in cells)
    return [f"| {line} |".replace("|  |", "| |") for line in lines]


def _indented(header: tuple[str, ...], rows: list[tuple[str, str, str, str]]) -> list[str]:
    return [f"  {line}" for line in registry.columns([header, *rows])]
