"""The objective over the range of one or two parameters: an ordinary sweep on held-out seeds."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxsoco.analysis.ledger import ledger_of
from jaxsoco.analysis.searches import PROFILE
from jaxsoco.core.schema import AUTO
from jaxsoco.core.text import rounded
from jaxsoco.engine.reading import read_pieces
from jaxsoco.experiment.computed import Computed, raise_failure
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.learners import Learner
from jaxsoco.tuning.finding import Answer
from jaxsoco.tuning.folder import write
from jaxsoco.tuning.space import Dimension
from jaxsoco.tuning.table import TuneTable

_MARGIN = 0.5  # of free coordinates beyond what was tried


def places_of(answer: Answer, table: TuneTable) -> list[dict[str, Any]]:
    """Where the objective is computed: values of the parameters, the last one fastest."""
    number = table.places_along(answer.target.space)
    if not number:
        return []
    axes = [_axis(one, answer, number) for one in answer.target.space.dimensions]
    names = answer.target.space.names
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*axes)]


def _axis(one: Dimension, answer: Answer, number: int) -> list[Any]:
    """The places along a parameter: all choices, or the range as far as anybody would go."""
    if one.scale == "choice":
        return [*one.choices]
    values = [
        rounded(float(one.value(np.float64(u)))) for u in np.linspace(*_ends(one, answer), number)
    ]
    return list(dict.fromkeys(min(max(value, one.low), one.high) for value in values))


def _ends(one: Dimension, answer: Answer) -> tuple[float, float]:
    """Free coordinates: the user's range, or around the start and all that is judged."""
    low, high = one.span(float(one.free(np.float64(answer.search.start[one.name]))))
    if one.ranged:
        return low, high
    rows = [answer.numbers(row).get(one.name) for row in answer.rows]
    numbers = [value for value in rows if isinstance(value, int | float)]
    marks = [
        float(one.free(np.float64(value))) for value in numbers if one.scale != "log" or value > 0
    ]
    bottom, top = one.box
    low, high = (
        min([low, *(u - _MARGIN for u in marks)]),
        max([high, *(u + _MARGIN for u in marks)]),
    )
    return max(low, bottom), min(high, top)


def landscape(sweep: Sweep, answer: Answer, table: TuneTable) -> Sweep | None:
    """The sweep over the places; None if there are none.

    Args:
      sweep: the judging sweep.
      answer: of the search.
      table: what was searched.
    """
    places = places_of(answer, table)
    if not places:
        return None
    experiment = sweep.experiment
    changed = replace(
        experiment,
        figure=f"{experiment.figure}: {answer.target.name} over the range",
        learners=tuple(_learners(answer, places)),
        run=replace(experiment.run, seeds=table.profile_seeds),
        tuning=None,
    )
    return replace(sweep, experiment=changed)


def _learners(answer: Answer, places: Sequence[dict[str, Any]]) -> list[Learner]:
    automatic = {f.name: f.default for f in answer.target.entry.fields}
    return [
        answer.target.learner(
            f"place {i}", {k: automatic[k] if v is None else v for k, v in place.items()}
        )
        for i, place in enumerate(places)
    ]


def keep(computed: Computed, answer: Answer, table: TuneTable) -> None:
    """Writes the profile beside the search.

    Raises:
      Interrupted: it could not be written.
      Exception: what a pack raised that could not be computed.
    """
    if computed.summary.failures:
        raise_failure(computed)
    study, store = computed.study, computed.store
    store.refresh()
    ledger = ledger_of(study, read_pieces(study, store))
    values, objective = [], []
    for info in study.setup.learners:
        sample = table.objective.sample(ledger, info.label)
        estimate = table.objective.estimate(sample, study.level)
        place = [info.values[name] for name in answer.target.space.names]
        values.append([AUTO if value is None else value for value in place])
        objective.append([number if math.isfinite(number) else None for number in estimate])
    content = {"values": values, "objective": objective, "seeds": study.seeds}
    write(answer.folder / PROFILE, json.dumps(content, indent=1).encode())
