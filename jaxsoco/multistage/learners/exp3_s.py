"""EXP3.S at every node: it follows arms that take turns at being best.

Auer, Cesa-Bianchi, Freund and Schapire, "The nonstochastic multiarmed bandit problem", SIAM J.
Computing 32, 2002, section 8. Node ``i`` keeps weights ``w_i [K_i]``, 1 at first, and sends a job
to a child drawn from ::

    p_i = gamma / K_i + (1 - gamma) w_i / sum w_i

A job that it had sent to its child ``m``, with the cost ``c`` and the gain ``1 - c``, changes them;
the last term lets no weight fall so far that it does not return::

    w_in <- w_in exp(gamma / K_i 1{n = m} (1 - c) / p_im) + e alpha / K_i sum w_i

(The weights are kept with the sum 1.) With ``S - 1`` changes of the best arm, ``alpha = 1 / T`` and
``gamma = min(1, sqrt(K (S log(K T) + e) / ((e - 1) T)))``, a node with ``K`` leaves for children
loses at most ``2 sqrt(e - 1) sqrt(K T (S log(K T) + e))`` in expectation to the best sequence of
children (corollary 8.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import hold
from jaxsoco.multistage.learners._nodes import NodesState, after_job, at_every_node, start_nodes
from jaxsoco.multistage.learners._rows import child_mask, chosen_loss, mix_row
from jaxsoco.multistage.learners._shared import in_place_of_none, way_of
from jaxsoco.multistage.settings_rivals import EXP3SParams
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.levels import look_up
from jaxsoco.multistage.theory.policy import uniform_probabilities
from jaxsoco.multistage.theory.rates import exp3_s_rates
from jaxsoco.multistage.theory.tree import Level, Tree


class Node(NamedTuple):
    """Tables ``[n, K, ...] by level``, or one node's rows ``[K, ...]``.

    Attributes:
      weights: ``w / sum w``.
      learned: ``p``, what is played.
    """

    weights: Any
    learned: Any


class Numbers(NamedTuple):
    """``gamma`` and ``alpha``, ``[...]`` each."""

    gamma: Any
    alpha: Any


def _resolve(params: EXP3SParams, spec: Spec) -> EXP3SParams:
    """The rates of corollary 8.2 in place of None."""
    gamma, alpha = exp3_s_rates(spec.tree.width, spec.horizon, params.switches + 1)
    return in_place_of_none(params, gamma=gamma, alpha=alpha)


def _first(tree: Tree, like: jax.Array) -> Node:
    uniform = uniform_probabilities(tree, like)
    return Node(uniform, uniform)


def _init(key: jax.Array, params: EXP3SParams, spec: Spec) -> NodesState:
    params = _resolve(params, spec)
    return start_nodes(key, spec, Numbers(params.gamma, params.alpha), _first)


def _update(
    params: EXP3SParams, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    (gamma, alpha), ones = state.numbers, state.ones

    def step(level: Level, visit: Visit, node: Node) -> Node:
        degree = look_up(level.degree, visit.place).astype(ones.dtype)
        # gamma / K 1{n = m} (1 - c) / p_m, at most 1 as p >= gamma / K.
        gain = hold(gamma / degree * (1 - feedback.cost) * visit.weight, ones)
        grown = node.weights * jnp.exp(chosen_loss(visit, gain, state.tree.width))
        share = jnp.where(child_mask(level, visit.place), (jnp.e * alpha / degree)[None], 0)
        weights = hold(grown + share, ones)
        weights = hold(weights / jnp.sum(weights, axis=0)[None], ones)
        return Node(weights, mix_row(level, visit.place, weights, gamma))

    return after_job(state, way_of(state.visits, feedback), step)


exp3_s = at_every_node(_init, _update, _resolve)
"""Every node runs EXP3.S by itself; parameters :class:`EXP3SParams`."""
