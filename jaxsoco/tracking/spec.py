"""What the world, the learner and the ledger of a tracking problem are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax

from jaxsoco.core.lanes import align
from jaxsoco_kernels import psd
from jaxsoco_kernels.jacobi import Spectrum


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


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Averaged:
    """A tracking problem ``spec`` to be averaged over its walk, whose steps have a variance.

    Attributes:
      spec: the problem.
      part: what is charged: ``all``, the ``exploration`` or the ``exploitation`` alone, or an
        exploitation with an estimate that errs in its ``eigenvalues`` or its ``eigenbasis`` alone
        (static).
    """

    spec: Spec
    part: str = field(default="all", metadata={"static": True})


class Observation(NamedTuple):
    """What the learner sees before it acts: how far the minimiser moved, ``[d, ...]``."""

    increment: jax.Array


class Feedback(NamedTuple):
    """What the learner observes after it acted.

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
      lost: 1 in the last round if the learner no longer moves in some direction that costs,
        otherwise 0 (:mod:`jaxsoco.tracking.theory.lost`); not part of the objective. Its mean is
        the share of runs that have lost an eigenvalue.
    """

    hit: jax.Array
    move: jax.Array
    regret: jax.Array
    lost: jax.Array


class Plan(NamedTuple):
    """What a learner hands over where costs are averaged over walks.

    Attributes:
      deviations: ``y_1 .. y_T0`` of the exploring rounds, ``[T0, d, ...]``; counts in round 1.
      estimate: of the matrix, to plan the rounds after ``T0`` with; counts in round 2.
    """

    deviations: jax.Array
    estimate: Spectrum
