"""Which hitting cost belongs to which data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.custom import Functions, custom_theta
from jaxsoco.smoothed.theory.fleets import Dispatch, Load, fleet
from jaxsoco.smoothed.theory.hitting import Hitting
from jaxsoco.smoothed.theory.polyhedral import Absolute, Norm, polyhedral
from jaxsoco.smoothed.theory.quadratics import Quadratic, quadratic
from jaxsoco.smoothed.theory.servers import Power, RightSizing, servers
from jaxsoco.smoothed.theory.smooth import Barrier, Exponential, barrier, exponential
from jaxsoco.smoothed.theory.tables import Table, table

KINDS: Mapping[type, Callable[[Any], tuple[Any, Hitting]]] = {
    Quadratic: quadratic,
    Absolute: polyhedral,
    Norm: polyhedral,
    Table: table,
    RightSizing: servers,
    Power: servers,
    Exponential: exponential,
    Barrier: barrier,
    Load: fleet,
    Dispatch: fleet,
}
"""Class of the data -> ``theta -> (theta in standard form, its kind)``."""

NAMES: Mapping[str, type] = {
    "quadratic": Quadratic,
    "absolute": Absolute,
    "norm": Norm,
    "table": Table,
    "rightsizing": RightSizing,
    "power": Power,
    "exponential": Exponential,
    "barrier": Barrier,
    "load": Load,
    "dispatch": Dispatch,
}
"""Names of the kinds, for files and dictionaries."""


_WIDTH = {
    Quadratic: "target",
    Absolute: "target",
    Norm: "target",
    Barrier: "cost",
    Load: "costs",
    Dispatch: "idle",
}
"""Fields that are ``[T, d]``; data of the other kinds are for one dimension."""


class Data(NamedTuple):
    """Data of several rounds, understood.

    Attributes:
      theta: in standard form, leaves ``[T or 1, ...]``.
      hitting: their kind.
      rounds: ``T``.
    """

    theta: Any
    hitting: Hitting
    rounds: int


def understood(theta: Any, functions: Functions | None = None) -> Data:
    """The kind of hitting cost that data of several rounds are for.

    Args:
      theta: one of the classes of :data:`KINDS`, or any pytree of arrays ``[T, ...]`` for a cost of
        one's own.
      functions: of that.

    Raises:
      TypeError: the data belong to no kind.
      ValueError: numbers of rounds that differ.
    """
    if functions is not None:
        theta, hitting = custom_theta(theta, functions)
    elif type(theta) in KINDS:
        theta, hitting = KINDS[type(theta)](theta)
    else:
        names = ", ".join(kind.__name__ for kind in KINDS)
        raise TypeError(f"theta: expected one of {names}, got {type(theta).__name__}")
    rows = {x.shape[0] for x in jax.tree.leaves(theta)}
    rounds = max(rows)
    if not rows <= {1, rounds}:
        raise ValueError(f"theta: expected [T, ...] or [1, ...] arrays, got {sorted(rows)} rounds")
    return Data(theta, hitting, rounds)


def dimension_of(data: Data, start: Any) -> int:
    """``d``: of the data where they say so, else of the start."""
    field = _WIDTH.get(type(data.theta))
    if field is not None:
        return getattr(data.theta, field).shape[1]
    return jnp.shape(start)[0] if jnp.ndim(start) else 1
