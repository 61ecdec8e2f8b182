"""From an experiment file to a validated experiment, with every error at once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues, read_value
from jaxsoco.core.files import one_line
from jaxsoco.core.schema import (
    REQUIRED,
    ComparatorEntry,
    Family,
    Field,
    ProblemEntry,
    promises,
)
from jaxsoco.core.text import with_type
from jaxsoco.experiment.claims import Scope, read_claims
from jaxsoco.experiment.document import (
    Assignment,
    Document,
    Given,
    as_document,
    overridden,
    read_document,
)
from jaxsoco.experiment.learners import Learner
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.sections import check_smoke, name_paths, read_fields, read_learners
from jaxsoco.experiment.settings import (
    RUN_KEYS,
    RunSettings,
    most_checkpoints,
    read_compare,
    read_horizons,
    read_run,
)
from jaxsoco.experiment.smoke import smoked

_ALL_PLUGINS = Policy()

MOST_POINTS = 100_000
_MOST_RUNS = 2**31 - 1  # a run's number is an int32

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Experiment:
    """A validated experiment.

    Attributes:
      name: names the run's folder.
      figure: title.
      description: more of it; may be empty.
      family: the family of problem and algorithms.
      problem: the world.
      axes: values of every problem field, in the file's order (and ``horizon``, where the
        experiment chooses it); a single one where nothing is swept. A path appears by its name.
      paths: path field -> name in ``axes`` -> the path, which is relative to the file's folder.
      learners: in the file's order.
      comparators: in the order of ``run.compare``.
      run: settings of the sweep.
      checks: every ``[[check]]`` that applies, complete and normalised.
      plots: every ``[[plot]]`` that applies, likewise.
      warnings: lines for the user.
      document: the file itself.
      smoke: ``[smoke]`` was laid over it.
      plugins: what fixes the code of the plug-ins that it uses, by name.
      unread: the file's plug-ins that were not imported; learners of other names may be theirs.
      tuning: for the report, if the learners come from a search (``core.setup.Presentation``).
    """

    name: str
    figure: str
    description: str
    family: Family
    problem: ProblemEntry
    axes: dict[str, tuple[Any, ...]]
    paths: dict[str, dict[str, str]]
    learners: tuple[Learner, ...]
    comparators: tuple[ComparatorEntry, ...]
    run: RunSettings
    checks: tuple[dict[str, Any], ...]
    plots: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    document: Document
    smoke: bool
    plugins: dict[str, str]
    unread: tuple[str, ...] = ()
    tuning: Mapping[str, Any] | None = None

    @property
    def swept(self) -> dict[str, tuple[Any, ...]]:
        """The axes with more than one value."""
        return {name: values for name, values in self.axes.items() if len(values) > 1}

    @property
    def optima(self) -> tuple[ComparatorEntry, ...]:
        """The comparators that are run."""
        return tuple(entry for entry in self.comparators if not entry.component)

    @property
    def folder(self) -> Path:
        """Where the file's relative paths start."""
        return self.document.path.parent


class Unread(Exception):
    """A file whose problem may belong to plug-ins that were not imported: their names."""

    def __init__(self, modules: tuple[str, ...]):
        self.modules = modules
        super().__init__(f"plug-ins not imported: {', '.join(modules)}")


class _View(NamedTuple):
    """What one version of the document (as written, or with everything laid over) says."""

    axes: dict[str, tuple[Any, ...]]
    paths: dict[str, dict[str, str]]
    learners: tuple[Learner, ...] | None
    comparators: tuple[ComparatorEntry, ...]
    run: dict[str, Any]
    scope: Scope


def load_experiment(
    path: Path,
    *,
    smoke: bool = False,
    seeds: int | None = None,
    assignments: Sequence[Assignment] = (),
    plugins: Policy = _ALL_PLUGINS,
    tables: Mapping[str, Any] | None = None,
) -> Experiment:
    """Reads and validates an experiment file.

    Args:
      path: the TOML file.
      smoke: lay ``[smoke]`` over it.
      seeds: replaces ``run.seeds``.
      assignments: ``key=value``, laid over everything else in their order.
      plugins: which plug-ins to import.
      tables: the file's content as a mapping, from Python; nothing is read then.

    Raises:
      InputError: with every problem found.
    """
    issues = Issues()
    if tables is None:
        written = read_document(path, issues)
    else:
        written = as_document(path, _as_text(tables), tables, issues)
    unread = plugins.use(written.plugins, path.parent)
    top = _read_top(written, issues)
    family = _read_family(written, issues)
    problem = _read_problem(written, family, issues) if family else None
    if family is not None and problem is not None:
        check_smoke(written, family, problem, smoke, issues)
    document = written
    if smoke:
        fields = [field.name for field in problem.fields] if problem else []
        document = smoked(document, RUN_KEYS, fields, issues)
    document = overridden(document, assignments, issues)
    if seeds is not None:
        document = document._replace(run=document.run | {"seeds": Given(seeds, "--seeds", True)})
    if (family is None or problem is None) and unread:
        raise Unread(unread)
    if family is None or problem is None:
        read_run(document.run, issues)
        raise InputError(issues)
    view = _read_view(document, family, problem, issues, bool(unread))
    as_written = (
        view
        if document == written
        else _read_view(written, family, problem, Issues(), bool(unread))
    )
    checks, plots, warnings = read_claims(written, as_written.scope, view.scope, issues)
    if issues or view.learners is None:
        raise InputError(issues)
    return Experiment(
        **top,
        family=family,
        problem=problem,
        axes=view.axes,
        paths=view.paths,
        learners=view.learners,
        comparators=view.comparators,
        run=RunSettings(**view.run),
        checks=checks,
        plots=plots,
        warnings=warnings,
        document=written._replace(tune=document.tune),  # with what --set says
        smoke=smoke,
        plugins=_plugins_used(family, problem, view),
        unread=unread,
    )


