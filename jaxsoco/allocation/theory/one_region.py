"""The decision of one slot where the job stays in its region: which fraction of the slot it runs.

With ``z`` of the work done, a slot at the cost ``f`` and the rate ``c``, and a switch that costs
``beta``, the fraction is ``argmin_m f m + beta |m - m_prev| - int_z^{z + c m} psi``. The objective
is convex, since ``psi`` falls. Its slope is ``f + beta - c psi(z + c m)`` right of ``m_prev`` and
``f - beta - c psi(z + c m)`` left of it, so that

    m = clip(m_prev, on, off),  on = (psi^-1((f + beta) / c) - z) / c,
                                off = (psi^-1((f - beta) / c) - z) / c,

cut to what is allowed (Lechowicz et al., arXiv 2310.20598, the step of RORO).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.pseudocost import PseudoCost


class Slot(NamedTuple):
    """A slot of a job in one region, ``[...]`` each.

    Attributes:
      cost: ``f``, of the whole slot.
      switch: ``beta``, of switching the whole job.
      rate: ``c``, work of the whole slot.
      before: ``m_prev``, the fraction that ran in the slot before.
    """

    cost: jax.Array
    switch: jax.Array
    rate: jax.Array
    before: jax.Array


def best_fraction(slot: Slot, pseudo_cost: PseudoCost, done: jax.Array) -> jax.Array:
    """``argmin_m f m + beta |m - m_prev| - int_z^{z + c m} psi``, without bounds, ``[...]``.

    Args:
      slot: the slot.
      pseudo_cost: ``psi``.
      done: ``z``.
    """

    def until(cost):
        # The fraction at which a unit of work is worth just what it costs.
        return (pseudo_cost.inverse(cost / slot.rate) - done) / slot.rate

    # on <= off, because psi^-1 falls.
    on, off = until(slot.cost + slot.switch), until(slot.cost - slot.switch)
    return jnp.clip(slot.before, on, off)


def affordable(
    excess: Callable[[jax.Array], jax.Array], kinks: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    """The interval ``{m: excess(m) <= 0}`` of a convex, piecewise linear function.

    The zero of a chord from an affordable kink to another lies in the interval, because a convex
    function is below its chords; that of the right two neighbours is its end. So the ends are
    extremes over all pairs, and nothing is sorted.

    Args:
      excess: maps ``[...]`` to ``[...]``.
      kinks: all places where its slope may change, and the ends of its domain, ``[...]`` each.

    Returns:
      The ends ``(low, high)``, ``[...]`` each; twice the kink of least excess if it is above 0.
    """
    values = [excess(kink) for kink in kinks]
    least, best = values[0], kinks[0]
    for kink, value in zip(kinks[1:], values[1:], strict=True):
        best, least = jnp.where(value < least, kink, best), jnp.minimum(value, least)
    low = high = best
    for kink, value in zip(kinks, values, strict=True):
        inside = value <= 0
        for other, there in zip(kinks, values, strict=True):
            crosses = inside & (there > 0)
            share = value / jnp.where(crosses, value - there, 1)
            end = jnp.where(crosses, kink + share * (other - kink), kink)
            low = jnp.where(inside, jnp.minimum(low, end), low)
            high = jnp.where(inside, jnp.maximum(high, end), high)
    return low, high
