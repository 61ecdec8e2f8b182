"""Figures that a reader can trust: what is named, what is marked, what is cut, and what is text."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxsoco.analysis import figures, page, style, tables, write_report
from jaxsoco.analysis.constraints import (
    Breach,
    breaches,
    brief_footnote,
    footnote,
    worst_breaches,
)
from jaxsoco.analysis.drawings.cutting import Span, find_cut
from jaxsoco.analysis.drawings.cutting import figures as digits
from jaxsoco.analysis.drawings.series import Series, csv_of
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.plots import PLOTS, Plot
from jaxsoco.analysis.trial import shrink, try_folder, try_report
from jaxsoco.core.errors import InputError
from jaxsoco.core.escape import one_line, readable, short_names, spreadsheet
from jaxsoco.core.study import Study

ROUNDS = (10, 40, 160)
LEVELS = {"opt": 1.0, "near": 1.2, "middle": 1.3, "other": 1.5, "far": 90.0}


def level_cost(label, point, seeds, rounds):
    """Costs that grow with the rounds at the learner's own level, a little noisy."""
    noise = np.random.default_rng(7).normal(1, 0.01, 64)[seeds, None]
    return LEVELS.get(label, 2.0) * noise * np.sqrt(rounds)


def sweep_of(make_sweep, algorithms=("near", "middle", "other", "far"), **options):
    options = {"axes": {"size": [1, 2]}, "seeds": 8, "measure": "ratio"} | options
    axes = options.pop("axes")
    return make_sweep(axes, [*algorithms], ["opt"], level_cost, **options)


def drawn(plot, sweep):
    ledger = read(sweep.manifest(), sweep.pieces())
    with style.figure_style():
        return figures.draw(plot, ledger)


def texts(drawing):
    legend = drawing.figure.legends[0].get_texts() if drawing.figure.legends else ()
    return [text.get_text() for text in (*drawing.figure.axes[0].texts, *legend)]


# What a line is called


def test_a_legend_names_every_field_that_differs(make_sweep):
    variants = [(rate, width, c) for rate in (1e-3, 0.1) for width in (2,) for c in (1.0, 2.0)]
    labels = [f"tuned {i}" for i in range(len(variants))]
    sweep = make_sweep({}, [*labels, "flat(d=1)", "flat(d=2)"], ["opt"], level_cost, seeds=3)
    manifest = sweep.manifest()
    learners = {
        label: {"base": "tuned", "values": {"rate": rate, "width": width, "c": c}}
        for label, (rate, width, c) in zip(labels, variants, strict=True)
    } | {f"flat(d={d})": {"base": "flat", "values": {"d": d}} for d in (1, 2)}
    sweep.plant(manifest, learners)
    ledger = read(manifest, sweep.pieces())
    with style.figure_style():
        drawing = figures.draw({"kind": "measure-vs-parameter", "parameter": "c"}, ledger)
    names = [line.get_label() for line in drawing.figure.axes[0].lines]
    assert names == ["tuned(rate=0.001)", "tuned(rate=0.1)", "flat(d=1)", "flat(d=2)"]
    points = {(s.learner, x) for s in drawing.series for x in s.x}
    assert ("tuned(rate=0.1)", 2) in points


def test_algorithms_that_share_a_label_and_values_have_a_line_each(make_sweep):
    labels = ["same(a, c=1)", "same(a, c=2)", "same(b, c=1)", "same(b, c=2)"]
    sweep = make_sweep({}, labels, ["opt"], level_cost, seeds=3)
    manifest = sweep.manifest()
    for learner, name in zip(manifest["settings"]["learners"], "aabb", strict=True):
        learner["name"] = name
    learners = {
        label: {"base": "same", "values": {"c": c}}
        for label, c in zip(labels, (1.0, 2.0, 1.0, 2.0), strict=True)
    }
    sweep.plant(manifest, learners)
    ledger = read(manifest, sweep.pieces())
    with style.figure_style():
        drawing = figures.draw({"kind": "measure-vs-parameter", "parameter": "c"}, ledger)
    names = [line.get_label() for line in drawing.figure.axes[0].lines]
    assert names == ["same(a)", "same(b)"]


