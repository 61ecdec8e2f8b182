"""What a rollout carries keeps its structure, shapes and dtypes, whatever the lanes."""

import pytest

from jaxsoco.testing.properties import structure


@pytest.fixture(params=[(), (2, 3)], ids=["one run", "two lane axes"])
def lanes(request):
    return request.param


def test_a_state_is_a_fixed_point(learner, lanes, x64):
    structure.state_is_a_fixed_point(learner, lanes, x64)


def test_a_world_is_a_fixed_point(case, lanes, x64):
    structure.world_is_a_fixed_point(case, lanes, x64)


def test_a_comparator_speaks_of_the_familys_costs(judge, lanes, x64):
    structure.comparator_speaks_of_the_familys_costs(judge, lanes, x64)


def test_a_problem_is_what_its_entry_says(case):
    structure.problem_is_what_its_entry_says(case)


def test_lanes_do_not_turn_branches_into_both(learner):
    structure.lanes_do_not_turn_branches_into_both(learner)
