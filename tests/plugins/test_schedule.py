"""``examples/schedule``: a learner with a schedule of rates, from outside."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "schedule"


@pytest.fixture
def schedules(monkeypatch):
    """The package, as a user beside it imports it."""
    monkeypatch.syspath_prepend(FOLDER)
    yield pytest.importorskip("jaxsoco_schedules"), pytest.importorskip("jaxsoco_schedules.learner")
    for name in [name for name in sys.modules if name.startswith("jaxsoco_schedules")]:
        del sys.modules[name]


def played(algorithm, params, horizon=40, **options):
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=horizon)
    return jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 4), **options)


def test_factors_of_one_are_the_passive_learner(schedules, x64):
    package, code = schedules
    plain = played(*jaxsoco.learner("tracking/passive_learner", learning_rate=0.02))
    params = package.ScheduleParams(learning_rate=0.02)
    scheduled = played(code.scheduled_learner, params)
    for one, other in zip(plain.costs, scheduled.costs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rate_is_the_interpolated_power(schedules, x64):
    package, code = schedules
    factors = dict(zip(package.FACTORS, (2.0, 0.5, 3.0, 1.0, 0.1, 7.0), strict=True))
    params = package.ScheduleParams(**factors)
    for number in (1, 2, 4, 10, 16, 200, 256, 1000, 1024, 5000):
        wanted = np.exp(
            np.interp(np.log(number), np.log(package.KNOTS), np.log([*factors.values()]))
        )
        got = jax.jit(code.factor)(params, jnp.int32(number))
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    lanes = replace(params, at_4=jnp.array([0.5, 2.0]))
    assert code.factor(lanes, jnp.int32(2)).shape == (2,)


@pytest.mark.slow
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_the_gradient_in_a_factor_is_that_of_differences(schedules, x64):
    package, code = schedules

    def cost(log_factor, name):
        params = package.ScheduleParams(learning_rate=0.02, **{name: jnp.exp(log_factor)})
        return played(code.scheduled_learner, params, horizon=20, at=[20]).costs.hit.sum()

    for name in ("at_1", "at_4", "at_16"):
        slope = jax.grad(cost)(0.3, name)
        wanted = (cost(0.3 + 1e-5, name) - cost(0.3 - 1e-5, name)) / 2e-5
        np.testing.assert_allclose(slope, wanted, rtol=1e-6)
        assert slope != 0


@pytest.mark.slow
def test_the_script_trains_and_judges(schedules, capsys, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    code = importlib.import_module("train")
    code.main(["--steps", "3", "--seeds", "16", "--holdout", "64", "--horizon", "60"])
    printed = capsys.readouterr().out
    assert [printed.count(f"T = {horizon:<6,}") for horizon in (15, 60, 240)] == [3, 3, 3]
    assert "at_1024 = " in printed and "learning_rate = " in printed
