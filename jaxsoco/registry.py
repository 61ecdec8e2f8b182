"""Names of families, problems, algorithms and comparators, looked up without importing JAX."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import want
from jaxsoco.core.modules import set_active
from jaxsoco.core.schema import (
    REQUIRED,
    AlgorithmEntry,
    ComparatorEntry,
    Extension,
    Family,
    Field,
    Gradient,
    ProblemEntry,
    load,
)
from jaxsoco.core.text import as_toml, columns
from jaxsoco.plugins import Plugin, installed

FAMILIES: dict[str, str] = {
    "allocation": "jaxsoco.allocation:FAMILY",
    "multistage": "jaxsoco.multistage:FAMILY",
    "provisioning": "jaxsoco.provisioning:FAMILY",
    "smoothed": "jaxsoco.smoothed:FAMILY",
    "tracking": "jaxsoco.tracking:FAMILY",
}
"""Where each family declares itself, as ``"package.module:attribute"``."""

Entry = ProblemEntry | AlgorithmEntry | ComparatorEntry
_E = TypeVar("_E", ProblemEntry, AlgorithmEntry, ComparatorEntry)


_active: tuple[Plugin, ...] = ()
_changing = threading.RLock()


def activate(plugins: Sequence[Plugin]) -> None:
    """Makes these plug-ins known, beside those of installed packages; earlier ones are forgotten.

    Raises:
      InputError: two of them, or one and the package itself, claim one name; nothing has changed.
    """
    global _active
    _merged(tuple(plugins), tuple(FAMILIES.items()))
    _active = tuple(plugins)
    set_active(plugin.name for plugin in _active)
    families.cache_clear()


def active() -> tuple[Plugin, ...]:
    """The plug-ins that :func:`activate` made known."""
    return _active


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """Restores the plug-ins that were active before; one thread at a time."""
    with _changing:
        before = _active
        try:
            yield
        finally:
            activate(before)


@cache
def families() -> dict[str, Family]:
    """Every family by name, with what plug-ins add to it."""
    return _merged(_active, tuple(FAMILIES.items()))[0]


def owner(family_name: str, entry: Entry | None = None) -> Plugin | None:
    """The plug-in that a family, or an entry of it, comes from; None for the package's own."""
    kind = None if entry is None else (type(entry).__name__, entry.name)
    return _merged(_active, tuple(FAMILIES.items()))[1].get((family_name, kind))


def complaints() -> tuple[Issue, ...]:
    """One issue for each installed plug-in that cannot be imported."""
    return installed()[1]


@cache
def _merged(
    plugins: tuple[Plugin, ...], own: tuple[tuple[str, str], ...]
) -> tuple[dict[str, Family], dict[Any, Plugin | None]]:
    """All families, and the owner of each of them and of each of their entries."""
    members = {name: load(target) for name, target in own}
    owners: dict[Any, Plugin | None] = {}
    for name, one in members.items():
        _claim(owners, name, one, None)
    issues: list[Issue] = []
    named = {plugin.name for plugin in plugins}
    for plugin in (*(p for p in installed()[0] if p.name not in named), *plugins):
        for extension in plugin.extensions:
            try:
                name = extension.name if isinstance(extension, Family) else extension.family
                if isinstance(extension, Family):
                    _claim(owners, name, extension, plugin)
                    members[name] = extension
                elif name not in members:
                    message = f'extends the family "{name}", which does not exist'
                    raise InputError(Issue(str(plugin), message, suggest(name, members)))
                else:
                    _claim(owners, name, extension, plugin)
                    members[name] = _extended(members[name], extension)
            except InputError as error:
                issues += error.issues
    if issues:
        raise InputError(issues)
    return members, owners


def _claim(owners: dict[Any, Plugin | None], family: str, one: Any, plugin: Plugin | None) -> None:
    """Notes the names that a family or extension brings; refuses those that are taken."""
    names: list[Any] = [None] if isinstance(one, Family) else []
    names += [(type(entry).__name__, entry.name) for entry in _entries(one)]
    for name in names:
        if (family, name) in owners:
            earlier = owners[family, name] or "jaxsoco itself"
            what = "family" if name is None else name[0].removesuffix("Entry").lower()
            label = family if name is None else f"{family}/{name[1]}"
            message = f'the {what} "{label}" is declared by {earlier} and by {plugin}'
            raise InputError(Issue("plugins", message, "rename one of them, or leave one out"))
        owners[family, name] = plugin


def _entries(one: Family | Extension) -> tuple[Entry, ...]:
    return (*one.problems, *one.algorithms, *one.comparators)


def _extended(members: Family, extension: Extension) -> Family:
    return replace(
        members,
        problems=(*members.problems, *extension.problems),
        algorithms=(*members.algorithms, *extension.algorithms),
        comparators=(*members.comparators, *extension.comparators),
    )


def family(name: str) -> Family:
    """The family called ``name``; an ``InputError`` with a suggestion if there is none."""
    by_name = families()
    if name not in by_name:
        raise InputError(Issue("family", f'no family is called "{name}"', suggest(name, by_name)))
    return by_name[name]


