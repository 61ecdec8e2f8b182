"""Paths of least hitting and movement cost: problems, and Clarabel as the oracle of them."""

from dataclasses import dataclass

import clarabel
import numpy as np
import scipy.sparse as sparse


@dataclass
class Instance:
    """``sum (x_t - v_t)' A_t (x_t - v_t) / 2 + c_t`` and a movement cost, one problem.

    ``weight``: of up and down ``[2, d]``, of ``l2`` and ``squared`` a number; ``box``: ``[2, d]``.
    """

    matrix: np.ndarray  # [T, d, d]
    target: np.ndarray  # [T, d]
    offset: np.ndarray  # [T]
    start: np.ndarray  # [d]
    movement: str
    weight: np.ndarray
    box: np.ndarray | None = None


def instance(rng, movement: str, rounds: int, d: int, *, boxed=False, diagonal=False) -> Instance:
    """Targets on a walk, curvatures with condition numbers up to 100."""
    spectrum = 10 ** rng.uniform(-1, 1, size=(rounds, d))
    basis = np.linalg.qr(rng.normal(size=(rounds, d, d)))[0]
    basis = np.broadcast_to(np.eye(d), basis.shape) if diagonal else basis
    matrix = np.einsum("tij,tj,tkj->tik", basis, spectrum, basis)
    target = np.cumsum(rng.normal(size=(rounds, d)), axis=0)
    size = float(rng.choice([0.1, 0.5, 2]))
    weight = size * rng.uniform(0.5, 1.5, size=(2, d))
    if movement in ("l2", "squared"):
        weight = weight[0, 0]
    if movement == "up":
        weight[1] = 0
    middle = target.mean(axis=0) + 0.3 * rng.normal(size=d)
    wide = rng.uniform(0.3, 1.5, size=d)
    box = np.stack([middle - wide, middle + wide]) if boxed else None
    offset, start = rng.uniform(size=rounds), rng.normal(size=d)
    return Instance(matrix, target, offset, start, movement, weight, box)


def cost(problem: Instance, path: np.ndarray) -> float:
    """What a path costs, by loops."""
    total, before = 0.0, problem.start
    for a, v, c, x in zip(problem.matrix, problem.target, problem.offset, path, strict=True):
        step = x - before
        total += (x - v) @ a @ (x - v) / 2 + c
        if problem.movement == "squared":
            total += problem.weight * (step @ step) / 2
        elif problem.movement == "l2":
            total += problem.weight * np.sqrt(step @ step)
        else:
            up, down = problem.weight
            total += up @ np.maximum(step, 0) + down @ np.maximum(-step, 0)
        before = x
    return float(total)


def least(problem: Instance, tolerance: float = 1e-11) -> tuple[float, np.ndarray]:
    """The least cost by Clarabel, and the path."""
    rounds, d = problem.target.shape
    n = rounds * d
    difference = sparse.eye(n) - sparse.eye(n, k=-d)
    first = np.concatenate([problem.start, np.zeros(n - d)])
    quadratic = sparse.block_diag(list(problem.matrix))
    linear = -np.einsum("tij,tj->ti", problem.matrix, problem.target).reshape(-1)
    constant = np.einsum("ti,tij,tj->", problem.target, problem.matrix, problem.target) / 2
    constant += problem.offset.sum()
    rows, right, cones, extra = [], [], [], 0
    if problem.movement == "squared":
        quadratic = quadratic + problem.weight * difference.T @ difference
        linear = linear - problem.weight * difference.T @ first
        constant += problem.weight * (first @ first) / 2
        price = np.zeros(0)
    elif problem.movement == "l2":
        # (r_t, x_t - x_{t-1}) in second-order cones, one a round.
        extra, price = rounds, np.full(rounds, problem.weight)
        for t in range(rounds):
            bound = sparse.csr_matrix(([-1.0], ([0], [t])), shape=(d + 1, rounds))
            own = difference.tocsr()[t * d : t * d + d]
            steps = sparse.vstack([sparse.csr_matrix((1, n)), -own])
            rows.append(sparse.hstack([steps, bound]))
            right.append(np.concatenate([[0], -first[t * d : t * d + d]]))
            cones.append(clarabel.SecondOrderConeT(d + 1))
    else:
        # r >= x_t - x_{t-1}, s >= x_{t-1} - x_t, both at least 0.
        extra, eye, nothing = 2 * n, sparse.eye(n), sparse.csr_matrix((n, n))
        price = np.concatenate([np.tile(side, rounds) for side in problem.weight])
        rows.append(sparse.bmat([[difference, -eye, None], [-difference, None, -eye]]))
        rows.append(sparse.bmat([[nothing, -eye, None], [nothing, None, -eye]]))
        right.append(np.concatenate([first, -first, np.zeros(2 * n)]))
        cones.append(clarabel.NonnegativeConeT(4 * n))
    if problem.box is not None:
        low, high = (np.tile(end, rounds) for end in problem.box)
        signs = sparse.vstack([sparse.eye(n), -sparse.eye(n)])
        rows.append(sparse.hstack([signs, sparse.csr_matrix((2 * n, extra))]))
        right.append(np.concatenate([high, -low]))
        cones.append(clarabel.NonnegativeConeT(2 * n))
    if not rows:
        # The solver wants one row.
        rows, right = [sparse.csr_matrix((1, n))], [np.ones(1)]
        cones = [clarabel.NonnegativeConeT(1)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    whole = sparse.block_diag([quadratic, sparse.csc_matrix((extra, extra))]).tocsc()
    solver = clarabel.DefaultSolver(
        sparse.triu(whole).tocsc(),
        np.concatenate([linear, price]),
        sparse.vstack(rows).tocsc(),
        np.concatenate(right),
        cones,
        settings,
    )
    found = solver.solve()
    assert str(found.status) in ("Solved", "AlmostSolved"), found.status
    path = np.array(found.x[:n]).reshape(rounds, d)
    return found.obj_val + float(constant), path


def stacked(problems: list[Instance]) -> dict:
    """Arrays of problems of one shape, lanes last."""
    names = ("matrix", "target", "offset", "start", "weight")
    arrays = {name: np.stack([getattr(p, name) for p in problems], axis=-1) for name in names}
    if problems[0].box is not None:
        arrays["box"] = np.stack([np.asarray(p.box) for p in problems], axis=-1)
    return arrays
