"""The draw of jobs: bounds, subsets of regions, lengths and latencies, against NumPy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import simulate
from jaxsoco.allocation import CarbonJobs, allocation, pcm, sample_job, synthetic_workload
from jaxsoco.allocation.content import GOOGLE_LENGTHS
from jaxsoco.allocation.data.network import REGIONS
from jaxsoco.allocation.data.subsets import SUBSETS, subset_regions
from jaxsoco.allocation.prepare import prepare_carbon_jobs
from jaxsoco.allocation.problem import prices
from jaxsoco.core.errors import InputError
from jaxsoco.core.fields import Issues, read_axis

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
BOUNDS = pytest.mark.parametrize("bounds", ["window", "month", "trace"])
COUNT = 48


def draw(count: int = COUNT, **values):
    workload = synthetic_workload(**values)
    return workload, sample_job(jaxsoco.seed_keys(0, count), workload)


@X64
@BOUNDS
@pytest.mark.parametrize("size", [None, 4])
def test_bounds_are_extremes_of_the_hours_that_they_name(bounds, size, x64):
    workload, jobs = draw(bounds=bounds, subset_size=size)
    carbon, latency = np.asarray(workload.carbon), np.asarray(workload.latency)
    for b in range(COUNT):
        hour, deadline, length = (int(x[b]) for x in (jobs.hour, jobs.deadline, jobs.length))
        spans = {
            "window": slice(hour, hour + deadline),
            "month": slice(hour - 720, hour),
            "trace": slice(None),
        }
        places = np.arange(14) if size is None else np.asarray(jobs.places[:, b])
        seen = carbon[spans[bounds]][:, places]
        assert hour >= (720 if bounds == "month" else 0)
        assert float(jobs.lower[b]) == pytest.approx(length * seen.min(), rel=1e-14)
        move = latency[np.ix_(places, places)].max() * float(workload.move_rate)
        need = length * (seen.min() + move + 2 * float(workload.switch))
        upper = max(length * seen.max(), 1.01 * need)
        assert float(jobs.upper[b]) == pytest.approx(upper, rel=1e-14)


@X64
def test_arrivals_reach_the_first_hour_that_has_a_month_before_it(x64):
    _, jobs = draw(20_000, bounds="month")
    assert 720 <= jobs.hour.min() < 740
    _, jobs = draw(20_000)
    assert 0 <= jobs.hour.min() < 20


# --- deadlines -----------------------------------------------------------------------------------


@X64
def test_deadlines_are_raised_to_so_many_lengths_of_the_job(x64):
    short = {"deadline_min": 4, "deadline_max": 6}
    workload, jobs = draw(4000, job_length="google", deadline_factor=2.0, **short)
    length, deadline = np.asarray(jobs.length), np.asarray(jobs.deadline)
    # T is uniform on max(4, 2 J) .. max(6, 2 J): exactly 2 J from J = 3 on.
    assert np.all(deadline[length >= 3] == 2 * length[length >= 3])
    assert set(deadline[length == 2]) == {4, 5, 6}
    assert workload.slots == 18 == 2 * 9
    assert jaxsoco.make("allocation/carbon_jobs", deadline_factor=2.0, **short).horizon == 18


@X64
def test_a_factor_below_all_deadlines_changes_nothing(x64):
    _, plain = draw(deadline_min=20)
    _, raised = draw(deadline_min=20, deadline_factor=2.0)
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(raised), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("factor", "least"), [(1.0, 10), (1.1, 11), (1.15, 12), (2.5, 25)])
def test_deadlines_are_whole_slots_rounded_up(factor, least):
    short = {"job_length": 10, "deadline_min": 1, "deadline_max": 1}
    _, jobs = draw(2, deadline_factor=factor, **short)
    assert jobs.deadline.tolist() == [least, least]


def test_a_deadline_that_a_job_cannot_meet_names_the_ways_out():
    short = {"job_length": 10, "deadline_min": 4}
    with pytest.raises(InputError, match=r"cannot meet a deadline of 4 h.*deadline_factor >= 1"):
        prepare_carbon_jobs(CarbonJobs(**short), Path())
    with pytest.raises(InputError, match="cannot meet a deadline of 9 h"):
        prepare_carbon_jobs(CarbonJobs(**short, deadline_factor=0.9), Path())
    prepare_carbon_jobs(CarbonJobs(**short, deadline_factor=1.0), Path())


# --- subsets of regions --------------------------------------------------------------------------


@X64
def test_a_job_draws_a_uniform_subset(x64):
    size, count = 4, 6000
    _, jobs = draw(count, subset_size=size)
    places = np.asarray(jobs.places)
    assert places.shape == (size, count)
    assert np.all(np.diff(places, axis=0) > 0)
    # Every pair of regions is equally likely: size (size - 1) / (14 13).
    has = np.zeros((14, count))
    np.put_along_axis(has, places, 1, axis=0)
    together = (has @ has.T)[np.triu_indices(14, 1)]
    share = size * (size - 1) / (14 * 13)
    assert np.max(np.abs(together - share * count)) < 4.5 * np.sqrt(count * share * (1 - share))
    assert set(np.asarray(jobs.start)) == set(range(size))


@pytest.mark.slow
@X64
def test_a_subset_is_the_same_job_on_fewer_regions(x64):
    """The job of a lane, on a trace that is cut to its regions by hand, costs the same."""
    workload, jobs = draw(8, subset_size=5, job_length=3, deadline_min=10, deadline_max=12)
    keys = jaxsoco.seed_keys(3, 8)
    params = jaxsoco.learner("allocation/pcm", metric="true")[1]

    @jax.jit
    def play(spec, key):
        return simulate(pcm, params, allocation, spec, key, spec.slots, at=(12,)).costs

    lanes = play(jobs, keys)
    for b in (0, 5):
        places = np.asarray(jobs.places[:, b])
        one = jax.tree.map(lambda x, b=b: x if x.shape == jobs.trace.shape else x[..., b], jobs)
        cut = dataclasses.replace(one, trace=jobs.trace[:, places], places=None)
        np.testing.assert_array_equal(prices(cut), prices(jobs)[..., b])
        rate = float(workload.move_rate)
        expected = np.asarray(workload.latency)[np.ix_(places, places)] * rate
        np.testing.assert_allclose(cut.distance, expected, rtol=1e-14)
        alone = play(cut, keys[b])
        for mine, theirs in zip(alone, lanes, strict=True):
            np.testing.assert_allclose(mine, np.asarray(theirs)[:, b], rtol=1e-11, atol=1e-11)


@X64
def test_a_subset_of_all_regions_changes_nothing(x64):
    _, some = draw(subset_size=14)
    _, full = draw()
    for name in ("hour", "start", "deadline", "length", "distance", "lower", "upper"):
        np.testing.assert_array_equal(getattr(some, name), getattr(full, name))
    np.testing.assert_array_equal(prices(some), prices(full))


@pytest.mark.parametrize(
    ("subset", "zones"),
    [
        ("mixed", {"KR", "US-MIDA-PJM", "AU-NSW", "CA-QC", "FR"}),
        ("mixed-2", {"US-CAL-CISO", "KR", "DE", "IN-MH", "IL", "SE-SE3", "ZA"}),
        ("north-america", {"US-MIDA-PJM", "US-CAL-CISO", "US-NW-PACW", "CA-QC"}),
        ("eu", {"DE", "GB", "FR", "SE-SE3"}),
        ("no-hydro", {region.zone for region in REGIONS} - {"SE-SE3", "CA-QC"}),
    ],
)
def test_subsets_of_the_paper(subset, zones):
    by_zone = {region.zone: region.name for region in REGIONS}
    assert set(subset_regions(subset, list(by_zone))) == zones
    content = prepare_carbon_jobs(CarbonJobs(regions=subset), Path()).content
    assert set(content.carbon.regions) == {by_zone[zone] for zone in zones}
    assert content.latency.shape == (len(zones), len(zones))


def test_every_subset_is_declared():
    (field,) = [field for field in CarbonJobs.FIELDS if field.name == "regions"]
    assert {*field.words} == {*SUBSETS, "no-hydro", "auto"}


def test_subsets_are_an_axis_and_names_are_not():
    (field,) = [field for field in CarbonJobs.FIELDS if field.name == "regions"]
    issues = Issues()
    assert read_axis(field, ["mixed", "eu"], "regions", issues) == ("mixed", "eu")
    assert read_axis(field, ["eu", ["FR", "DE"]], "regions", issues) == ("eu", ("FR", "DE"))
    assert read_axis(field, ["FR", "DE"], "regions", issues) == (("FR", "DE"),)
    assert not issues


def test_a_subset_that_the_data_lack():
    with pytest.raises(InputError, match=r"regions.*needs us-east-1 \(US-MIDA-PJM\)"):
        subset_regions("mixed", ["FR", "KR", "AU-NSW", "CA-QC"])


# --- lengths and latencies -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "rounding"), [("google", np.floor), ("google-rounded-up", np.ceil)]
)
def test_google_lengths_differ_by_their_rounding(rule, rounding):
    """Any lengths strictly within the hours have the two tables, one hour apart."""
    weights = np.array(GOOGLE_LENGTHS[rule])
    hours = np.arange(8) + 2.5
    table = np.zeros(10)
    np.add.at(
        table, rounding(hours).astype(int) - 1, [0.912, 0.053, 0.017, 0.008, 0.006, *3 * [0.002]]
    )
    np.testing.assert_array_equal(weights, table)
    _, jobs = draw(4000, job_length=rule)
    share = np.bincount(jobs.length, minlength=11)[1:] / 4000
    np.testing.assert_allclose(share, weights / weights.sum(), atol=0.02)


@X64
def test_latencies_are_scaled(x64):
    _, far = draw(latency_scale=6.0)
    _, near = draw()
    np.testing.assert_allclose(far.distance, 6 * near.distance, rtol=1e-14)
    gradient = jax.jit(jax.grad(lambda scale: _mean_distance(latency_scale=scale)))(2.0)
    assert float(gradient) == pytest.approx(float(jnp.mean(near.distance)), rel=1e-12)


def _mean_distance(**values):
    problem = jaxsoco.make("allocation/carbon_jobs", **values)
    return jnp.mean(problem.spec(jaxsoco.seed_keys(0, COUNT)).distance)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"subset_size": 5, "regions": "eu"}, "5 regions cannot be drawn among 4"),
        ({"bounds": "month", "carbon": "short"}, "shorter than the month before a job"),
    ],
)
def test_what_does_not_fit(values, message, tmp_path):
    if "carbon" in values:
        hours = np.datetime64("2022-01-01T00") + np.arange(740)
        rows = [f"{hour}:00:00+00:00,{50 + i % 24},{200 + i % 7}" for i, hour in enumerate(hours)]
        path = tmp_path / "short.csv"
        path.write_text("datetime,FR,DE\n" + "\n".join(rows) + "\n")
        values = {**values, "carbon": path}
    with pytest.raises(InputError, match=message):
        prepare_carbon_jobs(CarbonJobs(**values), tmp_path)


def test_the_share_of_jobs_without_a_guarantee_is_said():
    prepared = prepare_carbon_jobs(CarbonJobs(bounds="month"), Path())
    carbon, longest = prepared.content.carbon.values, 47
    hours = range(720, len(carbon) - longest + 1)
    stray = np.mean(
        [
            carbon[h : h + longest].min() < carbon[h - 720 : h].min()
            or carbon[h : h + longest].max() > carbon[h - 720 : h].max()
            for h in hours
        ]
    )
    assert any(f"in {stray:.2%} of the arrival hours" in text for text in prepared.warnings)
