"""Time-homogeneous oracles above bandit learners (arXiv 2404.04509, section 6).

``w`` are expected costs: of a leaf, its cost averaged over the horizon; of a node,
``w_i = sum_m x_im w_m`` with what it plays now. A node with a child that decides is an oracle,
which knows ``w`` of its children exactly. It sends a job to a child that is worse than the best one
by ``z`` with a probability that does not increase with ``z``, or is the same for all of them if
``decay`` is 0, and otherwise to the best one::

    z_im = w_im - min w
    P(z) = min(max(1/2, q), q z^-decay)
    x_im = P(z_im) / (K_i - 1)                       m is not argmin w
    x_im = 1 - the others                            m = argmin w

``q = min(1/2, T^(-1/H))`` with ``decay = 0`` attains the lower bound on the chain; no other does
better (theorem 4). A node above leaves only runs EXP3 with a rate that falls with its own jobs; at
the n-th one, with ``theta_i`` 0 at first::

    x_i = softmax(sqrt(log K_i / (K_i n)) theta_i)
    theta_im -= c / x_im                             for the child m that was chosen
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import align, one_hot
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.learners._shared import first_visits, in_place_of_none, ones_of, way_of
from jaxsoco.multistage.settings_learners import OraclePolicyParams
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_probability_of_path
from jaxsoco.multistage.theory.descent import Visit, descend
from jaxsoco.multistage.theory.levels import put, spread_mask, tables
from jaxsoco.multistage.theory.policy import policies
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco.multistage.theory.values import child_values, mean
from jaxsoco_kernels.mirror import largest

_LARGEST_POWER = 60.0
"""Of e, in a probability that is cut off at 1/2 anyway."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OraclePolicyState:
    """State of the oracles and of the learners below them.

    Attributes:
      theta: summed loss estimates of the learners, ``[n, K, ...] by level``.
      jobs: jobs that each node has received, ``[n, ...] by level``.
      leaves: expected costs of the leaves, averaged over the horizon, ``[leaves, ...]``.
      exploration: ``q [...]``.
      decay: power of the gap by which it falls, ``[...]``.
      visits: the way of this round's job.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    theta: Levels
    jobs: Levels
    leaves: jax.Array
    exploration: jax.Array
    decay: jax.Array
    visits: tuple[Visit, ...]
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def _resolve(params: OraclePolicyParams, spec: Spec) -> OraclePolicyParams:
    """``1/H`` and ``min(1/2, T^-exponent)`` in place of None."""
    horizon = jnp.asarray(spec.horizon, spec.chance.dtype)
    exponent = 1 / spec.tree.depth if params.exponent is None else params.exponent
    exploration = jnp.minimum(0.5, horizon**-exponent)
    return in_place_of_none(params, exponent=exponent, exploration=exploration)


def _init(key: jax.Array, params: OraclePolicyParams, spec: Spec) -> OraclePolicyState:
    tree, ones = spec.tree, ones_of(key, spec)
    like, lanes = ones[0], ones.shape[1:]
    params = _resolve(params, spec)
    numbers = params.exploration, params.decay
    exploration, decay = (jnp.broadcast_to(jnp.asarray(x, like.dtype), lanes) for x in numbers)
    leaves = jnp.broadcast_to(average_costs(spec, len(lanes)), (tree.leaves, *lanes))
    return OraclePolicyState(
        theta=tables(tree, like, 0.0),
        jobs=tuple(jnp.zeros((level.size, *lanes), like.dtype) for level in tree.levels),
        leaves=leaves.astype(like.dtype),
        exploration=exploration,
        decay=decay,
        visits=first_visits(tree, like),
        ones=ones,
        tree=tree,
    )


def average_costs(spec: Spec, lanes: int) -> jax.Array:
    """Expected cost of every leaf, averaged over the horizon, ``[leaves, ...]``."""
    means = spec.means(lanes)
    horizon = align(spec.horizon, 0, lanes).astype(means.dtype)[None]
    start, end = (x.reshape(-1, *(1,) * lanes) for x in spec.segment_bounds())
    # Rounds of every segment within the horizon.
    rounds = jnp.clip(jnp.minimum(end.astype(means.dtype), horizon) - start, 0)
    return jnp.sum(means * (rounds / horizon)[:, None], axis=0)


def _act(
    key: random.AnyKey, params: OraclePolicyParams, state: OraclePolicyState, obs: Observation
) -> tuple[Action, OraclePolicyState]:
    del params, obs
    tree, lanes = state.tree, state.exploration.ndim
    learned: list[jax.Array] = []
    # From the leaves upwards: what an oracle knows of its children depends on how they play.
    below = None
    for d in reversed(range(tree.depth)):
        level = tree.levels[d]
        children = child_values(level, below, state.leaves)
        play = _exp3(level, state.theta[d], state.jobs[d])
        if level.inner.any():
            oracle = spread_mask(level.inner, lanes + 1)
            play = jnp.where(oracle, _oracle(level, children, state.exploration, state.decay), play)
        learned.append(play)
        # w_i = sum_m x_im w_m
        below = mean(jnp.moveaxis(play, 1, 0), jnp.moveaxis(children, 1, 0))
    policy = policies(tree, tuple(reversed(learned)))
    leaf, visits = descend(tree, policy, key, state.ones, path_weight=False)
    return Action(leaf, policy, visits=visits), replace(state, visits=visits)


def _exp3(level: Level, theta: jax.Array, jobs: jax.Array) -> jax.Array:
    """EXP3 at its n-th job: rate ``sqrt(log K_i / (K_i n))``, ``[n, K, ...]``."""
    lanes = jobs.ndim - 1
    rate = spread_mask(np.log(level.degree) / level.degree, lanes).astype(jobs.dtype)
    # sqrt(log K_i / (K_i n)) theta_i at the n-th job.
    logits = jnp.sqrt(rate / (jobs + 1))[:, None] * theta
    logits = jnp.where(spread_mask(level.mask, lanes), logits, -jnp.inf)
    weights = jnp.moveaxis(logits, 1, 0)
    weights = jnp.exp(weights - largest(weights)[None])
    return jnp.moveaxis(weights / jnp.sum(weights, axis=0)[None], 0, 1)


def _oracle(
    level: Level, children: jax.Array, exploration: jax.Array, decay: jax.Array
) -> jax.Array:
    """The best child, but for the exploration of the others, ``[n, K, ...]``."""
    lanes = exploration.ndim
    mask = spread_mask(level.mask, lanes)
    costs = jnp.where(mask, children, jnp.inf)
    arms = jnp.arange(level.mask.shape[1]).reshape(1, -1, *(1,) * lanes)
    best = arms == jnp.argmin(costs, axis=1)[:, None]
    gaps = children - jnp.min(costs, axis=1)[:, None]
    others = np.maximum(level.degree - 1, 1)[:, None]
    # P(z) / (K_i - 1) for every child but the best.
    share = _worse(gaps, exploration, decay) / spread_mask(others, lanes).astype(children.dtype)
    share = jnp.where(mask & ~best, share, 0)
    return jnp.where(best, 1 - jnp.sum(share, axis=1)[:, None], share)


def _worse(gaps: jax.Array, exploration: jax.Array, decay: jax.Array) -> jax.Array:
    """``P(z) = min(max(1/2, q), q z^-decay)`` of gaps ``[n, K, ...]``."""
    exploration, decay = exploration[None, None], decay[None, None]
    # The power of a gap of 0 is kept finite: an infinity would have no derivative.
    power = -decay * jnp.log(jnp.maximum(gaps, jnp.finfo(gaps.dtype).tiny))
    rising = exploration * jnp.exp(jnp.minimum(power, _LARGEST_POWER))
    return jnp.minimum(jnp.maximum(0.5, exploration), rising)


def _update(
    params: OraclePolicyParams, state: OraclePolicyState, action: Action, feedback: Feedback
) -> OraclePolicyState:
    del params, action
    theta, jobs = [], []
    visits = way_of(state.visits, feedback)
    for table, count, visit in zip(state.theta, state.jobs, visits, strict=True):
        chosen = one_hot(visit.child, state.tree.width)
        # theta_im -= c / x_im for the child m that was chosen.
        loss = jnp.where(chosen, (feedback.cost * visit.weight)[None], 0)
        theta.append(table - put(jnp.zeros_like(table), visit.place, loss))
        jobs.append(count + put(jnp.zeros_like(count), visit.place, jnp.ones_like(count[0])))
    return replace(state, theta=tuple(theta), jobs=tuple(jobs))


oracle_policy = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=log_probability_of_path,
)
"""Oracles above nodes that run EXP3 (section 6); parameters :class:`OraclePolicyParams`."""
