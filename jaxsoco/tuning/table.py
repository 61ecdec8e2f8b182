"""``[tune]`` of an experiment file: what is searched for which learners, and how. No JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxsoco.analysis.objectives import Objective
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import INVALID, Issues, check_table, read_value
from jaxsoco.core.schema import AUTO, REQUIRED, AlgorithmEntry, ComparatorEntry, Field, suits
from jaxsoco.core.text import show, with_type
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.learners import MOST_LEARNERS, Learner
from jaxsoco.experiment.spec import Experiment
from jaxsoco.tuning.methods import METHODS, choose
from jaxsoco.tuning.space import Space, space_of

OPTIMIZERS = ("adam", "adabelief", "lion", "rmsprop", "sgd")

TUNE_FIELDS = (
    Field(
        "algorithm",
        "strings",
        "label or name of an `[[algorithm]]`, which says where the search starts (the only one "
        "if absent); a list tunes several, one after the other",
        default=None,
    ),
    Field(
        "parameters",
        "strings",
        "fields to tune; or a table of them with a range `[low, high]` or a list of values to try",
    ),
    Field(
        "method",
        "choice",
        "how to search; auto: by gradients where all parameters have them, else by evolution; a "
        "grid for what has no range",
        default="auto",
        choices=("auto", *METHODS),
    ),
    Field("steps", "integer", "steps of the search", default=60, low=1, high=1_000_000),
    Field("seeds", "integer", "runs of a step, shared by the points", default=512, low=2),
    Field(
        "holdout",
        "integer",
        "other seeds, on which the result is judged: the first ones of an ordinary run",
        default=2048,
        low=8,
    ),
    Field(
        "optimizer",
        "choice",
        "optax's optimiser of the methods that take steps",
        default="adam",
        choices=OPTIMIZERS,
    ),
    Field(
        "rate",
        "float",
        "its first step, in logarithms of positive parameters and logits of bounded ones; it "
        "shrinks to 0 along a cosine",
        default=0.2,
        low=0,
        open_low=True,
        high=100,
    ),
    Field(
        "population",
        "integer",
        "places that evolution and designs try in a step (as the method has it if absent)",
        default=None,
        low=2,
    ),
    Field("starts", "integer", "places to start from, beside each other", default=1, low=1),
    Field(
        "landscape",
        "integer",
        "places over the range of each of one or two parameters, for the figure; 0 for none (17 "
        "for one, 9 for two)",
        default=None,
        low=0,
        high=1000,
    ),
)
"""Keys of ``[tune]`` beside ``objective``."""

OBJECTIVE_FIELDS = (
    Field(
        "against",
        "string",
        "comparator of the ratio or regret (the first of `run.compare`; none where `cost` is "
        "given)",
        default=None,
    ),
    Field("cost", "string", "one cost component in place of the total", default=None),
    Field(
        "statistic",
        "choice",
        "over runs; cvar is the mean of the worst runs",
        default="mean",
        choices=("mean", "median", "quantile", "cvar"),
    ),
    Field(
        "level",
        "float",
        "of the quantile; of the CVaR, the share of the runs that are not the worst",
        default=None,
        low=0.001,
        high=0.999,
    ),
)
"""Keys of ``tune.objective``."""

_LEVELS = ("quantile", "cvar")
_SMOKE_STEPS, _SMOKE_SEEDS, _SMOKE_PLACES = 4, 32, 5
_PLACES = {1: 17, 2: 9}
_PROFILE_SEEDS = 256


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
    learners = _read_learners(experiment, issues)
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
        if table.starts > 1 and methods & {"grid", "random", "halving"}:
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
    if table["statistic"] in _LEVELS and table["level"] is None:
        message = f"is missing: a {table['statistic']} has one"
        issues.found(f"{place}.level", message, "want a number from 0.001 to 0.999, such as 0.9")
    elif table["statistic"] not in _LEVELS and table["level"] is not None:
        hint = f"leave it out, or want statistic = {' or '.join(map(show, _LEVELS))}"
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


# --- the learners ---------------------------------------------------------------------------------


def _read_learners(experiment: Experiment, issues: Issues) -> tuple[Target, ...]:
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
