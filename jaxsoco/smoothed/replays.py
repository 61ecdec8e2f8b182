"""A learner or an optimum on given data, for tests and for looking closely."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, Instance, PyTree
from jaxsoco.core.rollout import rollout
from jaxsoco.core.schema import load
from jaxsoco.smoothed.comparators import rounds_of, whole
from jaxsoco.smoothed.instances import recorded
from jaxsoco.smoothed.learners._bases import entries
from jaxsoco.smoothed.problem import settled
from jaxsoco.smoothed.spec import Spec
from jaxsoco.smoothed.theory import offline
from jaxsoco_kernels.info import Info

Array = jax.Array
Name = Literal[
    "offline_optimum", "integral_optimum", "static_optimum", "prefix_optimum", "minimizers"
]
_FRAME = ("movement", "weight", "lo", "hi", "region", "functions")


class Replay(NamedTuple):
    """What happened.

    Attributes:
      path: ``x_1 .. x_T``, ``[T, d]``; ``[T]`` where data and start have no axis of dimensions.
      hit: hitting cost of each round ``[T]``.
      move: movement cost of each round ``[T]``.
    """

    path: Array
    hit: Array
    move: Array


class Solution(NamedTuple):
    """An optimum in hindsight.

    Attributes:
      path: ``x_1 .. x_T``, ``[T, d]`` or ``[T]``; of ``prefix_optimum``, where the optimum of each
        prefix ends.
      value: its total cost ``[]``; of ``prefix_optimum`` of each prefix, ``[T]``. Its derivative is
        that of the envelope theorem, with the path held fixed.
      lower: a lower bound on the cost of every path, like ``value``: the value itself where the
        method is exact.
      info: how it was found.
    """

    path: Array
    value: Array
    lower: Array
    info: Info


def replay(
    name: str, theta: Any, start: Any = 0.0, /, *, seed: Array | int = 0, **params: Any
) -> Replay:
    """Runs a learner once on given costs.

    >>> from jaxsoco import smoothed
    >>> costs = smoothed.Quadratic(2.0, jnp.array([1.0, 2.0, 3.0]))  # (x - v)^2
    >>> run = smoothed.replay("lcp", costs, 0.0, movement="up")
    >>> run.path.tolist()
    [0.5, 1.5, 2.5]

    Args:
      name: of the learner, ``lcp``.
      theta: data of the hitting costs, as :func:`~jaxsoco.smoothed.recorded` takes them.
      start: the first position, ``[d]`` or a number.
      seed: for learners that draw.
      **params: the learner's parameters by the names of its settings (``jaxsoco list
        smoothed/lcp``); and ``movement``, ``weight``, ``lo``, ``hi``, ``region``, ``functions``, as
        of :func:`~jaxsoco.smoothed.recorded`. The learner sees as many rounds ahead as its
        parameter ``window`` says.

    Returns:
      The run.

    Raises:
      KeyError: no such learner. TypeError: it has no such parameter.
    """
    learners = entries()
    if name not in learners:
        raise KeyError(f"no learner is called {name!r}; known: {sorted(learners)}")
    frame = {one: params.pop(one) for one in _FRAME if one in params}
    entry = learners[name]
    fields = {one.name: one.default for one in entry.fields}
    if unknown := set(params) - set(fields):
        raise TypeError(
            f"{name} takes {sorted(fields)} and {sorted(_FRAME)}, got {sorted(unknown)}"
        )
    values = fields | {one: x for one, x in params.items() if x is not None}
    problem = recorded(theta, start=start, window=values.get("window", 0), **frame)
    words = random.words(jax.random.key(seed, impl="threefry2x32"))
    algorithm, settings = load(entry.load), entry.parameters(values)
    run, _ = play_alone(algorithm, settings, problem, problem.settings, words)
    return run._replace(path=_narrow(run.path, theta, start))


@partial(jit, static_argnums=0)
def play_alone(
    algorithm: Algorithm, params: PyTree, problem: Instance, spec: Spec, key: Array
) -> tuple[Replay, Array]:
    """One run with the positions that it was charged for, and how many faults it had, int32."""
    rounds = problem.horizon
    state, _, (actions, costs) = rollout(
        algorithm, params, problem.problem, spec, key, (rounds,), rounds, trace=True
    )
    game, theta, _ = whole(key, spec)
    path = jax.vmap(lambda now, x: settled(game, now, x)[0])(theta, actions)
    return Replay(path, costs.hit, costs.move), jnp.sum(algorithm.fault_count(state))


def solve_offline(name: Name, theta: Any, start: Any = 0.0, **frame: Any) -> Solution:
    """The optimum of given costs in hindsight.

    >>> from jaxsoco import smoothed
    >>> costs = smoothed.Quadratic(1.0, jnp.array([1.0, 0.0, 4.0]))
    >>> best = smoothed.solve_offline("offline_optimum", costs, 0.0, weight=0.5)
    >>> best.path.round(4).tolist(), round(float(best.value), 4)
    ([0.5, 0.5, 3.5], 2.125)

    Args:
      name: ``offline_optimum``, ``integral_optimum``, ``static_optimum``, ``prefix_optimum`` or
        ``minimizers``.
      theta: data of the hitting costs, as :func:`~jaxsoco.smoothed.recorded` takes them.
      start: the first position, ``[d]`` or a number.
      **frame: ``movement``, ``weight``, ``lo``, ``hi``, ``region``, ``functions``, as there.

    Returns:
      The optimum.

    Raises:
      KeyError: no such optimum. TypeError: no such argument. ValueError: there is no method for
        these costs.
    """
    if name not in get_args(Name):
        raise KeyError(f"no optimum is called {name!r}; known: {', '.join(get_args(Name))}")
    if unknown := set(frame) - set(_FRAME):
        raise TypeError(f"expected {sorted(_FRAME)}, got {sorted(unknown)}")
    problem = recorded(theta, start=start, **frame)
    best = _solve(name, problem.settings)
    return best._replace(path=_narrow(best.path, theta, start))


@partial(jit, static_argnums=0)
def _solve(name: str, spec: Spec) -> Solution:
    game, theta, live = whole(random.words(jax.random.key(0, impl="threefry2x32")), spec)
    if name == "prefix_optimum":
        ends = jnp.arange(1, game.horizon + 1)
        return jax.lax.map(lambda end: _prefix(game, theta, (ends <= end) * live), ends)
    if name == "minimizers":
        path = jax.vmap(lambda one: game.hitting.minimizer(one, game.lo, game.hi))(theta)
        best = offline.Optimum(path, None, offline.exact(path[0, 0]))
    elif name == "static_optimum":
        best = offline.static(game, theta)
    else:
        solver = offline.integral if name == "integral_optimum" else offline.optimum
        best = solver(game, theta, live)
    costs = rounds_of(game, theta, best.path)
    value = jnp.sum(costs["hit"] + costs["move"], axis=0)
    return Solution(best.path, value, value if best.lower is None else best.lower, best.info)


def _prefix(game: Any, theta: Any, live: Array) -> Solution:
    best = offline.optimum(game, theta, live)
    costs = rounds_of(game, theta, best.path)
    value = jnp.sum((costs["hit"] + costs["move"]) * live, axis=0)
    # Behind the prefix nothing costs but moving, so that the path stays where it ends.
    return Solution(best.path[-1], value, value, best.info)


def _narrow(path: Array, theta: Any, start: Any) -> Array:
    """``[T, d]`` as ``[T]`` where neither the data nor the start have an axis of dimensions."""
    target = getattr(theta, "target", getattr(theta, "cost", None))
    flat = jnp.ndim(start) == 0 and (target is None or jnp.ndim(target) < 2)
    return path[..., 0] if flat and path.shape[-1] == 1 else path
