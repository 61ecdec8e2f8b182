"""Verdicts: what an interval says of a claim. All kinds of checks are decided here alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from jaxsoco.analysis.statistics import Estimate

Verdict = Literal["passed", "failed", "undecided"]
"""Passed: the interval clears the bounds; failed: it lies beyond one; undecided: neither."""

_SHOWN = {"passed": "passed", "failed": "FAILED", "undecided": "undecided"}
_MOST_SEEDS = 10_000_000


def decide(
    estimate: Estimate, low: float = -math.inf, high: float = math.inf, *, strict: bool = False
) -> Verdict:
    """The verdict on the claim that what is estimated lies from ``low`` to ``high``.

    >>> decide(Estimate(0.50, 0.47, 0.53), 0.4, 0.6)
    'passed'
    >>> decide(Estimate(0.50, 0.47, 0.53), high=0.4)
    'failed'
    >>> decide(Estimate(0.50, 0.47, 0.53), high=0.52)
    'undecided'

    Args:
      estimate: with its interval, whose ends belong to it. An end that is NaN is unknown; a value
        that is certain has both ends at the value.
      low: smallest value that the claim allows.
      high: largest value that it allows.
      strict: the bounds themselves do not confirm the claim, nor do they refute it: a tie.
    """
    if math.isnan(estimate.value):
        return "undecided"
    lower = -math.inf if math.isnan(estimate.lower) else estimate.lower
    upper = math.inf if math.isnan(estimate.upper) else estimate.upper
    if upper < low or lower > high:
        return "failed"
    if strict:
        inside = (low == -math.inf or low < lower) and (high == math.inf or upper < high)
    else:
        inside = low <= lower and upper <= high
    return "passed" if inside else "undecided"


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on several claims at once; ``passed`` for none.

    >>> together(["passed", "undecided"])
    'undecided'
    """
    kinds = set(verdicts)
    return "failed" if "failed" in kinds else "undecided" if "undecided" in kinds else "passed"


def seeds_to_decide(
    estimate: Estimate, seeds: int, low: float = -math.inf, high: float = math.inf
) -> float:
    """About how many seeds would decide a claim that is undecided, if the value stayed as it is.

    The interval shrinks like one over the square root of the seeds, so that ``n`` seeds become
    ``n (half-width / distance to the bound)^2``.

    >>> seeds_to_decide(Estimate(0.5, 0.4, 0.6), 10, high=0.55)
    40

    Args:
      estimate: with its interval.
      seeds: independent units that it rests on.
      low: smallest value that the claim allows.
      high: largest value that it allows.

    Returns:
      The number, rounded up to two digits; infinity where the value lies on a bound; NaN without
      an interval.
    """
    value, lower, upper = estimate
    if not math.isfinite(value) or value < lower or value > upper:
        return math.nan
    # What must fit between the value and a bound: the part of the interval on that side.
    if value < low:
        sides = [(upper - value, low - value)]
    elif value > high:
        sides = [(value - lower, value - high)]
    else:
        sides = [(value - lower, value - low), (upper - value, high - value)]
    sides = [(half, room) for half, room in sides if math.isfinite(room)]
    if any(math.isnan(half) for half, _ in sides):
        return math.nan
    shares = [math.inf if room <= half / _MOST_SEEDS else half / room for half, room in sides]
    needed = max(shares) ** 2
    if needed * seeds > _MOST_SEEDS:
        return math.inf
    return rounded_up(max(needed * seeds, seeds + 1))


def rounded_up(number: float) -> int:
    """The next whole number with two digits that count."""
    unit = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(round(number / unit, 6)) * unit


def reason(estimate: Estimate, seeds: int, needed: float) -> str:
    """Why a claim is undecided, and what would decide it."""
    if math.isnan(estimate.value):
        return "there is nothing to compare"
    if math.isnan(needed) and any(map(math.isnan, estimate)):
        few = "a random world takes more than one seed" if seeds < 2 else estimate.note
        return few or "there is no interval"
    if estimate.lower == estimate.upper:
        return "the learners tie"  # nothing else leaves a certain value undecided
    text = "the interval reaches over the bound"
    if math.isnan(needed):
        return text
    number = "no practical number of" if needed == math.inf else f"about {needed:,.0f}"
    return f"{text}, {number} seeds would decide it"


def verdict_text(verdict: str) -> str:
    """The word that people read: ``passed``, ``FAILED``, ``undecided``."""
    return _SHOWN[verdict]
