"""Directories of the older format, one sweep each in ``chunks/``: they are read, never extended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.cells import digest_of
from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.plan import checkpoints
from jaxsoco.core.study import HORIZON, Study
from jaxsoco.engine.manifest import MANIFEST
from jaxsoco.engine.packs import DamageError, Pack, read_arrays, verify

_FOLDER = "chunks"
_PLACE = ("id", "group", "start", "stop", "identity", "bytes", "sha256")
_COUNTS = ("nonconverged", "nonfinite", "repeating")


class _Chunk(NamedTuple):
    """Runs ``start .. stop - 1`` of one group, for every learner."""

    name: str
    group: int
    start: int
    stop: int


class OldStore:
    """Results of one sweep.

    Args:
      path: the directory.
      manifest: content of its ``manifest.json``.

    Attributes:
      study: what it holds.
      damaged: reasons by chunk, of those that cannot be trusted.

    Raises:
      InputError: the manifest describes no sweep, or another one than its settings.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]):
        self.path = path
        self.manifest = {**manifest, "plan": _plan(manifest["plan"])}
        self.study = Study.from_json(self.manifest)
        _require_agreement(path, self.study, manifest["settings"])
        self.damaged: dict[str, str] = {}
        self._sidecars: dict[_Chunk, dict[str, Any]] = {}
        for chunk in self._chunks():
            try:
                sidecar = self._verified(chunk)
            except DamageError as damage:
                self.damaged[chunk.name] = str(damage)
            else:
                if sidecar is not None:
                    self._sidecars[chunk] = sidecar

    @property
    def packs(self) -> tuple[Pack, ...]:
        """The chunks that are whole, as packs without blocks."""
        return tuple(self._pack(chunk) for chunk in self._sidecars)

    @property
    def stored(self) -> int:
        """Runs of all learners that are here."""
        return len(self.study.labels) * sum(one.stop - one.start for one in self._sidecars)

    def counts(self, what: str) -> dict[str, int]:
        """Runs of each learner that are ``"nonconverged"`` or ``"nonfinite"``."""
        sidecars = self._sidecars.values()
        return {label: sum(one[what][label] for one in sidecars) for label in self.study.labels}

    def pieces(self) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
        """The chunks in their order, as pieces (``engine.reading``).

        Raises:
          InputError: one is damaged since it was verified.
        """
        for chunk, sidecar in self._sidecars.items():
            repeating = {*sidecar.get("repeating", ())}
            record = {
                "group": chunk.group,
                "start": chunk.start,
                "stop": chunk.stop,
                "repeating": [i for i, x in enumerate(self.study.labels) if x in repeating],
                "packs": {chunk.name: self._pack(chunk).facts},
            }
            try:
                yield record, read_arrays(self._pack(chunk), self._file(chunk, ".npz"))
            except DamageError as damage:
                raise InputError(Issue(f"{self.path}, chunk {chunk.name}", str(damage))) from damage

    def _chunks(self) -> Iterator[_Chunk]:
        plan, number = self.study.plan, 0
        for group in plan.groups:
            for start in range(0, group.runs, plan.pack):
                stop = min(start + plan.pack, group.runs)
                yield _Chunk(f"{number:05d}", group.index, start, stop)
                number += 1

    def _file(self, chunk: _Chunk, suffix: str) -> Path:
        return self.path / _FOLDER / f"{chunk.name}{suffix}"

    def _pack(self, chunk: _Chunk) -> Pack:
        sidecar = self._sidecars[chunk]
        facts = {k: v for k, v in sidecar.items() if k not in (*_PLACE, *_COUNTS)}
        return Pack(chunk.name, (), facts, sidecar["bytes"], sidecar["sha256"])

    def _verified(self, chunk: _Chunk) -> dict[str, Any] | None:
        """The chunk's sidecar if the chunk is whole; None if it was never committed."""
        try:
            sidecar = json.loads(self._file(chunk, ".json").read_bytes())
            whole = sidecar.pop("seal") == digest_of(sidecar)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamageError(f"its sidecar cannot be read: {reason_of(error)}") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamageError("its sidecar is damaged") from error
        if not whole:
            raise DamageError("its sidecar is damaged")
        if sidecar["identity"] != self.manifest["identity"]:
            raise DamageError(f"it belongs to another run ({sidecar['identity'][:12]})")
        place = [sidecar[key] for key in ("id", "group", "start", "stop")]
        if place != [*chunk]:
            raise DamageError(f"its sidecar describes other runs {place}")
        # The plan is no part of the identity; the order of these is that of the arrays.
        if [*sidecar["nonconverged"]] != [*self.study.labels]:
            raise DamageError("its sidecar describes other learners")
        pack = Pack(chunk.name, (), {}, sidecar["bytes"], sidecar["sha256"])
        verify(pack, self._file(chunk, ".npz"))
        return sidecar


def _plan(plan: Any) -> Any:
    """The plan in today's words; anything else as it is, for ``Plan.from_json`` to refuse."""
    return {**plan, "pack": plan["chunk"]} if isinstance(plan, dict) and "chunk" in plan else plan


def _require_agreement(path: Path, study: Study, settings: Mapping[str, Any]) -> None:
    """Raises unless the plan is the one that its settings lead to.

    The identity is that of the settings alone, and it is the plan that says which runs are whose.
    """
    groups, setup = study.groups, study.setup
    firsts = [group.points[0] for group in groups]
    most = settings.get("checkpoints")
    labels = [one.label for one in setup.learners]
    optima = study.labels[len(labels) :]
    agreements = (
        firsts == sorted(firsts),
        all([*group.points] == sorted(group.points) for group in groups),
        all(group.seeds == setup.seeds for group in groups),
        all(_horizon(study, p) in (None, g.horizon) for g in groups for p in g.points),
        all(most is None or g.checkpoints == checkpoints(g.horizon, most) for g in groups),
        [*study.labels[: len(labels)]] == labels,
        [*optima] == [name for name in setup.comparators if name in optima],
        study.plan.tile == settings.get("tile", study.plan.tile),
    )
    if not all(agreements):
        raise InputError(
            Issue(str(path), f"the plan in its {MANIFEST} was changed after the run began")
        )


def _horizon(study: Study, point: int) -> Any:
    """The horizon that the settings give a point; None where the problem fixes it."""
    return study.setup.points[point].get(HORIZON)
