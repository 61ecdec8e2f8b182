"""EXP4 with the nodes of the tree as experts, as one agent that decides alone.

Auer, Cesa-Bianchi, Freund and Schapire, "The nonstochastic multiarmed bandit problem", SIAM J.
Computing 32, 2002, section 7; Bubeck and Cesa-Bianchi, 2012, theorem 4.2. Every node ``e`` is an
expert, ``E`` of them, leaves included. It advises to go to itself, and from there to any child with
the same probability, down to a leaf: leaf ``j`` with probability ``a_ej``. Experts have a
``theta_e``, 0 at first; a job goes to a leaf drawn from ``q``, and its cost ``c`` is learned by all
experts above the leaf::

    v = softmax(eta theta)
    q_j = sum_e v_e a_ej
    theta_e -= a_ej c / q_j

So a good part of the tree is found before its best leaf. On the way down, node ``i`` sends the job
to its child ``m`` with the share that the leaves below ``m`` have in those below ``i``. With ``eta
= sqrt(2 log E / (N T))`` the expected regret is at most ``sqrt(2 N T log E)``, in any tree of ``N``
leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import in_place_of_none, ones_of, way_of
from jaxsoco.multistage.settings_rivals import NodeEXP4Params
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path
from jaxsoco.multistage.theory.descent import Visit, descend, end_of, first_visits
from jaxsoco.multistage.theory.levels import look_up, pick, put, spread_mask
from jaxsoco.multistage.theory.policy import policies
from jaxsoco.multistage.theory.rates import experts_rate
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco.multistage.theory.values import child_values
from jaxsoco_kernels.mirror import add_compensated, shift_compensated


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NodeEXP4State:
    """State of EXP4; tables ``[n, ...]`` by level, with one more for the leaves.

    Attributes:
      high: logits ``eta theta``, shifted so that the largest of all is 0.
      low: what rounding took from them.
      eta: learning rate, ``[...]``.
      visits: the way of this round's job.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    high: Levels
    low: Levels
    eta: jax.Array
    visits: tuple[Visit, ...]
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})

    @property
    def learned(self) -> Levels:
        """What every node plays, ``[n, K, ...] by level``."""
        pairs = zip(self.high, self.low, strict=True)
        return shares(self.tree, [jnp.exp(high + low) for high, low in pairs])


def _resolve(params: NodeEXP4Params, spec: Spec) -> NodeEXP4Params:
    """``sqrt(2 log E / (N T))`` in place of None."""
    tree = spec.tree
    rate = experts_rate(tree.nodes + tree.leaves, tree.leaves, spec.horizon)
    return in_place_of_none(params, eta=rate)


def _init(key: jax.Array, params: NodeEXP4Params, spec: Spec) -> NodeEXP4State:
    tree, ones = spec.tree, ones_of(key, spec)
    eta = jnp.asarray(_resolve(params, spec).eta, ones.dtype)
    sizes = [*(level.size for level in tree.levels), tree.leaves]
    zeros = tuple(jnp.zeros((n, *ones.shape[1:]), ones.dtype) for n in sizes)
    return NodeEXP4State(
        high=zeros,
        low=zeros,
        eta=jnp.broadcast_to(eta, ones.shape[1:]),
        visits=first_visits(tree, ones[0]),
        ones=ones,
        tree=tree,
    )


def shares(tree: Tree, weights: Sequence[jax.Array]) -> Levels:
    """What a node sends to its children, so that leaf ``j`` is reached with ``sum_e v_e a_ej``.

    Args:
      tree: the tree.
      weights: of the experts, ``[n, ...]`` by level and ``[leaves, ...]``; any sum but 0.
    """
    sums, below = [], None
    for level, own in zip(reversed(tree.levels), reversed(weights[:-1]), strict=True):
        # Experts below every child, itself included.
        sums.append(child_values(level, below, weights[-1]))
        below = own + jnp.sum(sums[-1], axis=1)
    learned, passed = [], jnp.zeros_like(weights[0])
    for level, inside, own in zip(tree.levels, reversed(sums), weights[:-1], strict=True):
        lanes = own.ndim - 1
        # Advice of the experts above and of the node itself: the same for all its children.
        share = (passed + own) / spread_mask(level.degree, lanes).astype(own.dtype)
        mask = spread_mask(level.mask, lanes)
        mass = jnp.where(mask, inside + share[:, None], 0)
        total = jnp.sum(mass, axis=1)[:, None]
        # Nobody advises to go where all weights have vanished: any child will do.
        mass = jnp.where(total > 0, mass, mask.astype(own.dtype))
        learned.append(mass / jnp.sum(mass, axis=1)[:, None])
        passed = share[_parents(level)]
    return tuple(learned)


def _parents(level: Level) -> np.ndarray:
    """Place of the parent of every node of the next level."""
    place, child = np.nonzero(level.below >= 0)
    return place[np.argsort(level.below[place, child])]


def _act(
    key: random.AnyKey, params: NodeEXP4Params, state: NodeEXP4State, obs: Observation
) -> tuple[Action, NodeEXP4State]:
    del params, obs
    policy = policies(state.tree, state.learned)
    leaf, visits = descend(state.tree, policy, key, state.ones)
    return Action(leaf, policy, visits=visits), replace(state, visits=visits)


def _update(
    params: NodeEXP4Params, state: NodeEXP4State, action: Action, feedback: Feedback
) -> NodeEXP4State:
    del params, action
    visits = way_of(state.visits, feedback)
    leaf, weight = end_of(state.tree, visits)
    # Of the leaf's own expert c / q_j; of those above a_ej times as much.
    losses, places = [state.eta * feedback.cost * weight], [leaf]
    for level, visit in zip(reversed(state.tree.levels), reversed(visits), strict=True):
        degree = look_up(level.degree, visit.place).astype(weight.dtype)
        below = losses[-1]
        losses.append(jnp.where(visit.place < 0, below, below / degree))
        places.append(visit.place)
    pairs = [
        _lowered(high, low, place, loss)
        for high, low, place, loss in zip(
            state.high, state.low, reversed(places), reversed(losses), strict=True
        )
    ]
    top = jnp.max(jnp.stack([jnp.max(high, axis=0) for high, _ in pairs]), axis=0)
    high, low = zip(*(shift_compensated(*pair, top) for pair in pairs), strict=True)
    return replace(state, high=high, low=low)


def _lowered(
    high: jax.Array, low: jax.Array, place: jax.Array, loss: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """One expert's logit of a table ``[n, ...]`` less its loss."""
    row = add_compensated(pick(high, place), pick(low, place), -loss)
    return put(high, place, row[0]), put(low, place, row[1])


node_exp4 = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=log_probability_of_path,
)
"""One EXP4 with all nodes as experts; parameters :class:`NodeEXP4Params`."""
