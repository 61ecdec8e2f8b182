"""One-way trading: buys the work of a job in fractions, ever cheaper, where it arrived.

With the bounds ``L`` and ``U`` of the price ``p_t = f_t / c`` of a unit of work, and ``z`` of it
done, the threshold is what a unit may cost::

    phi(z) = U - (U - U / alpha) exp(z / alpha),    phi(1) = L

and a slot buys while the threshold is above the price: ``phi(z_t) = p_t`` afterwards, or what one
slot can do, ``c``, or nothing. Work that the slots after this one cannot do must be done now (the
compulsory trade). It takes no account of switches, and never leaves its region.

``alpha`` solves ``1 - L / U = (1 - 1 / alpha) exp(1 / alpha)``. Without switching costs, and where
one slot can do the whole job (``J = 1``), the cost is at most ``alpha`` times the optimum, and no
online algorithm does better. Longer jobs have no such bound: see docs/allocation.md.

El-Yaniv, Fiat, Karp, Turpin, "Optimal search and one-way trading online algorithms", Algorithmica
30, 2001; for buying, Lorenz, Panagiotou, Steger, "Optimal algorithms for k-search with application
in option pricing", Algorithmica 55, 2009, as ``k`` grows.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.allocation.learners._one_region import (
    OneRegion,
    arrive_once,
    believed,
    bounds_of,
    limits,
    run_fraction,
    slot_of,
)
from jaxsoco.allocation.learners._shared import keep
from jaxsoco.allocation.settings_rivals import OneWayParams
from jaxsoco.allocation.spec import Observation, Spec
from jaxsoco.allocation.theory.one_region import best_fraction
from jaxsoco.core.protocol import Algorithm


def _init(key: jax.Array, params: OneWayParams, spec: Spec) -> OneRegion:
    del key
    bounds = bounds_of(spec)
    free = bounds._replace(switch=jnp.zeros_like(bounds.switch))
    return arrive_once(spec, believed(params, free))


def _act(
    key: jax.Array, params: OneWayParams, state: OneRegion, obs: Observation
) -> tuple[jax.Array, OneRegion]:
    del key, params
    slot = slot_of(state, obs)
    slot = slot._replace(switch=jnp.zeros_like(slot.switch))
    fraction = best_fraction(slot, state.price, state.work)
    return run_fraction(state, obs, fraction, limits(state, obs))


one_way = Algorithm(_init, _act, keep)
"""The threshold of one-way trading; parameters :class:`OneWayParams`."""
