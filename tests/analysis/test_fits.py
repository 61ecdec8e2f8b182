"""Over which places exponents are fitted, what is left out, and that every reader is told so."""

import csv
import io
import re

import numpy as np
import pytest

from jaxsoco.analysis import figures, style, tables
from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.fits import fits
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.report import write_report
from jaxsoco.analysis.views import View, growth, line

HORIZONS = [1000, 4000, 16000]
NOISE = np.random.default_rng(3).lognormal(0, 0.3, 64)


def cost(label, point, seeds, rounds):
    """Regret of `a` like the root of the rounds; of `lai` mere rounding of its cost."""
    own = {"a": NOISE[seeds, None] * np.sqrt(rounds), "lai": 1e-13 * NOISE[seeds, None] * rounds}
    return 3.0 * rounds + own.get(label, 0.0)


def swept(make_sweep, axes=None, **options):
    settings = {"seeds": 64, "measure": "regret"} | options
    return make_sweep(axes or {"horizon": HORIZONS}, ["a", "lai"], ["opt"], cost, **settings)


def ledger_of(sweep, precision="float64"):
    manifest = sweep.manifest()
    manifest["settings"]["precision"] = precision
    return read(manifest, sweep.pieces())


def test_exponents_are_those_of_the_horizon(make_sweep):
    axes = {"horizon": HORIZONS, "size": [1, 2]}
    made = fits(ledger_of(swept(make_sweep, axes)))
    assert {fit.growth.axis for fit in made} == {"horizon"}
    assert {fit.growth.over for fit in made if fit.algorithm == "a"} == {"T from 1000 to 16,000"}


@pytest.mark.parametrize(
    "asked",
    [
        {"checks": [{"kind": "slope", "algorithm": "a", "axis": "size", "between": [-1, 1]}]},
        {"plots": [{"kind": "measure-vs-axis", "axis": "size"}]},
    ],
)
def test_another_axis_is_fitted_where_it_is_named(make_sweep, asked):
    sweep = swept(make_sweep, {"horizon": HORIZONS, "size": [1, 2, 8]}, **asked)
    made = fits(ledger_of(sweep))
    assert {fit.growth.axis for fit in made} == {"horizon", "size"}
    assert {f.growth.over for f in made if (f.algorithm, f.growth.axis) == ("a", "size")} == {
        "size from 1 to 8"
    }


@pytest.mark.parametrize(
    ("seed_axes", "fitted"),
    [
        (["map"], {"size", "map_seed"}),
        (["map_seed", "map"], {"size"}),
        ([], {"size", "map_seed", "map"}),
        # A run from before seeds were declared: their names say it.
        (None, {"size", "map"}),
    ],
)
def test_nothing_grows_with_the_seed_of_a_world(make_sweep, seed_axes, fitted):
    axes = {"size": [1, 2], "map_seed": [1, 2], "map": [1, 2]}
    sweep = make_sweep(
        axes, ["a"], ["opt"], lambda *_: np.array([[1.0]]), measure="ratio", seed_axes=seed_axes
    )
    assert {fit.growth.axis for fit in fits(ledger_of(sweep))} == fitted


def test_runs_of_one_horizon_have_a_local_slope(make_sweep, tmp_path):
    check = {"kind": "slope", "algorithm": "a", "between": [0.4, 0.6]}
    rounds = (1, 10, 100, 1000, 4000, 10_000)
    sweep = swept(make_sweep, {"size": [1, 2]}, checkpoints=rounds, checks=[check])
    found = growth(ledger_of(sweep), "a", View("opt"), "horizon")
    assert found.places == (1000, 4000, 10_000)
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    words = "local slope over rounds 1000 to 10,000"
    assert re.search(rf"a +horizon +0\.500 +\[.*\] +{words}", result.summary_text)
    assert f"a {words}; claimed" in result.summary_text
    page = (tmp_path / "report.html").read_text()
    assert page.count(words) >= 2
    assert "Local slopes are by least squares over rounds 1000 to 10,000" in page


def test_few_checkpoints_are_not_thinned_to_two(make_sweep):
    sweep = swept(make_sweep, {"size": [1, 2]}, checkpoints=(10, 100, 1000, 10_000))
    assert growth(ledger_of(sweep), "a", View("opt"), "horizon").places == (100, 1000, 10_000)


