"""The run directory: a manifest, and one committed file per chunk.

Every file is written whole or not at all. A chunk's results come first and its sidecar, with their
SHA-256, last: the sidecar is the commit mark. So a process may be killed at any moment, and several
processes may write different chunks of one directory.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core import stopping, text
from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.plan import Chunk, Plan
from jaxsoco.core.study import Study
from jaxsoco.engine import manifest as manifests
from jaxsoco.engine.files import is_temporary, remove_leftovers, sync_folder, write_whole
from jaxsoco.engine.manifest import MANIFEST, identity_of

CHUNKS = "chunks"

_FULL = {
    getattr(errno, name): advice
    for name, advice in {
        "ENOSPC": "free some space",
        "EDQUOT": "free some space or ask for a larger quota",
        "EFBIG": "raise the limit on the size of files (ulimit -f)",
    }.items()
    if hasattr(errno, name)
}


class Damaged(NamedTuple):
    """A chunk whose files cannot be trusted; it counts as not computed."""

    chunk: str
    reason: str

    def __str__(self) -> str:
        return f"chunk {self.chunk}: {self.reason}"


class Store:
    """Results of one sweep in a directory. Call :meth:`create` or :meth:`open` first.

    Attributes:
      path: the directory.
      manifest: content of ``manifest.json``.
      plan: the manifest's plan.
      damaged: chunks that the last :meth:`committed` found and could not trust.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.manifest: dict[str, Any] = {}
        self.damaged: list[Damaged] = []
        self._verified: dict[str, dict[str, Any]] = {}

    def create(self, manifest: Mapping[str, Any]) -> Store:
        """Starts a run here, or resumes the one that is here already.

        Format, identity and time of creation are filled in. A resumed run keeps its settings, plan
        and time of creation; what else the manifest says (titles, checks, plots) is renewed.

        Args:
          manifest: JSON-able, with at least ``settings`` and ``plan``.

        Returns:
          The store itself.

        Raises:
          InputError: the directory holds another run, or something that is not a run.
          Interrupted: the disk is full.
        """
        new = manifests.complete(manifest)
        try:
            if not self._start(new):
                old = manifests.load(self.path)
                manifests.refuse_other(self.path, old, new)
                new["created"] = old["created"]
                self._file(CHUNKS).mkdir(exist_ok=True)
                if new != old:
                    write_whole(self._file(MANIFEST), _encode(new))
        except OSError as error:
            if error.errno in _FULL:
                raise self._interrupted(error) from error
            raise self._refusal(f"cannot be used as a run directory: {_reason(error)}") from error
        return self._adopt(new)

    def open(self) -> Store:
        """Opens the run that is here; returns the store itself.

        Raises:
          InputError: there is no readable run.
        """
        try:
            if not self.path.exists():
                raise self._refusal("no such directory")
            if not self._file(MANIFEST).exists():
                raise self._refusal(f"not a run directory (it has no {MANIFEST})")
        except OSError as error:
            raise self._refusal(f"cannot be read: {_reason(error)}") from error
        return self._adopt(manifests.load(self.path))

    @property
    def study(self) -> Study:
        """What the run is, as its manifest says."""
        return Study.from_json(self.manifest)

    def commit(
        self, chunk: Chunk, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Writes a chunk's results and returns its sidecar (``meta`` and the store's own facts).

        Raises:
          Interrupted: it could not be written; the chunks committed before are untouched.
        """
        if any(array.dtype.hasobject for array in arrays.values()):
            raise TypeError("arrays of objects would be pickled")
        # In memory first, so that the digest is of the bytes that are written.
        buffer, contents = io.BytesIO(), dict[str, Any](arrays)
        np.savez(buffer, **contents)
        data = buffer.getvalue()
        sidecar = {
            **meta,
            "id": chunk.id,
            "group": chunk.group,
            "start": chunk.start,
            "stop": chunk.stop,
            "identity": self.manifest["identity"],
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        # The seal guards the sidecar, as the SHA-256 guards the results.
        sealed = sidecar | {"seal": identity_of(sidecar)}
        try:
            # Results first: a process killed in between leaves a chunk that was never committed.
            with stopping.held():
                write_whole(self._file(CHUNKS, f"{chunk.id}.npz"), data)
                write_whole(self._file(CHUNKS, f"{chunk.id}.json"), _encode(sealed))
                self._verified[chunk.id] = sidecar
        except OSError as error:
            raise self._interrupted(error, chunk, len(data)) from error
        return sidecar

    def holds(self, chunk_id: str) -> bool:
        """Whether a chunk was found whole, or written, so far; reads nothing."""
        return chunk_id in self._verified

    def committed(self) -> dict[str, dict[str, Any]]:
        """Sidecars of the chunks that are here and whole, by id, in the plan's order.

        Each file is hashed once. Chunks that cannot be trusted are left out and listed in
        ``damaged``; one without a sidecar was never committed.
        """
        self.damaged = []
        for chunk in self.plan.chunks():
            if chunk.id in self._verified:
                continue
            try:
                sidecar = self._verify(chunk)
            except _DamageError as damage:
                self.damaged.append(Damaged(chunk.id, str(damage)))
            else:
                if sidecar is not None:
                    self._verified[chunk.id] = sidecar
        sidecars = self._verified
        ids = [chunk.id for chunk in self.plan.chunks()]
        return {chunk_id: sidecars[chunk_id] for chunk_id in ids if chunk_id in sidecars}

    def runs(self) -> int:
        """Runs of each learner in the chunks that are here and whole."""
        return sum(sidecar["stop"] - sidecar["start"] for sidecar in self.committed().values())

    def read(self, chunk_id: str) -> dict[str, np.ndarray]:
        """Arrays of a committed chunk.

        Raises:
          InputError: the chunk is not there, or not whole.
        """
        if chunk_id not in self._verified and chunk_id not in self.committed():
            reasons = [damaged.reason for damaged in self.damaged if damaged.chunk == chunk_id]
            reason = reasons[0] if reasons else "not computed yet"
            raise InputError(Issue(f"{self.path}, chunk {chunk_id}", reason, "resume the run"))
        try:
            with (
                self._file(CHUNKS, f"{chunk_id}.npz").open("rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                return {name: archive[name] for name in archive.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            # It was whole when it was verified: it must be verified again.
            del self._verified[chunk_id]
            place = f"{self.path}, chunk {chunk_id}"
            raise InputError(Issue(place, f"cannot be read: {error}", "resume the run")) from error

    def _file(self, *parts: str) -> Path:
        return self.path.joinpath(*parts)

    def _adopt(self, manifest: dict[str, Any]) -> Store:
        self.manifest, self.plan = manifest, Plan.from_json(manifest["plan"])
        self._verified = {}
        for folder in (self.path, self._file(CHUNKS)):
            remove_leftovers(folder)
        return self

    def _start(self, manifest: dict[str, Any]) -> bool:
        """Makes a new or empty directory a run; False if it is one already."""
        if self.path.exists():
            self._refuse_foreign()
        if self._file(MANIFEST).exists():
            return False
        self._file(CHUNKS).mkdir(parents=True, exist_ok=True)
        try:
            # Of several processes that start a run here, only one may create the manifest.
            write_whole(self._file(MANIFEST), _encode(manifest), replace=False)
        except FileExistsError:
            return False
        sync_folder(self.path.parent)
        return True

    def _refuse_foreign(self) -> None:
        """Raises if there is no manifest, but more than an interrupted creation leaves."""
        for entry in self.path.iterdir():
            empty_chunks = entry.name == CHUNKS and not any(entry.iterdir())
            if empty_chunks or is_temporary(entry):
                continue
            # Asked last: another process may be starting the same run at this moment.
            if not self._file(MANIFEST).exists():
                raise self._refusal(
                    f'not a run directory: it holds "{entry.name}" and no {MANIFEST}',
                    "choose an empty or a new directory",
                )

    def _verify(self, chunk: Chunk) -> dict[str, Any] | None:
        """The chunk's sidecar if the chunk is whole; None if it was never committed."""
        try:
            sidecar = json.loads(self._file(CHUNKS, f"{chunk.id}.json").read_bytes())
            # The seal covers everything in the sidecar but itself.
            whole = sidecar.pop("seal") == identity_of(sidecar)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _DamageError(f"its sidecar cannot be read: {_reason(error)}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _DamageError("its sidecar is damaged") from error
        if not whole:
            raise _DamageError("its sidecar is damaged")
        if sidecar["identity"] != self.manifest["identity"]:
            raise _DamageError(f"it belongs to another run ({sidecar['identity'][:12]})")
        place = [sidecar[key] for key in ("id", "group", "start", "stop")]
        if place != [chunk.id, chunk.group, chunk.start, chunk.stop]:
            raise _DamageError(f"its sidecar describes other runs {place}")
        try:
            with self._file(CHUNKS, f"{chunk.id}.npz").open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _DamageError(f"its results cannot be read: {_reason(error)}") from error
        if digest != sidecar["sha256"]:
            raise _DamageError("its results are damaged (SHA-256 differs from the sidecar's)")
        return sidecar

    def _refusal(self, message: str, hint: str = "") -> InputError:
        return InputError(Issue(str(self.path), message, hint))

    def _interrupted(
        self, error: OSError, chunk: Chunk | None = None, size: int = 0
    ) -> Interrupted:
        what = f"chunk {chunk.id} ({text.size(size)})" if chunk else MANIFEST
        advice = _FULL.get(error.errno or 0, "put that right")
        return Interrupted(
            f"cannot write {what} in {self.path}: {_reason(error)}. What was committed before is "
            f"whole; {advice} and run the same command again to resume."
        )


class _DamageError(Exception):
    """Why a chunk cannot be trusted."""


def _encode(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
