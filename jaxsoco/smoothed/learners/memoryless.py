"""Moves towards ``v_t = argmin f_t`` until the movement cost is half of the hitting cost.

``x_t = y + u (v_t - y)``, ``y = x_(t-1)``, with the ``u`` in ``[0, 1]`` at which ``c(x_t, y) =
balance f_t(x_t)``; ``v_t`` itself if even that costs less. ``c`` has the weight ``(up + down) / 2``
in both directions, also where ups alone are charged. 3-competitive with ``balance = 1/2``; no
learner without memory is better (Bansal et al., APPROX 2015).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._shared import keep, now
from jaxsoco.smoothed.settings_line import MemorylessParams
from jaxsoco.smoothed.spec import Observation, Spec
from jaxsoco.smoothed.theory.movements import LINEAR
from jaxsoco_kernels import roots


def _init(key: jax.Array, params: MemorylessParams, spec: Spec) -> tuple[()]:
    del key, params
    if spec.game.movement.kind not in LINEAR:
        kind = spec.game.movement.kind
        raise ValueError(f"memoryless: expected l1 or up movement, got {kind}")
    return ()


def _act(
    key: jax.Array, params: MemorylessParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key
    game, theta, last = obs.game, now(obs), obs.position
    way = game.hitting.minimizer(theta, game.lo, game.hi) - last
    up, down = game.prices()
    # c(last + u way, last) = u |way| (up + down) / 2
    price = jnp.sum((up + down) / 2 * jnp.abs(way), axis=0)

    def gap(share):
        hit = game.hitting.value(last + share[None] * way, theta)
        return share * price - params.balance * hit

    share = roots.bisect(gap, jnp.zeros_like(price), jnp.ones_like(price), params.trips)
    return last + share[None] * way, state


memoryless = Algorithm(_init, _act, keep)
"""Balances movement and hitting cost; parameters
:class:`~jaxsoco.smoothed.settings_line.MemorylessParams`."""
