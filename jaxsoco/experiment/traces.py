"""Single runs at every round (``run.trace``): how many they may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jaxsoco.core.errors import Issue
from jaxsoco.core.study import TRACE_TILE, Study
from jaxsoco.core.text import count

MOST_TRACED = 20_000_000
"""Rounds of all traced runs; with 4 costs in float64 they take 640 MB."""


def traced_rounds(groups: Iterable[tuple[int, int]], learners: int) -> int:
    """Rounds that are kept of single runs.

    Args:
      groups: traced runs of a learner in each group, and their horizon: ``(runs, horizon)``.
      learners: how many there are.
    """
    return learners * sum(runs * horizon for runs, horizon in groups)


def trace_excess(groups: Iterable[tuple[int, int]], learners: int) -> Iterator[Issue]:
    """What makes traces too large: an issue, or none. Arguments as of :func:`traced_rounds`."""
    groups = [*groups]
    # Runs are computed in blocks; what fills the last one takes memory, too.
    whole = traced_rounds([(-(-n // TRACE_TILE) * TRACE_TILE, t) for n, t in groups], learners)
    if whole > MOST_TRACED:
        runs, longest = sum(n for n, _ in groups), max(t for _, t in groups)
        message = (
            f"every round of {count(runs, 'run')} of {count(learners, 'learner')}, computed "
            f"{TRACE_TILE} at a time over up to {longest} rounds, comes to {whole} rounds"
        )
        hint = f"want at most {MOST_TRACED}: fewer seeds to trace, points, learners or rounds"
        yield Issue("run.trace", message, f"{hint}, or go on with --anyway")


def study_excess(study: Study) -> Iterator[Issue]:
    """The same of a study, whose horizons are known."""
    if study.traced is not None:
        groups = [(group.runs, group.horizon) for group in study.traced.groups]
        yield from trace_excess(groups, len(study.algorithms))
