"""The learners that ``[tune]`` names, where their searches start, and the parameters. No JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxsoco.core.errors import InputError, suggest
from jaxsoco.core.fields import INVALID, Issues, read_value
from jaxsoco.core.schema import AUTO, REQUIRED, AlgorithmEntry, Field, suits
from jaxsoco.core.text import show
from jaxsoco.experiment.learners import Learner
from jaxsoco.experiment.spec import Experiment
from jaxsoco.tuning.declared import space_of
from jaxsoco.tuning.space import Space


@dataclass(frozen=True)
class Target:
    """A learner to tune.

    Attributes:
      name: as ``[tune]`` has it.
      entry: the algorithm.
      values: of all fields, where the search starts: those of the file.
      wanted: names of the parameters that are searched, or ranges by name.
      space: of these parameters.
      alone: no other learner is tuned beside it.
    """

    name: str
    entry: AlgorithmEntry
    values: dict[str, Any]
    wanted: Any
    space: Space
    alone: bool = True

    def label(self, row: str) -> str:
        """Its label in the judging sweep: ``tuned``; beside others, ``hyscale tuned``."""
        return row if self.alone else f"{self.name} {row}"

    @property
    def automatic(self) -> dict[str, Any]:
        """The parameters of which the theory says something, with the word for it."""
        fields = {field.name: field for field in self.entry.fields}
        chosen = [fields[name] for name in self.space.names if fields[name].theory]
        return {f.name: AUTO if AUTO in f.words else None for f in chosen if _may_be_auto(f)}

    def learner(self, label: str, values: Mapping[str, Any]) -> Learner:
        """The learner with other values, as an experiment has it."""
        return Learner(label, label, self.entry, {**self.values, **values})


def _may_be_auto(field: Field) -> bool:
    return AUTO in field.words or field.default is None


def read_targets(experiment: Experiment, issues: Issues) -> tuple[Target, ...]:
    """The learners to tune, without those that were reported."""
    section = experiment.document.tune
    names = _names(experiment, issues)
    setting = section.get("parameters")
    if setting is None:
        hint = 'want fields of the learner, as in ["learning_rate"], or a table of ranges'
        issues.found("tune.parameters", "is missing", hint)
    learners = []
    for name, place in names:
        one = _start(experiment, name, place, setting and setting.value, issues)
        if one is None or setting is None:
            continue
        entry, values = one
        try:
            space = space_of(entry.fields, setting.value, setting.place)
        except InputError as error:
            issues += [issue for issue in error.issues if issue not in issues]
            continue
        learners.append(Target(name, entry, values, setting.value, space, len(names) == 1))
    return tuple(learners)


def _names(experiment: Experiment, issues: Issues) -> list[tuple[str, str]]:
    """The learners' names, each with its place."""
    setting = experiment.document.tune.get("algorithm")
    labels = list(dict.fromkeys(one.base for one in experiment.learners))
    if setting is None and len(labels) == 1:
        return [(labels[0], "tune.algorithm")]
    if setting is None:
        issues.found("tune.algorithm", "is missing", suggest("", labels))
        return []
    if isinstance(setting.value, str):
        return [(setting.value, setting.place)]
    field = Field("algorithm", "strings", "learners")
    names = read_value(field, setting.value, setting.place, issues)
    if names is INVALID:
        return []
    return [(name, f"{setting.place}[{i}]") for i, name in enumerate(names)]


def _start(
    experiment: Experiment, name: str, place: str, wanted: Any, issues: Issues
) -> tuple[AlgorithmEntry, dict[str, Any]] | None:
    """A learner and the values that its search starts from: the file's, or else the default."""
    learners = [one for one in experiment.learners if one.base == name]
    learners = learners or [one for one in experiment.learners if one.entry.name == name]
    entries = {one.name: one for one in experiment.family.algorithms}
    if not learners and name in entries and suits(entries[name], experiment.problem):
        return _default_start(entries[name], place, issues)
    if not learners:
        labels = [*dict.fromkeys(one.base for one in experiment.learners)]
        message = f'the experiment has no algorithm "{name}"'
        issues.found(place, message, suggest(name, {*labels, *entries}))
        return None
    if len({one.entry.name for one in learners}) > 1:
        issues.found(place, f'"{name}" names several algorithms', "give them labels of their own")
        return None
    return learners[0].entry, _single_values(learners, place, wanted, issues)


def _default_start(
    entry: AlgorithmEntry, place: str, issues: Issues
) -> tuple[AlgorithmEntry, dict[str, Any]] | None:
    missing = [field.name for field in entry.fields if field.default is REQUIRED]
    if missing:
        message = f"{entry.name} has no default for {', '.join(missing)}"
        issues.found(place, message, "add an [[algorithm]] that says it")
        return None
    return entry, {field.name: field.default for field in entry.fields}


def _single_values(
    learners: Sequence[Learner], place: str, wanted: Any, issues: Issues
) -> dict[str, Any]:
    """One value of every field of learners that differ in values.

    Of a tuned one that has several, the default if there is one, or else the first.
    """
    values, tuned = {}, wanted if isinstance(wanted, list | Mapping) else ()
    for field in learners[0].entry.fields:
        several = list(dict.fromkeys(one.values[field.name] for one in learners))
        values[field.name] = several[0]
        if len(several) > 1 and field.name not in tuned:
            shown = ", ".join(show(value, "None") for value in several[:4])
            message = f"{learners[0].base} has several values of {field.name}: {shown}"
            hint = f"want one: --set algorithm.{learners[0].base}.{field.name}={show(several[0])}"
            issues.found(place, message, hint)
        elif len(several) > 1 and field.default is not REQUIRED:
            values[field.name] = field.default
    return values
