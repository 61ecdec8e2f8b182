"""Expected costs of learners on small trees, exactly: every history of draws, with its chance.

The learner's own functions play each history; which child a node takes, and whether it explores,
is forced through its uniforms. Chances and costs are added up in float64, and differences of the
sum in a parameter are the gradient: nothing here is differentiated or drawn.
"""

from itertools import product

import jax.numpy as jnp
import numpy as np

from jaxsoco.core.protocol import Instance, same_for_all
from jaxsoco.core.random import Given
from jaxsoco.multistage import Spec, Tree, multistage

STEP = 1e-5
RAGGED = Tree.from_edges([("r", "a"), ("r", "x"), ("a", "y"), ("a", "z"), ("a", "w")])
TREES = {
    "two": Tree.complete(1, 2),
    "three": Tree.complete(1, 3),
    "square": Tree.complete(2, 2),
    "ragged": RAGGED,
}


def instance_of(tree, costs):
    """A problem whose leaves cost ``costs [rounds, leaves]``, without chance."""
    rounds = len(costs)
    spec = Spec(
        chance=jnp.zeros((rounds, tree.leaves)),
        base=jnp.asarray(costs, float),
        segment_end=jnp.arange(1, rounds + 1, dtype=jnp.int32),
        horizon=jnp.asarray(float(rounds)),
        tree=tree,
    )
    return Instance(multistage, same_for_all, spec, rounds, "multistage/recorded_costs")


def expected_cost(instance, algorithm, params, explores, everywhere=False):
    """The expected total cost, float64.

    Args:
      instance: of :func:`instance_of`.
      algorithm: the learner.
      params: its parameters.
      explores: whether nodes above decision nodes explore.
      everywhere: whether all nodes draw, job or not.
    """
    spec, rounds = instance.settings, instance.horizon
    draws = _draws(spec.tree, explores, everywhere)
    histories = np.array(list(product(range(len(draws)), repeat=rounds)))
    words = jnp.zeros((2, len(histories)), jnp.uint32)
    world, state = multistage.init(words, spec), algorithm.init(words, params, spec)
    chance, total = np.ones(len(histories)), np.zeros(len(histories))
    for t in range(rounds):
        world, now = multistage.advance(words, spec, world)
        chosen = [draws[i] for i in histories[:, t]]
        count = spec.tree.nodes if everywhere else 2 * spec.tree.depth
        idle = Given(jnp.full((count, len(histories)), 0.5))
        policy = algorithm.act(idle, params, state, ())[0].policy
        uniforms, odds = _force(spec.tree, policy, chosen, everywhere)
        action, state = algorithm.act(Given(jnp.asarray(uniforms)), params, state, ())
        world, feedback, costs = multistage.play(words, spec, world, now, action)
        state = algorithm.update(params, state, action, feedback)
        chance *= odds
        total += np.asarray(costs.expected)
    assert abs(chance.sum() - 1) < 1e-9
    return float(chance @ total)


def slope(instance, learner, values, name, explores, everywhere=False):
    """Derivative of the expected cost in the logarithm of a parameter."""
    algorithm, params_of = learner

    def at(factor):
        params = params_of(**{**values, name: values[name] * factor})
        return expected_cost(instance, algorithm, params, explores, everywhere)

    return (at(np.exp(STEP)) - at(np.exp(-STEP))) / (2 * STEP)


def _draws(tree, explores, everywhere):
    """All draws of a round: what every node would do: a child, and whether as any child."""
    options = []
    for level in tree.levels:
        for node in range(level.size):
            modes = (False, True) if explores and level.inner[node] else (False,)
            options.append(list(product(np.flatnonzero(level.mask[node]), modes)))
    if everywhere:
        return list(product(*options))
    # Only nodes on the way draw: one entry for all that differ elsewhere.
    ways = {}
    for draw in product(*options):
        node, way = 0, []
        while node < tree.nodes:
            way.append((node, *draw[node]))
            node = tree.children[node][draw[node][0]]
        ways[tuple(way)] = draw
    return list(ways.values())


def _force(tree, policy, chosen, everywhere):
    """Uniforms that make the draws happen, and the chance that they do."""
    lanes = len(chosen)
    tables = [np.asarray(table) for table in policy.learned]
    uniforms = np.full((tree.nodes if everywhere else 2 * tree.depth, lanes), 0.5)
    odds = np.ones(lanes)
    for lane, draw in enumerate(chosen):
        node, depth = 0, 0
        visits = range(tree.nodes) if everywhere else ()
        for node in visits:
            level, place, d = _find(tree, node)
            uniforms[node, lane], chance = _child(tables[d][place, :, lane], draw[node][0])
            odds[lane] *= chance
        while not everywhere and node < tree.nodes:
            level, place, d = _find(tree, node)
            child, any_child = draw[node]
            epsilon = 0.0
            if policy.epsilon[d] is not None and level.inner[place]:
                epsilon = float(np.broadcast_to(policy.epsilon[d], (lanes,))[lane])
            degree = int(level.degree[place])
            uniform, chance = _child(tables[d][place, :, lane], child)
            if any_child:
                uniform, chance = (child + 0.5) / degree, epsilon / degree
                uniforms[2 * depth, lane] = epsilon / 2
            else:
                chance *= 1 - epsilon
                uniforms[2 * depth, lane] = (1 + epsilon) / 2
            uniforms[2 * depth + 1, lane] = uniform
            odds[lane] *= chance
            node, depth = tree.children[node][child], depth + 1
    return uniforms, odds


def _find(tree, node):
    for depth, level in enumerate(tree.levels):
        if level.first <= node < level.first + level.size:
            return level, node - level.first, depth
    raise AssertionError


def _child(row, child):
    """The middle of the child's part of the unit interval, and its length."""
    ends = np.concatenate([[0], np.cumsum(row)])
    return (ends[child] + ends[child + 1]) / 2, row[child]
