"""Paths of least cost in several dimensions by Clarabel, and by SciPy for fixed points."""

from __future__ import annotations

import clarabel
import numpy as np
from scipy import sparse


def optimum(matrices, targets, start, movement: str, weight, box=None) -> tuple[float, np.ndarray]:
    """``min sum_t 1/2 (x_t - v_t)' A_t (x_t - v_t)`` and movement: the value and ``[T, d]``.

    ``squared`` and ``mahalanobis`` are quadratic forms in the steps, ``l1`` (a pair of prices) and
    ``up`` have variables for ups and downs.
    """
    rounds, d = targets.shape
    n = rounds * d
    step = sparse.eye(n) - sparse.eye(n, k=-d)  # x_t - x_(t-1), the start on the right side
    first = np.concatenate([start, np.zeros(n - d)])
    hits = sparse.block_diag(list(matrices))
    pull = -(hits @ targets.ravel())
    constant = 0.5 * sum(v @ A @ v for A, v in zip(matrices, targets, strict=True))
    rows, right, cones = [], [], []
    if movement in ("squared", "mahalanobis"):
        form = weight * np.eye(d) if movement == "squared" else np.asarray(weight)
        steps = sparse.block_diag([form] * rounds)
        quadratic = hits + step.T @ steps @ step
        linear = pull - step.T @ (steps @ first)
        constant += 0.5 * first @ (steps @ first)
        size = n
    else:
        up, down = (
            weight if isinstance(weight, tuple) else (weight, 0.0 if movement == "up" else weight)
        )
        size = 3 * n
        quadratic = sparse.block_diag([hits, sparse.csc_matrix((2 * n, 2 * n))])
        linear = np.concatenate([pull, np.full(n, up), np.full(n, down)])
        rows.append(sparse.hstack([step, -sparse.eye(n), sparse.eye(n)]))
        right.append(first)
        cones.append(clarabel.ZeroConeT(n))
        rows.append(sparse.hstack([sparse.csc_matrix((2 * n, n)), -sparse.eye(2 * n)]))
        right.append(np.zeros(2 * n))
        cones.append(clarabel.NonnegativeConeT(2 * n))
    if box is not None:
        places = sparse.hstack([sparse.eye(n), sparse.csc_matrix((n, size - n))])
        rows += [places, -places]
        right += [np.tile(box[1], rounds), -np.tile(box[0], rounds)]
        cones.append(clarabel.NonnegativeConeT(2 * n))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    matrix = sparse.csc_matrix(sparse.vstack(rows)) if rows else sparse.csc_matrix((0, size))
    bound = np.concatenate(right) if right else np.zeros(0)
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(sparse.triu(quadratic)), linear, matrix, bound, cones, settings
    )
    found = solver.solve()
    return found.obj_val + constant, np.asarray(found.x)[:n].reshape(rounds, d)
