"""What a manifest says, in the words of the analysis: points, axes, learners, cost components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

HORIZON = "horizon"
"""Axis name of the rounds of a run, whether horizons are points or checkpoints of one run."""


class Cost(NamedTuple):
    """One component of the cost ledger; objective components add up to the total cost."""

    name: str
    unit: str
    objective: bool


class Group(NamedTuple):
    """Points that share one compiled problem; run r is point r // seeds and seed r % seeds."""

    points: tuple[int, ...]
    seeds: int
    horizon: int
    checkpoints: tuple[int, ...]

    @property
    def runs(self) -> int:
        """Runs of every learner."""
        return len(self.points) * self.seeds


@dataclass(frozen=True)
class Study:
    """A sweep as the analysis sees it.

    Attributes:
      name: short name of the experiment.
      title: title of its report and figures.
      measure: ``"ratio"`` or ``"regret"``: how learners are judged against comparators.
      axes: settings of the problem with more than one value, name -> values in order.
      units: unit of each axis, where known.
      points: one dict of problem values for every point.
      algorithms: labels of the learners under study.
      comparators: labels of everything that learners are compared with, in order.
      components: comparator that is not run -> the component that is the regret against it.
      costs: cost components in the order of the ledger.
      groups: as in the plan.
      learners: all labels in the order of the plan, which numbers the arrays of a chunk.
      chunk: runs of a full chunk.
      level: level of the intervals.
      settings: label -> the name that learners with other values share, and the values.
      rounding: shortfall of a run that is rounding alone, in the run's precision.
      heavy: indices of points whose costs have no mean.
      watched: components, and against which comparator (None: by themselves), whose course over
        the rounds a check or figure asks for.
      quantiles: whether runs are kept at every checkpoint, for medians over the rounds.
    """

    name: str
    title: str
    measure: str
    axes: dict[str, tuple[Any, ...]]
    units: dict[str, str]
    points: tuple[dict[str, Any], ...]
    algorithms: tuple[str, ...]
    comparators: tuple[str, ...]
    costs: tuple[Cost, ...]
    groups: tuple[Group, ...]
    learners: tuple[str, ...]
    chunk: int
    level: float = 0.95
    rounding: float = 1e-9
    settings: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    components: Mapping[str, str] = field(default_factory=dict)
    heavy: frozenset[int] = frozenset()
    watched: tuple[tuple[str, str | None], ...] = ()
    quantiles: bool = False

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Study:
        """The study that a run's manifest describes."""
        settings, plan = manifest["settings"], manifest["plan"]
        shown = manifest["presentation"]
        groups = tuple(
            Group(tuple(g["points"]), g["seeds"], g["horizon"], tuple(g["checkpoints"]))
            for g in plan["groups"]
        )
        horizons = {point: group.horizon for group in groups for point in group.points}
        points = tuple(
            {HORIZON: horizons[i], **{name: _frozen(value) for name, value in values.items()}}
            for i, values in enumerate(settings["points"])
        )
        comparators = [c if isinstance(c, str) else c["label"] for c in settings["comparators"]]
        asked = [*shown.get("checks", ()), *shown.get("plots", ())]
        heavy = frozenset(shown.get("heavy_tailed", ()))
        return cls(
            name=manifest["name"],
            title=manifest.get("figure") or manifest["name"],
            measure=shown["measure"],
            axes={n: tuple(map(_frozen, v)) for n, v in shown["axes"].items() if len(v) > 1},
            units=dict(shown.get("units", {})),
            points=points,
            algorithms=tuple(label for label in plan["learners"] if label not in comparators),
            comparators=tuple(comparators),
            costs=tuple(Cost(c["name"], c["unit"], c["objective"]) for c in shown["costs"]),
            groups=groups,
            learners=tuple(plan["learners"]),
            chunk=plan["chunk"],
            level=shown.get("confidence", 0.95),
            rounding=1e-5 if settings.get("precision") == "float32" else 1e-9,
            settings={
                label: (own["base"], own["values"])
                for label, own in shown.get("learners", {}).items()
            },
            components=dict(shown.get("components", {})),
            heavy=heavy,
            watched=tuple(
                dict.fromkeys((t["cost"], t.get("against")) for t in asked if "cost" in t)
            ),
            quantiles=bool(heavy) or any(t.get("statistic") == "median" for t in asked),
        )

    @property
    def optima(self) -> tuple[str, ...]:
        """The comparators that were run."""
        return tuple(label for label in self.comparators if label not in self.components)

    @property
    def seeds(self) -> int:
        """Largest number of seeds of any group."""
        return max(group.seeds for group in self.groups)

    @property
    def runs(self) -> int:
        """Runs of every learner when the sweep is complete."""
        return sum(group.runs for group in self.groups)

    @property
    def chunks(self) -> int:
        """Chunks of the complete sweep."""
        return sum(-(-group.runs // self.chunk) for group in self.groups)

    @property
    def checkpoints(self) -> int:
        """At how many rounds of a run costs are kept, at most."""
        return max(len(group.checkpoints) for group in self.groups)

    def cost(self, name: str) -> Cost:
        """The component of this name."""
        return next(cost for cost in self.costs if cost.name == name)

    @property
    def unit(self) -> str:
        """Unit of the total cost."""
        return next((cost.unit for cost in self.costs if cost.objective), "")

    def select(self, where: Mapping[str, Any] | None = None) -> tuple[int, ...]:
        """Indices of the points that match every ``axis = value`` (or list of values)."""
        wanted = (where or {}).items()
        return tuple(
            i
            for i, point in enumerate(self.points)
            if all(name in point and matches(point[name], value) for name, value in wanted)
        )

    def numeric_axes(self) -> tuple[str, ...]:
        """Axes whose values are all numbers, the horizon of checkpoints included."""
        names = [name for name, values in self.axes.items() if is_numeric(values)]
        if self.checkpoints > 1 and HORIZON not in self.axes:
            names.append(HORIZON)
        return tuple(names)


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether all values are numbers (booleans are not)."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def matches(value: Any, wanted: Any) -> bool:
    """Whether a point's value is the wanted one, or one of a list of wanted ones."""
    value, wanted = _frozen(value), _frozen(wanted)
    return value == wanted or (isinstance(wanted, tuple) and value in wanted)


def _frozen(value: Any) -> Any:
    """The value with every list a tuple: JSON knows no tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def show(value: Any) -> str:
    """A setting's value for people: ``0.5``, ``true``, ``FR+DE``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "+".join(map(show, value))
    if value is None:
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe(where: Mapping[str, Any] | None) -> str:
    """A selection for people: ``data_size = 4, job_length = google``."""
    return ", ".join(f"{name} = {show(value)}" for name, value in (where or {}).items())
