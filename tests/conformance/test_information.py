"""No learner looks ahead: decisions up to a slot do not change with what comes after it."""

import pytest

from jaxsoco.testing.properties import information


@pytest.mark.parametrize("slot", [1, 3, 6])
def test_decisions_do_not_depend_on_what_comes_after(learner, slot):
    information.decisions_do_not_depend_on_what_comes_after(learner, slot)


def test_learners_that_see_other_prices_decide_otherwise(case):
    information.some_learner_reacts(case)
