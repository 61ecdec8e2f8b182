"""The report: files, exact numbers, a page that stands alone, and figures worth looking at."""

import base64
import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from survivors import temporary_of_the_dead

from jaxsoco.analysis import figures, plots, style, tables, write_report
from jaxsoco.analysis.drawings import distribution
from jaxsoco.analysis.ledger import read
from jaxsoco.core.errors import InputError

CHECK = {"kind": "ratio", "algorithm": "pcm", "at_most": 1.5}


def cost(label, point, seeds, rounds):
    world = np.random.default_rng(0).lognormal(6, 0.5, 64)[seeds, None]
    regret = {"opt": 0.0, "pcm": 0.3, "st_clip(epsilon=0.1)": 0.1}[label]
    noise = np.random.default_rng([len(label), int(point.get("size", 0))]).lognormal(0, 0.5, 64)
    return world * (rounds / 10) ** 0.5 * (1 + regret * noise[seeds, None])


@pytest.fixture
def sweep(make_sweep):
    return make_sweep(
        {"size": [1, 2, 4], "kind": ["x & y", "z"]},
        ["pcm", "st_clip(epsilon=0.1)"],
        ["opt"],
        cost,
        seeds=64,
        pack=100,
        checks=[CHECK, {"kind": "complete"}],
        plots=[
            {"kind": "ratio-vs-axis", "axis": "size"},
            {"kind": "ratio-vs-axis", "axis": "kind", "where": {"size": 2}},
            {"kind": "ratio-cdf", "algorithms": ["pcm"]},
            {"kind": "cost-breakdown"},
        ],
        move=lambda label, point, seeds: np.full(len(seeds), 10.0),
        title="Cost <against> size",
    )


