"""Packs: files of blocks that were computed together, each with a sidecar that says what is in it.

A *block* is one cell (``core.cells``) for one range of seeds. The arrays of a pack have the runs
first, in the same order for all of its learners; every block is a range of rows of one of them, or
a single row where moments over its seeds are kept in place of the runs. The sidecar is written
last: it is the commit mark, and the only thing that says what a pack holds.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.cells import digest_of
from jaxsoco.core.errors import reason_of

FOLDER = "packs"

FORMAT = 2

_BLOCKS = "blocks"
"""Array of the results with a digest of the blocks, so that no sidecar is of other results."""


class Block(NamedTuple):
    """One cell for one range of seeds, in a pack.

    Attributes:
      key: of the cell.
      start: first seed.
      stop: end of the seeds.
      learner: number of the arrays in the pack.
      row: of the first seed, or of the moments.
      nonconverged: runs with a kernel call that did not converge.
      nonfinite: runs with a cost that is not finite.
      repeats: whether other seeds of its point came to the same costs, all that were computed
        with it. Of interest where a study wants a single seed.
      whole: it holds moments over its seeds, in a single row, and cannot be cut.
    """

    key: str
    start: int
    stop: int
    learner: int
    row: int
    nonconverged: int = 0
    nonfinite: int = 0
    repeats: bool = False
    whole: bool = False

    @property
    def rows(self) -> int:
        """How many rows of its learner's arrays it has."""
        return 1 if self.whole else self.stop - self.start


class DamageError(Exception):
    """Why a pack cannot be trusted."""


class UnreadableError(DamageError):
    """Why nothing can be said of a pack here and now, which may be whole."""


class Pack(NamedTuple):
    """A pack as its sidecar describes it.

    Attributes:
      name: of its files.
      blocks: what is in it.
      facts: versions, device, seconds, and what else its writer had to say.
      size: bytes of its results.
      sha256: of its results.
    """

    name: str
    blocks: tuple[Block, ...]
    facts: Mapping[str, Any]
    size: int
    sha256: str

    @property
    def runs(self) -> int:
        """Runs of all its learners together."""
        return sum(block.stop - block.start for block in self.blocks)


def name_of(blocks: Sequence[Block]) -> str:
    """The name of a pack of these blocks: whoever computes the same ones writes the same file."""
    return digest_of(sorted([block.key, block.start, block.stop] for block in blocks))[:24]


def encode(
    blocks: Sequence[Block], arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
) -> tuple[Pack, bytes, bytes]:
    """A new pack with the content of its two files: results and sidecar."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of objects would be pickled")
    # In memory first, so that the digest is of the bytes that are written.
    buffer, contents = io.BytesIO(), dict[str, Any]({**arrays, _BLOCKS: _mark(blocks)})
    np.savez(buffer, **contents)
    data = buffer.getvalue()
    pack = Pack(
        name_of(blocks), tuple(blocks), {**facts}, len(data), hashlib.sha256(data).hexdigest()
    )
    content = {
        "format": FORMAT,
        "name": pack.name,
        "blocks": {field: [getattr(block, field) for block in blocks] for field in Block._fields},
        "facts": pack.facts,
        "bytes": pack.size,
        "sha256": pack.sha256,
    }
    # The seal guards the sidecar, as the SHA-256 guards the results.
    return pack, data, json.dumps(content | {"seal": digest_of(content)}).encode()


def read_sidecar(file: Path) -> Pack | None:
    """What a sidecar says; None if it is gone.

    Raises:
      DamageError: it cannot be trusted.
    """
    try:
        content = json.loads(file.read_bytes())
        if content.pop("seal") != digest_of(content):
            raise DamageError("its sidecar is damaged")
        if content["format"] != FORMAT:
            raise UnreadableError(f"it has format {content['format']}; this version has {FORMAT}")
        columns = [content["blocks"][field] for field in Block._fields]
        columns[0] = [*map(sys.intern, columns[0])]  # many blocks have the key of one cell
        blocks = tuple(map(Block._make, zip(*columns, strict=True)))
        if not content["name"] == file.stem == name_of(blocks):
            raise DamageError("its sidecar describes another pack")
        if not all(map(_is_possible, blocks)):
            raise DamageError("its sidecar describes runs that there cannot be")
        return Pack(file.stem, blocks, content["facts"], content["bytes"], content["sha256"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"its sidecar cannot be read: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamageError("its sidecar is damaged") from error


def verify(pack: Pack, file: Path, *, thorough: bool = True) -> None:
    """Compares the results of a pack with what its sidecar says of them.

    Args:
      pack: as of its sidecar.
      file: its results.
      thorough: by their SHA-256; otherwise by their size.

    Raises:
      DamageError: they differ, or cannot be read.
    """
    try:
        if file.stat().st_size != pack.size:
            raise DamageError("its results are damaged (their size differs from the sidecar's)")
        if not thorough:
            return
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != pack.sha256:
                raise DamageError("its results are damaged (SHA-256 differs from the sidecar's)")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as archive:
                _require_blocks(pack, archive.get(_BLOCKS))
    except FileNotFoundError as error:
        raise DamageError("its results are gone") from error
    except OSError as error:
        raise UnreadableError(f"its results cannot be read: {reason_of(error)}") from error
    except (ValueError, zipfile.BadZipFile) as error:
        raise DamageError(f"its results cannot be read: {error}") from error


def read_arrays(pack: Pack, file: Path) -> dict[str, np.ndarray]:
    """The arrays of a pack, of the bytes that its sidecar vouches for.

    Raises:
      DamageError: they are not what the sidecar says.
    """
    try:
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != pack.sha256:
            raise DamageError("its results are damaged (SHA-256 differs from the sidecar's)")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        _require_blocks(pack, arrays.pop(_BLOCKS, None))
        _require_rows(pack, arrays)
        return arrays
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DamageError(f"its results cannot be read: {error}") from error


def _mark(blocks: Sequence[Block]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(digest_of(blocks)), np.uint8)


def _require_blocks(pack: Pack, mark: np.ndarray | None) -> None:
    """Raises unless the results were written for the blocks of the sidecar."""
    if not pack.blocks:  # the older format knows of none
        return
    if mark is None or not np.array_equal(mark, _mark(pack.blocks)):
        raise DamageError("its results are not those of the blocks in its sidecar")


def _is_possible(block: Block) -> bool:
    numbers = (*block[1:5], block.nonconverged, block.nonfinite)
    return all(type(one) is int and one >= 0 for one in numbers) and block.start < block.stop


def _require_rows(pack: Pack, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises unless every array of a learner has the rows of all of its blocks."""
    rows: dict[str, int] = {}
    for name, array in arrays.items():
        learner = name.partition(".")[0]
        rows[learner] = min(len(array), rows.get(learner, len(array)))
    for block in pack.blocks:
        if block.row + block.rows > rows.get(f"{block.learner:03d}", 0):
            raise DamageError("its results lack runs that its sidecar describes")
