"""Tabular constrained decision processes in NumPy: checked, and solved for the least consumption.

Nothing here needs JAX: an experiment is checked before anything is compiled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import numbers
from jaxsoco.provisioning.theory.axes import SUMS, check_order

ROUNDING = 1e-9
"""By how much probabilities may miss a sum of 1 before they are normalised."""

MOST = 5
"""Wrong entries that are listed for each array."""

MOST_SLOTS, MOST_STATES, MOST_ACTIONS = 1000, 500, 64
"""Largest model: learners keep counts ``[T, S, A, S]`` for every run."""

AXES = {"loss": "tsa", "consumption": "tsa", "transition": "tsan", "initial": "s"}
"""Arrays of a model and what their axes are: slot ``t``, state ``s``, action ``a``, next state."""

_NAMES = {"t": "slot", "s": "state", "a": "action", "n": "next state"}


@dataclass(frozen=True, eq=False)
class TabularModel:
    """A constrained decision process of ``T`` slots, ``S`` states and ``A`` actions.

    Attributes:
      loss: ``[T, S, A]`` or ``[1, S, A]``, in [0, 1].
      consumption: likewise.
      transition: ``[T, S, A, S]`` or ``[1, S, A, S]``.
      initial: distribution of the first state, ``[S]``.
      slots: ``T``.
      source: where it comes from, for reports.
      notes: what was put right: sums that rounding had changed.
    """

    loss: np.ndarray
    consumption: np.ndarray
    transition: np.ndarray
    initial: np.ndarray
    slots: int
    source: str = "arrays"
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of all numbers."""
        sha = hashlib.sha256(str(self.slots).encode())
        for name in AXES:
            # One byte order and layout, so that the digest depends on the numbers alone.
            array = np.ascontiguousarray(getattr(self, name), "<f8")
            sha.update(f"{name}{array.shape}".encode() + array.tobytes())
        return sha.hexdigest()

    def expected(self, policy: np.ndarray, values: np.ndarray) -> float:
        """Expected sum of ``values`` over an episode of ``policy``, both ``[T or 1, S, A]``."""
        states, total = self.initial, 0.0
        for t in range(self.slots):
            # Occupancy w_t(s, a) = P(s_t = s) pi_t(a | s), then the states of the next slot.
            occupancy = states[:, None] * _row(policy, t)
            total += float(np.sum(occupancy * _row(values, t)))
            states = np.einsum("sa,san->n", occupancy, _row(self.transition, t))
        return total

    def least_consumption(self) -> float:
        """Expected consumption of the policy that consumes least."""
        value = np.zeros(self.initial.size)
        # Backward dynamic program: value(s) = min_a d(s, a) + sum_n P(n | s, a) value(n).
        for t in reversed(range(self.slots)):
            value = (_row(self.consumption, t) + _row(self.transition, t) @ value).min(axis=1)
        return float(self.initial @ value)


def _row(table: np.ndarray, t: int) -> np.ndarray:
    return table[0] if table.shape[0] == 1 else table[t]


def tabular_model(
    loss: Any,
    consumption: Any,
    transition: Any,
    initial: Any,
    *,
    slots: int | None = None,
    source: str = "arrays",
) -> TabularModel:
    """A model from arrays, checked.

    >>> from jaxsoco.provisioning import tabular_model
    >>> model = tabular_model([[1, 0]], [[0, 1]], np.ones((1, 2, 1)), [1], slots=4)  # one state
    >>> model.expected(np.array([[[0.75, 0.25]]]), model.loss)
    3.0

    Args:
      loss: ``[T, S, A]``, or ``[S, A]`` for all slots, in [0, 1].
      consumption: likewise.
      transition: ``[T, S, A, S]``, or ``[S, A, S]`` for all slots; rows sum to 1, but for rounding
        in single precision, and are normalised.
      initial: distribution of the first state, ``[S]``.
      slots: ``T``; needed if no array has an axis of slots, and must agree with those that have.
      source: where the arrays come from.

    Raises:
      InputError: with every problem found: shapes that do not fit, entries that are not
        probabilities or costs, each with its indices.
    """
    values = {"loss": loss, "consumption": consumption, "transition": transition}
    values["initial"] = initial
    issues: list[Issue] = []
    arrays = {name: _array(name, value, issues) for name, value in values.items()}
    tables = {name: x for name, x in arrays.items() if x is not None}
    notes: tuple[str, ...] = ()
    if len(tables) == len(AXES):
        check_order(tables, issues)
        slots = slots if issues else _check_shapes(tables, slots, issues)
    if issues:
        raise InputError(issues)
    _check_entries(tables, issues)
    if issues:
        raise InputError(issues)
    assert slots is not None
    for name in ("transition", "initial"):
        total = tables[name].sum(axis=-1, keepdims=True)
        off = float(np.abs(total - 1).max())
        if off > ROUNDING:
            notes += (f"{name}: rows sum to 1 within {off:.1g}, as in float32, and are normalised",)
        # Sums of exactly 1, as nearly as there are such: errors add up over slots.
        tables[name] = tables[name] / total
    return TabularModel(**tables, slots=slots, source=source, notes=notes)


