"""Discounted UCB at every node (Garivier and Moulines, ALT 2011).

A. Garivier and E. Moulines, "On upper-confidence bound policies for switching bandit problems". A
job counts less with every later job of its node: ``N_m`` sums ``gamma^a`` over the jobs that went
to the child ``m``, with ``a`` the number of the node's jobs since, ``mean_m`` is the average of
their costs with these weights and ``n = sum_m N_m``. The node tries every child once and then sends
a job to the child with the least ::

    mean_m - 2 sqrt(xi log n / N_m)

With ``gamma = 1 - sqrt(S / T) / 4``, for ``S`` changes of law, the number of jobs sent to a worse
child is of order ``sqrt(S T) log T`` if its node has leaves for children (theorem 1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.multistage.learners._indices import Plays, choose, first_plays
from jaxsoco.multistage.learners._nodes import NodesState, after_job, at_every_node, start_nodes
from jaxsoco.multistage.learners._rows import chosen_loss
from jaxsoco.multistage.learners._shared import in_place_of_none, way_of
from jaxsoco.multistage.settings_rivals import DiscountedUCBParams
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.tree import Level


class Numbers(NamedTuple):
    """``gamma`` and ``4 xi``, ``[...]`` each."""

    discount: Any
    factor: Any


def _resolve(params: DiscountedUCBParams, spec: Spec) -> DiscountedUCBParams:
    """``1 - sqrt(S / T) / 4`` in place of None."""
    share = jnp.minimum(params.switches / spec.horizon, 1)
    return in_place_of_none(params, discount=1 - jnp.sqrt(share) / 4)


def _init(key: jax.Array, params: DiscountedUCBParams, spec: Spec) -> NodesState:
    params = _resolve(params, spec)
    numbers = Numbers(params.discount, 4 * jnp.asarray(params.exploration))
    return start_nodes(key, spec, numbers, first_plays)


def _update(
    params: DiscountedUCBParams, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    width, one, (discount, factor) = state.tree.width, state.ones[0], state.numbers

    def step(level: Level, visit: Visit, node: Plays) -> Plays:
        count = discount[None] * node.count + chosen_loss(visit, one, width)
        total = discount[None] * node.total + chosen_loss(visit, feedback.cost, width)
        return choose(level, visit.place, count, total, factor)

    return after_job(state, way_of(state.visits, feedback), step)


discounted_ucb = at_every_node(_init, _update, _resolve)
"""Every node runs discounted UCB by itself; parameters :class:`DiscountedUCBParams`."""
