"""Convex sets of points ``[d, ...]``: their nearest points and their support functions.

============  ======================================================
region        set
============  ======================================================
``box``       ``lo <= x <= hi``; either end may be None, or infinite
``ball``      ``|x|_2 <= hi[0]``
``simplex``   ``x >= 0``, ``sum x = 1``
============  ======================================================
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
REGIONS = ("box", "ball", "simplex")


def project(region: str, x: Array, lo: Any = None, hi: Any = None) -> Array:
    """The point of a set that is nearest in the Euclidean norm.

    >>> from jaxsoco_kernels.regions import project
    >>> project("ball", jnp.array([3.0, 0.0]), hi=jnp.array([1.5])).tolist()
    [1.5, 0.0]
    >>> project("simplex", jnp.array([1.0, 0.5, -3.0])).tolist()
    [0.75, 0.25, 0.0]

    Args:
      region: one of :data:`REGIONS`, static.
      x: ``[d, ...]``.
      lo: lower end of a box, ``[d or 1, ...]``.
      hi: upper end; of a ball, ``[1, ...]``, its radius.

    Returns:
      ``[d, ...]``.

    Raises:
      ValueError: no such region.
    """
    _check(region)
    if region == "ball":
        size = _length(x)
        return x * jnp.where(size > hi[0], hi[0] / jnp.where(size > 0, size, 1), 1)[None]
    if region == "simplex":
        return _simplex(x)
    x = x if lo is None else jnp.maximum(x, lo)
    return x if hi is None else jnp.minimum(x, hi)


def _simplex(x: Array) -> Array:
    """``max(x - tau, 0)``, by comparing all pairs; lanes last, without sorting.

    Coordinate ``k`` stays above 0 iff ``x_k > (sum_(x_j >= x_k) x_j - 1) / #{j: x_j >= x_k}``
    (Held, Wolfe, Crowder 1974).
    """
    above = x[None] >= x[:, None]  # [k, j, ...]
    count = jnp.sum(above, axis=1)
    excess = (jnp.sum(jnp.where(above, x[None], 0), axis=1) - 1) / count
    stays = x > excess
    some = jnp.sum(stays, axis=0)
    threshold = (jnp.sum(jnp.where(stays, x, 0), axis=0) - 1) / jnp.maximum(some, 1)
    return jnp.maximum(x - threshold[None], 0)


def support(region: str, force: Array, lo: Any = None, hi: Any = None) -> Array:
    """The support function of a set: the largest ``<force, x>`` in it.

    >>> from jaxsoco_kernels.regions import support
    >>> float(support("box", jnp.array([2.0, -1.0]), jnp.zeros(2), jnp.full(2, 3.0)))
    6.0

    Args:
      region: one of :data:`REGIONS`, static.
      force: ``[d, ...]``.
      lo, hi: as of :func:`project`; an end that is missing is infinite.

    Returns:
      ``[...]``, infinite where a force points to where the set has no end.

    Raises:
      ValueError: no such region.
    """
    _check(region)
    if region == "ball":
        return _length(force) * hi[0]
    if region == "simplex":
        return jnp.max(force, axis=0)
    low, high = (jnp.inf if end is None else end for end in (lo, hi))
    low = -low if lo is None else low
    # 0 times infinity is 0 here.
    end = jnp.where(force > 0, high, jnp.where(force < 0, low, 0))
    return jnp.sum(force * end, axis=0)


def _length(x: Array) -> Array:
    """``|x|_2``, whose derivative at 0 is 0."""
    square = jnp.sum(x * x, axis=0)
    some = square > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, square, 1)), 0)


def _check(region: str) -> None:
    if region not in REGIONS:
        raise ValueError(f"region: expected one of {', '.join(REGIONS)}, got {region!r}")
