"""Hitting costs given at the integers ``0..m``, convex, and linear in between."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import take
from jaxsoco.smoothed.theory.algebra import into
from jaxsoco.smoothed.theory.hitting import Hitting, nearest

Array = jax.Array


class Table(NamedTuple):
    """Costs of the positions ``0..m``; large, but not infinite, where a position is forbidden.

    Attributes:
      values: convex in the position, ``[T, m + 1]``.
    """

    values: Any


def _value(x: Array, theta: Table) -> Array:
    places = jnp.arange(theta.values.shape[0]).reshape(-1, *(1,) * (x.ndim - 1))
    hats = jnp.maximum(1 - jnp.abs(x - places), 0)
    return jnp.sum(hats * theta.values, axis=0)


def _slope(x: Array, theta: Table) -> Array:
    rises = jnp.diff(theta.values, axis=0)
    cell = jnp.clip(jnp.floor(x[0]), 0, rises.shape[0] - 1).astype(jnp.int32)
    return take(rises, cell)[None]


def _minimizer(theta: Table, lo: Any, hi: Any) -> Array:
    least = jnp.argmin(theta.values, axis=0)[None].astype(theta.values.dtype)
    return into(least, lo, hi)


def _prox(theta: Table, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    return nearest(_slope, theta, y, eta, lo, hi)


TABLE = Hitting("table", (1,), _value, _slope, _minimizer, _prox, separable=True, table=True)


def table(theta: Table) -> tuple[Table, Hitting]:
    """Data of several rounds in their standard form, ``[T, m + 1]``."""
    values = jnp.asarray(theta.values, float)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"values: expected [T, m + 1] with m >= 1, got {values.shape}")
    return Table(values), TABLE


def values_at(hitting: Hitting, theta: Any, levels: int) -> Array:
    """Costs of one round at the integers ``0..m``, in one dimension: ``[m + 1, ...]``."""
    if isinstance(theta, Table):
        return theta.values
    leaf, structure = jax.tree.leaves(theta)[0], hitting.axes[0]
    lanes, places = leaf.shape[structure:], jnp.arange(levels + 1, dtype=leaf.dtype)
    return jax.vmap(lambda i: hitting.value(jnp.full((1, *lanes), i), theta))(places)


def tabulated(hitting: Hitting, theta: Any, levels: int) -> Table:
    """Data of several rounds ``[T, ...]`` as a table of their costs, linear in between."""
    return Table(jax.vmap(lambda one: values_at(hitting, one, levels))(theta))
