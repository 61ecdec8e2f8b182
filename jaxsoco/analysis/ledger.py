"""The ledger of a study, from its results: of every run, or of blocks of moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jaxsoco.analysis.account import Curve, Ledger
from jaxsoco.analysis.blocks import BlockLedger
from jaxsoco.analysis.records import Piece
from jaxsoco.analysis.runs import RunLedger
from jaxsoco.core.study import Study

__all__ = ["BlockLedger", "Curve", "Ledger", "RunLedger", "ledger_of", "read"]


def ledger_of(
    study: Study, pieces: Iterable[Piece], traces: Callable[[], Iterable[Piece]] = tuple
) -> Ledger:
    """The ledger of a study.

    Args:
      study: the study.
      pieces: what there is of it, in its order.
      traces: gives the pieces of ``study.traced``, as often as it is called.
    """
    ledger = BlockLedger(study) if study.moments else RunLedger(study)
    ledger.traces = traces
    for record, arrays in pieces:
        ledger.add(record, arrays)
    return ledger


def read(
    manifest: Mapping[str, Any],
    pieces: Iterable[Piece],
    traces: Callable[[], Iterable[Piece]] = tuple,
) -> Ledger:
    """The ledger of the study of a manifest; arguments as of :func:`ledger_of`."""
    return ledger_of(Study.from_json(manifest), pieces, traces)
