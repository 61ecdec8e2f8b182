"""What ``jaxsoco check`` says: sizes, and how long a run takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxsoco.core import text
from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored
from jaxsoco.experiment.expand import Sweep
from jaxsoco.experiment.sizes import excesses

_NOTES = 12


def check_text(sweep: Sweep, out: Path) -> str:
    """The size of a sweep, and how long it takes if ``out`` holds runs to judge from."""
    experiment = sweep.experiment
    groups = text.count(len(sweep.groups), "group")
    algorithms = ", ".join(learner.label for learner in experiment.learners)
    if experiment.unread:
        algorithms = ", ".join(filter(None, [algorithms, "those of its plug-ins"]))
    comparators = ", ".join(entry.name for entry in experiment.comparators)
    rows = [
        ("problem", f"{experiment.family.name}/{experiment.problem.name}"),
        *((f"  {name}", _listed(values)) for name, values in experiment.swept.items()),
        ("algorithms", algorithms),
        ("compared with", comparators or "nothing"),
        ("programs", f"{sweep.compilations} to compile, for {groups} of points"),
        (
            "packs",
            f"{text.count(sweep.packs, 'file')}, at most {sweep.largest_pack} runs of each "
            "learner per file",
        ),
        *_traces(sweep),
        ("kept", _kept(sweep)),
        ("precision", experiment.run.precision),
        ("disk", f"{text.size(sweep.disk_bytes)} of results at most"),
        (
            "memory",
            f"{text.size(sweep.tile_bytes)} of records per tile at most, "
            f"{text.size(sweep.pack_bytes)} per pack, plus working space",
        ),
        ("time", _time_text(sweep, out)),
        *(("too large", f"{issue}") for issue in excesses(sweep, out)),
        *(("note", note) for note in sweep.notes[:_NOTES]),
        *(("note", f"and {more} more") for more in [len(sweep.notes) - _NOTES] if more > 0),
        *(("plug-in", f"{name}: {version}") for name, version in experiment.plugins.items()),
    ]
    lines = [experiment.figure, f"  {sweep.header()}", *text.columns(_indented(rows))]
    return "\n".join([*lines, *unread_text(experiment.unread)])


def check_document(sweep: Sweep, out: Path) -> dict[str, Any]:
    """What :func:`check_text` says, for programs."""
    experiment = sweep.experiment
    seconds = _seconds(sweep, out)
    return {
        "title": experiment.figure,
        "family": experiment.family.name,
        "problem": experiment.problem.name,
        "axes": {name: [*values] for name, values in experiment.swept.items()},
        "points": len(sweep.points),
        "groups": len(sweep.groups),
        "algorithms": [learner.label for learner in experiment.learners],
        "comparators": [entry.name for entry in experiment.comparators],
        "seeds": experiment.run.seeds,
        "runs": len(sweep.labels) * sweep.runs,
        "compilations": sweep.compilations,
        "packs": sweep.packs,
        "runs_per_pack": sweep.pack,
        "trace": min(experiment.run.trace, experiment.run.seeds),
        "tile": experiment.run.tile,
        "keep": experiment.run.keep,
        "precision": experiment.run.precision,
        "disk_bytes": sweep.disk_bytes,
        "tile_bytes": sweep.tile_bytes,
        "pack_bytes": sweep.pack_bytes,
        "too_large": [str(issue) for issue in excesses(sweep, out)],
        "directory": str(out),
        "seconds": None if isinstance(seconds, str) else seconds,
        "notes": [*sweep.notes],
        "plugins": {**experiment.plugins},
        "unread_plugins": [*experiment.unread],
    }


def _traces(sweep: Sweep) -> list[tuple[str, str]]:
    run = sweep.experiment.run
    seeds = min(run.trace, run.seeds)
    if not seeds:
        return []
    runs = seeds * len(sweep.points) * len(sweep.experiment.learners)
    first = f"the first {text.count(seeds, 'seed')}" if seeds > 1 else "the first seed"
    words = f"every round of {first} of each learner and point ({text.count(runs, 'run')})"
    return [("traces", words)]


def unread_text(modules: tuple[str, ...]) -> list[str]:
    """What ``check`` says of a file's plug-ins, whose code it does not run unasked."""
    if not modules:
        return []
    lines = [f"  plug-in {module}" for module in modules]
    return [
        *lines,
        "  not imported: run, check --trace and check --plugin NAME import them",
    ]


def _kept(sweep: Sweep) -> str:
    """What is kept of the runs."""
    keep = sweep.experiment.run.keep
    if keep != "moments":
        return f"the costs of every run, at {text.count(sweep.checkpoints, 'round')} at most"
    seeds = text.count(sweep.block, "seed")
    return f"moments of blocks of {seeds}, {text.count(sweep.blocks, 'block')} a point and learner"


def _indented(rows: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    return [(f"  {name}", content) for name, content in rows]


def _listed(values: tuple[object, ...]) -> str:
    texts = [*map(text.show, values)]
    if len(texts) > 12:
        texts = [*texts[:6], f"... ({len(texts)} values)", texts[-1]]
    return ", ".join(texts)


def _time_text(sweep: Sweep, out: Path) -> str:
    seconds = _seconds(sweep, out)
    if isinstance(seconds, str):
        return seconds
    return f"about {text.duration(seconds)} in all, judged from {out}"


def _seconds(sweep: Sweep, out: Path) -> float | str:
    """How long all of it takes, or why that is not known."""
    try:
        there = Stored(out, thorough=False).coverage
    except InputError:
        return f"not known before a first pack is in {out}"
    rate = there.rate
    if rate is None:
        return f"not known: {out} has no pack of it yet"
    return sweep.runs * len(sweep.labels) / rate
