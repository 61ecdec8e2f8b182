"""Shapes before numbers: every learner and comparator is traced before the first run."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from jaxsoco.core.errors import Issue

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
            yield Issue(f"{label} on {place}", *explained(error))


def explained(error: Exception) -> tuple[str, str]:
    """The error in one line, and the user's own line; frames of JAX are folded."""
    text = " ".join(str(error).split("\n\n")[0].split())
    notes = "; ".join(getattr(error, "__notes__", ())[:1])
    message = f"{type(error).__name__}: {text}"
    return f"{message}; {notes}" if notes else message, _own_line(error.__traceback__)


def _own_line(trace: TracebackType | None) -> str:
    """The last line outside of JAX and this package, or else the last one inside the package."""
    frames = [f for f in traceback.extract_tb(trace) if not _is_folded(f.filename)]
    outside = [f for f in frames if not f.filename.startswith(_OURS)]
    frame = (outside or frames or [None])[-1]
    if frame is None:
        return ""
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}: {frame.line}"


def _is_folded(filename: str) -> bool:
    parts = Path(filename).parts
    library = "site-packages" in parts and parts[parts.index("site-packages") + 1] in _FOLDED
    return library or "jaxsoco_kernels" in parts or "contextlib.py" in parts
