"""What runs came to beside a power law whose exponent is given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.pairing import aligned
from jaxsoco.analysis.samples import Sample, values_of
from jaxsoco.analysis.statistics import (
    Estimate,
    beside,
    log_contrast,
    log_contrast_of_medians,
)
from jaxsoco.analysis.views import View, estimated, samples_along
from jaxsoco.core.study import HORIZON
from jaxsoco.core.text import thousands


class Law(NamedTuple):
    """``constant axis^exponent``.

    Attributes:
      axis: name of a numeric axis.
      exponent: the exponent.
      constant: what stands in front; None for the one with which the law goes through the runs.
      through: where it does, if there is no constant.
    """

    axis: str
    exponent: float
    constant: float | None = None
    through: float = math.nan

    def __str__(self) -> str:
        axis = "T" if self.axis == HORIZON else self.axis
        power = f"{axis}^{self.exponent:.4g}"
        if self.constant is not None:
            return f"{self.constant:.4g} {power}"
        return f"C {power} through {axis} = {thousands(self.through)}"


class Share(NamedTuple):
    """A statistic of the runs at one place, divided by what the law says there.

    Attributes:
      place: position along the axis.
      share: 1 for runs that follow the law, with its interval; NaN where the statistic has no
        logarithm, or where there is no run at the place that fixes the constant.
    """

    place: float
    share: Estimate


def shares(
    ledger: Ledger, label: str, quantity: View, law: Law, where: Mapping[str, Any] | None = None
) -> list[Share]:
    """Mean (or median) of a view as a share of the law, at every place but that of ``through``.

    With a constant, the interval is that of the statistic. Without one the constant has an error,
    too: ``log(m_k / m_a) - exponent log(x_k / x_a)`` is a contrast of logarithms, whose interval is
    that of a fitted exponent (:func:`~jaxsoco.analysis.statistics.log_contrast`), paired by seed.
    """
    places, samples = samples_along(ledger, label, quantity, law.axis, where)
    estimates = _of_constant if law.constant is not None else _of_place
    points = ledger.study.select(where)
    return [
        Share(place, estimated(ledger, share, (label, quantity.against), points))
        for place, share in estimates(places, samples, quantity, law, ledger.study.level)
    ]


def _of_constant(
    places: Sequence[float], samples: Sequence[Sample], quantity: View, law: Law, level: float
) -> Iterator[tuple[float, Estimate]]:
    """Each statistic over the law."""
    assert law.constant is not None
    for place, sample in zip(places, samples, strict=True):
        median = quantity.statistic == "median"
        measured = sample.quantile(0.5, level) if median else sample.mean(level)
        value = law.constant * place**law.exponent
        yield place, Estimate(*(end / value for end in measured), note=measured.note)


def _of_place(
    places: Sequence[float], samples: Sequence[Sample], quantity: View, law: Law, level: float
) -> Iterator[tuple[float, Estimate]]:
    """Each statistic over the law that goes through one of them."""
    anchor = places.index(law.through) if law.through in places else None
    for k, place in enumerate(places):
        if k == anchor:
            continue
        if anchor is None:
            yield place, Estimate(math.nan, note=f"no runs at {law.axis} = {law.through:g}")
            continue
        pair, weights = [samples[anchor], samples[k]], np.array([-1.0, 1.0])
        if quantity.statistic == "median":
            columns = values_of(pair, "a trend of medians")
            contrast = log_contrast_of_medians(weights, columns, level)
        else:
            units = aligned(pair)
            contrast = log_contrast(weights, beside(units, len(units[0].sums)), level)
        # log share = log(m_k / m_a) - exponent log(x_k / x_a)
        expected = law.exponent * math.log(place / law.through)
        yield place, Estimate(*(math.exp(end - expected) for end in contrast), note=contrast.note)
