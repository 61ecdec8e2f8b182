"""The learners of an experiment: every ``[[algorithm]]`` with every combination of its values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from jaxsoco.core.fields import Issues
from jaxsoco.core.schema import AUTO, AlgorithmEntry
from jaxsoco.core.text import show

MOST_LEARNERS = 1000


@dataclass(frozen=True)
class Choice:
    """One ``[[algorithm]]``.

    Attributes:
      entry: the algorithm.
      label: the label given to it, if any.
      values: of every field, one or more.
      place: where it stands in the file.
    """

    entry: AlgorithmEntry
    label: str | None
    values: dict[str, tuple[Any, ...]]
    place: str

    @property
    def base(self) -> str:
        """What its learners' labels begin with."""
        return self.label or self.entry.name


@dataclass(frozen=True)
class Learner:
    """One algorithm with one combination of values.

    Attributes:
      label: its own, ``st_clip(epsilon=0.1)``.
      base: what the label begins with, ``st_clip``.
      entry: the algorithm.
      values: one for every field.
    """

    label: str
    base: str
    entry: AlgorithmEntry
    values: dict[str, Any]

    @property
    def compiled_as(self) -> tuple[Any, ...]:
        """Learners share compiled code where this is equal (``"auto"`` is no number: it counts)."""
        values = ((field, self.values[field.name]) for field in self.entry.fields)
        kinds = (v if f.static or (AUTO in f.words and v == AUTO) else None for f, v in values)
        return (self.entry.load, *kinds)


def combinations(axes: dict[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Product of named axes, the last one fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def expand_learners(
    choices: Sequence[Choice], taken: Collection[str], issues: Issues
) -> tuple[Learner, ...]:
    """Expands the choices and labels them.

    A label is the algorithm's name (or the ``label`` given), with those values in brackets that
    tell it from the others of that name. Clashes, also with the comparators' names (``taken``),
    are reported.
    """
    learners: list[Learner] = []
    owner = dict.fromkeys(taken, "run.compare")
    number = sum(math.prod(map(len, choice.values.values())) for choice in choices)
    if number > MOST_LEARNERS:
        message = f"their values make {show(number)} learners"
        issues.found("algorithm", message, f"want at most {MOST_LEARNERS}")
        return ()
    expanded = [(choice, values) for choice in choices for values in combinations(choice.values)]
    for choice, values in expanded:
        rivals = [c for c in choices if (c.base, c.entry) == (choice.base, choice.entry)]
        telling = [k for k in values if len({v for c in rivals for v in c.values[k]}) > 1]
        differences = ", ".join(f"{k}={show(values[k], 'None')}" for k in telling)
        label = f"{choice.base}({differences})" if differences else choice.base
        if label in owner:
            message = f'the label "{label}" is also that of {owner[label]}'
            issues.found(choice.place, message, "leave one out, or give it another label")
        owner.setdefault(label, choice.place)
        learners.append(Learner(label, choice.base, choice.entry, values))
    return tuple(learners)
