"""What the world, the learner and the ledger of a smoothed problem are made of.

A decision ``x`` is ``[d, ...]``, also for ``d = 1``. What a round's hitting cost is made of is its
data, ``theta``: a tuple whose class says which kind of cost it is
(:mod:`jaxsoco.smoothed.theory.hitting`), structure first and lanes last; of several rounds,
``[T, ...]`` leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.smoothed.theory.hitting import Hitting
from jaxsoco.smoothed.theory.movements import Movement

Information = Literal["before", "after", "window", "noisy"]
Region = Literal["box", "simplex", "ball"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Game:
    """What everybody knows before the first round. Arrays may carry lanes, or be shared by all.

    Attributes:
      movement: what moving costs.
      start: ``x_0 [d, ...]``.
      lo, hi: ends of the box, ``[d, ...]`` each, or None where there is none. Of a ball, ``hi`` is
        its radius, ``[1, ...]``.
      hitting: the functions of the hitting costs (static).
      region: the set of decisions, ``box``, ``simplex`` or ``ball`` (static).
      horizon: rounds ``T`` (static).
      window: rounds ahead that learners see, beside the present one (static).
      information: ``before``: the cost, then the decision; ``after``: the decision, then the cost;
        ``window``: further costs, too; ``noisy``: forecasts of them (static).
      levels: the largest integer ``m`` of ``0..m``, 0 where integers play no part (static).
      servers: how many there are of each type, where decisions are numbers of servers (static).
    """

    movement: Movement
    start: jax.Array
    lo: jax.Array | None
    hi: jax.Array | None
    hitting: Hitting = field(metadata={"static": True})
    region: str = field(default="box", metadata={"static": True})
    horizon: int = field(default=1, metadata={"static": True})
    window: int = field(default=0, metadata={"static": True})
    information: str = field(default="before", metadata={"static": True})
    levels: int = field(default=0, metadata={"static": True})
    servers: tuple[int, ...] = field(default=(), metadata={"static": True})

    @property
    def dimension(self) -> int:
        """``d``."""
        return self.start.shape[0]

    def prices(self) -> tuple[jax.Array, jax.Array]:
        """What moving up and down by 1 costs, ``[d or 1, ...]`` each."""
        return self.movement.up, self.movement.down

    def aligned(self, lanes: tuple[int, ...]) -> Game:
        """With these lanes on every array."""

        def wide(x, structure):
            x = align(x, structure, len(lanes))
            return jnp.broadcast_to(x, (*x.shape[:structure], *lanes))

        ends = {n: None if x is None else wide(x, 1) for n, x in (("lo", self.lo), ("hi", self.hi))}
        matrix = self.movement.matrix
        movement = replace(
            self.movement,
            up=wide(self.movement.up, 1),
            down=wide(self.movement.down, 1),
            matrix=None if matrix is None else wide(matrix, 2),
        )
        return replace(self, movement=movement, start=wide(self.start, 1), **ends)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forecast:
    """How predictions err: ``y_(s|t) = y_s - sum_(u=t..s) g(s - u) e_u`` (Chen et al. 2016).

    Attributes:
      scale: standard deviation of ``e`` ``[...]``.
      decay: ``eta`` in ``g(k) = eta^k`` ``[...]``.
      correlation: ``iid`` for ``g(k) = 1{k = 0}``, ``decaying``, ``walk`` for ``g = 1`` (static).
      present: whether the present cost is ``exact`` (the sum begins at ``t + 1``) or ``noisy``
        (static).
    """

    scale: jax.Array
    decay: jax.Array
    correlation: str = field(default="iid", metadata={"static": True})
    present: str = field(default="exact", metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """One problem. A learner may read the game; the source is nature's.

    Attributes:
      game: what everybody knows.
      source: where the rounds' data come from (:mod:`jaxsoco.smoothed.theory.sources`).
      forecast: how predictions err, where information is ``noisy``.
      advice: decisions that somebody recommends, for learners with advice, ``[T, d]``, or None.
    """

    game: Game
    source: Any
    forecast: Forecast | None = None
    advice: jax.Array | None = None


class Observation(NamedTuple):
    """What the learner sees before it acts.

    Attributes:
      game: the rules, with lanes on every array.
      position: where it is, ``x_(t-1) [d, ...]``.
      theta: data of the rounds in sight, the present one first, leaves ``[w + 1, ...]``; forecasts,
        where information is ``noisy``; None where costs are seen ``after`` the decision.
      live: 1 for rounds up to the horizon, 0 beyond, where nothing costs, ``[w + 1, ...]``.
    """

    game: Game
    position: jax.Array
    theta: Any
    live: jax.Array


class Feedback(NamedTuple):
    """What the learner observes after it acted.

    Attributes:
      theta: data of the round.
      position: where it is, ``x_t [d, ...]``: its action, made feasible.
    """

    theta: Any
    position: jax.Array


class Costs(NamedTuple):
    """One round's ledger, ``[...]`` each.

    Attributes:
      hit: ``f_t(x_t)``.
      move: the movement cost of ``x_(t-1) -> x_t``.
      path: ``|x_t - x_(t-1)|_2``; not part of the objective.
      infeasible: 1 where the action had to be made feasible; not part of the objective.
    """

    hit: jax.Array
    move: jax.Array
    path: jax.Array
    infeasible: jax.Array
