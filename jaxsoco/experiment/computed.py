"""What a sweep came to, and what is raised for packs of it that could not be computed."""

from __future__ import annotations

from typing import NamedTuple

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.study import Study
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import SweepSummary
from jaxsoco.experiment import telling
from jaxsoco.experiment.building import Builder


class Computed(NamedTuple):
    """A sweep whose runs are in a directory, but for packs that could not be computed.

    Attributes:
      study: what was asked for.
      store: the directory.
      summary: what was computed.
      builder: of its programs.
      alone: whether no other process computes a share of it.
    """

    study: Study
    store: Store
    summary: SweepSummary
    builder: Builder
    alone: bool


def raise_failure(computed: Computed) -> None:
    """Names the packs that could not be computed, and raises what the first of them raised.

    Raises:
      InputError: it does not fit the memory.
      Exception: whatever else it raised.
    """
    study, _, summary, builder, _ = computed
    telling.tell_of_failed_packs(summary)
    failure = summary.failures[0]
    if _is_memory(failure.error) and failure in summary.trace_failures:
        message = "single runs at every round do not fit the memory of the device"
        raise InputError(Issue("run.trace", message, "want none")) from failure.error
    if _is_memory(failure.error):
        tile, fits = study.plan.tile, builder.largest_tile(study.groups[failure.request.group])
        message = f"{tile} runs at once do not fit the memory of the device"
        hint = f"want {fits} or fewer" if fits else "want fewer"
        raise InputError(Issue("run.tile", message, hint)) from failure.error
    raise failure.error


def _is_memory(error: Exception) -> bool:
    return "RESOURCE_EXHAUSTED" in str(error) or isinstance(error, MemoryError)
