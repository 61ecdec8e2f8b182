"""Conformance of learners, comparators and problems of one's own.

>>> import jaxsoco
>>> jaxsoco.testing.conformance("tracking/halfway", plugins=["halfway"])

tries on one entry the properties that the package's own entries keep, and raises with everything
that failed. Needs no test runner; in a test, it is one line. JAX is imported when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.core.lazy import lazy_names

if TYPE_CHECKING:
    from jaxsoco.testing.cases import Case, Judge, Learner
    from jaxsoco.testing.suite import Outcome, Report, conformance

_MODULES = {
    "cases": "Case Judge Learner",
    "suite": "Outcome Report conformance",
}

__all__ = ["Case", "Judge", "Learner", "Outcome", "Report", "conformance"]
__getattr__, __dir__, _ = lazy_names(__name__, _MODULES)
