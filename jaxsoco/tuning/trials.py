"""Runs of a learner as a function of free coordinates: one value for every key.

The problem of a search is one instance, several, of which each gets an equal part of the runs, or a
function from a key to an instance: a distribution, of which every step draws instances anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Algorithm, Instance, PyTree
from jaxsoco.front.playing import play
from jaxsoco.tuning.objective import Criterion
from jaxsoco.tuning.parameters import place
from jaxsoco.tuning.scoring import RUNS, scored, with_scores
from jaxsoco.tuning.space import Space

_DRAW = 0x80000001
"""Place of an instance's key in the stream of its first run: no seed or round reaches it."""


@dataclass(frozen=True, eq=False)
class Worlds:
    """The problem of a search.

    Attributes:
      instances: one or several; of a distribution, an example.
      draw: ``key -> Instance`` of a distribution, else None.
      draws: how many instances of a distribution share the runs of a step.
    """

    instances: tuple[Instance, ...]
    draw: Callable[[jax.Array], Instance] | None = None
    draws: int = 1

    @property
    def groups(self) -> int:
        """Into how many equal parts the runs are divided."""
        return self.draws if self.draw else len(self.instances)

    @property
    def first(self) -> Instance:
        """An instance."""
        return self.instances[0]

    def spread(self, function: Callable[..., jax.Array], keys: jax.Array, *rest: Any) -> jax.Array:
        """``function(instance, keys, *rest)`` of every part of the runs, one after the other.

        Args:
          function: to an array ``[n / groups]``, or a number for a part as a whole.
          keys: JAX keys ``[n]``.
          rest: arrays ``[..., n]``.
        """
        if self.draw is None and len(self.instances) == 1:
            return function(self.first, keys, *rest)
        count = self.groups
        parts = [jnp.stack(jnp.split(x, count, axis=-1)) for x in (keys, *rest)]
        if self.draw is not None:
            draw = self.draw

            def drawn(keys: jax.Array, *rest: Any) -> jax.Array:
                return function(draw(jax.random.fold_in(keys[0], _DRAW)), keys, *rest)

            return jnp.ravel(jax.vmap(drawn)(*parts))
        if _alike(self.instances):
            stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *self.instances)
            return jnp.ravel(jax.vmap(function)(stacked, *parts))
        each = zip(self.instances, *parts, strict=True)
        return jnp.concatenate([jnp.ravel(function(*one)) for one in each])


def worlds_of(problem: Any, draws: int = 16) -> Worlds:
    """The problem of a search, as a user gives it.

    Raises:
      TypeError: it is no instance, sequence of instances or function from a key to one.
      InputError: the sequence is empty, or its problems belong to several families.
    """
    if isinstance(problem, Instance):
        return Worlds((problem,))
    if callable(problem):
        draw: Any = problem
        example = problem(jax.random.key(0, impl="threefry2x32"))
        if not isinstance(example, Instance):
            kind = type(example).__name__
            raise TypeError(f"problem: expected a function from a key to an Instance, to {kind}")
        return Worlds((example,), draw, draws)
    if not isinstance(problem, Sequence) or not all(isinstance(x, Instance) for x in problem):
        kinds = "an Instance, several of them, or a function from a key to one"
        raise TypeError(f"problem: expected {kinds}, got {type(problem).__name__}")
    families = sorted({one.name.partition("/")[0] for one in problem})
    if len(families) != 1:
        message = f"problems of one family, got {', '.join(families) or 'none'}"
        raise InputError(Issue("problem", f"expected {message}"))
    return Worlds(tuple(problem))


def _alike(instances: Sequence[Instance]) -> bool:
    """Whether one program serves all: equal static fields, shapes and dtypes."""
    kinds = {
        (jax.tree.structure(one), tuple((jnp.shape(x), jnp.result_type(x)) for x in leaves))
        for one in instances
        for leaves in [jax.tree.leaves(one)]
    }
    return len(kinds) == 1


