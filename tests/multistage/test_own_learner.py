"""A learner of one's own, written with the public helpers alone."""

from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import Algorithm, multistage, simulate
from jaxsoco.core.lanes import one_hot
from jaxsoco.multistage import (
    Action,
    Policy,
    Spec,
    Tree,
    bernoulli_tree,
    descend,
    expected_cost,
    pick,
    play_probabilities,
    policies,
    put,
    tables,
    uniform_probabilities,
)

RAGGED = Tree.from_paths([("r", "a", "x"), ("r", "a", "y"), ("r", "a", "z"), ("r", "b")])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sums:
    """What a leader is told by: summed cost estimates of every child, by level."""

    sums: tuple
    visits: tuple
    tree: Tree = field(metadata={"static": True})


def init(key, params, spec):
    """Every child has cost nothing."""
    like = jnp.zeros(key.shape[1:], spec.chance.dtype)
    return Sums(tables(spec.tree, like, 0.0, jnp.inf), (), spec.tree)


def act(key, params, state, obs):
    """Every node follows its leader, and explores with probability ``params``."""
    width = state.tree.width
    leaders = [one_hot(jnp.argmin(x, axis=1), width, axis=1, dtype=x.dtype) for x in state.sums]
    policy = policies(state.tree, tuple(leaders), jnp.broadcast_to(params, key.shape[1:]))
    leaf, visits = descend(state.tree, policy, key)
    return Action(leaf, policy), replace(state, visits=visits)


def update(params, state, action, feedback):
    """The visited nodes add the cost to the child that they chose."""
    sums = []
    for table, visit in zip(state.sums, state.visits, strict=True):
        row = pick(table, visit.place)
        chosen = one_hot(visit.child, state.tree.width)
        row = row + jnp.where(chosen, (feedback.cost * visit.weight)[None], 0)
        sums.append(put(table, visit.place, row))
    return replace(state, sums=tuple(sums), visits=())


leader = Algorithm(init, act, update)


def uniform(tree):
    """Every node sends its job to any child; there is no state."""

    def act(key, params, state, obs):
        equal = uniform_probabilities(tree, jnp.zeros(key.shape[1:]))
        policy = policies(tree, equal)
        leaf, _ = descend(tree, policy, key)
        return Action(leaf, policy), state

    return Algorithm(lambda key, params, spec: (), act, lambda params, state, *_: state)


def spec_of(tree, costs):
    chance = jnp.asarray(costs)[None]
    return Spec(chance, None, jnp.array([1000]), jnp.asarray(1000.0), tree)


@pytest.mark.parametrize("tree", [Tree.complete(2, 3), RAGGED], ids=["complete", "ragged"])
@pytest.mark.parametrize("lanes", [(), (5,)], ids=["one run", "lanes"])
def test_a_uniform_learner_costs_the_mean_of_the_recursion(tree, lanes):
    spec = spec_of(tree, np.linspace(0, 1, tree.leaves))
    keys = jax.random.split(jax.random.key(0), lanes) if lanes else jax.random.key(0)
    run = simulate(uniform(tree), None, multistage.multistage, spec, keys, 40, at=(40,))
    share = tree.mask / tree.mask.sum(axis=1, keepdims=True)
    want = 40 * expected_cost(tree, share, spec.chance[0])[0]
    np.testing.assert_allclose(run.costs.expected, np.broadcast_to(want, (1, *lanes)), rtol=1e-5)
    assert np.ptp(run.costs.realised) > 0 or not lanes


def test_a_leader_finds_the_free_leaf_and_stays():
    spec = spec_of(RAGGED, [1.0, 1.0, 0.0, 1.0])  # only r -> a -> z is free
    keys = jax.random.split(jax.random.key(1), 16)
    play = partial(simulate, leader, 0.0, multistage.multistage)
    run = play(spec, keys, 60, at=(20, 60))
    # Without exploration every other child is tried at most a few times, and then never again.
    np.testing.assert_array_equal(run.costs.realised[0], run.costs.realised[1])
    assert np.all(run.costs.realised[1] <= 6)
    np.testing.assert_allclose(run.costs.expected, run.costs.realised)


def test_a_leader_that_explores_pays_for_it():
    spec = bernoulli_tree(200, p_min=0.0, switch=0.9)
    keys = jax.random.split(jax.random.key(2), 32)
    costs = [
        simulate(leader, epsilon, multistage.multistage, spec, keys, 100, at=(100,)).costs.expected
        for epsilon in (0.1, 1.0)
    ]
    assert costs[0].mean() < costs[1].mean() < 100


def test_policies_explore_above_decision_nodes_only():
    like = jnp.zeros(())
    learned = tables(RAGGED, like, 0.0)
    policy = policies(RAGGED, learned, jnp.asarray(0.5))
    assert isinstance(policy, Policy) and policy.epsilon[0] is not None
    assert policy.epsilon[1] is None and policies(RAGGED, learned).epsilon == (None, None)
    play = play_probabilities(RAGGED, policy)
    np.testing.assert_allclose(play[0], [[0.25, 0.25, 0]])
    np.testing.assert_allclose(play[1], [[0, 0, 0]])


def test_weights_are_inverse_probabilities():
    """Of a way down the tree, and of its last step alone."""
    tree = Tree.complete(2, 2)
    learned = (jnp.array([[0.25, 0.75]]), jnp.array([[0.5, 0.5], [0.125, 0.875]]))
    for seed in range(5):
        key = jax.random.key_data(jax.random.key(seed))
        leaf, (first, second) = descend(tree, policies(tree, learned), key)
        assert int(leaf) == 2 * int(first.child) + int(second.child)
        assert int(second.place) == int(first.child)
        root, node = (float(x[0, v.child]) for x, v in zip(
            (learned[0], learned[1][second.place : second.place + 1]), (first, second), strict=True
        ))  # fmt: skip
        assert float(first.weight) == pytest.approx(1 / root)
        assert float(second.weight) == pytest.approx(1 / (root * node))
        alone = descend(tree, policies(tree, learned), key, path_weight=False)[1]
        assert float(alone[1].weight) == pytest.approx(1 / node)
