"""EXP3.P at every node: optimistic estimates for bounds with high probability.

Auer, Cesa-Bianchi, Freund and Schapire, "The nonstochastic multiarmed bandit problem", SIAM J.
Computing 32, 2002; in the form of Bubeck and Cesa-Bianchi, "Regret analysis of stochastic and
nonstochastic multi-armed bandit problems", 2012, section 3.2. A gain is ``g = 1 - c``. Node ``i``
keeps ``G_i [K_i]``, 0 at first, and sends a job to a child drawn from ::

    p_i = gamma / K_i + (1 - gamma) softmax(eta G_i)

A job that it had sent to its child ``m``, with the cost ``c``, changes the estimates of all
children ``n``; ``beta`` makes them larger than the gains with high probability::

    G_in += (1{n = m} (1 - c) + beta) / p_in

``beta = sqrt(log(K / delta) / (K T))``, ``eta = 0.95 sqrt(log K / (K T))`` and ``gamma = min(1,
1.05 sqrt(K log K / T))``. With probability ``1 - delta`` a node with ``K`` leaves for children has
a regret of at most ``5.15 sqrt(K T log(K / delta))`` after ``T`` jobs (theorem 3.3).
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
from jaxsoco.multistage.learners._rows import (
    child_mask,
    chosen_loss,
    lower_logits,
    mix_row,
    softmax,
)
from jaxsoco.multistage.learners._shared import in_place_of_none, way_of
from jaxsoco.multistage.settings_rivals import EXP3PParams
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.rates import exp3_p_rates
from jaxsoco.multistage.theory.tree import Level


class Numbers(NamedTuple):
    """``eta``, ``gamma`` and ``beta``, ``[...]`` each."""

    eta: Any
    gamma: Any
    beta: Any


def _resolve(params: EXP3PParams, spec: Spec) -> EXP3PParams:
    """The rates of theorem 3.3 in place of None."""
    eta, gamma, beta = exp3_p_rates(spec.tree.width, spec.horizon, params.delta)
    return in_place_of_none(params, eta=eta, gamma=gamma, beta=beta)


def _init(key: jax.Array, params: EXP3PParams, spec: Spec) -> NodesState:
    params = _resolve(params, spec)
    return start_nodes(key, spec, Numbers(params.eta, params.gamma, params.beta))


def _update(
    params: EXP3PParams, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    (eta, gamma, beta), ones = state.numbers, state.ones

    def step(level: Level, visit: Visit, node: Logits) -> Logits:
        # G_n += (1{n = m} (1 - c) + beta) / p_n; of the chosen child the visit has kept 1 / p.
        gain = hold((1 - feedback.cost) * visit.weight, ones)
        bonus = beta[None] / jnp.where(child_mask(level, visit.place), node.learned, jnp.inf)
        gains = eta[None] * (chosen_loss(visit, gain, state.tree.width) + bonus)
        high, low = lower_logits(node.high, node.low, -gains, ones)
        return Logits(high, low, mix_row(level, visit.place, softmax(high, low), gamma))

    return after_job(state, way_of(state.visits, feedback), step)


exp3_p = at_every_node(_init, _update, _resolve)
"""Every node runs EXP3.P by itself; parameters :class:`EXP3PParams`."""
