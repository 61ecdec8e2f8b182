"""From settings to a problem: ``prepare_...`` without JAX, :func:`build` with it.

The functions that return a :class:`~jaxsoco.provisioning.spec.Spec` are for Python code. Settings
that are leaves of the specification may be arrays or tracers of JAX; those from which a model is
computed (rates, chances, sizes) must be numbers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.provisioning.content import Content, prepared_from, spec_of
from jaxsoco.provisioning.data.tabular import load_with_baseline
from jaxsoco.provisioning.data.traces import load_trace_csv, synthetic_trace
from jaxsoco.provisioning.settings_problems import (
    BurstyQueue,
    PaperQueue,
    Queue,
    Tabular,
    TwoQueues,
)
from jaxsoco.provisioning.theory import queues

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.provisioning.spec import Spec


def prepare_paper_queue(settings: PaperQueue, folder: Path) -> Prepared:
    """The queue of arXiv 2601.18936, section 5; raises ``InputError`` with all problems."""
    _check_start(settings)
    arrivals, recorded, source, identity, notes = _arrivals(settings, folder)
    model = queues.single_queue(
        capacity=settings.capacity,
        slots=settings.slots,
        start=settings.start,
        arrivals=arrivals,
        base_loss=0.1,
        source=source,
    )
    prepared = prepared_from("paper_queue", model, settings)
    if recorded is not None:
        content = prepared.content._replace(recorded=recorded)
        prepared = replace(prepared, content=content, group=(prepared.group, recorded.size))
    return replace(prepared, identity=identity, notes=notes)


def _arrivals(
    settings: PaperQueue, folder: Path
) -> tuple[np.ndarray, np.ndarray | None, str, dict[str, Any], tuple[str, ...]]:
    """Chances of 0, 1, ... arrivals, arrivals in their order, whence, their identity and notes.

    The order is None where it does not count.
    """
    rate = settings.arrival_rate
    in_order = settings.order == "recorded"
    if settings.arrivals == "poisson":
        if in_order:
            hint = 'want a trace: arrivals = "synthetic", or a CSV file'
            raise InputError(Issue("problem.order", "Poisson arrivals are not recorded", hint))
        return queues.poisson(rate), None, f"Poisson arrivals, {rate:g} a slot", {}, ()
    try:
        if settings.arrivals == "synthetic":
            trace = synthetic_trace()
        else:
            path = folder / settings.arrivals
            trace = load_trace_csv(
                path, column=settings.column, bin=settings.bin, time_unit=settings.time_unit
            )
        trace = trace.rebin(settings.rebin)
        arrivals = trace.distribution(rate)
    except InputError as error:
        raise error.under("problem.arrivals") from None
    source = f"arrivals of {trace.source}, {trace.counts.size} slots"
    note = f"arrivals: {trace.source}; mean {trace.mean:.4g} a slot scaled to {rate:g}"
    recorded = trace.counts * (rate / trace.mean) if in_order else None
    more = (f"arrivals: {note}" for note in trace.notes)
    return arrivals, recorded, source, {"arrivals": trace.digest}, (note, *more)


def prepare_bursty_queue(settings: BurstyQueue, folder: Path) -> Prepared:
    """A queue with batches; raises ``InputError`` with all problems."""
    del folder
    _check_start(settings)
    model = queues.single_queue(
        capacity=settings.capacity,
        slots=settings.slots,
        start=settings.start,
        arrivals=_bursts(settings),
        base_loss=0.0,
        success=settings.success,
        late=True,
        source="bursty queue",
    )
    return prepared_from("bursty_queue", model, settings)


def _bursts(settings: BurstyQueue) -> np.ndarray:
    """Chances of arrivals, ``[n]`` or, where they change over the episode, ``[T, n]``."""
    chance, wave, slots = settings.burst_chance, settings.burst_wave, settings.slots
    if not wave:
        return queues.batches(chance, settings.burst_size)
    if chance * (1 + wave) > 1:
        message = f"{wave:g} carries the chance of a batch up to {chance * (1 + wave):g}"
        raise InputError(Issue("problem.burst_wave", message, "want burst_chance (1 + wave) <= 1"))
    # A whole period over the episode, so that its mean is burst_chance.
    sine = np.sin(2 * np.pi * (np.arange(slots) + 0.5) / slots)
    return np.array([queues.batches(chance * (1 + wave * x), settings.burst_size) for x in sine])


def prepare_two_queues(settings: TwoQueues, folder: Path) -> Prepared:
    """Two queues that share a budget; raises ``InputError`` with all problems."""
    del folder
    _check_start(settings)
    chances = (settings.burst_chance, settings.second_chance)
    model = queues.two_queues(
        topology=settings.topology,
        capacity=settings.capacity,
        slots=settings.slots,
        start=(settings.start,) * 2,
        arrivals=[queues.batches(chance, settings.burst_size) for chance in chances],
        success=(settings.success,) * 2,
    )
    return prepared_from("two_queues", model, settings)


def prepare_tabular(settings: Tabular, folder: Path) -> Prepared:
    """A model from a file; raises ``InputError`` with all problems."""
    try:
        model, baseline = load_with_baseline(folder / settings.model, settings.slots)
    except InputError as error:
        raise error.under("problem.model") from None
    identity = {"model": model.digest}
    if baseline is not None and settings.baseline == "file":
        identity["baseline"] = np.asarray(baseline).tolist()
    prepared = prepared_from("tabular", model, settings, baseline)
    notes = (f"model: {model.source}", *(f"model: {note}" for note in model.notes))
    return replace(prepared, identity=identity, notes=notes)


def _check_start(settings: Queue) -> None:
    if settings.start > settings.capacity:
        message = f"a queue of {settings.start} exceeds capacity = {settings.capacity}"
        raise InputError(Issue("problem.start", message, "want start <= capacity"))


def build(prepared: Prepared) -> Instance:
    """The problem of one point, ready to be played."""
    from jaxsoco.core.protocol import Instance, same_for_all
    from jaxsoco.provisioning.problem import provisioning

    content: Content = prepared.content
    spec, name = spec_of(content), f"provisioning/{content.problem}"
    return Instance(provisioning, same_for_all, spec, content.episodes, name)


def paper_queue(episodes: int = 6000, **values: Any) -> Spec:
    """The queue of the paper: lengths 0 to 10, up to 2 blocks a slot, 10 slots.

    >>> from jaxsoco.provisioning import paper_queue
    >>> spec = paper_queue(episodes=100, latency_weight=2.0)
    >>> spec.slots, spec.states, spec.actions
    (10, 11, 3)

    Args:
      episodes: number of episodes, which the learners know.
      **values: settings of :class:`~jaxsoco.provisioning.PaperQueue` that differ from
        their defaults, such as ``arrivals="trace.csv", bin=0.01``.

    Raises:
      TypeError: no such setting.
      InputError: values or data that cannot be used.
    """
    settings = PaperQueue(horizon=episodes, **values)
    return spec_of(prepare_paper_queue(settings, Path()).content)


def bursty_queue(episodes: int = 6000, **values: Any) -> Spec:
    """A queue with batches of arrivals and blocks that may fail; see :func:`paper_queue`.

    >>> from jaxsoco.provisioning import bursty_queue
    >>> round(float(bursty_queue(episodes=100).base_consumption), 2)  # below budget_low
    1.2
    """
    settings = BurstyQueue(horizon=episodes, **values)
    return spec_of(prepare_bursty_queue(settings, Path()).content)


def two_queues(episodes: int = 6000, **values: Any) -> Spec:
    """Two queues that share one budget, parallel or tandem; see :func:`paper_queue`.

    >>> from jaxsoco.provisioning import two_queues
    >>> two_queues(episodes=100, topology="tandem").states
    16
    """
    settings = TwoQueues(horizon=episodes, **values)
    return spec_of(prepare_two_queues(settings, Path()).content)


def tabular(episodes: int = 6000, **values: Any) -> Spec:
    """A model from a file, ``tabular(model="queue.npz", ...)``; see :func:`paper_queue`.

    >>> from jaxsoco.provisioning import tabular
    >>> loss, spent, even = np.eye(2), [[0, 1], [0, 1]], np.full((2, 2, 2), 0.5)
    >>> np.savez("mdp.npz", loss=loss, consumption=spent, transition=even, initial=[1, 0], slots=3)
    >>> tabular(episodes=100, model="mdp.npz", baseline="0.9,0.1", budget_low=0.5).slots
    3
    """
    settings = Tabular(horizon=episodes, **values)
    return spec_of(prepare_tabular(settings, Path()).content)
