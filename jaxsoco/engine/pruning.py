"""What a directory holds that does not belong to what was last asked of it, and its deletion."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.study import Study
from jaxsoco.engine import packs
from jaxsoco.engine.manifest import MANIFEST, OLD_FORMAT
from jaxsoco.engine.marks import marks, why_unwanted
from jaxsoco.engine.packs import DamageError, Pack
from jaxsoco.engine.store import Store

_ABANDONED = 3600.0
"""Seconds after which results without a sidecar are nobody's: it is written right after them."""


class Prunable(NamedTuple):
    """A pack that nothing needs.

    Attributes:
      name: of the pack.
      reason: why.
      size: bytes that its deletion frees; 0 of a file that another directory shares.
    """

    name: str
    reason: str
    size: int


class Pruning:
    """The packs of a directory that may go.

    Args:
      path: the directory.
      now: seconds since the epoch.

    Attributes:
      store: the directory.
      prunable: what may go.
      kept: how many packs stay.
      kept_size: their bytes.

    Raises:
      InputError: it holds no results, or some of the older format.
    """

    def __init__(self, path: Path, now: float | None = None):
        self.store = Store(path).open()
        if self.store.manifest["format"] == OLD_FORMAT:
            message = "holds results of the older format: one study, all of which is wanted"
            raise InputError(Issue(str(path), message))
        self._folder = path / packs.FOLDER
        # Read before the packs are looked at: what is asked for now must be asked for at the end.
        self._manifest = self._read_manifest()
        self.store = Store(path).open()
        index = self.store.refresh()
        wanted = _wanted(self.store.study)
        unwanted = [p for p in index.packs.values() if not any(_serves(p, wanted))]
        self.kept = len(index.packs) - len(unwanted)
        self.kept_size = sum(p.size for p in index.packs.values()) - sum(p.size for p in unwanted)
        self.prunable = [
            *self._unwanted(unwanted),
            *self._damaged(),
            *self._uncommitted(time.time() if now is None else now),
        ]

    def delete(self) -> Iterator[Prunable]:
        """Deletes what may go, pack by pack; yields what is gone.

        Raises:
          InputError: something else was asked of the directory meanwhile.
          OSError: a file cannot be deleted.
        """
        for one in self.prunable:
            if self._read_manifest() != self._manifest:
                message = "something else was asked of it meanwhile; nothing more was deleted"
                raise InputError(Issue(str(self.store.path), message, "run prune again"))
            if one.reason.startswith("damaged") and self._is_whole(one.name):
                continue
            self.store.remove(one.name)
            yield one

    def _unwanted(self, unwanted: Iterable[Pack]) -> Iterator[Prunable]:
        mine = marks(self.store.study)
        for pack in unwanted:
            reason = why_unwanted(pack.facts.get("origin"), mine)
            yield Prunable(pack.name, reason, self._size(pack.name))

    def _damaged(self) -> Iterator[Prunable]:
        for one in self.store.damaged:
            if one.certain:
                yield Prunable(one.pack, "damaged", self._size(one.pack))

    def _uncommitted(self, now: float) -> Iterator[Prunable]:
        """Results that lost their writer before the sidecar; not those being written."""
        for file in sorted(self._folder.glob("*.npz")):
            if file.with_suffix(".json").exists():
                continue
            try:
                old = now - file.stat().st_mtime > _ABANDONED
            except FileNotFoundError:
                continue
            if old:
                yield Prunable(file.stem, "never finished", self._size(file.stem))

    def _is_whole(self, name: str) -> bool:
        """Whether a pack that was damaged has been computed again."""
        file = self._folder / f"{name}.json"
        try:
            pack = packs.read_sidecar(file)
            if pack is not None:
                packs.verify(pack, file.with_suffix(".npz"))
        except DamageError:
            return False
        return pack is not None

    def _size(self, name: str) -> int:
        return sum(_freed(self._folder / f"{name}{suffix}") for suffix in (".npz", ".json"))

    def _read_manifest(self) -> bytes:
        try:
            return (self.store.path / MANIFEST).read_bytes()
        except OSError as error:
            raise InputError(Issue(str(self.store.path), f"cannot be read: {error}")) from error


def _wanted(study: Study) -> dict[str, int]:
    """Key of every cell that is asked for, single runs at every round among them -> its seeds."""
    wanted: dict[str, int] = {}
    for one in study.parts:
        cells = Cells(one)
        for group in one.groups:
            for point in group.points:
                for learner in range(len(one.labels)):
                    key = cells.key(point, learner)
                    wanted[key] = max(group.seeds, wanted.get(key, 0))
    return wanted


def _serves(pack: Pack, wanted: dict[str, int]) -> Iterator[bool]:
    """Of each block, whether it has seeds that are asked for."""
    return (block.start < wanted.get(block.key, 0) for block in pack.blocks)


def _freed(file: Path) -> int:
    """Bytes that come free when a file goes; none while another name has them."""
    try:
        status = os.stat(file)
    except OSError:
        return 0
    return status.st_size if status.st_nlink == 1 else 0
