"""The gradient of expected costs of learners that draw their actions: pathwise, and score terms.

Unbiased where the pathwise gradient is not: see :mod:`jaxsoco.tuning.scoring`.
"""

from __future__ import annotations

from dataclasses import replace

import jax

from jaxsoco.tuning.estimators.estimate import Estimate, of_runs
from jaxsoco.tuning.estimators.pathwise import slopes_of
from jaxsoco.tuning.trials import Trials


def estimate(
    trials: Trials,
    free: jax.Array,
    keys: jax.Array,
    *,
    forward: bool = True,
    clip: float | None = None,
) -> Estimate:
    """The score estimate; arguments as for the pathwise one.

    Shortened gradients (``clip``) are those of wilder runs, so that the mean is biased then.
    """
    values, slopes = slopes_of(replace(trials, scores=True), free, keys, forward)
    return of_runs(values, slopes, trials.criterion.reduction, clip)
