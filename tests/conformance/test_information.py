"""No learner looks ahead: decisions up to a slot do not change with what comes after it.

After a slot, nature's moves are those of another run. What a learner is told in advance (its spec,
forecasts, advice) stays.
"""

import jax
import numpy as np
import pytest
from conformance_cases import instance, learners
from conformance_rollouts import roll, rolled

OTHER = 500
"""Number of the first of the other runs."""


def differs(a, b) -> bool:
    return any(
        not np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.parametrize("slot", [1, 3, 6])
def test_decisions_do_not_depend_on_what_comes_after(learner, slot):
    straight, other = rolled(learner, "vmap"), roll(learner, "vmap", elsewhere=(slot, OTHER))
    assert slot < instance(learner.case, True).horizon
    assert not differs(straight.observations[:slot], other.observations[:slot])
    assert not differs(straight.actions[:slot], other.actions[:slot])
    assert not differs(straight.states[: slot + 1], other.states[: slot + 1])
    # Something did come after it, which bandits are told of only then.
    seen, elsewhere = ((r.observations[slot:], r.feedback[slot:]) for r in (straight, other))
    assert differs(seen, elsewhere)


def test_learners_that_see_other_prices_decide_otherwise(case):
    react = [
        learner.id
        for learner in learners(case)
        if differs(
            rolled(learner, "vmap").actions, roll(learner, "vmap", elsewhere=(1, OTHER)).actions
        )
    ]
    assert react
