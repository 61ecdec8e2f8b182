"""What all problems say of budgets, service costs and observations. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import Rounds, setting, settings


@settings
class Budgeted(Rounds):
    """The budget ``b_k`` of episode ``k`` and its costs.

    ``f_k(b) = price b + tracking phi(b - rho_k) + anchoring (b - anchor)^2`` with the target
    ``rho_k = target + swing sin(2 pi k / period) + jitter N(0, 1)`` and ``phi(x) = x^2`` or another
    ``shape``; an episode costs ``f_k(b_k) + switching (b_k - b_{k-1})^2 + latency_weight
    V_l(pi_k)``, where ``V_l`` is the expected loss.
    """

    budget_low: float = setting("smallest budget (B0)", default=0.0, low=0, high=1000)
    budget_high: float | None = setting(
        "largest budget", default=None, low=0, high=1000, theory="the number of slots T"
    )
    baseline: str = setting(
        "safe policy: probabilities of the actions in every state, separated by commas"
    )
    latency_weight: float = setting(
        "weight of the expected loss (beta)", default=1.0, low=0, high=1e6
    )
    switching: float = setting(
        "weight of the squared change of the budget (alpha)", default=0.5, low=0, high=1e6
    )
    price: float = setting("linear cost of the budget (M1)", default=0.01, low=0, high=1e6)
    tracking: float = setting(
        "weight of the squared distance to the target (M2)", default=0.05, above=0, high=1e6
    )
    anchoring: float = setting(
        "weight of the squared distance to the anchor (M0)", default=0.25, low=0, high=1e6
    )
    anchor: float | None = setting(
        "preferred budget (rho_0)", default=None, low=-1000, high=1000, theory="T / 2"
    )
    target: float | None = setting(
        "mean of the targets rho_k", default=None, low=-1000, high=1000, theory="the anchor"
    )
    swing: float = setting("amplitude of the targets' sine", default=0.5, low=0, high=1000)
    period: float = setting(
        "period of the targets' sine", default=2000.0, above=0, high=1e9, unit="episodes"
    )
    jitter: float = setting(
        "standard deviation of the targets' noise", default=0.1, low=0, high=1000
    )
    shape: Literal["quadratic", "exponential", "piecewise-linear"] = setting(
        "shape phi of the distance to the target; of the last two, only the anchor is strongly "
        "convex",
        default="quadratic",
    )
    width: float = setting(
        "width w of the shapes that are not quadratic", default=1.0, low=0.01, high=1000
    )
    loss_bias: float = setting(
        "factor between the loss that learners are told and the true one",
        default=1.0,
        low=0,
        high=10,
    )
    consumption_bias: float = setting(
        "factor between the consumption that learners are told and the true one",
        default=1.0,
        low=0,
        high=10,
    )
    cost_noise: float = setting(
        "standard deviation of the noise in observed consumption", default=0.0, low=0, high=1000
    )
    cost_seen: float = setting(
        "probability that a slot's consumption is observed", default=1.0, low=0, high=1
    )
    loss_noise: float = setting(
        "standard deviation of the noise in the observed loss", default=0.0, low=0, high=1000
    )
    loss_seen: float = setting(
        "probability that a slot's loss is observed", default=1.0, low=0, high=1
    )
