"""A small study without a world, and packs that hold what its runs would cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsoco.core.cells import Cells, Origin
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.engine.packs import Block, Pack
from jaxsoco.engine.requests import Request
from jaxsoco.engine.store import Store


def make_study(
    *,
    seeds: int = 6,
    speeds: tuple[float, ...] = (1.0, 2.5),
    learners: tuple[str, ...] = ("walk", "run"),
    pack: int = 8,
    tile: int = 2,
    horizons: tuple[int, ...] = (10,),
    origin: Origin | None = None,
) -> Study:
    """A study of learners over speeds and horizons, judged against the comparator ``still``."""
    points = tuple({"speed": speed} for _ in horizons for speed in speeds)
    size = len(speeds)
    groups = tuple(
        Group(i, tuple(range(size * i, size * (i + 1))), seeds, horizon, (horizon // 2, horizon))
        for i, horizon in enumerate(horizons)
    )
    infos = tuple(LearnerInfo(name, "step", "step", {"gait": name}) for name in learners)
    return Study(
        name="walks",
        setup=Setup(
            family="toy",
            problem="line",
            points=points,
            learners=infos,
            comparators=("still",),
            seeds=seeds,
            data=({"map": "ab12"},),
            data_of_points=(0,) * len(points),
            tile=tile,
            checkpoints=2,
            versions={"jaxsoco": "0", "jax": "0"},
        ),
        plan=Plan(groups, (*learners, "still"), ("hit", "move"), tile=tile, pack=pack),
        costs=(CostEntry("hit", "g", ""), CostEntry("move", "g", "")),
        measure="regret",
        axes={"speed": speeds},
        presentation=Presentation(title="Walks"),
        origin=origin or Origin("c", "p", {"walk": "w"}, {"platform": "cpu"}),
    )


def cost_of(study: Study, learner: int, point: int, seeds: np.ndarray) -> np.ndarray:
    """What runs cost ``[n, C]``: a number for each learner, point, seed and checkpoint."""
    values = study.setup.points[point]["speed"]
    name = study.labels[learner]
    at = np.array(next(g.checkpoints for g in study.groups if point in g.points))
    return sum(map(ord, name)) * values + np.sin(seeds + 1.0)[:, None] * at


def content_of(
    study: Study, request: Request
) -> tuple[tuple[Block, ...], dict[str, np.ndarray], dict[str, Any]]:
    """The blocks, arrays and facts of a pack."""
    cells, points = Cells(study), study.groups[request.group].points
    blocks, arrays = [], {}
    for learner in request.learners:
        row, parts = 0, []
        for span in request.spans:
            point = points[span.position]
            key = cells.key(point, learner)
            blocks.append(Block(key, span.start, span.stop, learner, row))
            parts.append(cost_of(study, learner, point, np.arange(span.start, span.stop)))
            row += span.runs
        hit = np.concatenate(parts)
        arrays |= {
            f"{learner:03d}.hit": hit,
            f"{learner:03d}.move": 0.5 * hit,
            f"{learner:03d}.faults": np.zeros(row, np.int32),
            f"{learner:03d}.finite": np.ones(row, bool),
        }
    return tuple(blocks), arrays, {"seconds": 0.5, "device": "fake"}


def fill(study: Study, store: Store, request: Request) -> Pack:
    """Commits a pack."""
    return store.commit(*content_of(study, request))
