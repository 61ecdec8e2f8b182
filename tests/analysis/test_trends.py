"""A trend with a given exponent: through the runs at one place, or with a constant of theory."""

import math

import numpy as np
import pytest

from jaxsoco.analysis.checks import run_checks, validate_check
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.trends import Law, shares
from jaxsoco.analysis.views import View
from jaxsoco.core.errors import InputError

HORIZONS = [100, 400, 1600, 6400]
SEEDS = 64
BEND = {100: 0.8, 400: 0.9, 1600: 1.0, 6400: 1.05}
"""Regret of `bent` over ``3 sqrt(T)``."""
WORLD = np.random.default_rng(4).lognormal(0, 0.5, SEEDS)
WORLD /= WORLD.mean()


def cost(label, point, seeds, rounds):
    """Worlds differ by a factor, which the horizons share; learners' means are exact."""
    power = 3 * np.sqrt(rounds) * (BEND[point["horizon"]] if label == "bent" else 1)
    return 2.0 * rounds + np.where(label == "opt", 0.0, power * WORLD[seeds, None])


def planted(make_sweep, cost=cost, axes=None, **options):
    settings = {"seeds": SEEDS, "measure": "regret"} | options
    axes = axes or {"horizon": HORIZONS}
    return make_sweep(axes, ["straight", "bent"], ["opt"], cost, **settings)


def judged(sweep, **check):
    check = {"kind": "trend", "algorithm": "bent", "exponent": 0.5} | check
    validate_check(check, sweep.algorithms, sweep.comparators, sweep.axes)
    (result,) = run_checks([check], read(sweep.manifest(), sweep.pieces()))
    return result


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"through": 1600, "between": [0.79, 1.06]}, "passed"),
        ({"through": 1600, "between": [0.85, 1.15]}, "failed"),
        ({"through": 1600, "between": [0.79, 1.04]}, "failed"),
        ({"through": 1600, "between": [0.88, 1.12], "where": {"horizon": HORIZONS[1:]}}, "passed"),
        ({"through": 100, "between": [0.99, 1.01], "algorithm": "straight"}, "passed"),
        ({"through": 100, "between": [0.99, 1.01], "exponent": 0.4}, "failed"),
        # With a constant, the spread of the worlds is in the interval.
        ({"constant": 6, "between": [0, 1]}, "passed"),
        ({"constant": 1, "between": [0, 1]}, "failed"),
        ({"constant": 3, "between": [0, 1]}, "undecided"),
        # A round's share: the exponent is smaller by one, the verdict is the same.
        ({"through": 1600, "between": [0.79, 1.06], "per_round": True, "exponent": -0.5}, "passed"),
        ({"through": 1600, "between": [0.79, 1.06], "per_round": True}, "failed"),
        ({"constant": 6, "between": [0.3, 1], "per_round": True, "exponent": -0.5}, "passed"),
        ({"through": 1600, "between": [0.79, 1.06], "statistic": "median"}, "passed"),
        ({"through": 1600, "between": [0.85, 1.06], "statistic": "median"}, "failed"),
        ({"constant": 6, "between": [0.2, 1], "statistic": "median"}, "passed"),
    ],
)
def test_planted_trends(make_sweep, check, verdict):
    result = judged(planted(make_sweep), **check)
    assert result.verdict == verdict, result.sentence


def test_shares_are_those_of_the_means(make_sweep):
    """What the runs share drops out, so that the interval is as narrow as the bend is exact."""
    sweep = planted(make_sweep)
    ledger = read(sweep.manifest(), sweep.pieces())
    rows = shares(ledger, "bent", View("opt"), Law("horizon", 0.5, through=1600))
    assert [row.place for row in rows] == [100, 400, 6400]
    for row in rows:
        np.testing.assert_allclose(row.share, BEND[row.place], rtol=1e-9)
    rows = shares(ledger, "bent", View("opt"), Law("horizon", 0.5, 3.0))
    assert [row.place for row in rows] == HORIZONS
    for row in rows:
        assert row.share.value == pytest.approx(BEND[row.place], rel=1e-9)
        half = 1.998 * WORLD.std(ddof=1) / SEEDS**0.5 * BEND[row.place]  # Student, 63 degrees
        assert row.share.half_width == pytest.approx(half, rel=1e-3)


def test_the_interval_of_a_ratio_covers_its_own_error():
    """Against the delta method, which it is close to for noise that is small."""
    from jaxsoco.analysis.statistics import Clusters, log_contrast

    draw = np.random.default_rng(0)
    values = np.array([2.0, 3.0]) * draw.lognormal(0, 0.1, (400, 2))
    estimate = log_contrast(np.array([-1.0, 1.0]), Clusters(values, np.ones_like(values)))
    means = values.mean(axis=0)
    assert estimate.value == pytest.approx(math.log(means[1] / means[0]))
    error = np.sqrt(((values / means) @ [-1, 1]).var(ddof=1) / 400)
    assert estimate.half_width == pytest.approx(1.96 * error, rel=0.1)


