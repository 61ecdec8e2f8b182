"""``complete``: every run is there, finite, converged, and has done its work."""

from __future__ import annotations

import math

import numpy as np

from jaxsoco.analysis.checks._base import Check, CheckResult
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.records import Cell
from jaxsoco.analysis.selection import Scope, check_labels
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.schema import Field
from jaxsoco.core.study import SHORTFALL


class Complete(Check):
    """No run is missing, not finite, not converged, or short of work."""

    name = "complete"
    summary = "all runs are present, finite, converged, and without a shortfall"
    fields = (
        Field("algorithms", "strings", "labels (all learners if absent)", default=None),
        Field(
            "tolerance",
            "float",
            "largest shortfall of a run (1e-9 if absent, 1e-5 in float32)",
            default=None,
            low=0,
        ),
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown learners."""
        check_labels("algorithms", self.table.get("algorithms", ()), scope)

    def run(self, ledger: Ledger) -> CheckResult:
        """Counts the runs that went wrong."""
        study = ledger.study
        tolerance = self.table.get("tolerance")
        tolerance = study.rounding if tolerance is None else tolerance
        names, points = self.table.get("algorithms") or study.labels, study.select(self.where)
        cells = [ledger.cells[point, name] for point in points for name in names]
        expected = sum(g.seeds for g in study.groups for p in g.points if p in points)
        missing = expected * len(names) - sum(cell.runs for cell in cells)
        nonfinite = sum(cell.nonfinite for cell in cells)
        nonconverged = sum(cell.nonconverged for cell in cells)
        counts = [
            f"{missing} runs missing",
            f"{nonfinite} not finite",
            f"{nonconverged} with a kernel that did not converge",
        ]
        column = next((i for i, cost in enumerate(study.costs) if cost.name == SHORTFALL), None)
        worst = math.nan if column is None else _worst(cells, column)
        if column is not None:
            unit = study.costs[column].unit
            largest = f"{worst:.3g} {unit}".strip() if math.isfinite(worst) else "unknown"
            counts.append(f"largest shortfall {largest} (claimed: at most {tolerance:g})")
        runs = expected * len(names)
        sentence = f"complete in all {runs} runs{self.where_text}: " + ", ".join(counts)
        passed = not (missing or nonfinite or nonconverged or worst > tolerance)
        measured = Estimate(float(missing + nonfinite + nonconverged))
        return CheckResult(self.table, passed, measured, runs - missing, sentence)


def _worst(cells: list[Cell], column: int) -> float:
    return float(np.fmax.reduce([cell.worst[column] for cell in cells], initial=math.nan))
