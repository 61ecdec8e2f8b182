"""Native lanes, ``vmap`` over single runs and single runs in a loop are the same computation."""

import pytest

from jaxsoco.testing.properties import layouts


@pytest.mark.parametrize("layout", ["vmap", "loop"])
def test_a_learner_does_the_same_in_every_layout(learner, layout):
    layouts.learner_does_the_same(learner, layout)


def test_a_learner_decides_the_same_in_every_layout(learner):
    layouts.learner_decides_the_same(learner)


def test_lanes_do_not_know_their_place(learner):
    layouts.lanes_do_not_know_their_place(learner)


def test_comparators_do_not_know_their_place(judge):
    layouts.comparators_do_not_know_their_place(judge)


def test_runs_repeat(learner):
    layouts.runs_repeat(learner)


def test_checkpoints_are_rounds_of_one_run(learner):
    layouts.checkpoints_are_rounds_of_one_run(learner)


@pytest.mark.parametrize("layout", ["vmap", "loop"])
def test_a_comparator_finds_the_same_in_every_layout(judge, layout):
    layouts.comparator_finds_the_same(judge, layout)


def test_a_world_is_the_same_in_every_layout_and_for_every_learner(case):
    layouts.world_is_the_same_for_every_learner(case)


def test_the_runs_of_a_block_are_unlike(case):
    # Otherwise the tests above would compare one run with itself.
    layouts.runs_of_a_block_are_unlike(case)