@dataclass(frozen=True, eq=False)
class Trials:
    """What a search evaluates: the objective's value of every run, by parameters and keys.

    Attributes:
      worlds: the problem.
      algorithm: the learner.
      params: its parameters, of which those of the space are replaced.
      space: the parameters that move.
      criterion: the objective.
      differentiable: of :func:`jaxsoco.play`.
      remat: of :func:`jaxsoco.play`.
      scores: whether values have the score terms, which add 0, as part of their derivative.
    """

    worlds: Worlds
    algorithm: Algorithm
    params: PyTree
    space: Space
    criterion: Criterion
    differentiable: bool | None = None
    remat: int | bool | None = None
    scores: bool = False

    def shared(self, free: jax.Array, keys: jax.Array) -> jax.Array:
        """Values ``[n]`` of runs at one point.

        Args:
          free: coordinates ``[P]``.
          keys: JAX keys ``[n]``.

        Returns:
          One value for every run, or for every part of them if the objective is a function of
          all runs at once.
        """

        def part(instance: Instance, keys: jax.Array) -> jax.Array:
            params = place(self.params, self.space, free)
            if self.scores and self.algorithm.lanes == "vmap":
                return self._singly(instance, keys, params, None)
            return self._values(instance, params, keys, single=False)

        return self.worlds.spread(part, keys)

    def objective(self, free: jax.Array, keys: jax.Array) -> jax.Array:
        """The objective ``[]`` of runs at one point; of a function of all at once, the mean."""
        values = self.shared(free, keys)
        return self.criterion.reduction.reduce(values) if self.by_run else jnp.mean(values)

    def each(self, free: jax.Array, keys: jax.Array) -> jax.Array:
        """Values ``[n]`` of runs, each at its own point.

        Args:
          free: coordinates ``[P, n]``.
          keys: JAX keys ``[n]``.
        """

        def part(instance: Instance, keys: jax.Array, free: jax.Array) -> jax.Array:
            if self.lane_by_lane:
                params = place(self.params, self.space, free)
                return self._values(instance, params, keys, single=False)
            return self._singly(instance, keys, free, -1)

        return self.worlds.spread(part, keys, free)

    @property
    def lane_by_lane(self) -> bool:
        """Whether parameters may have the lanes of the keys: declared numbers, native lanes."""
        scalars = all(one.size == 1 for one in self.space.dimensions)
        return scalars and self.algorithm.lanes == "native" and hasattr(self.params, "FIELDS")

    @cached_property
    def by_run(self) -> bool:
        """Whether the objective has a value for every run."""
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2 * self.worlds.groups))
        free = jax.ShapeDtypeStruct((self.space.size,), jnp.result_type(float))
        return jax.eval_shape(self.shared, free, keys).shape == keys.shape

    def _singly(self, instance: Instance, keys: jax.Array, point: Any, axis: int | None):
        """Every run by itself; ``point`` is parameters for all, or coordinates along an axis."""

        def one(key: jax.Array, point: Any) -> jax.Array:
            params = point if axis is None else place(self.params, self.space, point)
            return self._values(instance, params, key, single=True)

        return jax.vmap(one, in_axes=(0, axis), axis_name=RUNS)(keys, point)

    def _values(self, instance: Instance, params: PyTree, keys: jax.Array, *, single: bool):
        """The objective's values of runs; ``single``: of one, among others along the axis RUNS."""
        criterion, algorithm, played = self.criterion, self.algorithm, instance
        if self.scores:
            world, algorithm = scored(instance.problem, algorithm, single)
            played = replace(instance, problem=world)
        run = play(
            played,
            algorithm,
            params,
            keys,
            at=criterion.at,
            differentiable=self.differentiable,
            remat=self.remat,
            allow_biased=self.scores,
        )
        best = None
        if criterion.best is not None:
            # Offline optima do not depend on the learner.
            costs = criterion.best.outcome(instance, keys, run.at)[0]
            best = jax.lax.stop_gradient(costs)
        if self.scores:
            return with_scores(criterion, run, best, single)
        return criterion.value(run, best)
