"""How prices range over windows of a trace: whether the bounds of a job hold, and leave room."""

from __future__ import annotations

import numpy as np

_windows = np.lib.stride_tricks.sliding_window_view


def stray_share(values: np.ndarray, before: int, longest: int) -> float:
    """Share of hours whose window has prices that the hours before it did not have.

    Args:
      values: prices ``[hours, n]``.
      before: hours whose extremes count as bounds.
      longest: hours of the window that begins after them.
    """
    lows, highs = values.min(axis=1), values.max(axis=1)
    # The spans that end, and the windows that begin, at the hours before .. hours - longest.
    count = len(values) - before - longest + 1
    floor = _windows(lows, before).min(axis=1)[:count]
    ceiling = _windows(highs, before).max(axis=1)[:count]
    below = _windows(lows[before:], longest).min(axis=1) < floor
    above = _windows(highs[before:], longest).max(axis=1) > ceiling
    return float(np.mean(below | above))


def tight_share(values: np.ndarray, span: int, fixed: float) -> float:
    """Share of windows of ``span`` hours whose prices differ by no more than ``fixed``."""
    low = _windows(values.min(axis=1), span).min(axis=1)
    high = _windows(values.max(axis=1), span).max(axis=1)
    return float(np.mean(high - low <= fixed))
