"""Settings of the worlds in which the rivals differ. No JAX.

All are trees of leaves that cost 1 with some probability, but for the heavy tails.
"""

from __future__ import annotations

from typing import Literal

from jaxsoco.core.schema import ProblemEntry
from jaxsoco.core.settings import setting, settings
from jaxsoco.multistage.settings_problems import AnyTree

_PREPARE = "jaxsoco.multistage.prepare_worlds"
_BUILD = "jaxsoco.multistage.prepare:build"


@settings
class SwitchingTree(AnyTree):
    """One leaf costs 1 with probability ``low``, all others with ``low + gap``; it changes.

    The rounds are cut into ``switches + 1`` equal parts. In ``"tour"`` another leaf is good in each
    part, until all have been: of ``n`` leaves, leaf ``s r mod n`` in part ``s = 0, 1, ..``, with
    ``r`` near ``0.618 n``, so that it is often in another half of the tree. In ``"return"`` the
    first and the last leaf take turns: with many switches, a periodic adversary.

    >>> problem = jaxsoco.make("multistage/switching_tree", horizon=100, switches=1)
    >>> (10 * problem.spec(key).chance).round().tolist()
    [[2.0, 6.0, 6.0, 6.0], [6.0, 6.0, 6.0, 2.0]]
    """

    low: float = setting("expected cost of the good leaf", default=0.2, low=0, high=1)
    gap: float = setting("what the others cost more", default=0.4, low=0, high=1)
    switches: int = setting(
        "how often another leaf becomes good", default=4, low=0, high=100_000, static=True
    )
    order: Literal["tour", "return"] = setting(
        "which leaves become good: all of them, or first and last in turn", default="tour"
    )


@settings
class DelayedTree(SwitchingTree):
    """As ``switching_tree``, but costs arrive later, and some never.

    The cost of a job of round ``t`` reaches the nodes on its way at the end of round ``t + delay``,
    or with probability ``lost`` not at all; the ledger counts it all the same. A node learns by
    the probabilities with which it had sent that job.

    >>> problem = jaxsoco.make("multistage/delayed_tree", horizon=100, delay=20, lost=0.5)
    >>> problem.spec(key).delay, float(problem.spec(key).lost)
    (20, 0.5)
    """

    delay: int = setting(
        "rounds by which costs are late", default=100, low=0, high=1_000_000, static=True
    )
    lost: float = setting("probability that a cost never arrives", default=0.0, low=0, high=1)


@settings
class HeavyTailedTree(SwitchingTree):
    """As ``switching_tree`` in expectation, but costs are Pareto and have no bound.

    A leaf of mean ``m`` costs ``m (1 - 1 / tail) u^(-1 / tail)`` with ``u`` uniform: moments of
    order ``tail`` and above do not exist. All learners of the family assume costs up to 1.

    >>> problem = jaxsoco.make("multistage/heavy_tailed_tree", horizon=100, tail=1.5)
    >>> float(problem.spec(key).tail)
    1.5
    """

    tail: float = setting(
        "index of the Pareto law; up to 2 the variance is infinite",
        default=1.5,
        low=1.001,
        high=1000,
    )


@settings
class ReactiveTree(AnyTree):
    """The last leaf answers to its use: an adaptive adversary with a memory.

    It costs 1 with probability ``cold + (warm - cold) u``, where ``u`` is its share of the jobs,
    averaged over about ``memory`` rounds: ``u <- u + (1{it was reached} - u) / memory``, 0 at
    first. All others cost 1 with probability ``steady``. Whoever always goes there finds it
    ``warm``; no learner whose regret is against costs as they came promises to find that out
    (policy regret: Arora, Dekel and Tewari, ICML 2012). With ``warm > cold`` it is bait, or a
    server that congests.

    >>> problem = jaxsoco.make("multistage/reactive_tree", horizon=100)
    >>> spec = problem.spec(key)
    >>> (10 * spec.chance).round().tolist(), (10 * spec.answer).round().tolist()
    ([[5.0, 5.0, 5.0, 9.0]], [[0.0, 0.0, 0.0, -8.0]])
    """

    cold: float = setting("expected cost of the last leaf, unused", default=0.9, low=0, high=1)
    warm: float = setting("the same, if all jobs go there", default=0.1, low=0, high=1)
    steady: float = setting("expected cost of all other leaves", default=0.5, low=0, high=1)
    memory: float = setting(
        "rounds over which use is averaged", default=50.0, low=1, high=1e6, unit="rounds"
    )


WORLDS = (
    ProblemEntry(
        "switching_tree",
        "one good leaf, and another one after each of several switches",
        "Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Computing 2002, section 8",
        prepare=f"{_PREPARE}:prepare_switching_tree",
        build=_BUILD,
        settings=SwitchingTree,
    ),
    ProblemEntry(
        "delayed_tree",
        "the same with costs that arrive later, or never",
        "Joulani, Gyorgy and Szepesvari, ICML 2013",
        prepare=f"{_PREPARE}:prepare_delayed_tree",
        build=_BUILD,
        settings=DelayedTree,
    ),
    ProblemEntry(
        "heavy_tailed_tree",
        "the same with Pareto costs, which have no bound",
        "Bubeck, Cesa-Bianchi and Lugosi, IEEE Trans. Information Theory 2013",
        prepare=f"{_PREPARE}:prepare_heavy_tailed_tree",
        build=_BUILD,
        settings=HeavyTailedTree,
    ),
    ProblemEntry(
        "reactive_tree",
        "a leaf that answers to its use: an adaptive adversary with a memory",
        "Arora, Dekel and Tewari, ICML 2012",
        prepare=f"{_PREPARE}:prepare_reactive_tree",
        build=_BUILD,
        settings=ReactiveTree,
    ),
)
"""Entries of these worlds."""
