"""What theory guarantees: a check of every run, and figures that stand beside it."""

import json

import numpy as np
import pytest

from jaxsoco.analysis import figures, style
from jaxsoco.analysis.checks import run_checks, validate_check
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.core.errors import InputError
from jaxsoco.core.study import Study

AXES = {"size": [1.0, 2.0, 4.0], "kind": ["good", "bad"]}
LABELS = ["bold(e=1)", "bold(e=2)", "shy"]
BOUNDS = {"bold(e=1)": 3.0, "bold(e=2)": 5.0}


def ratio(label, point):
    """The largest ratio of the seeds, planted: at size 4 ``bold(e=1)`` comes closest, 2.85 of 3."""
    if label == "opt":
        return 1.0
    base = {"bold(e=1)": 0.95, "bold(e=2)": 0.8, "shy": 7.0}[label]
    bound = BOUNDS.get(label, 1.0)
    return base * bound * (0.5 + point["size"] / 8) * (1 if point["kind"] == "bad" else 0.5)


def cost(label, point, seeds, rounds):
    return ratio(label, point) * (1 - 0.1 * (seeds[:, None] if label != "opt" else 0)) + 0 * rounds


def planted(make_sweep, scale=1.0, bounds=None):
    """The manifest and the pieces, with these guarantees against ``opt``."""
    sweep = make_sweep(AXES, LABELS, ["opt"], cost, seeds=3)
    manifest = sweep.manifest()
    bounds = {n: [scale * b] * 6 for n, b in BOUNDS.items()} if bounds is None else bounds
    manifest["presentation"]["guarantees"] = {n: {"opt": b} for n, b in bounds.items()}
    values = {n: {"base": n.split("(")[0], "values": {}} for n in LABELS}
    for n in BOUNDS:
        values[n]["values"] = {"e": float(n[7])}
    sweep.plant(manifest, values)
    return manifest, sweep


def offer():
    learners = {n: ("bold", {"e": float(n[7])}) for n in BOUNDS} | {"shy": ("shy", {})}
    return {"learners": learners, "guarantees": {n: ["opt"] for n in BOUNDS}}


def check(make_sweep, table, **options):
    manifest, sweep = planted(make_sweep, **options)
    table = {"kind": "guarantee", **table}
    validate_check(table, LABELS, ["opt"], AXES, **offer())
    (result,) = run_checks([table], read(manifest, sweep.pieces()))
    json.dumps(result.to_json(), allow_nan=False)
    return result


def test_a_run_below_its_guarantee_passes_and_the_closest_is_named(make_sweep):
    result = check(make_sweep, {})
    assert result.passed and result.runs == 2 * 6 * 3
    assert result.measured.value == pytest.approx(0.95)
    assert "bold(e=1) at size = 4, kind = bad: 2.85 of 3" in result.sentence
    assert check(make_sweep, {"where": {"kind": "good"}}).measured.value == pytest.approx(0.475)
    only = check(make_sweep, {"algorithms": ["bold(e=2)"]})
    assert only.measured.value == pytest.approx(0.8) and only.runs == 6 * 3


def test_one_run_above_its_guarantee_fails(make_sweep):
    assert not check(make_sweep, {}, scale=0.94).passed
    # A guarantee holds at its own point: that of another is no excuse.
    bounds = {"bold(e=1)": [9.0] * 5 + [2.8], "bold(e=2)": [9.0] * 6}
    assert not check(make_sweep, {}, bounds=bounds).passed
    assert check(make_sweep, {"where": {"kind": "good"}}, bounds=bounds).passed


