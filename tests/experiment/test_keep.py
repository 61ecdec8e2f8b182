"""``run.keep``: what is kept, how large it is, and what is refused before anything is computed."""

from pathlib import Path

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.experiment.expand import expand
from jaxsoco.experiment.overview import check_document, check_text
from jaxsoco.experiment.spec import load_experiment

SPEC = {
    "figure": "Two learners",
    "family": "tracking",
    "problem": {"name": "quadratic_tracking", "dimension": [2, 3]},
    "algorithm": [
        {"name": "passive_learner", "learning_rate": [1e-3, 1e-2]},
        {"name": "follow_minimizer"},
    ],
    "run": {
        "horizons": [20, 40],
        "checkpoints": 4,
        "seeds": 1000,
        "keep": "moments",
        "compare": ["online_optimum_path"],
    },
}
LEARNER = "passive_learner(learning_rate=0.01)"


def load(tmp_path, **changes):
    run = SPEC["run"] | changes.pop("run", {})
    assignments = changes.pop("assignments", ())
    tables = {**SPEC, **changes, "run": run}
    return load_experiment(Path(tmp_path, "x.toml"), tables=tables, assignments=assignments)


REFUSED = {
    "check-order": (
        {"kind": "order", "algorithms": [LEARNER, "follow_minimizer"], "statistic": "median"},
        "the difference of two medians resamples single runs",
    ),
    "check-slope": (
        {"kind": "slope", "algorithm": LEARNER, "between": [0, 1], "statistic": "median"},
        "an exponent of medians resamples single runs",
    ),
    "check-trend": (
        {
            **{"kind": "trend", "algorithm": LEARNER, "exponent": 0.5, "through": 40},
            **{"between": [0, 2], "statistic": "median"},
        },
        "the ratio of two medians resamples single runs",
    ),
    "check-minimum": (
        {
            **{"kind": "minimum", "algorithm": "passive_learner", "parameter": "learning_rate"},
            **{"between": [0, 1], "statistic": "median"},
        },
        "a profile of medians resamples single runs",
    ),
    "check-ratio": (
        {"kind": "ratio", "algorithm": LEARNER, "against": "follow_minimizer", "at_most": 2},
        "ratios are summed up against comparators, and follow_minimizer is a learner",
    ),
    "plot-ratio-cdf": ({"kind": "ratio-cdf"}, "the distribution is drawn run by run"),
    "plot-curve": (
        {"kind": "curve", "rate": True, "statistic": "median"},
        "the median increment is that of single runs",
    ),
}


@pytest.mark.parametrize(("table", "why"), REFUSED.values(), ids=REFUSED)
def test_what_moments_cannot_answer_is_refused(tmp_path, request, table, why):
    what = request.node.callspec.id.partition("-")[0]
    with pytest.raises(InputError) as refused:
        load(tmp_path, **{what: [table]})
    (issue,) = refused.value.issues
    assert issue.path == f"{what}[0].kind"
    assert issue.message == f'needs every run, and keep = "moments" keeps none: {why}'
    assert issue.hint == 'want run.keep = "checkpoints" or "final"'
    load(tmp_path, **{what: [table]}, run={"keep": "checkpoints"})


def test_what_moments_answer_is_not(tmp_path):
    checks = [
        {"kind": "order", "algorithms": [LEARNER, "follow_minimizer"]},
        {"kind": "slope", "algorithm": LEARNER, "between": [0, 1]},
        {
            **{"kind": "trend", "algorithm": LEARNER, "exponent": 0.5},
            **{"through": 40, "between": [0, 2]},
        },
        {"kind": "ratio", "algorithm": LEARNER, "statistic": "p95", "at_most": 2},
        {"kind": "value", "algorithm": LEARNER, "statistic": "median", "at_most": 2},
        {"kind": "complete"},
    ]
    plots = [
        {"kind": "curve", "statistic": "median"},
        {"kind": "regret-vs-horizon", "statistic": "median"},
        {"kind": "cost-breakdown"},
    ]
    experiment = load(tmp_path, check=checks, plot=plots)
    assert len(experiment.checks) == 6 and len(experiment.plots) == 3


def test_a_check_that_the_command_line_makes_unanswerable_is_left_out(tmp_path):
    table = REFUSED["plot-ratio-cdf"][0]
    run = {"keep": "checkpoints"}
    experiment = load(tmp_path, plot=[table], run=run, assignments=["run.keep=moments"])
    assert not experiment.plots
    assert "left out of this run: plot[0].kind: needs every run" in experiment.warnings[0]


@pytest.mark.parametrize("where", [{}, {"where": {"increments": "cauchy"}}])
def test_costs_without_a_mean_are_judged_by_medians(tmp_path, where):
    """The statistic is not stated: only the problem knows that it is the median."""
    problem = {**SPEC["problem"], "increments": ["gaussian", "cauchy"]}
    check = {"kind": "order", "algorithms": [LEARNER, "follow_minimizer"], **where}
    with pytest.raises(InputError, match="the difference of two medians resamples single runs"):
        expand(load(tmp_path, problem=problem, check=[check]))
    expand(load(tmp_path, problem=problem, check=[check], run={"keep": "final"}))
    check["where"] = {"increments": "gaussian"}
    expand(load(tmp_path, problem=problem, check=[check]))
    check.pop("where")
    expand(load(tmp_path, problem=problem, check=[check | {"statistic": "mean"}]))


def test_a_keep_of_another_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"run\.keep"):
        load(tmp_path, run={"keep": "everything"})


def test_final_keeps_the_last_round_alone(tmp_path):
    curve = [{"kind": "curve"}]
    with pytest.raises(InputError, match="costs are kept at the end of a run only"):
        load(tmp_path, plot=curve, run={"keep": "final"})
    sizes = [expand(load(tmp_path, run={"keep": k})) for k in ("final", "checkpoints")]
    assert [one.checkpoints for one in sizes] == [1, 4]
    one = expand(load(tmp_path, run={"keep": "checkpoints", "checkpoints": 1}))
    assert sizes[0].disk_bytes == one.disk_bytes < sizes[1].disk_bytes


def test_the_size_of_moments_does_not_grow_with_the_seeds(tmp_path):
    few, many = (expand(load(tmp_path, run={"seeds": n})) for n in (10_000, 1_000_000))
    assert (few.block, many.block) == (256, 32768)
    assert many.disk_bytes < few.disk_bytes * 1.1
    assert many.pack_bytes < 50e6
    kept = expand(load(tmp_path, run={"seeds": 1_000_000, "keep": "checkpoints"}))
    assert many.disk_bytes < kept.disk_bytes / 20


def test_the_overview_says_what_is_kept(tmp_path):
    texts = {k: check_text(expand(load(tmp_path, run={"keep": k})), tmp_path) for k in KEPT}
    for keep, words in KEPT.items():
        assert words in texts[keep]
    assert check_document(expand(load(tmp_path)), tmp_path)["keep"] == "moments"


KEPT = {
    "checkpoints": "the costs of every run, at 4 rounds at most",
    "final": "the costs of every run, at 1 round at most",
    "moments": "moments of blocks of 32 seeds, 32 blocks a point and learner",
}