def test_the_sentence_names_law_place_and_interval(make_sweep):
    sentence = judged(planted(make_sweep), through=1600, between=[0.85, 1.15]).sentence
    assert "over C T^0.5 through T = 1600: 0.8, 0.9, 1.05 at T = 100, 400, 6400" in sentence
    assert "the one that decides, at 100, is 0.8 (95 % interval 0.8 to 0.8)" in sentence
    assert sentence.endswith("claimed: between 0.85 and 1.15")
    undecided = judged(planted(make_sweep), constant=3, between=[0, 1])
    assert "over 3 T^0.5:" in undecided.sentence
    assert "seeds would decide it" in undecided.sentence and undecided.seeds_to_decide > SEEDS


def test_the_axis_may_be_another(make_sweep):
    def grown(label, point, seeds, rounds):
        return (WORLD[seeds] * (1 if label == "opt" else 1 + point["size"] ** 2))[:, None]

    sweep = planted(make_sweep, grown, axes={"size": [1.0, 2.0, 4.0]})
    assert judged(sweep, exponent=2, through=2, between=[0.99, 1.01]).passed
    assert not judged(sweep, exponent=1.8, through=2, between=[0.99, 1.01]).passed
    assert judged(sweep, exponent=2, constant=1.0, between=[0.5, 1.5], axis="size").passed


def test_what_is_not_positive_has_no_trend_through_it(make_sweep):
    def negative(label, point, seeds, rounds):
        return 2.0 * rounds - (label != "opt") * WORLD[seeds, None]

    result = judged(planted(make_sweep, negative), through=1600, between=[0.5, 2])
    assert result.verdict == "undecided" and math.isnan(result.measured.value)
    # A bound from above needs no logarithm.
    assert judged(planted(make_sweep, negative), constant=1, between=[-9, 1]).passed


def test_missing_places_leave_it_undecided(make_sweep):
    sweep = planted(make_sweep, pack=SEEDS)
    check = {"kind": "trend", "algorithm": "bent", "exponent": 0.5, "between": [0.5, 2]}
    first = [next(iter(sweep.pieces()))]
    (result,) = run_checks([check | {"through": 1600}], read(sweep.manifest(), first))
    assert result.verdict == "undecided" and "no runs at horizon = 1600" in result.measured.note


AXES = {"horizon": HORIZONS, "size": [0.0, 1.0], "kind": ["x", "y"]}


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({}, "through", "is missing, and so is constant"),
        ({"through": 100, "constant": 1}, "through", "want one of them"),
        ({"through": 101}, "through", "101 is no place of horizon (its places: 100, 400"),
        ({"through": 100, "where": {"horizon": [400, 1600]}}, "through", "its places: 400, 1600"),
        ({"constant": 0}, "constant", "want a number > 0"),
        ({"constant": 1, "axis": "kind"}, "axis", "numbers"),
        ({"constant": 1, "axis": "size"}, "axis", "fewer than two positive values"),
        ({"constant": 1, "axis": "hight"}, "axis", "no axis"),
        ({"constant": 1, "axis": ["size"]}, "axis", "want a string"),
        ({"constant": 1, "algorithm": "bend"}, "algorithm", '"bent"'),
        ({"constant": 1, "between": [1, 1]}, "between", "equals 1"),
        ({"constant": 1, "exponent": "half"}, "exponent", "want a number"),
    ],
)
def test_bad_trends_are_named(change, key, text):
    check = {"kind": "trend", "algorithm": "bent", "exponent": 0.5, "between": [0, 1]} | change
    with pytest.raises(InputError) as caught:
        validate_check(check, ["straight", "bent"], ["opt"], AXES)
    issues = [str(issue) for issue in caught.value.issues if issue.path == f"check.{key}"]
    assert any(text in issue for issue in issues), caught.value


def test_places_are_positive():
    check = {"kind": "trend", "algorithm": "a", "exponent": 1, "constant": 1, "between": [0, 1]}
    with pytest.raises(InputError, match="size is not above 0 everywhere"):
        validate_check(check | {"axis": "size"}, ["a"], ["opt"], {"size": [0.0, 1.0, 2.0]})


def test_rounds_of_one_run_are_no_places():
    check = {"kind": "trend", "algorithm": "a", "exponent": 1, "constant": 1, "between": [0, 1]}
    with pytest.raises(InputError, match="no axis goes without saying"):
        validate_check(check, ["a"], ["opt"], {"horizon": [100]}, checkpoints=5)
    with pytest.raises(InputError, match="fewer than two"):
        validate_check(check | {"axis": "horizon"}, ["a"], ["opt"], {"horizon": [9]}, checkpoints=5)
