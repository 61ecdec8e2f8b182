"""What a run writes down about itself before its first result."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from jaxsoco._version import __version__
from jaxsoco.engine.plan import Plan
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.settings import most_checkpoints


def settings(sweep: Sweep) -> dict[str, Any]:
    """Everything that fixes the numbers of a sweep, JSON-able: its identity."""
    experiment = sweep.experiment
    run = experiment.run
    data: list[dict[str, Any]] = []
    for ready in sweep.prepared:
        if ready.identity not in data:
            data.append(ready.identity)
    plugins = {"plugins": experiment.plugins} if experiment.plugins else {}
    return plugins | {
        "family": experiment.family.name,
        "problem": experiment.problem.name,
        "points": list(sweep.points),
        "data": data,
        "data_of_points": [data.index(ready.identity) for ready in sweep.prepared],
        "learners": [
            {"label": learner.label, "name": learner.entry.name, "values": learner.values}
            for learner in experiment.learners
        ],
        "comparators": [entry.name for entry in experiment.comparators],
        "seeds": run.seeds,
        "root_seed": run.root_seed,
        "precision": run.precision,
        "tile": run.tile,
        "checkpoints": most_checkpoints(experiment.problem, run.checkpoints),
        "versions": {"jaxsoco": __version__, "jax": importlib.metadata.version("jax")},
    }


def manifest(sweep: Sweep, plan: Plan, command: str) -> dict[str, Any]:
    """The manifest of a run: its settings, its plan and what its report shows.

    Args:
      sweep: the expanded experiment.
      plan: how it is cut up.
      command: the command line that started it.
    """
    experiment = sweep.experiment
    fields = experiment.problem.fields
    return {
        "name": experiment.name,
        "figure": experiment.figure,
        "settings": settings(sweep),
        "plan": plan.to_json(),
        "presentation": {
            "description": experiment.description,
            "smoke": experiment.smoke,
            "axes": experiment.swept,
            "units": {f.name: f.unit for f in fields if f.name in experiment.swept},
            "checks": experiment.checks,
            "plots": experiment.plots,
            "costs": [
                {"name": cost.name, "unit": cost.unit, "objective": cost.objective}
                for cost in experiment.family.costs
            ],
            "measure": experiment.family.measure,
            "learners": {
                learner.label: {"base": learner.base, "values": learner.values}
                for learner in experiment.learners
            },
            "components": {c.name: c.component for c in experiment.comparators if c.component},
            "heavy_tailed": [i for i, p in enumerate(sweep.prepared) if p.heavy_tailed],
            "confidence": experiment.run.confidence,
            "notes": sweep.notes,
            "warnings": sweep.warnings,
            "command": command,
            "spec": experiment.document.text,
        },
    }
