"""The gradient of every single run, in both precisions, against differences in float64.

A mean over runs hides what one run in ten has wrong, and one run that is wrong by a factor of a
million is the mean. A run counts where differences at two step sizes agree. Of a float32 run the
gradient may also be a fault, which is counted; never a number that is wrong.
"""

import numpy as np
import pytest
import slopes  # pyright: ignore[reportMissingImports]

from jaxsoco import registry

RUNS = 16
MANY = 256
DOUBLE, SINGLE = 1e-3, 1e-2  # relative to the run's slope
FLOOR = {DOUBLE: 1e-7, SINGLE: 1e-4}  # slopes that matter, see Slopes.floor
HORIZONS = {"quadratic_tracking": 40}
ESTIMATING = ("tracking/obd", "tracking/robd")
"""Told the true matrix, as they are by default, they do not explore."""
in_float32 = pytest.mark.parametrize("x64", [False], indirect=True)


def differentiable_parameters(entry):
    """Names of the parameters in which the learner says that its costs have a gradient."""
    words = getattr(entry, "gradients", None)
    if words is not None:
        return tuple(name for name, one in words.items() if one.word == "yes")
    floats = (f.name for f in entry.fields if f.kind == "float" and not f.static)
    return tuple(floats) if entry.differentiable else ()


def values_of(case):
    """The case's fields, over more rounds where they are few."""
    name = case.problem.partition("/")[2]
    return dict(case.values) | ({"horizon": HORIZONS[name]} if name in HORIZONS else {})


def check(measured, name, most=1.0):
    """Raises unless the gradients are right in all runs that count, and enough of them count."""
    counts = measured.counts
    assert counts.sum() >= most * counts.size, f"{name}: {counts.sum()} of {counts.size} runs count"
    for kind, slope, tolerance in (
        ("float64", measured.double, DOUBLE),
        ("float32", measured.single, SINGLE),
    ):
        apart = measured.deviation(slope, FLOOR[tolerance])
        if kind == "float32":
            apart = np.where(measured.faults > 0, 0, apart)
        wrong = np.flatnonzero(apart > tolerance)
        assert not wrong.size, (
            f"{name}, {kind}: {wrong.size} runs are wrong, {wrong[:5]}: gradients "
            f"{slope[wrong][:5]}, differences {measured.central[wrong][:5]}"
        )


def check_learner(learner, names, runs):
    case = learner.case
    family, _, problem = case.problem.partition("/")
    own = {name: value for name, value in case.params.items() if name in learner.values}
    own |= {"told": "estimate"} if learner.id in ESTIMATING else {}
    found = slopes.measure(family, problem, values_of(case), learner.entry.name, own, names, runs)
    for name in names:
        check(found[name], f"{learner.id}: {name}", 0.8)
    assert any(np.any(one.double != 0) for one in found.values())


def together(learner):
    names = differentiable_parameters(learner.entry)
    if not names:
        pytest.skip("has no parameter with a gradient")
    return slopes.groups(names)


@pytest.mark.slow
@in_float32
def test_every_run_has_its_slope(learner, x64):
    check_learner(learner, together(learner)[0], RUNS)


@pytest.mark.slow
@in_float32
def test_every_run_of_many_has_its_slope(learner, x64):
    for names in together(learner):
        check_learner(learner, names, MANY)


@pytest.mark.slow
@in_float32
def test_scale_in_gain(x64):
    """SCaLE at T = 200, where one recovered matrix in three lies on the cone's face."""
    values = {"dimension": 2, "horizon": 200}
    found = slopes.measure("tracking", "quadratic_tracking", values, "scale", {}, ("gain",), MANY)
    check(found["gain"], "tracking/scale: gain")


@pytest.mark.slow
@in_float32
@pytest.mark.parametrize(
    ("short", "problem", "names"),
    [
        ("hyscale", "quadratic_tracking", ("gain", "exponent", "noise_cap", "learning_rate")),
        ("scale_design", "expected_tracking", ("gain", "exponent", "noise_cap")),
    ],
)
def test_learners_that_recover_a_matrix(short, problem, names, x64):
    """All runs count, none of them is a fault, and float32 is 30 times better than asked."""
    values = {"dimension": 2, "horizon": 200}
    found = slopes.measure("tracking", problem, values, short, {}, names, MANY)
    for name in names:
        check(found[name], f"tracking/{short}: {name}")
        assert not np.any(found[name].faults)
        apart = found[name].deviation(found[name].single, FLOOR[SINGLE])
        assert apart.max() < 3e-4, f"{name}: {apart.max()}"


@pytest.mark.slow
@in_float32
def test_scale_design(x64):
    """Exact expected costs, on the problem that it is for."""
    values = {"dimension": 2, "horizon": 200}
    names = differentiable_parameters(registry.algorithm("tracking/scale_design"))
    for group in slopes.groups(names):
        found = slopes.measure(
            "tracking", "expected_tracking", values, "scale_design", {}, group, MANY
        )
        for name in group:
            check(found[name], f"tracking/scale_design: {name}", 0.8)
