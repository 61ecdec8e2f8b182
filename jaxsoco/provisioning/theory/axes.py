"""The order of a model's axes, found where shapes and sums leave no doubt. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from jaxsoco.core.errors import Issue

SUMS = 1e-6
"""By how much a sum of probabilities may miss 1: single precision's rounding, with room."""

_ROLES = ("state", "action", "next state")
_USUAL = (0, 1, 2)
_SLOTS_LAST = f"[{', '.join(_ROLES)}, slot]"
_WANT = f"want [{', '.join(_ROLES)}]"


def check_order(tables: Mapping[str, np.ndarray], issues: list[Issue]) -> None:
    """Reports arrays whose axes are there in another order than state, action, next state.

    Args:
      tables: ``loss``, ``consumption`` and ``transition``, with an axis of slots in front, and
        ``initial``, which says how many states there are.
      issues: takes what is wrong.
    """
    states, shape = tables["initial"].size, tables["transition"].shape[1:]
    actions = [size for size in shape if size != states] or [states]
    if len(actions) > 1:  # no order of the last three axes fits
        if _has_slots_last(tables["transition"], states):
            hint = "want the slot first: np.moveaxis(transition, -1, 0)"
            issues.append(Issue("transition", f"has the axes {_SLOTS_LAST}", hint))
        return
    for name in ("loss", "consumption"):
        if states != actions[0] and tables[name].shape[1:] == (actions[0], states):
            hint = f"want [state, action]: np.swapaxes({name}, -2, -1)"
            issues.append(Issue(name, "has the axes [action, state]", hint))
    orders = _orders(tables["transition"], (states, actions[0], states))
    if len(orders) == 1 and orders[0] != _USUAL:
        message = f"has the axes {_named(orders[0])}"
        own = ", ".join(str(axis - 3) for axis in orders[0])
        hint = f"{_WANT}: np.moveaxis(transition, ({own}), (-3, -2, -1))"
        issues.append(Issue("transition", message, hint))
    elif len(orders) > 1:
        names = " or ".join(map(_named, orders[:2]))
        message = f"does not sum to 1 along its last axis: its axes may be {names}"
        issues.append(Issue("transition", message, _WANT))


def _orders(transition: np.ndarray, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Which axes may be the state's, the action's and the next state's; the usual order alone if
    it may be that one."""
    found = transition.shape[1:]
    if found == shape and _sums_to_one(transition, 2):
        return [_USUAL]
    return [
        order
        for order in permutations(_USUAL)
        if tuple(found[axis] for axis in order) == shape and _sums_to_one(transition, order[2])
    ]


def _has_slots_last(transition: np.ndarray, states: int) -> bool:
    first, _, after, _ = transition.shape
    return first == after == states and _sums_to_one(transition, 1)


def _sums_to_one(transition: np.ndarray, axis: int) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        total = transition.sum(axis=axis + 1)
    return bool(np.all(np.abs(total - 1) <= SUMS))


def _named(order: tuple[int, ...]) -> str:
    """What each axis of the array is."""
    return f"[{', '.join(_ROLES[order.index(axis)] for axis in _USUAL)}]"
