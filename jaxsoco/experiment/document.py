"""The experiment file as written: reading it, and laying ``--set`` over.

Every value keeps where it was given, so that an error names that place and a relative path is
looked for in the right folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues
from jaxsoco.core.files import MOST_TEXT, is_there, one_line, read_bytes
from jaxsoco.core.text import with_type

TABLES = ("problem", "run", "smoke", "tune")
LISTS = ("algorithm", "check", "plot")
NAMES = ("figure", "family", "name", "description")
PLUGINS = "plugins"

_OLDER_KEYS = {"chunk": "pack"}
"""Keys of ``[run]`` under names that they had, which are still read."""


class Given(NamedTuple):
    """A value with the place where it was given.

    Attributes:
      value: as TOML has it.
      place: ``problem.switch``, ``smoke.seeds``, ``--set problem.switch``.
      typed: given on the command line.
    """

    value: Any
    place: str
    typed: bool = False


Section = dict[str, Given]


class Document(NamedTuple):
    """An experiment file, checked for its outer shape only.

    Attributes:
      path: the file.
      text: its content.
      top: the top-level strings.
      problem: ``[problem]``.
      run: ``[run]``.
      smoke: ``[smoke]``.
      tune: ``[tune]``, which only ``jaxsoco tune`` and ``jaxsoco check`` read.
      algorithms: every ``[[algorithm]]``.
      checks: every ``[[check]]``, plain.
      plots: every ``[[plot]]``, plain.
      plugins: modules that it names.
    """

    path: Path
    text: str
    top: Section
    problem: Section
    run: Section
    smoke: Section
    tune: Section
    algorithms: tuple[Section, ...]
    checks: tuple[dict[str, Any], ...]
    plots: tuple[dict[str, Any], ...]
    plugins: tuple[str, ...] = ()


def read_document(path: Path, issues: Issues) -> Document:
    """Reads the file; raises ``InputError`` where nothing can be read at all."""
    return as_document(path, *_read_toml(path), issues)


def as_document(path: Path, text: str, raw: Mapping[str, Any], issues: Issues) -> Document:
    """The document of tables that were read, or came from Python.

    Args:
      path: the file, or one that could be, where relative paths start.
      text: its content.
      raw: its tables.
      issues: gets what is wrong.
    """
    keys = (*NAMES, PLUGINS, *TABLES, *LISTS)
    for key in raw:
        if key not in keys:
            issues.found(key, f'"{key}" is not a key of an experiment file', suggest(key, keys))
    top = {key: Given(raw[key], key) for key in NAMES if key in raw}
    problem, run, smoke, tune = (_table(raw, name, issues) for name in TABLES)
    algorithms, checks, plots = (_tables(raw, name, issues) for name in LISTS)
    return Document(
        path=path,
        text=text,
        top=top,
        problem=_section(problem, "problem"),
        run=_renewed(_section(run, "run"), issues),
        smoke=_renewed(_section(smoke, "smoke"), issues),
        algorithms=tuple(_section(a, f"algorithm[{i}]") for i, a in enumerate(algorithms)),
        checks=checks,
        plots=plots,
        plugins=_plugins(raw.get(PLUGINS, []), issues),
        tune=_section(tune, "tune"),
    )


def _plugins(value: Any, issues: Issues) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(dict.fromkeys(value))
    issues.found(PLUGINS, f"found {with_type(value)}", 'want a list of modules, ["my_module"]')
    return ()


def _read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = read_bytes(path, MOST_TEXT).decode("utf-8-sig")
    except InputError:
        if is_there(path):
            raise
        near = sorted(str(p) for p in path.parent.glob("*.toml") if p.name != "pyproject.toml")
        hint = suggest(str(path), near) if near else "jaxsoco list names the experiments"
        raise InputError(Issue(str(path), "there is no such file", hint)) from None
    except UnicodeDecodeError as error:
        raise InputError(
            Issue(str(path), f"is not UTF-8 text (byte {error.start})", "TOML files are UTF-8")
        ) from None
    try:
        return text, parse_toml(text)
    except ValueError as error:
        raise InputError(_syntax_issue(path, str(error))) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
      ValueError: it is not TOML, or nests deeper or has longer integers than Python reads.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables or arrays are nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # of int() or a date; tomllib leaves the place out
        raise ValueError(one_line(error)) from None


def _syntax_issue(path: Path, message: str) -> Issue:
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.S)
    if not match:
        return Issue(str(path), f"is not valid TOML: {message}")
    what, line, column = match.groups()
    place = f"{path}:{line}, column {column}" if line else f"{path}, at its end"
    return Issue(place, f"is not valid TOML: {what}")


def _section(table: dict[str, Any], name: str) -> Section:
    return {key: Given(value, f"{name}.{key}") for key, value in table.items()}


def _renewed(section: Section, issues: Issues) -> Section:
    """Keys of ``[run]`` under the names that they have now."""
    section = dict(section)
    for old, new in _OLDER_KEYS.items():
        if old in section and new in section:
            message = f'is the older name of "{new}", which is given as well'
            issues.found(section[old].place, message, "leave one of them out")
        if old in section:
            section.setdefault(new, section.pop(old))
    return section


def _table(raw: Mapping[str, Any], name: str, issues: Issues) -> dict[str, Any]:
    value = raw.get(name, {})
    if isinstance(value, dict):
        return value
    issues.found(name, f"found {with_type(value)}", f"want one table, written [{name}]")
    return {}


def _tables(raw: Mapping[str, Any], name: str, issues: Issues) -> tuple[dict[str, Any], ...]:
    value = raw.get(name, [])
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return tuple(value)
    issues.found(name, f"found {with_type(value)}", f"want tables, each written [[{name}]]")
    return ()


Assignment = str | tuple[str, Any]
"""``key=value`` as typed, or a key and a value of Python."""


def overridden(document: Document, assignments: Sequence[Assignment], issues: Issues) -> Document:
    """The document with ``--set key=value`` assignments laid over it, in their order."""
    for assignment in assignments:
        if not isinstance(assignment, str):
            key, value = assignment
            document = assign(document, key.split("."), Given(value, key, True), issues)
            continue
        key, equals, text = assignment.partition("=")
        key, place = key.strip(), f"--set {key.strip()}"
        if not equals or not key:
            issues.found(f"--set {assignment}", "has no value", "want key=value")
            continue
        value = _parse(text.strip(), place, issues)
        if value is INVALID:
            continue
        document = assign(document, key.split("."), Given(value, place, True), issues)
    return document


def _parse(text: str, place: str, issues: Issues) -> Any:
    try:
        parsed = parse_toml(f"value = {text}")
    except ValueError:
        parsed = {}
    if list(parsed) == ["value"]:
        return parsed["value"]
    if text[:1] in ("[", "{", '"', "'") or not text.isprintable() or not text:
        return issues.found(
            place, f"{text!r} is not a TOML value", 'want 3, 0.5, true, "text" or [1, 2]'
        )
    return text  # a bare word, or a path


def assign(document: Document, key: list[str], setting: Given, issues: Issues) -> Document:
    """The document with a value at ``problem.FIELD``, ``algorithm.NAME.FIELD`` and the like."""
    sections = ("problem", "run", "tune", "algorithm")
    if key[0] in ("problem", "run", "tune") and len(key) == 2:
        section: Section = getattr(document, key[0])
        name = _OLDER_KEYS.get(key[1], key[1]) if key[0] == "run" else key[1]
        return document._replace(**{key[0]: section | {name: setting}})
    if key[0] == "algorithm" and len(key) >= 3:
        # A label may hold dots: what stands between the section and the field is the name.
        position = _position(document, ".".join(key[1:-1]), setting.place, issues)
        if position is None:
            return document
        algorithms = list(document.algorithms)
        algorithms[position] = algorithms[position] | {key[-1]: setting}
        return document._replace(algorithms=tuple(algorithms))
    forms = "want problem.FIELD, run.KEY, tune.KEY or algorithm.NAME.FIELD"
    close = suggest(key[0], sections)
    hint = f"{close} {forms}" if close.startswith("did") and key[0] not in sections else forms
    issues.found(setting.place, "names no setting", hint)
    return document


def _position(document: Document, name: str, place: str, issues: Issues) -> int | None:
    """Index of the algorithm that ``--set algorithm.NAME.field`` means."""
    count = len(document.algorithms)
    if name.isdecimal():
        if int(name) < count:
            return int(name)
        issues.found(place, f"there is no algorithm[{name}]", f"want 0 to {count - 1}")
        return None
    for key in ("label", "name"):
        hits = [
            i
            for i, section in enumerate(document.algorithms)
            if key in section and section[key].value == name
        ]
        if len(hits) == 1:
            return hits[0]
        if hits:
            numbers = " or ".join(f"algorithm.{i}" for i in hits)
            issues.found(place, f'"{name}" names {len(hits)} algorithms', f"want {numbers}")
            return None
    labels = [
        str(section[key].value)
        for section in document.algorithms
        for key in ("label", "name")
        if key in section
    ]
    issues.found(place, f'the experiment has no algorithm "{name}"', suggest(name, set(labels)))
    return None
