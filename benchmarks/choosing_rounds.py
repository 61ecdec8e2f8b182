"""Times a round of every learner of a run of docs/choosing.md, and leaves it in the run directory.

    python benchmarks/choosing_rounds.py RUN

Timed are the compiled blocks of the experiment, as a sweep runs them: world, learner and ledger, a
tile of runs at once on one core. Learners take turns, and of each the fastest of several calls
counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import harness

if TYPE_CHECKING:
    from choosing import Reference

FILE = "rounds.json"


class Rounds(NamedTuple):
    """What the learners of a run take.

    Attributes:
      seconds: label -> of a round of one run.
      where: machine, precision and size.
    """

    seconds: Mapping[str, float]
    where: str


def read(folder: Path) -> Rounds | None:
    """The times in a run directory; None if there are none."""
    path = folder / FILE
    return Rounds(**json.loads(path.read_bytes())) if path.exists() else None


def write(folder: Path, rounds: Rounds) -> None:
    """Leaves times in a run directory."""
    (folder / FILE).write_text(json.dumps(rounds._asdict(), indent=1) + "\n", encoding="utf-8")


def measure(reference: Reference, repeats: int) -> Rounds:
    """Times all learners of a reference."""
    from jaxsoco.core.text import thousands
    from jaxsoco.experiment import expand, load_experiment

    horizons = [] if reference.timed is None else [f"run.horizons={reference.timed}"]
    experiment = load_experiment(reference.path, assignments=horizons)
    run = experiment.run
    calls, size = _calls(expand(experiment), reference)
    for call in calls.values():
        call()  # compiles
    times = harness.interleaved(calls, repeats)
    seconds = {label: min(own) / (size * run.tile) for label, own in times.items()}
    machine, versions, load = harness.machine(["jax"])
    where = (
        f"one core of {machine}; {versions}; {run.precision}, {run.tile} runs at once over "
        f"{thousands(size)} {reference.round}s; {load}"
    )
    return Rounds(seconds, where)


def _calls(sweep, reference: Reference) -> tuple[dict[str, Callable[[], object]], int]:
    """A call of every learner's block, for the seeds of a tile, and the rounds of a run."""
    import jax
    import numpy as np

    from jaxsoco.core.study import HORIZON
    from jaxsoco.experiment.building import Builder

    builder = Builder(sweep, 1)
    point, group = next(
        (position, group)
        for group in builder.groups()
        for position, point in enumerate(group.points)
        if all(
            value == {**sweep.points[point], HORIZON: group.horizon}[name]
            for name, value in reference.where.items()
        )
    )
    tiles = builder.tiles(group)
    lanes = np.full(tiles.width, point, np.int32), np.arange(tiles.width, dtype=np.int32)
    labels = [learner.label for learner in sweep.experiment.learners]
    pairs = zip(labels, tiles.tiles, strict=False)  # behind the learners are the comparators
    calls = {name: lambda tile=tile: jax.block_until_ready(tile(*lanes)) for name, tile in pairs}
    return calls, group.horizon


def main(arguments: Sequence[str] | None = None) -> int:
    """Times the learners of one run; 2 if it is none of the page's."""
    parser = argparse.ArgumentParser(description="the time of a round, for docs/choosing.md")
    parser.add_argument("run", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--repeats", type=int, default=5, help="timings of every learner")
    options = parser.parse_args(arguments)
    harness.force_host_devices(1)
    from choosing import reference_of

    from jaxsoco.core.errors import InputError
    from jaxsoco.engine.reading import Stored

    try:
        rounds = measure(reference_of(Stored(options.run).study), options.repeats)
    except InputError as error:
        print(error)
        return 2
    write(options.run, rounds)
    print(
        *(f"{harness.micro(time):>10} us  {name}" for name, time in rounds.seconds.items()),
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
