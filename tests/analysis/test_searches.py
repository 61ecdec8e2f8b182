"""A report of tuned learners: the judgement, the course of the search, the landscape."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxsoco.analysis import figures, judgement, style
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.plots._landscape import LandscapePlot
from jaxsoco.analysis.plots._search import SearchPlot
from jaxsoco.analysis.report import write_report
from jaxsoco.analysis.searches import Parameter, searches
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.study import Study

WORLDS = np.random.default_rng(0).lognormal(0, 0.5, 64)
GAIN = {"tuned": 0.1, "default": 0.4, "opt": 0.0}
STEPS = 12


def cost(label, point, seeds, rounds):
    return 100 * (WORLDS[seeds, None] + GAIN[label]) * np.ones(len(rounds))


def tuning(parameters=("rate",), method="pathwise", **changes):
    """What a manifest says: the tuned learner beside the default, which theory's values are."""
    one = {
        "name": "pcm",
        "folder": "tuning/pcm-0",
        "method": method,
        "reason": "as asked for",
        "seeds": 32,
        "start": 0,
        "parameters": [{"name": name, "scale": "log", "choices": []} for name in parameters],
        "labels": {"tuned": "tuned", "default": "default", "theory": "default"},
        "values": {
            "tuned": dict.fromkeys(parameters, 0.02),
            "default": dict.fromkeys(parameters, 0.5),
            "theory": dict.fromkeys(parameters, 0.5),
        },
        "notes": ["default and theory have equal values, which are computed once."],
        "toml": '[[algorithm]]\nname = "pcm"\nrate = 0.02',
        **changes,
    }
    objective = {"against": "opt", "cost": None, "statistic": "mean", "level": None}
    return {"objective": objective, "learners": [one]}


@pytest.fixture
def planted(make_sweep, tmp_path):
    """Writes what a search leaves; returns manifest and pieces of the judging sweep."""

    def plant(parameters=("rate",), starts=0, places=True, **changes):
        sweep = make_sweep({}, ["tuned", "default"], ["opt"], cost, seeds=64, measure="regret")
        manifest = sweep.manifest()
        manifest["presentation"]["tuning"] = tuning(parameters, **changes)
        folder = tmp_path / "tuning" / "pcm-0"
        folder.mkdir(parents=True)
        shape = (STEPS, starts) if starts else (STEPS,)
        course = np.linspace(40, 10, STEPS).reshape(-1, *(1,) * (len(shape) - 1)) * np.ones(shape)
        if starts:
            course = course + np.arange(starts)
        values = np.geomspace(0.5, 0.02, STEPS).reshape(-1, *(1,) * len(shape))
        columns = {
            "objective": course,
            "low": course - 2,
            "high": course + 2,
            "values": values * np.ones((*shape, len(parameters))),
            "nonfinite": np.zeros(shape),
        }
        np.savez(folder / "search.npz", **{f"history.{k}": v for k, v in columns.items()})
        if places:
            axis = [0.005, 0.02, 0.08, 0.5]
            grid = np.stack(np.meshgrid(*[axis] * len(parameters)), -1).reshape(-1, len(parameters))
            heights = 10 + np.abs(np.log(grid / 0.02)).sum(axis=1)
            profile = {
                "values": grid.tolist(),
                "objective": [[h, h - 1, h + 1] for h in heights],
                "seeds": 32,
            }
            (folder / "landscape.json").write_text(json.dumps(profile))
        return manifest, list(sweep.pieces())

    return plant


def opened(planted, tmp_path, *arguments, **options):
    manifest, pieces = planted(*arguments, **options)
    ledger = read(manifest, pieces)
    (search,) = searches(ledger.study, tmp_path)
    return search, ledger


def drawn(kind, search, ledger):
    return figures.draw(kind(search, judgement.judged(search, ledger)), ledger)


def test_the_judgement_is_paired_and_names_each_learner_once(planted, tmp_path):
    search, ledger = opened(planted, tmp_path)
    tuned, default = judgement.judged(search, ledger)
    assert (tuned.row, default.row) == ("tuned", "default = theory")
    assert tuned.objective.value == pytest.approx(10) and default.objective.value == pytest.approx(
        40
    )
    # The worlds are the same, so that nothing is uncertain about the difference.
    assert tuple(default.gain) == pytest.approx((-30, -30, -30))
    assert judgement.verdict(default.gain) == "better"
    assert default.runs == 64
    text = judgement.text(search, judgement.judged(search, ledger), ledger)
    assert "pcm on 64 held-out seeds" in text and "rate = 0.02" in text
    assert "computed once" in text


def test_verdicts_follow_the_interval_alone():
    estimates = [(-1, -2, -0.1), (1, 0.1, 2), (-1, -2, 0.5), (0, 0, 0), (-1, math.nan, math.nan)]
    words = [judgement.verdict(Estimate(*ends)) for ends in estimates]
    assert words == ["better", "worse", "not told apart", "the same", "unknown"]
    assert judgement.verdict(Estimate(math.nan)) == ""


