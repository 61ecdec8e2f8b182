"""One compilation for each static group: numbers are leaves, never part of the code."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conformance_cases import other_values, static_values
from conformance_rollouts import run_block

EVENT = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compilations():
    """Grows by one entry with every program that is compiled, or loaded from the cache."""
    seen = []

    def listen(event: str, duration_secs: float, **facts: str | int) -> None:
        if event == EVENT:
            seen.append(facts)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


def test_the_counter_counts(compilations):
    for _ in range(2):  # a new function is a new program
        jax.jit(lambda x: x + 1)(jnp.zeros(3))
    assert len(compilations) >= 2


def test_points_and_values_share_one_compilation(learner, compilations):
    with jax.enable_x64(True):
        params = [learner.params(**values) for values in other_values(learner)]
        numbers = learner.params(**learner.numbers)
        outcomes = [run_block(learner, numbers)]
        run_block(learner, numbers)
        before = len(compilations)
        for point in range(1, 1 + len(learner.case.points)):
            outcomes.append(run_block(learner, numbers, point))
        for one in params:
            outcomes.append(run_block(learner, one))
    assert len(compilations) == before
    # They are different all the same.
    records = [np.concatenate([*outcome.costs.values()]) for outcome in outcomes]
    for one, two in itertools.combinations(records, 2):
        assert not np.array_equal(one, two)


def test_fields_are_static_as_declared(learner):
    def code(values):
        params = learner.params(**values)
        shapes = [(np.shape(x), jnp.asarray(x).dtype) for x in jax.tree.leaves(params)]
        return jax.tree.structure(params), shapes

    for values in other_values(learner):
        assert code(values) == code(learner.numbers)
    statics = [code(values) for values in static_values(learner.entry)]
    for one, two in itertools.combinations(statics, 2):
        assert one != two
