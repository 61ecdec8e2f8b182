"""Checks: claims of a paper that a sweep confirms or refutes, each with its measured value.

Every kind is a class in a module of this package: ``name``, ``summary``, ``fields``, ``validate``
and ``run``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxsoco.analysis.checks._base import Check, CheckResult
from jaxsoco.analysis.indicators import beside_median
from jaxsoco.analysis.kinds import Kinds
from jaxsoco.analysis.ledger import Ledger

__all__ = ["CHECKS", "Check", "CheckResult", "run_checks", "validate_check"]

CHECKS = Kinds("check", Check, __name__)
"""Every kind of check; ``CHECKS[name]`` are its fields."""

validate_check = CHECKS.require
"""Checks one ``[[check]]`` completely."""


def run_checks(checks: Sequence[Mapping[str, Any]], ledger: Ledger) -> list[CheckResult]:
    """Evaluates validated checks on what the ledger holds.

    A claim without a finite run is undecided as long as runs are missing, and then fails.
    """
    results = [_evaluated(CHECKS.make(check), ledger) for check in checks]
    return [
        replace(result, passed=False) if ledger.complete and result.runs == 0 else result
        for result in results
    ]


def _evaluated(check: Check, ledger: Ledger) -> CheckResult:
    """What a check found; beside a median, how many of its runs went astray."""
    result, note = check.run(ledger), beside_median(check, ledger)
    return replace(result, sentence=f"{result.sentence} ({note})") if note else result
