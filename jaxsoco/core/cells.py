"""Cells: one learner or comparator at one point, named by everything that fixes its numbers.

The key of a cell is a SHA-256 of the family, the problem, the point with the digests of its data,
the learner with its values, horizon and checkpoints, root seed, precision, the costs and which of
them make up the total, the code, and what compiles it. What a run is called, how it is cut up, on
how many devices and beside which neighbours it is computed is not in it: none of that changes a
number.

Where moments are kept in place of runs, the cells of the comparators are part of the key, because
ratio and regret against them are among the moments.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsoco.core.study import Study

_FORMAT = 1
"""Of keys: counts up when what is in them changes, so that older results are not taken for new."""

_MOMENTS = 1
"""Of blocks of moments, likewise."""


def digest_of(content: Any) -> str:
    """SHA-256 of the canonical JSON text of plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Origin:
    """What computes a study's numbers, beside the study.

    Attributes:
      common: digest of the code that all families share.
      problem: digest of the code of the family and the problem.
      learners: label -> digest of the code of that learner or comparator alone.
      compiler: versions of JAX and jaxlib, XLA's flags, the platform; on a GPU its kind and the
        tile, too; on a CPU a tile below 64 in float32.
    """

    common: str = ""
    problem: str = ""
    learners: Mapping[str, str] = field(default_factory=dict)
    compiler: Mapping[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        """``"cpu"`` or ``"gpu"``; empty where that is not known yet."""
        return str(self.compiler.get("platform", ""))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**vars(self), "learners": {**self.learners}, "compiler": {**self.compiler}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Origin:
        """What :meth:`to_json` made."""
        return cls(data["common"], data["problem"], dict(data["learners"]), dict(data["compiler"]))


class Cells:
    """The keys of a study's cells.

    Args:
      study: the study.
      origin: in place of the study's own.
    """

    def __init__(self, study: Study, origin: Origin | None = None):
        setup, origin = study.setup, origin or study.origin
        self._base = digest_of(
            {
                "format": _FORMAT,
                "family": setup.family,
                "problem": setup.problem,
                "root_seed": setup.root_seed,
                "precision": setup.precision,
                "costs": [[cost.name, cost.objective] for cost in study.costs],
                "code": [origin.common, origin.problem],
                "compiler": origin.compiler,
            }
        )
        rounds = {p: (g.horizon, g.checkpoints) for g in study.groups for p in g.points}
        owners = setup.data_of_points or (None,) * len(setup.points)
        self._points = [
            digest_of([values, None if i is None else setup.data[i], *rounds[point]])
            for point, (values, i) in enumerate(zip(setup.points, owners, strict=True))
        ]
        learners = {one.label: [one.name, one.values] for one in setup.learners}
        self._learners = [
            digest_of([learners.get(label, [label]), origin.learners.get(label, "")])
            for label in study.labels
        ]
        # The measure of the components is the study's own.
        self._measure = study.measure if study.moments else None
        rivals = study.optima if study.moments else ()
        self._rivals = [study.labels.index(label) for label in rivals]

    def key(self, point: int, learner: int) -> str:
        """Of the learner with this number at this point: 64 hexadecimal digits."""
        if self._measure is None:
            return self._runs(point, learner)
        rivals = sorted(self._runs(point, rival) for rival in self._rivals if rival != learner)
        own = self._runs(point, learner)
        return digest_of(["moments", _MOMENTS, self._measure, own, rivals])

    def _runs(self, point: int, learner: int) -> str:
        """The key of the runs themselves."""
        text = self._base + self._points[point] + self._learners[learner]
        return hashlib.sha256(text.encode()).hexdigest()
