"""PPO that minimises the latency and ignores the budget; it violates the constraint.

Plays ``pi_theta`` and improves it after every ``batch`` of episodes
(:mod:`~jaxsoco.provisioning.theory.proximal_policy`, with ``lambda = 0``). The budget is fixed, or
follows the service cost alone, BLOL's rule without a multiplier.

No guarantee. Schulman, Wolski, Dhariwal, Radford, Klimov, arXiv 1707.06347.
"""

from __future__ import annotations

from jaxsoco.core.protocol import Algorithm
from jaxsoco.provisioning.learners._ppo import PPOState, act, begin, improved, remember
from jaxsoco.provisioning.learners._rivals import follow_path, resolve
from jaxsoco.provisioning.settings_rivals import PPOParams
from jaxsoco.provisioning.spec import Action, Feedback


def update(params: PPOParams, state: PPOState, action: Action, feedback: Feedback) -> PPOState:
    """Keeps the trajectory, improves the policy after a batch, moves the budget."""
    del action
    state = improved(params, remember(params, state, feedback))
    descent = follow_path(params, state.descent, feedback, state.multiplier)
    return state._replace(descent=descent)


ppo = Algorithm(begin, act, update, resolve=resolve)
"""PPO without a constraint; parameters :class:`~jaxsoco.provisioning.PPOParams`."""