def test_a_local_slope_is_over_the_last_rounds_that_it_asks_for(make_sweep, tmp_path):
    """Growth that bends: T up to round 2500, its root from there on."""

    def bent(label, point, seeds, rounds):
        bend = np.minimum(rounds, np.sqrt(2500.0 * rounds))
        return 3.0 * rounds + (NOISE[seeds, None] * bend if label == "a" else 0.0)

    rounds, check = (100, 1000, 2500, 5000, 10_000), {"kind": "slope", "algorithm": "a"}
    ask = {"kind": "regret-vs-horizon", "algorithms": ["a"], "last": 4}
    options = {"checkpoints": rounds, "measure": "regret", "seeds": 64, "plots": [ask]}
    sweep = make_sweep({"size": [1, 2]}, ["a"], ["opt"], bent, **options)
    ledger = ledger_of(sweep)
    late, early = (growth(ledger, "a", View("opt"), "horizon", last=last) for last in (4.0, 10.0))
    assert late.places == (2500, 5000, 10_000) and early.places == (1000, 2500, 5000, 10_000)
    np.testing.assert_allclose(late.exponent.value, 0.5, rtol=1e-9)
    x = np.log(np.array(early.places))
    wanted = np.polyfit(x, np.log([1000, 2500, 2500 * 2**0.5, 5000]), 1)[0]
    np.testing.assert_allclose(early.exponent.value, wanted, rtol=1e-9)
    # Fewer than three checkpoints are no line: the third to last is taken, too.
    assert growth(ledger, "a", View("opt"), "horizon", last=1.5).places == late.places
    narrow = check | {"between": [0.49, 0.51]}
    passed, failed = run_checks([narrow | {"last": 4}, narrow], ledger)
    assert passed.passed and "local slope over rounds 2500 to 10,000" in passed.sentence
    assert failed.passed is False and "rounds 1000 to 10,000" in failed.sentence
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Local slopes are by least squares over rounds 2500 to 10,000" in page


def test_the_range_is_told_everywhere(make_sweep, tmp_path):
    check = {"kind": "slope", "algorithm": "a", "between": [0.4, 0.6]}
    plot = {"kind": "regret-vs-horizon", "algorithms": ["a"]}
    sweep = swept(make_sweep, checks=[check], plots=[plot])
    words = "T from 1000 to 16,000"
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert re.search(rf"a +horizon +0\.500 .* {words}", result.summary_text)
    assert f"over {words}; claimed" in result.summary_text
    page = (tmp_path / "report.html").read_text()
    assert f"least squares over {words}, with 95" in page
    assert f"<td>{words}</td>" in page


def test_few_seeds_are_told_everywhere(make_sweep, tmp_path):
    check = {"kind": "slope", "algorithm": "a", "between": [0.4, 0.6]}
    sweep = swept(make_sweep, seeds=4, checks=[check])
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert re.search(r"a +horizon +0\.500 .*too few seeds \(4; want 8\)", result.summary_text)
    page = (tmp_path / "report.html").read_text()
    assert "without an interval: too few seeds (4; want 8)." in page
    (checked,) = run_checks([check], ledger_of(sweep))
    assert checked.measured.note == "too few seeds (4; want 8)"


