"""One job, planned: numbers against ``simulate``, prices by where they come from, bad requests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import simulate
from jaxsoco.allocation import (
    Spec,
    allocation,
    great_circle_latency,
    integral_optimum,
    offline_optimum,
    plan,
    synthetic_carbon,
)
from jaxsoco.allocation.planning.request import read_request
from jaxsoco.allocation.problem import forecast as drawn_forecast
from jaxsoco.allocation.problem import prices
from jaxsoco.core.errors import InputError
from jaxsoco.core.random import round_keys, words

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
REGIONS = ("eu-west-3", "eu-west-2", "eu-central-1")


def write_csv(path, start, values):
    """A wide table of hourly values ``[hours, 3]`` from ``start`` on."""
    hours = np.datetime64(start, "h") + np.arange(len(values))
    lines, rows = [f"datetime,{','.join(REGIONS)}"], zip(hours, values, strict=True)
    lines += [f"{h}:00Z,{','.join(map(repr, map(float, row)))}" for h, row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def noisy(hours, seed=0):
    return np.random.default_rng(seed).uniform(50, 500, (hours, 3)).round(1)


def some(*names):
    """Learners by name, those of the family that need few compilations if none is named."""
    return {name: jaxsoco.learner(f"allocation/{name}") for name in names or ("greedy",)}


def spec_by_hand(values, hour, hours, deadline, place, bounds, data_size=4.0, switch=0.25):
    """The same job, with every number of it computed here."""
    rate = data_size * 1.72118 / 60 * 365 / 221.0427
    distance = great_circle_latency(REGIONS) * rate
    span = {"window": slice(hour, hour + deadline), "month": slice(hour - 720, hour)}[bounds]
    low, high = values[span].min() * hours, values[span].max() * hours
    need = 1.01 * (hours * (distance.max() + 2 * switch) + low)
    return Spec(
        trace=jnp.asarray(values),
        power=jnp.asarray(1.0),
        hour=jnp.int32(hour),
        distance=jnp.asarray(distance),
        switch=jnp.asarray([switch]),
        start=jnp.int32(place),
        deadline=jnp.int32(deadline),
        length=jnp.int32(hours),
        lower=jnp.asarray(low),
        upper=jnp.asarray(max(high, need)),
        forecast_noise=jnp.asarray(0.4),
        slots=deadline,
        max_length=10,
    )


@pytest.mark.slow
@X64
@pytest.mark.parametrize("bounds", ["window", "month"])
def test_learners_do_what_they_do_in_simulate(bounds, x64):
    values = synthetic_carbon(0).select(REGIONS).values
    learners = some("pcm", "st_clip", "delayed_greedy", "threshold", "agnostic")
    day = plan(
        start="2022-03-01T14:00",
        hours=3,
        deadline=12,
        region="eu-west-2",
        regions=REGIONS,
        bounds=bounds,
        learners=learners,
        seed=7,
    )
    hour = (31 + 28) * 24 + 14
    spec = spec_by_hand(values, hour, 3, 12, 1, bounds)
    assert day.bounds == pytest.approx((float(spec.lower), float(spec.upper)), rel=1e-12)
    np.testing.assert_array_equal(day.carbon, values[hour : hour + 12])
    key = jaxsoco.seed_keys(7, 1)[0]
    for label, (algorithm, params) in learners.items():
        run = simulate(algorithm, params, allocation, spec, key, 12, at=(12,), trace=True)
        states = np.asarray(run.trace[0])
        np.testing.assert_allclose(day[label].on, states[:, :3], atol=1e-9)
        np.testing.assert_allclose(day[label].off, states[:, 3:], atol=1e-9)
        for part, total in run.costs._asdict().items():
            assert day[label].costs[part].sum() == pytest.approx(float(total[-1]), abs=1e-9)
        assert day[label].faults == int(run.faults)


@X64
def test_optima_cost_what_their_solvers_say(x64):
    values = synthetic_carbon(3).select(REGIONS).values
    day = plan(
        start="2022-07-04T03:00",
        hours=5,
        deadline=12,
        region="eu-central-1",
        regions=REGIONS,
        carbon_seed=3,
        learners=some(),
    )
    spec = spec_by_hand(values, (181 + 3) * 24 + 3, 5, 12, 2, "window")
    network = (prices(spec), spec.metric, spec.throughput, spec.metric.switch, spec.start)
    linear = offline_optimum(*network)
    whole = integral_optimum(*network, slots=10, length=5)[0]
    assert day["offline_optimum"].total == pytest.approx(float(linear.value), rel=1e-12)
    assert day["integral_optimum"].total == pytest.approx(float(whole), rel=1e-12)
    assert day["offline_optimum"].work[-1] == pytest.approx(1, abs=1e-12)
    # Whole slots: the job is in one place, and runs or not.
    assert {*day["integral_optimum"].on.ravel()} == {0.0, 1.0}


@X64
def test_tables_say_what_the_schedules_do(x64):
    day = plan(hours=3, deadline=12, regions=REGIONS, learners=some("pcm", "greedy"))
    table, totals = day.table(), day.totals()
    assert [*totals.learner] == ["pcm", "greedy", "offline_optimum", "integral_optimum"]
    for schedule, row in zip(day.schedules, totals, strict=True):
        np.testing.assert_allclose((schedule.on + schedule.off).sum(axis=1), 1, atol=1e-9)
        rows = table[table.learner == schedule.name]
        assert rows.on.sum() / 3 == pytest.approx(1, abs=1e-6)
        grams = np.sum(rows.on * rows.carbon)
        assert grams == pytest.approx(row.service, rel=1e-6)
        assert row.total == pytest.approx(row.service + row.move + row.switch, rel=1e-12)
        best = totals[totals.learner == "integral_optimum"].total[0]
        assert row.ratio_whole_slot == pytest.approx(row.total / best, rel=1e-12)
        last = rows[rows.work >= 1 - 1e-4].hour[0]
        assert row.finish == last
        ends = {end for _, end in schedule.spans}
        assert max(ends) == 1 + schedule.finish  # pyright: ignore
    assert totals.ratio_linear.min() == 1


# --- where prices come from ----------------------------------------------------------------------


@X64
def test_a_plan_goes_on_with_the_forecast_where_the_data_end(tmp_path, x64):
    data, ahead = noisy(30), noisy(40, seed=1)
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", data)
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-02", ahead)  # 6 hours in common
    day = plan(
        start="2024-05-02T02:00",
        hours=2,
        deadline=12,
        carbon=carbon,
        forecast=forecast,
        learners=some("greedy", "delayed_greedy"),
    )
    assert day.measured.tolist() == [True] * 4 + [False] * 8 and not day.all_measured
    np.testing.assert_array_equal(day.carbon, np.concatenate([data[26:30], ahead[6:14]]))
    np.testing.assert_array_equal(day.forecast, ahead[2:14])
    # What runs first is chosen by the measured price, what waits by the forecast.
    assert day["greedy"].on[0].argmax() == data[26].argmin()
    hour, place = np.unravel_index(ahead[2:14].argmin(), (12, 3))
    assert day["delayed_greedy"].on[min(hour, 10), place] == 1
    assert {*day.table().source} == {"measured", "forecast"}


@X64
def test_now_hides_what_was_measured_later(tmp_path, x64):
    data, ahead = noisy(60), noisy(48, seed=1)
    whole = write_csv(tmp_path / "whole.csv", "2024-05-01", data)
    cut = write_csv(tmp_path / "cut.csv", "2024-05-01", data[:29])
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-02", ahead)
    learners = some("pcm", "st_clip")
    job = {"start": "2024-05-02T01:00", "hours": 3, "deadline": 12, "forecast": forecast}
    days = [
        plan(**job, carbon=whole, now="2024-05-02T04:00", learners=learners),
        plan(**job, carbon=cut, learners=learners),
    ]
    for one, other in zip(days[0].schedules, days[1].schedules, strict=True):
        np.testing.assert_array_equal(one.on, other.on)
        assert one.total == other.total
    assert days[0].measured.sum() == 4


@X64
def test_a_forecast_of_measured_hours_is_what_learners_are_told(tmp_path, x64):
    data, ahead = noisy(30), noisy(12, seed=4)
    ahead[9, 1] = 10.0
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", data)
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-01", ahead)
    job = {"start": "2024-05-01", "hours": 2, "deadline": 12, "region": "eu-west-3"}
    day = plan(**job, carbon=carbon, forecast=forecast, learners=some("delayed_greedy"))
    assert day.all_measured
    np.testing.assert_array_equal(day.carbon, data[:12])
    late = day["delayed_greedy"]
    assert late.on[9, 1] == 1 and late.on[10, 1] == 1
    assert late.costs["service"].sum() == pytest.approx(data[9:11, 1].sum(), rel=1e-12)


@X64
def test_a_forecast_alone_is_enough(tmp_path, x64):
    ahead = noisy(24, seed=2)
    carbon = write_csv(tmp_path / "data.csv", "2022-05-01", noisy(48))
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-02T06:00", ahead)
    day = plan(hours=4, deadline=12, carbon=carbon, forecast=forecast, learners=some())
    assert not day.measured.any() and str(day.job.start) == "2024-05-02T06"
    np.testing.assert_array_equal(day.carbon, ahead[:12])
    assert any("before the forecast begins" in note for note in day.notes)
    with pytest.raises(InputError, match="start: 2024-05-03 06:00 is outside of the prices: the f"):
        plan(start="2024-05-03T06:00", hours=4, carbon=carbon, forecast=forecast)


@X64
def test_without_a_file_the_problem_draws_its_forecast(x64):
    values = synthetic_carbon(0).select(REGIONS).values
    job = {"start": "2022-01-02", "hours": 2, "deadline": 12, "regions": REGIONS}
    day = plan(**job, learners=some("delayed_greedy"))
    spec = spec_by_hand(values, 24, 2, 12, 0, "window")
    nature = round_keys(words(jaxsoco.seed_keys(0, 1)[0]), 0)[0]
    told = np.asarray(drawn_forecast(nature, spec, prices(spec)))
    hour, place = np.unravel_index(told.argmin(), told.shape)
    assert day["delayed_greedy"].on[min(hour, 10), place] == 1
    assert day.forecast is None and "40 % of uniform noise" in " ".join(day.notes)
    sure = plan(**job, learners=some("delayed_greedy"), forecast_noise=0.0)
    hour, place = np.unravel_index(values[24:36].argmin(), (12, 3))
    assert sure["delayed_greedy"].on[min(hour, 10), place] == 1


def test_defaults_fill_what_a_request_leaves_open(tmp_path):
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", noisy(30))
    day = plan(carbon=carbon, job_length=4, learners=some())
    # 30 hours of data are fewer than deadline_max = 47.
    assert tuple(day.job) == (np.datetime64("2024-05-01T00"), 4, 30, "eu-west-3", None)
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-02T06:00", noisy(24, seed=1))
    day = plan(carbon=carbon, job_length=4, forecast=forecast, learners=some())
    assert (str(day.job.start), day.job.deadline) == ("2024-05-02T06", 24)
    start = plan(job_length=2, bounds="month", regions=REGIONS, learners=some()).job.start
    assert str(start) == "2022-01-31T00"


def test_float32_agrees():
    job = {"hours": 3, "deadline": 12, "regions": REGIONS, "learners": some("pcm")}
    with jax.enable_x64(True):
        exact = plan(**job)
    close = plan(**job)
    for one, other in zip(close.schedules, exact.schedules, strict=True):
        assert one.total == pytest.approx(other.total, rel=1e-5) and one.total != other.total
        assert one.finish == other.finish


@pytest.mark.parametrize(
    "start",
    [
        "2022-03-01T14:00",
        "2022-03-01 14:00Z",
        "2022-03-01T16:00+02:00",
        np.datetime64("2022-03-01T14:00:00.000000000"),
        np.datetime64("2022-03-01T14"),
        datetime(2022, 3, 1, 14),
        datetime(2022, 3, 1, 9, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_time_may_be_given_in_many_ways(start):
    assert read_request({"start": start}).start == np.datetime64("2022-03-01T14", "h")
    assert read_request({"deadline": start}).deadline == np.datetime64("2022-03-01T14", "h")


def test_a_day_is_its_first_hour():
    for day in ("2022-03-01", np.datetime64("2022-03-01")):
        assert read_request({"start": day}).start == np.datetime64("2022-03-01T00", "h")


@pytest.mark.parametrize("start", ["", "14:00", 5, np.datetime64("NaT"), "0001-01-01T00:00+05:00"])
def test_what_is_no_time_is_refused(start):
    with pytest.raises(InputError, match="is not a time"):
        read_request({"start": start})


# --- bad requests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"start": "2023-06-01"}, r"start: 2023-06-01 00:00 is outside of the prices: the data"),
        ({"start": "2021-12-31T23:00"}, r"reach from 2022-01-01 00:00 to 2022-12-31 23:00 UTC"),
        ({"start": "2022-12-31T20:00"}, r"deadline: 2023-01-01 08:00 is after the last price"),
        ({"start": "March"}, r'start: "March" is not a time'),
        ({"start": "2022-03-01T14:30"}, r"start: 2022-03-01 14:30:00 UTC is not a full hour"),
        ({"deadline": 3}, r"deadline: 3 hours from 2022-01-01 00:00 are too few for 4 hours"),
        ({"deadline": "2021-12-01"}, r"deadline: 2021-12-01 00:00 is not after the start"),
        ({"deadline": "soon"}, r'deadline: "soon" is not a time'),
        ({"deadline": 1000}, r"deadline: 1000 is too large"),
        ({"deadline": "2022-12-01"}, r"deadline: 8016 is too large"),
        ({"hours": 0}, r"hours: 0 is too small"),
        ({"hours": "4.5"}, r'hours: found "4.5" \(want a whole number of hours\)'),
        ({"hours": None}, r'hours: is missing, and problem.job_length = "google" is not one'),
        ({"region": "eu-west-33"}, r'region: the data have no region "eu-west-33" \(did you mean'),
        ({"now": "2023-01-01"}, r"now: 2023-01-01 00:00 is no hour of the data"),
        ({"now": "2022-01-01T03:00"}, r"now: prices after 2022-01-01 03:00 UTC count as unknown"),
        ({"bounds": "month", "start": "2022-01-30"}, r"start: 2022-01-30 00:00 has no 30 days of"),
        ({"subset_size": 3}, r"problem.subset_size: draws regions for every job"),
        ({"network_segments": 3}, r"problem.network_segments: draws changes of the network"),
        ({"speed_spread": 0.2}, r"problem.speed_spread: a plan has schedules in whole slots"),
        ({"speed": ("us-east-1=2",)}, r"problem.speed: a plan has schedules in whole slots"),
        ({"advice": "own.npy"}, r'problem.advice: is a table .* .want "whole-slot", "linear"'),
    ],
)
def test_what_does_not_fit_is_one_clear_error(job, message):
    with pytest.raises(InputError, match=message) as raised:
        plan(**{"hours": 4, "deadline": 12} | job)
    assert len(raised.value.issues) == 1


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InputError) as raised:
        plan(start="2025-01-01", region="nowhere", now="2030-01-01", hours=4)
    assert [issue.path for issue in raised.value.issues] == ["now", "start", "region"]
    with pytest.raises(InputError) as raised:
        read_request({"start": "x", "hours": "y", "dead line": 4})
    assert [issue.path for issue in raised.value.issues] == ["dead line", "start", "hours"]


@pytest.mark.parametrize(
    ("start", "rows", "message"),
    [
        ("2024-05-01", 8, r"forecast: is of none of the job's hours: it reaches from"),
        ("2024-05-02T04:00", 8, r"deadline: 2024-05-02 16:00 is after the last price"),
        ("2024-05-03", 48, r"forecast: begins at 2024-05-03 00:00 UTC, and the data end with"),
    ],
)
def test_a_forecast_that_leaves_hours_out_is_refused(tmp_path, start, rows, message):
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", noisy(30))
    forecast = write_csv(tmp_path / "ahead.csv", start, noisy(rows, seed=1))
    job = {"start": "2024-05-02T04:00", "hours": 2, "deadline": 12}
    if rows == 8 and start.endswith("01"):
        job = {"start": "2024-05-01T10:00", "hours": 2, "deadline": 12}
    with pytest.raises(InputError, match=message):
        plan(**job, carbon=carbon, forecast=forecast)


def test_hours_between_now_and_the_forecast_need_a_price(tmp_path):
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", noisy(30))
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-01T20:00", noisy(30, seed=1))
    job = {"start": "2024-05-01T12:00", "hours": 2, "deadline": 12, "now": "2024-05-01T14:00"}
    with pytest.raises(InputError, match="forecast: lacks 2024-05-01 15:00 UTC, whose price"):
        plan(**job, carbon=carbon, forecast=forecast)


def test_a_forecast_lacks_a_region_or_is_zero(tmp_path):
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", noisy(30))
    lines = carbon.read_text(encoding="utf-8").replace("eu-west-2", "eu-west-9")
    other = tmp_path / "other.csv"
    other.write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match="forecast: has no region eu-west-2, which the carbon"):
        plan(hours=2, deadline=4, carbon=carbon, forecast=other)
    values = noisy(30)
    values[3, 2] = 0.0
    zero = write_csv(tmp_path / "zero.csv", "2024-05-02", values)
    with pytest.raises(InputError, match="forecast: is 0 in eu-central-1 at 2024-05-02 03:00"):
        plan(hours=2, deadline=4, carbon=carbon, forecast=zero)


def test_a_job_whose_prices_hardly_differ_is_warned_of(tmp_path):
    flat = np.full((48, 3), 100.0)
    flat[40] = 500.0  # elsewhere in the data, prices do differ
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", flat)
    day = plan(hours=2, deadline=12, carbon=carbon, learners=some())
    assert "U is raised" in " ".join(day.warnings)
    stray = plan(hours=2, deadline=12, carbon=carbon, learners=some(), bounds="trace")
    assert stray.warnings == ()


def test_a_plan_shows_what_it_is():
    day = plan(hours=2, deadline=6, regions=REGIONS, learners=some())
    assert repr(day).startswith("Plan(2 h from 2022-01-01T00: greedy, offline_optimum")
    assert day["greedy"].finish == 1
    with pytest.raises(TypeError, match="data_sise"):
        plan(data_sise=1.0)


@X64
def test_a_forecast_goes_by_either_name_as_in_a_sweep(tmp_path, x64):
    """One reader for both: zones of Electricity Maps stand for AWS names, in any order."""
    ahead = noisy(24, seed=2)
    carbon = write_csv(tmp_path / "data.csv", "2024-05-01", noisy(30))
    job = {"start": "2024-05-02T00:00", "hours": 3, "deadline": 12, "carbon": carbon}
    forecast = write_csv(tmp_path / "ahead.csv", "2024-05-02", ahead)
    text = write_csv(tmp_path / "zones.csv", "2024-05-02", ahead[:, ::-1]).read_text("utf-8")
    zones = tmp_path / "zones.csv"
    zones.write_text(text.replace(",".join(REGIONS), "DE,GB,FR"), encoding="utf-8")
    one, other = (
        plan(**job, forecast=path, learners=some("delayed_greedy")) for path in (forecast, zones)
    )
    np.testing.assert_array_equal(other.forecast, one.forecast)
    np.testing.assert_array_equal(other["delayed_greedy"].on, one["delayed_greedy"].on)
    assert other.regions == REGIONS