def test_the_course_has_a_panel_for_the_objective_and_each_parameter(planted, tmp_path):
    search, ledger = opened(planted, tmp_path, ("rate", "gain"))
    with style.figure_style():
        drawing = drawn(SearchPlot, search, ledger)
        objective, rate, gain = drawing.figure.axes
        assert objective.get_ylabel().replace("\n", " ") == "mean regret against opt (g)"
        assert (rate.get_ylabel(), gain.get_ylabel()) == ("rate", "gain")
        assert gain.get_xlabel() == "step" and rate.get_yscale() == "log"
        assert np.size(objective.lines[0].get_xdata()) == STEPS
        # The held-out values of the two that were judged.
        levels = sorted(float(np.asarray(x.get_ydata())[0]) for x in objective.lines[1:])
        assert levels == pytest.approx([10, 40])
    assert drawing.caption.startswith("Mean regret against opt of pcm over the 12 steps")
    assert "held-out" in drawing.caption
    steps = next(one for one in drawing.series if one.learner == "rate")
    assert steps.value[0] == pytest.approx(0.5) and steps.value[-1] == pytest.approx(0.02)


def test_of_several_starts_the_best_is_shown(planted, tmp_path):
    search, _ = opened(planted, tmp_path, starts=3, start=2)
    assert search.history["objective"][0] == pytest.approx(42)
    assert search.course(search.parameters[0])[-1] == pytest.approx(0.02)


def test_places_tried_without_order_are_not_joined(planted, tmp_path):
    search, ledger = opened(planted, tmp_path, method="random")
    with style.figure_style():
        line = drawn(SearchPlot, search, ledger).figure.axes[0].lines[0]
    assert line.get_linestyle() == "None"


def test_choices_are_named(planted, tmp_path):
    search, ledger = opened(planted, tmp_path, method="grid", places=False)
    search = replace(
        search,
        parameters=(Parameter("rate", "choice", ("slow", "fast")),),
        history={**search.history, "values": np.arange(STEPS)[:, None] % 2},
        values={"tuned": {"rate": "fast"}, "default": {"rate": "slow"}},
        labels={"tuned": "tuned", "default": "default"},
    )
    assert search.course(search.parameters[0])[:2] == ["slow", "fast"]
    with style.figure_style():
        panel = figures.draw(
            SearchPlot(search, judgement.judged(search, ledger)), ledger
        ).figure.axes[1]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["slow", "fast"]


def test_the_landscape_of_one_parameter_is_a_curve_with_marks(planted, tmp_path):
    search, ledger = opened(planted, tmp_path)
    with style.figure_style():
        drawing = drawn(LandscapePlot, search, ledger)
        (ax,) = drawing.figure.axes
        assert ax.get_xscale() == "log" and ax.get_xlabel() == "rate"
        assert ax.get_ylabel().replace("\n", " ") == "mean regret against opt (g)"
        labels = ax.get_legend_handles_labels()[1]
    assert labels == ["held-out seeds", "tuned: 0.02", "default = theory: 0.5"]
    marks = {one.learner: (one.x[0], one.value[0]) for one in drawing.series[1:]}
    assert marks["tuned"] == pytest.approx((0.02, 10))
    assert marks["default = theory"] == pytest.approx((0.5, 40))


def test_the_landscape_of_two_parameters_is_a_map_with_the_search(planted, tmp_path):
    search, ledger = opened(planted, tmp_path, ("rate", "gain"))
    with style.figure_style():
        drawing = drawn(LandscapePlot, search, ledger)
        ax, bar = drawing.figure.axes
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert bar.get_ylabel().replace("\n", " ") == "mean regret against opt (g)"
        path = np.asarray(ax.lines[-1].get_xdata())
    assert path[0] == pytest.approx(0.5) and path[-1] == pytest.approx(0.02)
    best = min(v for one in drawing.series for v in one.value)
    assert best == pytest.approx(10)


def test_the_report_has_the_section_figures_and_lines_to_paste(planted, tmp_path):
    manifest, pieces = planted()
    result = write_report(manifest, pieces, tmp_path)
    page = result.path.read_text()
    assert "<h2>Tuning</h2>" in page and "rate = 0.02" in page and "12 steps of 32 runs" in page
    names = [path.name for path in sorted((tmp_path / "figures").glob("*.png"))]
    assert names[:2] == ["01-search.png", "02-landscape.png"]
    assert "tuned less this" in result.summary_text


def test_a_damaged_search_costs_its_figures_alone(planted, tmp_path):
    manifest, pieces = planted()
    for path in (tmp_path / "tuning" / "pcm-0").iterdir():
        path.write_bytes(b"damaged")
    result = write_report(manifest, pieces, tmp_path)
    assert "01-search is not drawn" in result.summary_text
    assert "tuned less this" in result.summary_text


def test_an_ordinary_manifest_says_nothing_of_tuning(planted, tmp_path):
    manifest, pieces = planted()
    study = Study.from_json(manifest)
    assert Study.from_json(study.to_json()).presentation.tuning == study.presentation.tuning
    del manifest["presentation"]["tuning"]
    assert "tuning" not in Study.from_json(manifest).to_json()["presentation"]
    result = write_report(manifest, pieces, tmp_path)
    assert "Tuning" not in result.path.read_text()
    assert searches(Study.from_json(manifest), Path()) == []
