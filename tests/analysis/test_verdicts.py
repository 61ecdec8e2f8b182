"""Verdicts: passed, failed, undecided; what an interval must clear, and how many seeds it takes."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxsoco.analysis import write_report
from jaxsoco.analysis.checks import Check, run_checks, validate_check
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.resampling import place_of_least, seeds_to_place
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.analysis.verdicts import decide, seeds_to_decide, together
from jaxsoco.core.errors import InputError

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
QUICK = settings(max_examples=200, deadline=None)


@st.composite
def estimates(draw):
    lower, value, upper = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    return Estimate(value, lower, upper)


@st.composite
def claims(draw):
    low, high = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    kind = draw(st.sampled_from(("between", "at_least", "at_most")))
    return (-math.inf if kind == "at_most" else low, math.inf if kind == "at_least" else high)


@QUICK
@given(estimates(), claims())
def test_the_interval_decides(estimate, claim):
    """Passed: all of it is allowed. Failed: none of it is. Undecided: some of it."""
    _, lower, upper = estimate
    low, high = claim
    verdict = decide(estimate, low, high)
    assert (verdict == "passed") == (low <= lower and upper <= high)
    assert (verdict == "failed") == (upper < low or lower > high)


@QUICK
@given(estimates(), claims(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_wider_interval_decides_less(estimate, claim, below, above):
    value, lower, upper = estimate
    wider = decide(Estimate(value, lower - below, upper + above), *claim)
    assert wider in (decide(estimate, *claim), "undecided")


@QUICK
@given(estimates(), claims(), st.booleans())
def test_a_claim_and_its_mirror_have_one_verdict(estimate, claim, strict):
    value, lower, upper = estimate
    mirrored = decide(Estimate(-value, -upper, -lower), -claim[1], -claim[0], strict=strict)
    assert decide(estimate, *claim, strict=strict) == mirrored


@QUICK
@given(NUMBERS, claims())
def test_what_is_certain_is_never_undecided(value, claim):
    inside = claim[0] <= value <= claim[1]
    assert decide(Estimate(value, value, value), *claim) == ("passed" if inside else "failed")


@QUICK
@given(NUMBERS, claims())
def test_without_an_interval_nothing_is_decided(value, claim):
    assert decide(Estimate(value), *claim) == "undecided"
    assert decide(Estimate(math.nan), *claim) == "undecided"


def test_a_tie_is_undecided_and_one_end_is_enough_for_one_bound():
    assert decide(Estimate(0.0, 0.0, 0.0), 0.0, strict=True) == "undecided"
    assert decide(Estimate(0.0, 0.0, 0.0), -1.0) == "passed"
    assert decide(Estimate(3.0, 2.0, math.nan), 1.0) == "passed"
    assert decide(Estimate(3.0, 2.0, math.nan), 1.0, 9.0) == "undecided"
    assert decide(Estimate(3.0, 2.0, math.nan), high=1.0) == "failed"


def test_several_claims_hold_if_all_do():
    assert together([]) == together(["passed"]) == "passed"
    assert together(["passed", "undecided"]) == "undecided"
    assert together(["undecided", "failed", "passed"]) == "failed"


@QUICK
@given(estimates(), claims(), st.integers(8, 5000))
def test_that_many_seeds_decide(estimate, claim, seeds):
    """With so many more seeds the interval, shrunk by the square root, clears the bound."""
    assume(decide(estimate, *claim) == "undecided")
    needed = seeds_to_decide(estimate, seeds, *claim)
    assert needed > seeds
    assume(needed < math.inf)
    value, lower, upper = estimate
    shrink = math.sqrt(seeds / needed) * (1 - 1e-9)
    shrunk = Estimate(value, value - shrink * (value - lower), value + shrink * (upper - value))
    assert decide(shrunk, *claim) != "undecided"
    less = math.sqrt(seeds / max(seeds, 0.85 * needed - 1))
    wide = Estimate(value, value - less * (value - lower), value + less * (upper - value))
    assert decide(wide, *claim) == "undecided" or needed <= seeds + 100


# --- planted sweeps -------------------------------------------------------------------------------


def worlds(make_sweep, regrets, axes=None, **changes):
    """Learners whose cost is that of ``opt`` plus ``regrets[label] [seeds]``."""
    seeds = len(next(iter(regrets.values())))

    def cost(label, point, seed, rounds):
        world = np.random.default_rng(0).lognormal(3, 1, seeds)[seed]
        return (world + (regrets[label][seed] if label in regrets else 0.0))[:, None]

    options = {"measure": "regret", "seeds": seeds} | changes
    return make_sweep(axes or {"size": [1]}, [*regrets], ["opt"], cost, **options)


def judge(sweep, **check):
    validate_check(check, sweep.algorithms, sweep.comparators, sweep.axes)
    (result,) = run_checks([check], read(sweep.manifest(), sweep.pieces()))
    json.dumps(result.to_json(), allow_nan=False)
    return result


def verdicts_of_many(make_sweep, draw, repetitions, seeds, **check):
    """How often ``check`` comes to what, over sweeps of ``seeds`` independent seeds."""
    counts = dict.fromkeys(("passed", "failed", "undecided"), 0)
    generator = np.random.default_rng(20240815)
    for _ in range(repetitions):
        counts[judge(worlds(make_sweep, draw(generator, seeds)), **check).verdict] += 1
    return {verdict: n / repetitions for verdict, n in counts.items()}


ORDER = {"kind": "order", "algorithms": ["a", "b"]}


def like_threshold(generator, seeds):
    """Most jobs cost both the same; on a few the first is worse: point estimates see a tie."""
    more = np.where(generator.random(seeds) < 0.1, generator.lognormal(0, 0.5, seeds), 0.0)
    return {"a": 5 + more, "b": np.full(seeds, 5.0)}


def slightly_worse(generator, seeds):
    common = generator.normal(size=seeds)
    return {"a": 5.05 + common, "b": 5 + common + generator.normal(size=seeds)}


@pytest.mark.parametrize("draw", [like_threshold, slightly_worse])
@pytest.mark.parametrize("seeds", [4, 12])
def test_a_false_order_seldom_passes(make_sweep, draw, seeds):
    share = verdicts_of_many(make_sweep, draw, 400, seeds, **ORDER)
    assert share["passed"] <= 0.04  # 0.025 is what the level allows; three standard errors
    assert share["undecided"] > 0.5


def test_a_true_order_by_a_margin_passes(make_sweep):
    def draw(generator, seeds):
        common = generator.lognormal(size=seeds)
        return {"a": 5 + common, "b": 6 + common + 0.5 * generator.normal(size=seeds)}

    assert verdicts_of_many(make_sweep, draw, 100, 16, **ORDER)["passed"] > 0.98
    backwards = {"kind": "order", "algorithms": ["b", "a"]}
    assert verdicts_of_many(make_sweep, draw, 100, 16, **backwards)["failed"] > 0.98


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_a_false_bound_seldom_passes(make_sweep, statistic):
    def draw(generator, seeds):
        return {"a": 5.05 + generator.normal(size=seeds), "b": np.zeros(seeds)}

    check = {"kind": "value", "algorithm": "a", "statistic": statistic}
    share = verdicts_of_many(make_sweep, draw, 200, 12, at_most=5.0, **check)
    assert share["passed"] <= 0.045
    far = verdicts_of_many(make_sweep, draw, 50, 32, at_most=7.0, **check)
    assert far["passed"] == 1.0


def test_a_random_world_with_one_seed_decides_nothing(make_sweep):
    sweep = worlds(make_sweep, {"a": np.array([1.0]), "b": np.array([2.0])})
    for check in (
        ORDER,
        {"kind": "value", "algorithm": "a", "at_most": 50.0},
        {"kind": "ratio", "algorithm": "a", "at_most": 50.0},
    ):
        result = judge(sweep, **check)
        assert result.verdict == "undecided"
        assert result.passed is None
        assert "a random world takes more than one seed" in result.sentence
    largest = judge(sweep, kind="value", algorithm="a", statistic="max", at_most=50.0)
    assert largest.verdict == "passed"
    assert judge(sweep, kind="complete").verdict == "passed"


def test_a_deterministic_world_needs_one_seed(make_sweep):
    sweep = worlds(
        make_sweep, {"a": np.array([1.0]), "b": np.array([2.0])}, {"size": [1.0, 2.0, 4.0]}
    )
    pieces = [(record | {"repeating": [0, 1, 2]}, runs) for record, runs in sweep.pieces()]
    ledger = read(sweep.manifest(), pieces)
    one, two, bound, slope = run_checks(
        [
            ORDER,
            {"kind": "order", "algorithms": ["b", "a"]},
            {"kind": "value", "algorithm": "a", "at_least": 0.9, "at_most": 1.1},
            {"kind": "slope", "algorithm": "a", "between": [-0.1, 0.1]},
        ],
        ledger,
    )
    assert [r.verdict for r in (one, two, bound, slope)] == ["passed", "failed", "passed", "passed"]
    assert "1 (the same with every seed)" in bound.sentence
    # The comparator draws: the regret is random.
    pieces = [(record | {"repeating": [0, 1]}, runs) for record, runs in sweep.pieces()]
    (result,) = run_checks([ORDER], read(sweep.manifest(), pieces))
    assert result.verdict == "undecided"


def test_seeds_that_cost_the_same_tell_a_deterministic_world(make_sweep):
    def cost(label, point, seed, rounds):
        return np.full((len(seed), 1), {"a": 1.0, "b": 2.0, "opt": 0.5}[label] * point["size"])

    sweep = make_sweep({"size": [1.0, 2.0]}, ["a", "b"], ["opt"], cost, seeds=2)
    for check, verdict in (
        (ORDER, "passed"),
        ({"kind": "ratio", "algorithm": "a", "at_most": 2.0}, "passed"),
        ({"kind": "ratio", "algorithm": "a", "statistic": "p95", "at_most": 1.9}, "failed"),
        ({"kind": "slope", "algorithm": "a", "between": [-0.1, 0.1]}, "passed"),
    ):
        assert judge(sweep, **check).verdict == verdict


def test_ties_are_undecided(make_sweep):
    same = np.random.default_rng(1).lognormal(size=32)
    rounding = {"a": 5 + same, "b": 5 + same + 1e-14}
    for regrets in ({"a": same, "b": same.copy()}, rounding):
        result = judge(worlds(make_sweep, regrets), **ORDER)
        assert result.verdict == "undecided"
        assert "the learners tie" in result.sentence
        assert judge(worlds(make_sweep, regrets), tolerance=0.1, **ORDER).verdict == "passed"


def test_an_order_fails_by_a_single_step(make_sweep):
    noise = np.random.default_rng(2).normal(size=(4, 64))
    regrets = {
        name: at + 0.1 * row for name, at, row in zip("abcd", (1, 2, 1, 3), noise, strict=True)
    }
    result = judge(worlds(make_sweep, regrets), kind="order", algorithms=list("abcd"))
    assert result.verdict == "failed"
    assert "smallest paired step, from b to c, is -1" in result.sentence
    near = regrets | {"c": regrets["b"] + noise[3]}
    result = judge(worlds(make_sweep, near), kind="order", algorithms=list("abcd"))
    assert result.verdict == "undecided"
    assert "from b to c" in result.sentence


def test_an_undecided_claim_says_how_many_seeds_it_takes(make_sweep):
    regret = 5 + np.random.default_rng(3).normal(size=100)
    at = float(regret.mean() + 0.05)
    result = judge(worlds(make_sweep, {"a": regret}), kind="value", algorithm="a", at_most=at)
    assert result.verdict == "undecided"
    half = result.measured.upper - result.measured.value
    assert result.seeds_to_decide == pytest.approx(100 * (half / 0.05) ** 2, rel=0.1)
    assert f"about {result.seeds_to_decide:,.0f} seeds would decide it" in result.sentence
    assert result.to_json()["seeds_to_decide"] == result.seeds_to_decide


def test_checks_over_every_run_are_facts(make_sweep):
    regret = np.arange(1.0, 33.0)
    sweep = worlds(make_sweep, {"a": regret})
    check = {"kind": "value", "algorithm": "a", "statistic": "max"}
    passed, failed = judge(sweep, at_most=32.0, **check), judge(sweep, at_most=31.9, **check)
    assert (passed.verdict, failed.verdict) == ("passed", "failed")
    assert "in all 32 runs is 32" in passed.sentence
    assert "in all 64 runs" in judge(sweep, kind="complete").sentence
    lost = np.zeros(32)
    lost[3] = 1
    sweep.extra = {("nonfinite", "a", 0): lost}
    result = judge(sweep, at_most=50.0, **check)
    assert result.verdict == "failed"
    assert "1 more with a cost that is not finite" in result.sentence


def test_runs_none_of_which_is_finite_confirm_nothing(make_sweep):
    sweep = worlds(make_sweep, {"a": np.ones(4), "b": np.zeros(4)})
    sweep.extra = {("nonfinite", "a", 0): np.ones(4)}
    value = {"kind": "value", "algorithm": "a", "at_most": 9.0}
    for check in (ORDER, value, {**value, "statistic": "max"}):
        result = judge(sweep, **check)
        assert (result.verdict, result.runs) == ("failed", 0)
        assert "no finite run" in result.sentence
        assert "unknown" in result.sentence and "nan" not in result.sentence


@pytest.mark.parametrize(
    "check",
    [
        {"kind": "value", "algorithm": "a", "at_least": 1.0, "at_most": 1.0},
        {"kind": "ratio", "algorithm": "a", "at_least": 1, "at_most": 1},
        {"kind": "slope", "algorithm": "a", "between": [0.5, 0.5]},
    ],
)
def test_a_claim_of_equality_states_its_tolerance(check):
    with pytest.raises(InputError, match="a claim of equality states its tolerance"):
        validate_check(check, ["a"], ["opt"], {"size": [1, 2]})


# --- where a profile is least ---------------------------------------------------------------------


def test_the_place_of_a_minimum():
    generator = np.random.default_rng(6)
    noise = generator.normal(size=(1, 40))
    profile = [5 + noise, 4 + noise, 4.001 + noise + 0.1 * generator.normal(size=(1, 40))]
    place = place_of_least([1.0, 2.0, 3.0], profile, "mean")
    assert (place.lower, place.upper) == (2.0, 3.0)
    sharp = place_of_least([1.0, 2.0, 3.0], [profile[0], profile[1], profile[0]], "median")
    assert sharp == (2.0, 2.0, 2.0)
    tied = place_of_least([1.0, 2.0, 3.0], [profile[0], profile[1], profile[1]], "mean")
    assert tied == (2.0, 2.0, 3.0)
    assert math.isnan(place_of_least([1.0, 2.0], [np.ones((1, 7))] * 2, "mean").lower)


def test_more_seeds_place_a_minimum():
    """What 40 seeds leave open, about as many as are said decide."""
    generator = np.random.default_rng(8)
    places = [1.0, 2.0, 3.0]

    def profile(seeds):
        world = generator.normal(size=(1, seeds))
        return [4.25 + world, 4 + world + generator.normal(size=(1, seeds)), 5 + world]

    open_ones = []
    while len(open_ones) < 20:
        few = profile(40)
        place = place_of_least(places, few, "mean")
        if place.value == 2.0 and place.lower == 1.0:
            open_ones.append(seeds_to_place(places, few, "mean", 1.5, 2.5))
    assert 45 <= np.median(open_ones) <= 200
    wanted = [place_of_least(places, profile(200), "mean") for _ in range(20)]
    assert sum(place.lower == place.upper == 2.0 for place in wanted) >= 16
    ties = [np.ones((1, 40)), np.ones((1, 40))]
    assert seeds_to_place([1.0, 2.0], ties, "mean", 0.5, 1.5) == math.inf


# --- what people see ------------------------------------------------------------------------------


def test_undecided_has_its_own_word_and_colour(make_sweep, tmp_path):
    regret = 5 + np.random.default_rng(7).normal(size=16)
    mean = float(regret.mean())
    checks = [
        {"kind": "value", "algorithm": "a", "at_most": mean + 0.01},
        {"kind": "value", "algorithm": "a", "at_most": mean + 5},
    ]
    sweep = worlds(make_sweep, {"a": regret}, checks=checks)
    result = write_report(sweep.manifest(), sweep.pieces(), tmp_path)
    assert (result.verdict, result.checks_passed) == ("undecided", True)
    assert "check undecided: mean regret of a" in result.summary_text
    page = result.path.read_text(encoding="utf-8")
    assert '<td class="left undecided">undecided</td>' in page
    assert '<td class="left passed">passed</td>' in page
    assert ".undecided { color: var(--warn)" in page
    saved = json.loads((tmp_path / "checks.json").read_text(encoding="utf-8"))
    assert (saved["verdict"], saved["passed"]) == ("undecided", None)
    assert [c["verdict"] for c in saved["checks"]] == ["undecided", "passed"]
    assert [c["passed"] for c in saved["checks"]] == [None, True]


def test_kinds_that_say_true_or_false_go_on(make_sweep):
    class Old(Check):
        """Declared before there were three verdicts."""

        name = "old"
        summary = "old"

        def run(self, ledger):
            values = ledger.totals("a", [0])
            return self.judged(np.bool_(values.min() > 0), Estimate(1.0), values, "old")

    ledger = read(*(lambda s: (s.manifest(), s.pieces()))(worlds(make_sweep, {"a": np.ones(4)})))
    result = Old({"kind": "old"}).run(ledger)
    assert (result.verdict, result.to_json()["passed"]) == ("passed", True)
    json.dumps(result.to_json())
