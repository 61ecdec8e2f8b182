"""Broad-OMD at every node: log-barrier mirror descent (Wei and Luo, COLT 2018).

A node with arms ``i = 1 .. K`` keeps a mirror point ``w'``, uniform at first, a guess ``m`` of the
losses and rates ``eta_i``; ``D`` is the Bregman divergence of ``sum_i ln(1 / w_i) / eta_i``. At
each of its own jobs it plays ``j`` drawn from ``w``, sees the job's cost ``c``, and moves::

    w    = argmin_w <w, m> + D(w, w')                the point that is played
    lh_i = m_i + 1{i = j} (c - m_i) / w_i            unbiased losses
    w'  <- argmin_w <w, lh + a> + D(w, w')           over the simplex

``"v1"`` is optimistic, with increasing rates: ``m_i`` is the last loss seen on arm ``i`` (0 at
first) and ``a_i = 6 eta_i w_i (lh_i - m_i)^2``. Every arm has a bar ``rho_i``, ``2K`` at first::

    where 1 / w_i > rho_i:  rho_i <- 2 / w_i,  eta_i <- eta_i exp(1 / ln T)

``"v0"`` restarts: ``m = 0``, ``a = 0``, and ``Z``, 0 at first, adds up how much the losses vary::

    Z <- Z + sum_i w_i^2 (lh_i - c)^2
    where Z >= K ln T / (3 eta^2):  eta <- eta / 2,  Z <- 0,  w' <- uniform

``"v2"`` is plain: ``m = 0``, ``a = 0``, the rates stay. The theory asks for ``eta <= 1/162``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot
from jaxsoco.multistage.learners._nodes import after_job, at_every_node
from jaxsoco.multistage.learners._shared import first_change, first_visits, ones_of, way_of
from jaxsoco.multistage.settings_learners import BroadOMDParams
from jaxsoco.multistage.spec import Action, Change, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.levels import look_up, tables
from jaxsoco.multistage.theory.policy import uniform_probabilities
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco_kernels.mirror import add_compensated, log_barrier_move


class Node(NamedTuple):
    """What nodes keep: tables ``[n, K, ...] by level``, or one node of each lane, ``[K, ...]``.

    Attributes:
      inverse: ``1 / w'``, infinite for absent children.
      rest: what rounding took from it.
      learned: ``w``, what is played.
      guess: ``m``, last loss seen on each arm.
      eta: learning rates.
      bar: ``rho``, the inverse weight that raises a rate (v1); ``Z`` in the first arm (v0).
    """

    inverse: Any
    rest: Any
    learned: Any
    guess: Any
    eta: Any
    bar: Any


class Job(NamedTuple):
    """What a node learns about its job.

    Attributes:
      chosen: whether each arm is the one that was played, bool ``[K, ...]``.
      cost: ``c``, ``[...]``.
      degree: its number of arms, ``[...]``.
      log_horizon: ``ln T``, ``[...]``.
    """

    chosen: jax.Array
    cost: jax.Array
    degree: jax.Array
    log_horizon: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BroadOMDState:
    """State of Broad-OMD.

    Attributes:
      nodes: tables of all nodes, ``[n, K, ...] by level``.
      change: the path of the round before, and the new play probabilities there.
      visits: the way of this round's job.
      log_horizon: ``ln T``, at least ``ln 2``, ``[...]``.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    nodes: Node
    change: Change
    visits: tuple[Visit, ...]
    log_horizon: jax.Array
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def _init(key: jax.Array, params: BroadOMDParams, spec: Spec) -> BroadOMDState:
    tree, ones = spec.tree, ones_of(key, spec)
    like, lanes = ones[0], ones.shape[1:]
    uniform = uniform_probabilities(tree, like)
    eta = jnp.broadcast_to(jnp.asarray(params.eta, like.dtype), lanes)[None, None]
    bar = tables(tree, like, 0.0)
    if params.variant == "v1":
        # rho_i = 2 K_i, as w' is uniform.
        bar = tuple(2 / jnp.max(w, axis=1, keepdims=True) + 0 * w for w in uniform)
    nodes = Node(
        inverse=tuple(1 / w for w in uniform),
        rest=tables(tree, like, 0.0),
        learned=uniform,
        guess=tables(tree, like, 0.0),
        eta=tuple(eta + 0 * w for w in uniform),
        bar=bar,
    )
    # exp(1 / ln T) needs T > 1.
    horizon = jnp.maximum(jnp.broadcast_to(spec.horizon, lanes), 2.0)
    return BroadOMDState(
        nodes=nodes,
        change=first_change(tree, like),
        visits=first_visits(tree, like),
        log_horizon=jnp.log(horizon).astype(like.dtype),
        ones=ones,
        tree=tree,
    )


