"""RORO, ramp-on ramp-off: one-way trading that knows what switching costs, in one region.

``m_t`` is the fraction of slot ``t`` that runs, ``z`` the work done, ``c = 1 / J``, ``beta`` the
cost of switching the whole job and ``tau = beta / c``. With the pseudo-cost::

    psi(z) = U - tau + (U / alpha - U + 2 tau) exp(z / alpha),    psi(1) = L + tau

a slot at the cost ``f`` runs::

    m_t = argmin_{m <= min(1, (1 - z) / c)}  f m + beta |m - m_{t-1}| - int_z^{z + c m} psi

So it begins at a lower price than it goes on at, and stops at a higher one. Work that the slots
after this one cannot do must be done now (the compulsory trade); the paper's begins at full rate.

It is PCM in a single region, and ``alpha`` the ratio ``eta`` for ``D = 0``. Where one slot can do
the whole job (``J = 1``), the cost is at most ``alpha`` times the optimum, and no online algorithm
does better. Longer jobs have no such bound: see docs/allocation.md.

Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman, Shenoy, "Online conversion with
switching costs: robust and learning-augmented algorithms", SIGMETRICS 2024, arXiv 2310.20598.
"""

from __future__ import annotations

import jax

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
from jaxsoco.allocation.settings_rivals import ROROParams
from jaxsoco.allocation.spec import Observation, Spec
from jaxsoco.allocation.theory.one_region import best_fraction
from jaxsoco.core.protocol import Algorithm


def _init(key: jax.Array, params: ROROParams, spec: Spec) -> OneRegion:
    del key
    return arrive_once(spec, believed(params, bounds_of(spec)))


def _act(
    key: jax.Array, params: ROROParams, state: OneRegion, obs: Observation
) -> tuple[jax.Array, OneRegion]:
    del key, params
    fraction = best_fraction(slot_of(state, obs), state.price, state.work)
    return run_fraction(state, obs, fraction, limits(state, obs))


roro = Algorithm(_init, _act, keep)
"""Ramp-on ramp-off; parameters :class:`ROROParams`."""
