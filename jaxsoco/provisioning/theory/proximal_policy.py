"""Proximal policy optimisation over tables, for one run: losses and steps, without lanes.

A policy has logits ``theta_t(s, a)``; the two costs ``c``, loss and consumption, have values
``v^c_t(s)``. After ``N`` episodes, with ``v_T = 0`` and the price ``lambda``::

    delta^c_t = c_t(s_t, a_t) + v^c_{t+1}(s_{t+1}) - v^c_t(s_t)
    A^c_t     = delta^c_t + trace A^c_{t+1},   R^c_t = A^c_t + v^c_t(s_t)
    A         = A^loss + lambda A^consumption, minus its mean, over its standard deviation
    r         = pi_theta(a|s) / pi_old(a|s)
    objective = mean max(r A, clip(r, 1 - clip, 1 + clip) A) + mean (v - R)^2 / 2
                - entropy mean H(pi_theta(.|s))

is lowered by ``epochs`` steps of Adam; costs are paid, hence the maximum. Sources: Schulman,
Wolski, Dhariwal, Radford, Klimov, arXiv 1707.06347; advantages: Schulman et al., arXiv 1506.02438.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxsoco.core.lanes import one_hot
from jaxsoco.provisioning.settings_rivals import PPOParams

ADAM = optax.scale_by_adam()
"""With its usual decays, 0.9 and 0.999; the learning rate is applied outside."""


class Weights(NamedTuple):
    """What is learned: logits ``[T, S, A]`` and values of loss and consumption, ``[2, T, S]``."""

    logits: jax.Array
    values: jax.Array


class Batch(NamedTuple):
    """Episodes of one policy, as what was met.

    Attributes:
      states: one-hot, ``[N, T, S]``.
      actions: one-hot, ``[N, T, A]``.
      advantage: ``A``, ``[N, T]``.
      returns: ``R``, ``[2, N, T]``.
      logarithm: of the old probability of the action, ``[N, T]``.
    """

    states: jax.Array
    actions: jax.Array
    advantage: jax.Array
    returns: jax.Array
    logarithm: jax.Array


def log_policy(logits: jax.Array, states: jax.Array) -> jax.Array:
    """Logarithms of the probabilities of all actions where the episodes went, ``[N, T, A]``."""
    return jax.nn.log_softmax(jnp.einsum("tsa,nts->nta", logits, states), axis=2)


def advantages(
    values: jax.Array, costs: jax.Array, trace: jax.Array | float | float
) -> tuple[jax.Array, jax.Array]:
    """Generalised advantages and returns, ``[2, N, T]`` each.

    Args:
      values: of the states that were met, ``[2, N, T]``.
      costs: of the pairs that were met, ``[2, N, T]``.
      trace: lambda of the estimator.
    """
    after = jnp.concatenate([values[:, :, 1:], jnp.zeros_like(values[:, :, :1])], axis=2)
    deltas = jnp.moveaxis(costs + after - values, 2, 0)

    def step(ahead, delta):
        now = delta + trace * ahead
        return now, now

    _, estimates = jax.lax.scan(step, jnp.zeros_like(deltas[0]), deltas, reverse=True)
    estimates = jnp.moveaxis(estimates, 0, 2)
    return estimates, estimates + values


def collect(
    params: PPOParams,
    weights: Weights,
    tables: jax.Array,
    price: jax.Array,
    episodes: tuple[jax.Array, jax.Array],
) -> Batch:
    """Advantages and old probabilities of episodes.

    Args:
      params: the constants.
      weights: of the policy that was played.
      tables: loss and consumption, ``[2, T, S, A]``.
      price: ``lambda``.
      episodes: states int32 ``[N, T + 1]`` and actions int32 ``[N, T]``.
    """
    s, a, dtype = *weights.logits.shape[1:], weights.logits.dtype
    states = one_hot(episodes[0][:, :-1], s, 2, dtype)
    actions = one_hot(episodes[1], a, 2, dtype)
    costs = jnp.einsum("ctsa,nts,nta->cnt", tables, states, actions)
    values = jnp.einsum("cts,nts->cnt", weights.values, states)
    estimates, returns = advantages(values, costs, params.trace)
    advantage = estimates[0] + price * estimates[1]
    # Where all advantages are alike there is nothing to learn, and nothing is divided by 0.
    width = jnp.std(advantage)
    advantage = (advantage - jnp.mean(advantage)) / jnp.where(width > 0, width, 1)
    logarithm = jnp.sum(log_policy(weights.logits, states) * actions, axis=2)
    return Batch(states, actions, advantage, returns, logarithm)


def objective(weights: Weights, batch: Batch, params: PPOParams) -> jax.Array:
    """What a step lowers: the clipped surrogate, the values' errors, minus the entropy."""
    logs = log_policy(weights.logits, batch.states)
    quotient = jnp.exp(jnp.sum(logs * batch.actions, axis=2) - batch.logarithm)
    near = jnp.clip(quotient, 1 - params.clip, 1 + params.clip)
    surrogate = jnp.maximum(quotient * batch.advantage, near * batch.advantage)
    values = jnp.einsum("cts,nts->cnt", weights.values, batch.states)
    errors = jnp.sum(jnp.mean((values - batch.returns) ** 2, axis=(1, 2))) / 2
    entropy = -jnp.mean(jnp.sum(jnp.exp(logs) * logs, axis=2))
    return jnp.mean(surrogate) + errors - params.entropy * entropy


def improve(
    params: PPOParams, weights: Weights, moments: Any, batch: Batch, share: jax.Array
) -> tuple[Weights, Any]:
    """``epochs`` steps of Adam on one batch; ``share`` of the learning rate is left."""

    def step(_, now):
        weights, moments = now
        slopes = jax.grad(objective)(weights, batch, params)
        steps, moments = ADAM.update(slopes, moments)
        rate = params.learning_rate * share
        return jax.tree.map(lambda x, step: x - rate * step, weights, steps), moments

    return jax.lax.fori_loop(0, params.epochs, step, (weights, moments))
