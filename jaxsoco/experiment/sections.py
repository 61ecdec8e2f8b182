"""The sections of an experiment file: the problem's fields, the algorithms, ``[smoke]``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import suggest
from jaxsoco.core.fields import INVALID, Issues, read_axis, read_value, want
from jaxsoco.core.schema import REQUIRED, ComparatorEntry, Family, Field, ProblemEntry, suits
from jaxsoco.experiment.document import Document, Section
from jaxsoco.experiment.learners import Choice, Learner, expand_learners
from jaxsoco.experiment.settings import (
    RUN_FIELDS,
    RUN_KEYS,
    read_compare,
    read_horizons,
    read_run_value,
)
from jaxsoco.experiment.smoke import ALGORITHM, smoked

Names = dict[str, dict[str, str]]
"""Path field -> from -> to."""


def check_smoke(
    document: Document, family: Family, problem: ProblemEntry, active: bool, issues: Issues
) -> None:
    """Reports unknown keys of ``[smoke]``; bad values too unless it is ``active``.

    (Where ``[smoke]`` is laid over the rest, its values are read with the rest.)
    """
    smoke = document.smoke
    fields = {field.name: field for field in problem.fields}
    run = {field.name: field for field in RUN_FIELDS}
    keys = (*RUN_KEYS, *fields, ALGORITHM)
    for key, setting in smoke.items():
        if key not in keys:
            message = f'"{key}" is a key neither of [run] nor of the problem {problem.name}'
            issues.found(setting.place, message, suggest(key, keys))
        elif active:
            continue
        elif key == ALGORITHM:
            _check_smoked_algorithms(document, family, problem, issues)
        elif key == "compare":
            read_compare(family, problem, smoke, issues)
        elif key == "horizons":
            read_horizons(problem, smoke, issues)
        elif key in run:
            read_run_value(run[key], smoke, issues)
        else:
            read_axis(fields[key], setting.value, setting.place, issues)


def _check_smoked_algorithms(
    document: Document, family: Family, problem: ProblemEntry, issues: Issues
) -> None:
    """Reports what only the algorithms with ``[smoke]`` laid over them would be reported for."""
    news = Issues()
    small = smoked(document, (), (), news)
    pairs = zip(small.algorithms, document.algorithms, strict=True)
    for i, (section, before) in enumerate(pairs):
        if section != before:
            _read_algorithm(section, f"algorithm[{i}]", family, problem, news)
    issues += [issue for issue in news if issue.path.startswith("smoke.")]


def name_paths(
    fields: Sequence[Field], section: Section, axes: dict[str, tuple[Any, ...]]
) -> tuple[dict[str, tuple[Any, ...]], Names, Names]:
    """Gives every path of an axis a short name, which does not depend on where the data lie.

    Returns:
      The axes with names for paths, name -> path for every path field, and path as written ->
      name.
    """
    axes, paths, aliases = dict(axes), {}, {}
    for field in fields:
        if field.kind != "path":
            continue
        places = [v for v in axes.get(field.name, ()) if v is not None and v not in field.words]
        short = [Path(value).name for value in places]
        unique = len({*short, *field.words}) == len(places) + len(field.words) and all(short)
        names = dict(zip(places, short if unique else places, strict=True))
        typed = field.name in section and section[field.name].typed
        aliases[field.name] = names
        paths[field.name] = {name: _locate(path, typed) for path, name in names.items()}
        if field.name in axes:
            axes[field.name] = tuple(names.get(v, v) for v in axes[field.name])
    return axes, paths, aliases


def _locate(path: str, typed: bool) -> str:
    """What is typed on the command line starts from the working directory."""
    home = Path(os.path.expanduser(path)) if path.startswith("~") else Path(path)
    return str(home.absolute() if typed else home)


def read_fields(
    fields: Sequence[Field], section: Section, place: str, owner: str, issues: Issues
) -> dict[str, tuple[Any, ...]]:
    """Values of every field: the section's in its order, then the defaults."""
    by_name = {field.name: field for field in fields}
    other = ("name",) if place == "problem" else ("name", "label")
    axes: dict[str, tuple[Any, ...]] = {}
    for key, setting in section.items():
        if key in by_name:
            axes[key] = read_axis(by_name[key], setting.value, setting.place, issues)
        elif key not in other:
            hint = suggest(key, by_name) or "it has none"
            issues.found(setting.place, f'"{key}" is not a field of {owner}', hint)
    for field in fields:
        if field.name not in section and field.default is REQUIRED:
            issues.found(f"{place}.{field.name}", "is missing", f"want {want(field)}")
            axes[field.name] = ()
        elif field.name not in section:
            axes[field.name] = (field.default,)
    return axes


def read_learners(
    document: Document,
    family: Family,
    problem: ProblemEntry,
    comparators: Sequence[ComparatorEntry],
    issues: Issues,
    partial: bool = False,
) -> tuple[tuple[Learner, ...] | None, bool]:
    """All learners, or None if an algorithm was reported.

    Args:
      document: the experiment file.
      family: its family.
      problem: its problem.
      comparators: those it names.
      issues: gets what is wrong.
      partial: algorithms of other names belong to plug-ins that were not imported.

    Returns:
      The learners, and whether they are all that there are.
    """
    before = len(issues)
    if not document.algorithms and not any(issue.path == "algorithm" for issue in issues):
        names = ", ".join(entry.name for entry in family.algorithms)
        issues.found("algorithm", "there is none", f"want one [[algorithm]] or more: {names}")
    names = {entry.name for entry in (*family.algorithms, *family.comparators)}
    sections = [
        (f"algorithm[{i}]", section)
        for i, section in enumerate(document.algorithms)
        if not partial or "name" not in section or section["name"].value in names
    ]
    choices = [
        _read_algorithm(section, place, family, problem, issues) for place, section in sections
    ]
    valid = [choice for choice in choices if choice is not None]
    learners = expand_learners(valid, [entry.name for entry in comparators], issues)
    whole = len(sections) == len(document.algorithms)
    usable = len(issues) == before and (learners or not whole)
    return (learners if usable else None), whole


def _read_algorithm(
    section: Section, place: str, family: Family, problem: ProblemEntry, issues: Issues
) -> Choice | None:
    entries = {entry.name: entry for entry in family.algorithms}
    before = len(issues)
    label = section.get("label")
    text = None
    if label is not None:
        text = read_value(Field("label", "string", "label"), label.value, label.place, issues)
    setting = section.get("name")
    if setting is None:
        issues.found(f"{place}.name", "is missing", suggest("", entries))
        return None
    if setting.value in [entry.name for entry in family.comparators]:
        message = f'"{setting.value}" is a comparator, not an algorithm'
        issues.found(setting.place, message, "name it in run.compare")
        return None
    field = Field("name", "choice", "the algorithm", choices=tuple(entries))
    name = read_value(field, setting.value, setting.place, issues)
    if name is INVALID:
        return None
    if not suits(entries[name], problem):
        message = f"{name} is not for the problem {problem.name}"
        issues.found(setting.place, message, f"it is for {', '.join(entries[name].problems)}")
    values = read_fields(entries[name].fields, section, place, f"the algorithm {name}", issues)
    return None if len(issues) > before else Choice(entries[name], text, values, place)
