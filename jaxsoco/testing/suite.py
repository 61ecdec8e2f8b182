"""``conformance``: every property of one entry, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxsoco import registry
from jaxsoco.experiment.plugging import Policy
from jaxsoco.experiment.tracing import explained
from jaxsoco.testing.cases import Case, Judge, Learner
from jaxsoco.testing.deriving import derive
from jaxsoco.testing.lists import comparator_properties, learner_properties, problem_properties
from jaxsoco.testing.verdicts import NotApplicable


class Outcome(NamedTuple):
    """What became of a property.

    Attributes:
      property: in words.
      verdict: ``"skipped"`` where it does not apply.
      message: why it was skipped or what failed, and the entry's own line.
    """

    property: str
    verdict: Literal["passed", "failed", "skipped"]
    message: str = ""


@dataclass(frozen=True)
class Report:
    """Every property of one entry.

    Attributes:
      name: ``"family/name"``.
      problem: on which it was tried.
      outcomes: in order.
    """

    name: str
    problem: str
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The properties that failed."""
        return tuple(one for one in self.outcomes if one.verdict == "failed")

    def __str__(self) -> str:
        """One line for every property."""
        lines = [f"{self.name} on {self.problem}"]
        for one in self.outcomes:
            reason = f" ({one.message})" if one.message else ""
            lines.append(f"  {one.verdict}: {one.property}{reason}")
        return "\n".join(lines)


def conformance(
    name: str,
    *,
    problem: str | None = None,
    values: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    case: Case | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    **facts: Any,
) -> Report:
    """Tries the properties that the package's own entries keep on one entry, such as a plug-in's.

    >>> jaxsoco.testing.conformance("tracking/halfway", plugins=["halfway"])

    The structure of states and worlds; one run, ``vmap``, a loop and native lanes; lanes that know
    neither their place nor their neighbours; float32 and float64; branches; one compilation for
    all numbers; slopes; that nobody looks ahead; degenerate worlds; that runs repeat. It takes
    some tens of seconds, mostly to compile small programs.

    Args:
      name: ``"family/name"`` of a learner, comparator or problem.
      problem: on which a learner or comparator is tried; one of the family's by default.
      values: fields of the problem that differ from their defaults: a small size, above all.
      plugins: modules to import first, as ``--plugin`` does (installed ones are known already).
      case: all that can be said of the problem, in place of ``problem``, ``values`` and ``facts``.
      only: words: properties that have none of them in their name are skipped.
      skip: words: properties that have one of them in their name are skipped.
      **facts: further fields of :class:`~jaxsoco.testing.Case`: ``bounds`` (comparators that no
        learner beats), ``hidden`` (leaves of the spec that no learner may read), ``slopes``, ...

    Returns:
      The report, where nothing failed.

    Raises:
      AssertionError: with everything that failed, and the entry's own line.
      InputError: there is no such entry, or the problem refuses its values.
    """
    if plugins:
        Policy(tuple(plugins)).use((), Path())
    what, entry = registry.find(name)
    case = derive(name, problem, values, facts) if case is None else case
    properties: Mapping[str, Callable[[], Any]] = {
        "algorithm": lambda: learner_properties(Learner(case, entry)),  # type: ignore[arg-type]
        "comparator": lambda: comparator_properties(Judge(case, entry)),  # type: ignore[arg-type]
        "problem": lambda: problem_properties(case),
    }[what]()
    outcomes = []
    for title, check in properties.items():
        asked = not only or any(word in title for word in only)
        if not asked or any(word in title for word in skip):
            outcomes.append(Outcome(title, "skipped", "left out"))
        else:
            outcomes.append(_outcome(title, check))
    report = Report(name, case.problem, tuple(outcomes))
    if report.failures:
        raise AssertionError(_failure_text(report))
    return report


def _outcome(title: str, check: Callable[[], Any]) -> Outcome:
    try:
        check()
    except NotApplicable as reason:
        return Outcome(title, "skipped", str(reason))
    except AssertionError as error:
        return Outcome(title, "failed", str(error).strip())
    except Exception as error:
        message, line = explained(error)
        return Outcome(title, "failed", f"raised {message}" + (f" ({line})" if line else ""))
    return Outcome(title, "passed")


def _failure_text(report: Report) -> str:
    failures = report.failures
    share = f"{len(failures)} of {len(report.outcomes)} properties failed"
    lines = [f"{report.name} on {report.problem}: {share}"]
    lines += [f"- {one.property}\n    {_indented(one.message)}" for one in failures]
    return "\n".join(lines)


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
