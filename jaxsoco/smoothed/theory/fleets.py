"""Costs of servers of several types under a load: load optimisation, with and without dispatching.

Albers, Quedenfeld, CIAC 2021 (``load``) and SPAA 2021 (``dispatch``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory.hitting import PENALTY, STEEP, Hitting, slope_of
from jaxsoco_kernels.dispatch import ServerCost, dispatch

Array = jax.Array
_SHORT = 1e-6
"""Share of a load that may be missing: rounding."""


class Load(NamedTuple):
    """``c'x`` if ``sum_k x_k >= lambda``, else infinite: a server of any type bears one unit.

    Attributes:
      load: ``lambda``, ``[T]``.
      costs: ``c`` of a server that is on, above 0, ``[T, d]`` or ``[d]``.
    """

    load: Any
    costs: Any


class Dispatch(NamedTuple):
    """``min sum_k x_k g_k(z_k / x_k)`` over ``z >= 0`` with ``sum_k z_k = lambda``.

    A server costs ``g_k(l) = idle + linear l + quadratic l^2`` under the load ``l``.

    Attributes:
      load: ``lambda``, ``[T]``; the other fields are ``[T, d]`` or ``[d]``.
      idle: cost of a server without load, at least 0.
      linear: of a unit of load.
      quadratic: at least 0.
      capacity: largest load of a server.
    """

    load: Any
    idle: Any
    linear: Any = 0.0
    quadratic: Any = 0.0
    capacity: Any = 1.0


def idle_costs(theta: Load | Dispatch) -> Array:
    """What a server of each type costs without load, ``[d, ...]``."""
    return theta.costs if isinstance(theta, Load) else theta.idle


def _short(load: Array, capacity: Array) -> tuple[Array, Array]:
    """Whether servers bear too little, and what that is charged."""
    missing = load - capacity
    return missing > _SHORT * load, PENALTY * (1 + missing)


def _load_value(x: Array, theta: Load) -> Array:
    short, penalty = _short(theta.load, jnp.sum(x, axis=0))
    return jnp.where(short, penalty, jnp.sum(theta.costs * x, axis=0))


def _load_slope(x: Array, theta: Load) -> Array:
    short, _ = _short(theta.load, jnp.sum(x, axis=0))
    return jnp.where(short[None], -STEEP, theta.costs)


def _load_minimizer(theta: Load, lo: Any, hi: Any) -> Array:
    del lo
    if hi is None:
        raise ValueError("load: expected a box, the number of servers of each type")
    # Whole servers, the cheapest types first: what those leave over, up to what there is.
    index = jnp.arange(theta.costs.shape[0]).reshape(-1, 1, *(1,) * theta.load.ndim)
    mine, others = theta.costs[:, None], theta.costs[None]
    cheaper = (others < mine) | ((others == mine) & (jnp.swapaxes(index, 0, 1) < index))
    before = jnp.sum(jnp.where(cheaper, hi[None], 0), axis=1)
    return jnp.clip(jnp.ceil(theta.load * (1 - _SHORT))[None] - before, 0, hi)


def _no_prox(theta: Any, y: Array, eta: Array, lo: Any, hi: Any) -> Array:
    raise ValueError("costs of a fleet have no proximal point here: use lazy_budgeting")


LOAD = Hitting("load", (0, 1), _load_value, _load_slope, _load_minimizer, _no_prox, goal="load")


def _dispatch_value(x: Array, theta: Dispatch) -> Array:
    short, penalty = _short(theta.load, jnp.sum(x * theta.capacity, axis=0))
    # No more than the servers bear, so that rounding makes no load infeasible.
    load = jnp.minimum(theta.load, jnp.sum(x * theta.capacity, axis=0))
    terms = ServerCost(theta.idle, theta.linear, theta.quadratic, theta.capacity)
    return jnp.where(short, penalty, dispatch(x, load, terms).cost)


def _dispatch_slope(x: Array, theta: Dispatch) -> Array:
    short, _ = _short(theta.load, jnp.sum(x * theta.capacity, axis=0))
    slope = slope_of(_dispatch_value, x, theta)
    return jnp.where(short[None], -STEEP, jnp.maximum(slope, -STEEP))


def _dispatch_minimizer(theta: Dispatch, lo: Any, hi: Any) -> Array:
    raise ValueError("dispatch: a minimiser is not offered: use lazy_budgeting")


DISPATCH = Hitting(
    "dispatch",
    (0, 1, 1, 1, 1),
    _dispatch_value,
    _dispatch_slope,
    _dispatch_minimizer,
    _no_prox,
    goal="load",
)

FLEETS = (LOAD, DISPATCH)


def fleet(theta: Load | Dispatch) -> tuple[Load | Dispatch, Hitting]:
    """Data of several rounds in their standard form, ``[T or 1]`` and ``[T or 1, d]``."""
    load, *terms = (jnp.asarray(x, float) for x in theta)
    types = max((x.shape[-1] for x in terms if x.ndim), default=1)
    rows = [jnp.broadcast_to(x, (*x.shape[:-1], types)) for x in terms]
    rows = [x[None] if x.ndim == 1 else x for x in rows]
    if any(x.ndim != 2 for x in rows):
        shapes = ", ".join(str(x.shape) for x in terms)
        raise ValueError(f"costs: expected [d] or [T, d] each, got {shapes}")
    data = type(theta)(load.reshape(-1), *rows)
    return data, LOAD if isinstance(theta, Load) else DISPATCH
