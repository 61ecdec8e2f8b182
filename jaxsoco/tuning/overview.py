"""What ``jaxsoco check`` says of a section ``[tune]``. No JAX."""

from __future__ import annotations

from typing import Any

from jaxsoco.core.text import columns, count
from jaxsoco.tuning.table import TuneTable, places_of, plans


def tuning_text(table: TuneTable | None) -> list[str]:
    """What ``jaxsoco tune`` would do, line by line; nothing without a table."""
    if table is None:
        return []
    rows = [("  objective", table.objective_words)]
    for target in table.learners:
        how = " or ".join(f"{method}: {reason}" for method, reason in plans(table, target))
        names = ", ".join(target.space.names)
        rows.append((f"  {target.name}", f"{names}, by {how}"))
    rows.append(
        ("  search", f"{count(table.steps, 'step')} of {count(table.seeds, 'run')} at most")
    )
    if places := sum(places_of(table, target) for target in table.learners):
        seeds = count(table.profile_seeds, "held-out seed")
        rows.append(("  landscape", f"{count(places, 'place')} of {seeds}"))
    judged = f"tuned, default, theory and start on {count(table.holdout, 'held-out seed')}"
    rows.append(("  judgement", judged))
    return ["  jaxsoco tune would search", *(f"  {line}" for line in columns(rows))]


def tuning_document(table: TuneTable) -> dict[str, Any]:
    """The same, for programs."""
    return {
        "objective": table.objective._asdict(),
        "steps": table.steps,
        "seeds": table.seeds,
        "holdout": table.holdout,
        "learners": [
            {
                "name": target.name,
                "parameters": [*target.space.names],
                "methods": [
                    {"method": method, "reason": reason} for method, reason in plans(table, target)
                ],
                "places": places_of(table, target),
            }
            for target in table.learners
        ],
    }
