"""Packs that could not be computed, noted in the directory with their reasons."""

from __future__ import annotations

import contextlib
import datetime
import json
import platform
from pathlib import Path
from typing import Any, NamedTuple

from jaxsoco.core.cells import Cells, digest_of
from jaxsoco.core.files import one_line
from jaxsoco.core.study import Study
from jaxsoco.engine.files import write_whole
from jaxsoco.engine.index import Index
from jaxsoco.engine.requests import Request

FOLDER = "failures"


class Noted(NamedTuple):
    """A failure as the directory has it.

    Attributes:
      runs: of all its learners together, as many as are still missing.
      learners: labels.
      error: in one line.
      host: where it was.
      time: when (ISO 8601).
    """

    runs: int
    learners: tuple[str, ...]
    error: str
    host: str
    time: str


def record_failure(path: Path, study: Study, request: Request, error: Exception) -> None:
    """Notes that a pack raised. Says nothing if that cannot be written: the error is told anyway.

    Args:
      path: of the store.
      study: what the pack belongs to.
      request: the pack.
      error: what it raised.
    """
    points, cells = study.groups[request.group].points, Cells(study)
    blocks = [
        [cells.key(points[span.position], learner), span.start, span.stop]
        for learner in request.learners
        for span in request.spans
    ]
    content = {
        "blocks": blocks,
        "learners": [study.labels[learner] for learner in request.learners],
        "error": f"{type(error).__name__}: {one_line(error)}",
        "host": platform.node(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(OSError):
        (path / FOLDER).mkdir(exist_ok=True)
        write_whole(path / FOLDER / f"{digest_of(blocks)[:24]}.json", json.dumps(content).encode())


def failures_of(path: Path, study: Study, index: Index) -> list[Noted]:
    """The failures that concern a study and were not made good since."""
    cells, noted = Cells(study), list[Noted]()
    wanted = {
        cells.key(point, learner): group.seeds
        for group in study.groups
        for point in group.points
        for learner in range(len(study.labels))
    }
    for file in sorted((path / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content: dict[str, Any] = json.loads(file.read_bytes())
            runs = sum(
                stop - start
                for key, first, last in content["blocks"]
                for start, stop in index.lacking(key, [(0, wanted.get(key, 0))], [(first, last)])
            )
            if runs:
                words = (content[name] for name in ("error", "host", "time"))
                noted.append(Noted(runs, tuple(content["learners"]), *words))
    return noted
