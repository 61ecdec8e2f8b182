"""Views of a sweep: components, estimates in place of comparators, medians, courses over rounds."""

from __future__ import annotations

import numpy as np
import pytest

from jaxsoco.analysis import figures, style, tables
from jaxsoco.analysis.checks import run_checks, validate_check
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.plots import validate_plot
from jaxsoco.analysis.report import write_report
from jaxsoco.analysis.views import View, course, finals, growth, line, view
from jaxsoco.core.errors import InputError

ROUNDS = (10, 40, 160)
SEEDS = 200
NOISE = np.random.default_rng(3).lognormal(0, 0.6, SEEDS)
COMPONENTS = ("service", "move", "shortfall")


def cost(label, point, seeds, rounds):
    scale = {"a": 5.0, "b": 9.0}.get(label, 0.0)
    return 3.0 * rounds + scale * NOISE[seeds, None] * np.sqrt(rounds)


def planted(make_sweep, *, heavy=False, plots=(), checks=(), axes=None, estimate=False):
    """Two learners whose regret grows like the square root of the rounds."""
    sweep = make_sweep(
        axes or {}, ["a", "b"], ["opt"], cost, seeds=SEEDS, checkpoints=ROUNDS, measure="regret",
        move=lambda label, point, seeds: 0.5 + seeds,
    )  # fmt: skip
    manifest = sweep.manifest()
    shown = manifest["presentation"]
    shown["plots"], shown["checks"] = list(plots), list(checks)
    if heavy:
        shown["heavy_tailed"] = list(range(len(sweep.points)))
    if estimate:
        manifest["settings"]["comparators"].append("ideal")
        shown["components"] = {"ideal": "move"}
    return manifest, sweep


def ledger_of(make_sweep, **options):
    manifest, sweep = planted(make_sweep, **options)
    return read(manifest, sweep.pieces())


def test_an_estimate_stands_for_a_comparator_that_is_not_run(make_sweep, tmp_path):
    manifest, sweep = planted(make_sweep, estimate=True)
    ledger = read(manifest, sweep.pieces())
    seeds = np.arange(SEEDS)
    np.testing.assert_array_equal(ledger.values("a", "ideal", [0])[0], 0.5 + seeds)
    rows = {row.learner: row for row in tables.point_rows(ledger)}
    assert rows["a"].measures["ideal"].mean.value == pytest.approx(0.5 + seeds.mean())
    assert set(rows) == {"a", "b", "opt"}
    assert "ideal" not in rows["opt"].measures
    assert "ideal" in write_report(manifest, sweep.pieces(), tmp_path).table_text


def test_an_estimate_has_no_ratio():
    known = {"opt": "", "ideal": "move"}
    check = {"kind": "ratio", "algorithm": "a", "against": "ideal", "at_most": 1.0}
    with pytest.raises(InputError, match="no learner"):
        validate_check(check, ["a"], known, {})
    with pytest.raises(InputError, match="no ratio to ideal"):
        validate_plot({"kind": "ratio-cdf", "against": "ideal"}, ["a"], known, {})
    validate_check(check | {"kind": "value"}, ["a"], known, {})


def test_a_value_is_the_statistic_of_the_runs(make_sweep):
    regret = 5 * NOISE * np.sqrt(160)
    wanted = {
        "mean": regret.mean(),
        "median": np.median(regret),
        "p95": np.quantile(regret, 0.95),
        "max": regret.max(),
    }
    ledger = ledger_of(make_sweep)
    for statistic, value in wanted.items():
        check = {"kind": "value", "algorithm": "a", "statistic": statistic, "per_round": True}
        bounds = {"at_most": value / 160 * 1.5, "at_least": value / 160 / 1.5}
        (result,) = run_checks([check | bounds], ledger)
        assert result.passed, result.sentence
        assert result.measured.value == pytest.approx(value / 160)
        assert f"{statistic} regret per round of a against opt" in result.sentence
        assert not run_checks([check | {"at_most": value / 160 * 0.999}], ledger)[0].passed


