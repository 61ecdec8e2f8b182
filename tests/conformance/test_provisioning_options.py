"""Options of provisioning that neither a problem's nor a learner's defaults reach, by conformance.

The suite plays every learner on ``bursty_queue`` with its defaults. Here: random processes, of
which every run draws its own; service costs of other shapes; estimated losses; difference
quotients; rivals on BLOL's budgets, where the suite gives them a fixed one.
"""

from typing import Any

import numpy as np
import pytest

import jaxsoco
from jaxsoco import registry
from jaxsoco.testing import conformance
from jaxsoco.testing.deriving import KNOWN

QUEUE: dict[str, Any] = dict(KNOWN["provisioning/bursty_queue"])
RANDOM = {"horizon": 12, "states": 3, "actions": 2, "slots": 3, "branching": 2}


def passed(report):
    """The properties that were tried and held."""
    assert not report.failures, str(report)
    return [one.property for one in report.outcomes if one.verdict == "passed"]


@pytest.mark.slow
def test_random_processes():
    report = conformance(
        "provisioning/random_mdp",
        values=RANDOM,
        params={"batch": QUEUE["params"]["batch"]},  # PPO's, several in so few episodes
        unsafe=("blol", "no_dual"),
    )
    assert len(passed(report)) >= 5, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blol", "oracle", "oco_q", "blind_rate"])
def test_learners_on_random_processes(name):
    report = conformance(
        f"provisioning/{name}",
        problem="provisioning/random_mdp",
        values=RANDOM,
        params=QUEUE["params"],
        torn=QUEUE["torn"],
    )
    assert len(passed(report)) >= 8, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["exponential", "piecewise-linear"])
def test_the_optimum_of_costs_of_other_shapes(shape):
    report = conformance(
        "provisioning/static_optimum",
        problem="provisioning/bursty_queue",
        values={"shape": shape, "tracking": 0.5},
    )
    assert len(passed(report)) >= 3, str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"losses": "estimated", "costs": "estimated"},
        {"latency_slope": "difference"},
    ],
    ids=lambda options: ", ".join(f"{k} {v}" for k, v in options.items()),
)
def test_blol_with_other_options(options):
    report = conformance(
        "provisioning/blol",
        problem="provisioning/bursty_queue",
        values={"loss_noise": 0.1, "loss_seen": 0.7, "cost_noise": 0.1, "cost_seen": 0.7},
        params=QUEUE["params"] | options,
    )
    assert len(passed(report)) >= 8, str(report)


@pytest.mark.slow
def test_a_slope_with_the_bonus_moving_may_have_the_other_sign():
    """So nothing but the slope is negative, and the rest is as with other slopes."""
    known = [field.name for field in registry.algorithm("provisioning/blol").fields]
    options = {name: value for name, value in QUEUE["params"].items() if name in known}
    problem = jaxsoco.make("provisioning/bursty_queue", horizon=200)
    blol = jaxsoco.learner("provisioning/blol", latency_slope="total-difference", **options)
    run = jaxsoco.play(problem, *blol, jaxsoco.seed_keys(0, 16))
    assert not np.any(run.faults)
    for name, cost in run.costs._asdict().items():
        assert np.all(np.isfinite(cost)), name
        assert np.any(cost < 0) if name == "multiplier" else np.all(cost >= 0), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["optcmdp", "optpess_primal_dual", "primal_dual_q", "ppo", "ppo_lagrangian"]
)
def test_rivals_on_budgets_that_descend(name):
    report = conformance(
        f"provisioning/{name}",
        problem="provisioning/bursty_queue",
        values=QUEUE["values"],
        params=QUEUE["params"] | {"path": "blol"},
        # Adam divides by a root of squares, of which the first are as small as rounding.
        torn=4 if name.startswith("ppo") else QUEUE["torn"],
    )
    assert len(passed(report)) >= 8, str(report)
