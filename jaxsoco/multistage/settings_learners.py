"""Parameters of the family's learners. No JAX.

``H`` is the tree's depth, ``K`` the most children of a node, ``K_i`` those of node ``i``, ``T`` the
horizon. Sections and algorithms are those of I-Hong Hou, "Distributed no-regret learning for
multi-stage systems with end-to-end bandit feedback", arXiv 2404.04509.
"""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.settings import setting, settings

DRAWN = "it moves the draws of actions, which are not differentiated"
"""Why rates have no gradient."""


@settings
class EpsilonEXP3Params:
    """Rates in ``x = epsilon / K_i + (1 - epsilon) softmax(eta theta)``.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)  # H = K = 2
    >>> algorithm, params = jaxsoco.learner("multistage/epsilon_exp3", epsilon=0.1)
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).eta), 3)  # 1000^(-2/3)
    0.01
    """

    eta: float | None = setting(
        "learning rate",
        default=None,
        above=0,
        high=1000,
        theory="T^(-H/(H+1))",
        aliases=("theory",),
        gradient="biased",
        reason=DRAWN,
    )
    epsilon: float | None = setting(
        "exploration at nodes above other decision nodes; 0: nothing educates a child",
        default=None,
        low=0,
        high=1,
        theory="min(1, K T^(-1/(H+1)))",
        aliases=("theory",),
        gradient="biased",
        reason=DRAWN,
    )


@settings
class AnytimeParams:
    """Multiples of ``eta = n^(-H/(H+1))``, ``epsilon = K n^(-1/(H+1))`` in an epoch of n rounds.

    >>> from jaxsoco.multistage import AnytimeParams
    >>> AnytimeParams(eta_scale=2.0)
    AnytimeParams(eta_scale=2.0, epsilon_scale=1.0)
    """

    eta_scale: float = setting(
        "multiple of the theory's eta",
        default=1.0,
        above=0,
        high=1000,
        gradient="biased",
        reason=DRAWN,
    )
    epsilon_scale: float = setting(
        "multiple of the theory's epsilon",
        default=1.0,
        above=0,
        high=1000,
        gradient="biased",
        reason=DRAWN,
    )


@settings
class NormalizedEGParams:
    """Rate in ``x = softmax(eta theta)``, ``theta -= costs of the children``.

    >>> algorithm, params = jaxsoco.learner("multistage/normalized_eg", feedback="expected")
    >>> params
    NormalizedEGParams(eta=None, feedback='expected')
    """

    eta: float | None = setting(
        "learning rate",
        default=None,
        above=0,
        high=1000,
        theory="sqrt(log K_i / T)",
        aliases=("theory",),
        gradient="biased",
        reason=DRAWN,
    )
    feedback: Literal["realised", "expected"] = setting(
        "what children report: the realised cost of their choices, or its expectation",
        default="realised",
    )


@settings
class EXP3Params:
    """Rate in ``x = softmax(eta theta)``.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=100)
    >>> algorithm, params = jaxsoco.learner("multistage/exp3")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).eta), 3)  # 100^(-1/2)
    0.1
    """

    eta: float | None = setting(
        "learning rate",
        default=None,
        above=0,
        high=1000,
        theory="T^(-1/2)",
        aliases=("theory",),
        gradient="biased",
        reason=DRAWN,
    )


@settings
class BroadOMDParams:
    """Rate of the log barrier ``sum_m ln(1 / w_m) / eta`` (the theory asks for ``eta <= 1/162``).

    ``variant``: ``"v1"`` is optimistic with the last loss of each arm and raises its rates;
    ``"v0"`` is not optimistic, halves a node's rate and restarts it when its losses have varied
    enough; ``"v2"`` does neither.

    >>> from jaxsoco.multistage import BroadOMDParams
    >>> params = BroadOMDParams(variant="v0")
    >>> params.variant, round(1 / params.eta)
    ('v0', 162)
    """

    eta: float = setting(
        "initial learning rate",
        default=1 / 162,
        above=0,
        high=1,
        gradient="biased",
        reason=DRAWN,
    )
    variant: Literal["v1", "v0", "v2"] = setting(
        "v1: optimistic, increasing rates; v0: rates that halve; v2: a fixed rate", default="v1"
    )


@settings
class OraclePolicyParams:
    """Exploration: a job goes to a child that is worse by ``z`` with probability ``P(z)``.

    ``P(z) = min(max(1/2, q), q z^-decay)`` does not increase with the gap; with ``decay = 0`` it is
    ``q`` for every gap.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=100, depth=2)
    >>> algorithm, params = jaxsoco.learner("multistage/oracle_policy")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).exploration), 3)  # 100^(-1/2)
    0.1
    """

    exploration: float | None = setting(
        "q, the probability of sending a job to a worse child, at the largest gap 1",
        default=None,
        above=0,
        high=1,
        theory="min(1/2, T^-exponent)",
        aliases=("theory",),
        gradient="biased",
        reason=DRAWN,
    )
    exponent: float | None = setting(
        "by which q falls with the horizon, where exploration is auto",
        default=None,
        low=0,
        high=16,
        theory="1/H",
        gradient="biased",
        reason=DRAWN,
    )
    decay: float = setting(
        "power of the gap by which exploration falls; 0: the same for every gap",
        default=0.0,
        low=0,
        high=1,
        gradient="biased",
        reason=DRAWN,
    )