def test_checks_look_at_components(make_sweep):
    ledger = ledger_of(make_sweep)
    mean = 0.5 + (SEEDS - 1) / 2
    check = {"kind": "value", "algorithm": "b", "cost": "move", "at_most": mean + 20}
    validate_check(check, ["a", "b"], {"opt": ""}, {}, costs=COMPONENTS)
    assert run_checks([check], ledger)[0].passed
    order = {"kind": "order", "algorithms": ["a", "b"], "cost": "service"}
    assert run_checks([order], ledger)[0].passed
    assert not run_checks([order | {"algorithms": ["b", "a"]}], ledger)[0].passed


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"cost": "mov"}, "no cost component"),
        ({"cost": "move", "against": "ideal"}, "ideal is not run"),
        ({"cost": "move", "against": "op"}, "no comparator"),
        ({"cost": "move", "per_round": 3}, "want true or false"),
        ({"statistic": "mode"}, "no choice"),
    ],
)
def test_bad_views_are_told(entry, message):
    check = {"kind": "value", "algorithm": "a", "at_most": 1.0} | entry
    with pytest.raises(InputError, match=message):
        validate_check(check, ["a"], {"opt": "", "ideal": "move"}, {}, costs=COMPONENTS)


def test_a_component_against_a_comparator(make_sweep):
    asked = {"cost": "service", "against": "opt"}
    ledger = ledger_of(make_sweep, plots=[{"kind": "curve", **asked}])
    check = {"kind": "value", "algorithm": "a", "at_most": 1e9, **asked}
    validate_check(check, ["a", "b"], {"opt": ""}, {}, costs=COMPONENTS)
    (result,) = run_checks([check], ledger)
    assert "mean service regret of a against opt" in result.sentence
    seen = view(asked, ledger.study, None)
    own, rival = (ledger.components(label, "service", (0,)) for label in ("a", "opt"))
    assert np.ptp(own - rival) > 0
    np.testing.assert_allclose(finals(ledger, "a", seen, (0,)).values, own - rival)
    path = course(ledger, "a", seen).value
    np.testing.assert_allclose(path[-1], (own - rival).mean())


def test_a_plot_names_its_logarithmic_axes():
    plot = {"kind": "curve", "log": ["z"]}
    with pytest.raises(InputError, match='no choice is "z"'):
        validate_plot(plot, ["a"], {"opt": ""}, {}, checkpoints=3)
    with pytest.raises(InputError, match="at the end of a run only"):
        validate_plot({"kind": "curve"}, ["a"], {"opt": ""}, {}, checkpoints=1)


def test_courses_are_cumulative_averages_or_rates(make_sweep):
    plots = [{"kind": "curve", "cost": "service"}]
    ledger = ledger_of(make_sweep, plots=plots)
    whole = cost("a", {}, np.arange(SEEDS), np.array(ROUNDS)).mean(axis=0)
    seen = view(plots[0], ledger.study, None)
    np.testing.assert_allclose(course(ledger, "a", seen).value, whole)
    average = course(ledger, "a", seen._replace(per_round=True)).value
    np.testing.assert_allclose(average, whole / ROUNDS)
    rate = course(ledger, "a", seen._replace(rate=True)).value
    np.testing.assert_allclose(rate, [whole[0] / 10, *np.diff(whole) / [30, 120]])


def test_medians_come_with_quartiles(make_sweep):
    ledger = ledger_of(make_sweep, plots=[{"kind": "curve", "statistic": "median"}])
    found = course(ledger, "b", View("opt", statistic="median"))
    regret = 9 * NOISE[:, None] * np.sqrt(ROUNDS)
    np.testing.assert_allclose(found.value, np.median(regret, axis=0))
    np.testing.assert_allclose(found.lower, np.quantile(regret, 0.25, axis=0))
    assert set(found.runs) == {SEEDS}
    trend = growth(ledger, "b", View("opt", statistic="median"), "horizon")
    assert (len(trend.places), trend.note) == (3, "")
    assert trend.exponent.value == pytest.approx(0.5, abs=1e-9)
    assert trend.exponent.lower <= trend.exponent.value + 1e-9


