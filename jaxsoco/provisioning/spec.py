"""What the world, the learner and the ledger of online provisioning are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import align
from jaxsoco.provisioning.theory.service import distance_cost, distance_slope


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """A constrained decision process and the costs of its budget. Leaves may carry lanes.

    A learner may read everything but ``transition`` and the law of the targets (``target``,
    ``swing``, ``period``, ``jitter``), which are nature's; ``oracle`` alone reads ``transition``.
    Of ``loss`` and ``consumption`` it reads :attr:`told_loss` and :attr:`told_consumption`.
    With ``T`` slots, ``S`` states and ``A`` actions; a leading axis of 1 means "in every slot":

    Attributes:
      loss: loss of a slot, in [0, 1], ``[T, S, A, ...]`` or ``[1, S, A, ...]``.
      consumption: resources that a slot takes, in [0, 1], likewise.
      transition: probabilities of the next state, ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      initial: distribution of the first state, ``[S, ...]``.
      baseline: action probabilities of a policy that is known to be safe, as ``loss``.
      base_consumption: its expected consumption, below ``budget_low``, ``[...]``.
      budget_low: least budget ``B0``, ``[...]``.
      budget_high: largest budget, ``[...]``.
      latency_weight: cost of a unit of loss (beta), ``[...]``.
      switching: cost of a squared unit of change of the budget (alpha), ``[...]``.
      price: linear cost of the budget (M1), ``[...]``.
      tracking: weight of the squared distance to the episode's target (M2), ``[...]``.
      anchoring: weight of the squared distance to ``anchor`` (M0), ``[...]``.
      anchor: where the budget would rather be (rho_0), ``[...]``.
      target: mean of the targets rho_k, ``[...]``.
      swing: amplitude of their sine, ``[...]``.
      period: its period in episodes, ``[...]``.
      jitter: standard deviation of their noise, ``[...]``.
      cost_noise: standard deviation of noise in the consumption that is observed, ``[...]``.
      cost_seen: probability that a slot's consumption is observed, ``[...]``.
      loss_noise: standard deviation of noise in the loss that is observed, ``[...]``.
      loss_seen: probability that a slot's loss is observed, ``[...]``.
      loss_bias: factor between the loss that learners are told and the true one, ``[...]``.
      consumption_bias: the same of the consumption, ``[...]``.
      width: width ``w`` of the service cost's shape, ``[...]``.
      episodes: number of episodes ``K``, int ``[...]``.
      slots: ``T`` (static).
      service_shape: shape of the service cost around its target (static), see
        :mod:`~jaxsoco.provisioning.theory.service`.
      recorded: arrivals of consecutive slots, ``[bins, ...]``, which the queue meets in this order,
        whatever ``transition`` says; None where arrivals are drawn. Nature's, too.
    """

    loss: jax.Array
    consumption: jax.Array
    transition: jax.Array
    initial: jax.Array
    baseline: jax.Array
    base_consumption: jax.Array
    budget_low: jax.Array
    budget_high: jax.Array
    latency_weight: jax.Array
    switching: jax.Array
    price: jax.Array
    tracking: jax.Array
    anchoring: jax.Array
    anchor: jax.Array
    target: jax.Array
    swing: jax.Array
    period: jax.Array
    jitter: jax.Array
    cost_noise: jax.Array
    cost_seen: jax.Array
    loss_noise: jax.Array
    loss_seen: jax.Array
    loss_bias: jax.Array
    consumption_bias: jax.Array
    width: jax.Array
    episodes: jax.Array
    slots: int = field(metadata={"static": True})
    service_shape: str = field(default="quadratic", metadata={"static": True})
    recorded: jax.Array | None = None

    @property
    def states(self) -> int:
        """Number of states ``S``."""
        return self.loss.shape[1]

    @property
    def actions(self) -> int:
        """Number of actions ``A``."""
        return self.loss.shape[2]

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the numbers."""
        return self.loss.dtype

    @property
    def told_loss(self) -> jax.Array:
        """The loss that learners are told, as ``loss``: ``loss_bias`` times it, in [0, 1]."""
        return _scaled(self.loss, self.loss_bias)

    @property
    def told_consumption(self) -> jax.Array:
        """The consumption that learners are told, as ``consumption``, likewise."""
        return _scaled(self.consumption, self.consumption_bias)

    @property
    def curvature(self) -> jax.Array:
        """Strong convexity of the service costs (theta_f), ``[...]``.

        ``2 (anchoring + tracking)``; of other shapes than the square, that of the anchor.
        """
        if self.service_shape != "quadratic":
            return 2 * self.anchoring
        return 2 * (self.anchoring + self.tracking)

    def service(self, budget: jax.Array, target: jax.Array) -> jax.Array:
        """Cost ``f_k`` of a budget in an episode with this target, ``[...]`` each."""
        near = self.tracking * distance_cost(self.service_shape, budget - target, self.width)
        return self.price * budget + (near + self.anchoring * (budget - self.anchor) ** 2)

    def service_slope(self, budget: jax.Array, target: jax.Array) -> jax.Array:
        """Derivative of :meth:`service` in the budget, ``[...]``."""
        if self.service_shape != "quadratic":
            near = self.tracking * distance_slope(self.service_shape, budget - target, self.width)
            return self.price + near + 2 * self.anchoring * (budget - self.anchor)
        near = self.tracking * (budget - target) + self.anchoring * (budget - self.anchor)
        return self.price + 2 * near


