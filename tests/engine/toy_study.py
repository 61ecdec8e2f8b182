"""Studies whose runs are numbers of a hash: what a table must hold is known without a sweep.

What a fake learner does in a run depends on what it is, on the point's values and on the seed, as
with a real one, and on nothing else. No JAX.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.core import scratch
from jaxsoco.core.cells import Origin
from jaxsoco.core.plan import Group, Plan
from jaxsoco.core.schema import CostEntry
from jaxsoco.core.setup import LearnerInfo, Presentation, Setup
from jaxsoco.core.study import Study
from jaxsoco.engine.batch import Outcome
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Local, SweepSummary, Tiles, sweep

COSTS = ("hit", "move")
TILE = 4
LEARNERS = {"pcm": {}, "st_clip(epsilon=0.1)": {"epsilon": 0.1}}
OPTIMUM = "opt"
SPEEDS = (1.0, 2.5, 4.0, 5.5)
GROUPS = ((0, 2, 3), (1,))
HORIZONS = {(0, 2, 3): (2, 6), (1,): (3, 6, 9)}


def make_study(
    *,
    seeds: int = 11,
    pack: int = 8,
    tile: int = TILE,
    speeds: tuple[float, ...] = SPEEDS,
    groups: tuple[tuple[int, ...], ...] = GROUPS,
    rounds: dict[tuple[int, ...], tuple[int, ...]] | None = None,
    learners: dict[str, dict[str, Any]] | None = None,
    comparators: tuple[str, ...] = (OPTIMUM,),
    title: str = "Walks",
    **changes: Any,
) -> Study:
    """A study of ``speeds``, in groups of points."""
    learners = LEARNERS if learners is None else learners
    at = {g: (3, 6) for g in groups} | HORIZONS | (rounds or {})
    named = [LearnerInfo(k, k.partition("(")[0], k, v) for k, v in learners.items()]
    setup = Setup(
        family="toy",
        problem="line",
        points=tuple({"speed": speed} for speed in speeds),
        learners=tuple(named),
        comparators=comparators,
        seeds=seeds,
        root_seed=7,
        precision="float32",
        tile=tile,
        checkpoints=3,
        versions={"jaxsoco": "0", "jax": "0"},
    )
    labels = (*learners, *comparators)
    plan = Plan(
        tuple(Group(i, g, seeds, at[g][-1], at[g]) for i, g in enumerate(groups)),
        labels,
        COSTS,
        tile=tile,
        pack=pack,
    )
    study = Study(
        name="walks",
        setup=setup,
        plan=plan,
        costs=(CostEntry("hit", "g", ""), CostEntry("move", "g", "")),
        measure="ratio",
        axes={"speed": speeds},
        presentation=Presentation(title=title),
        origin=Origin(
            "common", "family", {label: f"code of {label}" for label in labels}, {"platform": "cpu"}
        ),
    )
    return replace(study, **changes)


def record(study: Study, label: str, point: int, seed: int) -> tuple[dict, int, bool]:
    """What a learner does in one run: costs by name ``[C]``, faults, finite."""
    infos = {one.label: [one.name, one.values] for one in study.setup.learners}
    at = next(g.checkpoints for g in study.groups if point in g.points)
    what = [infos.get(label, [label]), study.setup.points[point], study.setup.root_seed, seed]
    return _numbers(json.dumps(what), at)


@functools.cache
def _numbers(what: str, at: tuple[int, ...]) -> tuple[dict, int, bool]:
    digest = hashlib.sha256(what.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8]))
    costs = {c: (100 + rng.normal(size=len(at)) * at).astype(np.float32) for c in COSTS}
    return costs, 2 * (digest[8] % 5 == 0), digest[9] % 4 > 0


def expected(study: Study) -> dict[tuple[int, str], dict[str, np.ndarray]]:
    """``(point, label) -> {"hit": [seeds, C], ..., "faults": [seeds], "finite": [seeds]}``."""
    return {
        (point, label): stack([record(study, label, point, s) for s in range(group.seeds)])
        for group in study.groups
        for point in group.points
        for label in study.labels
    }


def stack(runs: list) -> dict[str, np.ndarray]:
    costs = {name: np.stack([run[0][name] for run in runs]) for name in COSTS}
    faults, finite = np.array([r[1] for r in runs], np.int32), np.array([r[2] for r in runs], bool)
    return costs | {"faults": faults, "finite": finite}


def fake_tile(
    study: Study, group: int, label: str, before: Callable[[], None] = lambda: None
) -> Callable[..., Any]:
    """A block as a batch compiles it; ``before`` is called at every call."""
    points = study.groups[group].points

    def tile(positions: np.ndarray, seeds: np.ndarray) -> Any:
        before()
        assert positions.dtype == seeds.dtype == np.int32
        pairs = zip(positions.tolist(), seeds.tolist(), strict=True)
        arrays = stack([record(study, label, points[p], s) for p, s in pairs])
        costs = {name: np.moveaxis(arrays[name], 0, -1) for name in COSTS}
        return Outcome(costs, arrays["faults"], arrays["finite"])

    return tile


def fake_load(
    study: Study, width: int = TILE, before: Callable[[], None] = lambda: None
) -> Callable[[int], Tiles]:
    """Compiles a group of a study, in no time."""

    def load(group: int) -> Tiles:
        tiles = tuple(fake_tile(study, group, label, before) for label in study.labels)
        return Tiles(width, tiles, {"jax": "0.0", "device": "fake"})

    return load


def begin(path: Path, study: Study) -> Store:
    return Store(path).begin(study.to_json())


def run(
    path: Path, study: Study, width: int = TILE, load: Callable[[int], Tiles] | None = None, **how
) -> SweepSummary:
    """A sweep of what is missing."""
    return sweep(study, begin(path, study), Local(load or fake_load(study, width)), **how)


def stored_runs(path: Path) -> dict[tuple[int, str], dict[str, np.ndarray]]:
    """What a reader finds of the study that was last asked for, as :func:`expected` has it."""
    stored = Stored(path)
    parts: dict[tuple[int, str], dict[str, list[np.ndarray]]] = {}
    seeds: dict[tuple[int, str], list[int]] = {}
    for where, arrays in stored.pieces():
        group = stored.study.groups[where["group"]]
        position, first = divmod(where["start"], group.seeds)
        assert (where["stop"] - 1) // group.seeds == position, "a piece is of one point"
        for name, array in arrays.items():
            number, _, what = name.partition(".")
            place = group.points[position], stored.study.labels[int(number)]
            parts.setdefault(place, {}).setdefault(what, []).append(array)
            assert len(array) == where["stop"] - where["start"]
            if what == "finite":
                seeds.setdefault(place, []).extend(range(first, first + len(array)))
    for place, numbers in seeds.items():
        assert numbers == [*range(len(numbers))], f"{place} has the seeds {numbers}"
    return {
        place: {name: np.concatenate(arrays) for name, arrays in named.items()}
        for place, named in parts.items()
    }


def assert_same_bits(one: dict, two: dict) -> None:
    assert one.keys() == two.keys()
    for place, named in one.items():
        assert named.keys() == two[place].keys()
        for name, array in named.items():
            other = two[place][name]
            assert (array.dtype, array.shape) == (other.dtype, other.shape), (place, name)
            assert array.tobytes() == other.tobytes(), (place, name)


def temporaries(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if scratch.is_temporary(p)]


def pack_files(path: Path) -> dict[str, bytes]:
    """The results of every pack, by name."""
    return {file.name: file.read_bytes() for file in sorted((path / "packs").glob("*.npz"))}


def reseal(file: Path, change: Callable[[dict], Any]) -> None:
    """Changes a sidecar or manifest, and seals it as its writer does."""
    content = json.loads(file.read_bytes())
    del content["seal"]
    change(content)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["seal"] = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps(content))


def sidecars(path: Path) -> Iterator[Path]:
    yield from sorted((path / "packs").glob("*.json"))
