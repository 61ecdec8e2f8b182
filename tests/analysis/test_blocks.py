"""A ledger of moments against one of the same runs: the same numbers, and intervals that hold."""

import csv
import io
import math
from itertools import pairwise

import numpy as np
import pytest

from jaxsoco.analysis import statistics as st
from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.figures import draw
from jaxsoco.analysis.ledger import BlockLedger, RunLedger, read
from jaxsoco.analysis.pairing import aligned, mean_step
from jaxsoco.analysis.records import segments
from jaxsoco.analysis.report import report_on
from jaxsoco.analysis.samples import Blocks, Column, Runs
from jaxsoco.analysis.style import figure_style
from jaxsoco.analysis.sums import sketch_size
from jaxsoco.analysis.tables import csv_text, curves_text, point_rows, pooled_rows
from jaxsoco.analysis.trial import try_report
from jaxsoco.analysis.views import View, course, finals, growth, line
from jaxsoco.core.errors import InputError
from jaxsoco.core.measures import judged, quantities, read_record
from jaxsoco.core.study import Study
from jaxsoco.core.summary import Summary

OPT, OTHER = "opt", "other"


def planted(make_sweep, **changes):
    """Lognormal costs, half of the spread of the seed's world; other is 0 now and then."""

    def cost(label, point, seeds, rounds):
        world = np.random.default_rng(1).normal(size=5000)[seeds, None]
        own = np.random.default_rng(len(label) + 1).normal(size=(5000, 8))[seeds]
        steps = np.exp(0.3 * world + 0.3 * own[:, : len(rounds)])
        level = {"a": 1.2, "bb": 1.3, OPT: 1.0, OTHER: 1.1}[label]
        values = level * steps.cumsum(axis=1) * (1 + point["size"])
        idle = np.random.default_rng(9).random(5000)[seeds, None] < 0.1
        return np.where((label == OTHER) & idle, 0.0, values)

    settings = {
        "axes": {"size": [0, 1, 3]},
        "algorithms": ["a", "bb"],
        "comparators": [OPT, OTHER],
        "cost": cost,
        "seeds": 300,
        "checkpoints": (2, 4, 8),
        "extra": {
            ("faults", "a", 0): np.arange(5000) % 13 == 2,
            ("nonfinite", "bb", 1): np.arange(5000) % 50 == 7,
            ("shortfall", "a", 2): np.arange(5000) % 2 * 0.25,
        },
    }
    return make_sweep(**(settings | changes))


def summed(sweep, block=8, cuts=None):
    """The same sweep as blocks of moments: manifest and pieces; ``cuts`` by point, if given."""
    manifest = sweep.manifest()
    for group in manifest["plan"]["groups"]:
        group["block"] = block
    study = Study.from_json(manifest)

    def pieces():
        sweep.pack = 10**6
        for record, arrays in sweep.pieces():
            group = study.groups[record["group"]]
            whole = {x: read_record(study, f"{i:03d}", arrays) for i, x in enumerate(study.labels)}
            for point, _, rows in segments(group, record["start"], record["stop"]):
                ends = [*range(0, group.seeds, block), group.seeds]
                for start, stop in pairwise((cuts or {}).get(point, ends)):
                    part = slice(rows.start + start, rows.start + stop)
                    runs = {label: one.part(part) for label, one in whole.items()}
                    for i, label in enumerate(study.labels):
                        place = {
                            "group": group.index,
                            "start": part.start,
                            "stop": part.stop,
                            "nonconverged": int((runs[label].faults > 0).sum()),
                            "repeating": [],
                            "packs": record["packs"] if part.start == i == 0 else {},
                        }
                        array = Summary.of_parts(*judged(study, label, runs)).to_array()
                        yield place, {f"{i:03d}.moments": array}

    return manifest, pieces()


def both(sweep, **options):
    runs = read(sweep.manifest(), sweep.pieces())
    blocks = read(*summed(sweep, **options))
    assert isinstance(runs, RunLedger) and isinstance(blocks, BlockLedger)
    assert runs.complete and blocks.complete
    return runs, blocks