def test_no_two_figures_of_a_report_have_one_title(make_sweep):
    curve = {"kind": "curve", "cost": "move"}
    plots = [
        curve,
        curve | {"log": ["x"]},
        curve | {"log": ["x", "y"]},
        curve | {"rate": True},
        curve | {"algorithms": ["near"]},
        curve | {"where": {"size": 2}},
        curve | {"cost": "service"},
        curve,
        {"kind": "ratio-cdf"},
        {"kind": "cost-breakdown"},
        {"kind": "ratio-vs-axis", "axis": "size"},
        {"kind": "measure-vs-axis", "axis": "size"},
    ]
    study = Study.from_json(sweep_of(make_sweep, checkpoints=ROUNDS).manifest())
    titles = figures.titles(plots, study)
    assert len({*titles}) == len(plots)
    assert titles[5] == "Mean move by round, size = 2"
    assert "near" in titles[4]


def test_the_title_stands_over_the_figure_with_the_study_below(make_sweep):
    drawing = drawn({"kind": "ratio-cdf", "where": {"size": 2}}, sweep_of(make_sweep))
    assert drawing.figure.get_suptitle().strip() == "Distribution of ratios to opt, size = 2"
    assert "A planted sweep" in [text.get_text() for text in drawing.figure.texts]


@pytest.mark.parametrize("width", range(17, 48))
def test_a_title_does_not_break_inside_a_setting(width):
    title = "Mean shortfall by horizon, swing = 2, kind = lazy"
    lines = style.wrapped(title, width, 4).split("\n")
    assert " ".join(lines) == title
    assert max(map(len, lines)) <= width
    assert not any(line.startswith("=") or line.endswith(("=", "swing", "kind")) for line in lines)


# Outliers


@pytest.mark.parametrize(
    ("spans", "log", "above", "below"),
    [
        ([(1, 2), (1.5, 2.5), (90, 100)], False, {2}, set()),
        ([(1, 2), (1.5, 2.5), (0, 100)], False, {2}, set()),  # it leaves in the course of a run
        ([(1, 2), (1.5, 2.5), (-100, -90)], False, set(), {2}),
        ([(1, 2), (1.5, 2.5), (-100, -90), (99, 100), (1, 3)], False, {3}, {2}),
        ([(10, 200), (20, 1000), (5e-28, 6e-28)], True, set(), {2}),
        ([(1, 2), (1.5, 2.5), (900, 1000)], True, {2}, set()),
        ([(1, 2), (1.5, 2.5), (90, 100)], True, None, None),  # logarithms show them both
        ([(1, 2), (30, 31)], False, {1}, set()),
        ([(1, 2), (3, 4), (8, 9)], False, None, None),
        ([(1, 2), (90, 100), (1, 100)], False, None, None),  # no majority
        ([(0, 0), (0, 0), (0, 1600)], False, None, None),  # nothing to see in the others
        ([(1, 1 + 1e-14), (1, 1), (5, 9)], False, None, None),  # rounding
        ([(1, 2)], False, None, None),
    ],
)
def test_an_axis_is_cut_where_a_minority_flattens_the_others(spans, log, above, below):
    cut = find_cut({i: Span(*map(float, span)) for i, span in enumerate(spans)}, log=log)
    if above is None:
        assert cut is None
    else:
        assert cut is not None
        assert (set(cut.above), set(cut.below)) == (above, below)
        rest = [span for i, span in enumerate(spans) if i not in cut.outliers]
        assert (cut.low, cut.high) == (min(s[0] for s in rest), max(s[1] for s in rest))


@pytest.mark.parametrize(
    "plot",
    [
        {"kind": "measure-vs-axis", "axis": "size"},
        {"kind": "ratio-vs-axis", "axis": "size"},
        {"kind": "curve"},
        {"kind": "curve", "log": ["x", "y"]},
    ],
)
def test_a_far_learner_does_not_flatten_the_others(make_sweep, plot):
    checkpoints = ROUNDS if plot["kind"] == "curve" else (10,)
    drawing = drawn(plot, sweep_of(make_sweep, checkpoints=checkpoints))
    low, high = drawing.figure.axes[0].get_ylim()
    assert 0.5 < low < 1.2
    assert 1.5 < high < 2.2
    (note,) = [text for text in texts(drawing) if text.startswith("▲")]
    assert re.fullmatch(r"▲ far: (89|90)(\.\d)?( to 9\d(\.\d)?)?", note)
    assert "far" in texts(drawing)  # it keeps its line in the legend
    assert "The axis is cut: beyond it lies far, at " in drawing.caption
    assert max(max(s.value) for s in drawing.series if s.learner == "far") > 80  # and its data


