"""Problems of recovery for the tests, and Clarabel as their oracle."""

import clarabel
import numpy as np
import scipy.sparse as sparse


def problem(rng: np.random.Generator, d: int, rank: int, count: int, rho: float):
    """Gaussian vectors ``[m, d]``, values of a random matrix with noise within ``2 rho``."""
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    spectrum = np.zeros(d)
    spectrum[:rank] = np.geomspace(0.5, 8, rank)
    vectors = rng.normal(size=(count, d))
    noise = rng.uniform(-1, 1, size=count)
    values = np.einsum("mi,ij,mj->m", vectors, basis * spectrum @ basis.T, vectors)
    return vectors, values + 2 * rho * noise, 2 * count * rho


def solve(vectors, values, radius, tolerance=1e-10):
    """The recovery by Clarabel: matrix, status, seconds in the solver."""
    count, d = vectors.shape
    column, row = np.tril_indices(d)  # the upper triangle, column by column
    weight = np.where(row == column, 1, np.sqrt(2))
    forms = sparse.csc_matrix(vectors[:, row] * vectors[:, column] * weight)
    n, eye = len(row), sparse.eye(count)
    blocks = [
        [forms, -eye],
        [-forms, -eye],
        [None, sparse.csc_matrix(np.ones((1, count)))],
        [-sparse.eye(n), None],
    ]
    right = np.concatenate([values, -values, [radius], np.zeros(n)])
    cost = np.concatenate([(row == column).astype(float), np.zeros(count)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    cones = [clarabel.NonnegativeConeT(2 * count + 1), clarabel.PSDTriangleConeT(d)]
    nothing = sparse.csc_matrix((n + count, n + count))
    whole = sparse.bmat(blocks).tocsc()
    found = clarabel.DefaultSolver(nothing, cost, whole, right, cones, settings).solve()
    matrix = np.zeros((d, d))
    matrix[row, column] = matrix[column, row] = np.array(found.x[:n]) / weight
    return matrix, str(found.status), found.solve_time
