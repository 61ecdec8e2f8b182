"""Learners whose nodes know of their own jobs alone: the state, ``act`` and the loop of ``update``.

Such a learner says what a node keeps and what a job changes there; the rest is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import hold, spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import first_change, ones_of, path_change
from jaxsoco.multistage.spec import Action, Change, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path
from jaxsoco.multistage.theory.descent import Visit, descend, first_visits
from jaxsoco.multistage.theory.levels import pick, put, tables
from jaxsoco.multistage.theory.policy import policies, uniform_probabilities
from jaxsoco.multistage.theory.tree import Tree

_State = TypeVar("_State", bound=Any)


class Logits(NamedTuple):
    """What a node of EXP3's kind keeps: ``[n, K, ...] by level``, or rows ``[K, ...]``.

    Attributes:
      high: logits, shifted so that the largest of a node is 0; -inf for absent children.
      low: what rounding took from them.
      learned: what is played.
    """

    high: Any
    low: Any
    learned: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NodesState:
    """State of a learner whose nodes know of their own jobs alone.

    Attributes:
      nodes: what they keep, a NamedTuple of tables by level, ``[n, K, ...]`` or ``[n, ...]``; its
        ``learned`` is what is played.
      change: the path of the round before, and the new play probabilities there.
      visits: the way of this round's job.
      numbers: what the learner is tuned to, a NamedTuple of ``[...]``.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    nodes: Any
    change: Change
    visits: tuple[Visit, ...]
    numbers: Any
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def first_logits(tree: Tree, like: jax.Array) -> Logits:
    """All logits are 0, and every child is as likely; ``like [...]`` has lanes and dtype."""
    uniform = uniform_probabilities(tree, like)
    return Logits(tables(tree, like, 0.0, -jnp.inf), tables(tree, like, 0.0), uniform)


def start_nodes(
    key: jax.Array,
    spec: Spec,
    numbers: Any = (),
    nodes: Callable[[Tree, jax.Array], Any] = first_logits,
) -> NodesState:
    """The state before the first round; ``nodes`` makes the tables from ``(tree, ones [...])``."""
    ones = ones_of(key, spec)
    return NodesState(
        nodes=nodes(spec.tree, ones[0]),
        change=first_change(spec.tree, ones[0]),
        visits=first_visits(spec.tree, ones[0]),
        numbers=spread(numbers, ones[0]),
        ones=ones,
        tree=spec.tree,
    )


def send(key: random.AnyKey, params: Any, state: _State, obs: Observation) -> tuple[Action, _State]:
    """``act``: every node on the way draws a child from what it plays."""
    del params, obs
    policy = policies(state.tree, state.nodes.learned)
    leaf, visits = descend(state.tree, policy, key, state.ones, path_weight=False)
    return Action(leaf, policy, state.change, visits=visits), replace(state, visits=visits)


def step_nodes(
    tree: Tree,
    visits: Sequence[Visit],
    nodes: Any,
    step: Callable[..., Any],
    ones: jax.Array,
    *more: Sequence[Any],
) -> tuple[Any, Levels]:
    """What the nodes on the way of a job keep after it.

    Args:
      tree: the tree.
      visits: the way.
      nodes: tables by level, as in :class:`NodesState`.
      step: ``(level, visit, node, *more) -> node`` of the visited nodes' rows.
      ones: see :func:`jaxsoco.core.lanes.hold`.
      *more: what else it takes, by level.

    Returns:
      The tables, and the new rows of ``learned``, ``[K, ...]`` by level.
    """
    kind, levels, rows = type(nodes), [], []
    for d, (level, visit, *rest) in enumerate(zip(tree.levels, visits, *more, strict=True)):
        old = kind(*(table[d] for table in nodes))
        node = kind(*(hold(pick(table, visit.place), ones) for table in old))
        new = step(level, visit, node, *rest)
        rows.append(hold(new.learned, ones))
        pairs = zip(old, new, strict=True)
        levels.append(kind(*(put(table, visit.place, hold(row, ones)) for table, row in pairs)))
    return kind(*zip(*levels, strict=True)), tuple(rows)


def after_job(
    state: _State, visits: Sequence[Visit], step: Callable[..., Any], *more: Sequence[Any]
) -> _State:
    """The state after a job on the way ``visits``; the rest as of :func:`step_nodes`."""
    nodes, rows = step_nodes(state.tree, visits, state.nodes, step, state.ones, *more)
    return replace(state, nodes=nodes, change=path_change(visits, rows, None))


def at_every_node(
    init: Callable[..., Any],
    update: Callable[..., Any],
    resolve: Callable[..., Any] | None = None,
) -> Algorithm:
    """The learner of which every node draws what it plays by itself, and learns by ``update``."""
    return Algorithm(
        init,
        send,
        update,
        counter=True,
        resolve=resolve,
        log_probability=log_probability_of_path,
    )
