"""What ``jaxsoco list NAME`` prints, as text for a terminal or as a Markdown table for a page.

Besides what the registry has, a name may be ``run`` (the keys of ``[run]``), ``tune`` and
``tune/objective`` (those of ``[tune]``), ``checks`` or ``plots`` (every kind), one kind of them,
such as ``checks/slope``, ``gradients`` (of every learner's parameters), or ``methods`` (by which
they can be tuned).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco import registry
from jaxsoco.analysis.checks import CHECKS
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import want
from jaxsoco.core.schema import (
    REQUIRED,
    AlgorithmEntry,
    ComparatorEntry,
    Family,
    Field,
    Gradient,
    ProblemEntry,
    load,
)
from jaxsoco.core.text import columns
from jaxsoco.experiment.settings import RUN_FIELDS
from jaxsoco.tuning.fields import OBJECTIVE_FIELDS, TUNE_FIELDS
from jaxsoco.tuning.methods import valid_methods

_KINDS = {"checks": CHECKS, "plots": PLOTS}
_FIELDS = ("key", "takes", "default", "what it is")
_GRADIENTS = ("learner", "parameters", "gradient", "why")
_METHODS = ("learner", "parameters", "by default", "also valid")
_NOTHING = Gradient("", "it has no parameters")  # type: ignore[arg-type]
_COSTS = ("component", "unit", "in the total", "what it is")


class _Section(NamedTuple):
    """Fields that are no entry's: their name, what they belong to, themselves."""

    name: str
    summary: str
    fields: Sequence[Field]


_TUNE = {
    "tune": _Section("tune", "keys of [tune], beside objective", TUNE_FIELDS),
    "tune/objective": _Section("tune/objective", "keys of tune.objective", OBJECTIVE_FIELDS),
}


def describe(name: str) -> str:
    """One entry in full, for a terminal; an ``InputError`` with a suggestion if there is none."""
    if name in _TABLES:
        header, rows = _TABLES[name]
        return "\n".join(columns([header, *rows()]))
    sections = _sections(name)
    if sections is None:
        return registry.describe(name)
    return "\n".join(
        line
        for one in sections
        for line in (f"{one.name}: {one.summary}", *_indented([_cells(f) for f in one.fields]))
    )


def markdown(name: str | None = None) -> str:
    """The Markdown tables of an entry: its fields; of a family: its costs; without a name: all."""
    if name is None:
        return "\n".join(table(("name", "kind", "what it is"), _entries()))
    if name in _TABLES:
        header, rows = _TABLES[name]
        return "\n".join(table(header, rows("`")))
    sections = _sections(name)
    if sections is not None:
        tables = ["\n".join(_field_table(one.fields)) for one in sections]
        if len(tables) == 1:
            return tables[0]
        titles = [f"**`{one.name}`**: {one.summary}." for one in sections]
        return "\n\n".join(x for pair in zip(titles, tables, strict=True) for x in pair)
    if name in registry.families():
        return "\n".join(table(_COSTS, _costs(name)))
    entry = registry.find(name)[1]
    fields = () if isinstance(entry, ComparatorEntry) else entry.fields
    if not fields:
        return f"`{name}` has no fields."
    return "\n".join([*_field_table(fields), *_gradient_list(entry)])


def document(name: str | None, experiments: Mapping[Path, str] | None) -> dict[str, Any]:
    """What ``jaxsoco list --json`` has: plain data that JSON can say.

    Args:
      name: as for :func:`describe`; None for everything.
      experiments: files and their titles; None to leave them out.

    Raises:
      InputError: nothing has that name.
    """
    if name is None:
        families = [_family_document(family) for family in registry.families().values()]
        files = [{"file": str(f), "title": title} for f, title in (experiments or {}).items()]
        return {"families": families, "experiments": files}
    if name in _TABLES:
        header, rows = _TABLES[name]
        return {name: [dict(zip(header, row, strict=True)) for row in rows()]}
    sections = _sections(name)
    if sections is not None:
        return {"sections": [_entry_document(one.name, one) for one in sections]}
    if name in registry.families():
        return {"families": [_family_document(registry.family(name))]}
    kind, entry = registry.find(name)
    return {"entries": [{"kind": kind, **_entry_document(name, entry)}]}


def _family_document(family: Family) -> dict[str, Any]:
    groups = {
        "problems": family.problems,
        "algorithms": family.algorithms,
        "comparators": family.comparators,
    }
    return {
        "name": family.name,
        "summary": family.summary,
        "measure": family.measure,
        "compare": [*family.compare],
        "costs": [dataclasses.asdict(cost) for cost in family.costs],
        **{
            group: [_entry_document(f"{family.name}/{entry.name}", entry) for entry in entries]
            for group, entries in groups.items()
        },
    }


