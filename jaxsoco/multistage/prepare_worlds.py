"""The worlds in which the rivals differ: from settings to costs of the leaves. No JAX."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.multistage.content import prepared_from
from jaxsoco.multistage.prepare import spec_of, tree_of
from jaxsoco.multistage.settings_worlds import (
    DelayedTree,
    HeavyTailedTree,
    ReactiveTree,
    SwitchingTree,
)
from jaxsoco.multistage.theory.environments import arrays

if TYPE_CHECKING:
    from jaxsoco.multistage.spec import Spec


def prepare_switching_tree(settings: SwitchingTree, folder: Path) -> Prepared:
    """One good leaf, and another one after each switch.

    Raises:
      InputError: more switches than rounds, costs above 1, or there is no tree.
    """
    return _switching("switching_tree", settings, folder)


def prepare_delayed_tree(settings: DelayedTree, folder: Path) -> Prepared:
    """The same, with costs that arrive later or never."""
    extras = {"delay": settings.delay, "lost": settings.lost}
    return _switching("delayed_tree", settings, folder, extras)


def prepare_heavy_tailed_tree(settings: HeavyTailedTree, folder: Path) -> Prepared:
    """The same, with Pareto costs."""
    return _switching("heavy_tailed_tree", settings, folder, {"tail": settings.tail})


def prepare_reactive_tree(settings: ReactiveTree, folder: Path) -> Prepared:
    """A last leaf whose cost depends on how often it is used."""
    tree, source, notes = tree_of(settings, folder)
    xp = arrays(settings.cold, settings.warm, settings.steady)
    last = np.arange(tree.leaves) == tree.leaves - 1
    chance = xp.where(last, settings.cold, settings.steady)[None]
    extras = {
        "answer": xp.where(last, settings.warm - settings.cold, 0.0)[None],
        "memory": settings.memory,
    }
    more = {"source": source, "notes": notes, "extras": extras}
    return prepared_from("reactive_tree", settings, tree, chance, [settings.horizon], **more)


def _switching(
    name: str, settings: SwitchingTree, folder: Path, extras: dict[str, Any] | None = None
) -> Prepared:
    tree, source, notes = tree_of(settings, folder)
    parts, high = settings.switches + 1, settings.low + settings.gap
    if parts > settings.horizon:
        message = f"{settings.switches} switches do not fit into {settings.horizon} rounds"
        raise InputError(Issue("problem.switches", message, "want fewer than rounds"))
    if not is_traced(high) and high > 1:
        message = f"low + gap is {high:.3g}, an expected cost above 1"
        raise InputError(Issue("problem.gap", message, "want at most 1 - problem.low"))
    good = good_leaves(tree.leaves, parts, settings.order)
    others = np.arange(tree.leaves)[None] != good[:, None]
    chance = settings.low + settings.gap * arrays(high).asarray(others, dtype=float)
    ends = np.round(np.arange(1, parts + 1) * (settings.horizon / parts)).astype(np.int64)
    more = {"source": source, "notes": notes, "extras": extras or {}}
    return prepared_from(name, settings, tree, chance, ends, **more)


def good_leaves(leaves: int, parts: int, order: str) -> np.ndarray:
    """The good leaf of every part of the rounds, ``[parts]``; see :class:`SwitchingTree`."""
    places = np.arange(parts)
    if order == "return":
        return np.where(places % 2 == 0, 0, leaves - 1)
    # The nearest number to the golden section that has no divisor in common with the leaves.
    steps = sorted(range(1, leaves + 1), key=lambda step: abs(step - 0.618 * leaves))
    step = next(step for step in steps if math.gcd(step, leaves) == 1)
    return places * step % leaves


# --- in Python ------------------------------------------------------------------------------------


def switching_tree(horizon: int, **fields: Any) -> Spec:
    """A tree whose good leaf changes; see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import switching_tree
    >>> switching_tree(1000, switches=3).segment_end.tolist()
    [250, 500, 750, 1000]
    """
    return spec_of("switching_tree", horizon, fields)


def delayed_tree(horizon: int, **fields: Any) -> Spec:
    """The same with costs that arrive later, or never; see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import delayed_tree
    >>> delayed_tree(1000, delay=7).delay
    7
    """
    return spec_of("delayed_tree", horizon, fields)


def heavy_tailed_tree(horizon: int, **fields: Any) -> Spec:
    """The same with Pareto costs; see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import heavy_tailed_tree
    >>> float(heavy_tailed_tree(1000, tail=2.5).tail)
    2.5
    """
    return spec_of("heavy_tailed_tree", horizon, fields)


def reactive_tree(horizon: int, **fields: Any) -> Spec:
    """A tree whose last leaf answers to its use; see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import reactive_tree
    >>> float(reactive_tree(1000, memory=20).memory)
    20.0
    """
    return spec_of("reactive_tree", horizon, fields)
