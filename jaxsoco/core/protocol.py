"""The core protocol: a world, a learner, a comparator, each a tuple of pure functions.

**Lanes last.** Arrays carry their structural axes first and any number of trailing *lane* axes:
costs ``[n, ...]``, a scalar ``[...]``. Without a lane axis the functions act on one run; with one,
on a block of runs at once, in the layout that is fastest on CPU and GPU. ``vmap`` works as well.

**Keys** inside a rollout are the two uint32 words of a JAX key, ``[2, ...]`` (see
:mod:`jaxsoco.core.random`).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax

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
    """The world: static, hashable, pure functions.

    ``counter``: ``advance`` and ``play`` draw through ``random.draws`` and ``random.draw_at``, so
    they are given a ``random.Stream`` instead of a key derived for every round. For worlds whose
    rounds are cheaper than the derivation.
    """

    init: ProblemInit
    advance: ProblemAdvance
    observe: ProblemObserve
    play: ProblemPlay
    counter: bool = False


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
    """The learner.

    A state may have a field ``faults`` (int32 ``[...]``): how many kernel calls did not converge.
    The engine counts them into every report. ``counter``: ``act`` is given a ``random.Stream``,
    as with :class:`Problem`.
    """

    init: AlgorithmInit
    act: AlgorithmAct
    update: AlgorithmUpdate
    counter: bool = False


class Comparator(Protocol):
    """An offline optimum that regenerates its instance from the run's key."""

    def __call__(
        self, key: Key, spec: PyTree, at: tuple[int, ...]
    ) -> tuple[dict[str, Array], Array]:
        """Optimal costs by name, ``[len(at), ...]`` each, and faults, int32 ``[...]``."""
        ...


class Instance(NamedTuple):
    """A problem made ready for a sweep.

    Attributes:
      problem: the world.
      draw: ``(key, settings) -> spec``: one run's spec (which job arrives, say). The key is
        consumed.
      settings: pytree of arrays and static fields; what the sweep varies are its leaves.
      horizon: rounds of a run.
    """

    problem: Problem
    draw: Any
    settings: PyTree
    horizon: int
