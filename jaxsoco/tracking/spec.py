"""What the world, the learner and the ledger of a tracking problem are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align
from jaxsoco.tracking.data.matrices import NEARLY_ZERO, positive_spectrum
from jaxsoco.tracking.theory.increments import KINDS
from jaxsoco_kernels import psd

NOISES = ("uniform", "adversarial")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """One problem: the hidden quadratic, its minimiser's walk, the noise of the feedback.

    Leaves may carry lanes, or be shared by all. A learner may read the dimension, ``noise_cap``,
    ``floor``, ``rank`` and ``horizon``; LAI alone also reads the matrix.

    Attributes:
      basis: eigenvectors of ``A``, columns of ``[d, d, ...]``.
      eigenvalues: of ``A``, at least 0, ``[d, ...]``.
      noise_cap: ``etabar``, largest absolute noise of the feedback ``[...]``.
      floor: ``alpha``, a lower bound on the smallest positive eigenvalue ``[...]``.
      scale: of the increments, in units of their kind ``[...]``.
      correlation: of neighbouring coordinates, for correlated increments ``[...]``.
      rank: number of positive eigenvalues (static).
      horizon: rounds ``T`` of a run (static).
      increments: ``gaussian``, ``correlated``, ``laplace`` or ``cauchy`` (static).
      noise: ``uniform`` or ``adversarial`` (static).
    """

    basis: jax.Array
    eigenvalues: jax.Array
    noise_cap: jax.Array
    floor: jax.Array
    scale: jax.Array
    correlation: jax.Array
    rank: int = field(metadata={"static": True})
    horizon: int = field(metadata={"static": True})
    increments: str = field(default="gaussian", metadata={"static": True})
    noise: str = field(default="uniform", metadata={"static": True})

    @property
    def dimension(self) -> int:
        """``d``."""
        return self.basis.shape[0]

    @property
    def matrix(self) -> jax.Array:
        """``A [d, d, ...]``."""
        values = align(self.eigenvalues, 1, max(self.basis.ndim - 2, self.eigenvalues.ndim - 1))
        basis = align(self.basis, 2, values.ndim - 1)
        return psd.compose(basis, values)


def make_spec(
    matrix: jax.Array | np.ndarray,
    horizon: int,
    *,
    noise_cap: float = 0.1,
    floor: float | None = None,
    rank: int | None = None,
    scale: float = 1.0,
    correlation: float = 0.7,
    increments: str = "gaussian",
    noise: str = "uniform",
) -> Spec:
    """The spec of a given matrix, for use without an experiment file.

    Args:
      matrix: hitting cost ``A [d, d]``, positive semidefinite, concrete.
      horizon: rounds of a run.
      noise_cap: largest absolute noise of the feedback.
      floor: lower bound on the smallest positive eigenvalue, that one itself by default.
      rank: number of positive eigenvalues, counted by default.
      scale: of the increments.
      correlation: of correlated increments.
      increments: their kind.
      noise: kind of the noise.

    Raises:
      InputError: the matrix is not positive semidefinite.
      ValueError: no such kind, or no rounds.
    """
    for name, value, known in (("increments", increments, KINDS), ("noise", noise, NOISES)):
        if value not in known:
            raise ValueError(f"{name}: want one of {known}, got {value!r}")
    if horizon < 1:
        raise ValueError(f"horizon: want 1 or more, got {horizon}")
    matrix = np.asarray(matrix)
    rounding = 16 * np.finfo(matrix.dtype).eps if matrix.dtype.kind == "f" else 0.0
    spectrum = positive_spectrum(
        matrix.astype(np.float64), "matrix", max(NEARLY_ZERO, float(rounding))
    )
    return Spec(
        basis=jnp.asarray(spectrum.basis, float),
        eigenvalues=jnp.asarray(spectrum.eigenvalues, float),
        noise_cap=jnp.asarray(noise_cap, float),
        floor=jnp.asarray(spectrum.smallest if floor is None else floor, float),
        scale=jnp.asarray(scale, float),
        correlation=jnp.asarray(correlation, float),
        rank=spectrum.rank if rank is None else rank,
        horizon=horizon,
        increments=increments,
        noise=noise,
    )


class Observation(NamedTuple):
    """What the learner sees before it acts: how far the minimiser moved, ``[d, ...]``."""

    increment: jax.Array


class Feedback(NamedTuple):
    """What the learner is told after it acted.

    Attributes:
      value: the hitting cost with noise ``[...]``; never the cost of moving.
      exact: the same without noise ``[...]``: for the oracle learner alone.
    """

    value: jax.Array
    exact: jax.Array


class Costs(NamedTuple):
    """One round's ledger, ``[...]`` each.

    Attributes:
      hit: ``1/2 (x - v)' A (x - v)``.
      move: ``1/2 |x_t - x_(t-1)|^2``.
      regret: the round's term of the expected regret against LAI, ``1/2 (y - C w)' C^-1 (y - C
        w)``; not part of the objective. Its sum estimates the regret without bias, with less
        variance than the difference of costs, and is never negative.
    """

    hit: jax.Array
    move: jax.Array
    regret: jax.Array
