"""Marks: what a pack says of where it comes from, so that one can tell why nobody wants it.

Keys of cells are digests of everything together and cannot be taken apart again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jaxsoco.core.cells import digest_of
from jaxsoco.core.study import Study

_DIGITS = 16


def marks(study: Study, learners: Iterable[int] | None = None) -> dict[str, Any]:
    """The marks of a pack of some of a study's learners (all if None), as plain data."""
    setup, origin = study.setup, study.origin
    values = {info.label: [info.name, info.values] for info in setup.learners}
    numbers = range(len(study.labels)) if learners is None else learners
    labels = [study.labels[number] for number in numbers]
    return {
        "problem": f"{setup.family}/{setup.problem}",
        "code": _short([origin.common, origin.problem]),
        "compiler": _short(origin.compiler),
        "learners": {
            label: [_short(values.get(label, label)), _short(origin.learners.get(label, ""))]
            for label in labels
        },
    }


def why_unwanted(pack: Any, wanted: Mapping[str, Any]) -> str:
    """Why no block of a pack belongs to a study.

    Args:
      pack: its marks; None of a pack that has none.
      wanted: the marks of the study.
    """
    if not isinstance(pack, Mapping) or not isinstance(pack.get("learners"), Mapping):
        return "of unknown origin"
    if pack.get("problem") != wanted["problem"]:
        return "of another problem"
    codes = {values: code for values, code in wanted["learners"].values()}
    learners = [*pack["learners"].values()]
    other = any(values in codes and codes[values] != code for values, code in learners)
    if pack.get("code") != wanted["code"] or other:
        return "of other code"
    if pack.get("compiler") != wanted["compiler"]:
        return "of another compiler or platform"
    if all(values not in codes for values, _ in learners):
        return "of learners or values that are no longer asked for"
    return "of points or seeds that are no longer asked for"


def _short(content: Any) -> str:
    return digest_of(content)[:_DIGITS]
