"""The arrays of a model from a file: ``.npz``, or JSON with Gymnasium's ``env.P``. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.files import read_bytes, read_npz, read_text
from jaxsoco.core.json_text import parse_json
from jaxsoco.core.problems import Problems
from jaxsoco.core.text import shorten
from jaxsoco.provisioning.theory.model import AXES, MOST_ACTIONS, MOST_STATES

OPTIONAL = ("slots", "baseline")
"""What a file may hold beside the arrays of :data:`AXES`."""

_MAGIC = {
    b"\x93NUMPY": "one array (.npy)",
    b"MATLAB 5.0": "a MATLAB file (.mat)",
    b"\x89HDF": "HDF5",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
_WANT = 'want an .npz file: np.savez("model.npz", ' + ", ".join(f"{n}=..." for n in AXES) + ")"


class ModelArrays(NamedTuple):
    """What a file holds.

    Attributes:
      values: by name: what :func:`~jaxsoco.provisioning.theory.model.tabular_model` takes, and
        perhaps those of :data:`OPTIONAL`.
      notes: how it was read, where that is not plain.
    """

    values: dict[str, Any]
    notes: tuple[str, ...] = ()


def read_arrays(path: Path) -> ModelArrays:
    """Reads the arrays of a model.

    Raises:
      InputError: the file cannot be read, is of another kind, or lacks an array.
    """
    start = read_bytes(path)[:256]
    kind = next((kind for mark, kind in _MAGIC.items() if start.startswith(mark)), "")
    if kind:
        raise InputError(Issue(str(path), f"cannot be read: it holds {kind}", _WANT))
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        found = _from_json(path)
    else:
        found = ModelArrays(dict(read_npz(path)))
    if "P" in found.values and "transition" not in found.values:
        found = _with_toolbox_order(found)
    _check_names(path, found)
    unused = [name for name in found.values if name not in (*AXES, *OPTIONAL)]
    notes = (f"not used: {shorten(', '.join(unused), 120)}",) if unused else ()
    return found._replace(notes=found.notes + notes)


def _with_toolbox_order(found: ModelArrays) -> ModelArrays:
    """``P`` as the transition: pymdptoolbox has an action's matrix after the other, [A, S, S]."""
    values = dict(found.values)
    chances = np.asarray(values.pop("P"))
    states = np.size(values.get("initial", ()))
    notes = ()
    if chances.ndim == 3 and chances.shape[1:] == (states, states):
        chances = np.moveaxis(chances, 0, 1)
        notes = ("P is [action, state, next state], as in pymdptoolbox",)
    return ModelArrays(values | {"transition": chances}, found.notes + notes)


def _check_names(path: Path, found: ModelArrays) -> None:
    """That all arrays are there; those of other programs are named for what they are."""
    values = found.values
    missing = [name for name in AXES if name not in values]
    if not missing:
        return
    contents = shorten(", ".join(values), 200) or "nothing"
    hints = [suggest(name, set(values) - set(AXES)) for name in missing]
    hint = next((h for h in hints if h.startswith("did you mean")), f"it holds {contents}")
    if "R" in values and "loss" in missing:
        hint += "; R is a reward: a loss is (R.max() - R) / (R.max() - R.min())"
    if found.notes and "initial" in missing:
        hint += "; Gymnasium's environments have it as initial_state_distrib"
    listed = f"lacks the {'array' if len(missing) == 1 else 'arrays'} {', '.join(missing)}"
    raise InputError(Issue(str(path), listed, hint))


# --- JSON -----------------------------------------------------------------------------------------


def _from_json(path: Path) -> ModelArrays:
    """Arrays as lists within lists; transitions may be ``env.P`` of Gymnasium's toy texts."""
    try:
        content = parse_json(read_text(path))
        if not isinstance(content, dict):
            raise InputError(Issue("top level", f"want an object with {', '.join(AXES)}"))
        if content and all(name.isdecimal() for name in content):
            content = {"P": content}
        name = "transition" if "transition" in content else "P"
        if isinstance(content.get(name), dict):
            return _with_table(content, name)
    except InputError as error:
        raise error.under(str(path)) from None
    return ModelArrays(content)


def _with_table(content: dict[str, Any], name: str) -> ModelArrays:
    """The arrays of ``env.P``; its rewards are a loss where the file has none of its own."""
    transition, reward = _of_table(content.pop(name), name)
    content["transition"] = transition
    notes = (f"{name} is a table of outcomes by state and action, as Gymnasium's env.P",)
    if "loss" not in content:
        low, high = float(reward.min()), float(reward.max())
        content["loss"] = (high - reward) / ((high - low) or 1.0)
        notes += (f"loss: the expected rewards from {low:g} to {high:g}, turned to 1 to 0",)
    return ModelArrays(content, notes)


def _of_table(table: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Chances ``[S, A, S]`` and expected rewards ``[S, A]`` of the outcomes in a table.

    Every state has its actions, and each of them a list of outcomes: a chance, the next state, a
    reward, and perhaps whether the episode ends. States and actions count from 0.
    """
    states = _counted(table)
    actions = len(table["0"]) if isinstance(table.get("0"), dict) else 0
    if not states or states > MOST_STATES or not 0 < actions <= MOST_ACTIONS:
        want = f"want states 0, 1, ... up to {MOST_STATES}, each with up to {MOST_ACTIONS} actions"
        raise InputError(Issue(name, "is no table of states and actions", want))
    transition, reward = np.zeros((states, actions, states)), np.zeros((states, actions))
    problems = Problems()
    for s in range(states):
        row = table[str(s)]
        if not isinstance(row, dict) or _counted(row) != actions:
            message = f"has not the {actions} actions of state 0"
            problems.add("", "states like these", Issue(f"{name}.{s}", message))
            continue
        for a in range(actions):
            outcomes: list[Any] = row[str(a)] if isinstance(row[str(a)], list) else [None]
            for i, outcome in enumerate(outcomes):
                if not _is_outcome(outcome, states):
                    place = f"{name}.{s}.{a}[{i}]"
                    issue = Issue(place, "is no outcome", "want [chance, next state, reward, ...]")
                    problems.add("", "outcomes like these", issue)
                    continue
                chance, after, gain = outcome[:3]
                transition[s, a, after] += chance
                reward[s, a] += chance * gain
    problems.raise_if_any()
    return transition, reward


def _counted(table: Mapping[str, Any]) -> int:
    """The number of entries, if their names count from 0; else 0."""
    return len(table) if all(str(i) in table for i in range(len(table))) else 0


def _is_outcome(value: Any, states: int) -> bool:
    if not isinstance(value, list) or len(value) < 3:
        return False
    numeric = all(isinstance(x, int | float) and abs(x) < 1e100 for x in value[:3])
    return numeric and isinstance(value[1], int) and 0 <= value[1] < states