def _scaled(table: jax.Array, factor: jax.Array) -> jax.Array:
    """A table ``[T, S, A, ...]`` times a factor ``[...]``, within [0, 1]."""
    lanes = max(table.ndim - 3, jnp.ndim(factor))
    return jnp.clip(align(table, 3, lanes) * align(factor, 0, lanes)[None, None, None], 0, 1)


class Observation(NamedTuple):
    """What the learner sees before it acts: the episode's number from 1 on, int32 ``[...]``."""

    episode: jax.Array


class Action(NamedTuple):
    """A decision for one episode.

    Attributes:
      budget: ``b_k``, ``[...]``.
      policy: action probabilities, ``[T, S, A, ...]``.
      multiplier: the learner's price of the budget, for the ledger, ``[...]``.
      fallback: whether it plays the baseline because nothing else is safe, bool ``[...]``.
    """

    budget: jax.Array
    policy: jax.Array
    multiplier: jax.Array
    fallback: jax.Array


class Feedback(NamedTuple):
    """What the learner is told after an episode.

    Attributes:
      slope: ``f_k'(b_k)``, ``[...]``.
      states: the trajectory, int32 ``[T + 1, ...]``.
      actions: int32 ``[T, ...]``.
      spent: observed consumption of every slot, ``[T, ...]``.
      seen: whether it was observed, bool ``[T, ...]``.
      lost: observed loss of every slot, ``[T, ...]``.
      loss_seen: whether it was observed, bool ``[T, ...]``.
    """

    slope: jax.Array
    states: jax.Array
    actions: jax.Array
    spent: jax.Array
    seen: jax.Array
    lost: jax.Array
    loss_seen: jax.Array


class Costs(NamedTuple):
    """One episode's ledger, ``[...]`` each: expected values under the true dynamics.

    Attributes:
      service: ``f_k(b_k)``.
      switching: ``alpha (b_k - b_{k-1})^2`` with ``b_0 = 0``.
      latency: ``beta`` times the policy's expected loss.
      consumption: the policy's expected consumption.
      violation: how far that exceeds the budget.
      budget: ``b_k``.
      multiplier: the learner's price of the budget.
      fallback: 1 if it fell back to the baseline.
    """

    service: jax.Array
    switching: jax.Array
    latency: jax.Array
    consumption: jax.Array
    violation: jax.Array
    budget: jax.Array
    multiplier: jax.Array
    fallback: jax.Array
