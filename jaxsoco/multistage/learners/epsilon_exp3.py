"""eps-EXP3, its anytime version, and EXP3 at every node (arXiv 2404.04509, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import hold, runtime_ones
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.rates import given_or, pick_rate
from jaxsoco.multistage.spec import Action, Change, Feedback, Levels, Observation, Policy, Spec
from jaxsoco.multistage.theory.descent import (
    Visit,
    descend,
    explorations,
    start_change,
    tables,
    uniform_policy,
)
from jaxsoco.multistage.theory.tree import Tree
from jaxsoco.multistage.theory.values import look_up, pick, put
from jaxsoco_kernels.mirror import add_compensated, largest, shift_compensated


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpsilonEXP3Params:
    """Rates of eps-EXP3 and EXP3; NaN stands for the rate of the theory.

    Attributes:
      eta: learning rate; theory: ``T^(-H/(H+1))``, for EXP3 ``T^(-1/2)``.
      epsilon: exploration where a child is a decision node; theory: ``min(1, K T^(-1/(H+1)))``.
    """

    eta: jax.Array | float = math.nan
    epsilon: jax.Array | float = math.nan


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EXP3Params:
    """Rate of EXP3; NaN stands for ``T^(-1/2)``."""

    eta: jax.Array | float = math.nan


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AnytimeParams:
    """Multiples of the rates of the theory, in every epoch."""

    eta_scale: jax.Array | float = 1.0
    epsilon_scale: jax.Array | float = 1.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpsilonState:
    """State of eps-EXP3 and its relatives; ``[n, K, ...] by level`` and ``[...]``.

    Attributes:
      high: logits ``eta theta``, shifted so that the largest of a node is 0.
      low: what rounding took from them.
      learned: their softmax.
      change: the path of the round before, and the new play probabilities there.
      visits: the way of this round's job.
      eta: learning rate.
      epsilon: exploration.
      rounds: rounds that are over, int32.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    high: Levels
    low: Levels
    learned: Levels
    change: Change
    visits: tuple[Visit, ...]
    eta: jax.Array
    epsilon: jax.Array
    rounds: jax.Array
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


def epsilon_exp3_params(values: Mapping[str, Any]) -> EpsilonEXP3Params:
    """Parameters from an experiment's values."""
    return EpsilonEXP3Params(given_or(values["eta"]), given_or(values["epsilon"]))


def exp3_params(values: Mapping[str, Any]) -> EXP3Params:
    """Parameters from an experiment's values."""
    return EXP3Params(given_or(values["eta"]))


def anytime_epsilon_exp3_params(values: Mapping[str, Any]) -> AnytimeParams:
    """Parameters from an experiment's values."""
    scales = (values["eta_scale"], values["epsilon_scale"])
    return AnytimeParams(*(jnp.asarray(x, float) for x in scales))


def _start(key: jax.Array, spec: Spec, eta: jax.Array, epsilon: jax.Array) -> EpsilonState:
    ones = runtime_ones(key, spec.tree.width, spec.chance.dtype)
    ones = jnp.broadcast_to(ones, (ones.shape[0], *spec.lanes(key.shape[1:])))
    one = ones[0]
    eta, epsilon = (jnp.broadcast_to(x, one.shape).astype(one.dtype) for x in (eta, epsilon))
    tree = spec.tree
    zeros = jnp.zeros(one.shape, jnp.int32)
    return EpsilonState(
        high=tables(tree, one, 0.0, -jnp.inf),
        low=tables(tree, one, 0.0),
        learned=uniform_policy(tree, one),
        change=start_change(tree, one),
        visits=tuple(Visit(zeros, zeros, one) for _ in tree.levels),
        eta=eta,
        epsilon=epsilon,
        rounds=zeros,
        ones=ones,
        tree=tree,
    )


def _softmax(high: jax.Array, low: jax.Array) -> jax.Array:
    """Probabilities of a row of logits ``[K, ...]`` whose largest is 0."""
    weights = jnp.exp(high + low)
    total = weights[0]
    for weight in weights[1:]:
        total = total + weight
    return weights / total[None]


def _learn(state: EpsilonState, cost: jax.Array, explores: bool) -> EpsilonState:
    """The visited nodes lower the logit of the child that they chose."""
    tree, high, low, learned, rows = state.tree, [], [], [], []
    step = state.eta * cost
    for d, (level, visit) in enumerate(zip(tree.levels, state.visits, strict=True)):
        place, ones = visit.place, state.ones
        arms = jnp.arange(tree.width, dtype=jnp.int32).reshape(-1, *(1,) * cost.ndim)
        row, rest = (hold(pick(table[d], place), ones) for table in (state.high, state.low))
        loss = jnp.where(arms == visit.child[None], hold(step * visit.weight, ones)[None], 0)
        row, rest = add_compensated(row, rest, -loss)
        top = hold(largest(row), ones)
        row, rest = shift_compensated(row, rest, top)
        row, rest = hold(row, ones), hold(rest, ones)
        softmax = _softmax(row, rest)
        high.append(put(state.high[d], place, row))
        low.append(put(state.low[d], place, rest))
        learned.append(put(state.learned[d], place, softmax))
        rows.append(_play_row(level, place, softmax, state.epsilon) if explores else softmax)
    change = Change(tuple(v.place for v in state.visits), tuple(rows), state.change.everywhere)
    tables = {"high": tuple(high), "low": tuple(low), "learned": tuple(learned)}
    return replace(state, **tables, change=change)


