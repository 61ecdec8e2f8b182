"""Forecasts from files: checked against the carbon data, and used as they are."""

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

HOURS = 200
SMALL = {"job_length": 2, "deadline_min": 6, "deadline_max": 9, "data_size": 0.5}
RNG = np.random.default_rng(0)
PRICES = RNG.uniform(50, 500, (HOURS, 3)).round(2)
PREDICTED = (PRICES * RNG.uniform(0.8, 1.2, PRICES.shape)).round(2)
REGIONS = ("us-east-1", "eu-west-3", "eu-north-1")


def table(values, regions=REGIONS, first: int = 0) -> str:
    stamps = np.datetime64("2022-01-01T00", "h") + first + np.arange(len(values))
    rows = (f"{t}:00:00Z," + ",".join(map(str, row)) for t, row in zip(stamps, values, strict=True))
    return "\n".join([",".join(("datetime", *regions)), *rows]) + "\n"


@pytest.fixture
def prepare(tmp_path):
    (tmp_path / "carbon.csv").write_text(table(PRICES))

    def prepared(forecast: str | None, **values):
        if forecast is not None:
            (tmp_path / "forecast.csv").write_text(forecast)
            values["forecast"] = Path("forecast.csv")
        settings = CarbonJobs(carbon=Path("carbon.csv"), **SMALL | values)
        return prepare_carbon_jobs(settings, tmp_path)

    return prepared


def world_of(prepared, count: int = 16):
    problem = build(prepared)
    keys = jaxsoco.seed_keys(0, count)
    spec = problem.spec(keys)
    return spec, jax.jit(allocation.init)(random.round_keys(random.words(keys), 0)[0], spec)


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("noise", [None, 0.25])
def test_a_job_is_told_the_forecast_of_its_hours(prepare, noise, x64):
    spec, world = world_of(prepare(table(PREDICTED), forecast_noise=noise, energy=0.5))
    for b, hour in enumerate(np.asarray(spec.hour)):
        np.testing.assert_array_equal(world.costs[..., b], 0.5 * PRICES[hour : hour + 9])
        expected = 0.5 * PREDICTED[hour : hour + 9]
        if not noise:
            np.testing.assert_array_equal(world.forecast[..., b], expected)
            continue
        drawn = (np.asarray(world.forecast[..., b]) - 0.75 * expected) / 0.25
        low, high = (float(x[b] / spec.length[b]) for x in (spec.lower, spec.upper))
        assert np.all((low - 1e-9 <= drawn) & (drawn <= high + 1e-9))
        assert np.ptp(drawn) > 0.5 * (high - low)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_perfect_forecast_file_is_a_forecast_without_noise(prepare, x64):
    _, read = world_of(prepare(table(PRICES)))
    _, made = world_of(prepare(None, forecast_noise=0.0))
    np.testing.assert_array_equal(read.forecast, made.forecast)
    np.testing.assert_array_equal(read.advice.states, made.advice.states)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_regions_go_by_either_name_and_in_any_order(prepare, x64):
    """Also beside hours and regions that only the forecast has."""
    more = np.concatenate([PREDICTED[:5], PREDICTED, PREDICTED[:7]])
    columns = np.column_stack([more[:, 2], more[:, 0], np.full(len(more), 7), more[:, 1]])
    other = table(columns, ("SE-SE3", "us-east-1", "BR-CS", "FR"), first=-5)
    _, world = world_of(prepare(other))
    _, plain = world_of(prepare(table(PREDICTED)))
    np.testing.assert_array_equal(world.forecast, plain.forecast)


def test_subsets_choose_the_same_columns(prepare):
    prepared = prepare(table(PREDICTED), regions=("eu-north-1", "us-east-1"))
    np.testing.assert_array_equal(prepared.content.forecast.values, PREDICTED[:, [2, 0]])
    spec, world = world_of(prepare(table(PREDICTED), subset_size=2))
    for b, (hour, places) in enumerate(zip(spec.hour, np.asarray(spec.places).T, strict=True)):
        wanted = PREDICTED[int(hour) : int(hour) + 9][:, places]
        np.testing.assert_allclose(world.forecast[..., b], wanted, rtol=1e-6)


def test_trim_cuts_both_to_the_hours_that_they_share(prepare):
    prepared = prepare(table(PREDICTED[20:], first=20), trim=True)
    carbon, forecast = prepared.content.carbon, prepared.content.forecast
    assert (carbon.start, carbon.hours) == (forecast.start, forecast.hours)
    np.testing.assert_array_equal(carbon.values, PRICES[20:])
    np.testing.assert_array_equal(forecast.values, PREDICTED[20:])


def test_the_report_says_how_far_off_a_forecast_is(prepare):
    prepared = prepare(table(PREDICTED))
    error = np.mean(np.abs(PREDICTED - PRICES))
    share = error / PRICES.mean()
    (note,) = (note for note in prepared.notes if note.startswith("forecast: "))
    assert note.endswith(f"off by {error:.3g} g/kWh ({share:.1%}) on average")
    assert prepared.identity["forecast"] == prepared.content.forecast.digest
    assert "forecast" not in prepare(None).identity


@pytest.mark.parametrize(
    ("forecast", "message"),
    [
        (table(PREDICTED[:150]), r"problem.forecast: covers 2022-01-01T00:00 to 2022-01-07T05:00"
         r" UTC, the carbon data 2022-01-01T00:00 to 2022-01-09T07:00 UTC .*trim = true"),
        (table(PREDICTED, first=9000), "problem.forecast: covers 2023-.*of every hour\\)$"),
        (table(PREDICTED[:, :2], REGIONS[:2]), "problem.forecast: has no region eu-north-1, which"
         " the carbon data have; it has us-east-1, eu-west-3"),
        (table(-PREDICTED), r"problem.forecast: .*forecast.csv:2.*negative"),
        ("", r"problem.forecast: .*forecast.csv"),
    ],
)  # fmt: skip
def test_a_forecast_that_does_not_fit(prepare, forecast, message):
    with pytest.raises(InputError, match=message) as caught:
        prepare(forecast)
    assert {issue.path.partition(":")[0] for issue in caught.value.issues} == {"problem.forecast"}


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"problem.forecast: .*no.csv: cannot be read"):
        prepare_carbon_jobs(CarbonJobs(forecast=Path("no.csv")), tmp_path)
