"""Keys of ``[run]``: how many runs, in which precision, cut up how, compared with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxsoco.core.errors import suggest
from jaxsoco.core.fields import INVALID, Issues, read_axis, read_value, want
from jaxsoco.core.schema import REQUIRED, ComparatorEntry, Family, Field, ProblemEntry, suits
from jaxsoco.experiment.document import Given, Section

_LANES = 16  # a tile is a multiple: full vector registers on every device

HORIZONS = Field("horizons", "integer", "rounds per run; a list is an axis", default=None, low=1)

RUN_FIELDS = (
    Field("seeds", "integer", "independent runs of every point", low=1),
    Field("root_seed", "integer", "root of all random streams", default=0, low=0),
    Field(
        "precision",
        "choice",
        "floating-point precision of the runs",
        default="float64",
        choices=("float32", "float64"),
    ),
    Field("tile", "integer", "runs compiled together", default=256, low=_LANES, high=65536),
    Field("pack", "integer", "runs of each learner per file", default=4096, low=1),
    Field(
        "checkpoints",
        "integer",
        "largest number of rounds at which a run's costs are kept, for problems with `horizons`",
        default=32,
        low=1,
        high=1000,
    ),
    Field(
        "trace",
        "integer",
        "first seeds of every learner and point of which each round is kept, for plots of single "
        "runs",
        default=0,
        low=0,
        high=10_000,
    ),
    Field(
        "keep",
        "choice",
        "what is kept of a run: its costs at every checkpoint or at the last one, or of many runs "
        "their moments",
        default="checkpoints",
        choices=("checkpoints", "final", "moments"),
    ),
    Field("compare", "strings", "comparators (the family's own if absent)", default=None),
    Field("confidence", "float", "level of the intervals", default=0.95, low=0.5, high=0.999),
)
"""Keys of ``[run]`` beside ``horizons``."""

RUN_KEYS = (*(field.name for field in RUN_FIELDS), HORIZONS.name)


def most_checkpoints(problem: ProblemEntry, checkpoints: int, keep: str = "checkpoints") -> int:
    """At how many rounds of a run its costs are kept, at most.

    Curves over rounds belong to problems whose horizon the experiment chooses; elsewhere runs end
    at different rounds, and only the end has a meaning that they share.
    """
    return checkpoints if problem.horizons and keep != "final" else 1


@dataclass(frozen=True)
class RunSettings:
    """``[run]``, complete; see ``RUN_FIELDS``."""

    seeds: int
    root_seed: int
    precision: str
    tile: int
    pack: int
    checkpoints: int
    trace: int
    keep: str
    confidence: float


def read_run(section: Section, issues: Issues) -> dict[str, Any]:
    """Reads ``[run]`` without ``horizons`` and ``compare``; reported values are ``INVALID``."""
    for key, setting in section.items():
        if key not in RUN_KEYS:
            issues.found(setting.place, f'"{key}" is not a key of [run]', suggest(key, RUN_KEYS))
    return {f.name: read_run_value(f, section, issues) for f in RUN_FIELDS if f.name != "compare"}


def read_run_value(field: Field, section: Section, issues: Issues) -> Any:
    """One key of ``[run]``, or its default."""
    setting = section.get(field.name)
    if setting is None:
        if field.default is REQUIRED:
            return issues.found(f"run.{field.name}", "is missing", f"want {want(field)}")
        return field.default
    value = read_value(field, setting.value, setting.place, issues)
    if field.name == "tile" and value is not INVALID and value % _LANES:
        near = max(round(value / _LANES), 1) * _LANES
        hint = f"want a multiple, such as {near}"
        return issues.found(setting.place, f"{value} is not a multiple of {_LANES}", hint)
    return value


def read_horizons(problem: ProblemEntry, section: Section, issues: Issues) -> tuple[int, ...]:
    """``run.horizons``; empty where the problem fixes its own, and where it was reported."""
    setting = section.get(HORIZONS.name)
    if problem.horizons and setting is None:
        issues.found("run.horizons", "is missing", f"want {want(HORIZONS)}, or a list")
    if setting is None:
        return ()
    if not problem.horizons:
        message = f"the problem {problem.name} fixes its own horizon"
        issues.found(setting.place, message, "leave run.horizons out")
        return ()
    return read_axis(HORIZONS, setting.value, setting.place, issues)


def read_compare(
    family: Family, problem: ProblemEntry, section: Section, issues: Issues
) -> tuple[ComparatorEntry, ...]:
    """``run.compare`` as the family's entries, those for the problem."""
    comparators = {e.name: e for e in family.comparators if suits(e, problem)}
    usual = [name for name in family.compare if name in comparators]
    setting = section.get("compare", Given(usual, "run.compare"))
    if not setting.value and "compare" not in section:
        return ()
    field = Field("compare", "strings", "comparators", choices=tuple(comparators))
    names = read_value(field, setting.value, setting.place, issues)
    return () if names is INVALID else tuple(comparators[name] for name in names)
