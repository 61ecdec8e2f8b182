"""What the learners share: the way of a round's job, and the state of EXP3 in three versions.

In all of them a table is ``[n, K, ...] by level`` and the lanes are the trailing ``[...]``. What
several steps use goes through :func:`jaxsoco.core.lanes.hold`, so that it is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import hold, runtime_ones
from jaxsoco.multistage.learners._rows import chosen_loss, lower_logits, mix_row, softmax
from jaxsoco.multistage.spec import Action, Change, Feedback, Levels, Spec
from jaxsoco.multistage.theory.descent import Visit, draw_way, first_visits
from jaxsoco.multistage.theory.levels import look_up, pick, put, tables
from jaxsoco.multistage.theory.policy import policies, uniform_probabilities
from jaxsoco.multistage.theory.tree import Level, Tree

_Params = TypeVar("_Params")

# --- all learners ---------------------------------------------------------------------------------


def in_place_of_none(params: _Params, **theory: Any) -> _Params:
    """Parameters with the theory's number for each one that is None."""
    missing = {name: value for name, value in theory.items() if getattr(params, name) is None}
    return replace(params, **missing)  # type: ignore[type-var]


def ones_of(key: jax.Array, spec: Spec) -> jax.Array:
    """What :func:`jaxsoco.core.lanes.hold` divides by: ones ``[K, ...]`` with the run's lanes."""
    ones = runtime_ones(key, spec.tree.width, spec.chance.dtype)
    return jnp.broadcast_to(ones, (ones.shape[0], *spec.lanes(key.shape[1:])))


def first_change(tree: Tree, like: jax.Array) -> Change:
    """Nothing has changed yet; ``like [...]`` has lanes and dtype."""
    place = tuple(jnp.full(like.shape, -1, jnp.int32) for _ in tree.levels)
    rows = tuple(jnp.zeros((tree.width, *like.shape), like.dtype) for _ in tree.levels)
    return Change(place, rows, None)


def path_change(visits: Sequence[Visit], rows: Levels, everywhere: jax.Array | None) -> Change:
    """Only the visited nodes play otherwise than before: with probabilities ``rows``."""
    return Change(tuple(visit.place for visit in visits), tuple(rows), everywhere)


def way_of(visits: tuple[Visit, ...], feedback: Feedback) -> tuple[Visit, ...]:
    """The way of the job whose cost arrives: this round's, ``visits``, unless the world says so."""
    return visits if feedback.visits is None else feedback.visits


# --- EXP3, with and without exploration -----------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EXP3State:
    """State of eps-EXP3, its anytime version and EXP3; ``[n, K, ...] by level`` and ``[...]``.

    Attributes:
      high: logits ``eta theta``, shifted so that the largest of a node is 0.
      low: what rounding took from them.
      learned: their softmax.
      change: the path of the round before, and the new play probabilities there.
      visits: the way of this round's job.
      eta: learning rate.
      epsilon: exploration.
      rounds: rounds that are over, int32.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    high: Levels
    low: Levels
    learned: Levels
    change: Change
    visits: tuple[Visit, ...]
    eta: jax.Array
    epsilon: jax.Array
    rounds: jax.Array
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def start(key: jax.Array, spec: Spec, eta: Any, epsilon: Any) -> EXP3State:
    """The state before the first round: ``theta = 0``, every child as likely."""
    tree, ones = spec.tree, ones_of(key, spec)
    one = ones[0]
    eta, epsilon = (jnp.broadcast_to(x, one.shape).astype(one.dtype) for x in (eta, epsilon))
    return EXP3State(
        high=tables(tree, one, 0.0, -jnp.inf),
        low=tables(tree, one, 0.0),
        learned=uniform_probabilities(tree, one),
        change=first_change(tree, one),
        visits=first_visits(tree, one),
        eta=eta,
        epsilon=epsilon,
        rounds=jnp.zeros(one.shape, jnp.int32),
        ones=ones,
        tree=tree,
    )


def forward(key: random.AnyKey, state: EXP3State, *, explores: bool) -> tuple[Action, EXP3State]:
    """Sends the round's job down the tree; with ``explores`` also at random."""
    policy = policies(state.tree, state.learned, state.epsilon if explores else None)
    way = draw_way(state.tree, policy, key, state.ones, path_weight=explores)
    leaf, visits, explored = way
    action = Action(
        leaf, policy, state.change, explored=explored if explores else None, visits=visits
    )
    return action, replace(state, visits=visits)


def learn(state: EXP3State, feedback: Feedback, *, explores: bool) -> EXP3State:
    """The visited nodes lower the logit of the child that they chose by ``eta cost weight``."""
    tree, ones, high, low, learned, rows = state.tree, state.ones, [], [], [], []
    visits, step = way_of(state.visits, feedback), state.eta * feedback.cost
    for d, (level, visit) in enumerate(zip(tree.levels, visits, strict=True)):
        place = visit.place
        row, rest = (hold(pick(table[d], place), ones) for table in (state.high, state.low))
        # eta theta_m -= eta c / p, with the inverse probability that the visit has kept.
        loss = chosen_loss(visit, hold(step * visit.weight, ones), tree.width)
        row, rest = lower_logits(row, rest, loss, ones)
        # p_i = softmax(eta theta_i)
        play = softmax(row, rest)
        high.append(put(state.high[d], place, row))
        low.append(put(state.low[d], place, rest))
        learned.append(put(state.learned[d], place, play))
        rows.append(_play_row(level, place, play, state.epsilon) if explores else play)
    change = path_change(visits, tuple(rows), state.change.everywhere)
    logits = {"high": tuple(high), "low": tuple(low), "learned": tuple(learned)}
    return replace(state, **logits, change=change)


def _play_row(level: Level, place: jax.Array, row: jax.Array, epsilon: jax.Array) -> jax.Array:
    """What a node plays that explores if it is above decision nodes, ``[K, ...]``."""
    if not level.inner.any():
        return row
    mixed = mix_row(level, place, row, epsilon)
    if level.inner.all():
        return mixed
    return jnp.where((look_up(level.inner, place) > 0)[None], mixed, row)
