"""Queues whose service is bought with resource blocks, as tabular models; no JAX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from jaxsoco.provisioning.theory.model import TabularModel, tabular_model


def poisson(rate: float) -> np.ndarray:
    """Probabilities of 0, 1, ... arrivals, ``[n]``, cut where nothing is left in float64."""
    count = math.ceil(rate + 12 * math.sqrt(rate) + 24)
    # ln P(N = n) = n ln rate - rate - ln n!, in logarithms because factorials overflow.
    logs = [n * math.log(rate) - rate - math.lgamma(n + 1) if rate else 0.0 for n in range(count)]
    chances = np.exp(logs) if rate else np.eye(1, count)[0]
    return chances / chances.sum()


def batches(chance: float, size: int) -> np.ndarray:
    """A batch of ``size`` with this chance, else nothing: probabilities ``[size + 1]``."""
    chances = np.zeros(size + 1)
    chances[0] = 1 - chance
    chances[size] += chance
    return chances


def departures(actions: int, success: float) -> np.ndarray:
    """Binomial: ``[a, x]`` is the chance that ``a`` blocks serve ``x``, each with ``success``."""
    chances = np.zeros((actions, actions))
    for a in range(actions):
        for x in range(a + 1):
            # P(X = x) = C(a, x) p^x (1 - p)^(a - x)
            chances[a, x] = math.comb(a, x) * success**x * (1 - success) ** (a - x)
    return chances


def queue_transition(
    capacity: int, arrivals: np.ndarray, served: np.ndarray, *, late: bool
) -> np.ndarray:
    """Transitions ``[S, A, S]`` of one queue of length ``0 .. capacity``.

    Args:
      capacity: longest queue; what does not fit is lost.
      arrivals: probabilities of 0, 1, ... arrivals in a slot, ``[n]``.
      served: probabilities of what an action serves, ``[A, x]``.
      late: whether arrivals come after the service (they wait at least a slot), or before it.
    """
    transition = np.zeros((capacity + 1, served.shape[0], capacity + 1))
    come = np.arange(arrivals.size)
    for s, a in product(range(capacity + 1), range(served.shape[0])):
        for x in range(served.shape[1]):
            # Late arrivals cannot be served in their own slot.
            after = max(0, s - x) + come if late else np.maximum(0, s - x + come)
            # One after the other, in their order.
            np.add.at(transition[s, a], np.minimum(capacity, after), served[a, x] * arrivals)
    return transition


def single_queue(
    *,
    capacity: int,
    slots: int,
    start: int,
    arrivals: np.ndarray,
    base_loss: float,
    success: float = 1.0,
    late: bool = False,
    most: int = 2,
    source: str = "queue",
) -> TabularModel:
    """One queue; an action buys ``0 .. most`` blocks, each ``1 / most`` of the slot's resources.

    The loss is ``base_loss + (1 - base_loss) (s / capacity)^2``. ``arrivals`` are chances of 0, 1,
    ... arrivals: ``[n]``, or ``[T, n]`` where they change over the episode.

    >>> from jaxsoco.provisioning import single_queue
    >>> coin = np.array([0.5, 0.5])  # no arrival or one
    >>> queue = single_queue(capacity=2, slots=3, start=0, arrivals=coin, base_loss=0.0)
    >>> queue.transition[0, 1, 0].tolist()  # from length 1, where nothing is served
    [0.0, 0.5, 0.5]
    """
    states, served = np.arange(capacity + 1), departures(most + 1, success)
    loss = base_loss + (1 - base_loss) * (states / capacity) ** 2
    return tabular_model(
        np.repeat(loss[:, None], most + 1, axis=1),
        np.repeat(np.arange(most + 1)[None] / most, capacity + 1, axis=0),
        np.array(
            [queue_transition(capacity, x, served, late=late) for x in np.atleast_2d(arrivals)]
        ),
        np.eye(capacity + 1)[start],
        slots=slots,
        source=source,
    )


def two_queues(
    *,
    topology: str,
    capacity: int,
    slots: int,
    start: Sequence[int],
    arrivals: Sequence[np.ndarray],
    success: Sequence[float],
    most: int = 2,
) -> TabularModel:
    """Two queues that share the blocks of a slot, at most ``most`` of them.

    Args:
      topology: ``"parallel"`` (each has its own arrivals) or ``"tandem"`` (what the first serves
        arrives at the second; the second's own arrivals are not used).
      capacity: longest queue, of both.
      slots: slots of an episode.
      start: lengths at the start.
      arrivals: probabilities of arrivals, one array a queue.
      success: chance that a block serves, one a queue.
      most: blocks of a slot.

    States are ``s1 (capacity + 1) + s2``; actions are the pairs ``(a1, a2)`` with ``a1 + a2 <=
    most`` in lexicographic order. The loss is the mean of ``(s / capacity)^2``.
    """
    n = capacity + 1
    actions = [(x, y) for x in range(most + 1) for y in range(most + 1 - x)]
    served = [departures(most + 1, chance) for chance in success]
    transition = np.zeros((n, n, len(actions), n, n))
    for x, y in product(range(n), range(n)):
        for a, (first, second) in enumerate(actions):
            transition[x, y, a] = _joint(
                topology, capacity, x, y, served[0][first], served[1][second], arrivals
            )
    one = (np.arange(n) / capacity) ** 2
    loss = ((one[:, None] + one[None]) / 2).reshape(-1, 1)
    spent = np.array([x + y for x, y in actions]) / most
    return tabular_model(
        np.repeat(loss, len(actions), axis=1),
        np.repeat(spent[None], n * n, axis=0),
        transition.reshape(n * n, len(actions), n * n),
        np.eye(n * n)[start[0] * n + start[1]],
        slots=slots,
        source=f"two queues, {topology}",
    )


def _joint(topology, capacity, x, y, first, second, arrivals) -> np.ndarray:
    """Next lengths ``[n, n]`` from lengths ``x, y`` and chances of what is served."""
    lengths = np.zeros((capacity + 1, capacity + 1))
    inflow = arrivals[1] if topology == "parallel" else np.ones(1)
    # What has a chance: a large batch, or none, is two of many numbers.
    for p, q, n, m in product(*map(np.flatnonzero, (first, second, arrivals[0], inflow))):
        # Services and arrivals are independent.
        chance = first[p] * second[q] * arrivals[0][n] * inflow[m]
        done = min(x, p)
        # In tandem, what the first queue serves arrives at the second.
        come = m if topology == "parallel" else done
        after = (min(capacity, x - done + n), min(capacity, max(0, y - q) + come))
        lengths[after] += chance
    return lengths
