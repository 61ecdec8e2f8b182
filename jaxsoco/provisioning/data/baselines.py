"""The safe policy of a problem, from text or from a model's file: :func:`read_baseline`; no JAX."""

from __future__ import annotations

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import numbers
from jaxsoco.provisioning.theory.axes import SUMS
from jaxsoco.provisioning.theory.model import ROUNDING, TabularModel

_FIELD = "problem.baseline"


def read_baseline(text: str, model: TabularModel, own: np.ndarray | None = None) -> np.ndarray:
    """Action probabilities ``[1 or T, S, A]`` of the safe policy.

    Args:
      text: ``"0.7,0.2,0.1"``, the same chances in every state, or ``"file"``.
      model: the process that it is for.
      own: the array of the model's file, ``[T, S, A]``, ``[1, S, A]`` or ``[S, A]``, if it has one.

    Raises:
      InputError: the chances cannot be read, do not fit the model, or are no distributions.
    """
    actions = model.loss.shape[2]
    hint = f"want {actions} chances that sum to 1"
    if text == "file":
        policy = _from_file(model, own, hint)
    else:
        policy = np.broadcast_to(_chances(text, actions, hint), (1, *model.loss.shape[1:]))
    with np.errstate(all="ignore"):
        total = policy.sum(axis=-1)
    # An array may have been rounded to single precision.
    allowed = SUMS if text == "file" else ROUNDING
    wrong = ~(np.abs(total - 1) <= allowed) | ~np.all(policy >= 0, axis=-1)
    if wrong.any():
        row = policy[tuple(np.argwhere(wrong)[0])]
        text = ", ".join(f"{chance:g}" for chance in row[:10]) + ", ..." * (len(row) > 10)
        raise InputError(Issue(_FIELD, f"is no distribution: [{text}]", hint))
    off = np.abs(total - 1) > ROUNDING
    return np.where(off[..., None], policy / total[..., None], policy)


def _chances(text: str, actions: int, hint: str) -> np.ndarray:
    try:
        chances = np.array([float(x) for x in text.split(",")])
    except ValueError:
        raise InputError(Issue(_FIELD, f'cannot read "{text}"', hint)) from None
    if chances.size != actions:
        message = f"has {chances.size} chances, the problem {actions} actions"
        raise InputError(Issue(_FIELD, message, hint))
    return chances


def _from_file(model: TabularModel, own: np.ndarray | None, hint: str) -> np.ndarray:
    if own is None:
        raise InputError(Issue(_FIELD, "the file holds no baseline", f"{hint}, or such an array"))
    policy = numbers(np.asarray(own), _FIELD)
    policy = policy[None] if policy.ndim == 2 else policy
    shape = [model.slots, *model.loss.shape[1:]]
    if policy.shape not in ((1, *shape[1:]), tuple(shape)):
        want = f"want [slot, state, action], {shape}, or without slots"
        raise InputError(Issue(_FIELD, f"has the shape {list(policy.shape)}", want))
    return policy
