"""Checks pass on data that plant the claim, fail on data that do not, and refuse nonsense."""

import json
import math

import numpy as np
import pytest

from jaxsoco.analysis.checks import CHECKS, Check, run_checks, validate_check
from jaxsoco.analysis.fits import fits
from jaxsoco.analysis.ledger import read
from jaxsoco.core.errors import InputError

SIZES = [1.0, 2.0, 4.0, 8.0]


def planted(make_sweep, **changes):
    """Ratios to opt: good 1.2, steep 1.5 * size**0.4, bad 3; each with 10 % noise."""

    def cost(label, point, seeds, rounds):
        world = np.random.default_rng(0).lognormal(size=200)[seeds]
        noise = np.random.default_rng([len(label), int(10 * point["size"])]).lognormal(0, 0.1, 200)
        ratio = {"opt": 1.0, "good": 1.2, "steep": 1.5 * point["size"] ** 0.4, "bad": 3.0}[label]
        return (world * ratio * (1 if label == "opt" else noise[seeds]))[:, None]

    settings = {
        "axes": {"size": SIZES, "kind": ["x", "y"]},
        "algorithms": ["good", "steep", "bad"],
        "comparators": ["opt"],
        "cost": cost,
        "seeds": 200,
    }
    return make_sweep(**(settings | changes))


def result_of(sweep, **check):
    ledger = read(sweep.manifest(), sweep.pieces())
    validate_check(check, sweep.algorithms, sweep.comparators, sweep.axes)
    (result,) = run_checks([check], ledger)
    json.dumps(result.to_json(), allow_nan=False)
    return result


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        ({"kind": "slope", "algorithm": "steep", "between": [0.35, 0.45]}, True),
        ({"kind": "slope", "algorithm": "steep", "between": [0.5, 0.9]}, False),
        ({"kind": "slope", "algorithm": "good", "between": [-0.02, 0.02], "axis": "size"}, True),
        ({"kind": "ratio", "algorithm": "good", "at_most": 1.3}, True),
        ({"kind": "ratio", "algorithm": "good", "at_most": 1.1}, False),
        ({"kind": "ratio", "algorithm": "good", "at_least": 1.3}, False),
        ({"kind": "ratio", "algorithm": "good", "at_least": 1.1, "at_most": 1.3}, True),
        ({"kind": "ratio", "algorithm": "good", "statistic": "median", "at_least": 1.18}, True),
        ({"kind": "ratio", "algorithm": "good", "statistic": "median", "at_least": 1.2}, None),
        ({"kind": "ratio", "algorithm": "good", "at_least": 1.2, "at_most": 1.5}, None),
        ({"kind": "slope", "algorithm": "steep", "between": [0.4, 0.5]}, None),
        ({"kind": "ratio", "algorithm": "good", "statistic": "p95", "at_most": 1.3}, False),
        ({"kind": "ratio", "algorithm": "good", "statistic": "max", "at_least": 1.45}, True),
        ({"kind": "ratio", "algorithm": "good", "against": "bad", "at_most": 0.42}, True),
        ({"kind": "order", "algorithms": ["good", "steep", "bad"]}, True),
        ({"kind": "order", "algorithms": ["steep", "good"]}, False),
        ({"kind": "order", "algorithms": ["steep", "good"], "tolerance": 5.0}, True),
        ({"kind": "order", "algorithms": ["bad", "steep"], "where": {"size": 8}}, True),
        ({"kind": "complete"}, True),
    ],
)
def test_planted_claims(make_sweep, check, passed):
    result = result_of(planted(make_sweep), **check)
    assert result.passed is passed, result.sentence
    word = {True: "passed", False: "failed", None: "undecided"}[passed]
    assert (result.verdict, result.to_json()["verdict"]) == (word, word)
    assert result.to_json()["passed"] is passed
    assert result.runs > 0


def test_measured_values_and_intervals(make_sweep):
    sweep = planted(make_sweep)
    slope = result_of(sweep, kind="slope", algorithm="steep", between=[0, 1])
    assert slope.measured.lower < slope.measured.value < slope.measured.upper
    assert abs(slope.measured.value - 0.4) < 0.01
    assert slope.runs == 1600
    mean = result_of(sweep, kind="ratio", algorithm="good", at_most=2, where={"size": [1, 2]})
    assert mean.runs == 800
    assert mean.measured.half_width < 0.02
    step = result_of(sweep, kind="order", algorithms=["good", "bad"])
    assert step.measured.lower > 1.7
    assert "95 % interval" in step.sentence


def test_the_order_is_judged_by_paired_steps(make_sweep):
    # Worlds differ by a factor of e, learners by 1 %: only pairing tells them apart.
    def cost(label, point, seeds, rounds):
        world = np.random.default_rng(0).lognormal(0, 1, 50)[seeds]
        return (world * {"a": 1.0, "b": 1.01, "opt": 1.0}[label] + (label != "opt") * world**2)[
            :, None
        ]

    sweep = make_sweep({"size": [1]}, ["a", "b"], ["opt"], cost, seeds=50)
    result = result_of(sweep, kind="order", algorithms=["a", "b"])
    assert result.passed
    np.testing.assert_allclose(result.measured, 0.01, rtol=1e-9)


