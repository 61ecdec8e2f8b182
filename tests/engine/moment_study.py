"""A study whose moments are kept, with learners in numpy: no JAX is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsoco.core.measures import Record, judged, quantities, read_record
from jaxsoco.core.plan import Group, Plan, block_of
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary
from jaxsoco.engine.batch import Outcome
from jaxsoco.engine.requests import Share
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Local, Tiles, sweep
from jaxsoco.engine.work import Work

COSTS = (
    CostEntry("hit", "g", "", objective=True),
    CostEntry("move", "g", "", objective=True),
    CostEntry("late", "job", "", objective=False),
)
AT = (2, 6)
ALGORITHMS, OPTIMA = ("a", "b"), ("best", "other")


def make_study(
    seeds=100,
    points=2,
    algorithms=ALGORITHMS,
    optima=OPTIMA,
    pack=64,
    tile=4,
    moments=True,
    measure="ratio",
) -> Study:
    group = Group(0, (*range(points),), seeds, 6, AT, block_of(seeds) if moments else 0)
    labels = (*algorithms, *optima)
    return Study(
        name="moments",
        setup=Setup(
            family="toy",
            problem="toy",
            points=tuple({"size": i} for i in range(points)),
            learners=tuple(LearnerInfo(label, label, label, {}) for label in algorithms),
            comparators=optima,
            seeds=seeds,
            data=({},),
            data_of_points=(0,) * points,
        ),
        plan=Plan((group,), labels, tuple(cost.name for cost in COSTS), tile=tile, pack=pack),
        costs=COSTS,
        measure=measure,
        axes={"size": tuple(range(points))} if points > 1 else {},
        presentation=Presentation("Moments"),
    )


def runs_of(label: str, positions: np.ndarray, seeds: np.ndarray) -> Outcome:
    """What a learner does in some runs: every number depends on its name, point and seed alone."""
    lanes = []
    for position, seed in zip(positions.tolist(), seeds.tolist(), strict=True):
        draw = np.random.default_rng([ord(label[0]), position, seed])
        steps = draw.lognormal(size=(len(COSTS), AT[-1])) * (1 + position)
        lanes.append(steps.cumsum(axis=1)[:, [at - 1 for at in AT]])
    costs = np.stack(lanes, axis=-1)
    if label == "other":
        costs[..., seeds % 11 == 3] = 0.0  # no ratio to it has a meaning
    if label == "b":
        costs[1, -1, seeds % 17 == 5] = np.nan
    finite = np.isfinite(costs).all(axis=(0, 1))
    names = [cost.name for cost in COSTS]
    faults = ((positions + 3 * seeds + ord(label[0])) % 7 == 0).astype(np.int32)
    return Outcome(dict(zip(names, costs, strict=True)), faults, finite)


class Counter:
    """Tiles that note which runs they were asked for."""

    def __init__(self, study: Study, width: int | None = None):
        self.study, self.width = study, width or study.plan.tile
        self.runs: dict[str, set[tuple[int, int]]] = {label: set() for label in study.labels}

    def __call__(self, group: int) -> Tiles:
        return Tiles(self.width, tuple(map(self._tile, self.study.labels)), {"device": "none"})

    def _tile(self, label: str) -> Any:
        def tile(positions: np.ndarray, seeds: np.ndarray) -> Any:
            assert positions.shape == seeds.shape == (self.width,)
            self.runs[label].update(zip(positions.tolist(), seeds.tolist(), strict=True))
            return runs_of(label, positions, seeds)

        return tile


def run(path, study: Study, width: int | None = None, share: Share | None = None):
    """Computes what a folder lacks of a study; returns the runs that it took."""
    store = Store(path).begin(study.to_json())
    counter, work = Counter(study, width), Work(study, store, share or Share())
    summary = sweep(study, store, Local(counter), work=work)
    assert not summary.failures
    return counter.runs, summary


def records(study: Study, position: int, seeds: np.ndarray) -> dict[str, Record]:
    """The runs of all learners of a study, in float64."""
    found = {}
    for label in study.labels:
        costs, faults, finite = runs_of(label, np.full(len(seeds), position), seeds)
        arrays = {f"000.{name}": values.T for name, values in costs.items()}
        arrays |= {"000.faults": faults, "000.finite": finite}
        found[label] = read_record(study, "000", arrays)
    return found


def summed(study: Study, label: str, position: int, start: int, stop: int) -> np.ndarray:
    """The block of some seeds, straight from the runs."""
    runs = records(study, position, np.arange(start, stop))
    values, use = judged(study, label, runs)
    assert values.shape[1] == len(quantities(study, label))
    return Summary.of_parts(values, use).to_array()
