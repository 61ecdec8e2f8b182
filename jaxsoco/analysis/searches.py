"""Searches of ``jaxsoco tune`` as they are stored: what was found, step by step, and the profile.

The manifest of a tuned run says what was searched for; ``DIR/tuning`` has the steps and the
profile of the objective. Everything here is plain data, so that a report needs no JAX.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.analysis.objectives import Objective
from jaxsoco.core.errors import InputError
from jaxsoco.core.files import read_npz, read_text
from jaxsoco.core.study import Study

HISTORY, PROFILE = "search.npz", "landscape.json"
COLUMN = "history."
"""What the names of the steps' columns begin with among the arrays of a search."""

DESIGNS = ("grid", "random", "halving")
"""Methods that try points of their own; the others go from place to place."""

ROWS = ("tuned", "default", "theory", "start")
"""Who is judged, in this order: ``start`` is what the experiment file says."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that was searched.

    Attributes:
      name: of the learner's field.
      scale: ``"log"``, ``"logit"``, ``"linear"`` or ``"choice"``.
      choices: of a ``"choice"``, all values.
    """

    name: str
    scale: str
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Profile:
    """The objective over the range of one or two parameters, on held-out seeds.

    Attributes:
      values: of the parameters at each place, ``[K][P]``.
      objective: there, with both ends of its interval, ``[K, 3]``.
      seeds: how many.
    """

    values: tuple[tuple[Any, ...], ...]
    objective: np.ndarray
    seeds: int


@dataclass(frozen=True)
class Search:
    """One learner's search.

    Attributes:
      name: of the learner in the experiment file.
      objective: what it minimised.
      method: how.
      reason: why so.
      seeds: runs of a step.
      parameters: what it searched.
      labels: row (one of ``ROWS``) -> label in the judging sweep; rows with equal values share
        one.
      values: row -> the values of the parameters.
      notes: sentences, about rows that share one label, say.
      toml: lines for an experiment file.
      history: column -> one entry a step; empty if it is not there.
      profile: None if there is none.
    """

    name: str
    objective: Objective
    method: str
    reason: str
    seeds: int
    parameters: tuple[Parameter, ...]
    labels: Mapping[str, str]
    values: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]
    toml: str
    history: Mapping[str, np.ndarray]
    profile: Profile | None

    @property
    def steps(self) -> int:
        """How many were taken."""
        return len(self.history.get("objective", ()))

    @property
    def walks(self) -> bool:
        """Whether it went from place to place."""
        return self.method not in DESIGNS

    def course(self, parameter: Parameter) -> list[Any]:
        """The values of a parameter, step by step."""
        place = [one.name for one in self.parameters].index(parameter.name)
        values = self.history["values"][:, place].tolist()
        if parameter.scale != "choice":
            return values
        return [parameter.choices[round(value)] for value in values]


def searches(study: Study, directory: Path | None) -> list[Search]:
    """The searches whose result a study judges; none for an ordinary study.

    Args:
      study: the judging sweep.
      directory: of the run; None to leave out what is not in the manifest.
    """
    tuning = study.presentation.tuning
    return [_search(tuning, one, directory) for one in tuning.get("learners", ())]


def _search(tuning: Mapping[str, Any], one: Mapping[str, Any], directory: Path | None) -> Search:
    folder = None if directory is None else directory / one["folder"]
    return Search(
        name=one["name"],
        objective=Objective.of(tuning["objective"]),
        method=one["method"],
        reason=one["reason"],
        seeds=one["seeds"],
        parameters=tuple(
            Parameter(p["name"], p["scale"], tuple(p["choices"])) for p in one["parameters"]
        ),
        labels=one["labels"],
        values=one["values"],
        notes=tuple(one["notes"]),
        toml=one["toml"],
        history=_of_start(read_history(folder), one["start"]) if folder else {},
        profile=read_profile(folder) if folder else None,
    )


def _of_start(history: Mapping[str, np.ndarray], start: int) -> dict[str, np.ndarray]:
    """The columns of one of several starts, which stand behind the steps."""
    if np.ndim(history.get("objective", ())) < 2:
        return dict(history)
    return {name: column[:, start] for name, column in history.items()}


def read_history(folder: Path) -> dict[str, np.ndarray]:
    """The columns of a search by name; empty where none can be read."""
    try:
        arrays = read_npz(folder / HISTORY)
    except InputError:
        return {}
    return {k.removeprefix(COLUMN): v for k, v in arrays.items() if k.startswith(COLUMN)}


def read_profile(folder: Path) -> Profile | None:
    """The profile beside a search, if there is one that can be read."""
    try:
        content = json.loads(read_text(folder / PROFILE))
        values = tuple(tuple(place) for place in content["values"])
        objective = np.array(content["objective"], float).reshape(len(values), 3)
        return Profile(values, objective, int(content["seeds"]))
    except (ValueError, KeyError, TypeError):  # InputError is a ValueError
        return None
