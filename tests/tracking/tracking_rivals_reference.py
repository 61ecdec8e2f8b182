"""The rivals as their papers write them: positions instead of deviations, dense solves.

Slow and plain on purpose; nothing here imports the library.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from tracking_reference import plans, project


def descent(name, matrix, increments, *, vectors=None, gamma=0.0, estimate=None, **numbers):
    """Online balanced descent (``obd``) or R-OBD (``robd``): deviations ``[T, d]``.

    After exploring with ``gamma vectors [T0, d]`` it goes by the estimate, otherwise by the matrix.
    """
    known = matrix if estimate is None else estimate
    minimizers = np.cumsum(increments, axis=0)
    position, deviations = np.zeros(len(matrix)), []
    for t, goal in enumerate(minimizers):
        if vectors is not None and t < len(vectors):
            position = goal + gamma * vectors[t]
        elif name == "obd":
            position = balanced(known, goal, position, **numbers)
        else:
            position = regularised(known, goal, position, **numbers)
        deviations.append(position - goal)
    return np.array(deviations)


def balanced(matrix, goal, last, ratio):
    """The proximal point where ``1/2 |x - last|^2`` is ``ratio`` times the hitting cost."""
    eye = np.eye(len(goal))

    def point(log_eta):
        eta = np.exp(log_eta)
        return np.linalg.solve(eye + eta * matrix, last + eta * matrix @ goal)

    def gap(log_eta):
        x = point(log_eta)
        moved, hit = np.sum((x - last) ** 2), (x - goal) @ matrix @ (x - goal)
        return np.log(moved / (ratio * hit))

    return point(brentq(gap, -18, 18, xtol=1e-14, rtol=1e-14))


def regularised(matrix, goal, last, lambda1=1.0, lambda2=None):
    """The minimiser of ``f + lambda1 / 2 |x - last|^2 + lambda2 / 2 |x - goal|^2``."""
    if lambda2 is None:
        m = max(np.linalg.eigvalsh(matrix)[0], 0.0)
        lambda2 = m * (ratio(m) - 1) if m > 1e-9 else 0.0
    left = matrix + (lambda1 + lambda2) * np.eye(len(goal))
    return np.linalg.solve(left, matrix @ goal + lambda1 * last + lambda2 * goal)


def ratio(m: float) -> float:
    """R-OBD's competitive ratio."""
    return (1 + np.sqrt(1 + 4 / m)) / 2


def certainty_equivalent(matrix, increments, noise, *, initial, spread, variance, memory=1.0):
    """A filter in information form over all ``d^2`` entries, and LAI with its mean.

    Returns the deviations ``[T, d]`` and the estimate of the last round.
    """
    horizon, d = increments.shape
    mean = initial * np.eye(d).ravel()
    # Coordinates in the space of symmetric matrices.
    swap = np.eye(d * d).reshape(d, d, d * d).swapaxes(0, 1).reshape(d * d, d * d)
    symmetric = (np.eye(d * d) + swap) / 2
    basis = np.linalg.svd(symmetric)[0][:, : d * (d + 1) // 2]
    mean, information = basis.T @ mean, np.eye(basis.shape[1]) / spread**2
    deviation, deviations, used = np.zeros(d), [], None
    for t in range(horizon):
        before = deviation - increments[t]
        used = project((basis @ mean).reshape(d, d))
        deviation = plans(used, horizon - t)[0] @ before
        value = deviation @ matrix @ deviation / 2 + noise[t]
        forms = basis.T @ np.outer(deviation, deviation).ravel() / 2
        old = memory * information
        information = old + np.outer(forms, forms) / variance
        mean = np.linalg.solve(information, old @ mean + forms * value / variance)
        deviations.append(deviation)
    return np.array(deviations), used


def two_point(matrix, increments, noise, directions, *, learning_rate, radius):
    """Zeroth-order descent with these unit vectors ``[ceil(T / 2), d]``: deviations ``[T, d]``."""
    d = len(matrix)
    base, deviations, above = np.zeros(d), [], 0.0
    for t, delta in enumerate(increments):
        u = directions[t // 2]
        if t % 2 == 0:
            base = base - delta
        y = base + radius * u if t % 2 == 0 else base - radius * u
        value = y @ matrix @ y / 2 + noise[t]
        if t % 2 == 0:
            above = value
        else:
            slope = d * (above - value) / (2 * radius)
            way = np.linalg.norm(base)
            base = base - np.clip(learning_rate * slope, -way, way) * u
        deviations.append(y)
    return np.array(deviations)


def path_cost(matrix, minimizers, path) -> float:
    """Hitting and moving costs of positions ``[T, d]`` that begin at 0."""
    away = path - minimizers
    moves = np.diff(path, axis=0, prepend=np.zeros((1, path.shape[1])))
    return (np.einsum("ti,ij,tj->", away, matrix, away) + np.sum(moves**2)) / 2


def best_path(matrix, minimizers) -> np.ndarray:
    """The path of least cost in hindsight ``[T, d]``, one linear system in each eigenvector."""
    values, basis = np.linalg.eigh(matrix)
    T = len(minimizers)
    chain = 2 * np.eye(T) - np.eye(T, k=1) - np.eye(T, k=-1)
    chain[-1, -1] = 1
    goals = minimizers @ basis
    columns = [
        np.linalg.solve(chain + value * np.eye(T), value * goal)
        for value, goal in zip(values, goals.T, strict=True)
    ]
    return np.stack(columns, axis=1) @ basis.T
