"""One rollout, or a block of them: any algorithm on any problem, one loop over rounds."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import look_once
from jaxsoco.core.gradients import guarded
from jaxsoco.core.plan import checkpoints
from jaxsoco.core.precision import slopes_in_float64
from jaxsoco.core.protocol import Algorithm, Problem, PyTree
from jaxsoco.core.rollout import rollout
from jaxsoco.core.shapes import expect, expect_floating


class Run(NamedTuple):
    """What a rollout recorded; ``...`` are the lanes of the key.

    >>> run = jaxsoco.play(problem, algorithm, params, keys)
    >>> run.costs.hit.shape  # checkpoints, runs
    (14, 4)
    >>> round(float(run.costs.hit[-1].mean()), 1)  # at the last checkpoint, over the runs
    16.6

    Attributes:
      at: rounds of the checkpoints, int ``[C]``.
      costs: the problem's cost tuple, each cumulative at the checkpoints, ``[C, ...]``.
      faults: kernel calls that did not converge, int32 ``[...]``.
      finite: whether every recorded cost is finite, bool ``[...]``.
      state: the learner's last state.
      trace: ``(actions, costs)`` of every round, ``[T, ...]`` leaves, if asked for.
    """

    at: Any
    costs: PyTree
    faults: jax.Array
    finite: jax.Array
    state: PyTree
    trace: PyTree = None


@own_rules
def simulate(
    algorithm: Algorithm,
    params: PyTree,
    problem: Problem,
    spec: PyTree,
    key: jax.Array,
    horizon: int,
    *,
    at: Sequence[int] | None = None,
    trace: bool = False,
    differentiable: bool | None = None,
    remat: int | bool | None = None,
    allow_biased: bool = False,
) -> Run:
    """As :func:`jaxsoco.simulate`, for those who have words of keys ``[2, ...]``, or keys."""
    look_once()
    horizon, at = read_rounds(horizon, at)
    _check_segments(differentiable, remat)
    key = random.words(key)

    def run(params: PyTree, spec: PyTree, key: jax.Array) -> tuple[PyTree, PyTree, PyTree]:
        return rollout(
            algorithm,
            params,
            problem,
            spec,
            key,
            at,
            horizon,
            trace=trace,
            differentiable=differentiable,
            remat=remat,
        )

    run = slopes_in_float64(run) if algorithm.slopes == "float64" else run
    params = params if allow_biased else guarded(algorithm, params)
    state, record, traced = run(params, spec, key)
    lanes = key.shape[1:]
    _check_costs(record, (len(at), *lanes))
    faults = jnp.broadcast_to(algorithm.fault_count(state), lanes)
    return Run(np.asarray(at), record, faults, all_finite(record, len(lanes)), state, traced)


def read_rounds(horizon: int, at: Sequence[int] | None) -> tuple[int, tuple[int, ...]]:
    """The horizon and the checkpoints as Python's integers, if they are such.

    Raises:
      TypeError: ``horizon`` is traced or no integer.
      ValueError: it is below 1, or ``at`` is not increasing within ``1 .. horizon``.
    """
    try:
        rounds = operator.index(horizon)
    except TypeError:
        raise TypeError(f"horizon: expected a static integer, got {horizon!r}") from None
    if rounds < 1:
        raise ValueError(f"horizon: expected an integer >= 1, got {rounds}")
    if at is None:
        return rounds, checkpoints(rounds)
    try:
        stops = tuple(operator.index(t) for t in at)
    except TypeError:
        stops = ()
    if not stops or list(stops) != sorted(set(stops)) or stops[0] < 1 or stops[-1] > rounds:
        raise ValueError(f"at: want increasing rounds within 1..{rounds}, got {at}")
    return rounds, stops


def _check_segments(differentiable: bool | None, remat: int | bool | None) -> None:
    """Raises unless ``remat`` is a number of rounds and goes with the scan."""
    if remat is None or remat is False:
        return
    try:
        rounds = operator.index(remat)
    except TypeError:
        rounds = -1
    if rounds < 0:
        raise ValueError(f"remat: expected True or a number of rounds, got {remat!r}")
    if rounds and differentiable is False:
        raise ValueError("remat: expected differentiable=True, the loop has no segments")


def _check_costs(record: PyTree, shape: tuple[int, ...]) -> None:
    """Checks that every cost is one floating-point number a lane."""
    axes = " ".join(map(str, shape[1:]))
    for path, cost in jax.tree_util.tree_leaves_with_path(record):
        name = f"costs{jax.tree_util.keystr(path)}, one number a lane"
        expect(**{name: (jax.ShapeDtypeStruct(cost.shape[1:], cost.dtype), axes)})
        expect_floating(**{name: cost})


def all_finite(tree: PyTree, lanes: int) -> jax.Array:
    """Whether all entries of every leaf ``[..., lanes]`` are finite, per lane."""
    flags = [
        jnp.all(jnp.isfinite(x), axis=tuple(range(x.ndim - lanes))) for x in jax.tree.leaves(tree)
    ]
    return jnp.all(jnp.stack(flags), axis=0)
