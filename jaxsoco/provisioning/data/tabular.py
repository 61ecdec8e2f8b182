"""Tabular models from ``.npz`` files: :func:`load_tabular`; no JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import check_limits
from jaxsoco.core.files import read_npz
from jaxsoco.provisioning.settings import ModelFile
from jaxsoco.provisioning.theory.model import AXES, TabularModel, tabular_model


def load_tabular(path: str | Path, slots: int | None = None) -> TabularModel:
    """A model from an ``.npz`` file with ``loss``, ``consumption``, ``transition``, ``initial``.

    ``slots`` may stand in the file, too. See :func:`tabular_model` for the shapes.

    >>> from jaxsoco.provisioning import load_tabular
    >>> loss, spent, even = np.eye(2), [[0, 1], [0, 1]], np.full((2, 2, 2), 0.5)
    >>> np.savez("mdp.npz", loss=loss, consumption=spent, transition=even, initial=[1, 0], slots=3)
    >>> load_tabular("mdp.npz").least_consumption()
    0.0

    Raises:
      InputError: the file cannot be read, an array is missing, or the model is wrong.
    """
    path = Path(path)
    arrays = read_npz(path)
    missing = [name for name in AXES if name not in arrays]
    if missing:
        contents = ", ".join(arrays) or "nothing"
        hints = [suggest(name, set(arrays) - set(AXES)) for name in missing]
        hint = next((h for h in hints if h.startswith("did you mean")), f"it holds {contents}")
        raise InputError(Issue(str(path), f"lacks the array {n}", hint) for n in missing)
    try:
        if slots is None and "slots" in arrays:
            slots = _slots(arrays["slots"])
        return tabular_model(*(arrays[n] for n in AXES), slots=slots, source=path.name)
    except InputError as error:
        raise error.under(path.name) from None


def _slots(array: np.ndarray) -> int:
    """The number of slots that a file says."""
    value = array.reshape(-1)[0].item() if array.size == 1 else array.tolist()
    whole = isinstance(value, float) and value.is_integer()
    check_limits(ModelFile, "slots", int(value) if whole else value, "slots")
    return int(value)
