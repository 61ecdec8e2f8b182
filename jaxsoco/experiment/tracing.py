"""Shapes before numbers: every learner and comparator is traced before the first run."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import load

_OURS = str(Path(__file__).resolve().parents[1])
_FOLDED = ("jax", "jaxlib", "jaxsoco_kernels", "chex", "numpy")


def trace_issues(labels: Sequence[str], tiles: Sequence[Any], place: str) -> Iterator[Issue]:
    """One issue for each learner or comparator that raises when its shapes are evaluated.

    Args:
      labels: of learners and comparators.
      tiles: their blocks.
      place: the problem and the point, in words.
    """
    for label, tile in zip(labels, tiles, strict=True):
        try:
            tile.trace()
        except Exception as error:
            yield Issue(f"{label} on {place}", *_explained(error))


def load_entry(label: str, entry: Any) -> Any:
    """What an entry loads.

    Raises:
      InputError: there is no such module or attribute, or the module raises.
    """
    try:
        return load(entry.load)
    except Exception as error:
        message, line = _explained(error)
        raise InputError(Issue(label, f"cannot be loaded: {message}", line)) from error


def _explained(error: Exception) -> tuple[str, str]:
    """The error in one line, and the user's own line; frames of JAX are folded."""
    text = " ".join(str(error).split("\n\n")[0].split())
    notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith("---")]
    message = f"{type(error).__name__}: {text}"
    line = _own_line(error.__traceback__, inside=not notes)
    return f"{message}; {notes[0]}" if notes else message, line


def _own_line(trace: TracebackType | None, inside: bool) -> str:
    """The last line outside of JAX and this package, or else (``inside``) the last one in it."""
    frames = [f for f in traceback.extract_tb(trace) if not _is_folded(f.filename)]
    outside = [f for f in frames if not f.filename.startswith(_OURS)]
    frame = (outside or (frames if inside else []) or [None])[-1]
    if frame is None:
        return ""
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}: {frame.line}"


def _is_folded(filename: str) -> bool:
    parts = Path(filename).parts
    library = "site-packages" in parts and parts[parts.index("site-packages") + 1] in _FOLDED
    return library or "jaxsoco_kernels" in parts or "contextlib.py" in parts
