"""How fast a directory fills, all processes together, from when its packs were written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jaxsoco.engine.packs import FOLDER, Pack

WINDOW = 600.0
"""Seconds that count as the last minutes; more where a single pack takes longer."""


def recent_rate(path: Path, packs: Iterable[Pack], now: float) -> float | None:
    """Runs of all learners per second in the last minutes; None if nothing was written then.

    Args:
      path: the directory.
      packs: those that count.
      now: seconds since the epoch, as of the files.
    """
    spans = [(end - pack.facts["seconds"], end, pack.runs) for pack, end in _ends(path, packs)]
    if not spans:
        return None
    last = max(end for _, end, _ in spans)
    longest = max(end - begin for begin, end, _ in spans if end >= last - WINDOW)
    since = now - max(WINDOW, 2 * longest)
    if last <= since:
        return None
    # Of a pack that began before, the part that lies within.
    recent = [(max(begin, since), end, runs, end - begin) for begin, end, runs in spans]
    runs = sum(
        number * ((end - begin) / whole if whole > 0 else 1.0)
        for begin, end, number, whole in recent
        if end > since
    )
    begin = min(begin for begin, end, *_ in recent if end > since)
    return runs / (last - begin) if last > begin else None


def _ends(path: Path, packs: Iterable[Pack]) -> Iterable[tuple[Pack, float]]:
    """The packs that say how long they took, and when each was written."""
    for pack in packs:
        if not pack.runs or "seconds" not in pack.facts:
            continue
        try:
            yield pack, (path / FOLDER / f"{pack.name}.json").stat().st_mtime
        except OSError:  # deleted since
            continue
