"""Quadratic costs in several dimensions in NumPy: learners by their definitions, optima by algebra.

Runs come first: matrices ``[R, T, d, d]``, targets ``[R, T, d]``, starts ``[R, d]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEEP = 1e6


class Runs(NamedTuple):
    """Costs ``1/2 (x - v)' A (x - v)``, and how convex they are, ``m [R]``."""

    matrix: np.ndarray
    target: np.ndarray
    start: np.ndarray
    convexity: np.ndarray


def runs(count: int = 240, rounds: int = 16, d: int = 3) -> Runs:
    """Random walks, targets that alternate, and the lower bound's: nothing, then one steep cost."""
    rng = np.random.default_rng(3)
    convexity = rng.choice([0.01, 0.1, 1.0], size=count)
    basis = np.linalg.qr(rng.normal(size=(count, d, d)))[0]
    spectrum = convexity[:, None] * np.geomspace(1, 10, d)
    matrix = np.einsum("rij,rj,rkj->rik", basis, spectrum, basis)
    matrix = np.repeat(matrix[:, None], rounds, axis=1)
    target = np.cumsum(rng.normal(size=(count, rounds, d)), axis=1)
    period = rng.integers(1, 8, size=count)
    sign = np.where(np.arange(rounds)[None] // period[:, None] % 2, 1.0, -1.0)
    ray = rng.normal(size=(count, d))
    kind = np.arange(count) % 4
    target[kind == 2] = (sign[:, :, None] * ray[:, None])[kind == 2]
    last = np.arange(rounds) == rounds - 1
    target[kind == 3] = (last[None, :, None] * ray[:, None])[kind == 3]
    plain = convexity[:, None, None] * np.eye(d)
    matrix[kind == 3] = plain[kind == 3][:, None]
    matrix[kind == 3, -1] = STEEP * np.eye(d)
    start = np.where((kind == 3)[:, None], 0, rng.normal(size=(count, d)))
    return Runs(matrix, target, start, convexity)


def hits(data: Runs, path: np.ndarray) -> np.ndarray:
    """Hitting costs of every round, ``[R, T]``."""
    gap = path - data.target
    return np.einsum("rti,rtij,rtj->rt", gap, data.matrix, gap) / 2


def steps(data: Runs, path: np.ndarray) -> np.ndarray:
    """Lengths of the moves, ``[R, T]``."""
    before = np.concatenate([data.start[:, None], path[:, :-1]], axis=1)
    return np.linalg.norm(path - before, axis=2)


def squared_cost(data: Runs, path: np.ndarray) -> np.ndarray:
    """With movement ``1/2 |x - y|^2``, ``[R]``."""
    return np.sum(hits(data, path) + steps(data, path) ** 2 / 2, axis=1)


def optimum(data: Runs) -> np.ndarray:
    """The path of least cost with movement ``1/2 |x - y|^2``, from one dense system a run."""
    count, rounds, d = data.target.shape
    system = np.zeros((count, rounds, d, rounds, d))
    right = np.einsum("rtij,rtj->rti", data.matrix, data.target)
    right[:, 0] += data.start
    for t in range(rounds):
        stays = 2.0 if t + 1 < rounds else 1.0
        system[:, t, :, t] = data.matrix[:, t] + stays * np.eye(d)
        if t:
            system[:, t, :, t - 1] = system[:, t - 1, :, t] = -np.eye(d)
    size = rounds * d
    path = np.linalg.solve(system.reshape(count, size, size), right.reshape(count, size, 1))
    return path.reshape(count, rounds, d)


Step = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``(A [R, d, d], v [R, d], y [R, d]) -> x [R, d]``."""


def played(data: Runs, step: Step) -> np.ndarray:
    """The path of a learner, round by round."""
    path, y = [], data.start
    for t in range(data.target.shape[1]):
        y = step(data.matrix[:, t], data.target[:, t], y)
        path.append(y)
    return np.stack(path, axis=1)


def regularised(first: np.ndarray, second: np.ndarray) -> Step:
    """``argmin f + first / 2 |x - y|^2 + second / 2 |x - v|^2``."""

    def step(matrix, v, y):
        total = (first + second)[:, None, None] * np.eye(v.shape[1])
        right = np.einsum("rij,rj->ri", matrix, v) + first[:, None] * y + second[:, None] * v
        return np.linalg.solve(matrix + total, right[..., None])[..., 0]

    return step


def on_path(gap: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Step:
    """The point of the proximal path where ``gap(|x - y|, f)`` changes its sign, by bisection.

    The minimiser, where it is below 0 there, and the start, where it is above 0 there.
    """

    def step(matrix, v, y):
        values, basis = np.linalg.eigh(matrix)
        z = np.einsum("rji,rj->ri", basis, y - v)

        def at(log_eta):
            shrink = 1 / (1 + np.exp(log_eta)[:, None] * values)
            hit = np.sum(values * (z * shrink) ** 2, axis=1) / 2
            moved = np.linalg.norm(z * (1 - shrink), axis=1)
            return shrink, gap(moved, hit)

        low, high = np.full(len(v), -60.0), np.full(len(v), 60.0)
        for _ in range(100):
            middle = (low + high) / 2
            before = at(middle)[1] < 0
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        shrink = at((low + high) / 2)[0]
        whole = gap(np.linalg.norm(z, axis=1), 0 * z[:, 0]) < 0
        none = gap(0 * z[:, 0], np.sum(values * z**2, axis=1) / 2) >= 0
        shrink = np.where(whole[:, None], 0, np.where(none[:, None], 1, shrink))
        return v + np.einsum("rij,rj->ri", basis, z * shrink)

    return step


def greedy(data: Runs, gamma: float, mu: float) -> np.ndarray:
    """G-OBD: a balanced step, then ``mu sqrt(m)`` of the rest of the way."""
    balance = on_path(lambda moved, hit: moved**2 / 2 - gamma * hit)
    share = np.minimum(mu * np.sqrt(data.convexity), 1)[:, None]

    def step(matrix, v, y):
        z = balance(matrix, v, y)
        return z + share * (v - z)

    return played(data, step)


def least_on_points(targets: np.ndarray, starts: np.ndarray, weight: float, price: float):
    """The least ``sum weight |x_t - v_t| + price |x_t - x_{t-1}|`` on a line, ``[R]``.

    Some path of least cost is on the targets and the start at all times: a dynamic program.
    """
    places = np.concatenate([starts[:, None], targets], axis=1)
    moves = price * np.abs(places[:, :, None] - places[:, None])
    total = moves[:, 0]
    for t in range(targets.shape[1]):
        hit = weight * np.abs(places - targets[:, t, None])
        total = np.min(total[:, :, None] + moves, axis=1) + hit if t else total + hit
    return total.min(axis=1)
