"""The report of a run, tried before anything is computed: what would end it ends the run at once.

The study keeps its texts, axes, learners, checks and plots, and gets few points, a few seeds and
made-up costs. Every figure, table, check and the page are then written for good, to a folder that
is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.records import Piece, segments
from jaxsoco.core import stopping
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.measures import judged, read_record
from jaxsoco.core.scratch import scratch_folder, temporary_name
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary
from jaxsoco.core.text import show

_SEEDS = 3
_MOST_POINTS = 24
_MOST_ROUNDS = 4


def try_report(manifest: Mapping[str, Any]) -> None:
    """Writes the report of a made-up run of a study.

    Args:
      manifest: of the run that is to begin.

    Raises:
      InputError: with every check and plot that cannot be reported.
    """
    from jaxsoco.analysis.report import report_on  # brings matplotlib

    small = shrink(manifest)
    ledger = read(small, _pieces(small), lambda: _traces(small))
    issues = []
    for i, check in enumerate(small["presentation"]["checks"]):
        try:
            run_checks([check], ledger)
        except Exception as error:  # a plug-in's, perhaps
            issues.append(_issue(f"check[{i}]", "cannot be evaluated", error))
    if not issues:
        try:
            # Held: a signal would leave the folder behind.
            with stopping.held(), scratch_folder("jaxsoco-trial") as folder:
                failures = report_on(ledger, folder, draft=True).failures
        except OSError as error:
            message = f"the folder for temporary files cannot be used: {error.strerror or error}"
            raise InputError(Issue("TMPDIR", message, "set it to a folder with space")) from error
        issues = [_issue(place, "cannot be drawn", error) for place, error in failures]
    if issues:
        raise InputError(issues)


def _issue(place: str, what: str, error: Exception) -> Issue:
    message = f"{what}: {type(error).__name__}: {error}"
    return Issue(place, message, "tried with made-up costs, before anything is computed")


def try_folder(directory: Path) -> None:
    """Tries to write where the report of a run that is there already goes.

    Raises:
      InputError: with every place that cannot be written to.
    """
    issues = []
    for folder in (directory, directory / "figures"):
        if not folder.exists():
            continue
        try:
            trial = temporary_name(folder / "trial")
            trial.touch()
            trial.unlink()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            hint = "the report goes there: mend its permissions, or choose another --out"
            issues.append(Issue(str(folder), f"cannot be written to: {reason}", hint))
    for name in ("table.csv", "curves.csv", "checks.json", "report.html"):
        if (directory / name).is_dir():
            issues.append(Issue(str(directory / name), "is a folder", "remove it"))
    if issues:
        raise InputError(issues)


def shrink(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with few points, seeds and rounds; the points have every value of the axes, if
    that is not too much."""
    settings, plan = manifest["settings"], manifest["plan"]
    presentation = manifest["presentation"]
    horizons = {p: group["horizon"] for group in plan["groups"] for p in group["points"]}
    points = [{"horizon": horizons[i], **p} for i, p in enumerate(settings["points"])]
    kept = _some_points(points, presentation["axes"])
    place = {old: new for new, old in enumerate(kept)}
    groups = []
    for group in plan["groups"]:
        members = [place[p] for p in group["points"] if p in place]
        if members:
            rounds = group["checkpoints"]
            some = {rounds[i] for i in np.linspace(0, len(rounds) - 1, _MOST_ROUNDS).astype(int)}
            groups.append(
                {
                    **group,
                    "index": len(groups),
                    "points": members,
                    "seeds": min(_SEEDS, group["seeds"]),
                    "block": min(_SEEDS, group.get("block", 0)),
                    "checkpoints": sorted(some),
                }
            )
    owners = settings.get("data_of_points")  # of older manifests, none
    return {
        **manifest,
        "settings": {
            **settings,
            "points": [settings["points"][old] for old in kept],
            "data_of_points": [owners[old] for old in kept] if owners else [],
        },
        "plan": {**plan, "groups": groups},
        "presentation": {
            **presentation,
            "heavy_tailed": [place[p] for p in presentation.get("heavy_tailed", ()) if p in place],
        },
    }


def _some_points(points: Sequence[Mapping[str, Any]], axes: Mapping[str, Any]) -> list[int]:
    """Indices of points: for every value of every axis the first one, then whatever comes."""
    kept: dict[int, None] = {}
    unseen = {(name, show(value)) for name, values in axes.items() for value in values}
    for i, point in enumerate(points):
        values = {(name, show(point.get(name))) for name in axes}
        if values & unseen:
            kept[i] = None
            unseen -= values
    kept |= dict.fromkeys(range(min(len(points), _MOST_POINTS)))
    return sorted([*kept][:_MOST_POINTS])


def _traces(manifest: Mapping[str, Any]) -> Iterator[Piece]:
    """Made-up costs of single runs at every round."""
    traced = Study.from_json(manifest).traced
    yield from _pieces(traced.to_json()) if traced else ()


def _pieces(manifest: Mapping[str, Any]) -> Iterator[Piece]:
    """Made-up costs as the study keeps them: of every run, or the moments of a point's runs."""
    study = Study.from_json(manifest)
    for record, arrays in _runs(manifest):
        if study.moments:
            yield from _blocks(study, record, arrays)
        else:
            yield record, arrays


def _blocks(
    study: Study, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Iterator[Piece]:
    whole = [read_record(study, f"{i:03d}", arrays) for i in range(len(study.labels))]
    group = study.groups[record["group"]]
    for _, _, rows in segments(group, record["start"], record["stop"]):
        runs = {label: one.part(rows) for label, one in zip(study.labels, whole, strict=True)}
        place = {"start": rows.start, "stop": rows.stop, "nonconverged": 0, "repeating": []}
        for i, label in enumerate(study.labels):
            block = Summary.of_parts(*judged(study, label, runs)).to_array()
            yield {**record, **place}, {f"{i:03d}.moments": block}


def _runs(manifest: Mapping[str, Any]) -> Iterator[Piece]:
    """Costs that are positive, growing, a little different for every learner and seed."""
    plan = manifest["plan"]
    costs = [cost["name"] for cost in manifest["presentation"]["costs"]]
    for group in plan["groups"]:
        runs = len(group["points"]) * group["seeds"]
        rounds = np.sqrt(np.array(group["checkpoints"], float))
        noise = 1 + 0.1 * np.sin(np.arange(1.0, 1 + runs))
        arrays = {}
        for number in range(len(plan["learners"])):
            # Comparators come last and cost least.
            level = 2 + len(plan["learners"]) - number
            for i, cost in enumerate(costs):
                arrays[f"{number:03d}.{cost}"] = level / (1 + i) * np.outer(noise, rounds)
            arrays[f"{number:03d}.finite"] = np.ones(runs, bool)
            arrays[f"{number:03d}.faults"] = np.zeros(runs, int)
        yield {"group": group["index"], "start": 0, "stop": runs}, arrays