def numbers(text):
    """The numbers of a table."""
    return [
        {
            name: float(value) if value else math.nan
            for name, value in row.items()
            if name not in ("algorithm", "role")
        }
        for row in csv.DictReader(io.StringIO(text))
    ]


def assert_alike(mine, theirs, rtol, leave_out=()):
    assert len(mine) == len(theirs) > 0
    for one, two in zip(mine, theirs, strict=True):
        assert one.keys() == two.keys()
        for name in one:
            if not name.endswith(tuple(leave_out)):
                np.testing.assert_allclose(two[name], one[name], rtol, 1e-13, err_msg=name)


@pytest.mark.parametrize("measure", ["ratio", "regret"])
@pytest.mark.parametrize("block", [1, 8, 100])
def test_tables_are_those_of_the_runs(make_sweep, measure, block):
    """So few runs that their sketches have all of them: every column of every row."""
    runs, blocks = both(planted(make_sweep, measure=measure), block=block)
    tables = [numbers(csv_text(x, point_rows(x))) for x in (runs, blocks)]
    assert blocks.error == 0.0
    assert_alike(tables[0], tables[1], 1e-10)
    curves = [numbers(curves_text(x)) for x in (runs, blocks)]
    assert_alike(curves[0], curves[1], 1e-10)
    for key, cell in runs.cells.items():
        other = blocks.cells[key]
        for name in ("runs", "nonfinite", "nonconverged", "undefined"):
            assert getattr(cell, name) == getattr(other, name), (key, name)
        np.testing.assert_allclose(other.worst, cell.worst)
    assert sum(cell.nonfinite for cell in blocks.cells.values()) == 6
    assert sum(cell.nonconverged for cell in blocks.cells.values()) == 23
    assert measure == "regret" or blocks.cells[0, "a"].undefined[OTHER] > 20


def test_cells_may_be_looked_at_while_blocks_come(make_sweep):
    """What is in the ledger so far; the end is the same but for rounding."""
    sweep = planted(make_sweep)
    straight = read(*summed(sweep))
    manifest, pieces = summed(sweep)
    looked = read(manifest, ())
    for i, piece in enumerate(pieces):
        looked.add(*piece)
        if i % 7 == 0:
            assert looked.runs > 0
    assert looked.complete
    for key, cell in straight.cells.items():
        np.testing.assert_allclose(looked.cells[key].cost.mean, cell.cost.mean, 1e-14)
        assert looked.cells[key].runs == cell.runs
        assert looked.cells[key].nonconverged == cell.nonconverged


def test_sketches_are_smaller_where_there_are_many_cells(make_sweep, monkeypatch):
    manifest, pieces = summed(planted(make_sweep))
    study, pieces = Study.from_json(manifest), [*pieces]
    assert sketch_size(study) == 1024 and sketch_size(study, 0) == 128
    numbers = 8 * 3 * sum(len(quantities(study, label)) for label in study.labels)
    assert sketch_size(study, 300 * numbers) == 256
    monkeypatch.setattr("jaxsoco.analysis.blocks.sketch_size", lambda study: 128)
    small, large = read(manifest, pieces), None
    monkeypatch.undo()
    large = read(manifest, pieces)
    assert large.error == 0.0 and 0 < small.error <= 0.5 / 128
    for label in study.labels:
        one, two = (x.sample(label, None, [0]) for x in (small, large))
        assert one.mean(0.95) == two.mean(0.95)
        ranks = [one.quantiles([p])[0] for p in (0.1, 0.5, 0.9)]
        low, high = two.quantiles([0.09, 0.49, 0.89]), two.quantiles([0.11, 0.51, 0.91])
        assert (low <= ranks).all() and (ranks <= high).all()


