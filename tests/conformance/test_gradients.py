"""Costs are differentiable in parameters and settings: finite slopes, those of small steps."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conformance_cases import Learner, instance
from conformance_rollouts import (
    NUDGE,
    QUICK,
    RUNS,
    block,
    keys,
    nudges,
    objective,
    run_block,
    spec_key,
)

from jaxsoco import registry, simulate


@cache
def slopes(learner: Learner):
    """Of every run's total cost, ``[..., RUNS]``: in the parameters and ``case.slopes``."""
    case = learner.case
    made = instance(case, True)
    counted = [c.name for c in registry.family(case.family).costs if c.objective]

    def total(leaves):
        params, moved = leaves
        spec = made.draw(spec_key(keys()), replace(made.settings, **moved))
        args = (learner.algorithm, params, made.problem, spec, keys(), made.horizon)
        costs = simulate(*args, at=(made.horizon,)).costs
        return sum(jnp.sum(getattr(costs, name)) for name in counted)

    with jax.enable_x64(True):
        # Every run has a copy of the leaves, so one backward pass gives the slopes of all runs.
        moved = {name: getattr(made.settings, name) for name in case.slopes}
        leaves = jax.tree.map(
            lambda x: jnp.broadcast_to(jnp.asarray(x)[..., None], (*np.shape(x), RUNS)),
            (learner.params(), moved),
        )
        found = jax.jit(jax.grad(total), compiler_options=QUICK)(leaves)
        return jax.tree.map(np.asarray, found)


def assert_slope(learner, slope, step, down, up):
    """A slope ``[RUNS]`` against costs a small step away, but for runs next to a kink."""
    case = learner.case
    low, middle, high = (
        objective(case, {name: cost[-1] for name, cost in outcome.costs.items()})
        for outcome in (down, block(learner), up)
    )
    central = (high - low) / (2 * step)
    rounding = 1e-12 * np.abs(middle) / step
    smooth = np.abs(high - 2 * middle + low) / step <= 1e-2 * np.abs(central) + rounding
    assert smooth.sum() >= RUNS // 2
    tolerance = case.slope_tolerance * np.abs(central) + rounding
    assert np.all(np.abs(slope - central)[smooth] <= tolerance[smooth]), (slope, central)


def test_slopes_are_finite_and_right(learner):
    if not learner.entry.differentiable:
        pytest.skip("says that it is not differentiable")
    case = learner.case
    in_params, in_settings = slopes(learner)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((in_params, in_settings)))

    base = instance(case, True).settings
    first = 1 + len(case.points)
    points = {(name, sign): first + i for i, (name, sign, _) in enumerate(nudges(case))}
    for name in case.slopes:
        step = NUDGE * float(getattr(base, name))
        down, up = (block(learner, points[name, sign]) for sign in (-1, 1))
        assert_slope(learner, in_settings[name], step, down, up)

    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, learner.params()))
    for i, slope in enumerate(jax.tree.leaves(in_params)):
        if np.ndim(leaves[i]):
            continue
        step = NUDGE * float(leaves[i])
        moved = [[*leaves[:i], leaves[i] + sign * step, *leaves[i + 1 :]] for sign in (-1, 1)]
        down, up = (run_block(learner, structure.unflatten(one)) for one in moved)
        assert_slope(learner, slope, step, down, up)


def test_slopes_are_not_all_zero(learner):
    if learner.entry.differentiable:
        assert any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slopes(learner)))
