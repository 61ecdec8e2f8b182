"""Hitting costs of five kinds on a line, and the best path for them by Clarabel."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import cvxpy
import numpy as np
from smoothed_reference import Prices, cost_of_moves

FAR = -1e12
"""Slope where a cost is infinite."""


class Kind(NamedTuple):
    """Hitting costs of a kind: data drawn, values in NumPy and in cvxpy, slopes in NumPy."""

    draw: Callable[[np.random.Generator, int], dict[str, np.ndarray]]
    value: Callable[[np.ndarray, dict], np.ndarray]
    program: Callable[[Any, dict], Any]
    slope: Callable[[Any, Any, dict], Any]  # of a module (numpy or jax.numpy), x and one round


def _quadratic(module, x, t):
    return t["a"] * (x - t["v"])


def _absolute(module, x, t):
    return t["a"] * module.sign(x - t["v"])


def _rightsizing(module, x, t):
    spare = t["mu"] * x - t["load"]
    inside = module.where(spare > 0, spare, 1.0)
    delayed = x > t["d0"] * inside
    slope = t["e0"] - module.where(delayed, t["d1"] * t["load"] ** 2 / inside**2, 0.0)
    return module.where(spare > 0, module.maximum(slope, FAR), FAR)


def _exponential(module, x, t):
    return t["e0"] - t["a"] * t["r"] * module.exp(-t["r"] * x)


def _mixed(module, x, t):
    return t["q"] * (x - t["v"]) + t["b"] * module.sign(x - t["w"]) + _exponential(module, x, t)


def _delay(x, t):
    return t["load"] * x / (t["mu"] * x - t["load"])


KINDS = {
    "quadratic": Kind(
        lambda g, n: {"a": g.uniform(0.1, 3, n), "v": g.uniform(-1, 6, n)},
        lambda x, t: t["a"] * (x - t["v"]) ** 2 / 2,
        lambda x, t: cvxpy.multiply(t["a"] / 2, cvxpy.square(x - t["v"])),
        _quadratic,
    ),
    "absolute": Kind(
        lambda g, n: {"a": g.uniform(0.1, 3, n), "v": g.uniform(-1, 6, n)},
        lambda x, t: t["a"] * np.abs(x - t["v"]),
        lambda x, t: cvxpy.multiply(t["a"], cvxpy.abs(x - t["v"])),
        _absolute,
    ),
    "rightsizing": Kind(
        lambda g, n: {
            "load": g.uniform(0.2, 3.5, n),
            "mu": np.ones(n),
            "e0": np.ones(n),
            "d0": np.full(n, 1.5),
            "d1": g.uniform(0.5, 2, n),
        },
        lambda x, t: t["e0"] * x + t["d1"] * np.maximum(_delay(x, t) - t["load"] * t["d0"], 0),
        # load x / (mu x - load) = (load / mu) (1 + load / (mu x - load))
        lambda x, t: (
            cvxpy.multiply(t["e0"], x)
            + cvxpy.multiply(
                t["d1"],
                cvxpy.pos(
                    t["load"] / t["mu"]
                    + cvxpy.multiply(
                        t["load"] ** 2 / t["mu"],
                        cvxpy.inv_pos(cvxpy.multiply(t["mu"], x) - t["load"]),
                    )
                    - t["load"] * t["d0"]
                ),
            )
        ),
        _rightsizing,
    ),
    "exponential": Kind(
        lambda g, n: {
            "a": g.uniform(0.5, 4, n),
            "r": g.uniform(0.3, 2, n),
            "e0": g.uniform(0.1, 0.6, n),
        },
        lambda x, t: t["e0"] * x + t["a"] * np.exp(-t["r"] * x),
        lambda x, t: (
            cvxpy.multiply(t["e0"], x)
            + cvxpy.multiply(t["a"], cvxpy.exp(cvxpy.multiply(-t["r"], x)))
        ),
        _exponential,
    ),
    "mixed": Kind(
        lambda g, n: {
            "q": g.uniform(0, 1, n) * (g.uniform(size=n) < 0.7),
            "v": g.uniform(-1, 6, n),
            "b": g.uniform(0, 1, n) * (g.uniform(size=n) < 0.7),
            "w": g.uniform(0, 5, n),
            "a": g.uniform(0, 2, n),
            "r": g.uniform(0.3, 2, n),
            "e0": g.uniform(0, 0.6, n),
        },
        lambda x, t: (
            t["q"] * (x - t["v"]) ** 2 / 2
            + t["b"] * np.abs(x - t["w"])
            + t["e0"] * x
            + t["a"] * np.exp(-t["r"] * x)
        ),
        lambda x, t: (
            cvxpy.multiply(t["q"] / 2, cvxpy.square(x - t["v"]))
            + cvxpy.multiply(t["b"], cvxpy.abs(x - t["w"]))
            + cvxpy.multiply(t["e0"], x)
            + cvxpy.multiply(t["a"], cvxpy.exp(cvxpy.multiply(-t["r"], x)))
        ),
        _mixed,
    ),
}


def cost(kind: Kind, path: np.ndarray, data: dict, prices: Prices) -> np.ndarray:
    """Of paths ``[T, ...]``."""
    return np.sum(kind.value(path, data), axis=0) + cost_of_moves(path, prices)


def clarabel(kind: Kind, data: dict, prices: Prices, lo: float, hi: float) -> np.ndarray:
    """The best path by Clarabel, inside the box."""
    rounds = len(next(iter(data.values())))
    x = cvxpy.Variable(rounds)
    step = x - cvxpy.hstack([prices.start, x[:-1]]) if rounds > 1 else x - prices.start
    moves = prices.up * cvxpy.pos(step) + prices.down * cvxpy.pos(-step)
    total = cvxpy.sum(kind.program(x, data)) + cvxpy.sum(moves)
    problem = cvxpy.Problem(cvxpy.Minimize(total), [x >= lo, x <= hi])
    tight = {name: 1e-12 for name in ("tol_gap_abs", "tol_gap_rel", "tol_feas")}
    with warnings.catch_warnings():
        # Where it cannot be as tight as that it says so; the costs decide what it is worth.
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        problem.solve(solver=cvxpy.CLARABEL, **tight)
    return np.clip(np.asarray(x.value), lo, hi)
