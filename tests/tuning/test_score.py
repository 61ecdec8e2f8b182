"""The score estimate is unbiased: on trees that are so small that all histories can be added up."""

import jax
import numpy as np
import pytest
import tree_histories as histories  # pyright: ignore[reportMissingImports]

import jaxsoco
from jaxsoco.testing.pieces import quick
from jaxsoco.tuning.estimators import score
from jaxsoco.tuning.objective import Objective, bind
from jaxsoco.tuning.parameters import space_for
from jaxsoco.tuning.trials import Trials, Worlds

RUNS = 20_000
ERRORS = 3.0  # standard errors that an estimate may be off, with these keys
TABLES = 3  # of costs, for every learner and tree

# name, fixed words, values of the parameters, tree, rounds, explores, all nodes draw
CASES = [
    ("exp3", {}, {"eta": 0.7}, "two", 3, False, False),
    ("exp3", {}, {"eta": 0.7}, "square", 3, False, False),
    ("epsilon_exp3", {}, {"eta": 0.3, "epsilon": 0.4}, "square", 3, True, False),
    ("epsilon_exp3", {}, {"eta": 0.3, "epsilon": 0.4}, "ragged", 2, True, False),
    (
        "anytime_epsilon_exp3",
        {},
        {"eta_scale": 0.9, "epsilon_scale": 0.2},
        "square",
        3,
        True,
        False,
    ),
    ("normalized_eg", {"feedback": "realised"}, {"eta": 0.8}, "square", 3, False, True),
    ("normalized_eg", {"feedback": "expected"}, {"eta": 0.8}, "ragged", 2, False, True),
    ("broad_omd", {"variant": "v1"}, {"eta": 0.15}, "three", 3, False, False),
    ("broad_omd", {"variant": "v2"}, {"eta": 0.5}, "square", 3, False, False),
    ("broad_omd", {"variant": "v0"}, {"eta": 0.4}, "ragged", 2, False, False),
    ("oracle_policy", {}, {"exploration": 0.1, "decay": 0.5}, "square", 3, False, False),
    ("exp3_ix", {}, {"eta": 0.7, "gamma": 0.2}, "square", 3, False, False),
    ("exp3_p", {}, {"eta": 0.5, "gamma": 0.3, "beta": 0.1}, "ragged", 2, False, False),
    ("tsallis_inf", {}, {"eta_scale": 0.9}, "three", 3, False, False),
    ("leaf_exp3", {}, {"eta": 0.7}, "square", 3, False, False),
    ("node_exp4", {}, {"eta": 0.7}, "ragged", 2, False, False),
]


def costs_of(tree, rounds):
    """Tables of costs ``[TABLES, rounds, leaves]``."""
    rng = np.random.default_rng(len(tree.children) + 10 * rounds)
    return rng.uniform(size=(TABLES, rounds, tree.leaves))


def estimates(name, words, values, tree, rounds, cost=None):
    """Gradients and errors of all tables, ``[TABLES, P]`` each."""
    algorithm, params = jaxsoco.learner(f"multistage/{name}", **words, **values)
    # A range above 0: the free coordinates are logarithms, as in the differences.
    space = space_for(params, {name: [1e-3, 0.99] for name in values})

    def one(costs, keys):
        instance = histories.instance_of(tree, costs)
        criterion = bind(Objective(cost=cost), instance)
        trials = Trials(Worlds((instance,)), algorithm, params, space, criterion)
        free = jax.numpy.asarray(space.free(values), float)
        estimate = score.estimate(trials, free, keys)
        return estimate.gradient, estimate.error

    keys = jaxsoco.seed_keys(0, RUNS)
    program = jax.jit(one, compiler_options=quick())
    pairs = [program(costs, keys) for costs in costs_of(tree, rounds)]
    return [np.array(part) for part in zip(*pairs, strict=True)]


def exact(name, words, values, tree, rounds, explores, everywhere):
    with jax.enable_x64(True):
        algorithm, _ = jaxsoco.learner(f"multistage/{name}", **words)

        def params_of(**numbers):
            return jaxsoco.learner(f"multistage/{name}", **words, **numbers)[1]

        return np.array(
            [
                [
                    histories.slope(
                        histories.instance_of(tree, costs),
                        (algorithm, params_of),
                        values,
                        one,
                        explores,
                        everywhere,
                    )
                    for one in values
                ]
                for costs in costs_of(tree, rounds)
            ]
        )


QUICK = ("exp3-two", "normalized_eg-ragged")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[] if name in QUICK else pytest.mark.slow)
        for case in CASES
        for name in [f"{case[0]}-{case[3]}"]
    ],
)
def test_it_is_unbiased(case):
    name, words, values, shape, rounds, explores, everywhere = case
    tree = histories.TREES[shape]
    gradient, error = estimates(name, words, values, tree, rounds)
    truth = exact(name, words, values, tree, rounds, explores, everywhere)
    # Rounding, where nothing is left to chance; of the differences, where the slope is 0.
    room = ERRORS * error + 1e-5 * np.abs(truth) + 1e-9
    assert np.all(np.abs(gradient - truth) <= room), (gradient, truth, error)
    # The estimate says something: of most tables, more than its error.
    assert np.mean(np.abs(truth) > 2 * error) >= 0.5, (truth, error)
