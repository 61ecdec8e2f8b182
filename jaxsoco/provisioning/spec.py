"""What the world, the learner and the ledger of online provisioning are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """A constrained decision process and the costs of its budget. Leaves may carry lanes.

    A learner may read everything but ``transition`` and the law of the targets (``target``,
    ``swing``, ``period``, ``jitter``), which are nature's; ``oracle`` alone reads ``transition``.
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
      episodes: number of episodes ``K``, int ``[...]``.
      slots: ``T`` (static).
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
    episodes: jax.Array
    slots: int = field(metadata={"static": True})

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
    def curvature(self) -> jax.Array:
        """Strong convexity of the service costs (theta_f), ``[...]``."""
        return 2 * (self.anchoring + self.tracking)

    def service(self, budget: jax.Array, target: jax.Array) -> jax.Array:
        """Cost ``f_k`` of a budget in an episode with this target, ``[...]`` each."""
        near = self.tracking * (budget - target) ** 2 + self.anchoring * (budget - self.anchor) ** 2
        return self.price * budget + near

    def service_slope(self, budget: jax.Array, target: jax.Array) -> jax.Array:
        """Derivative of :meth:`service` in the budget, ``[...]``."""
        near = self.tracking * (budget - target) + self.anchoring * (budget - self.anchor)
        return self.price + 2 * near


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
    """

    slope: jax.Array
    states: jax.Array
    actions: jax.Array
    spent: jax.Array
    seen: jax.Array


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
