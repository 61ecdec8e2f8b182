"""The problems of the benchmark of switching costs, the same for all sides. Knows no JAX."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DIMENSION, WINDOW = 5, 5
UP, DOWN, LO, HI = 1.3, 0.4, 0.0, 5.0
LAMBDA, RATIO = 1.2, 0.5


class Line(NamedTuple):
    """Costs ``a/2 (x - v)^2`` on a line, ``[T, runs]``; the first run's are the same for all."""

    a: np.ndarray
    v: np.ndarray


def line(rounds: int, runs: int) -> Line:
    """Random targets and curvatures."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0.2, 2, (rounds, 1)), rng.uniform(0, 5, (rounds, 1))
    others = rng.uniform(0.2, 2, (rounds, runs - 1)), rng.uniform(0, 5, (rounds, runs - 1))
    return Line(*(np.concatenate(pair, axis=1) for pair in zip(first, others, strict=True)))


class Walk(NamedTuple):
    """Costs ``s_t/2 (x - v_t)' A (x - v_t)`` in some dimensions, ``A = V diag(e) V'``.

    Attributes:
      eigen: ``[d, runs]``.
      basis: ``[d, d, runs]``.
      scale: ``s_t [T, runs]``.
      target: ``v_t [T, d, runs]``.
    """

    eigen: np.ndarray
    basis: np.ndarray
    scale: np.ndarray
    target: np.ndarray

    def matrix(self) -> np.ndarray:
        """``A [d, d, runs]``."""
        return np.einsum("ik...,k...,jk...->ij...", self.basis, self.eigen, self.basis)


def walk(rounds: int, runs: int) -> Walk:
    """Targets that take unit steps at random; spectra from 0.1 to 1."""

    def draw(seed: int, count: int) -> Walk:
        rng = np.random.default_rng(seed)
        eigen = 0.1 * 10 ** rng.uniform(0, 1, (DIMENSION, count))
        square = rng.normal(size=(count, DIMENSION, DIMENSION))
        basis = np.moveaxis(np.linalg.qr(square)[0], 0, -1)
        steps = rng.normal(size=(rounds, DIMENSION, count))
        scale = rng.uniform(0.5, 2, (rounds, count))
        return Walk(eigen, basis, scale, np.cumsum(steps, axis=0))

    pairs = zip(draw(0, 1), draw(1, runs - 1), strict=True)
    return Walk(*(np.concatenate(pair, axis=-1) for pair in pairs))
