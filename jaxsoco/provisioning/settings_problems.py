"""Settings of the family's problems. No JAX.

Classes that only group settings come first: a problem lists the settings of its last parent first,
so that those of its own precede those that all problems share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.settings import setting, settings
from jaxsoco.provisioning.settings_budget import Budgeted


@settings
class Queue:
    """A queue ``s`` in ``0 .. capacity`` with a loss that grows like ``(s / capacity)^2``."""

    capacity: int = setting("maximum queue length", low=1, high=100, static=True)
    start: int = setting("initial queue length", low=0, high=100, static=True)
    slots: int = setting("slots per episode (T)", low=1, high=1000, static=True)


@settings
class Arrivals:
    """Arrivals of a slot: drawn independently from one distribution, or recorded."""

    arrivals: Path | Literal["poisson", "synthetic"] = setting(
        "arrivals per slot: Poisson, or of a trace, in a CSV file (times or counts per bin) or "
        "synthetic (a Poisson process whose rate has quiet and busy spells)",
        default="poisson",
    )
    order: Literal["drawn", "recorded"] = setting(
        "a trace's counts are drawn independently from their distribution, or come in their own "
        "order, from a start that is drawn for every run",
        default="drawn",
    )
    arrival_rate: float = setting("mean arrivals per slot", default=1.12, above=0, high=1000)
    column: str | None = setting(
        "column of the CSV file", default=None, theory="the one recognised by name"
    )
    bin: float | None = setting(
        "slot width, for a file of arrival times, or of counts with times",
        default=None,
        above=0,
        high=1e9,
        unit="s",
        theory="none, the file holds counts",
    )
    rebin: int = setting("bins of the file per slot", default=1, low=1, high=1_000_000, static=True)
    time_unit: Literal["s", "ms", "us", "ns"] | None = setting(
        "unit of times in the file that are numbers",
        default=None,
        order=1,
        theory="told by their size: dates of an epoch, or seconds",
    )


@settings
class PaperQueue(Budgeted, Queue, Arrivals):
    """``s' = min(capacity, max(0, s - a + N))`` with ``N`` arrivals and ``a`` in 0, 1, 2 blocks.

    An action consumes ``a / 2``; the loss is ``0.1 + 0.9 (s / capacity)^2``.

    >>> problem = jaxsoco.make("provisioning/paper_queue", horizon=100, capacity=5)
    >>> problem.settings.loss.shape  # the same in every slot; 6 lengths, 3 actions
    (1, 6, 3)
    """

    capacity: int = 10
    start: int = 0
    slots: int = 10
    budget_low: float = 4.0
    baseline: str = "0.7,0.2,0.1"


@settings
class Burst:
    """Arrivals in batches."""

    burst_chance: float = setting(
        "probability that a batch arrives in a slot", default=0.4, low=0, high=1
    )
    burst_wave: float = setting(
        "amplitude of its sine over the slots of an episode, relative to it",
        default=0.0,
        low=0,
        high=1,
    )


@settings
class Blocks:
    """Batches of one size, served by resource blocks that may fail."""

    burst_size: int = setting("arrivals per batch", default=2, low=1, high=20, static=True)
    success: float = setting(
        "probability that a resource block serves a job", default=0.9, low=0, high=1
    )


@settings
class BurstyQueue(Budgeted, Queue, Blocks, Burst):
    """``s' = min(capacity, max(0, s - X) + N)``: served ``X ~ Binomial(a, success)``, then batches.

    An action consumes ``a / 2``; the loss is ``(s / capacity)^2``.

    >>> problem = jaxsoco.make("provisioning/bursty_queue", horizon=100, burst_chance=0.3)
    >>> problem.settings.initial.shape
    (7,)
    """

    capacity: int = 6
    start: int = 3
    slots: int = 8
    budget_low: float = 2.0
    baseline: str = "0.8,0.1,0.1"
    anchor: float | None = 2.5


@settings
class Streams:
    """Two queues, side by side or one behind the other."""

    topology: Literal["parallel", "tandem"] = setting(
        "each queue has its own arrivals, or the second receives what the first serves",
        default="parallel",
    )
    burst_chance: float = setting(
        "probability of a batch, first queue", default=0.25, low=0, high=1
    )
    second_chance: float = setting(
        "probability of a batch, second queue", default=0.15, low=0, high=1
    )


@settings
class TwoQueues(Budgeted, Queue, Blocks, Streams):
    """Two queues that share the two blocks of a slot; the loss is the mean of ``(s / capacity)^2``.

    Actions are the pairs (0,0), (0,1), (0,2), (1,0), (1,1), (2,0) of blocks.

    >>> problem = jaxsoco.make("provisioning/two_queues", horizon=100, topology="tandem")
    >>> problem.settings.loss.shape  # 4 x 4 pairs of lengths, 6 actions
    (1, 16, 6)
    """

    capacity: int = setting("maximum length of each queue", default=3, low=1, high=10, static=True)
    start: int = setting("initial length of each queue", default=1, low=0, high=10, static=True)
    slots: int = 8
    budget_low: float = 2.5
    baseline: str = "0.65,0.1,0.05,0.1,0.05,0.05"
    anchor: float | None = 3.0


@settings
class ModelFile:
    """A constrained decision process of ``T`` slots in a file."""

    model: Path = setting(
        "an .npz file with loss, consumption, transition, initial and perhaps baseline, slots"
    )
    slots: int | None = setting(
        "slots per episode (T)",
        default=None,
        low=1,
        high=1000,
        static=True,
        theory="as in the file",
    )


@settings
class Tabular(Budgeted, ModelFile):
    """Any tabular constrained decision process: tables ``[T, S, A]`` and ``[T, S, A, S]``.

    >>> loss, spent, even = np.eye(2), [[0, 1], [0, 1]], np.full((2, 2, 2), 0.5)
    >>> np.savez("mdp.npz", loss=loss, consumption=spent, transition=even, initial=[1, 0], slots=3)
    >>> file = dict(model="mdp.npz", baseline="0.9,0.1", budget_low=0.5)
    >>> jaxsoco.make("provisioning/tabular", horizon=100, **file).settings.slots
    3
    """

    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas; or "
        "file, for the array baseline of the model's file",
        default="file",
    )


@settings
class Sizes:
    """How large a random process is."""

    states: int = setting("number of states (S)", default=5, low=1, high=100, static=True)
    actions: int = setting(
        "number of actions (A); the first consumes nothing", default=3, low=2, high=64, static=True
    )
    slots: int = setting("slots per episode (T)", default=5, low=1, high=1000, static=True)
    branching: int = setting(
        "next states that a state and an action may lead to", default=3, low=1, high=100
    )


@settings
class RandomMDP(Budgeted, Sizes):
    """Random constrained decision processes, another one for every seed.

    See :mod:`jaxsoco.provisioning.theory.garnet`.

    >>> problem = jaxsoco.make("provisioning/random_mdp", horizon=100, states=4, actions=2)
    >>> problem.spec(keys).transition.shape  # slots alike, and a process for each of the keys
    (1, 4, 2, 4, 4)
    """

    budget_low: float | None = setting(  # pyright: ignore[reportIncompatibleVariableOverride]
        "smallest budget (B0)", default=None, low=0, high=1000, theory="T / 8"
    )
    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas; or "
        "idle, the first action with the chance 0.9, else any other",
        default="idle",
    )
    anchor: float | None = setting(
        "preferred budget (rho_0)", default=None, low=-1000, high=1000, theory="T / 4"
    )
