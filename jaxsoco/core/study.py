"""What a run is: its points, learners, comparators, costs, plan, and what its report shows.

``experiment`` writes a :class:`Study` to ``manifest.json``, the engine resumes it, ``analysis``
reads it back. Its JSON is made here and read here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from jaxsoco.core.cells import Origin
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import Presentation, Setup, freeze

HORIZON = "horizon"
"""Axis name of the rounds of a run, whether horizons are points or checkpoints of one run."""

SHORTFALL = "shortfall"
"""Cost component that must be zero in a complete run: work missing at the deadline."""

ROUNDING = {"float32": 1e-5, "float64": 1e-9}
"""Shortfall of a run that is rounding alone, by precision."""

NOISE = {"float32": 1e-5, "float64": 1e-12}
"""Share of a run's total cost below which a regret or component is rounding alone, by precision."""

TRACE_TILE = 16
"""Lanes of a block of traces, where the tile does not fix the numbers: traces are few and long."""

_TRACE_PACK = 2**24
"""Numbers of a pack of traces, about: 128 MB in float64."""


@dataclass(frozen=True)
class Study:
    """A run.

    Attributes:
      name: short name of the experiment.
      setup: what fixes the numbers.
      plan: how the run is cut up.
      costs: cost components in the order of the ledger.
      measure: ``"ratio"`` or ``"regret"``: how learners are judged against comparators.
      axes: settings of the problem with more than one value, name -> values in order.
      presentation: what the report says.
      units: unit of each axis, where known.
      seed_axes: axes that number worlds drawn alike: nothing grows along them.
      components: comparator that is not run -> the component that is the regret against it.
      guarantees: label -> comparator -> the largest cost ratio that theory allows at every point.
      heavy: indices of points whose costs have no mean.
      level: level of the intervals.
      origin: code and compiler that the numbers come from.
      created: when the run began (ISO 8601); empty before it begins.
      identity: SHA-256 of all that fixes the numbers; empty before the run begins.
      shown: what the traced runs show beside their costs, round by round (``Prepared.shown``).
    """

    name: str
    setup: Setup
    plan: Plan
    costs: tuple[CostEntry, ...]
    measure: str
    axes: dict[str, tuple[Any, ...]]
    presentation: Presentation
    units: Mapping[str, str] = field(default_factory=dict)
    seed_axes: tuple[str, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)
    guarantees: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    heavy: frozenset[int] = frozenset()
    level: float = 0.95
    origin: Origin = field(default_factory=Origin)
    created: str = ""
    identity: str = ""
    shown: tuple[CostEntry, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The manifest, without what the store fills in: format, identity, time, seal."""
        presentation = self.presentation
        return {
            "name": self.name,
            "figure": presentation.title,
            "settings": self.setup.to_json(),
            "origin": self.origin.to_json(),
            "plan": self.plan.to_json(),
            "presentation": {
                **presentation.to_json(),
                "axes": self.axes,
                "units": self.units,
                "seed_axes": list(self.seed_axes),
                "costs": [_cost_to_json(cost) for cost in self.costs],
                "measure": self.measure,
                "learners": {
                    learner.label: {"base": learner.base, "values": learner.values}
                    for learner in self.setup.learners
                },
                "components": self.components,
                **({"guarantees": self.guarantees} if self.guarantees else {}),
                **({"shown": [_cost_to_json(one) for one in self.shown]} if self.shown else {}),
                "heavy_tailed": sorted(self.heavy),
                "confidence": self.level,
            },
        }

    @classmethod
    def from_json(cls, manifest: Mapping[str, Any]) -> Study:
        """The study that a run's manifest describes; keys of later versions may be absent.

        Raises:
          InputError: it is not the manifest of a run.
        """
        try:
            return cls._read(manifest)
        except (KeyError, TypeError, AttributeError) as error:
            message = f"not the manifest of a run ({error!r})"
            raise InputError(Issue("manifest", message)) from error

    @classmethod
    def _read(cls, manifest: Mapping[str, Any]) -> Study:
        presentation = manifest["presentation"]
        title = manifest.get("figure") or manifest["name"]
        costs = map(_cost_from_json, presentation["costs"])
        setup = Setup.from_json(manifest["settings"], presentation.get("learners", {}))
        plan = Plan.from_json(manifest["plan"])
        _require_whole(setup, plan)
        return cls(
            name=manifest["name"],
            setup=setup,
            plan=plan,
            costs=tuple(costs),
            measure=presentation["measure"],
            axes={n: freeze(v) for n, v in presentation["axes"].items() if len(v) > 1},
            presentation=Presentation.from_json(title, presentation),
            units=dict(presentation.get("units", {})),
            # Older manifests do not say it; their seeds are known by their names.
            seed_axes=tuple(
                presentation["seed_axes"]
                if "seed_axes" in presentation
                else (name for name in presentation["axes"] if name.endswith("seed"))
            ),
            components=dict(presentation.get("components", {})),
            guarantees=freeze(presentation.get("guarantees", {})),
            heavy=frozenset(presentation.get("heavy_tailed", ())),
            level=presentation.get("confidence", 0.95),
            origin=Origin.from_json(manifest["origin"]) if "origin" in manifest else Origin(),
            created=str(manifest.get("created", "")),
            identity=str(manifest.get("identity", "")),
            shown=tuple(map(_cost_from_json, presentation.get("shown", ()))),
        )

    @property
    def title(self) -> str:
        """Of the report and its figures."""
        return self.presentation.title

    @cached_property
    def points(self) -> tuple[dict[str, Any], ...]:
        """The problem's values at every point, its horizon among them."""
        horizons = {point: group.horizon for group in self.groups for point in group.points}
        return tuple({HORIZON: horizons[i], **p} for i, p in enumerate(self.setup.points))

    @property
    def labels(self) -> tuple[str, ...]:
        """Everything that was run, in the order that numbers the arrays of a pack."""
        return self.plan.learners

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Labels of the learners under study."""
        return tuple(label for label in self.plan.learners if label not in self.comparators)

    @property
    def comparators(self) -> tuple[str, ...]:
        """Labels of everything that learners are compared with, in order."""
        return self.setup.comparators

    @property
    def optima(self) -> tuple[str, ...]:
        """The comparators that were run."""
        return tuple(label for label in self.comparators if label not in self.components)

    @cached_property
    def settings(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Label -> the name that learners with other values share, and the values."""
        return {learner.label: (learner.base, learner.values) for learner in self.setup.learners}

    @property
    def groups(self) -> tuple[Group, ...]:
        """Points that share one compiled problem."""
        return self.plan.groups

    @property
    def seeds(self) -> int:
        """Largest number of seeds of any group."""
        return max(group.seeds for group in self.groups)

    @property
    def runs(self) -> int:
        """Runs of every learner when the sweep is complete."""
        return self.plan.runs

    @property
    def checkpoints(self) -> int:
        """At how many rounds of a run costs are kept, at most."""
        return max(len(group.checkpoints) for group in self.groups)

    @property
    def moments(self) -> bool:
        """Whether moments are kept in place of every run's costs."""
        return any(group.block for group in self.groups)

    @property
    def rounding(self) -> float:
        """Shortfall of a run that is rounding alone, in the run's precision."""
        return ROUNDING[self.setup.precision]

    @property
    def noise(self) -> float:
        """Share of a run's total cost that is rounding alone, in the run's precision."""
        return NOISE[self.setup.precision]

    @property
    def watched(self) -> tuple[tuple[str, str | None], ...]:
        """Components, and against which comparator (None: by themselves), whose course over the
        rounds a check or figure asks for."""
        tables = (*self.presentation.checks, *self.presentation.plots)
        return tuple(dict.fromkeys((t["cost"], t.get("against")) for t in tables if "cost" in t))

    @property
    def quantiles(self) -> bool:
        """Whether runs are kept at every checkpoint, for medians over the rounds."""
        tables = (*self.presentation.checks, *self.presentation.plots)
        return bool(self.heavy) or any(t.get("statistic") == "median" for t in tables)

    @property
    def unit(self) -> str:
        """Unit of the total cost."""
        return next((cost.unit for cost in self.costs if cost.objective), "")

    @cached_property
    def traced(self) -> Study | None:
        """The runs of which every round is kept, as a study of their own; None if there are none.

        Its cells have other keys than those of the study, as they have other checkpoints. It has no
        comparators, many of which know their costs at the end of a run alone. Its costs are those
        of the study and, not in the total, what it shows.
        """
        if not self.plan.trace:
            return None
        groups = tuple(
            replace(
                group,
                seeds=min(self.plan.trace, group.seeds),
                checkpoints=tuple(range(1, group.horizon + 1)),
                block=0,
            )
            for group in self.groups
        )
        costs = self.costs + self.shown
        numbers = max(g.horizon for g in groups) * len(costs) * len(self.algorithms)
        plan = Plan(
            groups,
            self.algorithms,
            self.plan.costs + tuple(one.name for one in self.shown),
            tile=self.plan.tile if "tile" in self.origin.compiler else TRACE_TILE,
            pack=min(self.plan.pack, -(-_TRACE_PACK // numbers)),
        )
        setup = replace(self.setup, comparators=())
        return replace(self, setup=setup, plan=plan, costs=costs, components={}, shown=())

    @property
    def parts(self) -> tuple[Study, ...]:
        """The study, and its traced runs if there are any: all that is computed for it."""
        return (self,) if self.traced is None else (self, self.traced)

    def cost(self, name: str) -> CostEntry:
        """The component of this name."""
        return next(cost for cost in self.costs if cost.name == name)

    def select(self, where: Mapping[str, Any] | None = None) -> tuple[int, ...]:
        """Indices of the points that match every ``axis = value`` (or list of values)."""
        conditions = (where or {}).items()
        return tuple(
            i
            for i, point in enumerate(self.points)
            if all(name in point and matches(point[name], value) for name, value in conditions)
        )

    def along(self, axis: str, points: Iterable[int]) -> dict[Any, list[int]]:
        """Value of an axis, in order -> those of some points that have it."""
        values: dict[Any, list[int]] = {value: [] for value in self.axes[axis]}
        for point in points:
            if self.points[point][axis] in values:
                values[self.points[point][axis]].append(point)
        return values

    def numeric_axes(self) -> tuple[str, ...]:
        """Axes whose values are all numbers, the horizon of checkpoints included."""
        names = [name for name, values in self.axes.items() if is_numeric(values)]
        if self.checkpoints > 1 and HORIZON not in self.axes:
            names.append(HORIZON)
        return tuple(names)


def _require_whole(setup: Setup, plan: Plan) -> None:
    """Raises unless every point is in one group, and says what data it has.

    A point that came twice would count twice in an average.
    """
    points, data = len(setup.points), len(setup.data)
    if sorted(point for group in plan.groups for point in group.points) != [*range(points)]:
        raise InputError(Issue("plan", f"want each of the {points} points in one group"))
    owners = setup.data_of_points
    if owners and not (len(owners) == points and {*owners} <= {*range(data)}):
        raise InputError(Issue("settings.data_of_points", f"want one of {data} for each point"))
    if setup.precision not in ROUNDING:
        message = f"want one of {', '.join(ROUNDING)}, got {setup.precision!r}"
        raise InputError(Issue("settings.precision", message))


def _cost_to_json(cost: CostEntry) -> dict[str, Any]:
    limit = {} if cost.limit is None else {"limit": cost.limit}
    share = {"share": True} if cost.share else {}
    return {"name": cost.name, "unit": cost.unit, "objective": cost.objective, **limit, **share}


def _cost_from_json(data: Mapping[str, Any]) -> CostEntry:
    """A component; older manifests say of no constraint that it is one."""
    limit = data.get("limit", 0.0 if data["name"] == SHORTFALL else None)
    share = data.get("share", False)
    return CostEntry(
        data["name"], data["unit"], objective=data["objective"], limit=limit, share=share
    )


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether all values are numbers (booleans are not)."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def matches(value: Any, target: Any) -> bool:
    """Whether a point's value is the target, or one of a list of targets."""
    value, target = freeze(value), freeze(target)
    return value == target or (isinstance(target, tuple) and value in target)
