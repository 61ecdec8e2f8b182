"""Shapes before numbers: every learner and comparator is traced before the first run."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import load

_OURS = Path(__file__).resolve().parents[1]
_FOLDED = ("jax", "jaxlib", "jaxsoco_kernels", "chex", "numpy")
_PLUMBING = ("core/rollout.py", "engine", "experiment", "front", "testing")
"""What calls learners and problems, and is not where their errors are."""


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


def load_entry(label: str, entry: Any) -> Any:
    """What an entry loads.

    Raises:
      InputError: there is no such module or attribute, or the module raises.
    """
    try:
        return load(entry.load)
    except Exception as error:
        message, line = explained(error)
        raise InputError(Issue(label, f"cannot be loaded: {message}", line)) from error


def explained(error: Exception) -> tuple[str, str]:
    """The error in one line, and the user's own line; frames of JAX are folded."""
    text = " ".join(str(error).split("\n\n")[0].split()).removesuffix(".")
    notes = [note for note in getattr(error, "__notes__", ()) if "JAX_TRACEBACK" not in note]
    message = "; ".join([f"{type(error).__name__}: {text}", *notes[:1]])
    return message, _own_line(error.__traceback__)


def _own_line(trace: TracebackType | None) -> str:
    """The last line outside of JAX and this package, or else the last one inside the package."""
    frames = [f for f in traceback.extract_tb(trace) if not _is_folded(Path(f.filename))]
    outside = [f for f in frames if not Path(f.filename).is_relative_to(_OURS)]
    frame = (outside or frames or [None])[-1]
    if frame is None:
        return ""
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}: {frame.line}"


def _is_folded(file: Path) -> bool:
    parts = file.parts
    library = "site-packages" in parts and parts[parts.index("site-packages") + 1] in _FOLDED
    plumbing = any(file.is_relative_to(_OURS / room) for room in _PLUMBING)
    return library or plumbing or "jaxsoco_kernels" in parts or "contextlib.py" in parts
