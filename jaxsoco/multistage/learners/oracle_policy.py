"""Time-homogeneous oracles above bandit learners (arXiv 2404.04509, section 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import align, runtime_ones
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.rates import given_or, pick_rate
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Policy, Spec
from jaxsoco.multistage.theory.descent import Visit, descend, tables
from jaxsoco.multistage.theory.tree import Tree
from jaxsoco.multistage.theory.values import child_values, mean, put, spread_mask
from jaxsoco_kernels.mirror import largest


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OraclePolicyParams:
    """``exploration``: probability of a worse child; NaN stands for ``min(1/2, T^(-1/H))``."""

    exploration: jax.Array | float = math.nan


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OraclePolicyState:
    """State of the oracles and of the learners below them.

    Attributes:
      theta: summed loss estimates of the learners, ``[n, K, ...] by level``.
      jobs: jobs that each node has received, ``[n, ...] by level``.
      leaves: expected costs of the leaves, averaged over the horizon, ``[leaves, ...]``.
      exploration: ``[...]``.
      visits: the way of this round's job.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    theta: Levels
    jobs: Levels
    leaves: jax.Array
    exploration: jax.Array
    visits: tuple[Visit, ...]
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def oracle_policy_params(values: Mapping[str, Any]) -> OraclePolicyParams:
    """Parameters from an experiment's values."""
    return OraclePolicyParams(given_or(values["exploration"]))


def _init(key: jax.Array, params: OraclePolicyParams, spec: Spec) -> OraclePolicyState:
    tree, lanes = spec.tree, spec.lanes(key.shape[1:])
    ones = runtime_ones(key, tree.width, spec.chance.dtype)
    ones = jnp.broadcast_to(ones, (ones.shape[0], *lanes))
    like, zeros = ones[0], jnp.zeros(lanes, jnp.int32)
    horizon = jnp.broadcast_to(spec.horizon, lanes).astype(like.dtype)
    theory = jnp.minimum(0.5, horizon ** (-1 / tree.depth))
    leaves = jnp.broadcast_to(average_costs(spec, len(lanes)), (tree.leaves, *lanes))
    return OraclePolicyState(
        theta=tables(tree, like, 0.0),
        jobs=tuple(jnp.zeros((level.size, *lanes), like.dtype) for level in tree.levels),
        leaves=leaves.astype(like.dtype),
        exploration=pick_rate(params.exploration, theory).astype(like.dtype),
        visits=tuple(Visit(zeros, zeros, like) for _ in tree.levels),
        ones=ones,
        tree=tree,
    )


def average_costs(spec: Spec, lanes: int) -> jax.Array:
    """Expected cost of every leaf, averaged over the horizon, ``[leaves, ...]``."""
    means = spec.means(lanes)
    horizon = align(spec.horizon, 0, lanes).astype(means.dtype)[None]
    start, end = (x.reshape(-1, *(1,) * lanes) for x in spec.segment_bounds())
    rounds = jnp.clip(jnp.minimum(end.astype(means.dtype), horizon) - start, 0)
    return jnp.sum(means * (rounds / horizon)[:, None], axis=0)


def _act(
    key: random.AnyKey, params: OraclePolicyParams, state: OraclePolicyState, obs: Observation
) -> tuple[Action, OraclePolicyState]:
    del params, obs
    tree, lanes = state.tree, state.exploration.ndim
    learned: list[jax.Array] = []
    below = None
    for d in reversed(range(tree.depth)):
        level = tree.levels[d]
        children = child_values(level, below, state.leaves)
        play = _exp3(level, state.theta[d], state.jobs[d])
        if level.inner.any():
            oracle = spread_mask(level.inner, lanes + 1)
            play = jnp.where(oracle, _oracle(level, children, state.exploration), play)
        learned.append(play)
        below = mean(jnp.moveaxis(play, 1, 0), jnp.moveaxis(children, 1, 0))
    policy = Policy(tuple(reversed(learned)), (None,) * tree.depth)
    leaf, visits = descend(tree, policy, key, state.ones, path_weight=False)
    return Action(leaf, policy), replace(state, visits=visits)


def _exp3(level, theta: jax.Array, jobs: jax.Array) -> jax.Array:
    """EXP3 at its n-th job: rate ``sqrt(log K_i / (K_i n))``, ``[n, K, ...]``."""
    lanes = jobs.ndim - 1
    rate = spread_mask(np.log(level.degree) / level.degree, lanes).astype(jobs.dtype)
    logits = jnp.sqrt(rate / (jobs + 1))[:, None] * theta
    logits = jnp.where(spread_mask(level.mask, lanes), logits, -jnp.inf)
    weights = jnp.moveaxis(logits, 1, 0)
    weights = jnp.exp(weights - largest(weights)[None])
    return jnp.moveaxis(weights / jnp.sum(weights, axis=0)[None], 0, 1)


def _oracle(level, children: jax.Array, exploration: jax.Array) -> jax.Array:
    """The best child, but for the exploration that the others share, ``[n, K, ...]``."""
    lanes = exploration.ndim
    mask = spread_mask(level.mask, lanes)
    best = jnp.argmin(jnp.where(mask, children, jnp.inf), axis=1)[:, None]
    arms = jnp.arange(level.mask.shape[1]).reshape(1, -1, *(1,) * lanes)
    others = np.maximum(level.degree - 1, 1)[:, None]
    share = exploration[None, None] / spread_mask(others, lanes).astype(children.dtype)
    alone = spread_mask(level.degree[:, None] == 1, lanes)
    play = jnp.where(arms == best, jnp.where(alone, 1, 1 - exploration[None, None]), share)
    return jnp.where(mask, play, 0)


def _update(
    params: OraclePolicyParams, state: OraclePolicyState, action: Action, feedback: Feedback
) -> OraclePolicyState:
    del params, action
    theta, jobs = [], []
    arms = jnp.arange(state.tree.width).reshape(-1, *(1,) * feedback.cost.ndim)
    for table, count, visit in zip(state.theta, state.jobs, state.visits, strict=True):
        loss = jnp.where(arms == visit.child[None], (feedback.cost * visit.weight)[None], 0)
        theta.append(table - put(jnp.zeros_like(table), visit.place, loss))
        jobs.append(count + put(jnp.zeros_like(count), visit.place, jnp.ones_like(count[0])))
    return replace(state, theta=tuple(theta), jobs=tuple(jobs))


oracle_policy = Algorithm(_init, _act, _update, counter=True)
"""Nodes above know the exact expected costs of their children; the last ones run EXP3."""
