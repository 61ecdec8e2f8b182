"""One run of a learner on given increments and noise, for tests and for looking closely."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import lanes, random
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.core.schema import AlgorithmEntry, load
from jaxsoco.tracking.problem import recorded_increments
from jaxsoco.tracking.spec import Spec, make_spec
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum


class Replay(NamedTuple):
    """What happened.

    Attributes:
      deviations: ``y_1 .. y_T``, ``[T, d]``.
      cost: hitting and moving cost of each round ``[T]``.
      estimate: the matrix that was used in round ``T``, ``[d, d]``; None for a learner without.
      regret: each round's term of the expected regret against LAI ``[T]``.
      faults: recoveries that did not converge.
    """

    deviations: jax.Array
    cost: jax.Array
    estimate: jax.Array | None
    regret: jax.Array
    faults: jax.Array


def replay(
    name: str,
    matrix: jax.Array | np.ndarray,
    increments: jax.Array,
    noise: jax.Array,
    *,
    exploration: jax.Array | float | None = None,
    estimate: jax.Array | None = None,
    **params: Any,
) -> Replay:
    """Runs a learner once.

    Args:
      name: ``scale``, ``hyscale``, ``lai``, ``follow_minimizer``, ``passive_learner`` or
        ``oracle_learner``.
      matrix: the true ``A [d, d]``, concrete.
      increments: of the minimiser, ``[T, d]``; the run begins at the minimiser.
      noise: added to each round's feedback, ``[T]``, in units of cost.
      exploration: of ``scale`` and ``hyscale``: the ``z`` to play, ``[T0, d]`` (their number is
        then ``T0``); or a number, the constant in ``T0 = ceil(c r d)``, for a fixed draw.
      estimate: of ``scale`` and ``hyscale``: the matrix to begin with after the exploration
        ``[d, d]``, instead of a recovery; without ``exploration`` nothing is explored.
      **params: the learner's parameters by the names of its fields (``jaxsoco list
        tracking/scale``), differentiable where they are numbers; for ``passive_learner`` and
        ``oracle_learner``, ``initial`` may be a number or a matrix ``[d, d]``.

    Returns:
      The run.

    Raises:
      KeyError: no such learner. TypeError: it has no such parameter. ValueError: wrong shapes.
      InputError: the matrix is not positive semidefinite.
    """
    entry, fields = _learner(name)
    increments = jnp.asarray(increments, float)
    noise = jnp.asarray(noise, float)
    d = np.shape(matrix)[0]
    if increments.ndim != 2 or increments.shape[1] != d or noise.shape != increments.shape[:1]:
        shapes = f"{increments.shape} and {noise.shape}"
        raise ValueError(f"want increments [T, {d}] and noise [T], got {shapes}")
    explores = "exploration" in fields
    unknown = set(params) - set(fields)
    if unknown or (not explores and (exploration is not None or estimate is not None)):
        raise TypeError(f"{name} takes {sorted(fields)}, got {sorted(unknown) or 'an exploration'}")
    spec = make_spec(matrix, increments.shape[0])
    start = params.pop("initial") if np.ndim(params.get("initial", 0)) else None
    vectors = None
    if explores:
        if exploration is not None and np.ndim(exploration):
            vectors = jnp.asarray(exploration, float)
            if vectors.ndim != 2 or vectors.shape[1] != d:
                raise ValueError(f"exploration: want [T0, {d}], got {vectors.shape}")
            params["rounds"] = vectors.shape[0]
        elif exploration is not None:
            params["exploration"] = exploration
        elif estimate is not None:
            params["rounds"] = 0
    tuned = load(entry.params)(fields | params)
    first = None if start is None else _given(start, d)
    given = None if estimate is None else _given(estimate, d)
    explored = tuned.rounds_for(spec) if explores else 0
    learner = load(entry.load)
    return _play(learner, explored, tuned, spec, first, vectors, given, increments, noise)


def _learner(name: str) -> tuple[AlgorithmEntry, dict[str, Any]]:
    from jaxsoco.tracking import FAMILY

    entries = {entry.name: entry for entry in FAMILY.algorithms}
    if name not in entries:
        raise KeyError(f"no learner is called {name!r}; known: {sorted(entries)}")
    entry = entries[name]
    return entry, {field.name: field.default for field in entry.fields}


def _given(matrix: Any, dimension: int) -> Spectrum:
    matrix = jnp.asarray(matrix, float)
    if matrix.shape != (dimension, dimension):
        raise ValueError(f"estimate: want {(dimension, dimension)}, got {matrix.shape}")
    return jacobi.start(matrix)


@partial(jax.jit, static_argnames=("learner", "explored"))
def _play(
    learner: Algorithm,
    explored: int,
    params: PyTree,
    spec: Spec,
    start: Spectrum | None,
    vectors: jax.Array | None,
    given: Spectrum | None,
    increments: jax.Array,
    noise: jax.Array,
) -> Replay:
    problem = recorded_increments(increments, noise)
    key = random.words(jax.random.key(0, impl="threefry2x32"))
    world, state = problem.init(key, spec), learner.init(random.fold(key, 0), params, spec)
    if vectors is not None:
        state = state._replace(sensing=state.sensing._replace(vectors=vectors))
    if start is not None:
        state = state._replace(estimate=start)

    def step(carry, t):
        world, state, _ = carry
        if given is not None:  # in place of what was recovered
            state = state._replace(
                estimate=lanes.where(t == explored + 1, given, state.estimate),
                faults=jnp.zeros_like(state.faults),
            )
        used = getattr(state, "estimate", None)
        world, now = problem.advance(key, spec, world)
        action, acted = learner.act(key, params, state, problem.observe(spec, world, now))
        world, feedback, costs = problem.play(key, spec, world, now, action)
        state = learner.update(params, acted, action, feedback)
        return (world, state, used), (action, costs)

    rounds = jnp.arange(1, increments.shape[0] + 1)
    carry = (world, state, getattr(state, "estimate", None))
    (_, state, used), (actions, costs) = jax.lax.scan(step, carry, rounds)
    return Replay(
        deviations=actions,
        cost=costs.hit + costs.move,
        estimate=None if used is None else jacobi.assemble(used),
        regret=costs.regret,
        faults=getattr(state, "faults", jnp.zeros((), jnp.int32)),
    )
