"""What a run writes down about itself before its first result."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from jaxsoco._version import __version__
from jaxsoco.core.cells import Origin
from jaxsoco.core.plan import Plan
from jaxsoco.core.schema import CostEntry, load, promises
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup, freeze
from jaxsoco.core.study import Study
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.settings import most_checkpoints


def setup(sweep: Sweep) -> Setup:
    """Everything that fixes the numbers of a sweep."""
    experiment, run = sweep.experiment, sweep.experiment.run
    data: list[dict[str, Any]] = []
    for ready in sweep.prepared:
        if ready.identity not in data:
            data.append(ready.identity)
    return Setup(
        family=experiment.family.name,
        problem=experiment.problem.name,
        points=freeze(sweep.points),
        data=freeze(data),
        data_of_points=tuple(data.index(ready.identity) for ready in sweep.prepared),
        learners=tuple(
            LearnerInfo(learner.label, learner.entry.name, learner.base, freeze(learner.values))
            for learner in experiment.learners
        ),
        comparators=tuple(entry.name for entry in experiment.comparators),
        seeds=run.seeds,
        root_seed=run.root_seed,
        precision=run.precision,
        tile=run.tile,
        checkpoints=most_checkpoints(experiment.problem, run.checkpoints, run.keep),
        versions={"jaxsoco": __version__, "jax": importlib.metadata.version("jax")},
        plugins=experiment.plugins,
    )


def study(sweep: Sweep, plan: Plan, origin: Origin, command: str) -> Study:
    """What a run is.

    Args:
      sweep: the expanded experiment.
      plan: how it is cut up.
      origin: what computes its numbers.
      command: the command line that started it.
    """
    experiment = sweep.experiment
    fields = experiment.problem.fields
    return Study(
        name=experiment.name,
        setup=setup(sweep),
        plan=plan,
        costs=experiment.family.costs,
        measure=experiment.family.measure,
        axes=experiment.swept,
        presentation=Presentation(
            title=experiment.figure,
            description=experiment.description,
            smoke=experiment.smoke,
            checks=experiment.checks,
            plots=experiment.plots,
            notes=sweep.notes,
            warnings=sweep.warnings,
            command=command,
            spec=experiment.document.text,
            tuning=experiment.tuning or {},
        ),
        units={f.name: f.unit for f in fields if f.name in experiment.swept},
        seed_axes=tuple(f.name for f in fields if f.role == "seed" and f.name in experiment.swept),
        components={c.name: c.component for c in experiment.comparators if c.component},
        guarantees=_guarantees(sweep),
        heavy=frozenset(i for i, ready in enumerate(sweep.prepared) if ready.heavy_tailed),
        level=experiment.run.confidence,
        origin=origin,
        shown=_shown(sweep) if plan.trace else (),
    )


def _shown(sweep: Sweep) -> tuple[CostEntry, ...]:
    """What single runs at any point show beside their costs."""
    return tuple(dict.fromkeys(one for ready in sweep.prepared for one in ready.shown))


def _guarantees(sweep: Sweep) -> dict[str, dict[str, tuple[float, ...]]]:
    """What theory promises: label -> comparator -> the largest cost ratio at every point."""
    experiment, wanted = sweep.experiment, {c.name for c in sweep.experiment.comparators}
    promised: dict[str, dict[str, tuple[float, ...]]] = {}
    for learner in experiment.learners:
        for one in promises(learner.entry, experiment.problem):
            ratios = [load(one.ratio)(point, learner.values) for point in sweep.points]
            if one.against in wanted and None not in ratios:
                promised.setdefault(learner.label, {})[one.against] = tuple(map(float, ratios))
    return promised
