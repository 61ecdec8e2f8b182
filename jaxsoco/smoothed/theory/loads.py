"""Loads that are drawn, one run each.

With ``S_t = sin(2 pi (t / 24 - 0.3))`` and ``n_t = 0.8 n_(t-1) + 0.6 N(0, 1)``, ``n_0 = 0``:
``low`` is ``(1 + 0.5 S) exp(0.05 n)``, its peak about 1.65 times its mean, like the Hotmail trace
of Lin et al. 2013; ``high`` is ``(0.4 + 0.25 S) exp(0.3 n)`` and, in 4 % of the rounds, 1.5 times
an exponential burst, its peak about 10 times its mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.smoothed.spec import Spec
from jaxsoco.smoothed.theory.servers import RIGHTSIZING, RightSizing
from jaxsoco.smoothed.theory.sources import Recorded, shaped
from jaxsoco.smoothed.theory.tables import Table, tabulated

Array = jax.Array
BURST, CHANCE = 1.5, 0.04


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrawnLoads:
    """What a run's right-sizing problem is drawn from.

    Attributes:
      spec: with a load of 0 in place of what is drawn.
      peak: largest load ``[...]``.
      kind: ``low`` or ``high`` (static).
      linear: whether costs are linear between the integers (static).
    """

    spec: Spec
    peak: Array
    kind: str = field(metadata={"static": True})
    linear: bool = field(default=False, metadata={"static": True})


def draw_load(key: Array, kind: str, rounds: int, dtype=None) -> Array:
    """A load of either kind, not scaled, ``[T, ...]``; consumes the key ``[2, ...]``."""
    noise = random.normal(random.fold(key, 0), (rounds,), dtype)

    def move(before, draw):
        after = 0.8 * before + 0.6 * draw
        return after, after

    _, n = jax.lax.scan(move, jnp.zeros_like(noise[0]), noise)
    hours = jnp.arange(1, rounds + 1, dtype=noise.dtype)
    season = align(jnp.sin(2 * jnp.pi * (hours / 24 - 0.3)), 1, noise.ndim - 1)
    if kind == "low":
        return (1 + 0.5 * season) * jnp.exp(0.05 * n)
    bursts = random.uniform(random.fold(key, 1), (2, rounds), noise.dtype)
    burst = jnp.where(bursts[0] < CHANCE, -BURST * jnp.log1p(-bursts[1]), 0)
    return (0.4 + 0.25 * season) * jnp.exp(0.3 * n) + burst


def draw_servers(key: Array, settings: DrawnLoads) -> Spec:
    """One run's problem; the key ``[2, ...]`` is consumed."""
    spec, lanes = settings.spec, key.shape[1:]
    theta = spec.source.theta
    load = draw_load(key, settings.kind, spec.game.horizon, theta.load.dtype)
    peak = align(settings.peak, 0, len(lanes))
    load = load * (peak / jnp.max(load, axis=0))[None]
    theta = theta._replace(load=load)
    if settings.linear:
        theta = linear(theta, spec.game.levels, lanes)
    return replace(spec, source=Recorded(theta))


def linear(theta: RightSizing, levels: int, lanes: tuple[int, ...]) -> Table:
    """Costs at ``0..m`` of all rounds, ``[T, m + 1, ...]``."""
    rounds = theta.load.shape[0]
    rows = jax.tree.map(lambda x: jnp.broadcast_to(x, (rounds, *x.shape[1:])), theta)
    rows = jax.vmap(lambda one: shaped(one, RIGHTSIZING.axes, lanes))(rows)
    return tabulated(RIGHTSIZING, rows, levels)