def _as_text(tables: Mapping[str, Any]) -> str:
    """Tables from Python as the report shows them."""
    try:
        return json.dumps(tables, indent=2, default=str)
    except (RecursionError, ValueError) as error:  # nested without end; thousands of digits
        message = f"cannot be written down: {one_line(error)}"
        raise InputError(
            Issue("spec", message, "want tables as an experiment file has them")
        ) from None


def _plugins_used(family: Family, problem: ProblemEntry, view: _View) -> dict[str, str]:
    learners = [learner.entry for learner in view.learners or ()]
    entries = (None, problem, *learners, *view.comparators)
    owners = [registry.owner(family.name, entry) for entry in entries]
    return {plugin.name: plugin.identity for plugin in owners if plugin is not None}


def _read_top(document: Document, issues: Issues) -> dict[str, Any]:
    fields = (
        Field("figure", "string", "title"),
        Field("name", "string", "names the run's folder", default=None),
        Field("description", "string", "more of it", default=""),
    )
    top: dict[str, Any] = {}
    for field in fields:
        setting = document.top.get(field.name)
        if setting is not None and field.name != "description":
            top[field.name] = read_value(field, setting.value, field.name, issues)
        elif setting is not None:
            text = isinstance(setting.value, str)
            message = f"found {with_type(setting.value)}"
            top["description"] = setting.value if text else issues.found("description", message)
        else:
            top[field.name] = field.default
    if top["figure"] is REQUIRED:
        issues.found("figure", "is missing", "want the experiment's title")
    if top["name"] is None:
        top["name"] = re.sub(r"[^A-Za-z0-9._-]+", "-", document.path.stem).strip("-.") or "run"
    elif top["name"] is not INVALID and not _NAME.fullmatch(top["name"]):
        hint = "it names a folder: letters, digits, dot, hyphen, underscore"
        issues.found("name", f'"{top["name"]}" does not fit', hint)
    return top


def _read_family(document: Document, issues: Issues) -> Family | None:
    setting = document.top.get("family")
    families = registry.families()
    if setting is None:
        issues.found("family", "is missing", "want " + " or ".join(f'"{n}"' for n in families))
    elif not isinstance(setting.value, str):
        issues.found("family", f"found {with_type(setting.value)}", suggest("", families))
    elif setting.value not in families:
        message = f'no family is called "{setting.value}"'
        issues.found("family", message, suggest(setting.value, families))
    else:
        return families[setting.value]
    return None


def _read_problem(document: Document, family: Family, issues: Issues) -> ProblemEntry | None:
    problems = {entry.name: entry for entry in family.problems}
    setting = document.problem.get("name")
    if setting is None and (len(problems) == 1 or family.problem):
        return problems[family.problem] if family.problem else family.problems[0]
    if setting is None:
        issues.found("problem.name", "is missing", suggest("", problems))
        return None
    field = Field("name", "choice", "the problem", choices=tuple(problems))
    name = read_value(field, setting.value, setting.place, issues)
    return None if name is INVALID else problems[name]


def _read_view(
    document: Document, family: Family, problem: ProblemEntry, issues: Issues, partial: bool
) -> _View:
    run = read_run(document.run, issues)
    comparators = read_compare(family, problem, document.run, issues)
    owner = f"the problem {problem.name}"
    axes = read_fields(problem.fields, document.problem, "problem", owner, issues)
    horizons = read_horizons(problem, document.run, issues)
    if problem.horizons:
        axes["horizon"] = horizons
    points = math.prod(map(len, axes.values()))
    if points > MOST_POINTS:
        issues.found("problem", f"the axes span {points} points", f"want at most {MOST_POINTS}")
    elif run["seeds"] is not INVALID and points * run["seeds"] > _MOST_RUNS:
        message = f"{points} points with {run['seeds']} seeds each are too many runs"
        issues.found("run.seeds", message, f"want at most {_MOST_RUNS} runs")
    axes, paths, aliases = name_paths(problem.fields, document.problem, axes)
    learners, whole = read_learners(document, family, problem, comparators, issues, partial)
    scope = Scope(
        axes=axes,
        labels=tuple(learner.label for learner in learners) if learners and whole else None,
        comparators={entry.name: entry.component for entry in comparators},
        costs={cost.name: cost.objective for cost in family.costs},
        learners={learner.label: (learner.base, learner.values) for learner in learners or ()},
        checkpoints=1
        if run["checkpoints"] is INVALID
        else most_checkpoints(problem, run["checkpoints"], run["keep"]),
        # One that was reported may have been any number.
        trace=1 if run["trace"] is INVALID else run["trace"],
        moments=run["keep"] == "moments",
        aliases=aliases,
        partial=partial,
        guarantees={
            learner.label: [one.against for one in promises(learner.entry, problem)]
            for learner in learners or ()
        },
    )
    return _View(axes, paths, learners, comparators, run, scope)
