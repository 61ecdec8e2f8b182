"""A case from the declarations of an entry alone: defaults, a short horizon, limits as extremes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.schema import HORIZON, Field, Prepared, ProblemEntry, suits
from jaxsoco.core.settings import Rounds
from jaxsoco.front.reading import read_values
from jaxsoco.testing.cases import Case, Change, base_values

ROUNDS = 12
"""Horizon where the user chooses it."""

KNOWN: Mapping[str, Mapping[str, Any]] = {
    "allocation/carbon_jobs": {
        "values": {
            "regions": ("us-west-1", "eu-west-2", "eu-central-1"),
            "job_length": 3,
            "deadline_min": 5,
            "deadline_max": 8,
        },
        # From the job's own bounds on, all lower ones make it run at once.
        "words": {"lower_scale": 0.3, "margin": 0.1},
    },
    "multistage/bernoulli_tree": {
        "values": {"horizon": 24, "switch": 0.4, "p_min": 0.3, "track_first": 1},
        "words": {
            "eta": 0.02,
            "epsilon": 0.02,
            "exploration": 0.02,
            "decay": 0.01,
            # In so few rounds the rates of EXP3.S are cut off at 1, whatever else is said.
            "gamma": 0.02,
            "alpha": 0.01,
        },
    },
    "provisioning/bursty_queue": {
        "values": {
            "horizon": 12,
            "capacity": 3,
            "start": 2,
            "slots": 3,
            "budget_low": 0.8,
            "anchor": 1.3,
        },
        "params": {
            "conf_scale": 0.0005,
            "confidence_episodes": 100,
            "warm_up": 2,
            "counts": "pooled",
            "remaining": True,
            "tv_cap": True,
            "budget": 1.1,
            "path": "fixed",
            "batch": 4,
        },
        "torn": 2,
    },
    "smoothed/walk": {
        # At curvature 1 the greed of G-OBD is at a kink.
        "values": {"horizon": 12, "curvature": 0.8},
        "words": {
            "trust": 0.04,
            "factor": 0.05,
            "slack": 0.1,
            "gamma": 1.2,
            "mu": 0.04,
            "lambda1": 0.8,
            "lambda2": 0.3,
            "step": 0.1,
            "diameter": 0.5,
            "switching": 0.2,
        },
        "own": ("position",),
    },
    "smoothed/rightsizing": {
        "values": {"servers": 4, "rounds": 8},
        "own": ("position",),
    },
    "smoothed/load_types": {
        "values": {"types": 2, "rounds": 8},
    },
    "tracking/quadratic_tracking": {
        "values": {"dimension": 2, "horizon": 14},
    },
}
"""Of the package's own problems: sizes at which compiling takes longer than running, and what more
their learners need."""


def derive(name: str, problem: str | None, values: Mapping[str, Any] | None, facts: Any) -> Case:
    """The case of an entry that nobody has described.

    Args:
      name: ``"family/name"`` of a learner, comparator or problem.
      problem: on which a learner or comparator is tried; by default one of :data:`KNOWN`, or the
        family's first that suits.
      values: of the problem's fields, where the defaults will not do.
      facts: further fields of :class:`~jaxsoco.testing.cases.Case`.

    Raises:
      InputError: no such names, or the problem refuses its values.
    """
    problem = _problem_of(name) if problem is None else problem
    entry = registry.problem(problem)
    unknown = [key for key in facts if key not in {one.name for one in fields(Case)}]
    if unknown:
        hint = suggest(unknown[0], [one.name for one in fields(Case)])
        raise InputError(Issue(unknown[0], "is not a fact of a case", hint))
    known = dict(KNOWN.get(problem, {}))
    own = {HORIZON: ROUNDS} if entry.horizons else {}
    own |= known.pop("values", {}) | dict(values or {})
    declared = (*entry.fields, *(Rounds.FIELDS if entry.horizons else ()))  # type: ignore[attr-defined]
    read_values(declared, own, f"the problem {entry.name}")  # raises what is wrong, all at once
    costs = registry.family(problem.partition("/")[0]).costs
    plain = Case(problem, own, ledger=tuple(c.name for c in costs if not c.objective))
    base = entry.prepared(base_values(plain), Path())
    derived = {
        "points": _points(entry, plain, base),
        "extremes": dict(_extremes(entry, plain, base)),
        "ledger": plain.ledger,
        "derived": True,
    }
    return Case(problem, own, **(derived | known | facts))


def _problem_of(name: str) -> str:
    what, entry = registry.find(name)
    family = name.partition("/")[0]
    if isinstance(entry, ProblemEntry):
        return name
    suitable = [p.name for p in registry.family(family).problems if suits(entry, p)]
    names = sorted((f"{family}/{name}" for name in suitable), key=lambda name: name not in KNOWN)
    if names:
        return names[0]
    raise InputError(Issue(name, f"no problem of the family suits this {what}"))


def _same_program(entry: ProblemEntry, values: dict[str, Any], base: Prepared) -> Prepared | None:
    """What the problem makes of these values, if it takes them and they share the base's code."""
    try:
        prepared = entry.prepared(values, Path())
    except InputError:
        return None
    same = (prepared.group, prepared.identity) == (base.group, base.identity)
    return prepared if same else None


def _numbers(entry: ProblemEntry, case: Case) -> Iterator[tuple[Field, float]]:
    """Fields that hold a number at the base point, and it."""
    values = base_values(case)
    for field in entry.fields:
        value = values[field.name]
        if field.kind == "float" and isinstance(value, int | float):
            yield field, value


def _points(entry: ProblemEntry, case: Case, base: Prepared) -> tuple[dict[str, Any], ...]:
    """One more point: every number a tenth larger, where the limits and the problem allow."""
    point: dict[str, Any] = {}
    for field, value in _numbers(entry, case):
        other = 1.1 * value if value else 0.1
        if field.high is not None and other > field.high:
            continue
        values = base_values(case) | point | {field.name: other}
        if _same_program(entry, values, base):
            point[field.name] = other
    return (point,) if point else ()


def _extremes(entry: ProblemEntry, case: Case, base: Prepared) -> Iterator[tuple[str, Change]]:
    """Every number at its limits, one at a time, where the problem takes them."""
    for field, value in _numbers(entry, case):
        lowest = None if field.open_low else field.low
        for limit in (lowest, field.high):
            values = base_values(case) | {field.name: limit}
            if limit is None or limit == value:
                continue
            prepared = _same_program(entry, values, base)
            if prepared is not None:
                yield f"{field.name} = {limit:g}", _settings_of(entry, prepared, values)


def _settings_of(entry: ProblemEntry, prepared: Prepared, values: dict[str, Any]) -> Change:
    return lambda settings: entry.instance(prepared, values).settings