class Structure(HTMLParser):
    """Open tags must close; collects what the page refers to."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.loads, self.links, self.text = [], set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name == "src"]
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    page = Structure()
    page.feed(path.read_text(encoding="utf-8"))
    assert not page.open
    return page


def test_the_files_of_a_report(sweep, tmp_path):
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert result.checks_passed
    assert result.path == tmp_path / "report.html"
    names = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    kinds = ("01-ratio-vs-axis", "02-ratio-vs-axis", "03-ratio-cdf", "04-cost-breakdown")
    drawn = {f"figures/{kind}.{form}" for kind in kinds for form in ("png", "svg", "csv")}
    assert names == {"table.csv", "checks.json", "report.html"} | drawn
    for name in drawn:
        data = (tmp_path / name).read_bytes()
        if name.endswith("csv"):
            assert data.startswith(b"panel,learner,x,value,lower,upper\n")
            continue
        assert len(data) > 5000
        if name.endswith("svg"):
            assert ET.fromstring(data).tag.endswith("svg")
        else:
            assert data.startswith(b"\x89PNG")
    checks = json.loads((tmp_path / "checks.json").read_text())
    assert checks["passed"] is True
    assert checks["complete"] is True
    assert [c["check"]["kind"] for c in checks["checks"]] == ["ratio", "complete"]
    assert checks["checks"][0]["lower"] < checks["checks"][0]["value"]


def test_the_page_stands_alone(sweep, tmp_path):
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    html = result.path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import|<script", html)
    page = parse(result.path)
    assert len(page.loads) == 4
    for link in page.loads:
        head, data = link.split(",", 1)
        assert head == "data:image/svg+xml;base64"
        assert ET.fromstring(base64.b64decode(data)).tag.endswith("svg")
    assert len(page.links) == 12
    assert all((tmp_path / link).is_file() for link in page.links)
    text = " ".join(page.text).replace("\xa0", " ")
    for expected in (
        "Cost <against> size",
        "data by nobody <CC0>",
        "nothing is real",
        'figure = "A planted sweep" # <b>&</b>',
        "jaxsoco run planted.toml",
        "ab" * 32,
        "passed",
        "95 % Student-t intervals",
        "64 runs a point",
        "6.0 s",
    ):
        assert expected in text, expected
    assert "b" not in page.tags
    assert "Incomplete" not in text


def test_a_failed_check_is_told_everywhere(sweep, tmp_path):
    sweep.checks = [CHECK | {"at_most": 1.01}]
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert not result.checks_passed
    assert "check FAILED: mean cost ratio of pcm to opt is 1.3" in result.summary_text
    assert json.loads((tmp_path / "checks.json").read_text())["passed"] is False
    assert "FAILED" in parse(result.path).text


def test_failures_are_counted(sweep, tmp_path):
    bad = np.zeros(64)
    bad[:5] = 1
    sweep.extra = {("nonfinite", "pcm", 0): bad, ("faults", "opt", 1): bad}
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    told = ["pcm: 5 of 384 runs with a cost that is not finite", "opt: 5 of 384 runs with a kernel"]
    page = " ".join(parse(result.path).text)
    for sentence in told:
        assert sentence in result.summary_text
        assert sentence in page
    assert "non-finite" in result.table_text
    assert not result.checks_passed


def test_an_incomplete_run_says_so(sweep, tmp_path):
    pieces = list(sweep.pieces())
    result = write_report(sweep.manifest(), pieces[:2], tmp_path)
    sentence = "600 of 1152 runs are there"
    assert sentence in result.summary_text
    assert "Incomplete." in parse(result.path).text
    assert sentence in " ".join(parse(result.path).text)
    assert json.loads((tmp_path / "checks.json").read_text())["complete"] is False


def test_a_study_without_runs_is_reported(sweep, tmp_path):
    result = write_report(sweep.manifest(), [], tmp_path)
    assert result.table_text == "no runs yet"
    assert not result.checks_passed
    assert "is not drawn" in " ".join(parse(result.path).text)
    assert (tmp_path / "table.csv").read_text() == "size,kind,algorithm\n"


def test_figures_of_an_earlier_report_go(sweep, tmp_path):
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    (tmp_path / "figures" / "mine.png").write_bytes(b"kept")
    sweep.plots = [{"kind": "ratio-cdf"}]
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    names = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert names == [*(f"01-ratio-cdf.{form}" for form in ("csv", "png", "svg")), "mine.png"]


def test_what_a_killed_report_left_goes(sweep, tmp_path):
    (tmp_path / "figures").mkdir()
    left = [temporary_of_the_dead(tmp_path / name) for name in ("table.csv", "figures/01-a.svg")]
    for file in left:
        file.write_text("half")
    write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert not any(file.exists() for file in left)


def test_the_same_runs_give_the_same_files(sweep, tmp_path):
    for name in ("a", "b"):
        write_report(sweep.manifest(), sweep.pieces(), tmp_path / name)
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file():
            assert (
                path.read_bytes()
                == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
            )


def test_the_table_reads_back_to_the_same_bits(sweep):
    ledger = read(sweep.manifest(), sweep.pieces())
    rows = tables.point_rows(ledger)
    records = list(csv.DictReader(io.StringIO(tables.csv_text(ledger, rows))))
    assert len(records) == len(rows) == 18
    for row, record in zip(rows, records, strict=True):
        point = sweep.points[row.points[0]]
        assert (float(record["size"]), record["kind"]) == (point["size"], point["kind"])
        assert record["algorithm"] == row.learner
        assert record["role"] == ("comparator" if row.learner == "opt" else "algorithm")
        assert int(record["runs"]) == 64
        assert float(record["cost_mean"]) == row.cost.mean.value
        assert float(record["move_mean"]) == row.parts["move"] == 10.0
        assert float(record["shortfall_max"]) == 0.0
        if row.learner == "opt":
            assert record["ratio_opt_mean"] == ""
            continue
        spread = row.measures["opt"]
        names = ("mean", "lower", "upper", "median", "median_lower", "median_upper", "p95", "max")
        values = (*spread.mean, *spread.median, spread.p95, spread.largest)
        assert tuple(float(record[f"ratio_opt_{n}"]) for n in names) == values


@pytest.mark.parametrize("heavy", [[], [0, 1]], ids=["", "heavy"])
def test_shares_of_runs_have_a_column_for_people(make_sweep, heavy):
    def planted(every):
        sweep = make_sweep(
            {"size": [1, 2]}, ["pcm"], ["opt"], cost, seeds=64,
            move=lambda label, point, seeds: 1.0 * (label == "pcm") * (seeds % 16 < every),
        )  # fmt: skip
        manifest = sweep.manifest()
        costs = [dict(one) for one in manifest["presentation"]["costs"]]
        costs[1] |= {"objective": False, "share": True}
        manifest["presentation"] |= {"costs": costs, "heavy_tailed": heavy}
        ledger = read(manifest, sweep.pieces())
        return tables.cells_for_people(ledger, tables.point_rows(ledger))

    for every, share in ((3, "18.8 %"), (0, "0 %")):
        header, body = planted(every)
        column = [row[header.index("move")] for row in body]
        assert column == [share, "0 %", share, "0 %"]


def test_table_rows_by_numpy(sweep):
    ledger = read(sweep.manifest(), sweep.pieces())
    row = next(r for r in tables.point_rows(ledger) if r.learner == "pcm" and r.points == (3,))
    seeds, rounds, point = np.arange(64), np.array([10]), sweep.points[3]
    ratio = (cost("pcm", point, seeds, rounds) + 10) / (cost("opt", point, seeds, rounds) + 10)
    spread = row.measures["opt"]
    np.testing.assert_allclose(spread.mean.value, ratio.mean(), rtol=1e-12)
    np.testing.assert_allclose(spread.median.value, np.median(ratio), rtol=1e-12)
    np.testing.assert_allclose(spread.p95, np.quantile(ratio, 0.95), rtol=1e-12)
    np.testing.assert_allclose(spread.largest, ratio.max(), rtol=1e-12)
    ordered = np.sort(ratio[:, 0])
    assert spread.median[1:] == (ordered[23], ordered[40])  # ranks 24 and 41 of 64


def test_a_long_table_is_pooled_for_people(make_sweep):
    sweep = make_sweep({"size": [*range(1, 31)]}, ["pcm"], ["opt"], cost, seeds=64)
    ledger = read(sweep.manifest(), sweep.pieces())
    pooled, _ = tables.pooled_rows(ledger)
    single = [r for r in tables.point_rows(ledger) if r.learner == "pcm"]
    assert len(single) == 30
    assert pooled.runs == 30 * 64
    np.testing.assert_allclose(
        pooled.measures["opt"].mean.value,
        np.mean([r.measures["opt"].mean.value for r in single]),
        rtol=1e-12,
    )
    np.testing.assert_allclose(pooled.parts["service"], pooled.cost.mean.value, rtol=1e-12)


def test_the_terminal_table(make_sweep, tmp_path):
    sweep = make_sweep({"size": [*range(1, 31)]}, ["pcm"], ["opt"], cost, seeds=64)
    text = write_report(sweep.manifest(), sweep.pieces(), tmp_path).table_text
    assert text.startswith("pooled over all 30 points (size); table.csv has 60 rows")
    sweep.axes = {"size": [1, 2]}
    lines = write_report(sweep.manifest(), sweep.pieces(), tmp_path).table_text.splitlines()
    assert lines[0].split() == [
        *("size", "algorithm", "runs", "cost", "[g]", "/", "opt", "median", "p95", "max")
    ]
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["1", "pcm", "64"],
        ["1", "opt", "64"],
        ["2", "pcm", "64"],
        ["2", "opt", "64"],
    ]
    ends = {
        match.end() for line in lines[2:6:2] for match in [re.search(r"± [\d.]+", line)] if match
    }
    assert len(ends) == 1  # columns are aligned


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        ((1.42137, 1.4101, 1.4326), "1.421 ± 0.011"),
        ((650.2, 634.1, 666.3), "650 ± 16"),
        ((2.0, 2.0, 2.0), "2.000"),
        ((0.012345, float("nan"), float("nan")), "0.01235"),
        ((float("nan"),) * 3, "–"),
    ],
)
def test_numbers_show_two_digits_of_their_error(estimate, text):
    shown = tables.with_interval(tables.Estimate(*estimate))
    assert shown.removesuffix(" ± 0.000") == text


def test_checkpoints_get_curves_and_a_figure(make_sweep, tmp_path):
    sweep = make_sweep(
        {}, ["pcm"], ["opt"], cost, seeds=64, checkpoints=(10, 40, 160), measure="regret"
    )
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    records = list(csv.DictReader(io.StringIO((tmp_path / "curves.csv").read_text())))
    mine = [r for r in records if r["algorithm"] == "pcm"]
    assert [int(r["round"]) for r in mine] == [10, 40, 160]
    seeds, rounds = np.arange(64), np.array([10, 40, 160])
    regret = (cost("pcm", {}, seeds, rounds) - cost("opt", {}, seeds, rounds)).mean(axis=0)
    np.testing.assert_allclose([float(r["regret_opt_mean"]) for r in mine], regret, rtol=1e-12)
    assert (tmp_path / "figures" / "01-regret-vs-horizon.svg").stat().st_size > 5000
    assert re.search(r"pcm +horizon +0\.500", result.summary_text)


def test_a_learner_looks_the_same_in_all_figures(sweep):
    ledger = read(sweep.manifest(), sweep.pieces())
    looks = []
    with style.figure_style():
        for plot in (
            {"kind": "ratio-vs-axis", "axis": "size"},
            {"kind": "ratio-cdf", "algorithms": ["st_clip(epsilon=0.1)"]},
        ):
            ax = figures.draw(plot, ledger).figure.axes[0]
            (line,) = [x for x in ax.lines if x.get_label() == "st_clip(epsilon=0.1)"]
            looks.append((line.get_color(), line.get_marker(), line.get_linestyle()))
    assert looks[0] == looks[1]


def test_learners_look_different():
    labels = [f"learner {i}" for i in range(40)]
    assert len({str(line) for line in style.lines(labels).values()}) == 40


def test_bands_and_distributions_are_those_of_the_runs(sweep):
    ledger = read(sweep.manifest(), sweep.pieces())
    ratios = ledger.values("pcm", "opt", range(6))
    with style.figure_style():
        drawing = figures.draw({"kind": "ratio-vs-axis", "axis": "size"}, ledger)
        cdf = figures.draw({"kind": "ratio-cdf"}, ledger)
    (line,) = [x for x in drawing.figure.axes[0].lines if x.get_label() == "pcm"]
    np.testing.assert_allclose(
        np.asarray(line.get_ydata()), ratios.reshape(3, -1).mean(axis=1), rtol=1e-12
    )
    assert "95 % Student-t intervals" in drawing.caption
    assert "pooled over kind" in drawing.caption
    (steps,) = [x for x in cdf.figure.axes[0].lines if x.get_label() == "pcm"]
    x, y = np.asarray(steps.get_xdata()), np.asarray(steps.get_ydata())
    assert len(x) == 386
    np.testing.assert_allclose(y[200], np.mean(ratios <= x[200]))


def test_many_runs_are_drawn_with_few_steps():
    values = np.sort(np.random.default_rng(0).lognormal(size=100_000))
    x, y = distribution.steps(values, 5.0)
    assert len(x) <= 510
    exact = np.searchsorted(values, x[1:-1], side="right") / values.size
    np.testing.assert_allclose(y[1:-1], exact, atol=1e-12)
    assert np.diff(y).max() < 0.003


def test_drawing_leaves_matplotlib_alone(sweep):
    import matplotlib

    before = dict(matplotlib.rcParams)
    ledger = read(sweep.manifest(), sweep.pieces())
    with style.figure_style():
        figures.draw({"kind": "cost-breakdown"}, ledger)
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    ("plot", "key", "text"),
    [
        ({"kind": "ratio-vs-axes", "axis": "size"}, "kind", '"ratio-vs-axis"'),
        ({"kind": "ratio-vs-axis"}, "axis", "is missing"),
        ({"kind": "ratio-vs-axis", "axis": "one"}, "axis", "only one value"),
        ({"kind": "ratio-cdf", "algorithms": ["pmc"]}, "algorithms[0]", '"pcm"'),
        ({"kind": "ratio-cdf", "against": "pcm"}, "against", 'no comparator "pcm" (known: opt'),
        ({"kind": "ratio-cdf", "axis": "size"}, "axis", "not a field"),
        ({"kind": "cost-breakdown", "where": {"size": 9}}, "where.size", "selects no value"),
        ({"kind": "regret-vs-horizon"}, "kind", "run.horizons"),
    ],
)
def test_bad_plots_name_the_field_and_the_remedy(plot, key, text):
    axes = {"size": [1, 2], "one": [1]}
    with pytest.raises(InputError) as caught:
        plots.validate_plot(plot, ["pcm"], ["opt"], axes, path="plot[1]")
    assert [i.path for i in caught.value.issues] == [f"plot[1].{key}"]
    assert text in str(caught.value)


def test_every_plot_is_declared_and_drawn(sweep):
    assert len(plots.PLOTS) == 10
    assert all(plots.PLOTS.kind(name).draw is not plots.Plot.draw for name in plots.PLOTS)
    for plot in sweep.plots:
        plots.validate_plot(plot, sweep.algorithms, sweep.comparators, sweep.axes)
    plots.validate_plot({"kind": "regret-vs-horizon"}, ["pcm"], ["opt"], {}, checkpoints=4)


def test_validation_needs_neither_jax_nor_matplotlib():
    code = (
        "import sys, jaxsoco.analysis\n"
        "print(*(m for m in ('jax', 'matplotlib', 'scipy') if m in sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
