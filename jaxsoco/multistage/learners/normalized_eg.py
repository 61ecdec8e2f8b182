"""Normalized exponentiated gradient, complete one-hop feedback (arXiv 2404.04509, section 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.rates import given_or
from jaxsoco.multistage.spec import Action, Feedback, Levels, Observation, Policy, Spec
from jaxsoco.multistage.theory.descent import tables, uniform_policy
from jaxsoco.multistage.theory.tree import Tree
from jaxsoco.multistage.theory.values import pick, spread_mask
from jaxsoco_kernels.mirror import add_compensated, categorical, largest, shift_compensated


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NormalizedEGParams:
    """``eta``: learning rate; NaN stands for ``sqrt(log K_i / T)``.

    ``feedback`` (static): ``"realised"``, children tell the costs of their own choices;
    ``"expected"``, they tell their expected costs, so that nothing is drawn but the job's way.
    """

    eta: jax.Array | float = math.nan
    feedback: str = field(default="realised", metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NormalizedEGState:
    """Logits ``high + low``, their softmax (``[n, K, ...] by level``) and rates ``[n, ...]``."""

    high: Levels
    low: Levels
    learned: Levels
    eta: Levels
    tree: Tree = field(metadata={"static": True})


def normalized_eg_params(values: Mapping[str, Any]) -> NormalizedEGParams:
    """Parameters from an experiment's values."""
    return NormalizedEGParams(given_or(values["eta"]), values["feedback"])


def _init(key: jax.Array, params: NormalizedEGParams, spec: Spec) -> NormalizedEGState:
    tree, lanes = spec.tree, spec.lanes(key.shape[1:])
    like = jnp.zeros(lanes, spec.chance.dtype)
    horizon = jnp.broadcast_to(spec.horizon, lanes).astype(like.dtype)
    etas = []
    for level in tree.levels:
        logs = spread_mask(np.log(level.degree), len(lanes)).astype(like.dtype)
        theory = jnp.sqrt(logs / horizon[None])
        etas.append(jnp.where(jnp.isnan(params.eta), theory, params.eta).astype(like.dtype))
    return NormalizedEGState(
        high=tables(tree, like, 0.0, -jnp.inf),
        low=tables(tree, like, 0.0),
        learned=uniform_policy(tree, like),
        eta=tuple(etas),
        tree=tree,
    )


def _act(
    key: random.AnyKey, params: NormalizedEGParams, state: NormalizedEGState, obs: Observation
) -> tuple[Action, NormalizedEGState]:
    del obs
    tree, learned = state.tree, state.learned
    uniforms = jnp.stack(random.draws(key, tree.nodes, learned[0].dtype))
    choices, place, leaf = [], None, None
    for level, table in zip(tree.levels, learned, strict=True):
        mine = uniforms[level.first : level.first + level.size]
        choice = categorical(jnp.moveaxis(table, 1, 0), mine)
        choices.append(choice)
        place = jnp.zeros(choice.shape[1:], jnp.int32) if place is None else place
        place, leaf = _follow(level, choice, place, leaf)
    assert leaf is not None
    policy = Policy(learned, (None,) * tree.depth)
    action = Action(leaf, policy, None, tuple(choices), params.feedback)
    return action, state


def _follow(level, choice: jax.Array, place: jax.Array, leaf: jax.Array | None):
    """Where the job goes: place in the next level (-1: nowhere) and the leaf it ended at."""
    child = pick(choice, place)
    index = jnp.where(place < 0, 0, place * level.mask.shape[1] + child)
    below, ended = (jnp.asarray(t.ravel(), jnp.int32)[index] for t in (level.below, level.leaf))
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
    for h, rest, eta, told, level in zip(*parts, strict=True):
        loss = jnp.where(spread_mask(level.mask, told.ndim - 2), eta[:, None] * told, 0)
        h, rest = add_compensated(h, rest, -loss)
        rows = jnp.moveaxis(h, 1, 0), jnp.moveaxis(rest, 1, 0)
        rows = shift_compensated(*rows, largest(rows[0]))
        weights = jnp.exp(rows[0] + rows[1])
        weights = weights / jnp.sum(weights, axis=0)[None]
        for keep, row in zip((high, low, learned), (*rows, weights), strict=True):
            keep.append(jnp.moveaxis(row, 0, 1))
    return NormalizedEGState(tuple(high), tuple(low), tuple(learned), state.eta, state.tree)


normalized_eg = Algorithm(_init, _act, _update, counter=True)
"""Every node learns from all its children in every round (algorithm 1)."""
