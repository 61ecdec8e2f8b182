"""What a search makes small: a statistic over runs of a cost, a regret or a ratio.

Mean, quantile and conditional value at risk of ``n`` runs are all sums of their values in order
``z_(1) <= ... <= z_(n)``, each with a weight that depends on its rank alone::

    objective = sum_i W_i z_(i)

====================  ==========================================================================
mean                  ``W_i = 1 / n``
quantile of level p   the weights of Harrell and Davis (Biometrika 69, 1982): the probability that
                      a ``Beta(p (n+1), (1-p) (n+1))`` variable lies in ``((i-1)/n, i/n)``
CVaR of level p       ``1 / ((1-p) n)`` for the largest ``(1-p) n`` values, a fraction of it for
                      the one at the edge
====================  ==========================================================================

so that the gradient of the objective is the sum of the runs' gradients with the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco import registry
from jaxsoco.analysis.statistics import LEVEL, binomial_ranks, student_quantile
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.protocol import Instance
from jaxsoco.engine.simulate import Run
from jaxsoco.front.making import Best, comparator
from jaxsoco.tuning.defaults import LEVELLED, STATISTICS

Statistic = Literal["mean", "median", "quantile", "cvar"]


@dataclass(frozen=True)
class Objective:
    """A statistic over runs of their total cost at the end, or of what it is against another.

    >>> from jaxsoco.tuning import Objective
    >>> Objective(against="online_optimum", statistic="cvar", level=0.9).statistic
    'cvar'

    Attributes:
      against: a comparator of the problem's family (``"online_optimum"``,
        ``"allocation/offline_optimum"``), or a component of its ledger that is a regret
        (``"regret"``); None for the cost itself.
      cost: a component of the ledger; None for the total cost.
      measure: ``"regret"`` or ``"ratio"``; by default what the family judges by.
      statistic: over the runs: ``"mean"``, ``"median"``, ``"quantile"``, ``"cvar"``.
      level: of a quantile, or of a CVaR: the mean of the worst ``1 - level`` of the runs.
    """

    against: str | None = None
    cost: str | None = None
    measure: Literal["regret", "ratio"] | None = None
    statistic: Statistic = "mean"
    level: float | None = None

    def __post_init__(self) -> None:
        """Checks statistic, level and measure against each other."""
        issues = []
        if self.statistic not in STATISTICS:
            hint = suggest(str(self.statistic), STATISTICS)
            issues.append(Issue("objective.statistic", f'no statistic is "{self.statistic}"', hint))
        needs = self.statistic in LEVELLED
        if needs and (self.level is None or not 0 < self.level < 1):
            message = f"a {self.statistic} has a level between 0 and 1, got {self.level}"
            issues.append(Issue("objective.level", message, "as in 0.9"))
        if not needs and self.level is not None:
            message = f"a {self.statistic} has no level"
            hint = 'leave it out, or want statistic "quantile" or "cvar"'
            issues.append(Issue("objective.level", message, hint))
        if self.measure not in (None, "regret", "ratio"):
            message = f'no measure is "{self.measure}"'
            issues.append(Issue("objective.measure", message, 'want "regret" or "ratio"'))
        if self.measure is not None and self.against is None:
            message = f"a {self.measure} is against something"
            issues.append(Issue("objective.against", message, "name a comparator"))
        if issues:
            raise InputError(issues)

    def __str__(self) -> str:
        what = self.cost or "cost"
        if self.against is not None:
            measure = self.measure or "measure"
            what = measure if self.against == measure else f"{measure} against {self.against}"
            what = f"{what} in {self.cost}" if self.cost else what
        if self.level is None:
            return f"{self.statistic} {what}"
        return f"{self.statistic} {self.level:g} of the {what}"


# --- statistics -----------------------------------------------------------------------------------


class Reduction(NamedTuple):
    """A statistic of runs, with its level.

    >>> from jaxsoco.tuning.objective import Reduction
    >>> values = jnp.array([3.0, 1.0, 2.0, 10.0])
    >>> float(Reduction("mean").reduce(values)), float(Reduction("cvar", 0.5).reduce(values))
    (4.0, 6.5)
    """

    statistic: Statistic = "mean"
    level: float = 0.5

    def weights(self, count: int) -> np.ndarray:
        """Of the values in increasing order, float64 ``[count]``; they add up to 1."""
        return _weights(self.statistic, self.level, count)

    def by_run(self, values: jax.Array) -> jax.Array:
        """The weight of every run in the objective, ``[n]``: its derivative in the run's value."""
        weights = jnp.asarray(self.weights(values.shape[-1]), values.dtype)
        if self.statistic == "mean":
            return weights
        # Rank of every run; equal values keep their order.
        ranks = jnp.argsort(jnp.argsort(values))
        return weights[ranks]

    def reduce(self, values: jax.Array) -> jax.Array:
        """The objective of values ``[n]``: NaN if one of them is not finite."""
        weighed = self.by_run(jax.lax.stop_gradient(values)) * values
        # Zero weights do not hide a run that failed.
        total = jnp.sum(weighed)
        return jnp.where(jnp.all(jnp.isfinite(values)), total, jnp.nan)

    def interval(self, values: jax.Array, level: float = LEVEL) -> tuple[jax.Array, jax.Array]:
        """Ends of the interval of the objective of ``values [n]``.

        Mean: Student's. Quantile: order statistics at exact binomial ranks. CVaR: Student's with
        the standard error of its influence function ``q + max(z - q, 0) / (1 - level)``.
        """
        count = values.shape[-1]
        bad = jnp.asarray(jnp.nan, values.dtype)
        if count < 2:
            return bad, bad
        if self.statistic in ("median", "quantile"):
            low, high = binomial_ranks(count, self._probability, level)
            ordered = jnp.sort(values)
            return (
                ordered[low - 1] if low >= 1 else bad,
                ordered[high - 1] if high <= count else bad,
            )
        half = student_quantile(0.5 + level / 2, count - 1) * self.error(values)
        middle = self.reduce(values)
        return middle - half, middle + half

    def error(self, values: jax.Array) -> jax.Array:
        """Standard error of a mean or a CVaR of ``values [n]``."""
        influence = self.influence(values)
        return jnp.std(influence, ddof=1) / math.sqrt(values.shape[-1])

    def influence(self, values: jax.Array) -> jax.Array:
        """What every run adds to a mean or a CVaR, ``[n]``: their mean is the statistic."""
        if self.statistic == "mean":
            return values
        edge = jnp.quantile(values, self.level)
        return edge + jnp.maximum(values - edge, 0) / (1 - self.level)

    @property
    def _probability(self) -> float:
        return 0.5 if self.statistic == "median" else self.level


