"""Delays as sums of exponentials. No JAX."""

from __future__ import annotations

import math

import numpy as np


def late_probability(rates: np.ndarray, deadline: float = 1.0) -> np.ndarray:
    """``P(sum of exponential delays > deadline)``, the tail of a phase-type distribution.

    The chain that goes through the links one after the other, by uniformisation: a sum of positive
    terms, so that equal rates do no harm (the partial-fraction formula divides by differences).

    >>> from jaxsoco.multistage import late_probability
    >>> round(float(late_probability(np.array([1.0, 1.0]))), 3)  # 2 / e
    0.736

    Args:
      rates: of the links, above 0, ``[links, ...]``.
      deadline: above 0.

    Returns:
      ``[...]``, to about 1e-14.
    """
    rates = np.asarray(rates, np.float64) * deadline
    clock = float(rates.max())
    # stage[i]: probability that links 0 .. i - 1 are done and no more, after k ticks.
    stage = np.zeros_like(rates)
    stage[0] = 1.0
    # A tick of the clock completes the current link with probability rate / clock.
    ahead = rates / clock
    total = np.zeros(rates.shape[1:])
    for k in range(math.ceil(clock + 12 * math.sqrt(clock) + 40)):
        # The Poisson weight of k ticks, times the probability that some link is still to come.
        total += math.exp(k * math.log(clock) - clock - math.lgamma(k + 1)) * stage.sum(axis=0)
        moved = stage * ahead
        stage = stage - moved
        stage[1:] += moved[:-1]
    return total


def ramp(start: float, end: float, share: float, times: np.ndarray) -> np.ndarray:
    """From ``start`` to ``end`` linearly over the first ``share`` of the time, then flat.

    Args:
      start: first value.
      end: last value.
      share: above 0.
      times: as fractions of the horizon, ``[...]``.
    """
    return start + (end - start) * np.minimum(times / share, 1.0)
