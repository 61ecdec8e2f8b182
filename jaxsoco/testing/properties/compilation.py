"""One compilation for each static group: numbers are leaves, never part of the code."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.testing.blocks import compilations, run_block
from jaxsoco.testing.cases import Learner, other_values, static_values
from jaxsoco.testing.verdicts import differs, require


def points_and_values_share_one_compilation(learner: Learner) -> None:
    """New numbers of the problem and of the learner compile nothing, and make a difference."""
    variants = [learner.numbers, *other_values(learner)]
    with jax.enable_x64(True), compilations() as programs:
        params = [learner.params(**values) for values in variants]
        outcomes = [run_block(learner, params[0]) for _ in range(2)][:1]
        before = len(programs)
        points = [
            run_block(learner, params[0], point) for point in range(1, 1 + len(learner.case.points))
        ]
        outcomes += [run_block(learner, one) for one in params[1:]]
        compiled = len(programs) - before
    require(
        compiled == 0,
        f"{learner.id}: other numbers of its parameters or of the problem compile {compiled} more "
        "programs: expected leaves of the parameters, or static=True in the field's declaration",
    )
    # They are different all the same.
    outcomes = outcomes if learner.case.derived else [*outcomes, *points]
    records = [np.concatenate([*outcome.costs.values()]) for outcome in outcomes]
    for (i, one), (j, two) in itertools.combinations(enumerate(records), 2):
        if learner.case.derived and not differs(params[i], params[j]):
            continue  # both are cut off at the same limit
        same = np.array_equal(one, two)
        require(not same, f"{learner.id}: other values of its parameters give the same costs")


def _code(learner: Learner, values: dict[str, Any]) -> tuple[Any, ...]:
    """What two programs must share to be one."""
    params = learner.params(**values)
    shapes = [(np.shape(x), jnp.asarray(x).dtype) for x in jax.tree.leaves(params)]
    return jax.tree.structure(params), shapes


def fields_are_static_as_declared(learner: Learner) -> None:
    """Fields that are not static are leaves, and all values of static ones tell programs apart."""
    numbers = _code(learner, learner.numbers)
    for values in other_values(learner):
        require(
            _code(learner, values) == numbers,
            f"{learner.id}: {values} change the structure of its parameters: expected leaves, or "
            "static=True",
        )
    statics = [_code(learner, values) for values in static_values(learner.entry)]
    for one, two in itertools.combinations(statics, 2):
        require(one != two, f"{learner.id}: two values of a static field give one program")
