"""Load optimisation from Python: what :func:`jaxsoco.make` calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Instance, same_for_all
from jaxsoco.smoothed.games import make_game
from jaxsoco.smoothed.problem import world
from jaxsoco.smoothed.spec import Spec
from jaxsoco.smoothed.theory.fleets import Dispatch, Load
from jaxsoco.smoothed.theory.kinds import understood
from jaxsoco.smoothed.theory.loads import draw_load
from jaxsoco.smoothed.theory.sources import Recorded

_NAME, _DAY = "smoothed/load_types", 24


def load_types(
    costs: Any,
    switching: Any,
    servers: Any,
    load: Any = "low",
    *,
    linear: Any = None,
    quadratic: Any = None,
    capacity: Any = None,
    swing: Any = 0.0,
    rounds: int = 336,
    peak: Any = 0.7,
) -> Instance:
    """How many servers of each type to keep on; see ``jaxsoco list smoothed/load_types``.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.load_types([2.0, 1.0], [1.0, 2.0], [1, 1], load=[1.0, 2.0, 0.0, 2.0])
    >>> algorithm, params = jaxsoco.learner("smoothed/lazy_budgeting")
    >>> run = jaxsoco.play(problem, algorithm, params, key, trace=True)
    >>> run.trace[0].tolist()
    [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]

    Args:
      costs: of a server that is on, ``c_k [d]``; falling.
      switching: of turning it on, ``beta_k [d]``; rising.
      servers: how many there are, ``[d]``, concrete.
      load: ``[T]``; or ``low`` or ``high``, drawn for every run.
      linear, quadratic: costs of a server's load and of its square, ``[d]`` or numbers. If one of
        these or ``capacity`` is given, servers share the load at least cost.
      capacity: largest load of a server, ``[d]`` or a number.
      swing: amplitude of a sine of all costs over 24 rounds, relative to them.
      rounds: of loads that are drawn.
      peak: of loads that are drawn, as a share of what all servers bear.

    Raises:
      ValueError: arrays that do not fit together.
    """
    servers = np.asarray(servers, float)
    drawn = isinstance(load, str)
    horizon = rounds if drawn else np.shape(load)[0]
    # f_t = (1 + swing sin(2 pi t / 24)) f
    season = jnp.sin(2 * jnp.pi * jnp.arange(1, horizon + 1) / _DAY)
    factor = (1 + jnp.asarray(swing, float) * season)[:, None]
    loads = jnp.zeros(horizon) if drawn else jnp.asarray(load, float)
    terms = {"linear": linear, "quadratic": quadratic, "capacity": capacity}
    shared = any(x is not None for x in terms.values())
    if shared:
        most = jnp.asarray(1.0 if capacity is None else capacity, float)
        parts = (costs, *(0.0 if x is None else x for x in (linear, quadratic)))
        wide = (
            factor * jnp.broadcast_to(jnp.asarray(x, float), servers.shape)[None] for x in parts
        )
        idle, slope, bend = wide
        theta: Any = Dispatch(loads, idle, slope, bend, jnp.broadcast_to(most, servers.shape))
    else:
        most = jnp.ones(())
        theta = Load(loads, factor * jnp.asarray(costs, float)[None])
    data = understood(theta)
    frame = {"start": 0.0, "lo": 0.0, "hi": servers, "region": "box"}
    game, _ = make_game(data.hitting, len(servers), horizon, "up", switching, frame, {})
    spec = Spec(game, Recorded(data.theta))
    if not drawn:
        return Instance(world(0), same_for_all, spec, horizon, _NAME)
    highest = jnp.asarray(peak, float) * jnp.sum(servers * most)
    return Instance(world(0), _draw, DrawnLoad(spec, highest, load), horizon, _NAME)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrawnLoad:
    """What a run's problem is drawn from.

    Attributes:
      spec: with a load of 0.
      peak: largest load ``[...]``.
      kind: ``low`` or ``high`` (static).
    """

    spec: Spec
    peak: jax.Array
    kind: str = field(metadata={"static": True})


def _draw(key: jax.Array, settings: DrawnLoad) -> Spec:
    """One run's problem; the key ``[2, ...]`` is consumed."""
    spec = settings.spec
    theta = spec.source.theta
    load = draw_load(key, settings.kind, spec.game.horizon, theta.load.dtype)
    peak = align(settings.peak, 0, key.ndim - 1)
    load = load * (peak / jnp.max(load, axis=0))[None]
    return replace(spec, source=Recorded(theta._replace(load=load)))