def test_pooled_rows_have_the_same_means_and_quantiles(make_sweep):
    runs, blocks = both(planted(make_sweep))
    tables = [numbers(csv_text(x, pooled_rows(x))) for x in (runs, blocks)]
    assert_alike(tables[0], tables[1], 1e-10, leave_out=("_lower", "_upper"))
    for one, two in zip(*tables, strict=True):
        for name in [k.removesuffix("_lower") for k in one if k.endswith("_lower")]:
            widths = [row[f"{name}_upper"] - row[f"{name}_lower"] for row in (one, two)]
            if math.isnan(widths[0]):
                assert math.isnan(widths[1])
            elif name.endswith("median"):  # as if the points had all of their spread in common
                assert widths[0] * 0.99 <= widths[1] <= 2 * widths[0]
            else:  # 38 blocks in place of 300 seeds
                assert widths[1] == pytest.approx(widths[0], rel=0.4)


def test_quantiles_are_as_close_as_stated_and_their_intervals_wider(make_sweep):
    sweep = planted(make_sweep, seeds=5000, checkpoints=(8,), extra={}, axes={"size": [0, 1]})
    runs, blocks = both(sweep, block=128)
    assert blocks.error == pytest.approx(1 / 2048)  # blocks of 128 are kept whole
    for label in ("a", "bb"):
        values = np.sort(runs.values(label, OPT, [0])[0])
        one, two = (x.sample(label, OPT, [0]) for x in (runs, blocks))
        for p in (0.05, 0.5, 0.95):
            rank = np.searchsorted(values, two.quantiles([p])[0]) / len(values)
            assert abs(rank - p) <= two.error + 1 / len(values)
            mine, theirs = one.quantile(p, 0.95), two.quantile(p, 0.95)
            assert theirs.lower <= mine.lower <= mine.upper <= theirs.upper
            ranks = np.searchsorted(values, [theirs.lower, theirs.upper]) / len(values)
            want = np.searchsorted(values, [mine.lower, mine.upper]) / len(values)
            assert np.abs(ranks - want).max() <= 2 * two.error + 2 / len(values)
    assert one.words == "" and two.words == "from a sketch, ranks to 0.049 % of the runs"


def stepped(ledger, points):
    """From learner a to learner bb."""
    return mean_step(*(ledger.sample(x, OPT, points) for x in ("a", "bb")), level=0.95)


def test_paired_steps_are_those_of_the_runs(make_sweep):
    runs, blocks = both(planted(make_sweep, extra={}))
    for points in ([0], [0, 1, 2]):
        steps = [stepped(x, points) for x in (runs, blocks)]
        assert steps[1].value == pytest.approx(steps[0].value, rel=1e-10)
        assert steps[1].half_width == pytest.approx(steps[0].half_width, rel=0.4)
    # Blocks of one seed are seeds: then the interval is the same as well.
    _, single = both(planted(make_sweep, extra={}), block=1)
    step = stepped(single, [0, 1, 2])
    np.testing.assert_allclose(step, steps[0], rtol=1e-9)


def test_exponents_are_those_of_the_runs(make_sweep):
    runs, blocks = both(planted(make_sweep, axes={"size": [1, 3, 7]}, extra={}, measure="regret"))
    for axis in ("size", "horizon"):
        one, two = (growth(x, "a", View(OPT), axis) for x in (runs, blocks))
        assert two.exponent.value == pytest.approx(one.exponent.value, rel=1e-9)
        assert two.exponent.half_width == pytest.approx(one.exponent.half_width, rel=0.4)
        assert two.places == one.places and two.over == one.over
    few = read(*summed(planted(make_sweep, axes={"size": [1, 3, 7]}, extra={}), block=16))
    exponent = growth(few, "a", View(OPT), "size").exponent
    assert exponent.note == "too few blocks (19; want 30)" and math.isnan(exponent.lower)
    step = stepped(few, [0, 1, 2])
    assert step.note == "too few blocks (19; want 30)" and math.isnan(step.lower)
    # Of a single point the mean's interval comes from M2: it takes no blocks.
    assert math.isfinite(few.sample("a", OPT, [0]).mean(0.95).half_width)