def test_a_long_bar_and_a_far_distribution_are_cut(make_sweep):
    bars = drawn({"kind": "cost-breakdown"}, sweep_of(make_sweep))
    assert bars.figure.axes[0].get_xlim()[1] < 10
    assert any("▶" in text for text in texts(bars))
    cdf = drawn({"kind": "ratio-cdf"}, sweep_of(make_sweep))
    assert cdf.figure.axes[0].get_xlim()[1] < 2
    assert any(text.startswith("far: median") for text in texts(cdf))
    assert "beyond it lies far" in cdf.caption


def test_without_a_far_learner_nothing_is_cut(make_sweep):
    near = sweep_of(make_sweep, ["near", "middle", "other"])
    for plot in ({"kind": "ratio-vs-axis", "axis": "size"}, {"kind": "cost-breakdown"}):
        drawing = drawn(plot, near)
        assert "cut" not in drawing.caption
        assert not drawing.figure.axes[0].texts


def test_numbers_have_three_digits():
    values = (0.0, 731.2, 1627.4, 16_310.0, 0.012345, -98.21, 5e-28, 3.2e7)
    assert [digits(value) for value in values] == [
        *("0", "731", "1630", "16300", "0.0123", "−98.2", "5e−28", "3.2e7")
    ]


# Constraints


def test_who_breaks_a_constraint_is_marked(make_sweep, tmp_path):
    late = np.full(8, 0.25)
    sweep = sweep_of(make_sweep, extra={("shortfall", "near", 1): late})
    sweep.plots = [{"kind": "ratio-vs-axis", "axis": "size"}, {"kind": "cost-breakdown"}]
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    sentence = "† breaks its constraint: near, mean shortfall 0.125 job (0.25 at the worst point)."
    assert sentence in result.table_text
    rows = [line for line in result.table_text.splitlines() if re.match(r"[12] +near", line)]
    assert ["†" in row for row in rows] == [False, True]  # at the point where it does
    assert sentence in result.path.read_text(encoding="utf-8")
    for plot in sweep.plots:
        drawing = drawn(plot, sweep)
        assert sentence in drawing.caption
        shown = texts(drawing) + [t.get_text() for t in drawing.figure.axes[0].get_yticklabels()]
        assert "near †" in shown
        assert "middle" in shown
        note = drawing.figure.legends[0].get_title().get_text()
        assert sentence in " ".join(note.split())  # on several lines
    table = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert {row["algorithm"] for row in table} == {*sweep.learners}  # labels as they are


def test_who_breaks_a_constraint_at_one_point_alone_is_told(make_sweep):
    sweep = sweep_of(
        make_sweep,
        axes={"size": [1, 2, 3]},
        extra={
            ("shortfall", "near", 0): np.full(8, -1.0),
            ("shortfall", "near", 2): np.full(8, 0.5),
        },
    )
    ledger = read(sweep.manifest(), sweep.pieces())
    assert breaches(ledger, range(3), sweep.algorithms) == []
    told = footnote(worst_breaches(ledger, sweep.algorithms))
    assert told == "† breaks its constraint: near, mean shortfall 0.5 job at the worst point."


def test_many_breaches_are_a_range_under_the_figure():
    few = [Breach(name, "violation", mean, "block") for name, mean in (("a", 0.5), ("b", 2.0))]
    assert brief_footnote(few) == footnote(few)
    many = [*few, Breach("c", "violation", 0.01, "block"), Breach("d", "late", 1.0, "job")]
    ranges = "mean violation 0.01 to 2 block; mean late 1 job"
    assert brief_footnote(many) == f"† breaks its constraint: {ranges}."
    assert all(name in footnote(many) for name in "abcd")


def test_a_title_names_few_learners_and_counts_the_rest(make_sweep):
    study = Study.from_json(sweep_of(make_sweep, checkpoints=ROUNDS).manifest())
    plots = [{"kind": "cost-breakdown", "algorithms": [*names]} for names in ("abcde", "abc")]
    first, second = figures.titles(plots, study)
    assert first.endswith(", a and b and c and 2 more") and second.endswith(", a and b and c")