def test_medians_of_few_seeds_are_told_in_the_table(make_sweep, tmp_path):
    sweep = make_sweep({"size": [*range(30)]}, ["a", "lai"], ["opt"], cost, seeds=4)
    manifest = sweep.manifest()
    manifest["presentation"]["heavy_tailed"] = [*range(30)]
    text = write_report(manifest, sweep.pieces(), tmp_path).table_text
    assert "without ±: too few seeds (4; want 8)" in text


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_rounding_noise_is_zero_wherever_it_is_read(make_sweep, tmp_path, statistic):
    plot = {"kind": "regret-vs-horizon", "statistic": statistic}
    check = {"kind": "slope", "algorithm": "lai", "between": [0.4, 0.6], "statistic": statistic}
    sweep = swept(make_sweep, plots=[plot], checks=[check])
    ledger = ledger_of(sweep)
    found = growth(ledger, "lai", View("opt", statistic=statistic), "horizon")
    assert np.isnan(found.exponent.value)
    assert found.note == f"the {statistic} is 0 but for rounding"
    assert not ledger.values("lai", "opt", [0, 1, 2]).any()
    assert not line(ledger, "lai", View("opt", statistic=statistic), "horizon").value.any()
    (result,) = run_checks([check], ledger)
    assert not result.passed
    assert "0 but for rounding" in result.sentence
    with style.figure_style():
        axes = figures.draw(plot, ledger).figure.axes[0]
    low, high = axes.get_ylim()
    assert high < 1e4 * low  # noise does not stretch the axis
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    rows = [*csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text()))]
    mine = [row for row in rows if row["algorithm"] == "lai"]
    assert {row[f"regret_opt_{s}"] for row in mine for s in ("mean", "median", "max")} == {"0.0"}
    shown = tables.cells_for_people(ledger, tables.point_rows(ledger))
    assert {row[4] for row in shown[1] if row[1] == "lai"} == {"0 ± 0"}


def test_noise_is_measured_by_the_precision_and_the_own_cost(make_sweep):
    def slight(label, point, seeds, rounds):
        return 3.0 * rounds * (1 + (1e-6 * NOISE[seeds, None] if label == "a" else 0.0))

    sweep = make_sweep({"horizon": HORIZONS}, ["a"], ["opt"], slight, seeds=64, measure="regret")
    exact, single = (
        growth(ledger_of(sweep, precision), "a", View("opt"), "horizon")
        for precision in ("float64", "float32")
    )
    assert exact.exponent.value == pytest.approx(1.0)
    assert single.note == "the mean is 0 but for rounding"


def test_noise_at_some_horizons_is_left_out_and_named(make_sweep):
    def late(label, point, seeds, rounds):
        own = 1e-14 if point["horizon"] < 4000 else 1.0
        return 3.0 * rounds + (own * NOISE[seeds, None] * np.sqrt(rounds) if label == "a" else 0.0)

    sweep = make_sweep({"horizon": HORIZONS}, ["a"], ["opt"], late, seeds=64, measure="regret")
    (found,) = fits(ledger_of(sweep))
    assert (found.growth.over, found.growth.note) == (
        "T from 4000 to 16,000",
        "without 1000 (0 but for rounding)",
    )
    assert found.growth.exponent.value == pytest.approx(0.5)


def test_medians_over_rounds_count_seeds_not_runs(make_sweep):
    # The same runs at ten points say no more than one point does.
    def planted(sizes):
        plots = [{"kind": "curve", "statistic": "median"}]
        sweep = make_sweep(
            {"size": sizes}, ["a"], ["opt"], noisy, seeds=64, checkpoints=(10, 100, 1000),
            measure="regret", plots=plots,
        )  # fmt: skip
        return growth(ledger_of(sweep), "a", View("opt", statistic="median"), "horizon")

    def noisy(label, point, seeds, rounds):
        noise = np.random.default_rng(1).lognormal(0, 0.3, (64, 3))[seeds]
        return 3.0 * rounds + (noise * np.sqrt(rounds) if label == "a" else 0.0)

    one, ten = planted([1, 2]), planted([*range(10)])
    assert ten.exponent.half_width == pytest.approx(one.exponent.half_width, rel=0.2)


def test_a_world_without_randomness_needs_one_seed(make_sweep):
    def certain(label, point, seeds, rounds):
        return 3.0 * rounds + (np.sqrt(rounds) if label == "a" else 0.0) + 0.0 * seeds[:, None]

    sweep = make_sweep({"horizon": HORIZONS}, ["a"], ["opt"], certain, seeds=1, measure="regret")
    found = {}
    for repeating in ([], [0, 1]):
        pieces = ((record | {"repeating": repeating}, runs) for record, runs in sweep.pieces())
        (found[bool(repeating)],) = fits(read(sweep.manifest(), pieces))
    assert found[True].growth.exponent == pytest.approx((0.5, 0.5, 0.5))
    assert found[True].remarks == "the same with every seed"
    assert found[False].remarks == "too few seeds (1; want 8)"
