"""The theory node by node: what each pays for its children (arXiv 2404.04509, lemma 3)."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.multistage import (
    EpsilonEXP3Params,
    bernoulli_tree,
    epsilon_exp3,
    multistage,
    theory_rates,
)
from jaxsoco.multistage.theory.policy import play_probabilities
from jaxsoco.multistage.theory.values import child_values

QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
RUNS = 256


def sums(spec, params, horizon):
    """Over all rounds: w of every node and of its children, and 1/v; by level, lanes last."""
    tree = spec.tree
    words = random.words(jax.random.split(jax.random.key(5), RUNS))
    keys = random.rollout_keys(words, nature=True, learner=True)

    def one(t, carry):
        world, state, totals = carry
        nature, learner, noise = keys(t.astype(jnp.int32))
        world, now = multistage.advance(nature, spec, world)
        action, state = epsilon_exp3.act(learner, params, state, None)
        world, feedback, _ = multistage.play(noise, spec, world, now, action)
        leaves = jnp.broadcast_to(spec.chance[now.segment][:, None], (tree.leaves, RUNS))
        play = play_probabilities(tree, action.policy)
        reach, added = jnp.ones((1, RUNS)), []
        for d, level in enumerate(tree.levels):
            below = world.values[d + 1] if d + 1 < tree.depth else None
            added.append((world.values[d], child_values(level, below, leaves), 1 / reach))
            # v of child m of node i, which is node i K + m of the next level.
            reach = (reach[:, None] * play[d]).reshape(-1, RUNS)
        totals = jax.tree.map(jnp.add, totals, added)
        return world, epsilon_exp3.update(params, state, action, feedback), totals

    @partial(jax.jit, compiler_options=QUICK)
    def follow():
        shapes = [(n, tree.width) for n in (level.size for level in tree.levels)]
        totals = [
            (jnp.zeros((n, RUNS)), jnp.zeros((n, k, RUNS)), jnp.zeros((n, RUNS))) for n, k in shapes
        ]
        first = multistage.init(words, spec), epsilon_exp3.init(words, params, spec), totals
        return jax.lax.fori_loop(1, horizon + 1, one, first)[2]

    return jax.tree.map(lambda x: np.asarray(x, np.float64), follow())


def node_regrets(spec, params, horizon):
    """Regret of every node against its best fixed child, its standard error, and sum 1/v."""
    rows = []
    for own, children, inverse in sums(spec, params, horizon):
        # The best child of the mean over runs: the lemma is of expectations.
        best = children.mean(axis=2).argmin(axis=1)
        gaps = own - np.take_along_axis(children, best[:, None, None], axis=1)[:, 0]
        error = gaps.std(axis=1, ddof=1) / RUNS**0.5
        rows += list(zip(gaps.mean(axis=1), error, inverse.mean(axis=1), strict=True))
    return np.array(rows).T


@pytest.mark.parametrize(("depth", "children"), [(2, 3), (3, 2)])
def test_every_node_is_within_its_bound(depth, children):
    """``epsilon_i T + log(K) / eta + eta sum_t K / v_it``, also at nodes that few jobs reach."""
    horizon = 2000
    spec = bernoulli_tree(horizon, depth=depth, children=children)
    epsilon, eta = theory_rates(depth, children, horizon)
    regret, error, inverse = node_regrets(spec, EpsilonEXP3Params(), horizon)
    bound = epsilon * horizon + np.log(children) / eta + eta * children * inverse
    assert np.all(regret + 3 * error <= bound), regret / bound
    assert np.max(regret / bound) > 0.1  # it is no empty bound
    # v >= T^(-(H-1)/(H+1)) at every node: exploration educates all of them.
    assert np.all(inverse <= horizon * horizon ** ((depth - 1) / (depth + 1)) * (1 + 1e-3))


def test_without_exploration_a_node_is_left_uneducated():
    """With epsilon = 0 nothing bounds 1/v: a child that looks bad gets no jobs to learn from."""
    horizon = 5000
    spec = bernoulli_tree(horizon, switch=0.5)  # node 1 is the worse one for 2500 rounds
    educated = node_regrets(spec, EpsilonEXP3Params(eta=0.02), horizon)
    ablated = node_regrets(spec, EpsilonEXP3Params(eta=0.02, epsilon=0.0), horizon)
    most = horizon * horizon ** (1 / 3)  # 1 / v <= K / epsilon = T^(1/3) with exploration
    assert educated[2].max() <= most * (1 + 1e-3)
    assert ablated[2].max() > 5 * most
