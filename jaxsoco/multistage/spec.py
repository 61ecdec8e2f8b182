"""What the world, the learner and the ledger of a tree of agents are made of.

Tables of decision nodes are kept by level: a tuple with one array ``[n, K, ...]`` for every depth
(``n`` nodes there, ``K`` the tree's width), written ``[n, K, ...] by level`` below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.multistage.theory.tree import Tree

Levels = tuple[jax.Array, ...]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """A tree and the costs of its leaves. Leaves of the pytree may carry lanes, or be shared.

    In segment ``s`` the cost of leaf ``j`` is 1 with probability ``chance[s, j]``, else
    ``base[s, j]``. A learner may read the tree, the horizon and the seed alone; the costs are
    nature's (``oracle_policy`` reads them: that is what makes it an oracle).

    Attributes:
      chance: in [0, 1], ``[segments, leaves, ...]``.
      base: in [0, 1], ``[segments, leaves, ...]``, or ``[1, leaves, ...]`` if it is the same in
        all segments, or None for 0.
      segment_end: last round of each segment, increasing, int32 ``[segments]``; the last segment
        goes on for ever.
      horizon: rounds that learners tune themselves to, ``[...]``.
      tree: the tree (static).
      track: ids of up to two nodes (0: none); the ledger adds up the play probabilities of the
        edges that lead to them (static).
      answer: by how much the chance of a leaf moves if all jobs go there, ``[1, leaves, ...]``;
        None: not at all.
      memory: rounds over which a leaf's share of the jobs is averaged, ``[...]``, with ``answer``.
      tail: index of a Pareto law with the leaf's mean, from which its cost is drawn, ``[...]``;
        None: costs are 1 or ``base``.
      lost: probability that a cost does not arrive, ``[...]``; None: costs arrive at once.
      delay: rounds by which costs are late, with ``lost`` (static).
    """

    chance: jax.Array
    base: jax.Array | None
    segment_end: jax.Array
    horizon: jax.Array
    tree: Tree = field(metadata={"static": True})
    track: tuple[int, int] = field(default=(0, 0), metadata={"static": True})
    answer: jax.Array | None = None
    memory: jax.Array | None = None
    tail: jax.Array | None = None
    lost: jax.Array | None = None
    delay: int = field(default=0, metadata={"static": True})

    def lanes(self, key: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the lanes of a run whose key has the lanes ``key``."""
        return jnp.broadcast_shapes(key, self.chance.shape[2:], jnp.shape(self.horizon))

    def means(self, lanes: int) -> jax.Array:
        """Expected costs of the leaves in every segment, ``[segments, leaves, ...]``."""
        chance = align(self.chance, 2, lanes)
        if self.base is None:
            return chance
        base = align(self.base, 2, lanes)
        return base + (1 - base) * chance

    def segment_bounds(self) -> tuple[jax.Array, jax.Array]:
        """Rounds that are over before each segment and at its end, int32 ``[segments]`` each."""
        end = self.segment_end
        start = jnp.concatenate([jnp.zeros_like(end[:1]), end[:-1]])
        forever = jnp.full((1,), jnp.iinfo(jnp.int32).max, end.dtype)
        return start, jnp.concatenate([end[:-1], forever])


class Observation(NamedTuple):
    """What the agents see before they act: nothing."""


class Policy(NamedTuple):
    """How every node plays: ``epsilon / K_i + (1 - epsilon) learned``.

    Attributes:
      learned: probabilities, 0 for absent children, ``[n, K, ...] by level``.
      epsilon: exploration, ``[...]`` for each level, None where no node explores.
    """

    learned: Levels
    epsilon: tuple[jax.Array | None, ...]


class Change(NamedTuple):
    """The nodes whose policy is not what it was in the round before.

    Attributes:
      place: place within each level, -1 for none, int32 ``[...]`` by level.
      rows: play probabilities there, ``[K, ...]`` by level.
      everywhere: all nodes may have changed (the same for all lanes), bool ``[...]``; None: never.
    """

    place: tuple[jax.Array, ...]
    rows: Levels
    everywhere: jax.Array | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Action:
    """What the agents do in a round, and how they came to it.

    Attributes:
      leaf: number of the leaf that the job reaches, int32 ``[...]``.
      policy: how every node plays in this round.
      change: where that differs from the round before; None: anywhere.
      choices: the child that every node chose, job or not, int32 ``[n, ...] by level``; asked for
        by learners with complete feedback, else None.
      feedback: ``"bandit"``: the cost at the leaf; ``"realised"``: also the cost of every child,
        by its own choices; ``"expected"``: also the expected cost of every child (static).
      explored: whether the node of each level on the way of the job took any child, bool ``[...]``
        by level; None where no node explores.
      visits: the way of the job by level (:class:`~jaxsoco.multistage.theory.descent.Visit`), which
        worlds keep whose costs arrive later; None: the learner takes no such feedback.
    """

    leaf: jax.Array
    policy: Policy
    change: Change | None = None
    choices: Levels | None = None
    feedback: str = field(default="bandit", metadata={"static": True})
    explored: Levels | None = None
    visits: Any = None


class Feedback(NamedTuple):
    """What the agents observe after a round.

    Attributes:
      cost: of the leaf that was reached, to every node on the path, ``[...]``.
      children: cost of every child of every node if asked for, else None, ``[n, K, ...] by level``.
      visits: the way of the job whose cost this is, with the place -1 at all levels if no cost has
        arrived; None: it is that of the round's job.
    """

    cost: jax.Array
    children: Levels | None
    visits: Any = None


class Costs(NamedTuple):
    """One round's ledger, ``[...]`` each.

    Attributes:
      expected: conditional expected cost of the job, exactly, from all play probabilities.
      realised: cost at the leaf that was reached.
      first_edge: play probability of the edge to the first tracked node, 0 if there is none.
      second_edge: the same for the second one.
    """

    expected: jax.Array
    realised: jax.Array
    first_edge: jax.Array
    second_edge: jax.Array
