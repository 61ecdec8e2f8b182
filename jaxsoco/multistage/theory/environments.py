"""What the leaves of the problems cost. JAX only for settings that are traced.

Leaf ``j`` costs 1 with probability ``chance_j``. Sections are those of arXiv 2404.04509; what the
paper leaves open is filled in as the docstrings say.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from jaxsoco.core.settings import is_traced
from jaxsoco.multistage.theory.delays import late_probability, ramp
from jaxsoco.multistage.theory.tree import Tree

SEGMENTS = 1000
"""Pieces on which rates that change all the time are constant."""

RAMP = 0.2
"""Share of the horizon over which changing rates change."""

NETWORKS = {
    2: ((0.2, 0.10), (0.5, 0.005)),
    3: ((0.2, 0.10), (0.35, 0.05), (0.5, 0.005)),
}
"""Inference time and miss rate of the networks of section 7.3; the third is filled in, and more are
on the line through the three (:func:`networks`)."""


def segments(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Last rounds of equal segments, and their mid-points as fractions of the horizon."""
    count = min(SEGMENTS, horizon)
    ends = np.round(np.arange(1, count + 1) * (horizon / count)).astype(np.int64)
    return ends, (np.arange(count) + 0.5) / count


# --- Bernoulli trees (7.1, 7.2) -------------------------------------------------------------------


def bernoulli_chance(leaves: int, low: Any, fill: str = "linear") -> Any:
    """Chances before the first leaf's switch: 1 first, ``low`` last, the others filled in.

    Filled in: ``"linear"``, ``1 - (1 - low) (j + 1) / n`` for leaf ``j`` of ``n``, which gives the
    tree of Figure 4; ``"span"``, ``n - 1`` equal steps from ``low + 0.4`` (at most 1) to ``low``;
    ``"flat"``, ``low + 0.4``.

    Args:
      leaves: their number ``n``.
      low: from 0 to 1, a number or a traced one.
      fill: as above.

    Returns:
      ``[n]``, of NumPy unless ``low`` is traced.
    """
    xp = arrays(low)
    places = np.arange(leaves)
    if fill == "linear":
        chance = 1 - (1 - low) * (places + 1) / leaves
    elif fill == "span":
        rest = xp.linspace(xp.minimum(low + 0.4, 1), low, leaves - 1)
        chance = xp.concatenate([xp.ones(1), rest])
    else:
        chance = xp.where(places == leaves - 1, low, xp.minimum(low + 0.4, 1))
    return xp.where(places == 0, 1.0, chance)


def arrays(*values: Any) -> Any:
    """NumPy, or ``jax.numpy`` if one of the values is traced."""
    if not any(map(is_traced, values)):
        return np
    import jax.numpy as jnp

    return jnp


# --- edge computing (7.3) -------------------------------------------------------------------------


def networks(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Inference times and miss rates ``[count]`` of two or more networks.

    Of more than three, times are equally far apart, and the miss rate is linear between those of
    the three.
    """
    if count in NETWORKS:
        times, missed = np.array(NETWORKS[count]).T
        return times, missed
    known, misses = np.array(NETWORKS[3]).T
    times = np.linspace(known[0], known[-1], count)
    return times, np.interp(times, known, misses)


def edge_chance(servers: int, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A job is late with probability ``exp(-rate (1 - time))``, and misses in time otherwise.

    Filled in: the link of server ``i`` has rate ``6 - i``, but the last one's rises from 1 to 12.

    Args:
      servers: their number ``K``, which is that of the networks.
      times: as fractions of the horizon, ``[segments]``.

    Returns:
      Chances to be late ``[segments, K^2]``, and miss rates in time ``[K^2]``.
    """
    rates = np.stack([np.full(len(times), 6.0 - i) for i in range(servers)], axis=1)
    rates[:, -1] = ramp(1.0, 12.0, RAMP, times)
    spent, missed = networks(servers)
    late = np.exp(-rates[:, :, None] * (1 - spent))
    return late.reshape(len(times), -1), np.tile(missed, servers)


# --- multi-hop (7.4) ------------------------------------------------------------------------------


def multihop_chance(layers: int, times: np.ndarray) -> np.ndarray:
    """Chances that the links' delays add up to more than 1, for each sequence of relays.

    Filled in, with ``g = (L + 1) / 3``: first and last links have rate ``8 g``, between relays 0
    it rises from ``0.5 g`` to ``20 g``, from 0 to 1 it is ``2.5 g``, out of relay 1 ``4 g``.

    Args:
      layers: their number ``L``.
      times: as fractions of the horizon, ``[segments]``.

    Returns:
      ``[segments, 2^L]``.
    """
    unit = (layers + 1) / 3
    ends = np.full(len(times), 8 * unit)
    rates = [
        np.full(len(times), 4.0 * unit),
        np.full(len(times), 2.5 * unit),
        ramp(0.5 * unit, 20 * unit, RAMP, times),
    ]
    chance = np.empty((len(times), 2**layers))
    # The order of the links does not matter: a few dozen sets of them stand for all paths.
    late: dict[tuple[int, ...], np.ndarray] = {}
    for leaf in range(2**layers):
        relays = [leaf >> (layers - 1 - i) & 1 for i in range(layers)]
        kinds = tuple(sorted(_link(pair) for pair in pairwise(relays)))
        if kinds not in late:
            late[kinds] = late_probability(np.stack([ends, *(rates[k] for k in kinds), ends]))
        chance[:, leaf] = late[kinds]
    return chance


def _link(pair: tuple[int, int]) -> int:
    """Kind of the link between two relays: out of relay 1, from 0 to 1, between relays 0."""
    return 0 if pair[0] else 1 + (pair[1] == 0)


# --- lower bound (6) ------------------------------------------------------------------------------


def chain(stages: int) -> Tree:
    """Node ``i`` has a leaf and node ``i + 1``; the last one has two leaves."""
    inner = tuple((stages + i, i + 1) for i in range(stages - 1))
    return Tree((*inner, (2 * stages - 1, 2 * stages)))


def chain_chance(stages: int, gap: Any, swapped: bool = False) -> Any:
    """``(1 - (2^L - 2^(i-1)) d) / 2`` at node ``i``, ``(1 -/+ 2^L d) / 2`` for the last leaves.

    Args:
      stages: decision nodes ``L``.
      gap: ``d``, above 0 and at most ``2^-L``, a number or a traced one.
      swapped: the better one of the last leaves is last.

    Returns:
      ``[L + 1]``, of NumPy unless ``gap`` is traced.
    """
    chance = [(1 - (2**stages - 2 ** (i - 1)) * gap) / 2 for i in range(1, stages)]
    last = [(1 - 2**stages * gap) / 2, (1 + 2**stages * gap) / 2]
    return arrays(gap).stack([*chance, *(last[::-1] if swapped else last)])
