"""How a kernel's call ended: one status and one record for all kernels.

Failure is data. A kernel never raises on values: it returns an :class:`Info` beside its answer, and
the caller decides what a failure means. Codes are the same everywhere, so that
``info.status != Status.OK`` counts the failures of any kernel.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Status(IntEnum):
    """How a call ended; arrays hold it as int32.

    JAX takes the members for Python integers: ``jnp.where(done, Status.OK, Status.LIMIT)``.
    """

    OK = 0
    """Solved to the kernel's tolerance."""
    INFEASIBLE = 1
    """No point satisfies the constraints."""
    LIMIT = 2
    """Neither: iterations ran out, or rounding stopped progress. ``residual`` says how far off."""
    NONFINITE = 3
    """The input holds NaN or infinity where it must not; the answer means nothing."""


class Info(NamedTuple):
    """How a call ended, ``[...]`` each: one entry a lane.

    Attributes:
      status: a :class:`Status`, int32.
      residual: how far the answer is from exact, in the measure that the kernel documents.
      iterations: of the kernel's outer loop, int32.
    """

    status: jax.Array
    residual: jax.Array
    iterations: jax.Array


def judge(
    residual: jax.Array,
    tolerance: jax.Array | float,
    iterations: int,
    feasible: jax.Array | bool = True,
) -> Info:
    """The record of a method of fixed length, from how far its answer is off.

    >>> from jaxsoco_kernels.info import judge
    >>> judge(jnp.array([1e-9, 0.1, jnp.nan]), 1e-6, 40).status.tolist()  # OK, LIMIT, NONFINITE
    [0, 2, 3]

    Args:
      residual: ``[...]``; what is not finite says that the input was not.
      tolerance: the largest residual of an answer that counts as exact, ``[...]`` or a scalar.
      iterations: how many the method always takes.
      feasible: where there is an answer at all, ``[...]`` or a scalar.

    Returns:
      The status with ``residual``, infinite where the input is not finite.
    """
    finite = jnp.isfinite(residual)
    status = jnp.where(residual <= tolerance, Status.OK, Status.LIMIT)
    status = jnp.where(feasible, status, Status.INFEASIBLE)
    status = jnp.where(finite, status, Status.NONFINITE).astype(jnp.int32)
    taken = jnp.full(residual.shape, iterations, jnp.int32)
    return Info(status, jnp.where(finite, residual, jnp.inf), taken)
