"""The black-box advice of a job: from a forecast, a heuristic, hindsight, a table or a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp

from jaxsoco.allocation.optima import costliest_schedule, linear_optimum, whole_slot_optimum
from jaxsoco.allocation.spec import Advice, Spec
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Instance
from jaxsoco.core.settings import is_traced

Advisor = Callable[[Spec, jax.Array, jax.Array], Advice]
"""``(spec, costs, forecast) -> Advice``, all of one job or a block of them, lanes last."""


def advise(spec: Spec, costs: jax.Array, forecast: jax.Array) -> Advice:
    """The advice of a job: ``spec.advised``, or what ``spec.advice`` makes of its prices.

    Args:
      spec: the job.
      costs: of the slots, ``[slots, n, ...]``; only hindsight looks at those yet to come.
      forecast: of the slots, ``[slots, n, ...]``.

    Raises:
      InputError: there is no such advice, or a function's advice has another shape.
    """
    if spec.advised is not None:
        return _checked(Advice(*spec.advised), spec, costs)
    if callable(spec.advice):
        return _checked(Advice(*spec.advice(spec, costs, forecast)), spec, costs)
    if spec.advice not in _ADVISORS:
        want = "want one of " + ", ".join(f'"{name}"' for name in _ADVISORS) + ", or a function"
        raise InputError(Issue("advice", f'there is no "{spec.advice}"', want))
    if spec.speed is not None and spec.advice != "linear":
        message = f'"{spec.advice}" counts whole slots at one speed, and the points differ'
        raise InputError(Issue("advice", message, 'want "linear"'))
    return _ADVISORS[spec.advice](spec, costs, forecast)


def with_advice(problem: Instance, advisor: Advisor) -> Instance:
    """The same problem with the advice of a function of yours.

    >>> import jax.numpy as jnp
    >>> from jaxsoco.allocation import Advice, with_advice
    >>> def at_once(spec, costs, forecast):  # ON where the job arrives for J slots, then OFF there
    ...     slot = jnp.arange(spec.slots).reshape(-1, *(1,) * len(spec.lanes))
    ...     states = jnp.where(slot < spec.length[None], spec.start, spec.start + spec.points)
    ...     return Advice(states[:, None], jnp.ones((1, *spec.lanes)))
    >>> problem = with_advice(jaxsoco.make("allocation/carbon_jobs", job_length=3), at_once)
    >>> jaxsoco.play(problem, *jaxsoco.learner("allocation/st_clip"), keys).costs.service.shape[-1]
    4

    Args:
      problem: ``jaxsoco.make("allocation/carbon_jobs", ...)``.
      advisor: ``(spec, costs, forecast) -> Advice``, pure and traceable by JAX. The job's arrays
        carry lanes last: ``costs`` and ``forecast`` are ``[slots, n, ...]``, ``spec.start``
        ``[...]``; so do ``states [slots, A, ...]`` and ``weights [A, ...]`` of the answer. A
        well-informed advisor may look at all of ``costs``; an honest one at ``costs[0]`` and the
        forecast.

    The learner's cost is at most ``1 + epsilon`` times that of any advice that does the job. One
    that does not shows in the ``shortfall`` of the comparator ``advice``.
    """
    return replace(problem, settings=replace(problem.settings, advice=advisor))


def _checked(advice: Advice, spec: Spec, costs: jax.Array) -> Advice:
    """Advice of the user's, in the shapes that it must have; its values where they are known."""
    states, weights = jnp.asarray(advice.states), jnp.asarray(advice.weights)
    lanes, n = costs.shape[2:], costs.shape[1]
    issues = []
    if not jnp.issubdtype(states.dtype, jnp.integer):
        issues.append(Issue("advice.states", f"are {states.dtype}", f"want {_range(n)}"))
    if not _fits(states.shape, (spec.slots, None, *lanes)):
        want = f"want [slots, A, ...] = [{', '.join(map(str, (spec.slots, 'A', *lanes)))}]"
        issues.append(Issue("advice.states", f"have the shape {list(states.shape)}", want))
    elif not _fits(weights.shape, (states.shape[1], *lanes)):
        want = f"want [A, ...] = {[states.shape[1], *lanes]}"
        issues.append(Issue("advice.weights", f"have the shape {list(weights.shape)}", want))
    if not is_traced(states) and bool(jnp.any((states < 0) | (states >= 2 * n))):
        message = f"are {int(states.min())} to {int(states.max())}"
        issues.append(Issue("advice.states", message, f"want {_range(n)}"))
    if not issues and not is_traced(weights) and _no_mix(weights):
        issues.append(Issue("advice.weights", "are no mix", "want at least 0, with the sum 1"))
    if issues:
        raise InputError(issues)
    return Advice(
        jnp.broadcast_to(states, (*states.shape[:2], *lanes)).astype(jnp.int32),
        jnp.broadcast_to(weights, (states.shape[1], *lanes)).astype(costs.dtype),
    )