def test_no_line_leads_from_one_name_to_the_next(make_sweep):
    """Along names there are whiskers side by side: between ``false`` and ``true`` lies nothing."""
    sweep = sweep_of(make_sweep, ["near", "middle"], axes={"sample": [False, True]})
    for kind in ("measure-vs-axis", "ratio-vs-axis"):
        drawing = drawn({"kind": kind, "axis": "sample"}, sweep)
        ax = drawing.figure.axes[0]
        means = [line for line in ax.lines if line.get_marker() in ("o", "s")]
        assert len(means) == 2
        assert all(line.get_linestyle() == "None" for line in means)
        places = [np.asarray(line.get_xdata(), float) for line in means]
        assert np.all(places[0] < places[1])
        np.testing.assert_array_equal(np.round(places), [[0, 1], [0, 1]])
        (series,) = (series for series in drawing.series if series.learner == "near")
        assert [*series.x] == [False, True]


def test_many_outliers_leave_room_for_the_others(make_sweep):
    far = [f"far{i}" for i in range(6)]
    near = [f"near{i}" for i in range(7)]

    def spread(label, point, seeds, rounds):
        level = 500.0 + int(label[3:]) if label in far else 1.0 + 0.1 * near.index(label)
        return np.full((len(seeds), len(rounds)), level)

    def planted(label, point, seeds, rounds):
        return np.ones((len(seeds), 1)) if label == "opt" else spread(label, point, seeds, rounds)

    sweep = make_sweep({"size": [1, 2]}, [*far, *near], ["opt"], planted, seeds=2)
    drawing = drawn({"kind": "ratio-vs-axis", "axis": "size"}, sweep)
    notes = [t.get_text() for t in drawing.figure.axes[0].texts]
    assert notes == ["▲ far0: 500", "▲ far1: 501", "▲ and 4 more"]
    low, high = drawing.figure.axes[0].get_ylim()
    assert low < 1
    assert 1.6 < high < 2.1


def test_the_family_says_what_a_constraint_is_and_how_much_a_round_may_have(make_sweep):
    excess = np.full(8, 0.05)
    sweep = sweep_of(make_sweep, axes={}, extra={("shortfall", "near", 0): excess})
    manifest = deepcopy(sweep.manifest())
    for limit, broken in ((0.0, True), (0.004, True), (0.006, False), (None, True)):
        component = manifest["presentation"]["costs"][2]
        component.pop("limit", None)
        if limit is not None:
            component["limit"] = limit  # 10 rounds have 10 times that
        ledger = read(manifest, sweep.pieces())
        assert bool(breaches(ledger, [0], sweep.algorithms)) == broken, limit
    component["name"] = "violation"  # an older manifest says nothing of it
    manifest["plan"]["costs"][2] = "violation"
    assert Study.from_json(manifest).costs[2].limit is None


def test_rounding_breaks_no_constraint(make_sweep):
    sweep = sweep_of(make_sweep, extra={("shortfall", "near", 0): np.full(8, 1e-12)})
    ledger = read(sweep.manifest(), sweep.pieces())
    assert footnote(breaches(ledger, [0, 1], sweep.algorithms)) == ""


def test_constraints_survive_the_manifest():
    from jaxsoco.allocation.settings import FAMILY as allocation
    from jaxsoco.provisioning.settings import FAMILY as provisioning

    limits = {
        cost.name: cost.limit
        for family in (allocation, provisioning)
        for cost in family.costs
        if cost.limit is not None
    }
    assert limits == {"shortfall": 0.0, "violation": 1e-3}


# Data of the points


def test_the_points_of_every_figure_are_data(make_sweep, tmp_path):
    sweep = sweep_of(make_sweep, axes={"size": [1, 2], "kind": ["x", "y"]})
    sweep.plots = [
        {"kind": "ratio-vs-axis", "axis": "size"},
        {"kind": "ratio-vs-axis", "axis": "kind"},
        {"kind": "measure-vs-axis", "axis": "kind"},
        {"kind": "ratio-cdf"},
        {"kind": "cost-breakdown"},
    ]
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    ledger = read(sweep.manifest(), sweep.pieces())
    records = {
        path.name[:2]: list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        for path in (tmp_path / "figures").glob("*.csv")
    }
    assert sorted(records) == ["01", "02", "03", "04", "05"]
    first = next(r for r in records["01"] if (r["learner"], r["x"]) == ("near", "2"))
    assert first["panel"] == "Mean ratio to opt by size"
    points = ledger.study.select({"size": 2})
    ratios = ledger.values("near", "opt", points)
    assert float(first["value"]) == pytest.approx(ratios.mean(), rel=1e-12)
    assert float(first["lower"]) < float(first["value"]) < float(first["upper"])
    for number in ("02", "03"):
        assert {r["x"] for r in records[number]} == {"x", "y"}
    assert {r["x"] for r in records["05"]} == {"service", "move", "total"}
    total = next(r for r in records["05"] if (r["learner"], r["x"]) == ("opt", "total"))
    assert float(total["value"]) == pytest.approx(np.nanmean(ledger.totals("opt", range(4))))
    assert max(float(r["value"]) for r in records["04"]) == 1.0