@lru_cache(maxsize=64)
def _weights(statistic: str, level: float, count: int) -> np.ndarray:
    if statistic == "mean":
        return np.full(count, 1 / count)
    if statistic == "cvar":
        # How much of the i-th of n equal parts lies above the level.
        edges = np.arange(count + 1) / count
        return np.clip(np.minimum(edges[1:] - level, 1 / count), 0, None) / (1 - level)
    from scipy.special import betainc

    p = 0.5 if statistic == "median" else level
    edges = np.arange(count + 1) / count
    return np.diff(betainc(p * (count + 1), (1 - p) * (count + 1), edges))


# --- of one problem -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Criterion:
    """An objective bound to a problem: what is known before any run.

    Attributes:
      value: ``(run, best) -> [lanes]``, or ``[]`` for a function of all runs at once.
      reduction: of the values over runs.
      best: the comparator that is run on the same keys, or None.
      at: rounds at which costs are kept; None for the default ones.
      text: in words.
      linear: whether a run's value is linear in its costs.
    """

    value: Callable[[Run, Any], Any]
    reduction: Reduction
    best: Best | None
    at: tuple[int, ...] | None
    text: str
    linear: bool = True


def bind(
    objective: Objective | Callable[[Run], Any] | None,
    problem: Instance,
    at: tuple[int, ...] | None = None,
) -> Criterion:
    """An objective for a problem; None is the mean total cost.

    Raises:
      InputError: the family has no such comparator or component, or the comparator is not for
        the problem.
      TypeError: the objective is no :class:`Objective` and no function.
    """
    objective = Objective() if objective is None else objective
    if not isinstance(objective, Objective):
        if not callable(objective):
            kind = type(objective).__name__
            raise TypeError(f"objective: expected an Objective or a function of Run, got {kind}")
        name = getattr(objective, "__name__", type(objective).__name__)
        function = objective
        return Criterion(
            lambda run, best: function(run), Reduction(), None, at, f"mean of {name}", False
        )
    at = (problem.horizon,) if at is None else at
    reduction = Reduction(objective.statistic, 0.5 if objective.level is None else objective.level)
    value, best, measure = _value(objective, problem)
    return Criterion(value, reduction, best, at, str(replace(objective, measure=measure)))


def _value(objective: Objective, problem: Instance) -> tuple[Callable, Best | None, Any]:
    """The value of a run, the comparator that it needs, and the measure."""
    family_name = problem.name.partition("/")[0]
    family = registry.families().get(family_name)
    cost = objective.cost
    parts = {c.name: c.objective for c in family.costs} if family else None
    if cost is not None and parts is not None and cost not in parts:
        hint = suggest(cost, parts)
        raise InputError(Issue("objective.cost", f'the ledger has no "{cost}"', hint))

    def total(costs: Any) -> jax.Array:
        costs = costs._asdict() if hasattr(costs, "_asdict") else costs
        if cost is not None:
            return costs[cost][-1]
        names = [n for n in costs if parts is None or parts.get(n, False)]
        return reduce(jnp.add, [costs[n][-1] for n in names])

    against = objective.against
    if against is None:
        return lambda run, best: total(run.costs), None, None
    if family is None:
        message = f'the problem "{problem.name or "of your own"}" is of no family with comparators'
        hint = "give a function of Run as the objective"
        raise InputError(Issue("objective.against", message, hint))
    short = against.removeprefix(f"{family_name}/")
    entries = {entry.name: entry for entry in family.comparators}
    component = entries[short].component if short in entries else (short if short in parts else "")  # type: ignore[operator]
    if short not in entries and not component:
        hint = suggest(short, [*entries, *(parts or ())])
        raise InputError(Issue("objective.against", f'no comparator is called "{against}"', hint))
    if component:
        return _component(component, objective)
    best = comparator(f"{family_name}/{short}")
    best.check(problem)
    measure = objective.measure or family.measure

    def compared(run: Run, optimum: Any) -> jax.Array:
        mine, theirs = total(run.costs), jax.lax.stop_gradient(total(optimum))
        if measure == "regret":
            return mine - theirs
        return jnp.where(theirs > 0, mine / jnp.where(theirs > 0, theirs, 1), jnp.nan)

    return compared, best, measure


def _component(name: str, objective: Objective) -> tuple[Callable, None, str]:
    """The regret that is a component of every learner's own ledger."""
    if objective.cost is not None or objective.measure == "ratio":
        message = f'"{objective.against}" is a regret of the total cost in the ledger itself'
        hint = "leave out cost and measure, or name a comparator that is run"
        raise InputError(Issue("objective.against", message, hint))
    return lambda run, best: getattr(run.costs, name)[-1], None, "regret"
