"""The other sides of the benchmark of switching costs: generic solvers, one problem at a time.

Every class follows the first run of :mod:`smoothed_data`; ``gap`` is how far positions are from
its own. A side that steps takes the positions that it is compared with as the previous ones, so
that errors do not add up.
"""

from __future__ import annotations

from typing import Any

import clarabel
import cvxpy
import numpy as np
import smoothed_data as data
from scipy import optimize, sparse
from smoothed_data import DIMENSION, DOWN, HI, LAMBDA, LO, RATIO, UP, WINDOW


class Horizon:
    """The offline optimum, or the first step of a window's, as one program in CVXPY."""

    tolerance = 1e-3

    def __init__(self, length: int):
        self.weight = cvxpy.Parameter(length, nonneg=True)
        self.goal, self.start = cvxpy.Parameter(length), cvxpy.Parameter()
        x = self.x = cvxpy.Variable(length)
        rises, falls = (cvxpy.Variable(length, nonneg=True) for _ in range(2))
        before = cvxpy.hstack([self.start, x[:-1]]) if length > 1 else self.start
        # Parameters enter affinely: sqrt(a) x - sqrt(a) v.
        hit = cvxpy.sum_squares(cvxpy.multiply(self.weight, x) - self.goal) / 2
        total = hit + cvxpy.sum(UP * rises + DOWN * falls)
        limits = [x - before == rises - falls, x >= LO, x <= HI]
        self.problem = cvxpy.Problem(cvxpy.Minimize(total), limits)

    def solve(self, a: np.ndarray, v: np.ndarray, start: float) -> np.ndarray:
        """Positions for costs ``a/2 (x - v)^2``."""
        root = np.sqrt(a)
        self.weight.value, self.goal.value, self.start.value = root, root * v, start
        self.problem.solve(solver=cvxpy.CLARABEL)
        return np.asarray(self.x.value)


class Direct:
    """The same by Clarabel's own interface: matrices are there, the solver is set up and solves."""

    tolerance = 1e-3

    def __init__(self, length: int):
        eye, none = sparse.eye(length), sparse.csc_matrix((length, length))
        chain = eye - sparse.eye(length, k=-1)
        rows = [
            [chain, -eye, eye],
            [none, -eye, none],
            [none, none, -eye],
            [eye, none, none],
            [-eye, none, none],
        ]
        self.limits = sparse.bmat(rows, format="csc")
        self.cones = [clarabel.ZeroConeT(length), clarabel.NonnegativeConeT(4 * length)]
        self.settings = clarabel.DefaultSettings()
        self.settings.verbose = False
        self.length = length

    def solve(self, a: np.ndarray, v: np.ndarray, start: float) -> np.ndarray:
        """Positions for costs ``a/2 (x - v)^2``."""
        n = self.length
        quadratic = sparse.diags(np.concatenate([a, np.zeros(2 * n)]), format="csc")
        linear = np.concatenate([-a * v, np.full(n, UP), np.full(n, DOWN)])
        right = np.concatenate([np.zeros(3 * n), np.full(n, HI), np.full(n, -LO)])
        right[0] = start
        arguments = quadratic, linear, self.limits, right, self.cones, self.settings
        return np.asarray(clarabel.DefaultSolver(*arguments).solve().x)[:n]


class Offline:
    """One run's offline optimum; ``solved`` is 1."""

    solved = 1

    def __init__(self, rounds: int, solver: type):
        self._data, self._solver = data.line(rounds, 1), solver(rounds)
        self.tolerance = self._solver.tolerance

    def __call__(self) -> np.ndarray:
        """Solves it."""
        return self._solver.solve(self._data.a[:, 0], self._data.v[:, 0], 0.0)

    def gap(self, path: np.ndarray) -> float:
        """Largest distance of a position."""
        return float(np.abs(path - self()).max())


class Stepping:
    """Some steps of a learner, each from the position before; call it to take them."""

    tolerance = 1e-3
    solved = 10

    def position(self, t: int, before: Any) -> Any:
        """Where the learner goes in round ``t``."""
        raise NotImplementedError

    def start(self) -> Any:
        """The position before the first round."""
        return np.zeros(DIMENSION)

    def __call__(self) -> Any:
        """Takes the steps."""
        x = self.start()
        for t in range(self.solved):
            x = self.position(t, x)
        return x

    def gap(self, path: np.ndarray) -> float:
        """Largest distance of a step from the other side's positions, relative to its size."""
        before = [self.start(), *path]
        gaps = [
            np.max(np.abs(self.position(t, before[t]) - path[t])) / max(1, np.abs(path[t]).max())
            for t in range(self.solved)
        ]
        return float(max(gaps))


