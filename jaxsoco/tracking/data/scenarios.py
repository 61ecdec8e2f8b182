"""Coupling matrices of two applications, from documented models, without data.

Both give the curvature ``A = J' J`` of a squared response ``1/2 |J (x - v)|^2`` to set points ``x``
whose best values ``v`` drift, scaled to a largest eigenvalue. Changing a set point wears fans and
yaw drives, which is the cost of moving.
"""

from __future__ import annotations

import numpy as np

RECIRCULATED, REACH = 0.45, 1.5
"""Share of a zone's exhaust heat that comes back into the room, and its e-folding distance."""

THRUST, GROWTH, SPACING, YAW = 0.8, 0.04, 5.0, np.deg2rad(20.0)
"""Thrust coefficient, wake growth, rotor diameters between turbines, and the yaw linearised at."""


def zonal_airflow(zones: int, largest: float) -> np.ndarray:
    """Thermal coupling of server zones in a row, ``[zones, zones]``, full rank.

    Heat recirculation as in Tang, Gupta, Varsamopoulos (IEEE TPDS 19, 2008): inlet temperatures
    answer to the heat that zones give off by ``(I - F')^-1``, with ``F_ij`` the share of zone i's
    exhaust that zone j takes in; here it falls off exponentially with distance.

    Args:
      zones: number of zones; a zone's set point is its airflow.
      largest: largest eigenvalue of the result.
    """
    place = np.arange(zones)
    near = np.exp(-np.abs(place[:, None] - place) / REACH)
    np.fill_diagonal(near, 0)
    share = RECIRCULATED * near / np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    return _curvature(np.linalg.inv(np.eye(zones) - share.T), largest)


def wake_steering(turbines: int, largest: float) -> np.ndarray:
    """Coupling of the yaw angles of turbines in a row, ``[turbines, turbines]``, rank one less.

    Sensitivity of the wind speed at every rotor to every yaw angle, in the Gaussian wake of
    Bastankhah and Porte-Agel (Renewable Energy 70, 2014; J. Fluid Mech. 806, 2016): a deficit
    ``C exp(-delta^2 / (2 sigma^2))`` whose centre is deflected by ``delta = theta x``. The last
    turbine steers nobody's wake: its direction has no cost, and the matrix is rank deficient.

    Args:
      turbines: number of turbines, at equal distances downwind.
      largest: largest eigenvalue of the result.
    """
    place = np.arange(turbines)
    x = SPACING * np.maximum(place[:, None] - place, 0)
    facing = THRUST * np.cos(YAW)
    width = GROWTH * x + 0.25 / np.sqrt(np.sqrt(1 - facing))
    deficit = 1 - np.sqrt(np.maximum(1 - facing / (8 * width**2), 0))
    angle = 0.3 / np.cos(YAW) * (1 - np.sqrt(1 - facing))
    deflected = angle * YAW * x
    shape = np.exp(-(deflected**2) / (2 * width**2))
    response = np.where(x > 0, deficit * shape * deflected / width**2 * angle * x, 0)
    return _curvature(response, largest)


def _curvature(response: np.ndarray, largest: float) -> np.ndarray:
    matrix = response.T @ response
    return matrix * (largest / np.linalg.eigvalsh(matrix)[-1])


SCENARIOS = {"zonal_airflow": zonal_airflow, "wake_steering": wake_steering}
"""Name of a matrix in an experiment file -> its model."""
