"""The core protocol: a world, a learner, a comparator, each a tuple of pure functions.

**Lanes last.** Arrays carry their structural axes first and any number of trailing *lane* axes:
costs ``[n, ...]``, a scalar ``[...]``. Without a lane axis the functions act on one run; with one,
on a block of runs at once, in the layout that is fastest on CPU and GPU. ``vmap`` works as well.

**Keys** inside a rollout are the two uint32 words of a JAX key, ``[2, ...]`` (see
:mod:`jaxsoco.core.random`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol

import jax

from jaxsoco.core import random, settings

settings.register()  # classes of settings that were declared before JAX was there

Array = jax.Array
Key = Any  # words `[2, ...]`; a `random.Stream` for those who ask for one
PyTree = Any


class ProblemInit(Protocol):
    def __call__(self, key: Key, spec: PyTree) -> PyTree:
        """Draws a world; the key is consumed."""
        ...


class ProblemAdvance(Protocol):
    def __call__(self, key: Key, spec: PyTree, world: PyTree) -> tuple[PyTree, PyTree]:
        """Nature's move ``(world, round)``; never depends on actions. The key is consumed."""
        ...


class ProblemObserve(Protocol):
    def __call__(self, spec: PyTree, world: PyTree, round: PyTree) -> PyTree:
        """What the learner sees before it acts."""
        ...


class ProblemPlay(Protocol):
    def __call__(
        self, key: Key, spec: PyTree, world: PyTree, round: PyTree, action: PyTree
    ) -> tuple[PyTree, PyTree, PyTree]:
        """``(world, feedback, costs)`` of an action; costs are kept apart, ``[...]`` each."""
        ...


class Problem(NamedTuple):
    """The world: a static, hashable tuple of pure functions.

    >>> from collections import namedtuple
    >>> Costs = namedtuple("Costs", "miss")
    >>> coin = jaxsoco.Problem(
    ...     init=lambda key, spec: (),
    ...     advance=lambda key, spec, world: (world, jaxsoco.extend.uniform(key)),
    ...     observe=lambda spec, world, round: (),
    ...     play=lambda key, spec, world, round, guess: (world, round, Costs(abs(guess - round))),
    ... )
    >>> jaxsoco.extend.rounds(coin, (), key, horizon=100).shape
    (100,)

    Attributes:
      init: ``(key, spec) -> world``, before the first round.
      advance: ``(key, spec, world) -> (world, round)``, nature's move, which never sees an action.
      observe: ``(spec, world, round) -> obs``, what the learner sees.
      play: ``(key, spec, world, round, action) -> (world, feedback, costs)``, with ``costs`` a
        NamedTuple of scalars ``[...]``.
      counter: ``advance`` and ``play`` draw through ``random.draws`` and ``random.draw_at``, so
        they are given a ``random.Stream`` instead of a key derived for every round. For worlds
        whose rounds are cheaper than the derivation.
      window: how many upcoming rounds the learner may see: ``observe`` is given a
        :class:`~jaxsoco.core.nature.Window` ``(now, coming)`` in place of the round. The loop keeps
        the rounds; nature's moves must not depend on what ``play`` changes.
      show: ``(key, spec, actions) -> dict``: what a single run that is kept at every round shows
        beside its costs, by the names of ``Prepared.shown``, ``[T, ...]`` each. The key is the
        run's, ``actions`` are of all rounds, ``[T, ...]`` leaves.
    """

    init: ProblemInit
    advance: ProblemAdvance
    observe: ProblemObserve
    play: ProblemPlay
    counter: bool = False
    window: int = 0
    show: Any = None


class AlgorithmInit(Protocol):
    def __call__(self, key: Key, params: PyTree, spec: PyTree) -> PyTree:
        """First state; of ``spec`` it may read only what the paper lets the learner know."""
        ...


class AlgorithmAct(Protocol):
    def __call__(
        self, key: Key, params: PyTree, state: PyTree, obs: PyTree
    ) -> tuple[PyTree, PyTree]:
        """``(action, state)``; the key is consumed."""
        ...


class AlgorithmUpdate(Protocol):
    def __call__(self, params: PyTree, state: PyTree, action: PyTree, feedback: PyTree) -> PyTree:
        """State after the round's feedback."""
        ...


