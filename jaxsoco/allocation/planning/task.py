"""What is to be planned: data read, the job checked against them. No JAX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jaxsoco.allocation.conflicts import closure_warnings, price_conflicts
from jaxsoco.allocation.content import Content, length_weights
from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.schedules import ADVICE_WORDS
from jaxsoco.allocation.data.sources import read_carbon, read_latency
from jaxsoco.allocation.planning.prices import Prices, assemble, forecast_prices
from jaxsoco.allocation.planning.request import HOUR, Job, JobRequest, Reach, settle, stamp
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import percent


@dataclass(frozen=True)
class Task:
    """What is to be planned, checked and without JAX.

    Attributes:
      job: the job.
      prices: of its hours.
      content: the workload that it is a job of, in numbers.
      notes: where all of it comes from.
      warnings: what should be known of the data.
    """

    job: Job
    prices: Prices
    content: Content
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def lay_out(settings: CarbonJobs, folder: Path, request: JobRequest, forecast: Path | None) -> Task:
    """Reads the data and checks the job against them.

    Args:
      settings: of the problem.
      folder: where its relative paths start.
      request: the job.
      forecast: a CSV file or folder; its path starts at the current folder.

    Raises:
      InputError: with everything that is wrong.
    """
    if issues := [*_unplannable(settings)]:
        raise InputError(issues)
    if forecast is None and settings.forecast != "noise":
        forecast = folder / settings.forecast
    carbon = read_carbon(settings, folder)
    latency, violations = read_latency(settings, folder, carbon.regions)
    outlook = None if forecast is None else forecast_prices(forecast, settings, carbon.regions)
    reach = Reach.of(carbon, outlook, request.start)
    job = settle(request, settings, carbon, reach)
    prices = assemble(job, reach, carbon, outlook)
    sizes = {"job_length": job.hours, "deadline_min": job.deadline, "deadline_max": job.deadline}
    one = replace(settings, **sizes, deadline_factor=0.0)
    content = Content(one, prices.carbon, latency, length_weights(job.hours))
    issues = [*price_conflicts(content)]
    if issues:
        raise InputError(issues)
    notes = (*_sources(carbon, prices, content), *prices.notes)
    return Task(job, prices, content, notes, tuple(closure_warnings(violations)))


def _unplannable(settings: CarbonJobs) -> Iterator[Issue]:
    """What is drawn for every job, or is for the jobs of a whole trace."""
    if settings.subset_size is not None:
        message = "draws regions for every job, and a plan is for one"
        yield Issue("problem.subset_size", message, "name them with problem.regions")
    if settings.network_segments > 1:
        message = "draws changes of the network for every job, and a plan is for one"
        yield Issue("problem.network_segments", message, "leave it out")
    if settings.speed is not None or settings.speed_spread:
        name = "speed" if settings.speed is not None else "speed_spread"
        message = "a plan has schedules in whole slots, which are counted at one speed"
        yield Issue(f"problem.{name}", message, "leave it out")
    if settings.advice not in ADVICE_WORDS:
        message = "is a table for jobs at all hours of the data, and a plan is for one"
        hint = "want " + ", ".join(f'"{word}"' for word in ADVICE_WORDS)
        yield Issue("problem.advice", message, hint)


def _sources(carbon: CarbonTrace, prices: Prices, content: Content) -> list[str]:
    """Where the prices come from, and what learners are told beforehand without a forecast."""
    notes = []
    if prices.carbon.start == carbon.start:
        last = stamp(carbon.end - HOUR)
        until = "" if prices.measured.all() else f", to {last} UTC"
        notes += [f"carbon intensity: {carbon.source}{until}", *carbon.notes]
    if prices.forecast is None and content.forecast_noise:
        share = percent(float(f"{100 * content.forecast_noise:.3g}") / 100)
        notes.append(f"forecast: drawn, the prices with {share} of uniform noise")
    elif prices.forecast is None:
        notes.append("forecast: the prices themselves (forecast_noise = 0)")
    return notes
