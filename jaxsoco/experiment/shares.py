"""Which share of an experiment a member of a job array takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.engine.requests import Share

COUNT = "JAXSOCO_SHARES"
"""How many members there are, where the batch system does not say."""


@dataclass(frozen=True)
class _System:
    """The variables of a batch system: a member's number, the first one, their step, how many."""

    name: str
    number: str
    first: str = ""
    step: str = ""
    count: str = COUNT
    last: str = ""


_SYSTEMS = (
    _System(
        "Slurm",
        "SLURM_ARRAY_TASK_ID",
        first="SLURM_ARRAY_TASK_MIN",
        step="SLURM_ARRAY_TASK_STEP",
        count="SLURM_ARRAY_TASK_COUNT",
    ),
    _System("Kubernetes", "JOB_COMPLETION_INDEX"),
    _System("PBS", "PBS_ARRAY_INDEX"),
    _System(
        "Grid Engine",
        "SGE_TASK_ID",
        first="SGE_TASK_FIRST",
        step="SGE_TASK_STEPSIZE",
        last="SGE_TASK_LAST",
    ),
    _System("LSF", "LSB_JOBINDEX", last="LSB_JOBINDEX_END"),
)


def share_of(environment: Mapping[str, str]) -> Share:
    """The share of the member of a job array that this process is.

    Args:
      environment: ``os.environ``.

    Raises:
      InputError: it is none, or its variables do not say which.
    """
    for system in _SYSTEMS:
        # Some systems set the variable in every job, to a word or to 0.
        if environment.get(system.number, "").strip() not in ("", "undefined"):
            return _share(system, environment)
    names = ", ".join(system.number for system in _SYSTEMS)
    message = f"this is no member of a job array (none of {names} is set)"
    raise InputError(Issue("--share auto", message, "want --share I/N, such as 1/16"))


def _share(system: _System, environment: Mapping[str, str]) -> Share:
    number = _whole(system.number, environment)
    # Where the system does not say, a member with the number 0 is expected.
    first = _whole(system.first, environment, 1 if system.last else 0)
    step = _whole(system.step, environment, 1)
    if system.last and system.last in environment:
        count = (_whole(system.last, environment) - first) // step + 1
    else:
        count = _whole(system.count, environment)
    index = (number - first) // step
    if not 0 <= index < count:
        message = f"{system.number} is {number}, and there are {count} members, from {first} on"
        hint = f"want {system.name} to number them {first} to {first + (count - 1) * step}"
        raise InputError(Issue("--share auto", message, hint))
    return Share(index, count)


def _whole(name: str, environment: Mapping[str, str], default: int | None = None) -> int:
    text = environment.get(name, "").strip()
    if not text and default is not None:
        return default
    if not text:
        message = f"{name} is not set"
        hint = "set it to the number of members" if name == COUNT else "want --share I/N"
        raise InputError(Issue("--share auto", message, hint))
    if not text.isdecimal() or len(text) > 9:
        raise InputError(Issue("--share auto", f'{name} is "{text}"', "want a whole number"))
    return int(text)
