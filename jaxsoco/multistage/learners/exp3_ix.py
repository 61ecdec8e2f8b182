"""EXP3-IX at every node: implicit exploration (Neu, NeurIPS 2015).

G. Neu, "Explore no more: improved high-probability regret bounds for non-stochastic bandits". Node
``i`` keeps ``theta_i [K_i]``, 0 at first, and sends a job to a child drawn from ::

    p_i = softmax(eta theta_i)

The node that had sent the job to its child ``m`` learns from the leaf's cost ``c``, with a loss
that is biased downwards where ``p_im`` is small, and so never above ``1 / gamma``::

    theta_im -= c / (p_im + gamma)

``eta = 2 gamma = sqrt(2 log K / (K T))``. With probability ``1 - delta`` a node with ``K`` leaves
for children has a regret of at most ``2 sqrt(2 K T log K) + (sqrt(2 K T / log K) + 1)
log(2 / delta)`` after ``T`` jobs (theorem 1); nothing is proved of a tree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import hold
from jaxsoco.multistage.learners._nodes import (
    Logits,
    NodesState,
    after_job,
    at_every_node,
    start_nodes,
)
from jaxsoco.multistage.learners._rows import chosen_loss, lower_logits, softmax
from jaxsoco.multistage.learners._shared import in_place_of_none, way_of
from jaxsoco.multistage.settings_rivals import EXP3IXParams
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.rates import exp3_rate
from jaxsoco.multistage.theory.tree import Level


class Numbers(NamedTuple):
    """``eta`` and ``gamma``, ``[...]`` each."""

    eta: Any
    gamma: Any


def _resolve(params: EXP3IXParams, spec: Spec) -> EXP3IXParams:
    """``sqrt(2 log K / (K T))`` and half of ``eta`` in place of None."""
    params = in_place_of_none(params, eta=exp3_rate(spec.tree.width, spec.horizon))
    return in_place_of_none(params, gamma=jnp.asarray(params.eta) / 2)


def _init(key: jax.Array, params: EXP3IXParams, spec: Spec) -> NodesState:
    params = _resolve(params, spec)
    return start_nodes(key, spec, Numbers(params.eta, params.gamma))


def _update(
    params: EXP3IXParams, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    (eta, gamma), ones = state.numbers, state.ones

    def step(level: Level, visit: Visit, node: Logits) -> Logits:
        del level
        # eta theta_m -= eta c / (p + gamma); the visit has kept 1 / p.
        loss = eta * feedback.cost / (1 / visit.weight + gamma)
        losses = chosen_loss(visit, hold(loss, ones), state.tree.width)
        high, low = lower_logits(node.high, node.low, losses, ones)
        return Logits(high, low, softmax(high, low))

    return after_job(state, way_of(state.visits, feedback), step)


exp3_ix = at_every_node(_init, _update, _resolve)
"""Every node runs EXP3-IX by itself; parameters :class:`EXP3IXParams`."""