def algorithm(name: str) -> AlgorithmEntry:
    """The algorithm ``"family/name"``, such as ``"allocation/pcm"``."""
    owner, short = _split(name)
    return _pick(family(owner).algorithms, owner, short, "algorithm")


def problem(name: str) -> ProblemEntry:
    """The problem ``"family/name"``."""
    owner, short = _split(name)
    return _pick(family(owner).problems, owner, short, "problem")


def comparator(name: str) -> ComparatorEntry:
    """The comparator ``"family/name"``."""
    owner, short = _split(name)
    return _pick(family(owner).comparators, owner, short, "comparator")


def find(name: str) -> tuple[str, Entry]:
    """What ``"family/name"`` is (``"problem"``, ``"algorithm"``, ``"comparator"``), and it."""
    owner, short = _split(name)
    members = family(owner)
    groups = {
        "problem": members.problems,
        "algorithm": members.algorithms,
        "comparator": members.comparators,
    }
    for what, entries in groups.items():
        for entry in entries:
            if entry.name == short:
                return what, entry
    names = [entry.name for entries in groups.values() for entry in entries]
    hint = suggest(short, names, f"{owner}/")
    raise InputError(Issue("", f'nothing is called "{name}"', hint))


def _split(name: str) -> tuple[str, str]:
    owner, slash, short = str(name).partition("/")
    if not slash or not short or "/" in short:
        raise InputError(Issue("", f'"{name}" does not name an entry', 'want "family/name"'))
    return owner, short


def _pick(entries: tuple[_E, ...], owner: str, name: str, what: str) -> _E:
    for entry in entries:
        if entry.name == name:
            return entry
    hint = suggest(name, (entry.name for entry in entries), f"{owner}/")
    raise InputError(Issue("", f'no {what} is called "{owner}/{name}"', hint))


def listing() -> str:
    """Families with their problems, algorithms and comparators, one line each."""
    lines: list[str] = []
    for members in families().values():
        lines.append(f"{members.name}: {members.summary}")
        default = {name: " (default)" for name in members.compare}
        for title, entries in (
            ("problems", members.problems),
            ("algorithms", members.algorithms),
            ("comparators", members.comparators),
        ):
            lines.append(f"  {title}")
            rows = [
                (f"    {members.name}/{entry.name}", entry.summary + default.get(entry.name, ""))
                for entry in entries
            ]
            lines += columns(rows)
    return "\n".join(lines)


def describe(name: str) -> str:
    """One family, problem, algorithm or comparator with everything a spec file may say of it."""
    if name in families():
        return _describe_family(families()[name])
    what, entry = find(name)
    lines = [f"{name} ({what})", f"  {entry.summary}", f"  source: {entry.source}"]
    if isinstance(entry, AlgorithmEntry):
        lines += [f"  {title}: {text}" for title, text in declared(entry).items()]
    if isinstance(entry, ProblemEntry):
        horizon = "run.horizons" if entry.horizons else "fixed by the problem"
        lines.append(f"  horizon: {horizon}")
    if isinstance(entry, ComparatorEntry):
        return "\n".join([*lines, "  used by naming it in run.compare"])
    if not entry.fields:
        return "\n".join([*lines, "  no fields"])
    lines += ["", "  fields (a list of values is an axis of the sweep)"]
    header = ("    name", "takes", "default", "what it is")
    rows = [(f"    {f.name}", want(f), _default(f), f.summary) for f in entry.fields]
    lines += columns([header, *rows])
    if isinstance(entry, AlgorithmEntry):
        words = [(f"    {', '.join(names)}", str(one)) for one, names in by_gradient(entry)]
        lines += ["", "  gradient of the costs, by parameter", *columns(words)]
    return "\n".join(lines)


def declared(entry: AlgorithmEntry) -> dict[str, str]:
    """What an algorithm says that it needs and keeps to; without what it does not say."""
    lines = {"information": entry.information, "guarantee": entry.promise}
    return {title: text for title, text in lines.items() if text}


def by_gradient(entry: AlgorithmEntry) -> list[tuple[Gradient, list[str]]]:
    """What an algorithm says of gradients, each with the parameters of which it says so."""
    names: dict[Gradient, list[str]] = {}
    for name, gradient in entry.gradients.items():
        names.setdefault(gradient, []).append(name)
    return [*names.items()]


def _describe_family(members: Family) -> str:
    names = [e.name for e in (*members.problems, *members.algorithms, *members.comparators)]
    costs = [
        (
            f"    {cost.name}",
            f"[{cost.unit}]",
            cost.summary + ("" if cost.objective else " (not part of the objective)"),
        )
        for cost in members.costs
    ]
    judged = {
        "ratio": "cost over each comparator's cost",
        "regret": "cost minus each comparator's cost",
    }[members.measure]
    lines = [
        f"{members.name} (family)",
        f"  {members.summary}",
        f"  judged by {members.measure}: {judged}",
        "  costs",
        *columns(costs),
        "  more with: jaxsoco list " + " | ".join(f"{members.name}/{name}" for name in names),
    ]
    return "\n".join(lines)


def _default(field: Field) -> str:
    if field.default is REQUIRED:
        return "required"
    return "-" if field.default is None else as_toml(field.default)