def _range(points: int) -> str:
    return f"integers, 0 to {points - 1} for ON and {points} to {2 * points - 1} for OFF"


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape is the one wanted, with any size for None, and lanes that may be 1."""
    if len(shape) != len(wanted) or shape[0] != wanted[0]:
        return False
    return all(b is None or a in (1, b) for a, b in zip(shape, wanted, strict=True))


def _no_mix(weights: jax.Array) -> bool:
    total = jnp.sum(weights, axis=0)
    return bool(jnp.any(weights < 0) | ~jnp.all(jnp.abs(total - 1) <= 1e-5))


def _whole_slots(spec: Spec, costs: jax.Array, forecast: jax.Array) -> Advice:
    """The best whole-slot schedule of the forecast."""
    _, states, _ = whole_slot_optimum(spec, forecast)
    return _one(states, costs)


def _linear(spec: Spec, costs: jax.Array, forecast: jax.Array) -> Advice:
    """The optimum of the forecast's linear program, a mix of two paths."""
    del costs
    return _optimum(spec, forecast)


def _greedy(spec: Spec, costs: jax.Array, forecast: jax.Array) -> Advice:
    """ON in slots 1 to J at the point that is cheapest in slot 1, then OFF there."""
    del forecast
    place = jnp.argmin(costs[0], axis=0).astype(jnp.int32)
    slots = jnp.arange(spec.slots).reshape(-1, *(1,) * place.ndim)
    length = jnp.broadcast_to(jnp.asarray(spec.length, jnp.int32), place.shape)[None]
    return _one(jnp.where(slots < length, place[None], place[None] + spec.points), costs)


def _hindsight(spec: Spec, costs: jax.Array, forecast: jax.Array) -> Advice:
    """``(1 - xi) OPT + xi MAX`` at the true prices, with ``xi = spec.advice_error``."""
    del forecast
    best = _optimum(spec, costs)
    _, worst, _ = costliest_schedule(spec, costs)
    xi = jnp.broadcast_to(jnp.asarray(spec.advice_error, costs.dtype), costs.shape[2:])
    return Advice(
        jnp.concatenate([best.states, worst[:, None]], axis=1),
        jnp.concatenate([(1 - xi)[None] * best.weights, xi[None]]),
    )


_ADVISORS: dict[str, Advisor] = {
    "whole-slot": _whole_slots,
    "linear": _linear,
    "greedy": _greedy,
    "hindsight": _hindsight,
}


def _optimum(spec: Spec, costs: jax.Array) -> Advice:
    """The linear program's optimum at some prices."""
    best = linear_optimum(spec, costs)
    states = jnp.stack([best.low_path, best.high_path], axis=1)
    return Advice(states, jnp.stack([1 - best.weight, best.weight]))


def _one(states: jax.Array, costs: jax.Array) -> Advice:
    """Advice of one path ``[slots, ...]``."""
    return Advice(states[:, None], jnp.ones((1, *states.shape[1:]), costs.dtype))
