"""What ``jaxsoco check`` and ``jaxsoco status`` say: sizes, progress, time left."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from jaxsoco.core import text
from jaxsoco.core.errors import InputError
from jaxsoco.engine.store import Store
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
            "chunks",
            f"{text.count(sweep.chunks, 'file')}, at most {sweep.largest_chunk} runs of each "
            "learner per file",
        ),
        ("precision", experiment.run.precision),
        ("disk", f"{text.size(sweep.disk_bytes)} of results at most"),
        (
            "memory",
            f"{text.size(sweep.tile_bytes)} of records per tile at most, "
            f"{text.size(sweep.chunk_bytes)} per chunk, plus working space",
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
        "chunks": sweep.chunks,
        "runs_per_chunk": sweep.chunk,
        "tile": experiment.run.tile,
        "precision": experiment.run.precision,
        "disk_bytes": sweep.disk_bytes,
        "tile_bytes": sweep.tile_bytes,
        "chunk_bytes": sweep.chunk_bytes,
        "too_large": [str(issue) for issue in excesses(sweep, out)],
        "directory": str(out),
        "seconds": None if isinstance(seconds, str) else seconds,
        "notes": [*sweep.notes],
        "plugins": {**experiment.plugins},
        "unread_plugins": [*experiment.unread],
    }


def unread_text(modules: tuple[str, ...]) -> list[str]:
    """What ``check`` says of a file's plug-ins, whose code it does not run unasked."""
    if not modules:
        return []
    lines = [f"  plug-in {module}" for module in modules]
    return [
        *lines,
        "  not imported: run, check --trace and check --plugin NAME import them",
    ]


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
        store = Store(out).open()
    except InputError:
        return f"not known before a first chunk is in {out}"
    rate = _rate(store)
    return f"not known: {out} has no chunk yet" if rate is None else sweep.runs / rate


def status_text(directory: Path) -> str:
    """Progress of a run.

    Raises:
      InputError: there is no run.
    """
    store = Store(directory).open()
    done, plan = store.committed(), store.plan
    runs = store.runs()
    rate = _rate(store)
    left = "none" if runs == plan.runs else "not known yet"
    if rate is not None and runs < plan.runs:
        left = f"about {text.duration((plan.runs - runs) / rate)} for one process"
    rows = [
        ("started", store.study.created),
        ("chunks", f"{len(done)} of {len(plan.chunks())}"),
        ("runs", f"{runs} of {plan.runs} of each learner ({100 * runs // plan.runs} %)"),
        ("rate", "not known yet" if rate is None else f"{rate:.3g} runs/s per process"),
        ("remaining", left),
        ("not converged", _counts(done, "nonconverged")),
        ("not finite", _counts(done, "nonfinite")),
        *(("damaged", f"{damaged}; the next run computes it again") for damaged in store.damaged),
    ]
    return "\n".join([f"{directory}: {store.study.title}", *text.columns(_indented(rows))])


def status_document(directory: Path) -> dict[str, Any]:
    """What :func:`status_text` says, for programs.

    Raises:
      InputError: there is no run.
    """
    store = Store(directory).open()
    done, plan, rate = store.committed(), store.plan, _rate(store)
    runs = store.runs()
    left = 0.0 if runs == plan.runs else None if rate is None else (plan.runs - runs) / rate
    return {
        "directory": str(directory),
        "title": store.study.title,
        "identity": store.manifest["identity"],
        "started": store.study.created,
        "complete": len(done) == len(plan.chunks()),
        "chunks": {"done": len(done), "total": len(plan.chunks())},
        "runs": {"done": runs, "total": plan.runs},
        "runs_per_second": rate,
        "seconds_left": left,
        "nonconverged": _totals(done, "nonconverged"),
        "nonfinite": _totals(done, "nonfinite"),
        "damaged": [damaged._asdict() for damaged in store.damaged],
    }


def _rate(store: Store) -> float | None:
    """Runs of each learner per second, from the sidecars.

    The median of the chunks, because the first one of a process pays for the compilations.
    """
    times = [
        receipt["seconds"] / (receipt["stop"] - receipt["start"])
        for receipt in store.committed().values()
    ]
    middle = statistics.median(times) if times else 0.0
    return 1 / middle if middle else None


def _counts(receipts: dict[str, dict], what: str) -> str:
    counts = _totals(receipts, what).items()
    return ", ".join(f"{label} {count}" for label, count in counts if count) or "none"


def _totals(receipts: dict[str, dict], what: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for receipt in receipts.values():
        total.update(receipt[what])
    return {**total}