def test_lines_and_courses_are_those_of_the_runs(make_sweep):
    checks = [{"kind": "value", "algorithm": "a", "cost": "move", "at_most": 1.0}]
    medians = [{"kind": "curve", "statistic": "median"}]
    runs, blocks = both(planted(make_sweep, checks=checks, plots=medians, extra={}))
    views = [View(OPT), View(OPT, statistic="median"), View(None, "service", per_round=True)]
    for seen in views:
        for where in ({"size": 1}, {}):
            pairs = [[line(x, "a", seen, "size", where) for x in (runs, blocks)]]
            if seen.cost is None:
                pairs += [[course(x, "a", seen, where) for x in (runs, blocks)]]
            for one, two in pairs:
                assert one.x == two.x
                np.testing.assert_allclose(two.value, one.value, rtol=1e-10)
                np.testing.assert_allclose(two.runs, one.runs)
                width = (one.upper - one.lower) / (two.upper - two.lower)
                np.testing.assert_allclose(width, 1.0, atol=0.45)
    rate = View(OPT, rate=True)
    one, two = (course(x, "a", rate, {}) for x in (runs, blocks))
    np.testing.assert_allclose(two.value, one.value, rtol=1e-9)
    with pytest.raises(InputError, match="the median of increments takes the costs of every run"):
        course(blocks, "a", rate._replace(statistic="median"), {"size": 1})


def test_checks_come_to_the_same(make_sweep):
    checks = [
        {"kind": "order", "algorithms": ["a", "bb"]},
        {"kind": "order", "algorithms": [OPT, "a"]},
        {"kind": "ratio", "algorithm": "a", "at_most": 1.5},
        {"kind": "ratio", "algorithm": "a", "statistic": "max", "at_most": 3.0},
        {"kind": "ratio", "algorithm": "bb", "against": OTHER, "statistic": "max", "at_most": 99},
        {"kind": "value", "algorithm": "a", "statistic": "p95", "at_most": 2.0},
        {"kind": "value", "algorithm": "a", "cost": "service", "at_least": 1.0},
        {"kind": "value", "algorithm": "a", "cost": "shortfall", "statistic": "max", "at_most": 1},
        {"kind": "value", "algorithm": "a", "cost": "service", "against": OPT, "at_most": 2.0},
        {"kind": "slope", "algorithm": "a", "axis": "horizon", "between": [-0.1, 0.1]},
        {"kind": "complete"},
    ]
    extra = {("nonfinite", OTHER, 1): np.arange(5000) % 50 == 7}
    runs, blocks = both(planted(make_sweep, checks=checks, extra=extra))
    results = [run_checks(checks, x) for x in (runs, blocks)]
    for one, two in zip(*results, strict=True):
        assert (one.verdict, one.runs) == (two.verdict, two.runs), one.check
        np.testing.assert_allclose(two.measured.value, one.measured.value, rtol=1e-9)
    assert {one.verdict for one in results[0]} == {"passed", "failed"}


def test_a_sentence_says_that_a_quantile_comes_from_a_sketch(make_sweep):
    check = {"kind": "value", "algorithm": "a", "statistic": "median", "at_most": 2.0}
    sweep = planted(make_sweep, seeds=2000, checkpoints=(8,), axes={"size": [0]}, checks=[check])
    (result,) = run_checks([check], read(*summed(sweep, block=64)))
    assert "; from a sketch, ranks to 0.049 % of the runs; claimed: at most 2" in result.sentence


