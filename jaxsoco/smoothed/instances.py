"""Problems from Python: what :func:`jaxsoco.make` calls, and what takes arrays and functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.protocol import Instance, same_for_all
from jaxsoco.core.settings import is_traced
from jaxsoco.smoothed.games import make_forecast, make_game
from jaxsoco.smoothed.problem import world
from jaxsoco.smoothed.spec import Region, Spec
from jaxsoco.smoothed.theory.custom import Functions, hitting_of
from jaxsoco.smoothed.theory.kinds import NAMES, dimension_of, understood
from jaxsoco.smoothed.theory.loads import DrawnLoads, draw_servers, linear
from jaxsoco.smoothed.theory.movements import Kind
from jaxsoco.smoothed.theory.polyhedral import ABSOLUTE, NORM, Absolute
from jaxsoco.smoothed.theory.quadratics import DIAGONAL, Quadratic
from jaxsoco.smoothed.theory.servers import RIGHTSIZING, RightSizing
from jaxsoco.smoothed.theory.sources import Drawn, Jumps, Recorded
from jaxsoco.smoothed.theory.tables import TABLE, Table
from jaxsoco.smoothed.theory.walks import WalkSettings, draw_walk

SHORT_OF_TIES = 1 - 1e-5
"""Factor on a zigzag's slopes. Without it the sum over all but one round of a block is the price of
moving, and rounding would decide whether a lazy learner moves."""


def recorded(
    theta: Any,
    movement: Kind = "l1",
    *,
    weight: Any = 1.0,
    start: Any = 0.0,
    lo: Any = None,
    hi: Any = None,
    region: Region = "box",
    functions: Functions | None = None,
    **sight: Any,
) -> Instance:
    """A problem with given costs.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.recorded(smoothed.Quadratic(1.0, jnp.array([1.0, 0.0, 4.0])), weight=0.5)
    >>> algorithm, params = jaxsoco.learner("smoothed/lcp")
    >>> run = jaxsoco.play(problem, algorithm, params, key, trace=True)
    >>> run.trace[0][:, 0].tolist()
    [0.0, 0.0, 3.0]

    Args:
      theta: data of the hitting costs, ``[T, ...]``: :class:`Quadratic`, :class:`Absolute`,
        :class:`Norm`, :class:`Table`, :class:`RightSizing`, :class:`Power`, :class:`Exponential`
        or :class:`Barrier`; with ``functions`` any pytree.
      movement: ``l1``, ``up``, ``l2``, ``squared``, ``mahalanobis`` or ``entropy``.
      weight: price of moving: a number, ``[d]``, a pair ``(up, down)`` of such, or a matrix.
      start: the first position, ``[d]`` or a number.
      lo, hi: the box, ``[d]`` or numbers; None where there is none. A table has its own. Of a ball
        ``hi`` is the radius.
      region: ``box``, ``simplex`` or ``ball``.
      functions: of a hitting cost of one's own.
      **sight: ``information``, ``window``, ``forecast_noise``, ``forecast_errors``,
        ``forecast_decay``, ``forecast_present``, as ``jaxsoco list smoothed/walk`` has them.

    Raises:
      TypeError: data of no known kind. ValueError: arrays that do not fit together.
    """
    data = understood(theta, functions)
    dimension = dimension_of(data, start)
    if isinstance(data.theta, Table):
        _check_table(start, lo, hi)
        lo, hi = 0.0, float(data.theta.values.shape[1] - 1)
    frame = {"start": start, "lo": lo, "hi": hi, "region": region}
    game, window = make_game(data.hitting, dimension, data.rounds, movement, weight, frame, sight)
    spec = Spec(game, Recorded(data.theta), make_forecast(game, sight))
    return Instance(world(window), same_for_all, spec, data.rounds, "smoothed/recorded")


def _check_table(start: Any, lo: Any, hi: Any) -> None:
    if lo is not None or hi is not None:
        raise ValueError("lo, hi: expected None, a table has the positions of its costs")
    if not is_traced(start) and np.any(np.asarray(start) % 1 != 0):
        raise ValueError(
            f"start: expected a whole number, as the positions of a table, got {start}"
        )


def walk(
    horizon: int,
    dimension: int = 1,
    *,
    cost: str = "quadratic",
    curvature: Any = 1.0,
    condition: Any = 10.0,
    step: Any = 1.0,
    persistence: Any = 1.0,
    movement: Kind = "l1",
    weight: Any = 1.0,
    **sight: Any,
) -> Instance:
    """Costs around a target that walks at random; arguments as ``jaxsoco list smoothed/walk``.

    >>> from jaxsoco import smoothed
    >>> smoothed.walk(100, dimension=3, movement="squared").spec(key).game.dimension
    3
    """
    if cost == "quadratic":
        # From m to condition m, geometrically.
        share = jnp.linspace(0.0, 1.0, dimension) if dimension > 1 else jnp.zeros(1)
        curvatures = jnp.asarray(curvature, float) * jnp.asarray(condition, float) ** share
        hitting = DIAGONAL
    else:
        curvatures = jnp.asarray(curvature, float).reshape(1)
        cost = "absolute" if dimension == 1 else cost
        hitting = ABSOLUTE if cost == "absolute" else NORM
    frame = {"start": 0.0, "lo": None, "hi": None, "region": "box"}
    game, window = make_game(hitting, dimension, horizon, movement, weight, frame, sight)
    step, persistence = (jnp.asarray(x, float) for x in (step, persistence))
    forecast = make_forecast(game, sight)
    settings = WalkSettings(game, step, persistence, curvatures, forecast, cost)
    return Instance(world(window), draw_walk, settings, horizon, "smoothed/walk")


def jumps(
    horizon: int,
    dimension: int = 2,
    *,
    exponent: Any = 0.5,
    slope: Any = 1.0,
    weight: Any = 1.0,
    information: str = "after",
) -> Instance:
    """``slope |x - v_t|_2`` in the unit ball, with ``T^exponent`` targets; movement ``l2``.

    >>> problem = jaxsoco.smoothed.jumps(100, exponent=0.0, information="before")
    >>> algorithm, params = jaxsoco.learner("smoothed/follow_minimizer")
    >>> float(jaxsoco.play(problem, algorithm, params, key).costs.hit.max())
    0.0
    """
    rest = ({"start": 0.0, "lo": None, "hi": 1.0, "region": "ball"}, {"information": information})
    game, window = make_game(NORM, dimension, horizon, "l2", weight, *rest)
    spec = Spec(game, Jumps(*(jnp.asarray(x, float) for x in (slope, exponent))))
    return Instance(world(window), same_for_all, spec, horizon, "smoothed/jumps")


def zigzag(
    eps: float = 0.1, length: int = 1000, *, block: int | None = None, **sight: Any
) -> Instance:
    """``eps |x - 1|``, then ``eps |x|``, in blocks of ``1 / eps + 1`` rounds on ``[0, 1]``.

    >>> from jaxsoco import smoothed
    >>> smoothed.zigzag(0.5, 12).settings.source.theta.target[:, 0].tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]

    Args:
      eps: slope.
      length: rounds.
      block: rounds of a block, if others.
      **sight: as of :func:`recorded`.
    """
    block = math.ceil(1 / eps - 1e-9) + 1 if block is None else block
    targets = 1.0 - (np.arange(length) // block % 2)
    theta = Absolute(jnp.asarray([eps * SHORT_OF_TIES], float), jnp.asarray(targets))
    problem = recorded(theta, "up", lo=0.0, hi=1.0, **sight)
    return problem._replace(name="smoothed/zigzag")


def strong_lower_bound(
    m: float = 0.1, rounds: int | None = None, *, steep: Any = 1e9, **sight: Any
) -> Instance:
    """``m/2 x^2``, then once ``steep/2 (x - 1)^2``, with movement ``1/2 (x - y)^2``.

    >>> from jaxsoco import smoothed
    >>> smoothed.strong_lower_bound(0.25, 4).settings.source.theta.target[:, 0].tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0]
    """
    rounds = math.ceil(20 / math.sqrt(m)) if rounds is None else rounds
    last = jnp.arange(rounds + 1) == rounds
    theta = Quadratic(jnp.where(last, steep, m), jnp.where(last, 1.0, 0.0))
    return recorded(theta, "squared", **sight)._replace(name="smoothed/strong_lower_bound")


def rightsizing(
    load: Any,
    servers: int = 60,
    e0: Any = 1.0,
    e1: Any = 0.0,
    d0: Any = 1.5,
    d1: Any = 1.0,
    mu: Any = 1.0,
    switching: Any = 6.0,
    *,
    between: str = "exact",
    rounds: int = 336,
    peak: Any = 0.7,
    **sight: Any,
) -> Instance:
    """How many servers to keep on; arguments as ``jaxsoco list smoothed/rightsizing``.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.rightsizing(np.array([3.0, 1.0, 2.0]), servers=10, switching=2.0)
    >>> best = jaxsoco.comparator("smoothed/integral_optimum")(problem, key, at=[3])
    >>> round(float(best["hit"][0] + best["move"][0]), 3)
    27.0

    Args:
      load: ``[T]``, below ``servers mu``; or ``low`` or ``high``, drawn for every run.
      servers: how many there are.
      e0, e1: energy of a server that is on, and of a unit of load.
      d0, d1: delay that costs nothing, and the price of more.
      mu: service rate.
      switching: cost of turning a server on.
      between: ``exact``, or ``linear`` between whole numbers of servers.
      rounds: of loads that are drawn.
      peak: of loads that are drawn, as a share of ``servers mu``.
      **sight: as of :func:`recorded`.
    """
    hitting = TABLE if between == "linear" else RIGHTSIZING
    drawn = isinstance(load, str)
    theta = RightSizing(jnp.zeros(1) if drawn else load, e0, e1, d0, d1, mu)
    data = understood(theta)
    horizon = rounds if drawn else data.rounds
    frame = {"start": 0.0, "lo": 0.0, "hi": float(servers), "region": "box"}
    game, window = make_game(hitting, 1, horizon, "up", switching, frame, sight)
    if not drawn:
        theta = linear(data.theta, servers, ()) if hitting is TABLE else data.theta
        spec = Spec(game, Recorded(theta), make_forecast(game, sight))
        return Instance(world(window), same_for_all, spec, horizon, "smoothed/rightsizing")
    spec = Spec(game, Recorded(data.theta), make_forecast(game, sight))
    most = jnp.asarray(peak, float) * servers * jnp.asarray(mu, float)
    settings = DrawnLoads(spec, most, load, hitting is TABLE)
    return Instance(world(window), draw_servers, settings, horizon, "smoothed/rightsizing")


def custom(
    f: Callable[[jax.Array, Any], jax.Array],
    draw: Any,
    *,
    horizon: int | None = None,
    slope: Callable[..., jax.Array] | None = None,
    minimizer: Callable[..., jax.Array] | None = None,
    prox: Callable[..., jax.Array] | None = None,
    separable: bool = False,
    **rest: Any,
) -> Instance:
    """A problem with hitting costs of one's own, ``f(x, theta)``, written in JAX.

    >>> from jaxsoco import smoothed
    >>> def f(x, goal):
    ...     return jnp.cosh(x[0] - goal) - 1
    >>> problem = smoothed.custom(f, jnp.array([1.0, 0.0, 4.0]), lo=0.0, hi=5.0)
    >>> algorithm, params = jaxsoco.learner("smoothed/lcp")
    >>> bool(jaxsoco.play(problem, algorithm, params, key).finite)
    True

    Args:
      f: ``(x [d, ...], theta) -> [...]``, convex in ``x``, elementwise in the lanes.
      draw: the data of all rounds, a pytree of ``[T, ...]``; or ``(key, t) -> theta``, which draws
        those of round ``t`` from a key ``[2, ...]`` with its lanes last (``jaxsoco.extend``
        has ``normal``, ``uniform`` and ``fold``).
      horizon: rounds, where the data are drawn.
      slope: ``(x, theta) -> [d, ...]``, by automatic differentiation if None.
      minimizer: ``(theta, lo, hi) -> [d, ...]``.
      prox: ``(theta, y, eta, lo, hi) -> [d, ...]``, ``argmin eta f(x) + |x - y|^2 / 2``.
      separable: whether ``f`` is a sum of functions of the coordinates, so that learners for one
        dimension treat each of them alone.
      **rest: ``movement`` and the keywords of :func:`recorded`.

    Raises:
      ValueError: no horizon for data that are drawn, or one for those that are not.
    """
    functions = Functions(f, slope, minimizer, prox, separable)
    if not callable(draw):
        if horizon is not None:
            raise ValueError("horizon: expected None, the data have their own number of rounds")
        return recorded(draw, functions=functions, **rest)._replace(name="")
    if horizon is None:
        raise ValueError("horizon: expected a number of rounds, the data are drawn")
    shape = jax.eval_shape(draw, jax.ShapeDtypeStruct((2,), jnp.uint32), jnp.int32(1))
    axes = tuple(len(x.shape) for x in jax.tree.leaves(shape))
    hitting = hitting_of(functions, axes)
    frame = {name: rest.pop(name, None) for name in ("lo", "hi")}
    frame |= {"start": rest.pop("start", 0.0), "region": rest.pop("region", "box")}
    start = frame["start"]
    dimension = jnp.shape(start)[0] if jnp.ndim(start) else 1
    kind, weight = rest.pop("movement", "l1"), rest.pop("weight", 1.0)
    game, window = make_game(hitting, dimension, horizon, kind, weight, frame, rest)
    spec = Spec(game, Drawn(draw), make_forecast(game, rest))
    return Instance(world(window), same_for_all, spec, horizon)


def recorded_rows(rows: np.ndarray, cost: str, curvature: Any, **rest: Any) -> Instance:
    """:func:`recorded` from the numbers of a file, one row a round."""
    if cost == "table":
        return recorded(Table(rows), **rest)
    return recorded(NAMES[cost](jnp.asarray(curvature, float).reshape(1), rows), **rest)