def _update(
    params: BroadOMDParams, state: BroadOMDState, action: Action, feedback: Feedback
) -> BroadOMDState:
    del action
    move = _STEPS[params.variant]

    def step(level: Level, visit: Visit, node: Node) -> Node:
        degree = look_up(level.degree, visit.place).astype(state.ones.dtype)
        chosen = one_hot(visit.child, state.tree.width)
        return move(node, Job(chosen, feedback.cost, degree, state.log_horizon))

    return after_job(state, way_of(state.visits, feedback), step)


# --- one node's steps -----------------------------------------------------------------------------


def _plain(node: Node, job: Job) -> Node:
    """``v2``."""
    node = _move(node, _losses(node, job, jnp.zeros_like(node.guess)))
    # With m = 0 the point that is played is w' itself.
    return node._replace(learned=_weights(node))


def _optimistic(node: Node, job: Job) -> Node:
    """``v1``."""
    weights, guess = node.learned, node.guess
    losses = _losses(node, job, guess)
    # a_i = 6 eta_i w_i (lh_i - m_i)^2
    correction = 6 * node.eta * weights * (losses - guess) ** 2
    # w' <- argmin <w, lh + a> + D(w, w')
    node = _move(node, losses + correction)
    # The guess, the bar and the rate of the arm for the next job; w' moved with the old rate.
    guess = jnp.where(job.chosen, job.cost[None], guess)
    inverse = 1 / jnp.where(weights > 0, weights, 1)
    # Where 1 / w_i > rho_i:  rho_i <- 2 / w_i,  eta_i <- eta_i exp(1 / ln T)
    rare = inverse > node.bar
    bar = jnp.where(rare, 2 * inverse, node.bar)
    eta = jnp.where(rare, node.eta * jnp.exp(1 / job.log_horizon)[None], node.eta)
    node = node._replace(guess=guess, bar=bar, eta=eta)
    # w of the next job: the optimistic step argmin <w, m> + D(w, w'), which leaves w' as it is.
    return node._replace(learned=_weights(_move(node, guess)))


def _restarting(node: Node, job: Job) -> Node:
    """``v0``."""
    weights, eta = node.learned, node.eta
    losses = _losses(node, job, jnp.zeros_like(weights))
    # Z <- Z + sum_i w_i^2 (lh_i - c)^2
    squares = jnp.where(weights > 0, (weights * (losses - job.cost[None])) ** 2, 0)
    total = node.bar[0] + jnp.sum(squares, axis=0)
    node = _move(node, losses)
    # Z >= K ln T / (3 eta^2); all arms share one rate.
    restart = (total >= job.degree * job.log_horizon / (3 * eta[0] ** 2))[None]
    # 1 / w' of the uniform point: K_i, and infinite for absent children.
    uniform = jnp.where(jnp.isinf(node.inverse), jnp.inf, job.degree[None])
    node = node._replace(
        inverse=jnp.where(restart, uniform, node.inverse),
        rest=jnp.where(restart, 0, node.rest),
        eta=jnp.where(restart, eta / 2, eta),
        bar=jnp.where(restart, 0, total[None] + 0 * eta),
    )
    return node._replace(learned=_weights(node))


_STEPS = {"v0": _restarting, "v1": _optimistic, "v2": _plain}


def _losses(node: Node, job: Job, guess: jax.Array) -> jax.Array:
    """Unbiased losses ``m_i + 1{i = j} (c - m_i) / w_i``."""
    surprise = jnp.where(job.chosen, (job.cost[None] - guess) / node.learned, 0)
    return guess + surprise


def _move(node: Node, losses: jax.Array) -> Node:
    """The node after a log-barrier step from ``w'``, kept as a compensated inverse."""
    # Absent children have w' = 0: an infinite inverse, which the step must not touch.
    absent = jnp.isinf(node.inverse)
    _, change = log_barrier_move(node.inverse, jnp.where(absent, 0, losses), node.eta)
    inverse, rest = add_compensated(
        jnp.where(absent, -jnp.inf, node.inverse), node.rest, jnp.where(absent, 0, change)
    )
    return node._replace(inverse=jnp.where(absent, jnp.inf, inverse), rest=rest)


def _weights(node: Node) -> jax.Array:
    """``w'`` itself, on the simplex."""
    weights = 1 / (node.inverse + node.rest)
    return weights / jnp.sum(weights, axis=0)[None]


broad_omd = at_every_node(_init, _update)
"""Every node runs Broad-OMD on its own jobs; parameters :class:`BroadOMDParams`."""
