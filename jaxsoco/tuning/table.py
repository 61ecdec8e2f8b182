"""``[tune]`` of an experiment file: what is searched for which learners, and how. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxsoco.analysis.objectives import Objective
from jaxsoco.analysis.searches import DESIGNS
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import Issues, check_table, read_value
from jaxsoco.core.schema import ComparatorEntry, suits
from jaxsoco.core.text import show, with_type
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.learners import MOST_LEARNERS
from jaxsoco.experiment.spec import Experiment
from jaxsoco.tuning.defaults import LEVELLED
from jaxsoco.tuning.fields import OBJECTIVE_FIELDS, TUNE_FIELDS
from jaxsoco.tuning.methods import choose
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.targets import Target, read_targets

_SMOKE_STEPS, _SMOKE_SEEDS, _SMOKE_PLACES = 4, 32, 5
_PLACES = {1: 17, 2: 9}
_PROFILE_SEEDS = 256


@dataclass(frozen=True)
class TuneTable:
    """``[tune]``, complete.

    Attributes:
      learners: to tune, in order.
      objective: what is minimised.
      rivals: the comparators that judge: the objective's, then the experiment's own.
      method: ``"auto"``, or one of ``methods.METHODS``.
      steps: of the search.
      seeds: runs of a step.
      holdout: seeds of the judgement.
      optimizer: one of ``OPTIMIZERS``.
      rate: of the optimiser.
      population: places of a step; None as the method has it.
      starts: places to start from.
      places: of the landscape along each parameter; 0 for none.
      measure: how the family judges, ``"ratio"`` or ``"regret"``.
    """

    learners: tuple[Target, ...]
    objective: Objective
    rivals: tuple[ComparatorEntry, ...]
    method: str
    steps: int
    seeds: int
    holdout: int
    optimizer: str
    rate: float
    population: int | None
    starts: int
    places: int | None
    measure: str

    @property
    def objective_words(self) -> str:
        """What is minimised, in words."""
        return self.objective.words(self.measure)

    @property
    def profile_seeds(self) -> int:
        """Held-out seeds of a place of the landscape; a figure shows no more."""
        return min(self.holdout, _PROFILE_SEEDS)

    def places_along(self, space: Space) -> int:
        """Places of the landscape along each parameter of a space; 0 if there is none."""
        if self.places == 0 or space.size not in _PLACES:
            return 0
        return self.places or _PLACES[space.size]


def read_table(sweep: Sweep) -> TuneTable:
    """Reads and validates ``[tune]`` of a validated experiment.

    Args:
      sweep: the expanded experiment.

    Raises:
      InputError: there is no ``[tune]``, or with everything that is wrong with it.
    """
    experiment, issues = sweep.experiment, Issues()
    section = experiment.document.tune
    if not section:
        raise InputError(_missing(experiment))
    values = _read_values(experiment, issues)
    objective, rivals = _read_objective(experiment, issues)
    learners = read_targets(experiment, issues)
    if not issues:
        _check_objective(sweep, objective, issues)
    if issues:
        raise InputError(issues)
    measure = experiment.family.measure
    table = TuneTable(learners, objective, rivals, **values, measure=measure)
    _check_methods(table)
    return _smoke_sized(table, experiment) if experiment.smoke else table


def plans(table: TuneTable, target: Target) -> list[tuple[str, str]]:
    """The method for a learner and why; two of them where only its code says which it is.

    Raises:
      InputError: the method that is asked for is not valid for a parameter, with the reason.
    """
    words, mean = target.entry.gradients, table.objective.statistic == "mean"
    options = []
    for draws in (True, False):
        try:
            one = choose(target.space, words, draws=draws, method=table.method, mean=mean)
        except InputError:
            if draws:
                raise
            continue  # a score of a learner whose code may have what it takes
        options.append(one)
    return list(dict.fromkeys(options))


def places_of(table: TuneTable, target: Target) -> int:
    """Of a landscape, at most: all values of a choice, so many of a range."""
    number, places = table.places_along(target.space), 1
    for one in target.space.dimensions:
        places *= len(one.choices) or number
    return places if number else 0


def _check_methods(table: TuneTable) -> None:
    """Raises if a method is not valid for a parameter, or does not go with several starts."""
    issues = []
    for target in table.learners:
        try:
            methods = {method for method, _ in plans(table, target)}
        except InputError as error:
            issues += placed(error).issues
            continue
        if table.starts > 1 and methods & {*DESIGNS}:
            message = f'"{min(methods)}" tries places of its own'
            issues.append(Issue("tune.starts", message, "leave it out, or want another method"))
        places = places_of(table, target)
        if places > MOST_LEARNERS:
            message = f"makes {places} places"
            issues.append(Issue("tune.landscape", message, f"want at most {MOST_LEARNERS} in all"))
    if issues:
        raise InputError(dict.fromkeys(issues))


def placed(error: InputError) -> InputError:
    """The same issues under the keys of ``[tune]``."""
    return InputError(
        issue._replace(path=f"tune.{issue.path.replace('params.', 'parameters.', 1)}")
        if issue.path and not issue.path.startswith("tune")
        else issue
        for issue in error.issues
    )


def _missing(experiment: Experiment) -> Issue:
    learners = [one for one in experiment.learners if one.entry.fields]
    name = learners[0].base if learners else experiment.family.algorithms[0].name
    fields = [f.name for f in learners[0].entry.fields if f.kind == "float"] if learners else []
    parameters = f'["{fields[0] if fields else "FIELD"}"]'
    lines = f'[tune] with algorithm = "{name}" and parameters = {parameters}, say'
    message = "the experiment does not say what to tune: it has no section [tune]"
    return Issue(str(experiment.document.path), message, f"add {lines}; jaxsoco list tune")


def _smoke_sized(table: TuneTable, experiment: Experiment) -> TuneTable:
    """A small search and judgement, with no more seeds than the small version has."""
    seeds = min(experiment.run.seeds, _SMOKE_SEEDS)
    return replace(
        table,
        steps=min(table.steps, _SMOKE_STEPS),
        seeds=max(min(table.seeds, seeds), 2),
        holdout=max(min(table.holdout, seeds), 8),
        places=_SMOKE_PLACES if table.places is None else min(table.places, _SMOKE_PLACES),
    )


def _read_values(experiment: Experiment, issues: Issues) -> dict[str, Any]:
    """All keys but those that name learners, parameters and the objective."""
    section, special = experiment.document.tune, ("algorithm", "parameters", "objective")
    fields = {field.name: field for field in TUNE_FIELDS}
    names = (*fields, "objective")
    for key, setting in section.items():
        if key not in names:
            issues.found(setting.place, f'"{key}" is not a key of [tune]', suggest(key, names))
    values = {}
    for name, field in fields.items():
        if name in special:
            continue
        setting = section.get(name)
        values[name] = field.default
        if setting is not None:
            values[name] = read_value(field, setting.value, setting.place, issues)
    values["places"] = values.pop("landscape")
    return values


# --- the objective --------------------------------------------------------------------------------


def _read_objective(
    experiment: Experiment, issues: Issues
) -> tuple[Objective, tuple[ComparatorEntry, ...]]:
    setting = experiment.document.tune.get("objective")
    place = setting.place if setting else "tune.objective"
    content = setting.value if setting else {}
    if not isinstance(content, Mapping):
        hint = 'want a table, as in { against = "NAME", statistic = "mean" }'
        issues.found(place, f"found {with_type(content)}", hint)
        content = {}
    before = len(issues)
    check_table(OBJECTIVE_FIELDS, content, place, "an objective", issues)
    table = {f.name: content.get(f.name, f.default) for f in OBJECTIVE_FIELDS}
    if len(issues) > before:
        return Objective(), ()
    return _resolved_objective(experiment, table, place, issues)


def _resolved_objective(
    experiment: Experiment, table: dict[str, Any], place: str, issues: Issues
) -> tuple[Objective, tuple[ComparatorEntry, ...]]:
    family, problem = experiment.family, experiment.problem
    options = {entry.name: entry for entry in family.comparators if suits(entry, problem)}
    costs = [cost.name for cost in family.costs]
    against, cost = table["against"], table["cost"]
    if against is not None and against not in options:
        message = f'no comparator of {problem.name} is called "{against}"'
        issues.found(f"{place}.against", message, suggest(against, options))
        against = None
    elif against is None and cost is None and experiment.comparators:
        against = experiment.comparators[0].name
    if cost is not None and cost not in costs:
        message = f'no component of the cost is called "{cost}"'
        issues.found(f"{place}.cost", message, suggest(cost, costs))
    elif cost is not None and against is not None and options[against].component:
        message = f"{against} is a regret by itself, the component {options[against].component}"
        issues.found(f"{place}.cost", message, "leave cost or against out")
    if table["statistic"] in LEVELLED and table["level"] is None:
        message = f"is missing: a {table['statistic']} has one"
        issues.found(f"{place}.level", message, "want a number from 0.001 to 0.999, such as 0.9")
    elif table["statistic"] not in LEVELLED and table["level"] is not None:
        hint = f"leave it out, or want statistic = {' or '.join(map(show, LEVELLED))}"
        issues.found(f"{place}.level", f"a {table['statistic']} has no level", hint)
    own = [entry for entry in experiment.comparators if entry.name != against]
    rivals = ([options[against]] if against else []) + own
    return Objective(**{**table, "against": against}), tuple(rivals)


def _check_objective(sweep: Sweep, objective: Objective, issues: Issues) -> None:
    """Reports an objective that the runs do not have."""
    place = "tune.objective.statistic"
    heavy = any(ready.heavy_tailed for ready in sweep.prepared)
    if heavy and objective.statistic in ("mean", "cvar"):
        message = f"the costs have no mean here, so a {objective.statistic} has no meaning"
        issues.found(place, message, 'want "median" or "quantile"')
    if sweep.experiment.run.keep == "moments" and objective.statistic != "mean":
        message = f'a {objective.statistic} takes every run, and run.keep = "moments" has none'
        issues.found(place, message, 'want "mean", or another run.keep')
