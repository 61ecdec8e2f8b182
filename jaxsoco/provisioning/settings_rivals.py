"""Parameters of the rivals: learners of constrained processes from other papers. No JAX."""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import setting, settings
from jaxsoco.provisioning.settings_learners import Confidence, Exploration, Frozen, Steps

_DRAWN = "it moves the draws of actions, which are not differentiated"
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


@settings
class PPOParams(Paths):
    """Proximal policy optimisation over a table of policies, and its budgets.

    >>> from jaxsoco.provisioning import PPOParams
    >>> PPOParams(batch=32, learning_rate=0.02).clip
    0.2
    """

    batch: int = setting(
        "episodes between two updates of the policy", default=16, low=2, high=10_000, static=True
    )
    epochs: int = setting(
        "gradient steps of an update, each over the whole batch",
        default=4,
        low=1,
        high=1000,
        static=True,
    )
    learning_rate: float = setting(
        "step of Adam; it falls linearly to 0 over the K episodes",
        default=0.05,
        above=0,
        high=10,
        gradient="biased",
        reason=_DRAWN,
    )
    clip: float = setting(
        "how far the quotient of new and old probabilities counts",
        default=0.2,
        above=0,
        high=1,
        gradient="biased",
        reason=_DRAWN,
    )
    entropy: float = setting(
        "weight of the policy's entropy in the objective",
        default=0.0,
        low=0,
        high=1000,
        gradient="biased",
        reason=_DRAWN,
    )
    trace: float = setting(
        "lambda of generalised advantage estimation: 0 trusts the values, 1 the sums observed",
        default=0.95,
        low=0,
        high=1,
        gradient="biased",
        reason=_DRAWN,
    )


@settings
class PPOLagrangianParams(Multiplied, PPOParams):
    """As :class:`PPOParams`, with a price of consumption.

    >>> from jaxsoco.provisioning import PPOLagrangianParams
    >>> PPOLagrangianParams(path="fixed", budget=3.0, rate=0.01).batch
    16
    """

    proportional: float = setting(
        "weight in the multiplier of what the last batch overspent an episode; damps its swings",
        default=0.0,
        low=0,
        high=1_000_000,
        gradient="no",
        reason=_JUMPS,
    )
