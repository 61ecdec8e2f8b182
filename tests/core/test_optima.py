"""Comparators that leave out what the total cost does without."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import registry
from jaxsoco.core.optima import whole_ledger
from jaxsoco.core.schema import ComparatorEntry, CostEntry, Extension, Family
from jaxsoco.plugins import Plugin

FAMILY = Family(
    "toy",
    "a ledger of four components",
    problems=(),
    algorithms=(),
    comparators=(),
    costs=(
        CostEntry("hit", "cost"),
        CostEntry("move", "cost"),
        CostEntry("seen", "rounds", objective=False),
        CostEntry("lost", "runs", objective=False),
    ),
    measure="regret",
)


def brief(key, spec, at):
    costs = {"hit": jnp.full((len(at), 3), 2.0, jnp.float32), "seen": jnp.ones((len(at), 3))}
    return costs, jnp.zeros(3, jnp.int32)


def test_what_the_total_does_without_counts_as_nothing():
    costs, faults = whole_ledger(brief, FAMILY)(None, None, (1, 5))
    assert set(costs) == {"hit", "seen", "lost"}
    np.testing.assert_array_equal(costs["lost"], np.zeros((2, 3)))
    assert costs["lost"].dtype == jnp.float32
    np.testing.assert_array_equal(costs["seen"], 1.0)  # what it reports stands
    np.testing.assert_array_equal(faults, 0)


def test_what_the_total_counts_is_never_filled_in():
    assert "move" not in whole_ledger(brief, FAMILY)(None, None, (1, 5))[0]


def test_nothing_is_made_of_nothing():
    silent = whole_ledger(lambda key, spec, at: ({}, jnp.zeros(3, jnp.int32)), FAMILY)
    assert silent(None, None, (1,))[0] == {}


def test_equal_ones_share_programs():
    one, other = whole_ledger(brief, FAMILY), whole_ledger(brief, FAMILY)
    assert one == other
    assert hash(one) == hash(other)


@pytest.fixture
def still():
    """A comparator of the family tracking that knows of its objective alone, as a plug-in's may."""

    def costs(key, spec, at):
        zeros = jnp.zeros((len(at), *key.shape[1:]), spec.basis.dtype)
        return {"hit": zeros + 1, "move": zeros}, jnp.zeros(key.shape[1:], jnp.int32)

    entry = ComparatorEntry("still", "pays one", "a test", load=costs)
    with registry.unchanged():
        more = Extension("tracking", comparators=(entry,))
        registry.activate([Plugin("still", "a test", "", (more,))])
        yield "tracking/still"


def test_a_comparator_by_name_has_the_whole_ledger(still):
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=5)
    costs = jaxsoco.comparator(still)(problem, jaxsoco.seed_keys(0, 2), at=(5,))
    assert set(costs) == {cost.name for cost in registry.family("tracking").costs}
    np.testing.assert_array_equal(costs["lost"], np.zeros((1, 2)))
    np.testing.assert_array_equal(costs["hit"], np.ones((1, 2)))
