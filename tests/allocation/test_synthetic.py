"""The synthetic trace: ranges, means, cycles, and what its values depend on."""

from __future__ import annotations

import numpy as np
import pytest

from jaxsoco.allocation.data.network import REGIONS
from jaxsoco.allocation.data.synthetic import START, YEAR, synthetic_carbon
from jaxsoco.core.errors import InputError

NAMES = [region.name for region in REGIONS]
PINNED = [[125.1, 30.25], [125.41, 31.19], [128.67, 31.23]]


@pytest.fixture(scope="module")
def trace():
    return synthetic_carbon()


def correlation(values: np.ndarray, lag: int) -> np.ndarray:
    centred = values - values.mean(axis=0)
    return (centred[lag:] * centred[:-lag]).mean(axis=0) / values.var(axis=0)


def test_shape_and_provenance(trace):
    assert trace.regions == tuple(NAMES)
    assert trace.values.shape == (YEAR, 14)
    assert trace.start == START
    assert trace.source == "synthetic (seed 0)"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_range_and_mean_are_those_of_the_table(seed):
    values = synthetic_carbon(seed).values
    np.testing.assert_allclose(values.min(axis=0), [r.low for r in REGIONS], atol=0.006)
    np.testing.assert_allclose(values.max(axis=0), [r.high for r in REGIONS], atol=0.006)
    np.testing.assert_allclose(values.mean(axis=0), [r.mean for r in REGIONS], atol=0.006)


def test_daily_and_weekly_cycles(trace):
    values = trace.values
    # A day later is more alike than half a day later; a week later than half a week later.
    assert (correlation(values, 24) > correlation(values, 12) + 0.4).all()
    assert (correlation(values, 168) > correlation(values, 84) + 0.3).all()
    assert (correlation(values, 24) > correlation(values, 6 * 24 + 12)).all()
    # Weather forgets; only the week brings likeness back (on average: spiky regions hide it).
    assert (correlation(values, 168) - correlation(values, 4 * 24)).mean() > 0.02


def test_periodogram_peaks_at_a_day(trace):
    weeks = trace.values[: 52 * 168]
    power = np.abs(np.fft.rfft(weeks - weeks.mean(axis=0), axis=0)) ** 2
    fast = power[52 * 2 :]  # periods of half a week and less: leaves out weather and season
    assert (np.argmax(fast, axis=0) + 52 * 2 == 52 * 7).all()


def test_sun_and_evening_follow_the_longitude(trace):
    for region, column in zip(REGIONS, trace.values.T, strict=True):
        by_hour = column.reshape(-1, 24).mean(axis=0)
        dip = (by_hour.argmin() + region.longitude / 15) % 24
        peak = (by_hour.argmax() + region.longitude / 15) % 24
        assert 12 <= dip <= 14, region.name
        assert 18.5 <= peak <= 21, region.name


def test_weekends_are_cleaner(trace):
    days = START.astype("datetime64[D]") + np.arange(364)
    weekend = ~np.is_busday(days)
    for region, column in zip(REGIONS, trace.values.T, strict=True):
        shifted = np.roll(column, round(region.longitude / 15))[: 364 * 24]  # local hours
        by_day = shifted.reshape(364, 24).mean(axis=1)
        assert by_day[weekend].mean() < by_day[~weekend].mean(), region.name


def test_winter_is_dirtier_on_both_hemispheres(trace):
    half = YEAR // 4
    for region, column in zip(REGIONS, trace.values.T, strict=True):
        middle = column[half : 3 * half].mean()  # April to September
        rest = np.concatenate([column[:half], column[3 * half :]]).mean()
        assert (middle < rest) == (region.latitude > 0), region.name


def test_seeds(trace):
    again, other = synthetic_carbon(0), synthetic_carbon(1)
    assert again == trace
    np.testing.assert_array_equal(again.values, trace.values)
    assert other != trace
    assert (other.values != trace.values).mean() > 0.9


def test_regions_have_noise_of_their_own(trace):
    # The residual of neighbours in one time zone: cycles removed by a difference over a week.
    residual = trace.values[168:] - trace.values[:-168]
    correlations = np.corrcoef(residual.T)[~np.eye(14, dtype=bool)]
    assert np.abs(correlations).max() < 0.4


def test_values_are_pinned():
    # Rounding to 0.01 keeps them (and the digests of old runs) equal on every platform.
    values = synthetic_carbon(0, hours=3, regions=["eu-west-3", "ca-central-1"]).values
    np.testing.assert_array_equal(values, PINNED)


def test_subset_and_length_do_not_change_values(trace):
    chosen = ["il-central-1", "us-east-1"]
    for hours in (1, 100, YEAR, YEAR + 500):
        part = synthetic_carbon(0, hours=hours, regions=chosen)
        assert part.regions == tuple(chosen)
        assert part.values.shape == (hours, 2)
        whole = trace.select(chosen).values
        np.testing.assert_array_equal(part.values[:YEAR], whole[:hours])


def test_years_after_the_first_stay_in_the_range():
    values = synthetic_carbon(3, hours=2 * YEAR).values
    assert (values.min(axis=0) >= [r.low - 0.006 for r in REGIONS]).all()
    assert (values.max(axis=0) <= [r.high + 0.006 for r in REGIONS]).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"seed": -1}, "seed: -1 is not a whole number >= 0"),
        ({"seed": 0.5}, "seed: 0.5 is not a whole number >= 0"),
        ({"hours": 0}, "hours: 0 is not a whole number >= 1"),
        ({"regions": ["eu-west-33"]}, 'unknown region "eu-west-33" (did you mean "eu-west-3"?)'),
        ({"regions": []}, "regions: is empty"),
        ({"regions": ["eu-west-3"] * 2}, "is given twice"),
    ],
)
def test_refusals(options, expected):
    with pytest.raises(InputError) as caught:
        synthetic_carbon(**options)
    assert expected in str(caught.value)