def _play_row(level, place: jax.Array, row: jax.Array, epsilon: jax.Array) -> jax.Array:
    """Play probabilities of one node of each lane, ``[K, ...]``."""
    if not level.inner.any():
        return row
    degree = look_up(level.degree, place).astype(row.dtype)
    share = jnp.where(row >= 0, (epsilon / degree)[None], 0)
    if not level.mask.all():
        share = jnp.where(pick(_mask(level, place.ndim), place), share, 0)
    mixed = share + (1 - epsilon)[None] * row
    return (
        mixed
        if level.inner.all()
        else jnp.where((look_up(level.inner, place) > 0)[None], mixed, row)
    )


def _mask(level, lanes: int) -> jax.Array:
    return jnp.asarray(level.mask).reshape(level.mask.shape + (1,) * lanes)


def _policy(state: EpsilonState, explores: bool) -> Policy:
    if explores:
        return Policy(state.learned, explorations(state.tree, state.epsilon))
    return Policy(state.learned, (None,) * state.tree.depth)


# --- eps-EXP3 -------------------------------------------------------------------------------------


def _init(key: jax.Array, params: EpsilonEXP3Params, spec: Spec) -> EpsilonState:
    depth, horizon = spec.tree.depth, spec.horizon
    eta = horizon ** (-depth / (depth + 1))
    epsilon = jnp.minimum(1, spec.tree.width * horizon ** (-1 / (depth + 1)))
    return _start(key, spec, pick_rate(params.eta, eta), pick_rate(params.epsilon, epsilon))


def _act(
    key: random.AnyKey, params: EpsilonEXP3Params, state: EpsilonState, obs: Observation
) -> tuple[Action, EpsilonState]:
    del params, obs
    return _forward(key, state, explores=True)


def _forward(
    key: random.AnyKey, state: EpsilonState, *, explores: bool
) -> tuple[Action, EpsilonState]:
    policy = _policy(state, explores)
    leaf, visits = descend(state.tree, policy, key, state.ones, path_weight=explores)
    return Action(leaf, policy, state.change), replace(state, visits=visits)


def _update(
    params: EpsilonEXP3Params, state: EpsilonState, action: Action, feedback: Feedback
) -> EpsilonState:
    del params, action
    return _learn(state, feedback.cost, explores=True)


epsilon_exp3 = Algorithm(_init, _act, _update, counter=True)
"""eps-EXP3 (algorithm 2), tuned to the horizon; parameters :class:`EpsilonEXP3Params`."""


# --- EXP3 at every node ---------------------------------------------------------------------------


def _init_exp3(key: jax.Array, params: EXP3Params, spec: Spec) -> EpsilonState:
    eta = spec.horizon**-0.5
    return _start(key, spec, pick_rate(params.eta, eta), jnp.zeros(()))


def _act_exp3(
    key: random.AnyKey, params: EXP3Params, state: EpsilonState, obs: Observation
) -> tuple[Action, EpsilonState]:
    del params, obs
    return _forward(key, state, explores=False)


def _update_exp3(
    params: EXP3Params, state: EpsilonState, action: Action, feedback: Feedback
) -> EpsilonState:
    del params, action
    return _learn(state, feedback.cost, explores=False)


exp3 = Algorithm(_init_exp3, _act_exp3, _update_exp3, counter=True)
"""Every node runs EXP3 by itself, as if each of its jobs were all there is (section 7)."""


# --- anytime --------------------------------------------------------------------------------------


def _init_anytime(key: jax.Array, params: AnytimeParams, spec: Spec) -> EpsilonState:
    del params
    state = _start(key, spec, jnp.zeros(()), jnp.zeros(()))
    everywhere = jnp.zeros(state.eta.shape, bool)
    return replace(state, change=state.change._replace(everywhere=everywhere))


def _act_anytime(
    key: random.AnyKey, params: AnytimeParams, state: EpsilonState, obs: Observation
) -> tuple[Action, EpsilonState]:
    del obs
    tree, like = state.tree, state.eta
    rounds = state.rounds + 1
    begins = (rounds & (rounds - 1)) == 0  # round 2^m begins the epoch m
    # A power of two is exact in any precision; the small addend settles which one it is.
    exponent = jnp.floor(jnp.log2(rounds.astype(like.dtype)) + 1e-3)
    eta = jnp.exp2(-exponent * (tree.depth / (tree.depth + 1)))
    epsilon = tree.width * jnp.exp2(-exponent / (tree.depth + 1))

    def start(table: Levels, value: Levels) -> Levels:
        return tuple(jnp.where(begins[None, None], v, t) for t, v in zip(table, value, strict=True))

    state = replace(
        state,
        high=start(state.high, tables(tree, like, 0.0, -jnp.inf)),
        low=start(state.low, tables(tree, like, 0.0)),
        learned=start(state.learned, uniform_policy(tree, like)),
        change=state.change._replace(everywhere=begins),
        eta=jnp.where(begins, params.eta_scale * eta, state.eta),
        epsilon=jnp.where(begins, jnp.minimum(params.epsilon_scale * epsilon, 1), state.epsilon),
        rounds=rounds,
    )
    return _forward(key, state, explores=True)


anytime_epsilon_exp3 = Algorithm(_init_anytime, _act_anytime, _update, counter=True)
"""eps-EXP3 in epochs of 1, 2, 4, ... rounds, each tuned to its length (algorithm 3)."""