def test_averages_a_round_lose_one_in_the_exponent(make_sweep):
    ledger = ledger_of(make_sweep)
    check = {"kind": "slope", "algorithm": "a", "between": [-0.51, -0.49], "per_round": True}
    (result,) = run_checks([check], ledger)
    assert result.passed, result.sentence


def test_points_without_a_mean_are_reported_by_their_medians(make_sweep, tmp_path):
    axes = {"size": [1, 4]}
    checks = [{"kind": "value", "algorithm": "a", "at_most": 1e9}]
    plots = [{"kind": "measure-vs-axis", "axis": "size"}, {"kind": "curve"}]
    manifest, sweep = planted(make_sweep, heavy=True, axes=axes, plots=plots, checks=checks)
    ledger = read(manifest, sweep.pieces())
    for row in tables.point_rows(ledger):
        assert np.isnan(row.cost.mean.value)
        assert np.isfinite(row.cost.median.value)
    result = write_report(manifest, sweep.pieces(), tmp_path)
    assert "median" in result.table_text
    assert "median regret of a against opt" in result.summary_text
    page = (tmp_path / "report.html").read_text()
    assert "heavy tails" in page
    assert "The costs have no mean here" in page
    table = (tmp_path / "table.csv").read_text().splitlines()
    column = table[0].split(",").index("cost_mean")
    assert {record.split(",")[column] for record in table[1:]} == {""}


def test_a_view_along_an_axis_pools_the_others(make_sweep):
    axes = {"size": [1, 2], "kind": ["x", "y"]}
    ledger = ledger_of(make_sweep, axes=axes)
    found = line(ledger, "a", View("opt"), "size")
    assert found.x == (1, 2)
    np.testing.assert_allclose(found.value, 5 * NOISE.mean() * np.sqrt(160))
    assert set(found.runs) == {2 * SEEDS}
    single = line(ledger, "a", View("opt", statistic="median"), "kind", {"size": 1})
    np.testing.assert_allclose(single.value, np.median(5 * NOISE * np.sqrt(160)))


GUIDES = {  # a power of what the axis shows
    0.5: "$\\propto T^{0.5}$",
    -0.5: "$\\propto T^{\N{MINUS SIGN}0.5}$",
    2.0: "$\\propto$ size$^{2}$",
}


@pytest.mark.parametrize(
    "plot",
    [
        {"kind": "curve", "log": ["x", "y"], "trend": 0.5},
        {"kind": "curve", "rate": True, "cost": "service"},
        {"kind": "measure-vs-axis", "axis": "kind"},
        {"kind": "measure-vs-axis", "axis": "size", "statistic": "median", "log": ["x"]},
        {"kind": "regret-vs-horizon", "per_round": True, "trend": -0.5},
        {"kind": "measure-vs-axis", "axis": "size", "log": ["x", "y"], "trend": 2.0},
    ],
)
def test_every_view_can_be_drawn(make_sweep, plot):
    axes = {"size": [1, 2], "kind": ["x", "y"]}
    validate_plot(plot, ["a", "b"], {"opt": ""}, axes, checkpoints=3, costs=COMPONENTS)
    where = {} if plot.get("axis") == "kind" else {"where": {"kind": "x"}}
    ledger = ledger_of(make_sweep, plots=[plot | where], axes=axes)
    with style.figure_style():
        drawing = figures.draw(plot | where, ledger)
    axes = drawing.figure.axes[0]
    labels = [x.get_label() for x in axes.lines] + axes.get_legend_handles_labels()[1]
    assert any(str(label).startswith("a") for label in labels)
    guides = {str(label) for label in labels if "propto" in str(label)}
    assert guides == ({GUIDES[plot["trend"]]} if "trend" in plot else set())


PARAMETERS = (0.5, 1.0, 2.0, 4.0)


