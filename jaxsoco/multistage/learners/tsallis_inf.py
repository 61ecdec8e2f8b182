"""Tsallis-INF at every node: best of both worlds (Zimmert and Seldin, JMLR 22, 2021).

J. Zimmert and Y. Seldin, "Tsallis-INF: an optimal algorithm for stochastic and adversarial
bandits". Node ``i`` keeps ``L_i [K_i]``, 0 at first, and sends its n-th job to a child drawn from
the point of the simplex that follows the leader with the Tsallis entropy of order 1/2::

    w_i = argmin <w, L_i> - (4 / eta_n) sum_m sqrt(w_m)
    w_im = 4 / (eta_n (L_im - lam))^2,  lam such that sum_m w_im = 1
    eta_n = 2 / sqrt(n)

by a fixed number of Newton's steps (:func:`jaxsoco_kernels.mirror.tsallis_point`). The leaf's cost
``c`` of a job that it had sent to its child ``m`` adds ::

    L_im += c / w_im

With these estimates (importance weights) a node with ``K`` leaves for children has an expected
regret of at most ``4 sqrt(K T) + 1`` after ``T`` jobs, whatever the costs, and of order ``log T``
if they are stochastic (theorem 1). The horizon is not needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import hold
from jaxsoco.multistage.learners._nodes import NodesState, after_job, at_every_node, start_nodes
from jaxsoco.multistage.learners._rows import chosen_loss, lower_logits
from jaxsoco.multistage.learners._shared import way_of
from jaxsoco.multistage.settings_rivals import TsallisINFParams
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.levels import tables
from jaxsoco.multistage.theory.policy import uniform_probabilities
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco_kernels.mirror import tsallis_point


class Node(NamedTuple):
    """Tables by level, or one node's rows.

    Attributes:
      high: ``-L``, shifted so that the largest is 0; -inf for absent children, ``[n, K, ...]``.
      low: what rounding took from it.
      learned: ``w``, what is played.
      jobs: jobs that have been learned from, ``[n, ...]``; exact to 2^24 in float32.
    """

    high: Any
    low: Any
    learned: Any
    jobs: Any


def _first(tree: Tree, like: jax.Array) -> Node:
    return Node(
        high=tables(tree, like, 0.0, -jnp.inf),
        low=tables(tree, like, 0.0),
        learned=uniform_probabilities(tree, like),
        jobs=tuple(jnp.zeros((level.size, *like.shape), like.dtype) for level in tree.levels),
    )


def _init(key: jax.Array, params: TsallisINFParams, spec: Spec) -> NodesState:
    return start_nodes(key, spec, params.eta_scale, _first)


def _update(
    params: TsallisINFParams, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    ones = state.ones

    def step(level: Level, visit: Visit, node: Node) -> Node:
        del level
        loss = chosen_loss(visit, hold(feedback.cost * visit.weight, ones), state.tree.width)
        high, low = lower_logits(node.high, node.low, loss, ones)
        jobs = node.jobs + 1
        # eta of the next job.
        rate = hold(state.numbers / jnp.sqrt(jobs + 1), ones)
        losses = hold(jnp.where(jnp.isneginf(high), jnp.inf, -(high + low)), ones)
        return Node(high, low, tsallis_point(losses, rate), jobs)

    return after_job(state, way_of(state.visits, feedback), step)


tsallis_inf = at_every_node(_init, _update)
"""Every node runs Tsallis-INF by itself; parameters :class:`TsallisINFParams`."""
