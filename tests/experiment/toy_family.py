"""A family made for these tests: everything that one may declare, with arithmetic one can check.

Cost of a run of H rounds at speed v with stride s, seed by seed: hit = v H, move = s H.
"""

import json
from typing import Any, NamedTuple

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import (
    AlgorithmEntry,
    ComparatorEntry,
    CostEntry,
    Family,
    Field,
    Prepared,
    ProblemEntry,
)

WALK = ProblemEntry(
    name="walk",
    summary="a walk on the line",
    source="these tests",
    prepare="toy_family:prepare",
    build="toy_family:build",
    fields=(
        Field("speed", "float", "how fast it walks", unit="m/s", low=0),
        Field("places", "integer", "how many places there are", default=2, low=1),
        Field("names", "strings", "what they are called", default=None),
        Field("map", "path", "a JSON file", default="none", words=("none",)),
    ),
    horizons=True,
)

FAMILY = Family(
    name="toy",
    summary="walks",
    problems=(WALK,),
    algorithms=(
        AlgorithmEntry(
            "step",
            "takes strides",
            "these tests",
            "toy_family:step",
            "toy_family:step_params",
            (
                Field("stride", "float", "cost of a stride", default=1.0),
                Field("gait", "choice", "how", "walk", choices=("walk", "run"), static=True),
            ),
        ),
    ),
    comparators=(
        ComparatorEntry("still", "stands", "these tests", "toy_family:still"),
        ComparatorEntry("nan", "never finite", "these tests", "toy_family:nan"),
    ),
    costs=(
        CostEntry("hit", "EUR", "of the walk"),
        CostEntry("move", "EUR", "of the strides"),
        CostEntry("late", "h", "of being late", objective=False),
    ),
    measure="ratio",
    compare=("still",),
)


class Costs(NamedTuple):
    hit: Any
    move: Any
    late: Any


def prepare(values, folder):
    issues = []
    if values["speed"] > 100:
        issues.append(Issue("problem.speed", f"{values['speed']:g} m/s is no walk"))
    if values["places"] > 9:
        issues.append(Issue("problem.places", "too many for a line", "want 9 or fewer"))
    if issues:
        raise InputError(issues)
    content = None
    if values["map"] != "none":
        content = json.loads((folder / values["map"]).read_text(encoding="utf-8"))
    return Prepared(
        content,
        group=values["places"],
        identity={"map": content},
        notes=("a note",),
        warnings=("that is slow",) if values["speed"] < 1 else (),
    )


def build(prepared, values):
    import jax.numpy as jnp

    from jaxsoco.core.protocol import Instance

    settings = jnp.asarray(values["speed"], float)
    return Instance(_problem(), _draw, settings, values["horizon"])


def _draw(key, settings):
    return settings


def _problem():
    from jaxsoco.core.protocol import Problem

    return Problem(_init, _advance, _observe, _play)


def _init(key, spec):
    return _one(key)


def _advance(key, spec, world):
    return world, world


def _observe(spec, world, round):
    return round


def _play(key, spec, world, round, action):
    return world, action, Costs(spec * round, action, 0 * round)


def _one(key):
    import jax.numpy as jnp

    return jnp.ones(key.shape[1:])


def step_params(values):
    import jax.numpy as jnp

    return {"stride": jnp.asarray(values["stride"], float)}


def still(key, spec, at):
    import jax.numpy as jnp

    rounds = jnp.asarray(at, float).reshape(-1, *(1,) * (key.ndim - 1))
    hit = rounds * (spec * _one(key))[None]
    return {"hit": hit, "move": 0 * hit, "late": 0 * hit}, jnp.zeros(key.shape[1:], jnp.int32)


def nan(key, spec, at):
    costs, faults = still(key, spec, at)
    return {**costs, "hit": costs["hit"] + float("nan")}, faults + 1


def __getattr__(name):
    # Algorithms are made late: declaring the family must not import JAX.
    if name == "step":
        from jaxsoco.core.protocol import Algorithm

        return Algorithm(
            lambda key, params, spec: 0 * _one(key),
            lambda key, params, state, obs: (params["stride"] * obs, state),
            lambda params, state, action, feedback: state,
        )
    raise AttributeError(name)