def test_slope_against_the_horizon_of_checkpoints(make_sweep):
    def cost(label, point, seeds, rounds):
        noise = np.random.default_rng(1).lognormal(0, 0.2, 40)[seeds, None]
        return 3.0 * rounds + (noise * 5 * np.sqrt(rounds) if label == "a" else 0.0)

    sweep = make_sweep(
        {}, ["a"], ["opt"], cost, seeds=40, checkpoints=(10, 100, 1000), measure="regret"
    )
    ledger = read(sweep.manifest(), sweep.pieces())
    check = {"kind": "slope", "algorithm": "a", "between": [0.49, 0.51]}
    validate_check(check, ["a"], ["opt"], {}, checkpoints=3)
    (result,) = run_checks([check], ledger)
    assert result.passed, result.sentence
    assert "horizon" in result.sentence


def test_of_several_horizons_one_is_no_slope():
    """A claim on the growth from horizon to horizon says nothing of one run's rounds."""
    check = {"kind": "slope", "algorithm": "a", "between": [0.4, 0.6]}
    one = {"horizon": [100]}
    validate_check(check | {"where": {"horizon": 100}}, ["a"], ["opt"], one, checkpoints=3)
    with pytest.raises(InputError, match="fewer than two"):
        validate_check(
            check | {"where": {"horizon": [10, 100]}}, ["a"], ["opt"], one, checkpoints=3
        )


@pytest.mark.parametrize("fault", ["faults", "nonfinite", "shortfall"])
def test_complete_fails_on_a_single_bad_run(make_sweep, fault):
    bad = np.zeros(200)
    bad[17] = 1e-6 if fault == "shortfall" else 1
    sweep = planted(make_sweep, extra={(fault, "steep", 3): bad})
    assert not result_of(sweep, kind="complete").passed
    assert result_of(sweep, kind="complete", algorithms=["good", "bad"]).passed
    assert result_of(sweep, kind="complete", where={"size": 8}).passed
    if fault == "shortfall":
        assert result_of(sweep, kind="complete", tolerance=1e-5).passed


def test_missing_runs_fail_what_rests_on_them(make_sweep):
    sweep = planted(make_sweep, pack=400)
    ledger = read(sweep.manifest(), [next(iter(sweep.pieces()))])
    check = {"kind": "ratio", "algorithm": "good", "at_most": 2, "where": {"size": 8}}
    there, absent, complete, slope = run_checks(
        [
            check | {"where": {"size": 1}},
            check,
            {"kind": "complete"},
            {"kind": "slope", "algorithm": "steep", "between": [0, 1]},
        ],
        ledger,
    )
    assert there.passed
    assert not absent.passed
    assert not complete.passed
    assert not slope.passed
    verdicts = [result.verdict for result in (there, absent, complete, slope)]
    assert verdicts == ["passed", "undecided", "failed", "undecided"]
    assert absent.to_json()["value"] is None
    assert math.isnan(slope.measured.value)


def test_fits_keep_worlds_apart(make_sweep):
    sweep = planted(make_sweep)
    made = fits(read(sweep.manifest(), sweep.pieces()))
    assert [(f.algorithm, f.where["kind"]) for f in made] == [
        (a, k) for k in ("x", "y") for a in ("good", "steep", "bad")
    ]
    assert all(f.growth.axis == "size" and len(f.growth.places) == 4 for f in made)
    assert [round(f.growth.exponent.value, 1) for f in made[:3]] == [0.0, 0.4, 0.0]


def test_fits_leave_out_zero_and_say_so(make_sweep):
    def cost(label, point, seeds, rounds):
        return np.full((len(seeds), 1), 1.0 if label == "opt" else 2 + point["size"])

    sweep = make_sweep({"size": [0, 1, 2]}, ["a"], ["opt"], cost)
    (made,) = fits(read(sweep.manifest(), sweep.pieces()))
    assert (len(made.growth.places), made.growth.note) == (2, "without 0")
    np.testing.assert_allclose(made.growth.exponent.value, math.log(4 / 3) / math.log(2))