class Windows(Stepping):
    """Receding horizon control by a solver of horizons."""

    def __init__(self, rounds: int, solver: type):
        self._data, self._solver = data.line(rounds + WINDOW, 1), solver(WINDOW + 1)

    def start(self) -> float:
        """On a line."""
        return 0.0

    def position(self, t: int, before: Any) -> Any:
        """The first step of the window's optimum."""
        seen = slice(t, t + WINDOW + 1)
        return self._solver.solve(self._data.a[seen, 0], self._data.v[seen, 0], float(before))[0]


class Steps(Stepping):
    """Of R-OBD: ``argmin s/2 (x - v)' A (x - v) + lambda/2 |x - y|^2``."""

    def __init__(self, rounds: int):
        walk = data.walk(rounds, 1)
        self.matrix = walk.matrix()[..., 0]
        self.scale, self.target = walk.scale[:, 0], walk.target[..., 0]

    def cost(self, x: np.ndarray, t: int) -> float:
        """Of hitting, in round ``t``."""
        away = x - self.target[t]
        return float(self.scale[t] * (away @ self.matrix @ away) / 2)


class LinearAlgebra(Steps):
    """By ``numpy.linalg.solve``."""

    tolerance = 1e-10
    solved = 100

    def __init__(self, rounds: int):
        super().__init__(rounds)
        self.solved = rounds

    def position(self, t: int, before: np.ndarray) -> np.ndarray:
        """One linear system."""
        v = self.target[t]
        matrix = self.scale[t] * self.matrix + LAMBDA * np.eye(DIMENSION)
        return v + np.linalg.solve(matrix, LAMBDA * (before - v))


class QuasiNewton(Steps):
    """By ``scipy.optimize.minimize`` with L-BFGS-B, values alone, as a research script does."""

    def position(self, t: int, before: np.ndarray) -> np.ndarray:
        """One minimisation."""

        def total(x):
            return self.cost(x, t) + LAMBDA / 2 * np.sum((x - before) ** 2)

        return optimize.minimize(total, before, method="L-BFGS-B").x


class Program(Steps):
    """By CVXPY with parameters."""

    def __init__(self, rounds: int):
        super().__init__(rounds)
        self._root = np.linalg.cholesky(self.matrix).T
        self._scale, self._aim = cvxpy.Parameter(nonneg=True), cvxpy.Parameter(DIMENSION)
        self._before = cvxpy.Parameter(DIMENSION)
        x = self._x = cvxpy.Variable(DIMENSION)
        hit = cvxpy.sum_squares(self._scale * (self._root @ x) - self._aim) / 2
        total = hit + LAMBDA / 2 * cvxpy.sum_squares(x - self._before)
        self._problem = cvxpy.Problem(cvxpy.Minimize(total))

    def position(self, t: int, before: np.ndarray) -> np.ndarray:
        """One solve."""
        root = np.sqrt(self.scale[t])
        self._scale.value, self._before.value = root, before
        self._aim.value = root * (self._root @ self.target[t])
        self._problem.solve(solver=cvxpy.CLARABEL)
        return np.asarray(self._x.value)


class NestedSearch(Steps):
    """P-OBD as a constrained program within a root finder (the way of ``jonhue/soco``).

    The projection onto a level set by SLSQP, the level by ``brentq``, so that
    ``1/2 |x - y|^2 = ratio f(x)``.
    """

    tolerance = 2e-2
    solved = 2

    def position(self, t: int, before: np.ndarray) -> np.ndarray:
        """One root, of many minimisations."""
        now = self.cost(before, t)

        def project(level):
            inside = {"type": "ineq", "fun": lambda x: level - self.cost(x, t)}
            distance = lambda x: np.sum((x - before) ** 2) / 2  # noqa: E731
            return optimize.minimize(distance, before, method="SLSQP", constraints=[inside]).x

        def gap(level):
            x = project(level)
            return np.sum((x - before) ** 2) / 2 - RATIO * level

        return project(optimize.brentq(gap, 1e-9 * now, now, rtol=np.float64(1e-6)))


THEIRS = {
    "offline": {
        "CVXPY": lambda rounds: Offline(rounds, Horizon),
        "Clarabel alone": lambda rounds: Offline(rounds, Direct),
    },
    "R-OBD": {"numpy.linalg": LinearAlgebra, "L-BFGS-B": QuasiNewton, "CVXPY": Program},
    "P-OBD": {"SLSQP in brentq": NestedSearch},
    "RHC": {
        "CVXPY": lambda rounds: Windows(rounds, Horizon),
        "Clarabel alone": lambda rounds: Windows(rounds, Direct),
    },
}
