"""The applications' coupling matrices: what their models imply."""

from pathlib import Path

import numpy as np
import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import REQUIRED
from jaxsoco.tracking import FAMILY
from jaxsoco.tracking.data.scenarios import SCENARIOS, THRUST, YAW, wake_steering, zonal_airflow

prepare = FAMILY.problems[0].prepared
DEFAULTS = {f.name: f.default for f in FAMILY.problems[0].fields if f.default is not REQUIRED}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("size", [2, 5, 9])
def test_they_are_positive_semidefinite_and_scaled(name, size):
    values = np.linalg.eigvalsh(SCENARIOS[name](size, 6.0))
    assert values[-1] == pytest.approx(6.0)
    assert values[0] > -1e-12
    rank = int(np.sum(values > 1e-9 * values[-1]))
    assert rank == (size if name == "zonal_airflow" else size - 1)


def test_nearer_zones_are_coupled_more():
    row = np.abs(zonal_airflow(7, 1.0)[0, 1:])
    assert np.all(np.diff(row) < 0)


def test_the_last_turbine_steers_nobody():
    matrix = wake_steering(5, 1.0)
    np.testing.assert_array_equal(matrix[-1], 0)
    assert np.all(np.diag(matrix)[:-1] > 0)


def test_wakes_answer_to_yaw_as_the_model_does():
    """The sensitivity is the derivative of the deficit in the deflecting yaw angle."""
    width = 0.04 * 5.0 + 0.25 / (1 - THRUST * np.cos(YAW)) ** 0.25
    deficit = 1 - np.sqrt(1 - THRUST * np.cos(YAW) / (8 * width**2))
    angle = 0.3 / np.cos(YAW) * (1 - np.sqrt(1 - THRUST * np.cos(YAW)))

    def speed(yaw):
        return -deficit * np.exp(-((angle * yaw * 5.0) ** 2) / (2 * width**2))

    slope = (speed(YAW + 1e-6) - speed(YAW - 1e-6)) / 2e-6
    two = wake_steering(2, 1.0)
    assert two[0, 0] == pytest.approx(1.0)
    ratio = wake_steering(3, 1.0)[1, 1] / wake_steering(3, 1.0)[0, 0]
    width2 = 0.04 * 10.0 + 0.25 / (1 - THRUST * np.cos(YAW)) ** 0.25
    deficit2 = 1 - np.sqrt(1 - THRUST * np.cos(YAW) / (8 * width2**2))

    def far(yaw):
        return -deficit2 * np.exp(-((angle * yaw * 10.0) ** 2) / (2 * width2**2))

    slope2 = (far(YAW + 1e-6) - far(YAW - 1e-6)) / 2e-6
    assert ratio == pytest.approx(slope**2 / (slope**2 + slope2**2), rel=1e-6)


def test_experiments_take_them_by_name():
    ready = prepare(DEFAULTS | {"matrix": "wake_steering", "dimension": 4, "horizon": 10}, Path())
    assert ready.content.spectrum.rank == 3
    with pytest.raises(InputError, match="not the rank of zonal_airflow"):
        prepare(DEFAULTS | {"matrix": "zonal_airflow", "rank": 2, "horizon": 10}, Path())
    with pytest.raises(InputError, match="too small for wake_steering"):
        prepare(DEFAULTS | {"matrix": "wake_steering", "dimension": 1, "horizon": 10}, Path())