def _check_entries(tables: Mapping[str, np.ndarray], issues: list[Issue]) -> None:
    """Costs in [0, 1], probabilities that are not negative, rows that sum to 1."""
    for name in ("loss", "consumption"):
        wrong = ~((tables[name] >= 0) & (tables[name] <= 1))
        _list(name, wrong, tables[name], "is not within [0, 1]", "rescale the costs", issues)
    for name in ("transition", "initial"):
        array = tables[name]
        _list(name, ~(array >= 0), array, "is not a probability", "want numbers >= 0", issues)
        with np.errstate(over="ignore", invalid="ignore"):
            total = array.sum(axis=-1)
        wrong = ~(np.abs(total - 1) <= SUMS)
        message = "is what the row sums to"
        _list(name, wrong, total, message, f"want 1, to {SUMS:g}", issues)


def _array(name: str, value: Any, issues: list[Issue]) -> np.ndarray | None:
    axes = AXES[name]
    shape = "[" + ", ".join(_NAMES[a] for a in axes) + "]"
    try:
        array = numbers(np.asarray(value), name)
    except (InputError, TypeError, ValueError):
        issues.append(Issue(name, "is not an array of numbers", f"want {shape}"))
        return None
    # Without an axis of slots: the same in every slot.
    if array.ndim == len(axes) - 1 and "t" in axes:
        array = array[None]
    if array.ndim != len(axes) or not array.size:
        hint = f"want {shape}" + (", or without the axis of slots" if "t" in axes else "")
        if name == "initial" and array.ndim == 0:
            hint += ": 1 at the first state, 0 elsewhere"
        issues.append(Issue(name, f"has the shape {list(np.shape(value))}", hint))
        return None
    return array


def _check_shapes(
    arrays: Mapping[str, np.ndarray], slots: int | None, issues: list[Issue]
) -> int | None:
    _, states, actions, after = arrays["transition"].shape
    if states != after:
        _, states, actions = arrays["loss"].shape
    sizes = {"s": states, "a": actions, "n": states}
    if slots is None:
        # Arrays with an axis of slots say how many there are; size 1 says nothing.
        leading = {x.shape[0] for n, x in arrays.items() if n != "initial" and x.shape[0] > 1}
        if not leading:
            hint = "give slots, or arrays with an axis of slots"
            issues.append(Issue("slots", "is not known: no array has an axis of slots", hint))
            return None
        slots = max(leading)
    if slots is not None and not 1 <= slots <= MOST_SLOTS:
        hint = f"want 1 to {MOST_SLOTS}"
        issues.append(Issue("slots", f"{slots} is no number of slots", hint))
        return None
    if states > MOST_STATES:
        message = f"has {states} states"
        issues.append(Issue("transition", message, f"want at most {MOST_STATES}"))
    if actions > MOST_ACTIONS:
        message = f"has {actions} actions"
        issues.append(Issue("transition", message, f"want at most {MOST_ACTIONS}"))
    sizes["t"] = slots
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    for name, array in arrays.items():
        wrong = [
            f"{size} entries along {_NAMES[axis]}, others have {sizes[axis]}"
            for axis, size in zip(AXES[name], array.shape, strict=True)
            if size != sizes[axis] and not (axis == "t" and size == 1)
        ]
        if wrong:
            issues.append(Issue(name, f"has {'; '.join(wrong)}", f"shapes: {shapes}"))
    return slots


def _list(
    name: str, wrong: np.ndarray, values: np.ndarray, what: str, hint: str, issues: list[Issue]
) -> None:
    """One issue for each wrong entry with its indices, up to ``MOST`` and a count."""
    places = np.argwhere(wrong)
    for place in places[:MOST]:
        index = ", ".join(map(str, place))
        at = ", ".join(f"{_NAMES[a]} {i}" for a, i in zip(AXES[name], place, strict=False))
        entry = f"{name}[{index}]" if index else name
        issues.append(
            Issue(entry, f"{values[tuple(place)]:.12g} {what}", f"{at}: {hint}" if at else hint)
        )
    if len(places) > MOST:
        issues.append(Issue(name, f"{len(places) - MOST} more such entries", hint))
