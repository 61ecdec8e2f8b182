"""OptPess-PrimalDual: one dynamic program an episode, and a queue of what was overspent.

Episode ``k``, with the empirical transitions ``p``, the bonus ``u = T S sqrt(L' / n)`` of
:mod:`~jaxsoco.provisioning.theory.optimism`, and ``x_1 = 0``::

    eta_k     = (b_k - b_base) T sqrt(k)
    epsilon_k = tightening 5 T^2 sqrt(S^3 A) (log(k / delta) + 1) / sqrt(k log(k / delta))
    lambda_k  = x_k / eta_k
    pi_k      = argmin V(pi; p)  of the cost (l - u) + lambda_k (d - u)
    x_{k+1}   = max(0, x_k + V_{d-u}(pi_k; p) + epsilon_k - b_k)

Optimistic in both costs, pessimistic in the queue ``x``: it fills by more than was spent. ``b_k``
is fixed, or BLOL's (:mod:`~jaxsoco.provisioning.learners.blol`, without a warm-up). No baseline is
played.

Guarantee, for ``conf_scale = tightening = 1`` and one budget: with high probability the sum of
consumption above the budget, episodes below it included, stays bounded in ``K``, and the regret is
of order ``T^3 sqrt(S^3 A K) / (b - b_base)`` up to logarithms.

Liu, Zhou, Kalathil, Kumar, Tian, NeurIPS 2021, "Learning policies with zero or bounded constraint
violation for constrained MDPs" (arXiv 2106.02684), OptPess-PrimalDual, for known costs.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, spread
from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._rivals import begin_path, follow_path, resolve
from jaxsoco.provisioning.learners._shared import Descent
from jaxsoco.provisioning.settings_rivals import OptPessPrimalDualParams
from jaxsoco.provisioning.spec import Action, Feedback, Observation, Spec
from jaxsoco.provisioning.theory.balde import Experience, learn, no_counts
from jaxsoco.provisioning.theory.optimism import empirical_model
from jaxsoco_kernels.occupancy import extended_value_iteration, policy_value


class PrimalDualState(NamedTuple):
    """State of OptPess-PrimalDual.

    Attributes:
      descent: the budget.
      seen: transitions met.
      slots: zeros ``[T, ...]``, in whose shape the number of slots stands.
      queue: ``x_k``, ``[...]``.
      price: ``lambda_k``, ``[...]``.
      filling: what ``x_{k+1}`` adds to ``x_k``, ``[...]``.
    """

    descent: Descent
    seen: Experience
    slots: jax.Array
    queue: jax.Array
    price: jax.Array
    filling: jax.Array


def init(key: jax.Array, params: OptPessPrimalDualParams, spec: Spec) -> PrimalDualState:
    """Nothing seen, an empty queue."""
    zeros = jnp.zeros(key.shape[1:], spec.dtype)
    seen = Experience(no_counts(params, spec, zeros), None, None, None, None)
    slots = jnp.zeros((spec.slots, *zeros.shape), spec.dtype)
    return PrimalDualState(begin_path(key, params, spec), seen, slots, zeros, zeros, zeros)


def act(
    key: jax.Array, params: OptPessPrimalDualParams, state: PrimalDualState, obs: Observation
) -> tuple[Action, PrimalDualState]:
    """The budget, and the best policy at the price of the queue; nothing is drawn."""
    del key
    descent = state.descent._replace(episode=obs.episode)
    known, budget, slots = descent.known, descent.budget, state.slots.shape[0]
    transition, bonus, loss, consumption = empirical_model(params, known, state.seen.counts, slots)
    number = obs.episode.astype(budget.dtype)
    # lambda_k = x_k / eta_k
    price = state.queue / ((budget - known.base_consumption) * slots * jnp.sqrt(number))
    hopeful, spent = loss - bonus, consumption - bonus
    cost = hopeful + price[None, None, None] * spent
    actions, _, _ = extended_value_iteration(cost, transition, transition)
    policy = one_hot(actions, loss.shape[2], 2, budget.dtype)
    used = policy_value(policy, spent, transition, known.initial)
    filling = used + kept_back(params, loss.shape[:3], number) - budget
    state = state._replace(descent=descent, price=price, filling=filling)
    return Action(budget, policy, price, jnp.zeros(budget.shape, bool)), state


def kept_back(
    params: OptPessPrimalDualParams, shape: tuple[int, ...], number: jax.Array
) -> jax.Array:
    """``epsilon_k`` of episode ``k = number [...]``, for ``shape = (T, S, A)``."""
    slots, s, a = shape
    tightening, delta = spread((params.tightening, params.delta), number)
    log = jnp.log(number / delta)
    return tightening * 5 * slots**2 * (s**3 * a) ** 0.5 * (log + 1) / jnp.sqrt(number * log)


def update(
    params: OptPessPrimalDualParams, state: PrimalDualState, action: Action, feedback: Feedback
) -> PrimalDualState:
    """Counts the trajectory, fills the queue, moves the budget."""
    del action
    return state._replace(
        descent=follow_path(params, state.descent, feedback, state.price),
        seen=learn(state.seen, feedback),
        queue=jnp.maximum(state.queue + state.filling, 0),
    )


optpess_primal_dual = Algorithm(init, act, update, resolve=resolve)
"""OptPess-PrimalDual; parameters :class:`~jaxsoco.provisioning.OptPessPrimalDualParams`."""
