"""The algorithms as the papers write them: positions instead of deviations, matrix recursions.

Slow and plain on purpose. Every round re-plans from the horizon back, every estimate is projected
by a full eigendecomposition.
"""

from dataclasses import dataclass

import numpy as np


def plans(matrix: np.ndarray, horizon: int) -> np.ndarray:
    """``C_1 .. C_T`` by the backward recursion, ``[T, d, d]``."""
    eye = np.eye(len(matrix))
    found = np.empty((horizon, *matrix.shape))
    nxt = eye
    for t in range(horizon, 0, -1):
        nxt = found[t - 1] = np.linalg.inv(2 * eye + matrix - nxt)
    return found


def project(matrix: np.ndarray) -> np.ndarray:
    values, basis = np.linalg.eigh((matrix + matrix.T) / 2)
    return (basis * np.maximum(values, 0)) @ basis.T


@dataclass
class Outcome:
    """Positions ``[T, d]``, minimisers ``[T, d]``, costs ``[T]``, estimate of the last round."""

    positions: np.ndarray
    minimizers: np.ndarray
    cost: np.ndarray
    estimate: np.ndarray | None

    @property
    def deviations(self) -> np.ndarray:
        return self.positions - self.minimizers


def run(
    name,
    matrix,
    increments,
    noise,
    *,
    vectors=None,
    gamma=None,
    first=None,
    rate=0.0,
    normalized=False,
    exact=False,
) -> Outcome:
    """Any of the learners.

    Args:
      name: ``lai``, ``follow``, or ``learn``: plays LAI with an estimate, after exploring with
        ``vectors [T0, d]`` times ``gamma`` (if given), beginning with the estimate ``first``, that
        learns with ``rate`` from the feedback of the rounds after the exploration.
    """
    horizon, d = increments.shape
    minimizers = np.cumsum(increments, axis=0)
    explored = 0 if vectors is None else len(vectors)
    true = plans(matrix, horizon)
    estimate = first
    position = np.zeros(d)
    positions, costs = [], []
    used = None
    for t in range(horizon):
        goal = minimizers[t]
        used = estimate
        if t < explored:
            new = goal + gamma * vectors[t]
        elif name == "follow":
            new = goal
        else:
            keep = true[t] if name == "lai" else plans(estimate, horizon - t)[0]
            new = keep @ position + (np.eye(d) - keep) @ goal
        away = new - goal
        hit = away @ matrix @ away / 2
        costs.append(hit + np.sum((new - position) ** 2) / 2)
        told = hit + (0 if exact else noise[t])
        if name == "learn" and t >= explored and rate:
            residual = away @ estimate @ away / 2 - told
            size = 2 * rate / ((away @ away) ** 2 + 1) if normalized else rate
            estimate = project(estimate - size * residual * np.outer(away, away))
        position = new
        positions.append(new)
    return Outcome(np.array(positions), minimizers, np.array(costs), used)
