"""A directory of results: packs in any number, and a manifest of what was last asked of them.

Every file is written whole or not at all. A pack's results come first and its sidecar, with their
SHA-256, last: the sidecar is the commit mark. So a process may be killed at any moment, and several
processes may write to one directory.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core import stopping, text
from jaxsoco.core.errors import InputError, Interrupted, Issue, reason_of
from jaxsoco.core.scratch import remove_leftovers
from jaxsoco.core.study import Study
from jaxsoco.engine import directory, packs
from jaxsoco.engine import manifest as manifests
from jaxsoco.engine.files import link_whole, write_whole
from jaxsoco.engine.index import Index
from jaxsoco.engine.manifest import MANIFEST
from jaxsoco.engine.packs import Block, DamageError, Pack, UnreadableError
from jaxsoco.engine.stamps import Stamps

_FULL = {
    getattr(errno, name): advice
    for name, advice in {
        "ENOSPC": "free some space",
        "EDQUOT": "free some space or ask for a larger quota",
        "EFBIG": "raise the limit on the size of files (ulimit -f)",
    }.items()
    if hasattr(errno, name)
}

_MOST_KEPT = 256 * 2**20
"""Bytes of arrays of packs that a store keeps for the next read."""


class Damaged(NamedTuple):
    """A pack whose files cannot be trusted; what is in it counts as not computed.

    Attributes:
      pack: its name.
      reason: why not.
      certain: whether it is damaged; otherwise it cannot be read here and now.
    """

    pack: str
    reason: str
    certain: bool = True

    def __str__(self) -> str:
        return f"pack {self.pack}: {self.reason}"


class Store:
    """Results in a directory. Call :meth:`begin` or :meth:`open` first.

    Attributes:
      path: the directory.
      manifest: content of ``manifest.json``.
      index: the blocks that are here and whole, as of the last :meth:`refresh`; kept when what is
        asked of the directory changes.
      damaged: the packs that it found and could not trust.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.manifest: dict[str, Any] = {}
        self.index, self.damaged = Index(), list[Damaged]()
        self._verified: dict[str, Stamps] = {}
        self._refused: dict[str, tuple[Stamps, str]] = {}
        self._arrays: OrderedDict[str, dict[str, np.ndarray]] = OrderedDict()

    def begin(self, study: Mapping[str, Any]) -> Store:
        """Makes the directory one of results, if it is none, and writes what is asked of it now.

        Args:
          study: as ``Study.to_json`` makes it.

        Returns:
          The store itself.

        Raises:
          InputError: the directory holds something else, or results of the older format.
          Interrupted: the disk is full.
        """
        try:
            return self._adopt(directory.begin(self.path, study))
        except OSError as error:
            if error.errno in _FULL:
                raise self._interrupted(error, MANIFEST) from error
            message = f"cannot be used as a run directory: {reason_of(error)}"
            raise directory.refusal(self.path, message) from error

    def open(self, *, to_extend: bool = False) -> Store:
        """Opens the directory as it was left; returns the store itself.

        Args:
          to_extend: for a :meth:`begin`, which needs no manifest: ``manifest`` is empty where the
            one that is there is damaged.

        Raises:
          InputError: there are no readable results, or none that can be extended.
        """
        directory.require(self.path)
        earlier = directory.earlier if to_extend else manifests.load
        return self._adopt(earlier(self.path))

    @property
    def study(self) -> Study:
        """What was last asked of the directory."""
        return Study.from_json(self.manifest)

    def refresh(self, *, thorough: bool = True) -> Index:
        """Reads the sidecars that were not read before; packs that are gone are forgotten.

        Args:
          thorough: also compares every pack with its SHA-256, once, and again when its files
            were written since; otherwise with its size.
        """
        names = self._names()
        for name in [name for name in self.index.packs if name not in names]:
            self._drop(name)
        self.damaged = []
        for name in names:
            self._try(name, thorough)
        return self.index

    def verify(self, names: Iterable[str]) -> Index:
        """Compares some packs of the index with their SHA-256, as a thorough :meth:`refresh`."""
        for name in [*names]:
            self._try(name, thorough=True)
        return self.index

    def _try(self, name: str, thorough: bool) -> None:
        """Looks at a pack, and leaves it out if it cannot be trusted."""
        try:
            self._look(name, thorough)
        except DamageError as damage:
            self._drop(name)
            certain = not isinstance(damage, UnreadableError)
            self.damaged.append(Damaged(name, str(damage), certain))

    def find(self, name: str) -> Pack:
        """A pack that another process has written; no other is looked at.

        Raises:
          InputError: it cannot be trusted, or is not there.
        """
        try:
            self._look(name, thorough=False)
            return self.index.packs[name]
        except (DamageError, KeyError) as error:
            reason = error if isinstance(error, DamageError) else "it is gone"
            place = f"{self.path}, pack {name}"
            raise InputError(Issue(place, str(reason), "run the experiment again")) from error

    def commit(
        self, blocks: Sequence[Block], arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
    ) -> Pack:
        """Writes a pack.

        Args:
          blocks: what is in it.
          arrays: ``"003.service"`` ``[runs, C]`` and so on, runs first.
          facts: JSON-able: seconds, versions, device.

        Raises:
          Interrupted: it could not be written; what was committed before is untouched.
        """
        pack, data, sidecar = packs.encode(blocks, arrays, facts)
        try:
            # Results first: a process killed in between leaves a pack that was never committed.
            with stopping.held():
                write_whole(self._pack_file(pack.name), data)
                write_whole(self._pack_file(pack.name, ".json"), sidecar)
                self._adopt_pack(pack)
        except OSError as error:
            what = f"pack {pack.name} ({text.size(len(data))})"
            raise self._interrupted(error, what) from error
        return pack

    def take(self, pack: Pack, source: Path) -> None:
        """Takes over a pack of another folder of packs, by a link where the disk allows it.

        Raises:
          Interrupted: it could not be written.
        """
        try:
            with stopping.held():
                for suffix in (".npz", ".json"):
                    link_whole(source / f"{pack.name}{suffix}", self._pack_file(pack.name, suffix))
                self._adopt_pack(pack)
        except OSError as error:
            raise self._interrupted(error, f"pack {pack.name} ({text.size(pack.size)})") from error

    def read(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of a pack of the index; those of the last ones are kept.

        Raises:
          InputError: they are damaged since it was verified.
        """
        if name not in self._arrays:
            try:
                arrays = packs.read_arrays(self.index.packs[name], self._pack_file(name))
            except DamageError as damage:
                self._drop(name)
                place = f"{self.path}, pack {name}"
                raise InputError(Issue(place, str(damage), "run the experiment again")) from damage
            self._arrays[name] = arrays
            while len(self._arrays) > 1 and sum(map(_bytes, self._arrays.values())) > _MOST_KEPT:
                self._arrays.popitem(last=False)
        self._arrays.move_to_end(name)
        return self._arrays[name]

    def release(self) -> None:
        """Lets the arrays go that are kept for the next read."""
        self._arrays.clear()

    def remove(self, name: str) -> None:
        """Deletes a pack; the sidecar goes first, so that nobody takes a half for a whole."""
        for suffix in (".json", ".npz"):
            self._pack_file(name, suffix).unlink(missing_ok=True)
        self._drop(name)

    def _file(self, *parts: str) -> Path:
        return self.path.joinpath(*parts)

    def _pack_file(self, name: str, suffix: str = ".npz") -> Path:
        return self._file(packs.FOLDER, f"{name}{suffix}")

    def _names(self) -> dict[str, None]:
        """The packs that have a sidecar, in alphabetical order."""
        try:
            with os.scandir(self._file(packs.FOLDER)) as entries:
                files = sorted(entry.name for entry in entries if entry.name.endswith(".json"))
        except OSError:
            return {}
        return dict.fromkeys(name.removesuffix(".json") for name in files)

    def _look(self, name: str, thorough: bool) -> None:
        """Takes a pack into the index, unless it is there and its files are what they were.

        Raises:
          DamageError: it cannot be trusted.
        """
        if not thorough and name in self.index.packs:
            return
        # Taken first: what is written while the files are read is looked at the next time.
        stamps = self._stamps(name)
        if thorough and stamps.is_of(self._verified.get(name)):
            return
        before, reason = self._refused.get(name, (None, ""))
        if stamps.is_of(before):
            raise DamageError(reason)
        try:
            pack = packs.read_sidecar(self._pack_file(name, ".json"))
            if pack is None:
                return
            packs.verify(pack, self._pack_file(name), thorough=thorough)
        except UnreadableError:
            raise
        except DamageError as damage:
            self._refused[name] = stamps, str(damage)
            raise
        if pack != self.index.packs.get(name):
            self._drop(name)
            self.index.add(pack)
        if thorough and stamps.settled:
            self._verified[name] = stamps

    def _stamps(self, name: str) -> Stamps:
        return Stamps.of(self._pack_file(name, ".json"), self._pack_file(name))

    def _adopt(self, manifest: dict[str, Any]) -> Store:
        self.manifest = manifest
        for folder in (self.path, self._file(packs.FOLDER)):
            remove_leftovers(folder)
        return self

    def _adopt_pack(self, pack: Pack) -> None:
        self._arrays.pop(pack.name, None)
        self.index.remove(pack.name)
        self.index.add(pack)
        self._refused.pop(pack.name, None)
        # Its digest is of the bytes that were written.
        self._verified[pack.name] = self._stamps(pack.name)

    def _drop(self, name: str) -> None:
        self.index.remove(name)
        self._verified.pop(name, None)
        self._arrays.pop(name, None)

    def _interrupted(self, error: OSError, what: str) -> Interrupted:
        advice = _FULL.get(error.errno or 0, "put that right")
        return Interrupted(
            f"cannot write {what} in {self.path}: {reason_of(error)}. What was committed before is "
            f"whole; {advice} and run the same command again to resume."
        )


def _bytes(arrays: Mapping[str, np.ndarray]) -> int:
    return sum(array.nbytes for array in arrays.values())
