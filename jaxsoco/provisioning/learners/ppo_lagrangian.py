"""PPO at a price of consumption that follows what was overspent.

As :mod:`~jaxsoco.provisioning.learners.ppo`, with the advantages of the loss plus ``lambda`` times
those of consumption. With ``x = lambda = 0`` at first, and ``e`` the sum over a batch of what the
episodes consumed above their budgets, ``sum_t d_t(s_t, a_t) - b_k``, after every batch::

    x      <- max(0, x + rate e)
    lambda <- max(0, x + proportional e / batch)

``rate`` is ``1 / sqrt(K)`` unless another one is given; ``proportional = 0`` is the usual
multiplier. The budget is fixed, or BLOL's (:mod:`~jaxsoco.provisioning.learners.blol`, without a
warm-up).

No guarantee. PPO: Schulman, Wolski, Dhariwal, Radford, Klimov, arXiv 1707.06347; with a multiplier:
Ray, Achiam, Amodei 2019, "Benchmarking safe exploration in deep reinforcement learning"; damped:
Stooke, Achiam, Abbeel, ICML 2020, "Responsive safety in reinforcement learning by PID Lagrangian
methods".
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._ppo import (
    PPOState,
    act,
    begin,
    improved,
    is_full,
    remember,
)
from jaxsoco.provisioning.learners._rivals import (
    consumed,
    follow_path,
    rate_of,
    resolve_multiplier,
)
from jaxsoco.provisioning.settings_rivals import PPOLagrangianParams
from jaxsoco.provisioning.spec import Action, Feedback


def update(
    params: PPOLagrangianParams, state: PPOState, action: Action, feedback: Feedback
) -> PPOState:
    """Keeps the trajectory; after a batch, improves the policy, then moves the multiplier."""
    del action
    descent, multiplier = state.descent, state.multiplier
    state = improved(params, remember(params, state, feedback))
    spent = consumed(descent.known.consumption, feedback)
    excess, full = state.excess + spent - descent.budget, is_full(params, state)
    integral = jnp.maximum(state.integral + rate_of(params, descent.known) * excess, 0)
    moved = jnp.maximum(integral + params.proportional * excess / params.batch, 0)
    return state._replace(
        descent=follow_path(params, descent, feedback, multiplier),
        excess=jnp.where(full, 0, excess),
        integral=jnp.where(full, integral, state.integral),
        multiplier=jnp.where(full, moved, multiplier),
    )


ppo_lagrangian = Algorithm(begin, act, update, resolve=resolve_multiplier)
"""PPO with a multiplier; parameters :class:`~jaxsoco.provisioning.PPOLagrangianParams`."""
