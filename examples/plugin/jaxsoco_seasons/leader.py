"""Follow the leader, with exploration: a learner for trees of agents.

Node ``i`` keeps an estimate ``S_im`` of what each of its ``K_i`` children has cost so far, 0 at
first. It sends most jobs to the child of least estimated cost, its leader, and some to any::

    p_im = epsilon / K_i + (1 - epsilon) [m = argmin_k S_ik]

The leaf's cost ``c`` is reported to the nodes on the path alone. Node ``i``, which jobs reach with
probability ``v_i`` and which sent this one to ``m``, divides by how rarely that happens::

    S_im += c / (v_i p_im)

so that the expected change of every ``S_im`` is the expected cost of a job at ``m``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from jaxsoco.extend import Algorithm, one_hot
from jaxsoco.multistage import (
    Action,
    Feedback,
    Observation,
    Spec,
    Tree,
    Visit,
    descend,
    first_visits,
    pick,
    policies,
    put,
    tables,
    uniform_probabilities,
)
from jaxsoco_seasons import FollowLeaderParams


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What the nodes know.

    Attributes:
      sums: ``S``, one table ``[n, K, ...]`` for every depth; infinite for children there are not.
      visits: the way of this round's job, between ``act`` and ``update``.
      tree: the tree (static).
    """

    sums: tuple[jax.Array, ...]
    visits: tuple[Visit, ...]
    tree: Tree = field(metadata={"static": True})


def _init(key: jax.Array, params: FollowLeaderParams, spec: Spec) -> State:
    del params
    like = jnp.zeros(key.shape[1:], spec.chance.dtype)
    sums = tables(spec.tree, like, 0.0, absent=jnp.inf)
    return State(sums, first_visits(spec.tree, like), spec.tree)


def _act(
    key: jax.Array, params: FollowLeaderParams, state: State, obs: Observation
) -> tuple[Action, State]:
    del obs  # the agents see nothing
    tree = state.tree
    like = state.sums[0][0, 0]
    epsilon = jnp.broadcast_to(params.epsilon, like.shape)[None, None]
    leaders = [
        one_hot(jnp.argmin(x, axis=1), tree.width, axis=1, dtype=x.dtype) for x in state.sums
    ]
    learned = [
        epsilon * anyone + (1 - epsilon) * leader
        for anyone, leader in zip(uniform_probabilities(tree, like), leaders, strict=True)
    ]
    policy = policies(tree, tuple(learned))
    leaf, visits = descend(tree, policy, key)
    return Action(leaf, policy), replace(state, visits=visits)


def _update(params: FollowLeaderParams, state: State, action: Action, feedback: Feedback) -> State:
    del params, action
    sums = []
    for table, visit in zip(state.sums, state.visits, strict=True):
        row = pick(table, visit.place)  # S_i of the node on each job's way, [K, ...]
        chosen = one_hot(visit.child, state.tree.width)
        cost = (feedback.cost * visit.weight)[None]  # c / (v_i p_im)
        sums.append(put(table, visit.place, row + jnp.where(chosen, cost, 0)))
    return replace(state, sums=tuple(sums))


follow_leader = Algorithm(_init, _act, _update)
"""The learner; parameters :class:`~jaxsoco_seasons.FollowLeaderParams`."""
