"""Where a search is kept, so that it goes on after any interruption as if there had been none.

One file has the state of the search and what every step told, and is replaced whole after a step:
what is there belongs together. Its folder is named after a digest of all that fixes the numbers,
so that another search never goes on from it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxsoco.analysis.searches import COLUMN, HISTORY, read_history
from jaxsoco.core import stopping
from jaxsoco.core.errors import InputError, Interrupted, reason_of
from jaxsoco.core.files import is_there, read_npz
from jaxsoco.core.scratch import remove_leftovers
from jaxsoco.engine.directory import SEARCHES
from jaxsoco.engine.files import write_whole

_LEAF = "state."
_DIGITS = 16

Columns = dict[str, np.ndarray]
"""What the steps told: name -> one entry a step."""


class SearchFolder:
    """The folder of one learner's search.

    Args:
      out: the run directory.
      name: of the learner.
      identity: digest of all that fixes the search.
    """

    def __init__(self, out: Path, name: str, identity: str):
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "learner"
        self._others, self._name = out / SEARCHES, plain
        self.path = self._others / f"{plain}-{identity[:_DIGITS]}"

    @property
    def others(self) -> list[str]:
        """Folders of searches for the same learner with other settings, or by other code."""
        pattern = re.compile(re.escape(self._name) + rf"-[0-9a-f]{{{_DIGITS}}}")
        if not self._others.is_dir():
            return []
        names = [one.name for one in sorted(self._others.iterdir()) if one != self.path]
        return [name for name in names if pattern.fullmatch(name)]

    @property
    def damaged(self) -> bool:
        """Whether there is a file of this search; asked where it could not be loaded."""
        return is_there(self.path / HISTORY)

    def begin(self) -> None:
        """Makes the folder, and removes what killed processes left in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)

    def load(self, like: Any) -> tuple[Any, Columns] | None:
        """State and steps as they were saved; None if there are none, or they are damaged.

        Args:
          like: a state of the same search, for its structure.
        """
        path = self.path / HISTORY
        if not is_there(path):
            return None
        try:
            arrays = read_npz(path)
        except InputError:
            return None
        leaves, tree = jax.tree.flatten(like)
        saved = [arrays.get(f"{_LEAF}{i}") for i in range(len(leaves))]
        kinds = [(np.shape(one), np.asarray(one).dtype) for one in leaves]
        if [one is not None and (one.shape, one.dtype) for one in saved] != kinds:
            return None
        return tree.unflatten(saved), read_history(self.path)

    def save(self, state: Any, columns: Mapping[str, np.ndarray]) -> None:
        """Replaces what is there by the state after a step, and all steps so far.

        Raises:
          Interrupted: it could not be written.
        """
        arrays: dict[str, Any] = {f"{COLUMN}{name}": column for name, column in columns.items()}
        for i, leaf in enumerate(jax.tree.leaves(state)):
            arrays[f"{_LEAF}{i}"] = np.asarray(leaf)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write(self.path / HISTORY, buffer.getvalue())


def write(path: Path, data: bytes) -> None:
    """Replaces a file whole.

    Raises:
      Interrupted: it could not be written.
    """
    try:
        with stopping.held():
            write_whole(path, data)
    except OSError as error:
        raise Interrupted(
            f"cannot write {path}: {reason_of(error)}. What was written before is whole; put that "
            "right and run the same command again to resume."
        ) from error


def appended(columns: Mapping[str, np.ndarray], record: Any) -> Columns:
    """The columns with one more step."""
    entries = {name: np.asarray(value)[None] for name, value in record._asdict().items()}
    if not columns:
        return entries
    return {name: np.concatenate([columns[name], entry]) for name, entry in entries.items()}