def test_a_run_that_is_not_finite_has_no_guarantee(make_sweep):
    manifest, sweep = planted(make_sweep)
    sweep.extra["nonfinite", "bold(e=2)", 1] = np.array([0, 1, 0])
    (result,) = run_checks([{"kind": "guarantee"}], read(manifest, sweep.pieces()))
    assert not result.passed and "1 more with a cost that is not finite" in result.sentence


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"algorithms": ["shy"]}, "theory promises nothing of shy against opt"),
        ({"algorithms": ["bold(e=3)"]}, 'no learner "bold'),
        ({"against": "opd"}, 'no comparator "opd"'),
    ],
)
def test_claims_without_a_theorem_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        validate_check({"kind": "guarantee", **table}, LABELS, ["opt"], AXES, **offer())


def test_an_experiment_without_guarantees_says_so():
    with pytest.raises(InputError, match="theory promises nothing against opt of any learner"):
        validate_check({"kind": "guarantee"}, LABELS, ["opt"], AXES)


def test_a_manifest_keeps_guarantees(make_sweep):
    manifest, _ = planted(make_sweep)
    study = Study.from_json(manifest)
    assert study.guarantees["bold(e=2)"]["opt"] == (5.0,) * 6
    assert Study.from_json(json.loads(json.dumps(study.to_json()))).guarantees == study.guarantees
    del manifest["presentation"]["guarantees"]
    assert "guarantees" not in Study.from_json(manifest).to_json()["presentation"]


def series(make_sweep, **plot):
    manifest, sweep = planted(make_sweep)
    PLOTS.require(plot, LABELS, ["opt"], AXES, **offer())
    with style.figure_style():
        drawing = figures.draw(plot, read(manifest, sweep.pieces()))
    return {s.learner: (list(s.x), list(s.value)) for s in drawing.series}, drawing


def test_the_worst_run_along_an_axis_beside_its_bound(make_sweep):
    lines, _ = series(make_sweep, kind="guarantee", along="size", against="opt")
    assert [*lines] == ["bold(e=1)", "bold(e=1), theory", "bold(e=2)", "bold(e=2), theory"]
    x, value = lines["bold(e=1)"]
    assert x == AXES["size"]
    np.testing.assert_allclose(value, [ratio("bold(e=1)", {"size": s, "kind": "bad"}) for s in x])
    np.testing.assert_allclose(lines["bold(e=1), theory"][1], 3.0)


def test_the_worst_run_along_a_parameter_beside_its_bound(make_sweep):
    lines, _ = series(make_sweep, kind="guarantee", along="e", where={"kind": "good"})
    assert lines["bold"][0] == [1.0, 2.0]
    np.testing.assert_allclose(lines["bold"][1], [0.475 * 3, 0.4 * 5])
    np.testing.assert_allclose(lines["bold, theory"][1], [3.0, 5.0])


def test_a_frontier_sets_one_worst_ratio_against_another(make_sweep):
    table = {"parameter": "e", "axis": "kind", "x": "good", "y": "bad"}
    table |= {"x_against": "opt", "y_against": "opt"}
    lines, drawing = series(make_sweep, kind="frontier", **table)
    np.testing.assert_allclose(lines["bold"][0], [0.475 * 3, 0.4 * 5])
    np.testing.assert_allclose(lines["bold"][1], [0.95 * 3, 0.8 * 5])
    assert lines["bold, theory"] == ([3.0, 5.0], [3.0, 5.0])
    named = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert named == ["1", "2"]


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        ({"kind": "guarantee", "along": "kind"}, "not all numbers"),
        ({"kind": "guarantee", "along": "f"}, "f has not several numbers"),
        ({"kind": "frontier", "x": "fine"}, "fine is no value of kind"),
        ({"kind": "frontier", "y_against": "best"}, 'no comparator "best"'),
    ],
)
def test_figures_of_nothing_are_refused(plot, message):
    if plot["kind"] == "frontier":
        table = {"parameter": "e", "axis": "kind", "x": "good", "y": "bad"}
        plot = table | {"x_against": "opt", "y_against": "opt"} | plot
    with pytest.raises(InputError, match=message):
        PLOTS.require(plot, LABELS, ["opt"], AXES, **offer())
