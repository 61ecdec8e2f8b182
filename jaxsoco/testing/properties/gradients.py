"""Costs are differentiable in parameters and settings: finite slopes, those of small steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco import registry
from jaxsoco.core import random
from jaxsoco.core.schema import YES
from jaxsoco.engine.batch import Outcome
from jaxsoco.engine.simulate import simulate
from jaxsoco.testing.blocks import NUDGE, block, nudges, run_block
from jaxsoco.testing.cases import Learner, instance, remembered
from jaxsoco.testing.pieces import RUNS, keys, quick
from jaxsoco.testing.rollouts import objective
from jaxsoco.testing.verdicts import NotApplicable, require


def _leaves(learner: Learner, params: Any) -> tuple[list[Any], Any, dict[int, str]]:
    """The leaves of parameters, their structure, and which of them have a right gradient."""
    pairs, structure = jax.tree_util.tree_flatten_with_path(params)
    words, smooth = learner.entry.gradients, {}
    for i, (path, _) in enumerate(pairs):
        name = jax.tree_util.keystr(path[:1], simple=True)
        # Of a leaf that is no declared field, the entry's word holds.
        if words[name] == YES if name in words else learner.entry.differentiable is True:
            smooth[i] = jax.tree_util.keystr(path)
    return [leaf for _, leaf in pairs], structure, smooth


@remembered
def slopes(learner: Learner) -> Any:
    """Of every run's total cost, ``[..., RUNS]``: in leaves of the parameters that say "yes", by
    place, and in ``case.slopes``, by name.
    """
    case = learner.case
    made = instance(case, True)
    counted = [c.name for c in registry.family(case.family).costs if c.objective]

    def total(moving, key):
        own, moved = moving
        params = structure.unflatten([own.get(i, leaf) for i, leaf in enumerate(leaves)])
        spec = made.draw(random.draw_key(key), replace(made.settings, **moved))
        args = (learner.algorithm, params, made.problem, spec, key, made.horizon)
        costs = simulate(*args, at=(made.horizon,)).costs
        return sum(jnp.sum(getattr(costs, name)) for name in counted)

    def all_runs(moving):
        if learner.native:
            return total(moving, keys())
        return jnp.sum(jax.vmap(total, -1)(moving, keys()))

    with jax.enable_x64(True):
        leaves, structure, smooth = _leaves(learner, learner.params())
        names = case.slopes if learner.entry.differentiable is True else ()
        # Every run has a copy of the leaves, so one backward pass gives the slopes of all runs.
        moving = jax.tree.map(
            lambda x: jnp.broadcast_to(jnp.asarray(x)[..., None], (*np.shape(x), RUNS)),
            (
                {i: leaves[i] for i in smooth},
                {name: getattr(made.settings, name) for name in names},
            ),
        )
        gradient = jax.jit(jax.grad(all_runs), compiler_options=quick())(moving)
        return jax.tree.map(np.asarray, gradient)


def _require_slope(
    learner: Learner, what: str, slope: np.ndarray, step: float, sides: tuple[Outcome, Outcome]
) -> None:
    """A slope ``[RUNS]`` against costs a small step away, but for runs next to a kink."""
    case, (down, up) = learner.case, sides
    low, middle, high = (
        objective(case, {name: cost[-1] for name, cost in outcome.costs.items()})
        for outcome in (down, block(learner), up)
    )
    central = (high - low) / (2 * step)
    rounding = 1e-12 * np.abs(middle) / step
    smooth = np.abs(high - 2 * middle + low) / step <= 1e-2 * np.abs(central) + rounding
    kinks = f"{learner.id}: costs have a kink at {what} in {RUNS - smooth.sum()} of {RUNS} runs"
    require(smooth.sum() >= RUNS // 2, kinks)
    tolerance = case.slope_tolerance * np.abs(central) + rounding
    require(
        np.all(np.abs(slope - central)[smooth] <= tolerance[smooth]),
        f"{learner.id}: slopes in {what}: grad gives {slope}, differences give {central} "
        '(say gradient="no" or "biased" in its setting, or differentiable=False in the entry, '
        "if the gradient means nothing or something else)",
    )


def _require_differentiable(learner: Learner) -> None:
    words = [gradient.word for gradient in learner.entry.gradients.values()]
    if learner.entry.differentiable is not True and "yes" not in words:
        raise NotApplicable("says that it is not differentiable")
    if not jax.tree.leaves(slopes(learner)):
        raise NotApplicable("has no number in which it says that it is differentiable")


def slopes_are_finite_and_right(learner: Learner) -> None:
    """Slopes in the parameters that say "yes" and in ``case.slopes`` are those of differences."""
    _require_differentiable(learner)
    case = learner.case
    in_params, in_settings = slopes(learner)
    with jax.enable_x64(True):
        params = jax.tree.map(np.asarray, learner.params())
        leaves, structure, places = _leaves(learner, params)
    named = {f"the parameter {places[i].lstrip('.')}": slope for i, slope in in_params.items()}
    named |= {f"the setting {name}": slope for name, slope in in_settings.items()}
    for place, slope in named.items():
        require(np.isfinite(slope).all(), f"{learner.id}: the slope in {place} is not finite")

    base = instance(case, True).settings
    first = 1 + len(case.points)
    points = {(name, sign): first + i for i, (name, sign, _) in enumerate(nudges(case))}
    for name, slope in in_settings.items():
        step = NUDGE * float(getattr(base, name))
        down, up = (block(learner, points[name, sign]) for sign in (-1, 1))
        _require_slope(learner, f"the setting {name}", slope, step, (down, up))

    for i, slope in in_params.items():
        step = NUDGE * float(leaves[i]) if np.ndim(leaves[i]) == 0 else 0.0
        if step == 0:
            continue
        moved = [[*leaves[:i], leaves[i] + sign * step, *leaves[i + 1 :]] for sign in (-1, 1)]
        down, up = (run_block(learner, structure.unflatten(one)) for one in moved)
        _require_slope(learner, f"the parameter {places[i].lstrip('.')}", slope, step, (down, up))


def slopes_are_not_all_zero(learner: Learner) -> None:
    """Some number matters to the costs, and the gradient knows."""
    _require_differentiable(learner)
    largest = [np.abs(leaf).max() for leaf in jax.tree.leaves(slopes(learner))]
    require(any(size > 0 for size in largest), f"{learner.id}: all of its slopes are 0")