BAD = [
    ({}, "kind", "is missing"),
    ({"kind": "slop"}, "kind", 'did you mean "slope"?'),
    ({"kind": ["slope"]}, "kind", "no check is of kind"),
    ({"kind": "slope", "algorithm": "good"}, "between", "is missing"),
    ({"kind": "slope", "algorithm": "good", "between": [0.4]}, "between", "0.4"),
    ({"kind": "slope", "algorithm": "good", "between": [2, 1]}, "between", "[0.4, 0.6]"),
    ({"kind": "slope", "algorithm": "good", "between": "x"}, "between", "[0.4, 0.6]"),
    ({"kind": "slope", "algorithm": "god", "between": [0, 1]}, "algorithm", '"good"'),
    ({"kind": "slope", "algorithm": "st", "between": [0, 1]}, "algorithm", "st(e=1), st(e=2)"),
    ({"kind": "slope", "algorithm": 3, "between": [0, 1]}, "algorithm", "want a string"),
    ({"kind": "slope", "algorithm": "good", "between": [0, 1], "axis": "kind"}, "axis", "numbers"),
    ({"kind": "slope", "algorithm": "good", "between": [0, 1], "axis": "sise"}, "axis", "size"),
    (
        {"kind": "slope", "algorithm": "good", "between": [0, 1], "where": {"size": 2}},
        "axis",
        "fewer than two",
    ),
    ({"kind": "slope", "algorithm": "good", "between": [0, 1], "against": "up"}, "against", "opt"),
    ({"kind": "ratio", "algorithm": "good"}, "at_most", "want at_most, at_least or both"),
    ({"kind": "ratio", "algorithm": "good", "at_most": "1"}, "at_most", "want a number"),
    ({"kind": "ratio", "algorithm": "good", "at_most": True}, "at_most", "want a number"),
    ({"kind": "ratio", "algorithm": "good", "at_most": math.inf}, "at_most", "want a number"),
    ({"kind": "ratio", "algorithm": "good", "at_most": 1, "statistic": "mod"}, "statistic", "med"),
    ({"kind": "ratio", "algorithm": "good", "atmost": 1, "at_most": 1}, "atmost", '"at_most"'),
    ({"kind": "ratio", "algorithm": "good", "at_most": 1, "where": 3}, "where", "want a table"),
    (
        {"kind": "ratio", "algorithm": "good", "at_most": 1, "where": {"siz": 1}},
        "where.siz",
        "size",
    ),
    ({"kind": "ratio", "algorithm": "good", "at_most": 1, "where": {"size": 3}}, "where.size", "8"),
    ({"kind": "order", "algorithms": ["good"]}, "algorithms", "two or more"),
    ({"kind": "order", "algorithms": ["good", "good"]}, "algorithms", "different"),
    ({"kind": "order", "algorithms": ["good", "gone"]}, "algorithms[1]", '"gone"'),
    ({"kind": "order", "algorithms": "good"}, "algorithms", "want a list"),
    ({"kind": "order", "algorithms": ["good", "bad"], "tolerance": -1}, "tolerance", ">= 0"),
    ({"kind": "complete", "algorithms": []}, "algorithms", "empty list"),
]


@pytest.mark.parametrize(("check", "key", "text"), BAD)
def test_bad_checks_name_the_field_and_the_remedy(check, key, text):
    labels = ["good", "steep", "bad", "st(e=1)", "st(e=2)"]
    with pytest.raises(InputError) as caught:
        validate_check(check, labels, ["opt"], {"size": SIZES, "kind": ["x", "y"]}, path="check[3]")
    issues = [str(i) for i in caught.value.issues if i.path == f"check[3].{key}"]
    assert any(text in issue for issue in issues), caught.value


def test_every_problem_is_reported_at_once():
    check = {"kind": "ratio", "algorithm": "x", "statistic": "y", "where": {"z": 1}, "w": 0}
    with pytest.raises(InputError) as caught:
        validate_check(check, ["good"], ["opt"], {"size": SIZES})
    keys = {issue.path.removeprefix("check.") for issue in caught.value.issues}
    assert keys == {"algorithm", "statistic", "where.z", "w", "at_most"}


def test_without_comparators_a_ratio_needs_a_rival():
    check = {"kind": "ratio", "algorithm": "good", "at_most": 1}
    with pytest.raises(InputError, match="no comparator"):
        validate_check(check, ["good", "bad"], [], {"size": SIZES})
    validate_check(check | {"against": "bad"}, ["good", "bad"], [], {"size": SIZES})


def test_a_slope_needs_to_know_its_axis():
    check = {"kind": "slope", "algorithm": "good", "between": [0, 1]}
    two = {"size": SIZES, "length": [1, 2]}
    with pytest.raises(InputError, match="want a numeric axis"):
        validate_check(check, ["good"], ["opt"], two)
    validate_check(check | {"axis": "length"}, ["good"], ["opt"], two)
    validate_check(check, ["good"], ["opt"], two, checkpoints=5)
    validate_check(check, ["good"], ["opt"], two | {"horizon": [10, 20]})


def test_the_last_rounds_are_those_of_one_run():
    check = {"kind": "slope", "algorithm": "good", "between": [0, 1], "last": 4}
    validate_check(check, ["good"], ["opt"], {}, checkpoints=5)
    for axes in ({"size": SIZES}, {"horizon": [10, 20]}):
        with pytest.raises(InputError, match=r"last: .* not along one run"):
            validate_check(check, ["good"], ["opt"], axes)
    with pytest.raises(InputError, match="last: 1 is too small"):
        validate_check(check | {"last": 1}, ["good"], ["opt"], {}, checkpoints=5)


def test_every_kind_is_declared_and_evaluated():
    assert set(CHECKS) == {
        "slope",
        "trend",
        "value",
        "ratio",
        "order",
        "minimum",
        "complete",
        "guarantee",
    }
    assert all(CHECKS.kind(name).run is not Check.run for name in CHECKS)
