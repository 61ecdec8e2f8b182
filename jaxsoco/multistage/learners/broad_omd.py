"""Broad-OMD at every node: log-barrier mirror descent (Wei and Luo, COLT 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import hold, runtime_ones
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.spec import Action, Change, Feedback, Levels, Observation, Policy, Spec
from jaxsoco.multistage.theory.descent import Visit, descend, start_change, tables, uniform_policy
from jaxsoco.multistage.theory.tree import Tree
from jaxsoco.multistage.theory.values import look_up, pick, put
from jaxsoco_kernels.mirror import add_compensated, log_barrier_move


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BroadOMDParams:
    """``eta``: first learning rate of every arm (the theory wants at most 1/162).

    ``variant`` (static): ``"v1"``, optimistic with the last loss of each arm and increasing rates;
    ``"v0"``, not optimistic, halves a node's rate and starts it anew when its losses have varied
    enough; ``"v2"``, neither.
    """

    eta: jax.Array | float = 1 / 162
    variant: str = field(default="v1", metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BroadOMDState:
    """State of Broad-OMD; ``[n, K, ...] by level`` but for the last ones.

    Attributes:
      inverse: ``1 / w'``, infinite for absent children.
      rest: what rounding took from it.
      learned: ``w``, what is played.
      guess: ``m``, last loss seen on each arm.
      eta: learning rates.
      bar: ``rho``, the inverse weight that raises a rate (v1); ``Z`` in the first arm (v0).
      change: the path of the round before, and the new play probabilities there.
      visits: the way of this round's job.
      log_horizon: ``ln T``, at least ``ln 2``, ``[...]``.
      ones: see :func:`jaxsoco.core.lanes.hold`, ``[K, ...]``.
      tree: the tree (static).
    """

    inverse: Levels
    rest: Levels
    learned: Levels
    guess: Levels
    eta: Levels
    bar: Levels
    change: Change
    visits: tuple[Visit, ...]
    log_horizon: jax.Array
    ones: jax.Array
    tree: Tree = field(metadata={"static": True})


_TABLES = ("inverse", "rest", "learned", "guess", "eta", "bar")


def broad_omd_params(values: Mapping[str, Any]) -> BroadOMDParams:
    """Parameters from an experiment's values."""
    return BroadOMDParams(jnp.asarray(values["eta"], float), values["variant"])


def _init(key: jax.Array, params: BroadOMDParams, spec: Spec) -> BroadOMDState:
    tree, lanes = spec.tree, spec.lanes(key.shape[1:])
    ones = runtime_ones(key, tree.width, spec.chance.dtype)
    ones = jnp.broadcast_to(ones, (ones.shape[0], *lanes))
    like, zeros = ones[0], jnp.zeros(lanes, jnp.int32)
    uniform = uniform_policy(tree, like)
    eta = jnp.broadcast_to(jnp.asarray(params.eta, like.dtype), lanes)[None, None]
    bar = tables(tree, like, 0.0)
    if params.variant == "v1":
        bar = tuple(2 / jnp.max(w, axis=1, keepdims=True) + 0 * w for w in uniform)
    return BroadOMDState(
        inverse=tuple(1 / w for w in uniform),
        rest=tables(tree, like, 0.0),
        learned=uniform,
        guess=tables(tree, like, 0.0),
        eta=tuple(eta + 0 * w for w in uniform),
        bar=bar,
        change=start_change(tree, like),
        visits=tuple(Visit(zeros, zeros, like) for _ in tree.levels),
        log_horizon=jnp.log(jnp.maximum(jnp.broadcast_to(spec.horizon, lanes), 2.0)).astype(
            like.dtype
        ),
        ones=ones,
        tree=tree,
    )


def _act(
    key: random.AnyKey, params: BroadOMDParams, state: BroadOMDState, obs: Observation
) -> tuple[Action, BroadOMDState]:
    del params, obs
    policy = Policy(state.learned, (None,) * state.tree.depth)
    leaf, visits = descend(state.tree, policy, key, state.ones, path_weight=False)
    return Action(leaf, policy, state.change), replace(state, visits=visits)


