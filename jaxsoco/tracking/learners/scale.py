"""SCaLE: explore, recover the matrix, then play LAI with it (arXiv 2601.09042, algorithm 1).

With noise cap ``etabar``, rank ``r``, floor ``alpha`` and horizon ``T``::

    T0 = ceil(c r d),  gamma^2 = g0 (etabar / alpha) T^p
    rounds t = 1 .. T0:   y_t = gamma z_t,  z_t ~ N(0, I);  b_t = 2 f_t / gamma^2
    after round T0:       Ahat = argmin tr M  over semidefinite M
                          with sum_t |z_t' M z_t - b_t| <= 2 T0 etabar / gamma^2
    rounds t > T0:        y_t = Chat_t w_t,  w_t = y_(t-1) - delta_t,
                          Chat_t^-1 = 2 I + Ahat - Chat_(t+1),  Chat_(T+1) = I
"""

from __future__ import annotations

from jaxsoco.core.protocol import Algorithm, counted_faults
from jaxsoco.tracking.learners._shared import (
    begin_exploring,
    explore_then_plan,
    recover_once,
    resolve,
)

# An error of the recovered matrix grows with T^2 where an eigenvalue of it is 0.
scale = Algorithm(
    begin_exploring,
    explore_then_plan,
    recover_once,
    faults=counted_faults,
    resolve=resolve,
    slopes="float64",
)
"""Explore, recover, exploit; parameters :class:`~jaxsoco.tracking.SCaLEParams`."""
