"""Planted sweeps: a manifest and pieces as the store would hand them over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, product
from typing import Any

import numpy as np
import pytest

COSTS = (
    {"name": "service", "unit": "g", "objective": True},
    {"name": "move", "unit": "g", "objective": True},
    {"name": "shortfall", "unit": "job", "objective": False},
)


@dataclass
class Sweep:
    """A planted sweep.

    ``cost(label, point values, seeds [n], checkpoints [C])`` gives the service cost ``[n, C]``;
    the move cost is 0 unless ``move`` gives one. Faults, finite flags and shortfalls are arrays by
    (label, point index), 0 elsewhere.
    """

    axes: dict[str, list[Any]]
    algorithms: list[str]
    comparators: list[str]
    cost: Callable[[str, Mapping[str, Any], np.ndarray, np.ndarray], np.ndarray]
    seeds: int = 4
    checkpoints: tuple[int, ...] = (10,)
    measure: str = "ratio"
    pack: int = 1000
    checks: list[dict[str, Any]] = field(default_factory=list)
    plots: list[dict[str, Any]] = field(default_factory=list)
    move: Callable[[str, Mapping[str, Any], np.ndarray], np.ndarray] | None = None
    extra: dict[tuple[str, str, int], np.ndarray] = field(default_factory=dict)
    title: str = "A planted sweep"
    seed_axes: list[str] | None = field(default_factory=list)

    @property
    def points(self) -> list[dict[str, Any]]:
        names = [*self.axes]
        return [dict(zip(names, v, strict=True)) for v in product(*self.axes.values())]

    @staticmethod
    def plant(manifest: dict[str, Any], learners: Mapping[str, Mapping[str, Any]]) -> None:
        """Gives the learners of a manifest a base and values: label -> ``base`` and ``values``."""
        manifest["presentation"]["learners"] = learners
        for learner in manifest["settings"]["learners"]:
            learner["values"] = learners[learner["label"]]["values"]

    @property
    def learners(self) -> list[str]:
        return [*self.algorithms, *self.comparators]

    def manifest(self) -> dict[str, Any]:
        groups, last = [], {}
        for i, point in enumerate(self.points):
            horizon = point.get("horizon", self.checkpoints[-1])
            last.setdefault(horizon, []).append(i)
        for index, (horizon, members) in enumerate(last.items()):
            rounds = list(self.checkpoints) if "horizon" not in self.axes else [horizon]
            groups.append(
                {
                    "index": index,
                    "points": members,
                    "seeds": self.seeds,
                    "horizon": horizon,
                    "checkpoints": rounds,
                }
            )
        return {
            "format": 2,
            "identity": "ab" * 32,
            "name": "planted",
            "figure": self.title,
            "created": "2024-01-01T00:00:00+00:00",
            "settings": {
                "family": "planted",
                "problem": "planted",
                "points": self.points,
                "learners": [{"label": a, "name": a, "values": {}} for a in self.algorithms],
                "comparators": list(self.comparators),
                "seeds": self.seeds,
                "precision": "float64",
                "versions": {"jaxsoco": "0", "jax": "0"},
            },
            "plan": {
                "groups": groups,
                "learners": self.learners,
                "costs": [c["name"] for c in COSTS],
                "tile": 1,
                "pack": self.pack,
            },
            "presentation": {
                "axes": self.axes,
                **({} if self.seed_axes is None else {"seed_axes": self.seed_axes}),
                "checks": self.checks,
                "plots": self.plots,
                "costs": list(COSTS),
                "measure": self.measure,
                "notes": ["data by nobody <CC0>"],
                "warnings": ["nothing is real"],
                "command": "jaxsoco run planted.toml",
                "spec": 'figure = "A planted sweep" # <b>&</b>',
            },
        }

    def pieces(self) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
        packs = count()
        for group in self.manifest()["plan"]["groups"]:
            runs = len(group["points"]) * self.seeds
            for start in range(0, runs, self.pack):
                stop = min(start + self.pack, runs)
                facts = {"seconds": 1.5, "device": "cpu", "jax": "0.0"}
                record = {
                    "group": group["index"],
                    "start": start,
                    "stop": stop,
                    "repeating": [],
                    "packs": {f"{next(packs):024x}": facts},
                }
                yield record, self._arrays(group, np.arange(start, stop))

    def _arrays(self, group: dict[str, Any], runs: np.ndarray) -> dict[str, np.ndarray]:
        arrays = {}
        rounds = np.array(group["checkpoints"])
        for number, label in enumerate(self.learners):
            parts: dict[str, list[np.ndarray]] = {}
            for position in np.unique(runs // self.seeds):
                index = group["points"][position]
                seeds = runs[runs // self.seeds == position] % self.seeds
                for name, values in self._run(label, index, seeds, rounds).items():
                    parts.setdefault(name, []).append(values)
            arrays |= {f"{number:03d}.{n}": np.concatenate(v) for n, v in parts.items()}
        return arrays

    def _run(
        self, label: str, index: int, seeds: np.ndarray, rounds: np.ndarray
    ) -> dict[str, np.ndarray]:
        point = self.points[index]
        service = np.broadcast_to(
            self.cost(label, point, seeds, rounds), (len(seeds), len(rounds))
        ).astype(float)
        move = np.zeros_like(service)
        if self.move is not None:
            move += self.move(label, point, seeds)[:, None]
        none = np.zeros(self.seeds)
        pick = {
            name: self.extra.get((name, label, index), none)[seeds]
            for name in ("faults", "nonfinite", "shortfall")
        }
        return {
            "service": service,
            "move": move,
            "shortfall": np.broadcast_to(pick["shortfall"][:, None], service.shape),
            "faults": pick["faults"].astype(np.int32),
            "finite": pick["nonfinite"] == 0,
        }


@pytest.fixture
def make_sweep() -> type[Sweep]:
    """The class itself: tests plant their own numbers."""
    return Sweep
