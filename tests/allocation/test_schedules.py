"""Advice from a file: a table of states for every hour and region of arrival."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import jaxsoco
from jaxsoco.allocation import CarbonJobs, allocation
from jaxsoco.allocation.prepare import build, prepare_carbon_jobs
from jaxsoco.core import random
from jaxsoco.core.errors import InputError

REGIONS = ("us-west-1", "eu-west-2", "eu-central-1")
SMALL = {"regions": REGIONS, "job_length": 3, "deadline_min": 5, "deadline_max": 8}
HOURS, N, SLOTS, LENGTH, SHORTEST = 8760, 3, 8, 3, 5


def random_table(seed: int = 0, paths: int = 1) -> np.ndarray:
    """States ``[hours, n, slots, A]`` that are ON in three of the first five slots."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, N, (HOURS, N, SLOTS, paths))
    order = rng.random((HOURS, N, SHORTEST, paths)).argsort(axis=2)
    on = np.zeros(places.shape, bool)
    on[:, :, :SHORTEST] = order < LENGTH
    return np.where(on, places, places + N)


@pytest.fixture
def prepare(tmp_path):
    def prepared(name: str = "advice.npz", settings=(), **arrays):
        if name.endswith(".npy"):
            np.save(tmp_path / name, arrays["states"])
        elif arrays:
            np.savez(tmp_path / name, **arrays)
        return prepare_carbon_jobs(
            CarbonJobs(**SMALL | {"advice": Path(name)} | dict(settings)), tmp_path
        )

    return prepared


def told(prepared, count: int = 24):
    """The jobs of some keys and the advice that they are given."""
    problem = build(prepared)
    keys = jaxsoco.seed_keys(0, count)
    spec = problem.spec(keys)
    world = jax.jit(allocation.init)(random.round_keys(random.words(keys), 0)[0], spec)
    return problem, keys, spec, jax.tree.map(np.asarray, world.advice)


@pytest.mark.parametrize("name", ["advice.npy", "advice.npz"])
def test_a_job_is_given_the_row_of_its_hour_and_region(prepare, name):
    states = random_table()[..., 0]
    problem, keys, spec, advice = told(prepare(name, states=states))
    assert advice.states.shape == (SLOTS, 1, 24)
    for b, (hour, start) in enumerate(zip(spec.hour, spec.start, strict=True)):
        np.testing.assert_array_equal(advice.states[:, 0, b], states[int(hour), int(start)])
    paid = jaxsoco.comparator("allocation/advice")(problem, keys, (SLOTS,))
    np.testing.assert_array_equal(paid["shortfall"], 0)


@pytest.mark.slow
def test_st_clip_is_consistent_with_a_table(prepare):
    problem, keys, _, _ = told(prepare(states=random_table()[..., 0]), 96)
    paid = jaxsoco.comparator("allocation/advice")(problem, keys, (SLOTS,))
    run = jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip", epsilon=0.1), keys)
    names = ("service", "move", "switch")
    ratio = sum(getattr(run.costs, x)[-1] for x in names) / sum(paid[x][-1] for x in names)
    assert np.all(ratio <= 1.1 * (1 + 1e-5))


def test_one_schedule_an_hour_serves_all_regions(prepare):
    states = random_table()[:, 0, :, 0]
    _, _, spec, advice = told(prepare("advice.npy", states=states))
    np.testing.assert_array_equal(advice.states[:, 0], states[np.asarray(spec.hour)].T)


def test_mixes_of_paths(prepare):
    states = random_table(paths=2)
    weights = np.random.default_rng(1).dirichlet(np.ones(2), (HOURS, N))
    _, _, spec, advice = told(prepare(states=states, weights=weights))
    at = np.asarray(spec.hour), np.asarray(spec.start)
    np.testing.assert_array_equal(advice.states, np.moveaxis(states[at], 0, -1))
    np.testing.assert_allclose(advice.weights, weights[at].T, rtol=1e-6)
    _, _, _, same = told(prepare(states=states, weights=np.array([0.3, 0.7])))
    np.testing.assert_allclose(same.weights, [[0.3] * 24, [0.7] * 24], rtol=1e-6)


def test_regions_in_another_order(prepare):
    """Rows and states of the file are those of the names beside them."""
    states = random_table()[..., 0]
    order = [2, 0, 1]  # of REGIONS in the file
    names = np.array([REGIONS[i] for i in order])
    renumbered = np.argsort(order)[states % N] + np.where(states >= N, N, 0)
    _, _, _, advice = told(prepare(states=renumbered[:, order], regions=names))
    _, _, _, plain = told(prepare(states=states))
    np.testing.assert_array_equal(advice.states, plain.states)


def test_a_table_is_part_of_what_a_run_is(prepare):
    states = random_table()[..., 0]
    first = prepare(states=states).identity["advice"]
    assert prepare("other.npy", states=states).identity["advice"] == first
    changed = states.copy()
    changed[HOURS - 1] = N  # in an hour in which no job arrives
    assert prepare(states=changed).identity["advice"] != first


def spoilt(place, value):
    states = random_table()[..., 0]
    states[place] = value
    return {"states": states}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"states": random_table()[:, :, :6, 0]}, "states: have 6 slots, and the longest deadline"),
        ({"states": random_table()[:99, ..., 0]}, r"states: have the shape \[99, 3, 8\].*8760, 8"),
        ({"states": random_table()[..., 0] * 1.0}, "states: are float64 .want integers"),
        (spoilt((7, 1, 2), 6), "states: state 6 in slot 3 of hour 7 in eu-west-2 .want 0 to 2"),
        (spoilt((7, 1, 2), -1), "states: state -1 in slot 3 of hour 7"),
        (spoilt((7, 1), 3), "the schedule of hour 7 in eu-west-2 runs 0 slots in time "),
        (spoilt((7, 1, 6), 0), "runs 3 slots in time and 1 too late .want 3 slots ON"),
        ({"states": random_table(), "regions": np.array(["FR", *REGIONS[1:]])},
         'regions: unknown region "FR"'),
        ({"states": random_table(), "regions": np.array([REGIONS[1], *REGIONS[1:]])},
         "regions: eu-west-2, eu-west-2.*want each once"),
        ({"states": random_table(paths=2), "weights": np.array([0.5, 0.4])},
         "the weights of hour 0 in us-west-1 come to 0.9"),
        ({"states": random_table(paths=2), "weights": np.array([1.5, -0.5])}, "of at least 0"),
        ({"states": random_table(paths=2), "weights": np.ones(3)}, r"have the shape \[3\] for 2"),
        ({"schedule": np.zeros(3)}, "has no array states; it has schedule"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit(prepare, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        prepare(**arrays)
    (issue,) = caught.value.issues
    assert issue.path.startswith("problem.advice")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"job_length": "google", "deadline_min": 8}, "jobs of one length, and job_length is"),
        ({"subset_size": 2}, "is a table for all regions"),
        ({"advice_error": 0.1}, "advice_error: 0.1 has no effect"),
    ],
)
def test_settings_that_a_table_does_not_fit(prepare, settings, message):
    with pytest.raises(InputError, match=message):
        prepare(settings=settings, states=random_table())


def test_words_and_files(prepare):
    with pytest.raises(InputError, match=r'problem.advice: "linaer.*did you mean "linear"'):
        prepare("linaer")
    with pytest.raises(InputError, match=r"problem.advice: .*no.npy: cannot be read"):
        prepare_carbon_jobs(CarbonJobs(**SMALL, advice=Path("no.npy")), Path())
