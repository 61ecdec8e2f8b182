"""Parameters of the rivals: learners of constrained processes from other papers. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import setting, settings
from jaxsoco.provisioning.settings_learners import Confidence, Exploration, Frozen, Steps

_JUMPS = "policies jump where another action becomes the best, and are constant in between"


@settings
class Paths(Frozen, Steps):
    """Which budgets a rival has: its papers know but one, which is given."""

    path: Literal["blol", "fixed"] = setting(
        "budgets: BLOL's steps along f' minus beta times the learner's own multiplier, or one "
        "fixed budget",
        default="blol",
    )


@settings
class OptCMDPParams(Paths, Confidence):
    """The confidence set of OptCMDP, and its budgets.

    >>> from jaxsoco.provisioning import OptCMDPParams
    >>> OptCMDPParams(path="fixed", budget=3.0).conf_scale
    1.0
    """


@settings
class OptPessLPParams(Paths, Confidence):
    """The radius of OptPess-LP, and its budgets.

    >>> from jaxsoco.provisioning import OptPessLPParams
    >>> OptPessLPParams(conf_scale=0.01).path
    'blol'
    """


@settings
class OptPessPrimalDualParams(Paths, Confidence):
    """The radius and the tightening of OptPess-PrimalDual, and its budgets.

    >>> from jaxsoco.provisioning import OptPessPrimalDualParams
    >>> OptPessPrimalDualParams(tightening=1e-4).tightening
    0.0001
    """

    tightening: float = setting(
        "factor on what is kept back of the budget, epsilon_k; 1 is the paper's",
        default=1.0,
        low=0,
        high=1000,
        gradient="no",
        reason=_JUMPS,
    )


@settings
class Multiplied:
    """How fast a running multiplier moves."""

    rate: float | None = setting(
        "step of the multiplier, in price per block above the budget",
        default=None,
        above=0,
        high=1_000_000,
        theory="1 / sqrt(K)",
        gradient="no",
        reason=_JUMPS,
    )


@settings
class PrimalDualQParams(Multiplied, Paths, Exploration):
    """Epsilon-greedy Q-learning with a price of consumption, and its budgets.

    >>> from jaxsoco.provisioning import PrimalDualQParams
    >>> PrimalDualQParams(exploration=0.05, rate=0.1).path
    'blol'
    """