def test_a_kind_that_says_nothing_of_its_data_gets_those_on_the_axes(make_sweep, bare_kind):
    drawing = drawn({"kind": bare_kind}, sweep_of(make_sweep))
    ((learner, x, y, *_),) = drawing.series
    assert (learner, x, y) == ("mine", [1.0, 2.0], [3.0, 5.0])


@pytest.fixture
def bare_kind():
    class Bare(Plot):
        name = "bare"
        summary = "two dots"

        def draw(self, ledger, ax):
            ax.plot([1, 2], [3, 5], label="mine")
            return "Two dots."

    PLOTS.register(Bare)
    yield "bare"
    del PLOTS._kinds["bare"]


# Text is text

NASTY = [
    "5$ to 10$",
    r"$\frac{1}{$ \$ {} ^_ %",
    "_hidden",
    "<b>&amp;\"'</b>",
    "=cmd|' /C calc'!A0",
    "成本 🚀 e\u0301 ‮abc",
    "a\x1b[31mb\x00\x07\ud800",
    "two\nlines\tand a tab",
    "long " * 60,
    "x" * 300,
]


class Strict(HTMLParser):
    """A page whose tags close."""

    def __init__(self):
        super().__init__()
        self.open, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("measure", ["ratio", "regret"])
def test_a_report_takes_any_text(make_sweep, tmp_path, measure):
    """Titles, labels, axes, values, units, names of costs; warnings are errors here."""
    labels = [f"{text}{i}" if len(text) > 200 else text for i, text in enumerate(NASTY)]
    sweep = make_sweep(
        {"$ize_1$": NASTY[:4], "size": [1, 2]},
        labels,
        ["o$pt_$"],
        level_cost,
        seeds=2,
        measure=measure,
        title="\n".join(NASTY),
    )
    kinds = [
        {"kind": "measure-vs-axis", "axis": "$ize_1$", "where": {"size": 2}},
        {"kind": "measure-vs-axis", "axis": "size", "where": {"$ize_1$": "5$ to 10$"}},
        {"kind": "cost-breakdown"},
    ]
    if measure == "ratio":
        kinds += [{"kind": "ratio-vs-axis", "axis": "$ize_1$"}, {"kind": "ratio-cdf"}]
    sweep.plots = kinds
    sweep.checks = [{"kind": "value", "algorithm": NASTY[0], "at_most": 9.0}]
    manifest = deepcopy(sweep.manifest())
    manifest["presentation"]["units"] = {"size": "$^{", "$ize_1$": "\x1b"}
    for cost, unit in zip(manifest["presentation"]["costs"], ("$", "_$^", "<"), strict=True):
        cost["unit"] = unit
    manifest["presentation"]["command"] = "jaxsoco run caf\udce9.toml"
    try_report(manifest)
    result = write_report(manifest, sweep.pieces(), tmp_path)
    assert result.failures == ()
    html = result.path.read_text(encoding="utf-8")
    parsed = Strict()
    parsed.feed(html)
    assert not parsed.open
    assert "b" not in parsed.tags
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)
    assert r"caf\xe9.toml" in html
    json.loads((tmp_path / "checks.json").read_text(encoding="utf-8"))
    for path in (tmp_path / "figures").glob("*.svg"):
        assert ET.fromstring(path.read_bytes()).tag.endswith("svg")
    for path in [tmp_path / "table.csv", *(tmp_path / "figures").glob("*.csv")]:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))]
        assert not [cell for row in rows for cell in row if re.match(r"-(?![\d.]+(e|$))", cell)]


def test_dollars_are_shown_as_they_are(make_sweep):
    sweep = sweep_of(make_sweep, ["5$ to 10$", "_b"], title="5$ to 10$")
    ledger = read(sweep.manifest(), sweep.pieces())
    with style.figure_style():
        drawing = figures.draw({"kind": "ratio-vs-axis", "axis": "size"}, ledger)
        drawing.figure.draw_without_rendering()
        shown = drawing.figure.legends[0].get_texts()
        plain = [text._preprocess_math(text.get_text()) for text in shown]
    assert plain == [("5$ to 10$", False), (" _b", False)]


