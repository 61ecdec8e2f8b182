"""Parameters of the learners that other papers bring: rivals of eps-EXP3. No JAX.

``K`` is the most children of a node (at least 2), ``N`` the number of leaves, ``E`` that of all
nodes, leaves included, ``T`` the horizon.
"""

from __future__ import annotations

from typing import Any

from jaxsoco.core.settings import setting, settings
from jaxsoco.multistage.settings_learners import DRAWN

_JUMPS = "a node's choice jumps from one child to another"


def _rate(theory: str) -> Any:
    options = {"above": 0, "high": 1000, "gradient": "biased", "reason": DRAWN}
    return setting("learning rate", default=None, theory=theory, **options)


def _exploration(theory: str) -> Any:
    options = {"above": 0, "high": 1, "gradient": "biased", "reason": DRAWN}
    return setting("exploration", default=None, theory=theory, **options)


def _confidence(text: str, default: float) -> Any:
    return setting(text, default=default, low=0, high=1000, gradient="no", reason=_JUMPS)


@settings
class EXP3IXParams:
    """Rates in ``p = softmax(eta theta)``, ``theta_m -= c / (p_m + gamma)``.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)
    >>> algorithm, params = jaxsoco.learner("multistage/exp3_ix", eta=0.5)
    >>> float(jaxsoco.resolve(tree, algorithm, params).gamma)
    0.25
    """

    eta: float | None = _rate("sqrt(2 log K / (K T))")
    gamma: float | None = setting(
        "implicit exploration",
        default=None,
        low=0,
        high=1000,
        theory="eta / 2",
        gradient="biased",
        reason=DRAWN,
    )


@settings
class EXP3PParams:
    """Rates in ``p = gamma / K_i + (1 - gamma) softmax(eta G)``, with ``beta / p`` added to gains.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)
    >>> algorithm, params = jaxsoco.learner("multistage/exp3_p")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).gamma), 4)
    0.0391
    """

    delta: float = setting(
        "probability with which the bound may fail, in beta",
        default=0.05,
        above=0,
        high=1,
        gradient="biased",
        reason=DRAWN,
    )
    eta: float | None = _rate("0.95 sqrt(log K / (K T))")
    gamma: float | None = _exploration("min(1, 1.05 sqrt(K log K / T))")
    beta: float | None = setting(
        "optimism of the estimates",
        default=None,
        low=0,
        high=1000,
        theory="sqrt(log(K / delta) / (K T))",
        gradient="biased",
        reason=DRAWN,
    )


@settings
class TsallisINFParams:
    """Rate ``eta_n = eta_scale / sqrt(n)`` at a node's n-th job.

    >>> from jaxsoco.multistage import TsallisINFParams
    >>> TsallisINFParams()
    TsallisINFParams(eta_scale=2.0)
    """

    eta_scale: float = setting(
        "learning rate of the first job",
        default=2.0,
        above=0,
        high=1000,
        gradient="biased",
        reason=DRAWN,
    )


@settings
class EXP3SParams:
    """Rates in ``p = gamma / K_i + (1 - gamma) w / sum w``, weights shared with ``alpha``.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)
    >>> algorithm, params = jaxsoco.learner("multistage/exp3_s", switches=3)
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).gamma), 4)
    0.1963
    """

    switches: float = setting(
        "changes of the best arm that gamma is tuned to, S - 1",
        default=1.0,
        low=0,
        high=1e9,
        gradient="biased",
        reason=DRAWN,
    )
    gamma: float | None = _exploration("min(1, sqrt(K (S log(K T) + e) / ((e - 1) T)))")
    alpha: float | None = setting(
        "share of its weight that a node spreads over its children after a job",
        default=None,
        low=0,
        high=1,
        theory="1 / T",
        gradient="biased",
        reason=DRAWN,
    )


@settings
class UCB1Params:
    """A child's radius is ``sqrt(exploration log n / N_m)``.

    >>> from jaxsoco.multistage import UCB1Params
    >>> UCB1Params()
    UCB1Params(exploration=2.0)
    """

    exploration: float = _confidence("factor of log n under the root", 2.0)


@settings
class DiscountedUCBParams:
    """A child's radius is ``2 sqrt(exploration log n / N_m)`` with counts that are discounted.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=10_000)
    >>> algorithm, params = jaxsoco.learner("multistage/discounted_ucb")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).discount), 4)
    0.9975
    """

    discount: float | None = setting(
        "gamma, what a job counts after the next one",
        default=None,
        above=0,
        high=1,
        theory="1 - sqrt(S / T) / 4",
        gradient="no",
        reason=_JUMPS,
    )
    switches: float = setting(
        "changes of law that the discount is tuned to, S",
        default=1.0,
        above=0,
        high=1e9,
        gradient="no",
        reason=_JUMPS,
    )
    exploration: float = _confidence("xi, factor of log n under the root", 0.5)


@settings
class SlidingWindowUCBParams:
    """A child's radius is ``sqrt(exploration log n / N_m)`` with counts over a window.

    The theory's window, ``2 sqrt(T log T / S)``, is 2146 for one change of law in 100,000 rounds;
    the default is a compromise for 10,000 to 100,000.

    >>> from jaxsoco.multistage import SlidingWindowUCBParams
    >>> SlidingWindowUCBParams(window=500)
    SlidingWindowUCBParams(window=500, exploration=0.6)
    """

    window: int = setting(
        "tau, jobs that a node remembers", default=1000, low=1, high=1_000_000, static=True
    )
    exploration: float = _confidence("xi, factor of log n under the root", 0.6)


@settings
class LeafEXP3Params:
    """Rate in ``q = softmax(eta theta)`` over the leaves.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)  # 4 leaves
    >>> algorithm, params = jaxsoco.learner("multistage/leaf_exp3")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).eta), 4)
    0.0263
    """

    eta: float | None = _rate("sqrt(2 log N / (N T))")


@settings
class NodeEXP4Params:
    """Rate in ``v = softmax(eta theta)`` over the experts.

    >>> tree = jaxsoco.make("multistage/bernoulli_tree", horizon=1000)  # 7 nodes, 4 of them leaves
    >>> algorithm, params = jaxsoco.learner("multistage/node_exp4")
    >>> round(float(jaxsoco.resolve(tree, algorithm, params).eta), 4)
    0.0312
    """

    eta: float | None = _rate("sqrt(2 log E / (N T))")