def profiled(make_sweep, noise=0.0, **options):
    """One algorithm at four values of a parameter, least at 1 (x) or 2 (y), beside another."""
    labels = [f"tuned(c={c:g})" for c in PARAMETERS]

    def cost(label, point, seeds, rounds):
        if label not in labels:
            return np.full((len(seeds), len(rounds)), 3.0)
        c = PARAMETERS[labels.index(label)]
        best = 1.0 if point["kind"] == "x" else 2.0
        own = np.random.default_rng(int(10 * c)).normal(size=SEEDS)[seeds, None]
        return 3 + np.abs(np.log(c / best)) + 0.1 * NOISE[seeds, None] + noise * own + 0 * rounds

    sweep = make_sweep(
        {"kind": ["x", "y"]}, [*labels, "flat"], ["opt"], cost, seeds=SEEDS, checkpoints=(10,),
        measure="regret",
    )  # fmt: skip
    manifest = sweep.manifest()
    learners = {
        label: {"base": "tuned", "values": {"c": c, "mode": "a"}}
        for label, c in zip(labels, PARAMETERS, strict=True)
    }
    sweep.plant(manifest, learners | {"flat": {"base": "flat", "values": {}}})
    return read(manifest, sweep.pieces())


def test_the_least_of_a_profile_is_found_with_its_interval(make_sweep):
    ledger = profiled(make_sweep)
    check = {"kind": "minimum", "algorithm": "tuned", "parameter": "c", "between": [0.9, 1.1]}
    known = dict.fromkeys(["opt"], "")
    settings = {label: (base, own) for label, (base, own) in ledger.study.settings.items()}
    validate_check(check, ledger.study.algorithms, known, {"kind": ["x", "y"]}, learners=settings)
    for kind, best in (("x", 1.0), ("y", 2.0)):
        (result,) = run_checks([check | {"where": {"kind": kind}}], ledger)
        assert result.measured == (best, best, best)
        assert result.passed == (kind == "x")
        assert f"is at c = {best:g}" in result.sentence


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_a_minimum_that_the_runs_do_not_tell_is_undecided(make_sweep, statistic):
    check = {"kind": "minimum", "algorithm": "tuned", "parameter": "c", "where": {"kind": "x"}}
    ledger = profiled(make_sweep, noise=6.0)
    near, far = run_checks(
        [
            check | {"between": between, "statistic": statistic}
            for between in ([0.9, 1.1], [0.5, 4.0])
        ],
        ledger,
    )
    assert near.verdict == "undecided"
    assert near.measured.lower < 0.9 or near.measured.upper > 1.1
    assert "seeds would decide it" in near.sentence
    assert near.seeds_to_decide > SEEDS
    assert far.verdict == "passed"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"parameter": "d"}, 'no algorithm here has a field "d"'),
        ({"parameter": "mode"}, "has not several numbers"),
        ({"algorithm": "tune"}, "no algorithm"),
    ],
)
def test_bad_profiles_are_told(make_sweep, entry, message):
    settings = profiled(make_sweep).study.settings
    check = {"kind": "minimum", "algorithm": "tuned", "parameter": "c", "between": [0, 1]} | entry
    with pytest.raises(InputError, match=message):
        validate_check(check, [*settings], {"opt": ""}, {}, learners=settings)


def test_a_minimum_of_several_profiles_is_refused():
    learners = {f"a{c}{d}": ("a", {"c": c, "d": d}) for c in (1, 2) for d in (3, 4)}
    check = {"kind": "minimum", "algorithm": "a", "parameter": "c", "between": [0, 1]}
    with pytest.raises(InputError, match="several profiles: its learners differ in d, too"):
        validate_check(check, [*learners], {"opt": ""}, {}, learners=learners)
    validate_check(check, ["x", "y"], {"opt": ""}, {}, learners=dict([*learners.items()][::2]))


def test_profiles_are_drawn_a_line_for_each_world(make_sweep):
    ledger = profiled(make_sweep)
    plot = {"kind": "measure-vs-parameter", "parameter": "c", "by": "kind", "log": ["x"]}
    study = ledger.study
    validate_plot(plot, study.algorithms, {"opt": ""}, study.axes, learners=study.settings)
    with style.figure_style():
        drawing = figures.draw(plot, ledger)
    lines = {x.get_label(): x for x in drawing.figure.axes[0].lines}
    assert {"tuned, kind = x", "tuned, kind = y", "flat, kind = x"} <= set(lines)
    assert "pooled" not in drawing.caption  # a line a kind
    heights = np.asarray(lines["tuned, kind = y"].get_ydata())
    assert int(heights.argmin()) == 2
