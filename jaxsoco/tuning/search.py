"""A search: a state, and a pure step from one to the next.

::

    search = searcher(problem, algorithm, params, ["learning_rate"])
    state = search.init(key)
    for _ in range(search.steps):
        state, record = search.step(state)
    values = search.space.values(search.answer(state))

States and records are pytrees of arrays; a step is compiled once, and may be mapped over many
states: 64 starts side by side. The keys of the runs of a step depend on the search's key and the
number of the step alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxsoco.core.compiler import jit
from jaxsoco.tuning.defaults import RATE
from jaxsoco.tuning.estimators.estimate import Estimate
from jaxsoco.tuning.space import Space

TAIL = 4
"""The answer is the mean over this part of the steps, the last ones: a quarter."""

_PERTURB = 0x80000002
"""Place of the key of a step's perturbations in the step's stream: no run's number reaches it."""


class State(NamedTuple):
    """The state of a search.

    Attributes:
      step: steps that are over, int32 ``[]``.
      free: where the next step is, ``[P]``.
      accepted: last place with a finite objective, ``[P]``.
      optimizer: state of the optimiser, or of the design.
      best: place of the smallest objective so far, ``[P]``.
      objective: the objective there, ``[]``.
      mean: mean of the places of the last quarter of the steps, ``[P]``.
      count: how many there are, int32 ``[]``.
      rejected: steps without a finite objective, int32 ``[]``.
      key: words of the search's key, uint32 ``[2]``.
    """

    step: Any
    free: Any
    accepted: Any
    optimizer: Any
    best: Any
    objective: Any
    mean: Any
    count: Any
    rejected: Any
    key: Any


class Record(NamedTuple):
    """What a step tells.

    Attributes:
      step: its number, from 1, int32 ``[]``.
      objective: its estimate at the step's place, ``[]``; NaN where it was rejected.
      low: lower end of its 95 % interval, ``[]``.
      high: upper end.
      values: of the parameters, ``[P]``; of choices, their numbers.
      gradient: in free coordinates, ``[P]``; NaN of designs.
      error: its standard error, ``[P]``.
      clipped: share of runs whose gradient was shortened.
      nonfinite: share of runs without a finite gradient (of designs: without a finite value).
    """

    step: Any
    objective: Any
    low: Any
    high: Any
    values: Any
    gradient: Any
    error: Any
    clipped: Any
    nonfinite: Any


@dataclass(frozen=True, eq=False)
class Search:
    """A search for parameters; of :func:`jaxsoco.tuning.searcher`.

    Attributes:
      init: ``(key, start=None) -> State``; ``start`` are free coordinates ``[P]``, by default those
        of the parameters.
      step: ``state -> (state, record)``.
      answer: ``state -> free coordinates [P]``: what the search has found so far.
      method: its name.
      reason: why it was chosen.
      space: the parameters.
      steps: how many there are.
      runs_per_step: runs of the learner in a step.
      start: values that it starts from, by name.
      trials: the runs as a function of free coordinates.
      pure: whether a step is a pure function of arrays, for ``jit`` and ``vmap``; not so where
        another value of a parameter needs another program.
    """

    init: Callable[..., State]
    step: Callable[[State], tuple[State, Record]]
    answer: Callable[[State], jax.Array]
    method: str
    reason: str
    space: Space
    steps: int
    runs_per_step: int
    start: dict[str, Any]
    trials: Any
    pure: bool = True

    @property
    def objective(self) -> str:
        """What is made small, in words."""
        return self.trials.criterion.text


def step_key(state: State) -> jax.Array:
    """The key of a state's next step."""
    key = jax.random.wrap_key_data(state.key, impl="threefry2x32")
    return jax.random.fold_in(key, state.step)


def run_keys(key: jax.Array, count: int) -> jax.Array:
    """Keys ``[count]`` of the runs of a step."""
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count, dtype=jnp.uint32))


def perturbation_key(key: jax.Array) -> jax.Array:
    """The key of the perturbations of a step."""
    return jax.random.fold_in(key, _PERTURB)


def first_state(space: Space, key: jax.Array, free: Any, optimizer: Any) -> State:
    """The state before the first step."""
    free = space.project(jnp.asarray(free, float))
    count = jnp.int32(0)
    none = jnp.asarray(jnp.inf, free.dtype)
    words = jax.random.key_data(key)
    zero = jnp.zeros_like(free)
    return State(count, free, free, optimizer, free, none, zero, count, count, words)


def record_of(space: Space, state: State, estimate: Estimate) -> Record:
    """The record of a step at a state's place."""
    values = [jnp.ravel(v) for v in space.values(state.free).values()]
    return Record(state.step + 1, *estimate[:3], jnp.concatenate(values), *estimate[3:])


def adam(steps: int) -> optax.GradientTransformation:
    """The default optimiser: Adam, whose steps shrink to 0 along a cosine."""
    return optax.adam(optax.cosine_decay_schedule(RATE, steps))


def descent(
    space: Space,
    estimate: Callable[[jax.Array, jax.Array], Estimate],
    optimizer: optax.GradientTransformation,
    steps: int,
    start: Any,
) -> tuple[Callable[..., State], Callable[[State], tuple[State, Record]], Callable]:
    """``init``, ``step`` and ``answer`` of a search along estimated gradients.

    A step whose objective or gradient is not finite is rejected: the search goes half of the way
    back to the last place that was fine, and the optimiser does not hear of it.

    Args:
      space: the parameters.
      estimate: ``(free [P], key) -> Estimate``.
      optimizer: of optax, any.
      steps: how many.
      start: free coordinates ``[P]``.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def init(key: jax.Array, start: Any = start) -> State:
        return first_state(space, key, start, optimizer.init(jnp.asarray(start, float)))

    def step(state: State) -> tuple[State, Record]:
        one = estimate(state.free, step_key(state))
        fine = jnp.isfinite(one.value) & jnp.all(jnp.isfinite(one.gradient))
        gradient = jnp.where(fine, one.gradient, 0)
        value = jnp.where(fine, one.value, 0)
        extra = {"value": value, "grad": gradient}
        updates, memory = optimizer.update(gradient, state.optimizer, state.free, **extra)
        ahead = space.project(optax.apply_updates(state.free, updates))
        back = (state.free + state.accepted) / 2
        better = fine & (one.value < state.objective)
        late = fine & (TAIL * state.step >= (TAIL - 1) * steps)
        count = state.count + late
        share = late / jnp.maximum(count, 1).astype(state.free.dtype)
        after = State(
            step=state.step + 1,
            free=jnp.where(fine, ahead, back),
            accepted=jnp.where(fine, state.free, state.accepted),
            optimizer=_where(fine, memory, state.optimizer),
            best=jnp.where(better, state.free, state.best),
            objective=jnp.where(better, one.value, state.objective),
            mean=state.mean + share * (state.free - state.mean),
            count=count,
            rejected=state.rejected + ~fine,
            key=state.key,
        )
        return after, record_of(space, state, one)

    def answer(state: State) -> jax.Array:
        # Before the last quarter, where it stands; the smallest objective is a lucky one.
        return jnp.where(state.count > 0, state.mean, state.accepted)

    return init, jit(step), answer


def _where(condition: jax.Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
