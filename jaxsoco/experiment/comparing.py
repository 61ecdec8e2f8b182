"""What ``jaxsoco compare`` says of two directories. No JAX."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from jaxsoco.analysis.compared import VERDICTS, ComparedCell, Comparison, Paired
from jaxsoco.analysis.comparison import compare_sides, read_side, require_pairs
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.tables import MOST_ROWS, with_interval
from jaxsoco.core import text
from jaxsoco.engine.reading import Stored


def compare(left: Stored, right: Stored) -> Comparison:
    """The cells that two directories share, with the differences of the second from the first.

    Raises:
      InputError: they have no cell in common, or cannot be paired.
    """
    require_pairs(left.study, right.study)
    first, second = (read_side(one.study, one.pieces()) for one in (left, right))
    return compare_sides(first, second)


def comparison_text(result: Comparison, left: Path, right: Path) -> str:
    """A comparison for people."""
    parts = [_head(result, left, right)]
    cells = result.cells
    if len(cells) > MOST_ROWS:
        cells = tuple(sorted((c for c in cells if c.verdict != "identical"), key=_rank))
        cells = cells[:MOST_ROWS]
    if cells:
        more = len(result.cells) - len(cells)
        below = f"\n{text.count(more, 'cell')} are not shown; --json has all" if more else ""
        parts.append(_table(result, cells) + below)
    parts.append(_verdicts(result))
    return "\n\n".join(parts)


def _head(result: Comparison, left: Path, right: Path) -> str:
    lines = [f"A = {left}", f"B = {right}"]
    lines += [f"  differs: {one}" for one in result.origins] or ["  code and platform are the same"]
    for name, points, learners in zip(
        "AB", result.pairs.other_points, result.pairs.other_learners, strict=True
    ):
        only = [text.count(len(points), "point")] if points else []
        only += [f"learner {label}" for label in learners]
        if only:
            lines.append(f"  only in {name}: {', '.join(only)}")
    if result.waiting:
        lines.append(f"  {text.count(result.waiting, 'cell')} without runs in one of the two")
    return "\n".join(lines)


def _table(result: Comparison, cells: tuple[ComparedCell, ...]) -> str:
    axes = [*cells[0].point]
    header = [*axes, "learner", "seeds", "same bits", "cost A", "cost B", "B − A", "± half", ""]
    body = [
        [
            *(text.show(value) for value in cell.point.values()),
            cell.learner,
            str(cell.seeds),
            str(cell.identical),
            f"{cell.cost.left:.6g}",
            f"{cell.cost.right:.6g}",
            *_difference(cell.cost.difference),
            cell.verdict,
        ]
        for cell in cells
    ]
    level = text.percent(result.level)
    unit = "block" if any(cell.blocks for cell in cells) else "seed"
    note = f"± is half the {level} interval of the paired difference, {unit} by {unit}"
    return f"{text.table(header, body, len(axes) + 1)}\n\n{note}"


def _difference(estimate: Estimate) -> tuple[str, str]:
    half = estimate.half_width
    return f"{estimate.value:+.4g}", f"{half:.2g}" if math.isfinite(half) else "–"


def _verdicts(result: Comparison) -> str:
    lines = [
        f"{text.count(number, 'cell')}: {VERDICTS[verdict]}"
        for verdict, number in result.counts.items()
        if number
    ]
    notes = (c.cost.difference.note for c in result.cells if c.verdict == "unknown")
    lines += [f"  no interval: {note}" for note in dict.fromkeys(notes) if note]
    beyond = sorted((cell for cell in result.cells if cell.verdict == "beyond"), key=_rank)
    lines += [f"  {_sentence(cell)}" for cell in beyond[:MOST_ROWS]]
    for cell in result.cells:
        for rival, paired in cell.measures.items():
            if paired.beyond and cell.verdict == "beyond":
                sign = "/" if result.measure == "ratio" else "−"
                lines.append(f"  {_place(cell)} {sign} {rival}: {_signed(paired)}")
    return "\n".join(lines)


def _sentence(cell: ComparedCell) -> str:
    if cell.broken:
        return f"{_place(cell)}: {text.count(cell.broken, 'run')} finite in one of the two alone"
    return f"{_place(cell)}: cost {_signed(cell.cost)}"


def _place(cell: ComparedCell) -> str:
    axes = text.show_all(cell.point)
    return f"{cell.learner} at {axes}" if axes else cell.learner


def _signed(paired: Paired) -> str:
    sign = "+" if paired.difference.value > 0 else ""
    return f"{paired.left:.6g}, and {sign}{with_interval(paired.difference)}"


def _rank(cell: ComparedCell) -> float:
    """The clearest differences first."""
    value, half = abs(cell.cost.difference.value), cell.cost.difference.half_width
    return -(value / half if math.isfinite(half) and half > 0 else math.inf if value else 0.0)


def comparison_document(result: Comparison, left: Path, right: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "left": str(left),
        "right": str(right),
        "measure": result.measure,
        "confidence": result.level,
        "differs": [one._asdict() for one in result.origins],
        "only_left": _only(result, 0),
        "only_right": _only(result, 1),
        "waiting": result.waiting,
        "verdicts": result.counts,
        "cells": [cell.to_json() for cell in result.cells],
    }


def _only(result: Comparison, side: int) -> dict[str, Any]:
    points, learners = result.pairs.other_points[side], result.pairs.other_learners[side]
    return {"points": [*points], "learners": [*learners]}
