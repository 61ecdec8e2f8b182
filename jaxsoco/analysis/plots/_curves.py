"""Learners along a parameter: those of an algorithm that differ in nothing else, together."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxsoco.core.setup import LearnerInfo
from jaxsoco.core.study import Study
from jaxsoco.core.text import show


class Curve(NamedTuple):
    """What becomes a line.

    Attributes:
      name: in the legend: with every field that tells it from the other lines of its algorithm.
      labels: its learners, in the order of the places.
      places: label -> value of the parameter; empty for a learner that has no such parameter.
      order: place of its algorithm.
    """

    name: str
    labels: tuple[str, ...]
    places: dict[str, float]
    order: int = 0


def curves_of(study: Study, base: str, parameter: str) -> list[Curve]:
    """The curves of an algorithm; learners without the parameter are one each."""
    learners = [one for one in study.setup.learners if one.base == base]
    swept = [one for one in learners if parameter in one.values]
    curves = [Curve(one.label, (one.label,), {}) for one in learners if one not in swept]
    by_rest: dict[str, list[LearnerInfo]] = {}
    for one in swept:
        by_rest.setdefault(repr(sorted(_rest(one, parameter).items())), []).append(one)
    groups = [group for members in by_rest.values() for group in _apart(members, parameter)]
    for members in groups:
        first, rivals = members[0], [group[0] for group in groups]
        alike = [one for one in rivals if _rest(one, parameter) == _rest(first, parameter)]
        telling = [
            f"{key}={show(value, 'None')}"
            for key, value in _rest(first, parameter).items()
            if any(rival.values.get(key) != value for rival in rivals)
        ]
        telling = [first.name] * (len(alike) > 1) + telling
        name = f"{base}({', '.join(telling)})" if telling else base
        places = {one.label: float(one.values[parameter]) for one in members}
        curves.append(Curve(name, tuple(sorted(places, key=places.__getitem__)), places))
    return curves


def _rest(learner: LearnerInfo, parameter: str) -> dict[str, Any]:
    return {key: value for key, value in learner.values.items() if key != parameter}


def _apart(members: list[LearnerInfo], parameter: str) -> list[list[LearnerInfo]]:
    """Learners of one line; algorithms that share a label and a value have a line each."""
    places = [one.values[parameter] for one in members]
    if len({*places}) == len(places):
        return [members]
    algorithms = dict.fromkeys(one.name for one in members)
    return [[one for one in members if one.name == name] for name in algorithms]
