"""Checks: claims of a paper that a sweep confirms or refutes, each with its measured value.

Every kind is a class in a module of this package: ``name``, ``summary``, ``fields``, ``validate``
and ``run``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsoco.analysis.checks._base import Check, CheckResult
from jaxsoco.analysis.kinds import Kinds
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope

__all__ = ["CHECKS", "Check", "CheckResult", "run_checks", "validate_check"]

CHECKS = Kinds("check", Check, __name__)
"""Every kind of check; ``CHECKS[name]`` are its fields."""


def validate_check(
    check: Mapping[str, Any],
    labels: Sequence[str],
    comparators: Sequence[str] | Mapping[str, str],
    axes: Mapping[str, Sequence[Any]],
    *,
    path: str = "check",
    **offer: Any,
) -> None:
    """Checks one ``[[check]]`` completely: its fields, labels, selection and axis.

    Args:
      check: the table as the experiment states it.
      labels: labels of the algorithms.
      comparators: names of the comparators; a mapping gives for each one that is not run the
        component that is the regret against it.
      axes: values of every axis of the problem.
      path: where the check stands, the prefix of every issue's path.
      **offer: what else the experiment offers, see :class:`~jaxsoco.analysis.selection.Scope`:
        ``checkpoints``, ``costs``, ``learners``.

    Raises:
      InputError: with everything that is wrong.
    """
    scope = Scope(axes, labels, comparators, path=path, **offer)
    CHECKS.validate(check, scope)
    scope.finish()


def run_checks(checks: Sequence[Mapping[str, Any]], ledger: Ledger) -> list[CheckResult]:
    """Evaluates validated checks on what the ledger holds."""
    return [CHECKS.make(check).run(ledger) for check in checks]