class Algorithm(NamedTuple):
    """The learner: static, hashable, pure functions.

    >>> def act(key, params, state, obs):
    ...     return jnp.zeros_like(obs.increment), state  # no deviation from the minimiser
    >>> def update(params, state, action, feedback):
    ...     return state
    >>> jump = jaxsoco.Algorithm(lambda key, params, spec: (), act, update)
    >>> float(jaxsoco.play(problem, jump, (), keys).costs.hit.max())
    0.0

    Attributes:
      init: ``(key, params, spec) -> state``, before the first round.
      act: ``(key, params, state, obs) -> (action, state)``.
      update: ``(params, state, action, feedback) -> state``, after a round.
      counter: ``act`` is given a ``random.Stream``, as with :class:`Problem`.
      lanes: ``"vmap"`` if the functions are written for one run only, without lane axes.
      faults: ``state -> int32 [...]``, how many kernel calls did not converge. Without it, the
        state's attribute ``faults`` counts, where there is one.
      resolve: ``(params, spec) -> params`` with the theory's numbers in place of None.
      slopes: ``"float64"`` if derivatives of a float32 run would be wrong: they are then those of
        the run in float64, at its cost. The run itself stays as it is.
      gradients: ``(name, Gradient)`` of parameters whose class does not say whether costs have a
        gradient in them; what the entry says of them, for ``jaxsoco.learner`` to fill in.
      log_probability: ``(params, state, obs, action) -> [...]``, the logarithm of the chance with
        which ``act``, given the state before it, draws the action; all that the costs and the
        learner's memory depend on counts as drawn. For gradients of expected costs in parameters
        that move the draws (``jaxsoco.tune``).
    """

    init: AlgorithmInit
    act: AlgorithmAct
    update: AlgorithmUpdate
    counter: bool = False
    lanes: Literal["native", "vmap"] = "native"
    faults: Any = None
    resolve: Any = None
    slopes: Literal["own", "float64"] = "own"
    gradients: tuple[tuple[str, Any], ...] = ()
    log_probability: Any = None

    def fault_count(self, state: PyTree) -> Any:
        """How many kernel calls did not converge, int32 ``[...]`` (0 if nothing counts them)."""
        count = getattr(state, "faults", 0) if self.faults is None else self.faults(state)
        return jax.numpy.asarray(count, jax.numpy.int32)


def counted_faults(state: PyTree) -> Array:
    """The ``faults`` of an algorithm whose state has a field ``faults``, int32 ``[...]``."""
    return state.faults


def same_for_all(key: Key, settings: PyTree) -> PyTree:
    """The ``draw`` of an instance whose runs all have one spec: its settings, nothing is drawn."""
    del key
    return settings


class Comparator(Protocol):
    """An offline optimum that regenerates its instance from the run's key.

    >>> from jaxsoco.tracking import online_optimum
    >>> costs, faults = online_optimum(key, problem.spec(key), at=(10, problem.horizon))
    >>> costs["hit"].shape, int(faults)
    ((2,), 0)
    """

    def __call__(
        self, key: Key, spec: PyTree, at: tuple[int, ...]
    ) -> tuple[dict[str, Array], Array]:
        """Optimal costs by name, ``[len(at), ...]`` each, and faults, int32 ``[...]``.

        Components that are no part of the objective may be left out: they count as 0.
        """
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)  # arrays have no truth value: equal is the same
class Instance:
    """A problem with its settings, ready to be played: a pytree whose leaves are the settings.

    >>> problem = jaxsoco.make("tracking/quadratic_tracking", dimension=5, horizon=2000)
    >>> louder = jax.tree.map(lambda leaf: 2 * leaf, problem)

    Attributes:
      problem: the world (static).
      draw: ``(key, settings) -> spec``: one run's spec (which job arrives, say). The key is
        consumed (static).
      settings: pytree of arrays and static fields; what a sweep varies are its leaves.
      horizon: rounds of a run (static).
      name: ``"family/problem"``, where it has one (static).
    """

    problem: Problem = field(metadata={"static": True})
    draw: Any = field(metadata={"static": True})
    settings: PyTree
    horizon: int = field(metadata={"static": True})
    name: str = field(default="", metadata={"static": True})

    def spec(self, key: Array) -> PyTree:
        """The spec that the run of this key meets.

        Args:
          key: a JAX key ``[...]``; the run may use it, too.

        Raises:
          TypeError: ``key`` is no key.
        """
        return spec_of(self, random.key_words(key))

    def _replace(self, **changes: Any) -> Instance:
        """As of a named tuple, which an instance was before it became a pytree."""
        return replace(self, **changes)


def spec_of(problem: Instance, words: Array) -> PyTree:
    """The spec that the run of a key meets, as :meth:`Instance.spec`, of its words ``[2, ...]``."""
    return problem.draw(random.draw_key(words), problem.settings)
