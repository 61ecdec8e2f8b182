"""EXP3 over the leaves, as one agent that decides alone: what distribution costs.

Auer, Cesa-Bianchi, Freund and Schapire, "The nonstochastic multiarmed bandit problem", SIAM J.
Computing 32, 2002; Bubeck and Cesa-Bianchi, 2012, theorem 3.1. Every leaf ``j`` of ``N`` has a
``theta_j``, 0 at first, and a job goes to a leaf drawn from ``q``; its cost ``c`` is learned by ::

    q = softmax(eta theta)
    theta_j -= c / q_j

Said in the tree: a node's logits are the logarithms of its children's masses, ``l_im = log sum_j
exp(eta theta_j)`` over the leaves ``j`` below child ``m`` (less a constant of the node), and
``softmax(l_i)`` is drawn from on the way down. On the way back of the cost, what the child lost
becomes what the node has lost::

    d = eta c / q_j                                  at the node above the leaf
    l_im -= d
    d <- -log(1 - p_im + p_im exp(-d))               for the node above, p_i before the step

With ``eta = sqrt(2 log N / (N T))`` the expected regret is at most ``sqrt(2 N T log N)``, in any
tree of ``N`` leaves.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import hold, one_hot
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._nodes import Logits, NodesState, after_job, start_nodes
from jaxsoco.multistage.learners._rows import chosen_loss, lower_logits, softmax
from jaxsoco.multistage.learners._shared import in_place_of_none, way_of
from jaxsoco.multistage.settings_rivals import LeafEXP3Params
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path
from jaxsoco.multistage.theory.descent import Visit, descend
from jaxsoco.multistage.theory.levels import pick, spread_like, tables
from jaxsoco.multistage.theory.policy import leaf_counts, policies
from jaxsoco.multistage.theory.rates import exp3_rate
from jaxsoco.multistage.theory.tree import Level, Tree


def _resolve(params: LeafEXP3Params, spec: Spec) -> LeafEXP3Params:
    """``sqrt(2 log N / (N T))`` in place of None."""
    return in_place_of_none(params, eta=exp3_rate(spec.tree.leaves, spec.horizon))


def _first(tree: Tree, like: jax.Array) -> Logits:
    """Every leaf is as likely, so that a child is by the number of leaves below it."""
    counts = leaf_counts(tree)
    tops = [table.max(axis=1, keepdims=True) for table in counts]
    with np.errstate(divide="ignore"):
        high = [np.log(table / top) for table, top in zip(counts, tops, strict=True)]
    return Logits(
        high=tuple(spread_like(table, like) for table in high),
        low=tables(tree, like, 0.0),
        learned=tuple(spread_like(x / x.sum(axis=1, keepdims=True), like) for x in counts),
    )


def _init(key: jax.Array, params: LeafEXP3Params, spec: Spec) -> NodesState:
    return start_nodes(key, spec, _resolve(params, spec).eta, _first)


def _act(
    key: random.AnyKey, params: LeafEXP3Params, state: NodesState, obs: Observation
) -> tuple[Action, NodesState]:
    del params, obs
    policy = policies(state.tree, state.nodes.learned)
    # With the path's weight, the last visit's is 1 / q_j.
    leaf, visits = descend(state.tree, policy, key, state.ones)
    return Action(leaf, policy, state.change, visits=visits), replace(state, visits=visits)


def _update(
    params: LeafEXP3Params, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    visits, ones = way_of(state.visits, feedback), state.ones

    def step(level: Level, visit: Visit, node: Logits, loss: jax.Array) -> Logits:
        del level
        losses = chosen_loss(visit, loss, state.tree.width)
        high, low = lower_logits(node.high, node.low, losses, ones)
        return Logits(high, low, softmax(high, low))

    return after_job(state, visits, step, _losses(state, visits, feedback.cost))


def _losses(state: NodesState, visits: tuple[Visit, ...], cost: jax.Array) -> Levels:
    """``d`` at every node on the way, ``[...]`` by level."""
    levels, losses, below = state.tree.levels, [], None
    for d in reversed(range(len(levels))):
        visit = visits[d]
        loss = state.numbers * cost * visit.weight
        if below is not None:
            # The child is a decision node, unless the way ends here.
            ends = visits[d + 1].place < 0
            loss = below if levels[d + 1].regular else jnp.where(ends, loss, below)
        losses.append(hold(loss, state.ones))
        below = _mass_loss(pick(state.nodes.learned[d], visit.place), visit, losses[-1])
    return tuple(reversed(losses))


def _mass_loss(row: jax.Array, visit: Visit, loss: jax.Array) -> jax.Array:
    """``-log(1 - p + p exp(-d))`` of the child that was chosen, for small and large ``d``."""
    chosen = one_hot(visit.child, row.shape[0])
    chance = jnp.sum(jnp.where(chosen, row, 0), axis=0)
    others = jnp.sum(jnp.where(chosen, 0, row), axis=0)
    small = -jnp.log1p(chance * jnp.expm1(-jnp.minimum(loss, 1)))
    large = -jnp.log(jnp.maximum(others + chance * jnp.exp(-loss), jnp.finfo(row.dtype).tiny))
    return jnp.where(loss < 1, small, large)


leaf_exp3 = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=log_probability_of_path,
)
"""One EXP3 over all leaves; parameters :class:`LeafEXP3Params`."""
