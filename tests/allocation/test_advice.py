"""The advice of a job: what it costs to follow, and what ST-CLIP then costs at most."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxsoco
from jaxsoco.allocation import allocation, integral_optimum
from jaxsoco.core import random
from jaxsoco.core.errors import InputError

JOBS = 96


def totals(costs) -> np.ndarray:
    named = costs if isinstance(costs, dict) else costs._asdict()
    return np.stack([np.asarray(named[x][-1]) for x in ("service", "move", "switch")])


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_greedy_advice_is_the_learner_greedy_and_st_clip_is_consistent_with_it(x64):
    problem = jaxsoco.make("allocation/carbon_jobs", advice="greedy", data_size=8.0)
    keys = jaxsoco.seed_keys(0, JOBS)
    followed = jaxsoco.comparator("allocation/advice")(problem, keys, (problem.horizon,))
    greedy = jaxsoco.play(problem, *jaxsoco.learner("allocation/greedy"), keys).costs
    np.testing.assert_allclose(totals(followed), totals(greedy), rtol=1e-12, atol=1e-12)
    for trust in (0.1, 0.5):
        run = jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip", epsilon=trust), keys)
        ratio = totals(run.costs).sum(axis=0) / totals(followed).sum(axis=0)
        assert np.all(ratio <= (1 + trust) * (1 + 1e-9))
        assert not np.any(run.faults)
        assert np.all(np.asarray(run.costs.shortfall) <= 1e-9)
        assert np.min(ratio) < 0.9, "it only ever follows"
        assert np.sum(ratio > 1 + 0.9 * trust) >= 3, "the bound was never nearly met"


def test_whole_slot_advice_is_the_best_schedule_of_the_forecast():
    problem = jaxsoco.make("allocation/carbon_jobs", job_length=3, deadline_max=14)
    spec = problem.spec(jaxsoco.seed_keys(0, 8))
    nature = random.words(jaxsoco.seed_keys(1, 8))
    world = jax.jit(allocation.init)(nature, spec)
    network = (spec.metric, spec.throughput, spec.metric.switch, spec.start)
    _, path, _ = integral_optimum(world.forecast, *network, slots=3, deadline=spec.deadline)
    np.testing.assert_array_equal(world.advice, path)


def test_no_other_advice():
    with pytest.raises(InputError, match='"greedy"'):
        jaxsoco.make("allocation/carbon_jobs", advice="gredy")