def test_long_names_stay_apart():
    labels = tuple(f"{'x' * 300}{i}{'y' * 300}" for i in range(12))
    short = short_names(labels, 44)
    assert len({*short.values()}) == 12
    assert max(map(len, short.values())) <= 44


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
def test_no_cell_is_a_formula(sign):
    assert spreadsheet(f"{sign}1+1") == f"'{sign}1+1"
    assert spreadsheet(f"a{sign}") == f"a{sign}"


def test_control_characters_become_escapes():
    assert readable("a\x1b[2Jb\u202ec\udcff") == r"a\x1b[2Jb\u202ec\xff"
    assert readable("two\n\tlines, é, 成") == "two\n\tlines, é, 成"
    assert one_line(" two\n\tlines ") == "two lines"


def test_tables_fit_a_screen(make_sweep):
    sweep = sweep_of(make_sweep)
    wide = page.Table(["a label"], [["z" * 400]], 1)
    assert page.width(wide) < page.WIDTH  # a long cell breaks
    assert 'class="left long"' in page.table_of(wide)
    ledger = read(sweep.manifest(), sweep.pieces())
    header, body = tables.cells_for_people(ledger, tables.point_rows(ledger))
    assert page.width(page.Table(header, body, 2)) < page.WIDTH


def test_the_checks_stack_on_a_narrow_screen(make_sweep, tmp_path):
    sweep = sweep_of(make_sweep, checks=[{"kind": "complete"}])
    html = write_report(sweep.manifest(), sweep.pieces(), tmp_path).path.read_text("utf-8")
    assert 'class="scroll checks"' in html
    narrow = html[html.index("@media (max-width: 40rem)") :]
    assert ".checks td.wrap { grid-column: 1 / -1;" in narrow
    assert "min-width: 20rem" not in html


# Tried before anything is computed


def test_a_figure_that_raises_is_named_and_the_others_are_drawn(make_sweep, tmp_path, bare_kind):
    def draw(self, ledger, ax):
        raise ZeroDivisionError("by design")

    PLOTS.kind(bare_kind).draw = draw
    sweep = sweep_of(make_sweep, plots=[{"kind": bare_kind}, {"kind": "ratio-cdf"}])
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    ((place, error),) = result.failures
    assert place == "plot[0]"
    assert isinstance(error, ZeroDivisionError)
    assert "Figure 01-bare cannot be drawn: ZeroDivisionError: by design" in result.summary_text
    assert (tmp_path / "figures" / "02-ratio-cdf.png").is_file()
    with pytest.raises(InputError, match=r"plot\[0\]: cannot be drawn: ZeroDivisionError"):
        try_report(sweep.manifest())


def test_a_trial_has_every_value_and_little_else(make_sweep):
    sweep = make_sweep(
        {"size": [*range(20)], "kind": ["x", "y", "z"]}, ["near"], ["opt"], level_cost, seeds=5000
    )
    small = shrink(sweep.manifest())
    points = small["settings"]["points"]
    assert len(points) == 24
    assert {point["size"] for point in points} == {*range(20)}
    assert {point["kind"] for point in points} == {"x", "y", "z"}
    study = Study.from_json(small)
    assert study.seeds == 3
    assert [p for group in study.groups for p in group.points] == [*range(24)]


def test_a_folder_is_tried(tmp_path):
    try_folder(tmp_path / "new")
    try_folder(tmp_path)
    (tmp_path / "figures").write_text("a file")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError) as caught:
        try_folder(tmp_path)
    assert [issue.path for issue in caught.value.issues] == [
        *(str(tmp_path / name) for name in ("figures", "report.html"))
    ]


def test_places_of_a_figures_csv_are_plain_numbers():
    """Settings may come as NumPy's floats, which say their type."""
    series = Series("a", (np.float64(0.8), 1, 0.1), [1.0, np.float64(2.5), np.nan])
    rows = list(csv.reader(io.StringIO(csv_of("panel", [series]))))
    assert [row[2] for row in rows[1:]] == ["0.8", "1", "0.1"]
    assert [row[3] for row in rows[1:]] == ["1.0", "2.5", ""]