def _update(
    params: BroadOMDParams, state: BroadOMDState, action: Action, feedback: Feedback
) -> BroadOMDState:
    del action
    step = {"v0": _restarting, "v1": _optimistic, "v2": _plain}[params.variant]
    new: dict[str, list[jax.Array]] = {name: [] for name in _TABLES}
    rows = []
    for d, (level, visit) in enumerate(zip(state.tree.levels, state.visits, strict=True)):
        old = {name: getattr(state, name)[d] for name in _TABLES}
        node = {name: hold(pick(table, visit.place), state.ones) for name, table in old.items()}
        arms = jnp.arange(state.tree.width).reshape(-1, *(1,) * feedback.cost.ndim)
        degree = look_up(level.degree, visit.place).astype(state.ones.dtype)
        moved = step(node, arms == visit.child[None], feedback.cost, degree, state.log_horizon)
        rows.append(hold(moved["learned"], state.ones))
        for name, table in old.items():
            new[name].append(put(table, visit.place, hold(moved[name], state.ones)))
    change = Change(tuple(v.place for v in state.visits), tuple(rows), None)
    return replace(state, change=change, **{name: tuple(rows) for name, rows in new.items()})


Node = dict[str, jax.Array]


def _move(node: Node, losses: jax.Array) -> Node:
    """The node after a log-barrier step from ``w'``, kept as a compensated inverse."""
    absent = jnp.isinf(node["inverse"])
    _, change = log_barrier_move(node["inverse"], jnp.where(absent, 0, losses), node["eta"])
    inverse, rest = add_compensated(
        jnp.where(absent, -jnp.inf, node["inverse"]), node["rest"], jnp.where(absent, 0, change)
    )
    inverse = jnp.where(absent, jnp.inf, inverse)
    return node | {"inverse": inverse, "rest": rest}


def _weights(node: Node) -> jax.Array:
    """``w'`` itself, on the simplex."""
    weights = 1 / (node["inverse"] + node["rest"])
    return weights / jnp.sum(weights, axis=0)[None]


def _estimate(node: Node, chosen: jax.Array, cost: jax.Array, guess: jax.Array) -> jax.Array:
    """Unbiased losses ``m_i + 1{chosen} (cost - m_i) / w_i``."""
    surprise = jnp.where(chosen, (cost[None] - guess) / node["learned"], 0)
    return guess + surprise


def _plain(node: Node, chosen, cost, degree, log_horizon) -> Node:
    del degree, log_horizon
    node = _move(node, _estimate(node, chosen, cost, jnp.zeros_like(node["guess"])))
    return node | {"learned": _weights(node)}


def _optimistic(node: Node, chosen, cost, degree, log_horizon) -> Node:
    del degree
    weights, guess = node["learned"], node["guess"]
    losses = _estimate(node, chosen, cost, guess)
    correction = 6 * node["eta"] * weights * (losses - guess) ** 2
    node = _move(node, losses + correction)
    guess = jnp.where(chosen, cost[None], guess)
    inverse = 1 / jnp.where(weights > 0, weights, 1)
    rising = inverse > node["bar"]
    bar = jnp.where(rising, 2 * inverse, node["bar"])
    eta = jnp.where(rising, node["eta"] * jnp.exp(1 / log_horizon)[None], node["eta"])
    node = node | {"guess": guess, "bar": bar, "eta": eta}
    return node | {"learned": _weights(_move(node, guess))}


def _restarting(node: Node, chosen, cost, degree, log_horizon) -> Node:
    weights = node["learned"]
    losses = _estimate(node, chosen, cost, jnp.zeros_like(weights))
    varied = jnp.sum(jnp.where(weights > 0, (weights * (losses - cost[None])) ** 2, 0), axis=0)
    total = node["bar"][0] + varied
    eta = node["eta"]
    node = _move(node, losses)
    again = (total >= degree * log_horizon / (3 * eta[0] ** 2))[None]
    uniform = jnp.where(jnp.isinf(node["inverse"]), jnp.inf, degree[None])
    node = node | {
        "inverse": jnp.where(again, uniform, node["inverse"]),
        "rest": jnp.where(again, 0, node["rest"]),
        "eta": jnp.where(again, eta / 2, eta),
        "bar": jnp.where(again, 0, total[None] + 0 * eta),
    }
    return node | {"learned": _weights(node)}


broad_omd = Algorithm(_init, _act, _update, counter=True)
"""Every node runs Broad-OMD on its own jobs; parameters :class:`BroadOMDParams`."""