def test_a_report_is_written_from_moments(make_sweep, tmp_path):
    plots = [
        {"kind": "ratio-vs-axis", "axis": "size"},
        {"kind": "measure-vs-axis", "axis": "size", "statistic": "median"},
        {"kind": "curve"},
        {"kind": "curve", "rate": True},
        {"kind": "curve", "statistic": "median", "per_round": True},
        {"kind": "regret-vs-horizon"},
        {"kind": "cost-breakdown"},
    ]
    sweep = planted(make_sweep, seeds=2000, plots=plots)
    manifest, pieces = summed(sweep, block=64)
    result = report_on(read(manifest, pieces), tmp_path, draft=True)
    assert not result.failures
    assert len([*(tmp_path / "figures").glob("*.csv")]) == len(plots)
    assert "median and p95 are from a sketch, ranks to 0.049 % of the runs" in result.table_text
    page = (tmp_path / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    page = page.replace("&nbsp;", " ")
    assert "(median and p95 from a sketch, ranks to 0.049 % of the runs)" in page
    assert "Bands are quartiles of the runs (from a sketch" in page
    assert "bootstrap over blocks of seeds" in page
    try_report(manifest)


def test_what_takes_every_run_says_so(make_sweep):
    ledger = read(*summed(planted(make_sweep)))
    order = {"kind": "order", "algorithms": ["a", "bb"]}
    for ask in (
        lambda: ledger.totals("a", [0]),
        lambda: ledger.values("a", OPT, [0]),
        lambda: ledger.components("a", "move", [0]),
        lambda: ledger.sample("a", "bb", [0]),
        lambda: run_checks([{**order, "statistic": "median"}], ledger),
        lambda: _drawn({"kind": "ratio-cdf"}, ledger),
    ):  # fmt: skip
        with pytest.raises(InputError, match="takes the costs of every run, and moments are all"):
            ask()
    median = growth(ledger, "a", View(OPT, statistic="median"), "size")
    assert math.isnan(median.exponent.value) and "resamples single runs" in median.note


def _drawn(plot, ledger):
    with figure_style(""):
        return draw(plot, ledger)


def test_a_world_without_randomness_is_seen(make_sweep):
    def cost(label, point, seeds, rounds):
        return np.full((len(seeds), len(rounds)), 2.0 + len(label))

    ledger = read(*summed(planted(make_sweep, cost=cost, extra={})))
    assert ledger.repeats(["a", OPT], [0, 1, 2])
    check = {"kind": "order", "algorithms": ["a", "bb"]}
    (result,) = run_checks([check], ledger)
    assert result.verdict == "passed" and result.measured.half_width == 0.0
    assert not read(*summed(planted(make_sweep))).repeats(["a"], [0])


def test_rounding_is_no_component(make_sweep):
    """As in a ledger of runs: a component of 1e-14 of the total cost is 0."""
    check = {"kind": "value", "algorithm": "a", "cost": "move", "at_most": 1.0}
    sweep = planted(
        make_sweep, move=lambda label, point, seeds: 1e-14 * (1 + seeds), checks=[check], seeds=30
    )
    runs, blocks = both(sweep)
    for ledger in (runs, blocks):
        assert finals(ledger, "a", View(None, "move"), [0]).largest == 0.0
    assert blocks.cells[0, "a"].parts.mean[1] > 0  # what the table says is as it was


def test_blocks_of_other_lengths_are_joined(make_sweep):
    """Points that were computed on other grids: units are what no block reaches over."""
    cuts = {0: [*range(0, 301, 4)], 1: [*range(0, 300, 8), 300], 2: [0, 100, 200, 300]}
    sweep = planted(make_sweep, extra={})
    runs, blocks = both(sweep, cuts=cuts)
    samples = [blocks.sample("a", OPT, [point]) for point in (0, 1)]
    units = aligned(samples)
    assert [len(one.sums) for one in units] == [38, 38]
    whole = blocks.sample("a", OPT, [0, 1, 2]).clusters()
    np.testing.assert_array_equal(whole.counts, [[600], [300]])  # 100 is within a block
    one, two = (x.sample("a", OPT, [0, 1]) for x in (runs, blocks))
    assert two.mean(0.95).value == pytest.approx(one.mean(0.95).value, rel=1e-12)
    values = runs.values("a", OPT, [0, 1])
    by_hand = np.add.reduceat(values.sum(axis=0), range(0, 300, 8))
    np.testing.assert_allclose(aligned([two])[0].sums[:, 0], by_hand, rtol=1e-12)


@pytest.mark.slow
def test_many_blocks_of_a_cell_are_joined(make_sweep):
    sweep = planted(make_sweep, seeds=5000, axes={"size": [0]}, extra={}, checkpoints=(8,))
    runs, blocks = both(sweep, block=2)
    one, two = (x.sample("a", OPT, [0]) for x in (runs, blocks))
    assert 512 <= len(two.clusters().sums) < 1024
    assert two.clusters().sums.sum() == pytest.approx(one.clusters().sums.sum(), rel=1e-12)
    assert blocks.error == pytest.approx(1 / 2048)


def test_blocks_out_of_order_are_refused(make_sweep):
    manifest, pieces = summed(planted(make_sweep))
    first, *_, last = pieces
    with pytest.raises(ValueError, match="out of order"):
        read(manifest, [last, first])


def test_nothing_is_drawn_of_nothing(make_sweep):
    manifest, _ = summed(planted(make_sweep))
    ledger = read(manifest, [])
    assert not ledger.complete and ledger.error == 0.0
    assert point_rows(ledger) == [] and not ledger.repeats(["a"], [0])
    assert math.isnan(ledger.sample("a", OPT, [0]).mean(0.95).value)
    with pytest.raises(NothingToDraw):
        _drawn({"kind": "cost-breakdown"}, ledger)


@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_pooled_quantiles_cover_the_truth(probability):
    """However much the points of a seed have in common."""
    covered = []
    for trial in range(150):
        draw = np.random.default_rng([trial, 7])
        world = draw.normal(size=400)
        values = np.stack([np.exp(0.8 * world + 0.2 * draw.normal(size=400)) * k for k in (1, 2)])
        sample = Blocks([_column(one) for one in values])
        big = np.random.default_rng(3).normal(size=(2, 100_000)) * math.hypot(0.8, 0.2)
        truth = np.quantile(np.exp(big) * [[1], [2]], probability)
        estimate = sample.quantile(probability, 0.95)
        covered.append(estimate.lower <= truth <= estimate.upper)
    assert np.mean(covered) >= 0.93


def _column(values, block=16):
    summary = Summary.of(values[:, None], np.ones((len(values), 1), bool))
    starts = np.arange(0, len(values), block)
    ends = np.stack([starts, starts + block], axis=1)
    sums = values.reshape(-1, block).sum(axis=1)
    at = summary.at(0)
    low, high = float(at.low), float(at.high)
    return Column(at.moments, low, high, at.sketch, ends, sums, np.full(len(starts), 1.0 * block))


@pytest.mark.parametrize("blocks", [30, 60])
def test_means_of_blocks_cover_the_truth(blocks):
    """Differences of lognormal costs that share their world, from 30 blocks of 16 seeds on."""
    hits = []
    for trial in range(400):
        draw = np.random.default_rng([trial, blocks])
        world = draw.normal(size=16 * blocks)
        better, worse = (np.exp(0.5 * (world + draw.normal(size=world.shape))) for _ in range(2))
        samples = [Blocks([_column(x)]) for x in (better, 1.1 * worse)]
        step = mean_step(samples[0], samples[1], 0.95)
        hits.append(step.lower <= 0.1 * math.exp(0.25) <= step.upper)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_a_paired_mean_is_that_of_the_differences():
    draw = np.random.default_rng(2)
    one, two = draw.normal(size=(2, 3, 40))
    pair = [st.cluster(x) for x in (one, two)]
    np.testing.assert_allclose(st.paired_mean(*pair), st.pooled_mean(one - two), rtol=1e-10)
    np.testing.assert_allclose(mean_step(Runs(two), Runs(one), 0.95), st.pooled_mean(one - two))
