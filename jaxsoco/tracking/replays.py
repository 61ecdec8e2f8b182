"""One run of a learner on given increments and noise, for tests and for looking closely."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import lanes, random
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.core.schema import AlgorithmEntry, load
from jaxsoco.tracking.prepare import make_spec
from jaxsoco.tracking.problem import recorded_increments
from jaxsoco.tracking.settings import FAMILY
from jaxsoco.tracking.spec import Spec
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


class _Recording(NamedTuple):
    """What a replay does not draw, or None where the learner does.

    Attributes:
      increments: of the minimiser ``[T, d]``.
      noise: of the feedback ``[T]``.
      vectors: the ``z`` of the exploration ``[T0, d]``.
      start: the estimate before round 1.
      recovered: the estimate after the exploration, in place of a recovery.
    """

    increments: jax.Array
    noise: jax.Array
    vectors: jax.Array | None = None
    start: Spectrum | None = None
    recovered: Spectrum | None = None


def replay(
    name: str,
    matrix: jax.Array | np.ndarray,
    increments: jax.Array | np.ndarray,
    noise: jax.Array | np.ndarray,
    *,
    exploration: jax.Array | np.ndarray | float | None = None,
    estimate: jax.Array | np.ndarray | None = None,
    **params: Any,
) -> Replay:
    """Runs a learner once.

    >>> from jaxsoco.tracking import replay
    >>> run = replay("follow_minimizer", np.eye(1), increments=[[1.0], [2.0]], noise=[0.0, 0.0])
    >>> run.cost.tolist()
    [0.5, 2.0]

    Args:
      name: a learner of ``quadratic_tracking``, such as ``scale`` or ``follow_minimizer``; one that
        draws its actions draws the same in every round.
      matrix: the true ``A [d, d]``, concrete.
      increments: of the minimiser, ``[T, d]``; the run begins at the minimiser.
      noise: added to each round's feedback, ``[T]``, in units of cost.
      exploration: of learners that explore, such as ``scale``: the ``z`` to play, ``[T0, d]``
        (their number is then ``T0``); or a number, the constant in ``T0 = ceil(c r d)``, for a
        fixed draw.
      estimate: of learners that explore: the matrix to begin with after the exploration
        ``[d, d]``, instead of a recovery; without ``exploration`` nothing is explored.
      **params: the learner's parameters by the names of its settings (``jaxsoco list
        tracking/scale``), differentiable where they are numbers; for ``passive_learner`` and
        ``oracle_learner``, ``initial`` may be a number or a matrix ``[d, d]``.

    Returns:
      The run.

    Raises:
      KeyError: no such learner. TypeError: it has no such parameter. ValueError: wrong shapes.
      InputError: the matrix is not positive semidefinite.
    """
    entry = _learner(name)
    names = {field.name for field in entry.fields}
    explores = "exploration" in names
    unknown = set(params) - names
    if unknown or (not explores and (exploration is not None or estimate is not None)):
        raise TypeError(f"{name} takes {sorted(names)}, got {sorted(unknown) or 'an exploration'}")
    recording = _recorded(increments, noise, np.shape(matrix)[0])
    if np.ndim(params.get("initial", 0)):
        recording = recording._replace(start=_spectrum(params.pop("initial"), recording))
    if estimate is not None:
        recording = recording._replace(recovered=_spectrum(estimate, recording))
    if exploration is not None and np.ndim(exploration):
        recording = recording._replace(vectors=_vectors(exploration, recording))
        params["rounds"] = np.shape(exploration)[0]
    elif exploration is not None:
        params["exploration"] = exploration
    elif estimate is not None:
        params["rounds"] = 0
    learner, tuned = load(entry.load), entry.parameters(params)
    spec = make_spec(matrix, len(recording.increments))
    explored = learner.resolve(tuned, spec).rounds if explores else 0
    return _play(learner, explored, tuned, spec, recording)


def _learner(name: str) -> AlgorithmEntry:
    entries = {e.name: e for e in FAMILY.algorithms if "quadratic_tracking" in e.problems}
    if name not in entries:
        raise KeyError(f"no learner is called {name!r}; known: {sorted(entries)}")
    return entries[name]


def _recorded(increments: Any, noise: Any, dimension: int) -> _Recording:
    increments, noise = jnp.asarray(increments, float), jnp.asarray(noise, float)
    if increments.shape[1:] != (dimension,) or noise.shape != increments.shape[:1]:
        shapes = f"{increments.shape} and {noise.shape}"
        raise ValueError(f"want increments [T, {dimension}] and noise [T], got {shapes}")
    return _Recording(increments, noise)


def _spectrum(matrix: Any, recording: _Recording) -> Spectrum:
    matrix, d = jnp.asarray(matrix, float), recording.increments.shape[1]
    if matrix.shape != (d, d):
        raise ValueError(f"estimate: want {(d, d)}, got {matrix.shape}")
    return jacobi.start(matrix)


def _vectors(exploration: Any, recording: _Recording) -> jax.Array:
    vectors, d = jnp.asarray(exploration, float), recording.increments.shape[1]
    if vectors.shape[1:] != (d,):
        raise ValueError(f"exploration: want [T0, {d}], got {vectors.shape}")
    return vectors


@partial(jit, static_argnames=("learner", "explored"))
def _play(
    learner: Algorithm, explored: int, params: PyTree, spec: Spec, recording: _Recording
) -> Replay:
    problem = recorded_increments(recording.increments, recording.noise)
    key = random.words(jax.random.key(0, impl="threefry2x32"))
    world, state = problem.init(key, spec), learner.init(random.fold(key, 0), params, spec)
    if recording.vectors is not None:
        state = state._replace(sensing=state.sensing._replace(vectors=recording.vectors))
    if recording.start is not None:
        state = state._replace(estimate=recording.start)

    def step(carry, t):
        world, state, _ = carry
        if recording.recovered is not None:
            state = state._replace(
                estimate=lanes.where(t == explored + 1, recording.recovered, state.estimate),
                faults=jnp.zeros_like(state.faults),
            )
        used = _estimate(state)
        world, now = problem.advance(key, spec, world)
        action, acted = learner.act(key, params, state, problem.observe(spec, world, now))
        world, feedback, costs = problem.play(key, spec, world, now, action)
        state = learner.update(params, acted, action, feedback)
        return (world, state, used), (action, costs)

    rounds = jnp.arange(1, recording.increments.shape[0] + 1)
    carry = (world, state, _estimate(state))
    (_, state, used), (actions, costs) = jax.lax.scan(step, carry, rounds)
    return Replay(
        deviations=actions,
        cost=costs.hit + costs.move,
        estimate=None if used is None else jacobi.assemble(used),
        regret=costs.regret,
        faults=learner.fault_count(state),
    )


def _estimate(state: PyTree) -> Spectrum | None:
    """The estimate in a learner's state; some take none."""
    return state.estimate if hasattr(state, "estimate") else None
