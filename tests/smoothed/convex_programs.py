"""Paths of least cost in several dimensions by cvxpy: costs, movements and regions of all kinds."""

from __future__ import annotations

import warnings

import cvxpy
import numpy as np

MATRIX = np.array([[0.5, 0.2], [0.2, 0.4]])
"""Of Mahalanobis movement, in two dimensions."""
WEIGHTS = {"l1": (0.3, 0.5), "up": 0.6, "l2": 0.5, "squared": 0.4, "mahalanobis": MATRIX}
WEIGHTS["entropy"] = 0.3
LOW, HIGH, RADIUS = -0.5, 1.0, 1.0


def hit(cost: str, gap, weight: float, target):
    """One round's cost at ``gap = x - target``."""
    if cost == "norm":
        return weight * cvxpy.norm(gap)
    if cost == "absolute":
        return weight * cvxpy.norm1(gap)
    if cost == "quadratic":
        return weight / 2 * cvxpy.sum_squares(gap)
    if cost == "barrier":  # c' x - mu sum log(u - x) with c = weight and u = target + 3
        return weight * cvxpy.sum(gap + target) - cvxpy.sum(cvxpy.log(3 - gap))
    return weight * cvxpy.log_sum_exp(cvxpy.hstack([gap, -gap]))


def move(movement: str, x, before):
    """What a step costs."""
    weight, step = WEIGHTS[movement], x - before
    if movement == "l1":
        return weight[0] * cvxpy.sum(cvxpy.pos(step)) + weight[1] * cvxpy.sum(cvxpy.pos(-step))
    if movement == "up":
        return weight * cvxpy.sum(cvxpy.pos(step))
    if movement == "l2":
        return weight * cvxpy.norm(step)
    if movement == "entropy":
        return weight * cvxpy.sum(cvxpy.kl_div(x, before))
    form = weight * np.eye(step.shape[0]) if movement == "squared" else weight
    return cvxpy.quad_form(step, form) / 2


def least(
    cost: str, movement: str, region: str, weights, targets, start, held: bool = False
) -> float:
    """The least cost of a path, or of a position that is held."""
    rounds, d = targets.shape
    x = cvxpy.Variable((1 if held else rounds, d))
    path = [x[0 if held else t] for t in range(rounds)]
    before = [start, *path[:-1]]
    total = sum(hit(cost, path[t] - targets[t], weights[t], targets[t]) for t in range(rounds))
    steps = list(zip(path, before, strict=True))[: 1 if held else rounds]
    total += sum(move(movement, *ends) for ends in steps)
    limits = {
        "free": [],
        "box": [x >= LOW, x <= HIGH],
        "ball": [cvxpy.norm(row) <= RADIUS for row in path],
        "simplex": [x >= 0, cvxpy.sum(x, axis=1) == 1],
    }[region]
    program = cvxpy.Problem(cvxpy.Minimize(total), limits)
    with warnings.catch_warnings():
        # The tolerance is beyond what it calls solved, and nearly reached all the same.
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        program.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert program.value is not None
    return float(program.value)
