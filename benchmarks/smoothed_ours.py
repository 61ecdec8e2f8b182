"""The library's side of the benchmark of switching costs: kernels on many runs at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import smoothed_data as data
from smoothed_data import DOWN, HI, LAMBDA, LO, RATIO, UP, WINDOW

from jaxsoco.core import compiler
from jaxsoco_kernels import proximal, slopes


class Side:
    """A program on its arguments; call it to run it.

    Attributes:
      solved: problems that a call solves.
    """

    def __init__(self, program: Any, arguments: tuple[Any, ...], solved: int):
        self._program = compiler.jit(program)
        self._arguments = jax.tree.map(jnp.asarray, arguments)
        self.solved = solved

    def __call__(self) -> np.ndarray:
        """Runs it to the end."""
        return np.asarray(jax.block_until_ready(self._program(*self._arguments)))

    def first(self) -> np.ndarray:
        """Positions of the first run."""
        return self()[..., 0]


def _slope(x, theta):
    return theta.a * (x - theta.v)


def offline(rounds: int, runs: int) -> Side:
    """Optima of whole horizons; per run."""

    def program(theta):
        start = jnp.zeros_like(theta.a[0])
        return slopes.offline(_slope, theta, start, UP, DOWN, LO, HI)[0]

    return Side(program, (data.line(rounds, runs),), runs)


def rhc(rounds: int, runs: int) -> Side:
    """Steps of receding horizon control; per round and run."""

    def program(theta):
        def step(x, t):
            seen = jax.tree.map(lambda z: jax.lax.dynamic_slice_in_dim(z, t, WINDOW + 1), theta)
            x, _ = slopes.window_step(_slope, seen, x, UP, DOWN, LO, HI)
            return x, x

        return jax.lax.scan(step, jnp.zeros_like(theta.a[0]), jnp.arange(rounds))[1]

    return Side(program, (data.line(rounds + WINDOW, runs),), rounds * runs)


def robd(rounds: int, runs: int) -> Side:
    """Steps of R-OBD with ``lambda2 = 0``: ``(s A + lambda I) (x - v) = lambda (y - v)``."""

    def program(matrix, scale, target):
        eye = jnp.eye(data.DIMENSION)[..., None]

        def step(y, now):
            s, v = now
            matrix_now = s[None, None] * matrix + LAMBDA * eye
            x = v + proximal.small_solve(matrix_now, LAMBDA * (y - v))
            return x, x

        return jax.lax.scan(step, jnp.zeros_like(target[0]), (scale, target))[1]

    walk = data.walk(rounds, runs)
    return Side(program, (walk.matrix(), walk.scale, walk.target), rounds * runs)


def pobd(rounds: int, runs: int) -> Side:
    """Steps of P-OBD, squared: ``1/2 |x - y|^2 = ratio f(x)``."""

    def program(walk):
        def step(y, now):
            s, v = now
            eigen = s[None] * walk.eigen
            x = proximal.balance(eigen, walk.basis, v, y, RATIO, squared=True).point
            return x, x

        return jax.lax.scan(step, jnp.zeros_like(walk.target[0]), (walk.scale, walk.target))[1]

    return Side(program, (data.walk(rounds, runs),), rounds * runs)


OURS = {"offline": offline, "R-OBD": robd, "P-OBD": pobd, "RHC": rhc}
