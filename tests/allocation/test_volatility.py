"""Networks that change during a job: what is drawn, that it is a metric, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxsoco
from jaxsoco.allocation import CarbonJobs, sample_job, synthetic_workload
from jaxsoco.allocation.content import ENERGY_PER_DATA, MEAN_LATENCY
from jaxsoco.allocation.prepare import prepare_carbon_jobs
from jaxsoco.allocation.theory.tree import draw_tree, draw_trees
from jaxsoco.allocation.volatility import segments_of_slots
from jaxsoco.core import random
from jaxsoco.core.errors import InputError

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
COUNT = 400
BASE = 365.0  # g/kWh, the default of network_intensity


def draw(count: int = COUNT, **values):
    workload = synthetic_workload(**values)
    return workload, jax.jit(sample_job)(jaxsoco.seed_keys(0, count), workload)


def distances(*, network_segments: int, **values) -> np.ndarray:
    """``[S, n, n, jobs]``; rows that are left over must repeat the last segment."""
    rows = np.asarray(draw(network_segments=network_segments, **values)[1].distance)
    rest = rows[network_segments:]
    np.testing.assert_array_equal(rest, np.broadcast_to(rows[network_segments - 1], rest.shape))
    return rows[:network_segments]


@pytest.mark.slow
@X64
@pytest.mark.parametrize("links", [None, 7])
@pytest.mark.parametrize("size", [None, 5])
def test_every_segment_has_a_metric(links, size, x64):
    values = {"network_links": links, "subset_size": size}
    d = distances(network_segments=6, count=60, **values)
    n = size or 14
    assert d.shape == (6, n, n, 60)
    np.testing.assert_array_equal(d, d.swapaxes(1, 2))
    assert np.all(d[:, range(n), range(n)] == 0)
    assert np.all(d[:, ~np.eye(n, dtype=bool)] > 0)
    for v in range(n):
        assert np.all(d <= (d[:, :, v, None] + d[:, v, None, :]) * (1 + 1e-14))
    # Each is a new one, in every job.
    assert np.all(np.any(d[1:] != d[:-1], axis=(1, 2)).mean(axis=1) > 0.9)


@X64
def test_the_first_segment_is_the_network_as_it_is(x64):
    _, still = draw()
    workload, jobs = draw(network_segments=3)
    first = np.broadcast_to(still.distance, (14, 14, COUNT))
    np.testing.assert_array_equal(jobs.distance[0], first)
    for name in ("hour", "start", "deadline", "length", "lower"):
        np.testing.assert_array_equal(getattr(jobs, name), getattr(still, name))
    # U leaves room for the longest move of all segments.
    farthest = np.asarray(jobs.distance).max(axis=(0, 1, 2))
    need = jobs.length * (farthest + 2 * workload.switch) + jobs.lower
    np.testing.assert_allclose(jobs.upper, np.maximum(still.upper, 1.01 * need), rtol=1e-14)
    assert np.asarray(jobs.move_bound) == pytest.approx(np.asarray(jobs.length) * farthest)


def test_one_segment_is_no_change(x64):
    workload, one = draw(network_segments=1, network_swaps=9, network_links=2)
    assert workload.volatility is None
    assert one.segment is None
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(draw()[1]), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_change_of_nothing_keeps_every_bit(x64):
    d = distances(network_segments=4, network_links=0, network_swaps=0)
    np.testing.assert_array_equal(d, np.broadcast_to(d[:1], d.shape))


@X64
def test_a_link_gets_a_uniform_intensity(x64):
    """Two regions have one link, which the closure leaves alone."""
    values = {"regions": ["eu-west-3", "sa-east-1"], "network_segments": 5, "network_swaps": 0}
    workload, jobs = draw(2000, network_intensity_min=150.0, network_intensity_max=450.0, **values)
    rtt = float(workload.latency[0, 1])
    unit = 4.0 * ENERGY_PER_DATA * rtt / MEAN_LATENCY
    intensity = np.asarray(jobs.distance)[:5, 0, 1] / unit
    np.testing.assert_allclose(intensity[0], BASE, rtol=1e-12)
    later = intensity[1:]
    assert stats.kstest(later.ravel(), stats.uniform(150, 300).cdf).pvalue > 1e-3
    # Segments are independent of one another.
    correlations = np.asarray(np.corrcoef(later))[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlations) < 4.5 / np.sqrt(2000))


def changed_links(**values) -> np.ndarray:
    """Which links a change redraws, ``[S - 1, links, jobs]``.

    All links get the same intensity, a hair below the network's: no path overtakes another, and
    only what is redrawn gets shorter.
    """
    hair = {name: BASE * (1 - 1e-6) for name in ("network_intensity_min", "network_intensity_max")}
    d = distances(network_swaps=0, **hair, **values)
    rows, columns = np.triu_indices(d.shape[1], 1)
    return d[1:, rows, columns] < d[:1, rows, columns] * (1 - 0.9e-6)


@pytest.mark.slow
@X64
def test_up_to_k_links_are_redrawn(x64):
    hit = changed_links(network_segments=2, network_links=10, count=4000)[0]
    counts = hit.sum(axis=0)
    assert stats.chisquare(np.bincount(counts, minlength=11)).pvalue > 1e-3
    # Every link as often as any other: 5 of 91 on average.
    share, rate = hit.mean(axis=1), 5 / 91
    assert np.max(np.abs(share - rate)) < 4.5 * np.sqrt(rate / 4000)
    # What is redrawn stays so.
    grown = changed_links(network_segments=4, network_links=10)
    assert np.all(grown[1:] >= grown[:-1])
    assert np.all(changed_links(network_segments=2, network_links=91 * 1000, count=300).any(axis=1))


@X64
def test_all_links_are_redrawn(x64):
    assert np.all(changed_links(network_segments=2))


def transposition(before: np.ndarray, after: np.ndarray) -> tuple[int, int] | None:
    """The exchange of two regions that makes one distance of the other."""
    n = before.shape[0]
    for a, b in zip(*np.triu_indices(n, 1), strict=True):
        order = np.arange(n)
        order[[a, b]] = b, a
        if np.allclose(before[np.ix_(order, order)], after, rtol=1e-12):
            return int(a), int(b)
    return None


@X64
def test_a_swap_exchanges_two_regions(x64):
    """Intensities stay what they are: all that changes is who is where."""
    still = {"network_intensity_min": BASE, "network_intensity_max": BASE, "count": 500}
    d = distances(network_segments=3, network_swaps=1, subset_size=5, **still)
    found = [transposition(d[s, ..., b], d[s + 1, ..., b]) for s in range(2) for b in range(500)]
    assert None not in found
    counts = np.unique(np.array(found), axis=0, return_counts=True)[1]
    assert counts.size == 10
    assert stats.chisquare(counts).pvalue > 1e-3
    # Two swaps of one pair are none, and happen: once in 10.
    twice = distances(network_segments=2, network_swaps=2, subset_size=5, **still)
    undone = np.all(np.isclose(twice[1], twice[0], rtol=1e-12), axis=(0, 1))
    assert pytest.approx(undone.sum(), abs=4.5 * np.sqrt(500 * 0.09)) == 0.1 * 500


@X64
def test_one_region_has_no_network(x64):
    d = distances(regions=["eu-west-2"], network_segments=3)
    np.testing.assert_array_equal(d, np.zeros((3, 1, 1, COUNT)))


@pytest.mark.slow
@X64
def test_numbers_may_differ_from_lane_to_lane(x64):
    """As in a sweep, which stacks its points along the lanes: every job is the one it is alone."""
    keys = jaxsoco.seed_keys(0, 3)
    swaps, links, low = jnp.array([0, 2, 7]), jnp.array([3, 0, 50]), jnp.array([50.0, 100.0, 300.0])
    names = ("network_swaps", "network_links", "network_intensity_min")

    def job(key, *numbers):
        values = dict(zip(names, numbers, strict=True))
        return sample_job(key, synthetic_workload(network_segments=4, **values)).distance

    together = synthetic_workload(network_segments=4, network_links=1)
    rate = 4.0 * ENERGY_PER_DATA / MEAN_LATENCY
    mixed = dataclasses.replace(together.volatility, links=links, swaps=swaps, low=low * rate)
    workload = dataclasses.replace(together, volatility=mixed)
    lanes = jax.jit(sample_job)(keys, workload).distance
    for b in range(3):
        alone = jax.jit(job)(keys[b], swaps[b], links[b], low[b])
        np.testing.assert_allclose(alone, lanes[..., b], rtol=1e-13)
    np.testing.assert_allclose(
        jax.vmap(job)(keys, swaps, links, low), np.moveaxis(lanes, -1, 0), rtol=1e-13
    )


@X64
def test_numbers_of_segments_share_a_program(x64):
    """From 2 to 12 they are data: in one block every lane has the job that it has alone."""
    keys, counts = jaxsoco.seed_keys(0, 4), (2, 3, 7, 12)
    workloads = [synthetic_workload(network_segments=count, network_links=9) for count in counts]
    changes = [workload.volatility for workload in workloads]
    assert all(one is not None and one.rows == 12 for one in changes)
    many = synthetic_workload(network_segments=13, deadline_min=24).volatility
    assert many is not None
    assert many.rows == 24
    mixed = dataclasses.replace(changes[0], segments=jnp.array(counts))
    together = jax.jit(sample_job)(keys, dataclasses.replace(workloads[0], volatility=mixed))
    tree = jax.jit(draw_trees)(random.words(keys), together.distance)
    for b, workload in enumerate(workloads):
        alone = jax.jit(sample_job)(keys[b], workload)
        np.testing.assert_allclose(alone.distance, together.distance[..., b], rtol=1e-13)
        np.testing.assert_array_equal(alone.segment, together.segment[:, b])
        one = jax.jit(draw_tree)(random.words(keys[b]), alone.distance[counts[b] - 1]).distance
        for row in range(counts[b] - 1, 12):
            np.testing.assert_allclose(tree[row, ..., b], one, rtol=1e-13)
    prepared = [
        prepare_carbon_jobs(CarbonJobs(network_segments=count), Path()).group
        for count in (1, *counts)
    ]
    assert len({*prepared}) == 2


@X64
def test_distances_are_differentiable_in_what_scales_them(x64):
    """Distances are homogeneous in the intensities, and linear in the data."""

    def mean(size, base, low, high):
        values = {"network_intensity_min": low, "network_intensity_max": high}
        values |= {"data_size": size, "network_intensity": base, "network_segments": 3}
        problem = jaxsoco.make("allocation/carbon_jobs", **values)
        return jnp.mean(problem.spec(jaxsoco.seed_keys(0, 20)).distance[:3])

    point = (4.0, 365.0, 100.0, 700.0)
    value, slopes = jax.jit(jax.value_and_grad(mean, (0, 1, 2, 3)))(*point)
    assert float(slopes[0]) == pytest.approx(float(value) / 4, rel=1e-12)
    scaled = sum(float(s) * x for s, x in zip(slopes[1:], point[1:], strict=True))
    assert scaled == pytest.approx(float(value), rel=1e-12)
    assert min(map(float, slopes)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("links", [None, 20])
def test_st_clip_is_consistent_on_every_job(links, x64):
    values = {"network_segments": 8, "network_links": links, "latency_scale": 6.0}
    problem = jaxsoco.make("allocation/carbon_jobs", deadline_max=24, **values)
    keys = jaxsoco.seed_keys(0, 512)
    followed = total(jaxsoco.comparator("allocation/advice")(problem, keys, (problem.horizon,)))
    dust, tight = 1e-9 if x64 else 1e-5, 0
    for epsilon in (0.1, 2.0):
        run = jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip", epsilon=epsilon), keys)
        ratio = total(run.costs._asdict()) / followed
        assert np.all(ratio <= (1 + epsilon) * (1 + dust))
        assert np.all(np.asarray(run.costs.shortfall) <= dust)
        assert not np.any(run.faults)
        tight += int(np.sum(ratio > 1 + 0.8 * epsilon))
    assert tight >= 5, "the bound was never nearly met: this says nothing"


def total(costs) -> np.ndarray:
    return np.asarray(sum(costs[name] for name in ("service", "move", "switch")))[-1]


@pytest.mark.parametrize("segments", [1, 2, 5, 12])
def test_segments_are_equally_long(segments):
    deadlines = jnp.arange(12, 48)
    parts = np.asarray(segments_of_slots(segments, 47, deadlines))
    assert parts.shape == (47, 36)
    for b, deadline in enumerate(range(12, 48)):
        inside, counts = parts[:deadline, b], np.bincount(parts[:deadline, b])
        assert np.all(np.diff(inside) >= 0)
        assert len(counts) == segments
        assert np.ptp(counts) <= 1
        assert np.all(parts[deadline:, b] == segments - 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"network_segments": 13},
            r"network_segments: 13 segments do not fit into a deadline of 12 h",
        ),
        (
            {"network_intensity_min": 800.0},
            r"network_intensity_min: 800 g/kWh is above network_intensity_max = 700 g/kWh",
        ),
    ],
)
def test_what_does_not_fit(values, message):
    with pytest.raises(InputError, match=message):
        prepare_carbon_jobs(CarbonJobs(**values), Path())


@pytest.mark.parametrize(
    "values",
    [
        {"network_segments": 0},
        {"network_segments": 337},
        {"network_links": -1},
        {"network_swaps": -1},
        {"network_intensity_max": 2001.0},
    ],
)
def test_limits_of_the_settings(values):
    with pytest.raises(InputError, match=next(iter(values))):
        jaxsoco.make("allocation/carbon_jobs", **values)


def test_tight_windows_are_counted_for_the_worst_network():
    def share(**values):
        (text,) = prepare_carbon_jobs(CarbonJobs(data_size=63.0, **values), Path()).warnings
        return text.partition(" of the hours")[0]

    still = share()
    changing = share(network_segments=4, network_intensity_max=380.0)
    assert "up to" in changing
    assert "up to" not in still
    worse = share(network_intensity=380.0)
    assert changing.replace("up to ", "") == worse
    assert worse != still
