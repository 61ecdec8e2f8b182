"""Learners that others are made of, by name."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.core.schema import AlgorithmEntry, load


class Base(NamedTuple):
    """A learner inside another one.

    Attributes:
      algorithm: the learner.
      params: its parameters, numbers as arrays.
    """

    algorithm: Algorithm
    params: Any


def base(name: str, **values: Any) -> Base:
    """A learner of the family by name, with these values of its fields where it has such.

    Raises:
      KeyError: there is none.
    """
    entry = entries()[name]
    fields = {one.name: one.default for one in entry.fields}
    fields |= {name: value for name, value in values.items() if name in fields}
    return Base(load(entry.load), entry.parameters(fields))


def entries() -> dict[str, AlgorithmEntry]:
    """All learners of the family."""
    from jaxsoco.smoothed.settings import FAMILY

    return {entry.name: entry for entry in FAMILY.algorithms}


def fault_count(one: Base, state: Any, like: jax.Array) -> jax.Array:
    """Faults of a base's state, int32 with the lanes of ``like [...]``."""
    return jnp.broadcast_to(one.algorithm.fault_count(state), like.shape)
