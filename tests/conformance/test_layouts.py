"""Native lanes, ``vmap`` over single runs and single runs in a loop are the same computation.

Native is the engine's own block here: a whole rollout, fully optimised. The others are single
functions, compiled quickly. The numbers are those of the same operations, but sums may be taken in
another order and products fused with additions, so 1e-12 of the largest cost is allowed; where only
whole numbers and choices are concerned, all bits agree.
"""

import jax
import numpy as np
import pytest
from conformance_cases import instance, learners
from conformance_rollouts import block, judged, rolled

TOLERANCE = 1e-12


def assert_same_costs(found, wanted):
    scale = max(np.abs(cost).max() for cost in wanted.values())
    assert scale > 0
    assert found.keys() == wanted.keys()
    for name, cost in wanted.items():
        np.testing.assert_allclose(found[name], cost, rtol=0, atol=TOLERANCE * scale, err_msg=name)


def assert_same_trees(found, wanted):
    for path, leaf in jax.tree.leaves_with_path(wanted):
        other = dict(jax.tree.leaves_with_path(found))[path]
        assert other.dtype == leaf.dtype
        if np.issubdtype(leaf.dtype, np.inexact):
            scale = np.abs(leaf).max()
            np.testing.assert_allclose(other, leaf, rtol=0, atol=TOLERANCE * scale)
        else:
            np.testing.assert_array_equal(other, leaf, err_msg=str(path))


@pytest.mark.parametrize("layout", ["vmap", "loop"])
def test_a_learner_does_the_same_in_every_layout(learner, layout):
    native = block(learner)
    assert native.finite.all() and not native.faults.any()
    assert_same_costs(rolled(learner, layout).totals(), native.costs)


def test_a_learner_decides_the_same_in_every_layout(learner):
    mapped, single = rolled(learner, "vmap"), rolled(learner, "loop")
    assert_same_trees(mapped.stacked("actions"), single.stacked("actions"))
    assert_same_trees(mapped.states, single.states)


@pytest.mark.parametrize("layout", ["vmap", "loop"])
def test_a_comparator_finds_the_same_in_every_layout(judge, layout):
    (native, faults), (other, other_faults) = judged(judge, "native"), judged(judge, layout)
    assert not faults.any() and not other_faults.any()
    assert_same_costs(other, native)


def test_a_world_is_the_same_in_every_layout_and_for_every_learner(case):
    first, *others = learners(case)
    mapped, single = rolled(first, "vmap"), rolled(first, "loop")
    assert_same_trees(mapped.spec, single.spec)
    assert_same_trees(mapped.observations, single.observations)
    for other in others:
        # Common random numbers: what a learner is shown does not depend on what learners do.
        record = rolled(other, "vmap")
        for a, b in (
            (record.spec, mapped.spec),
            (record.observations, mapped.observations),
        ):
            for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
                np.testing.assert_array_equal(x, y)


def test_the_runs_of_a_block_are_unlike(case):
    # Otherwise the tests above would compare one run with itself.
    totals = rolled(learners(case)[0], "loop").totals()
    last = np.stack([cost[-1] for cost in totals.values()])
    assert len(np.unique(last, axis=1).T) == last.shape[1]
    assert instance(case, True).horizon == len(totals[next(iter(totals))])
