"""Several samples side by side: the same seeds, or blocks of them, in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxsoco.analysis.samples import Blocks, Runs, Sample, common_edges, single_runs
from jaxsoco.analysis.statistics import (
    Clusters,
    Estimate,
    difference_of_medians,
    paired_mean,
    pooled_mean,
)


def aligned(samples: Sequence[Sample]) -> list[Clusters]:
    """The clusters of several samples, with the same units in the same order.

    Seeds are units as they are. Blocks are joined until none of a sample reaches over the end of
    one of another.
    """
    parts = [one for one in samples if isinstance(one, Blocks)]
    if len(parts) < len(samples):
        return [one.clusters() for one in samples]
    edges = common_edges([column.ends for part in parts for column in part.columns])
    return [part.between(edges) for part in parts]


def common(samples: Sequence[Sample]) -> Sample:
    """The runs that have a value in all of several samples, with any value: for counting them."""
    runs = [one for one in samples if isinstance(one, Runs)]
    if len(runs) == len(samples):
        return Runs(np.stack([one.values for one in runs]).sum(axis=0))
    return min(samples, key=lambda one: one.runs)


def mean_step(better: Sample, worse: Sample, level: float) -> Estimate:
    """By how much the mean of one sample is larger than that of another, paired by seed."""
    if isinstance(better, Runs) and isinstance(worse, Runs):
        return pooled_mean(worse.values - better.values, level)
    first, second = aligned([worse, better])
    return paired_mean(first, second, level)


def median_step(better: Sample, worse: Sample, level: float) -> Estimate:
    """The same of the medians.

    Raises:
      InputError: the runs are not kept.
    """
    if isinstance(better, Runs) and isinstance(worse, Runs):
        return difference_of_medians(worse.values, better.values, level)
    raise single_runs("a paired difference of medians")
