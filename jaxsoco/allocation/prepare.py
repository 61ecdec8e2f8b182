"""From settings to a problem: :func:`prepare_carbon_jobs` without JAX, :func:`build` with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.allocation.conflicts import conflicts, warnings
from jaxsoco.allocation.content import Content, length_weights, segment_rows
from jaxsoco.allocation.data.forecasts import forecast_note, read_forecast
from jaxsoco.allocation.data.schedules import read_schedules
from jaxsoco.allocation.data.sources import read_carbon, read_latency
from jaxsoco.allocation.data.speeds import read_speeds
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import CostEntry, Prepared

if TYPE_CHECKING:
    from jaxsoco.allocation.jobs import Workload
    from jaxsoco.core.protocol import Instance

_NOTE = (
    "offline_optimum and linear advice mix two schedules, and a mix of two schedules is not a "
    "schedule: it does the work in expectation only. The best schedule is integral_optimum."
)

_STATES = (CostEntry("state", "", "of the schedule: u ON, n + u OFF at region u", objective=False),)
"""What single runs show of schedules that are drawn."""

_WIDEN = 1.01
"""Where a window's prices are too close for a move to fit between them, ``U`` is raised to this
multiple of ``L + D + 2 tau``: any upper bound is a valid one."""


def prepare_carbon_jobs(settings: CarbonJobs, folder: Path) -> Prepared:
    """Reads the data that the settings name, and checks the settings against them.

    Args:
      settings: the problem's settings; what is a tracer is not checked.
      folder: where relative paths start.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    carbon, forecast = read_forecast(settings, folder, read_carbon(settings, folder))
    latency, violations = read_latency(settings, folder, carbon.regions)
    content = Content(settings, carbon, latency, length_weights(settings.job_length), forecast)
    content = content._replace(speeds=read_speeds(settings.speed, carbon.regions))
    deadlines = content.shortest, content.slots
    schedules = read_schedules(settings, folder, carbon, deadlines)
    content = content._replace(schedules=schedules)
    if issues := [*conflicts(content)]:
        raise InputError(issues)
    identity = {
        "carbon": carbon.digest,
        "regions": list(carbon.regions),
        "latency": [float(x) for x in latency.ravel()],
    }
    sizes = (carbon.values.shape, content.slots, len(content.lengths))
    notes = [f"carbon intensity: {carbon.source}", *carbon.notes, _NOTE]
    if forecast is not None:
        identity["forecast"] = forecast.digest
        notes += [forecast_note(carbon, forecast), *forecast.notes]
    if schedules is not None:
        identity["advice"] = schedules.digest
    paths = None if schedules is None else schedules.states.shape[-1]
    advice = (str(settings.advice), paths, forecast is None, bool(settings.deadline_factor))
    changes = (segment_rows(settings.network_segments), settings.network_links is None)
    kinds = (settings.bounds, settings.subset_size, settings.sample, content.speeds_differ)
    shape = (*sizes, *kinds, *advice, *changes)
    texts = tuple(notes), tuple(warnings(content, violations))
    return Prepared(content, shape, identity, *texts, shown=_STATES if settings.sample else ())


def build(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    from jaxsoco.allocation.jobs import draw_job
    from jaxsoco.allocation.problem import allocation
    from jaxsoco.core.protocol import Instance

    content: Content = prepared.content
    workload, horizon = workload_of(content), content.slots
    return Instance(allocation, draw_job, workload, horizon, "allocation/carbon_jobs")


def synthetic_workload(**values: Any) -> Workload:
    """The default workload: synthetic carbon, 14 regions, great-circle latency.

    >>> from jaxsoco.allocation import synthetic_workload
    >>> synthetic_workload(regions=["eu-west-3", "eu-north-1"]).carbon.shape  # hours, regions
    (8760, 2)

    Args:
      **values: settings of :class:`~jaxsoco.allocation.settings_jobs.CarbonJobs` that differ from
        their defaults, such as ``data_size=8.0`` or ``carbon="folder"``. Paths start at the
        current folder.

    Returns:
      A :class:`~jaxsoco.allocation.jobs.Workload` for ``sample_job``.

    Raises:
      TypeError: no such setting.
      InputError: data that cannot be used, or values that do not fit together.
    """
    return workload_of(prepare_carbon_jobs(CarbonJobs(**values), Path()).content)


def workload_of(content: Content) -> Workload:
    """The workload that a problem of these numbers draws its jobs from; needs JAX."""
    import jax.numpy as jnp

    from jaxsoco.allocation.jobs import Workload
    from jaxsoco.allocation.spec import Advice
    from jaxsoco.allocation.volatility import read_volatility

    settings, weights = content.settings, np.asarray(content.lengths)
    forecast, schedules = content.forecast, content.schedules
    return Workload(
        carbon=jnp.asarray(content.carbon.values, float),
        latency=jnp.asarray(content.latency, float),
        move_rate=jnp.asarray(content.move_rate, float),
        power=jnp.asarray(settings.energy, float),
        switch=jnp.asarray(settings.switch, float),
        lengths=jnp.asarray(np.cumsum(weights) / np.sum(weights), float),
        deadline_min=jnp.asarray(settings.deadline_min, jnp.int32),
        deadline_max=jnp.asarray(settings.deadline_max, jnp.int32),
        forecast_noise=jnp.asarray(content.forecast_noise, float),
        widen=jnp.asarray(_WIDEN, float),
        slots=content.slots,
        bounds=settings.bounds,
        subset_size=settings.subset_size,
        advice=str(settings.advice) if schedules is None else "whole-slot",
        forecast_trace=None if forecast is None else jnp.asarray(forecast.values, float),
        advice_error=jnp.asarray(settings.advice_error, float),
        schedules=schedules and Advice(*map(jnp.asarray, schedules[:2])),
        least_deadlines=jnp.asarray(content.least_deadlines) if settings.deadline_factor else None,
        volatility=read_volatility(settings, content.move_rate_at),
        sample=settings.sample,
        speeds=jnp.asarray(content.stated_speeds, float) if content.speeds_differ else None,
        speed_spread=jnp.asarray(settings.speed_spread, float),
    )
