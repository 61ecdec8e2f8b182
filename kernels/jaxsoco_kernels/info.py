"""How a kernel's call ended: one status and one record for all kernels.

Failure is data. A kernel never raises on values: it returns an :class:`Info` beside its answer, and
the caller decides what a failure means. Codes are the same everywhere, so that
``info.status != Status.OK`` counts the failures of any kernel.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import jax


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
