"""Costs are differentiable in parameters and settings: finite slopes, those of small steps."""

import pytest

from jaxsoco.testing.properties import gradients


@pytest.fixture
def smooth(learner):
    words = [one.word for one in learner.entry.gradients.values()]
    if not learner.entry.differentiable and "yes" not in words:
        pytest.skip("says that it is not differentiable")
    return learner


def test_slopes_are_finite_and_right(smooth):
    gradients.slopes_are_finite_and_right(smooth)


def test_slopes_are_not_all_zero(smooth):
    gradients.slopes_are_not_all_zero(smooth)
