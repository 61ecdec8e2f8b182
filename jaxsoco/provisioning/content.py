"""A problem in numbers: a model and its budget, checked against each other, and its specification.

JAX only for the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.provisioning.data.baselines import read_baseline
from jaxsoco.provisioning.settings_budget import Budgeted
from jaxsoco.provisioning.theory.model import ROUNDING, TabularModel

if TYPE_CHECKING:
    from jaxsoco.provisioning.spec import Spec

_LEAVES = ("budget_low", "latency_weight", "switching", "price", "tracking", "anchoring")
_LEAVES += ("swing", "period", "jitter", "cost_noise", "cost_seen", "loss_noise", "loss_seen")
_LEAVES += ("loss_bias", "consumption_bias", "width")
"""Settings that are leaves of the specification as they are."""

STEEPEST = 40.0
"""Most widths between a budget and a target of exponential cost: of more, float32 has no room."""


class Content(NamedTuple):
    """A checked problem.

    Attributes:
      problem: its name.
      model: losses, consumption and transitions.
      baseline: action probabilities, ``[T or 1, S, A]``.
      base_consumption: what the baseline is expected to consume in an episode.
      budget_high: largest budget.
      anchor: ``rho_0``.
      target: mean of the ``rho_k``.
      leaves: further leaves of the specification, by name.
      shape: shape of the service cost around its target.
      episodes: ``K``.
      recorded: arrivals in their order, ``[bins]``; None where they are drawn.
    """

    problem: str
    model: TabularModel
    baseline: np.ndarray
    base_consumption: float
    budget_high: Any
    anchor: Any
    target: Any
    leaves: dict[str, Any]
    shape: str
    episodes: int
    recorded: np.ndarray | None = None


def prepared_from(
    name: str, model: TabularModel, settings: Budgeted, own_baseline: np.ndarray | None = None
) -> Prepared:
    """A model and its budget, checked against each other; all problems at once.

    Args:
      name: of the problem.
      model: losses, consumption and transitions.
      settings: budgets and costs.
      own_baseline: the array ``baseline`` of the model's file, if it has one.
    """
    baseline = read_baseline(settings.baseline, model, own_baseline)
    consumption = model.expected(baseline, model.consumption)
    high = float(model.slots) if settings.budget_high is None else settings.budget_high
    _check_budgets(model, consumption, settings.budget_low, high)
    anchor = model.slots / 2 if settings.anchor is None else settings.anchor
    content = Content(
        problem=name,
        model=model,
        baseline=baseline,
        base_consumption=consumption,
        budget_high=high,
        anchor=anchor,
        target=anchor if settings.target is None else settings.target,
        leaves={leaf: getattr(settings, leaf) for leaf in _LEAVES},
        shape=settings.shape,
        episodes=settings.horizon,
    )
    shapes = (model.loss, model.consumption, model.transition, baseline)
    _check_service(content)
    return Prepared(content, group=(model.slots, settings.shape, *(x.shape for x in shapes)))


def _check_budgets(model: TabularModel, spent: float, low: Any, high: Any) -> None:
    """That a policy keeps the least budget, the baseline even more so; not where it is traced."""
    if is_traced(low):
        return
    least = model.least_consumption()
    issues = []
    if low < least - ROUNDING:
        message = f"{low:g} is below the least attainable consumption of an episode, {least:.6g}"
        issues.append(Issue("problem.budget_low", message, "no policy keeps it; want more"))
    elif spent >= low:
        message = f"consumes {spent:.6g} in an episode and violates budget_low = {low:g}"
        hint = f"want a policy below it (the least is {least:.6g}), or a larger budget_low"
        issues.append(Issue("problem.baseline", message, hint))
    if not is_traced(high) and high < low:
        message = f"{high:g} is below budget_low = {low:g}"
        issues.append(Issue("problem.budget_high", message, "want budget_low <= budget_high"))
    if issues:
        raise InputError(issues)


def _check_service(content: Content) -> None:
    """That costs of a shape that is not quadratic are finite and, with the anchor, convex."""
    if content.shape == "quadratic":
        return
    leaves, issues = content.leaves, []
    if not is_traced(leaves["anchoring"]) and not leaves["anchoring"] > 0:
        hint = f'want > 0: with shape = "{content.shape}" the steps are 1 / (2 anchoring k)'
        issues.append(Issue("problem.anchoring", "is 0, and nothing is strongly convex", hint))
    numbers = (content.budget_high, content.target)
    numbers += tuple(leaves[name] for name in ("swing", "jitter", "width"))
    if content.shape == "exponential" and not any(map(is_traced, numbers)):
        high, target, swing, jitter, width = numbers
        # No draw of the noise is larger than 8.2 (float64).
        farthest = (high - target + swing + 8.2 * jitter) / width
        if farthest > STEEPEST:
            message = f"{width:g}: budget_high is up to {farthest:.4g} widths above a target"
            hint = f"want at most {STEEPEST:g}, or the costs leave the range of float32"
            issues.append(Issue("problem.width", message, hint))
    if issues:
        raise InputError(issues)


def spec_of(content: Content) -> Spec:
    """The specification of a checked problem."""
    import jax.numpy as jnp

    from jaxsoco.provisioning.spec import Spec

    model = content.model
    leaves = {
        **content.leaves,
        "loss": model.loss,
        "consumption": model.consumption,
        "transition": model.transition,
        "initial": model.initial,
        "baseline": content.baseline,
        "base_consumption": content.base_consumption,
        "budget_high": content.budget_high,
        "anchor": content.anchor,
        "target": content.target,
    }
    return Spec(
        **{name: jnp.asarray(value, float) for name, value in leaves.items()},
        episodes=jnp.asarray(content.episodes, jnp.int32),
        slots=model.slots,
        service_shape=content.shape,
        recorded=None if content.recorded is None else jnp.asarray(content.recorded, float),
    )