def _entry_document(name: str, entry: Any) -> dict[str, Any]:
    """A problem, algorithm, comparator or section."""
    document: dict[str, Any] = {"name": name, "summary": entry.summary}
    if isinstance(entry, ProblemEntry | AlgorithmEntry | ComparatorEntry):
        document["source"] = entry.source
    if not isinstance(entry, ComparatorEntry):
        document["fields"] = [_field_document(field) for field in entry.fields]
    if isinstance(entry, AlgorithmEntry):
        document |= {"information": entry.information, "guarantee": entry.promise}
        for field in document["fields"]:
            field |= entry.gradients[field["name"]]._asdict()
            field["gradient"] = field.pop("word")
    return document


def _field_document(field: Field) -> dict[str, Any]:
    """Every attribute that is data; a field without a default is ``required``."""
    required = field.default is REQUIRED
    values = dataclasses.asdict(dataclasses.replace(field, default=None) if required else field)
    return {**values, "required": required, "takes": want(field)}


def _sections(name: str) -> list[_Section] | None:
    """What stands behind a name that is not the registry's; None for all other names."""
    if name == "run":
        return [_Section("run", "keys of [run]", RUN_FIELDS)]
    if name in _TUNE:
        return [_TUNE[name]]
    group, slash, _ = name.partition("/")
    kinds = _KINDS.get(group)
    if kinds is None:
        return None
    sections = [_Section(f"{group}/{k}", kinds.kind(k).summary, kinds[k]) for k in kinds]
    chosen = [one for one in sections if not slash or one.name == name]
    if not chosen:
        names = [one.name for one in sections]
        raise InputError(Issue("", f'nothing is called "{name}"', suggest(name, names)))
    return chosen


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


def _gradients(mark: str = "") -> list[tuple[str, str, str, str]]:
    """Learner, parameters, word and reason: what all learners say of gradients."""
    return [
        (
            f"{mark}{family.name}/{entry.name}{mark}",
            ", ".join(f"{mark}{name}{mark}" for name in names) or "none",
            gradient.word,
            gradient.reason,
        )
        for family in registry.families().values()
        for entry in family.algorithms
        for gradient, names in registry.by_gradient(entry) or [(_NOTHING, [])]
    ]


def _methods(mark: str = "") -> list[tuple[str, str, str, str]]:
    """Learner, parameters, default and other valid methods of tuning: of all that are tunable."""
    rows = []
    for family in registry.families().values():
        for entry in family.algorithms:
            # Whether a learner says how likely its draws are, only the learner itself knows.
            draws = bool(entry.fields) and load(entry.load).log_probability is not None
            for gradient, names in registry.by_gradient(entry):
                default, *others = valid_methods(gradient, draws)
                name = f"{mark}{family.name}/{entry.name}{mark}"
                parameters = ", ".join(f"{mark}{one}{mark}" for one in names)
                rows.append((name, parameters, default, ", ".join(others)))
    return rows


_TABLES = {"gradients": (_GRADIENTS, _gradients), "methods": (_METHODS, _methods)}
"""Tables of all learners: their header, and a function of the mark around code to their rows."""


def _gradient_list(entry: registry.Entry) -> list[str]:
    """The Markdown list of what an algorithm says of gradients."""
    if not isinstance(entry, AlgorithmEntry):
        return []
    lines = ["", "Gradient of the costs in:", ""]
    for gradient, names in registry.by_gradient(entry):
        codes = ", ".join(f"`{name}`" for name in names)
        lines.append(f"- {codes}: {gradient}")
    return lines


def _field_table(fields: Sequence[Field]) -> list[str]:
    rows = []
    for field in fields:
        key, takes, default, doc = _cells(field)
        code = f"`{default}`" if default not in ("", "required") else default
        rows.append((f"`{key}`", takes, code, doc))
    return table(_FIELDS, rows)


def _cells(field: Field) -> tuple[str, str, str, str]:
    takes = want(field)
    if field.default is REQUIRED:
        return field.name, takes, "required", field.summary
    default = "" if field.default is None else json.dumps(field.default)
    return field.name, takes, default, field.summary


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar inside a cell is escaped, because it would end the cell."""
    cells = [header, ("---",) * len(header), *rows]
    lines = (" | ".join(cell.replace("|", r"\|") for cell in row) for row in cells)
    return [f"| {line} |".replace("|  |", "| |") for line in lines]


def _indented(rows: list[tuple[str, str, str, str]]) -> list[str]:
    return [f"  {line}" for line in columns([_FIELDS, *rows])]
