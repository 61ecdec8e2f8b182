"""Costs are differentiable in parameters and settings: finite slopes, those of small steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco import registry
from jaxsoco.core import random
from jaxsoco.engine.batch import Outcome
from jaxsoco.engine.simulate import simulate
from jaxsoco.testing.blocks import NUDGE, block, nudges, run_block
from jaxsoco.testing.cases import Learner, instance, remembered
from jaxsoco.testing.pieces import RUNS, keys, quick
from jaxsoco.testing.rollouts import objective
from jaxsoco.testing.verdicts import NotApplicable, require


@remembered
def slopes(learner: Learner) -> Any:
    """Of every run's total cost, ``[..., RUNS]``: in the parameters and ``case.slopes``."""
    case = learner.case
    made = instance(case, True)
    counted = [c.name for c in registry.family(case.family).costs if c.objective]

    def total(leaves, key):
        params, moved = leaves
        spec = made.draw(random.draw_key(key), replace(made.settings, **moved))
        args = (learner.algorithm, params, made.problem, spec, key, made.horizon)
        costs = simulate(*args, at=(made.horizon,)).costs
        return sum(jnp.sum(getattr(costs, name)) for name in counted)

    def all_runs(leaves):
        if learner.native:
            return total(leaves, keys())
        return jnp.sum(jax.vmap(total, -1)(leaves, keys()))

    with jax.enable_x64(True):
        # Every run has a copy of the leaves, so one backward pass gives the slopes of all runs.
        moved = {name: getattr(made.settings, name) for name in case.slopes}
        leaves = jax.tree.map(
            lambda x: jnp.broadcast_to(jnp.asarray(x)[..., None], (*np.shape(x), RUNS)),
            (learner.params(), moved),
        )
        gradient = jax.jit(jax.grad(all_runs), compiler_options=quick())(leaves)
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
        "(say differentiable=False in the entry if gradients mean nothing)",
    )


def _require_differentiable(learner: Learner) -> None:
    if not learner.entry.differentiable:
        raise NotApplicable("says that it is not differentiable")
    if not jax.tree.leaves(slopes(learner)):
        raise NotApplicable("has no parameter that is a number")


def slopes_are_finite_and_right(learner: Learner) -> None:
    """Slopes in every number of the parameters and in ``case.slopes`` are those of differences."""
    _require_differentiable(learner)
    case = learner.case
    in_params, in_settings = slopes(learner)
    for path, leaf in jax.tree_util.tree_leaves_with_path((in_params, in_settings)):
        place = jax.tree_util.keystr(path)
        require(np.isfinite(leaf).all(), f"{learner.id}: the slope in {place} is not finite")

    base = instance(case, True).settings
    first = 1 + len(case.points)
    points = {(name, sign): first + i for i, (name, sign, _) in enumerate(nudges(case))}
    for name in case.slopes:
        step = NUDGE * float(getattr(base, name))
        down, up = (block(learner, points[name, sign]) for sign in (-1, 1))
        _require_slope(learner, f"the setting {name}", in_settings[name], step, (down, up))

    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, learner.params()))
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(in_params)]
    for i, slope in enumerate(jax.tree.leaves(in_params)):
        step = NUDGE * float(leaves[i]) if np.ndim(leaves[i]) == 0 else 0.0
        if step == 0:
            continue
        moved = [[*leaves[:i], leaves[i] + sign * step, *leaves[i + 1 :]] for sign in (-1, 1)]
        down, up = (run_block(learner, structure.unflatten(one)) for one in moved)
        place = f"the parameter {jax.tree_util.keystr(paths[i])}"
        _require_slope(learner, place, slope, step, (down, up))


def slopes_are_not_all_zero(learner: Learner) -> None:
    """Some number matters to the costs, and the gradient knows."""
    _require_differentiable(learner)
    largest = [np.abs(leaf).max() for leaf in jax.tree.leaves(slopes(learner))]
    require(any(size > 0 for size in largest), f"{learner.id}: all of its slopes are 0")
