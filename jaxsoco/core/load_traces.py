"""A load over time, in bins of one width: :class:`LoadTrace`. No JAX."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from jaxsoco.core.errors import InputError, Issue

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True, eq=False)
class LoadTrace:
    """What arrives, or runs, in consecutive bins.

    >>> from jaxsoco.smoothed import LoadTrace
    >>> trace = LoadTrace(np.array([2.0, 0.0, 1.0, 3.0]), bin=3600.0)
    >>> trace.rebin(2).scale(peak=8).counts.tolist()
    [4.0, 8.0]

    Attributes:
      counts: ``[bins]``, at least 0.
      bin: width of a bin in the trace's unit of time (s, or bins of the file); 0 if not known.
      source: where it comes from.
      notes: what was assumed in reading it.
      running: whether counts are what runs at once, on average over each bin; else what arrives.
    """

    counts: np.ndarray
    bin: float
    source: str = "arrays"
    notes: tuple[str, ...] = ()
    running: bool = False

    @property
    def mean(self) -> float:
        """Mean of the bins."""
        return float(self.counts.mean())

    @property
    def digest(self) -> str:
        """SHA-256 of the counts."""
        return hashlib.sha256(np.ascontiguousarray(self.counts, "<f8").tobytes()).hexdigest()

    def rebin(self, factor: int) -> Self:
        """Joins ``factor`` bins into one; a rest at the end is left out.

        What arrives adds up; of what runs at once the mean is taken.

        >>> from jaxsoco.smoothed import LoadTrace
        >>> LoadTrace(np.array([4.0, 6.0, 6.0, 2.0]), 1800.0, running=True).rebin(2).counts.tolist()
        [5.0, 4.0]

        Raises:
          InputError: no whole number from 1 on, or longer than the trace.
        """
        if factor < 1 or factor > self.counts.size:
            message = f"{factor} bins cannot be joined in a trace of {self.counts.size}"
            raise InputError(Issue("rebin", message, "want a whole number within the trace"))
        whole = self.counts[: self.counts.size // factor * factor]
        bins = whole.reshape(-1, factor)
        counts = bins.mean(axis=1) if self.running else bins.sum(axis=1)
        return replace(self, counts=counts, bin=self.bin * factor)

    def scale(self, peak: float) -> Self:
        """The same load in another unit, such that the busiest bin has ``peak`` of it.

        Raises:
          InputError: the peak is not positive, or the trace is empty of load.
        """
        if not 0 < peak < np.inf:
            raise InputError(Issue("peak", f"{peak!r} is no largest load", "want a number > 0"))
        if not self.counts.max():
            hint = "nothing to scale to a peak"
            raise InputError(Issue("trace", "has no load in any bin", hint))
        return replace(self, counts=self.counts * (peak / self.counts.max()))

    def window(self, days: float, start: float = 0.0) -> Self:
        """The bins of some days.

        Args:
          days: how many, which may be a fraction.
          start: days before them.

        Raises:
          InputError: the width of a bin is not known, or the trace has no such days.
        """
        if not self.bin > 0:
            hint = "want a trace whose file has times, or LoadTrace(counts, bin) in seconds"
            raise InputError(Issue("window", "the width of the trace's bins is not known", hint))
        first, last = (round(day * DAY / self.bin) for day in (start, start + days))
        if not 0 <= first < last <= self.counts.size:
            message = f"{days:g} days from day {start:g} on are not in the trace"
            hint = f"want some of its {self.counts.size * self.bin / DAY:g} days"
            raise InputError(Issue("window", message, hint))
        return replace(self, counts=self.counts[first:last])

    def followed_by(self, other: LoadTrace) -> Self:
        """This load and then the other: for a trace that has one file a day.

        Raises:
          InputError: their bins have different widths, or only one is what runs at once.
        """
        if other.running != self.running:
            message = "one trace is of what arrives, the other of what runs at once"
            raise InputError(Issue("trace", message, "want two of one kind"))
        if other.bin != self.bin:
            message = f"bins of {self.bin:g} s are followed by bins of {other.bin:g} s"
            raise InputError(Issue("trace", message, "want bins of one width"))
        return replace(self, counts=np.concatenate([self.counts, other.counts]))
