"""Tabular models from files: :func:`load_tabular`; no JAX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.core.errors import InputError
from jaxsoco.core.fields import check_limits
from jaxsoco.provisioning.data.model_files import read_arrays
from jaxsoco.provisioning.settings_problems import ModelFile
from jaxsoco.provisioning.theory.model import AXES, TabularModel, tabular_model


def load_tabular(path: str | Path, slots: int | None = None) -> TabularModel:
    """A model from an ``.npz`` file with ``loss``, ``consumption``, ``transition``, ``initial``.

    ``slots`` may stand in the file, too. See :func:`tabular_model` for the shapes. JSON files hold
    an object of the same names; ``transition`` may be a table as Gymnasium's ``env.P`` (also called
    ``P``), whose rewards are a loss where there is no other.

    >>> from jaxsoco.provisioning import load_tabular
    >>> loss, spent, even = np.eye(2), [[0, 1], [0, 1]], np.full((2, 2, 2), 0.5)
    >>> np.savez("mdp.npz", loss=loss, consumption=spent, transition=even, initial=[1, 0], slots=3)
    >>> load_tabular("mdp.npz").least_consumption()
    0.0

    Raises:
      InputError: the file cannot be read, an array is missing, or the model is wrong.
    """
    return load_with_baseline(Path(path), slots)[0]


def load_with_baseline(
    path: Path, slots: int | None = None
) -> tuple[TabularModel, np.ndarray | None]:
    """The model of a file, and its array ``baseline`` if it has one."""
    values, notes = read_arrays(path)
    try:
        own = _slots(np.asarray(values["slots"])) if "slots" in values else None
        slots = own if slots is None else slots
        model = tabular_model(*(values[n] for n in AXES), slots=slots, source=path.name)
        baseline = _array(values.get("baseline"))
    except InputError as error:
        raise error.under(path.name) from None
    return replace(model, notes=notes + model.notes), baseline


def _array(value: Any) -> np.ndarray | None:
    """A baseline as an array, which is checked where it is used."""
    if value is None:
        return None
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.asarray(None)


def _slots(array: np.ndarray) -> int:
    """The number of slots that a file says."""
    value = array.reshape(-1)[0].item() if array.size == 1 else array.tolist()
    whole = isinstance(value, float) and value.is_integer()
    check_limits(ModelFile, "slots", int(value) if whole else value, "slots")
    return int(value)
