"""A prepared workload in numbers: what settings come to beside the data that they name. No JAX."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.schedules import Schedules
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.settings import is_traced

_GOOGLE = (0.912, 0.053, 0.017, 0.008, 0.006, 0.002, 0.002, 0.002)
GOOGLE_LENGTHS = {"google": (0, *_GOOGLE, 0), "google-rounded-up": (0, 0, *_GOOGLE)}
"""Weights of job lengths 1, 2, ... slots: the lengths x of Google cluster jobs, in [0, 1], scaled
to 2 + 8 x hours (section 5). The published scripts round down, the text says up."""

ENERGY_PER_DATA = 1.72118 / 60
"""Hours at full load that moving a gigabyte costs: 1.72118 minutes."""

MEAN_LATENCY = 221.0427
"""Mean round trip in ms to which ``ENERGY_PER_DATA`` refers."""

_NOISE = 0.4
"""Weight of the noise in a forecast that is made of the prices (section 5)."""


class Content(NamedTuple):
    """A prepared workload in numbers; those that a sweep varies may be tracers.

    Attributes:
      settings: its settings.
      carbon: the trace, ``[hours, n]`` (g/kWh).
      latency: round-trip times, a metric ``[n, n]`` (ms).
      lengths: weights of the job lengths 1, 2, ... slots.
      forecast: predicted intensities in place of ``carbon``, of the same shape.
      schedules: advice from a file.
      speeds: of the regions as far as they are stated, ``[n]``; None if all are 1.
    """

    settings: CarbonJobs
    carbon: CarbonTrace
    latency: np.ndarray
    lengths: tuple[float, ...]
    forecast: CarbonTrace | None = None
    schedules: Schedules | None = None
    speeds: np.ndarray | None = None

    @property
    def forecast_noise(self) -> Any:
        """Weight of the noise in the forecast."""
        weight = self.settings.forecast_noise
        auto = _NOISE if self.forecast is None else 0.0
        return auto if weight is None else weight

    @property
    def speeds_differ(self) -> bool:
        """Whether jobs know speeds of their regions: stated ones, or drawn ones."""
        spread = self.settings.speed_spread
        return self.speeds is not None or is_traced(spread) or spread > 0

    @property
    def stated_speeds(self) -> np.ndarray:
        """Speed of every region before the draw, ``[n]``."""
        return np.ones(len(self.carbon.regions)) if self.speeds is None else self.speeds

    @property
    def unit_carbon(self) -> np.ndarray:
        """Carbon intensity for the work of an hour at speed 1, ``[hours, n]`` (g/kWh)."""
        return self.carbon.values / self.stated_speeds

    @property
    def least_top_speed(self) -> float:
        """Speed of the fastest region that every job has, whatever it draws."""
        regions = len(self.carbon.regions)
        size = min(self.settings.subset_size or regions, regions)
        spread = self.settings.speed_spread
        low = 0.0 if is_traced(spread) else float(spread)
        # The worst subset has the slowest regions.
        return (1 - low) * float(np.sort(self.stated_speeds)[size - 1])

    @property
    def least_deadlines(self) -> list[int]:
        """Least deadline of a job of 1, 2, ... slots: ``deadline_factor`` lengths, rounded up."""
        factor, count = self.settings.deadline_factor, len(self.lengths)
        # A product such as 1.1 * 10 may lie a rounding unit above a whole number.
        return [math.ceil(factor * length - 1e-9) for length in range(1, count + 1)]

    @property
    def slots(self) -> int:
        """Longest deadline of any job."""
        least = zip(self.least_deadlines, self.lengths, strict=True)
        return max(self.settings.deadline_max, *(slots for slots, weight in least if weight))

    @property
    def shortest(self) -> Any:
        """Shortest deadline of the longest job."""
        least = zip(self.least_deadlines, self.lengths, strict=True)
        longest_job = max(slots for slots, weight in least if weight)
        shortest = self.settings.deadline_min
        return shortest if is_traced(shortest) else max(shortest, longest_job)

    @property
    def move_rate(self) -> Any:
        """Carbon of moving the whole job, g per ms of round trip (section 5)."""
        return self.move_rate_at(self.settings.network_intensity)

    def move_rate_at(self, intensity: Any) -> Any:
        """The same over links of another carbon intensity (g/kWh)."""
        network = intensity / MEAN_LATENCY
        return self.settings.data_size * ENERGY_PER_DATA * network * self.settings.latency_scale


def length_weights(job_length: int | str) -> tuple[float, ...]:
    """Weights of lengths 1, 2, ...; short fixed lengths share the drawn ones' compiled size."""
    if isinstance(job_length, str):
        return GOOGLE_LENGTHS[job_length]
    size = max(int(job_length), len(GOOGLE_LENGTHS["google"]))
    return tuple(float(j + 1 == job_length) for j in range(size))


_ROWS = 12


def segment_rows(segments: int) -> int:
    """Rows of distances for so many segments of a network: the next multiple of 12, or 1.

    Numbers of segments with as many rows share their compiled programs, as the 2 to 12 of
    Experiment III do.
    """
    return 1 if segments == 1 else -(-segments // _ROWS) * _ROWS
