"""Jobs that share a network with limited capacity, checked. No JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.sharing.room import STEPS, most_work
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.fields import Issues
from jaxsoco.core.text import count


class SharedJobs(NamedTuple):
    """Jobs in the order in which they are served; int ``[m]`` each.

    Attributes:
      arrival: hour in which a job arrives, from 0; not falling.
      deadline: hours from its arrival until it must be done.
      length: hours of work at full rate, ``J``.
      start: region where it arrives.
    """

    arrival: np.ndarray
    deadline: np.ndarray
    length: np.ndarray
    start: np.ndarray

    def take(self, which: np.ndarray) -> SharedJobs:
        """The jobs of a mask or of indices."""
        return SharedJobs(*(np.asarray(part)[which] for part in self))


@dataclass(frozen=True, eq=False)
class SharedNetwork:
    """Hours and regions that jobs share.

    Attributes:
      costs: cost of one job fully ON, ``[hours, n]`` (g).
      distance: cost of moving a whole job, a metric ``[n, n]`` (g).
      switch: cost of suspending or resuming it, ``[n]`` (g).
      capacity: how many jobs may run at once, fully ON, ``[hours, n]``; fractions count.
    """

    costs: np.ndarray
    distance: np.ndarray
    switch: np.ndarray
    capacity: np.ndarray

    def __post_init__(self) -> None:
        """Makes arrays of lists."""
        for name, value in vars(self).copy().items():
            object.__setattr__(self, name, np.asarray(value, float))

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.costs.shape[0]


def check_shared(network: SharedNetwork, jobs: SharedJobs) -> SharedJobs:
    """Checks shapes and values, and that the jobs fit into the capacity.

    Returns:
      The jobs, as arrays.

    Raises:
      InputError: with everything that is wrong; or, if that is all, that no schedule of any kind
        does all the work.
    """
    issues = Issues()
    jobs = SharedJobs(*map(np.asarray, jobs))
    _check_network(network, issues)
    _check_jobs(network, jobs, issues)
    if issues:
        raise InputError(issues)
    need = STEPS * int(np.sum(jobs.length))
    most = most_work(network.capacity, *jobs[:3])
    if most < need:
        all_jobs = f"{count(len(jobs.length), 'job')} need{'s' * (len(jobs.length) == 1)}"
        message = f"{all_jobs} {need / STEPS:g} h of work, of which at most {most / STEPS:.4g} h "
        message += "fit between arrival and deadline"
        hint = "want more capacity, later deadlines or less work"
        raise InputError(Issue("capacity", message, hint))
    return jobs


def _check_network(network: SharedNetwork, issues: Issues) -> None:
    shape = network.costs.shape
    if len(shape) != 2 or 0 in shape:
        issues.found("costs", f"has the shape {list(shape)}", "want [hours, regions]")
        return
    wanted = {
        "costs": shape,
        "distance": (shape[1], shape[1]),
        "switch": (shape[1],),
        "capacity": shape,
    }
    for name, want in wanted.items():
        values = getattr(network, name)
        if values.shape != want:
            issues.found(name, f"has the shape {list(values.shape)}", f"want {list(want)}")
        elif not np.all(np.isfinite(values)) or values.min() < 0:
            issues.found(name, "has values that are negative or not finite", "want numbers >= 0")
    if not issues:
        distance = network.distance
        shortest = np.min(distance[:, :, None] + distance[None], axis=1)
        slack = 1e-9 * max(float(distance.max()), 1.0)
        if np.any(np.diag(distance)) or np.any(np.abs(distance - distance.T) > slack):
            issues.found("distance", "is not symmetric with a zero diagonal", "want a metric")
        elif np.any(distance > shortest + slack):
            message = "violates the triangle inequality"
            issues.found("distance", message, "close it with jaxsoco.allocation.metric_closure")
    if not issues and np.min(network.costs) <= 0:
        issues.found("costs", "has a price of 0", "want prices above 0: there is no bound L > 0")


def _check_jobs(network: SharedNetwork, jobs: SharedJobs, issues: Issues) -> None:
    parts = jobs._asdict()
    for name, part in parts.items():
        if part.ndim != 1 or part.dtype.kind not in "iu" or part.shape != parts["arrival"].shape:
            issues.found(f"jobs.{name}", f"is {part.dtype}{list(part.shape)}", "want integers [m]")
    if issues or not parts["arrival"].size:
        if not issues:
            issues.found("jobs", "there is none", "want at least one job")
        return
    hours, regions = network.costs.shape
    arrival, deadline, length, start = parts.values()
    rules = (
        ("arrival", np.diff(arrival, prepend=0) < 0, "comes before the one of the job before it"),
        ("length", length < 1, "is below 1"),
        ("deadline", deadline < length, "is shorter than the work"),
        ("deadline", arrival + deadline > hours, f"is after the last of {hours} hours"),
        ("start", (start < 0) | (start >= regions), f"is none of {regions} regions"),
    )
    for name, wrong, what in rules:
        if np.any(wrong):
            job = int(np.argmax(wrong))
            issues.found(f"jobs.{name}[{job}]", f"{parts[name][job]} {what}")
