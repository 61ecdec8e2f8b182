"""``jaxsoco.allocation.plan``: what every learner would do with one job, beside the optima."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxsoco.allocation.planning.request import read_request
from jaxsoco.allocation.planning.result import Plan
from jaxsoco.allocation.planning.task import lay_out
from jaxsoco.allocation.settings import FAMILY
from jaxsoco.allocation.settings_jobs import CarbonJobs
from jaxsoco.core.schema import load

Learners = Mapping[str, tuple[Any, Any]]
"""Label -> algorithm and parameters, as ``jaxsoco.learner`` gives them."""


def plan(
    *,
    start: Any = None,
    hours: int | None = None,
    deadline: Any = None,
    region: str | None = None,
    now: Any = None,
    forecast: str | Path | None = None,
    learners: Learners | None = None,
    seed: int = 0,
    **settings: Any,
) -> Plan:
    """Plans one job: what every learner would do hour by hour, beside the optima.

    >>> from jaxsoco.allocation import plan
    >>> learners = {"greedy": jaxsoco.learner("allocation/greedy")}
    >>> day = plan(start="2022-03-01T14:00", hours=2, deadline=6, learners=learners)
    >>> day.totals().learner.tolist()
    ['greedy', 'offline_optimum', 'integral_optimum']

    Args:
      start: hour in which the job arrives: ISO 8601 or ``datetime64``, UTC. By default ``now``, or
        the first hour after the data if a forecast goes on there, or else the first hour.
      hours: work, in hours at full rate; ``job_length`` of the settings by default.
      deadline: hours from the start until the job must be done, or the time by which;
        ``deadline_max`` of the settings by default, as far as there are prices.
      region: where it arrives; the first region by default.
      now: last hour whose prices are known. Later ones are taken from the forecast.
      forecast: CSV file or folder in a layout of the carbon data. Where nothing was measured, its
        prices are what the plan is made on; everywhere it is what learners are told beforehand.
        Without it every hour must be measured, and learners are told what the problem's model of
        forecasts draws (``forecast_noise``).
      learners: label -> what ``jaxsoco.learner`` returns; all of the family with their defaults if
        None.
      seed: of the learners' draws and of the drawn forecast: the key is
        ``jaxsoco.seed_keys(seed, 1)[0]``.
      **settings: of :class:`~jaxsoco.allocation.settings_jobs.CarbonJobs`, such as
        ``carbon="folder"``.

    Raises:
      TypeError: no such setting.
      InputError: data that cannot be used, or a job that does not fit them: all of it at once.
    """
    from jaxsoco.allocation.planning.playing import carry_out

    request = read_request(
        {"start": start, "hours": hours, "deadline": deadline, "region": region, "now": now}
    )
    source = None if forecast is None else Path(forecast)
    task = lay_out(CarbonJobs(**settings), Path(), request, source)
    return carry_out(task, default_learners() if learners is None else learners, seed)


def default_learners() -> Learners:
    """All learners of the family with their default parameters; needs JAX."""
    return {
        entry.name: (
            load(entry.load),
            entry.parameters({one.name: one.default for one in entry.fields}),
        )
        for entry in FAMILY.algorithms
    }
