"""Normalized exponentiated gradient, complete one-hop feedback (arXiv 2404.04509, algorithm 1).

Node ``i`` keeps ``theta_i [K_i]``, 0 at first, and plays ``x_i = softmax(eta_i theta_i)``. Every
node draws a child ``f_i`` from ``x_i`` in every round, whether a job arrives or not; the job
follows the draws from the root. With ``y`` of a leaf its cost and ``y_i = y_{f_i}``, every node
learns from all its children::

    theta_im -= y_m                                  for every child m

With expected feedback, the children report ``w_m`` in place of ``y_m``: the leaf's expected cost,
and ``w_i = sum_m x_im w_m``. The rates are ``eta_i = sqrt(log K_i / T)``; the expected regret is at
most ``2 H sqrt(T log K)`` (section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.settings_learners import NormalizedEGParams
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Spec
from jaxsoco.multistage.theory.chances import log_chance_of_path
from jaxsoco.multistage.theory.levels import pick, spread_mask, tables
from jaxsoco.multistage.theory.policy import policies, uniform_probabilities
from jaxsoco.multistage.theory.tree import Level, Tree
from jaxsoco_kernels.mirror import add_compensated, categorical, largest, shift_compensated


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NormalizedEGState:
    """Logits ``high + low``, their softmax (``[n, K, ...] by level``) and rates ``[n, ...]``."""

    high: Levels
    low: Levels
    learned: Levels
    eta: Levels
    tree: Tree = field(metadata={"static": True})


def _resolve(params: NormalizedEGParams, spec: Spec) -> NormalizedEGParams:
    """``sqrt(log K_i / T)`` in place of None; by level where nodes differ in ``K_i``."""
    if params.eta is not None:
        return params
    horizon = jnp.asarray(spec.horizon, spec.chance.dtype)
    logs = [
        spread_mask(np.log(level.degree), horizon.ndim).astype(horizon.dtype)
        for level in spec.tree.levels
    ]
    etas: Any = tuple(jnp.sqrt(log / horizon[None]) for log in logs)
    # Where all nodes have the same K_i, one rate stands for all of them.
    degrees = {int(degree) for level in spec.tree.levels for degree in level.degree}
    return replace(params, eta=etas[0][0] if len(degrees) == 1 else etas)


def _init(key: jax.Array, params: NormalizedEGParams, spec: Spec) -> NormalizedEGState:
    tree, lanes = spec.tree, spec.lanes(key.shape[1:])
    like = jnp.zeros(lanes, spec.chance.dtype)
    eta: Any = _resolve(params, spec).eta
    etas = eta if isinstance(eta, tuple) else (jnp.asarray(eta)[None],) * tree.depth
    return NormalizedEGState(
        high=tables(tree, like, 0.0, -jnp.inf),
        low=tables(tree, like, 0.0),
        learned=uniform_probabilities(tree, like),
        eta=tuple(
            jnp.broadcast_to(align(x, 1, len(lanes)), (level.size, *lanes)).astype(like.dtype)
            for x, level in zip(etas, tree.levels, strict=True)
        ),
        tree=tree,
    )


def _act(
    key: random.AnyKey, params: NormalizedEGParams, state: NormalizedEGState, obs: Observation
) -> tuple[Action, NormalizedEGState]:
    del obs
    tree, learned = state.tree, state.learned
    # One uniform for every node, in level order: nodes without a job draw too.
    uniforms = jnp.stack(random.draws(key, tree.nodes, learned[0].dtype))
    choices, place, leaf = [], None, None
    for level, table in zip(tree.levels, learned, strict=True):
        uniform = uniforms[level.first : level.first + level.size]
        choice = categorical(jnp.moveaxis(table, 1, 0), uniform)
        choices.append(choice)
        place = jnp.zeros(choice.shape[1:], jnp.int32) if place is None else place
        place, leaf = _follow(level, choice, place, leaf)
    assert leaf is not None
    action = Action(leaf, policies(tree, learned), None, tuple(choices), params.feedback)
    return action, state


def _follow(level: Level, choice: jax.Array, place: jax.Array, leaf: jax.Array | None):
    """Where the job goes: place in the next level (-1: nowhere) and the leaf it ended at."""
    child = pick(choice, place)
    index = jnp.where(place < 0, 0, place * level.mask.shape[1] + child)
    below, ended = (jnp.asarray(t.ravel(), jnp.int32)[index] for t in (level.below, level.leaf))
    # A job that has reached its leaf has no place any more: -1.
    stays = place < 0
    ended = jnp.where(stays, -1, ended)
    leaf = ended if leaf is None else jnp.where(ended >= 0, ended, leaf)
    return jnp.where(stays, -1, below), leaf


def _update(
    params: NormalizedEGParams, state: NormalizedEGState, action: Action, feedback: Feedback
) -> NormalizedEGState:
    del params, action
    assert feedback.children is not None
    high, low, learned = [], [], []
    parts = (state.high, state.low, state.eta, feedback.children, state.tree.levels)
    for logits, rest, eta, costs, level in zip(*parts, strict=True):
        # eta theta_m -= eta y_m, then the largest logit becomes 0.
        loss = jnp.where(spread_mask(level.mask, costs.ndim - 2), eta[:, None] * costs, 0)
        logits, rest = add_compensated(logits, rest, -loss)
        rows = jnp.moveaxis(logits, 1, 0), jnp.moveaxis(rest, 1, 0)
        rows = shift_compensated(*rows, largest(rows[0]))
        # x = softmax(eta theta)
        weights = jnp.exp(rows[0] + rows[1])
        weights = weights / jnp.sum(weights, axis=0)[None]
        for table, row in zip((high, low, learned), (*rows, weights), strict=True):
            table.append(jnp.moveaxis(row, 0, 1))
    return NormalizedEGState(tuple(high), tuple(low), tuple(learned), state.eta, state.tree)


def _log_probability(
    params: NormalizedEGParams, state: NormalizedEGState, obs: Observation, action: Action
) -> jax.Array:
    """Of the draws of all nodes; with expected feedback, of those on the way of the job.

    No cost and no report depends on the others then.
    """
    del params, obs
    if action.feedback == "expected":
        return log_chance_of_path(state.tree, action.policy, action.leaf)
    assert action.choices is not None
    total = jnp.zeros(action.leaf.shape, state.learned[0].dtype)
    for table, choice in zip(action.policy.learned, action.choices, strict=True):
        chance = jnp.take_along_axis(table, choice[:, None], axis=1)[:, 0]
        total = total + jnp.sum(jnp.log(chance), axis=0)
    return total


normalized_eg = Algorithm(
    _init,
    _act,
    _update,
    counter=True,
    resolve=_resolve,
    log_probability=_log_probability,
)
"""Every node learns from all its children in every round (algorithm 1)."""
