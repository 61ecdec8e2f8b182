"""A learner's clock: two numbers shared by all lanes, so that a branch on them is a real branch."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Clock(NamedTuple):
    """Rounds that are over and rounds that are left, int32 scalars without lanes."""

    over: jax.Array
    left: jax.Array

    def tick(self) -> Clock:
        """One round later."""
        return Clock(self.over + 1, jnp.maximum(self.left - 1, 1))


def start(horizon: int) -> Clock:
    """The clock before the first round."""
    return Clock(jnp.zeros((), jnp.int32), jnp.full((), horizon, jnp.int32))
