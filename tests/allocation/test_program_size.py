"""The size of ST-CLIP's step as a program: it decides how long every program with it compiles."""

import jax
import numpy as np
import pytest
from soad_mixes import mix_arguments, random_mix

from jaxsoco.allocation import stclip_step


def equations(jaxpr) -> int:
    """Of a program and of all that it calls; a loop's body counts once."""
    count = 0
    for equation in jaxpr.eqns:
        values = jax.tree.leaves([*equation.params.values()], is_leaf=lambda x: hasattr(x, "jaxpr"))
        inner = [x.jaxpr if hasattr(x, "jaxpr") else x for x in values]
        count += 1 + sum(equations(x) for x in inner if hasattr(x, "eqns"))
    return count


@pytest.mark.parametrize(("atoms", "most"), [(1, 3000), (2, 4500), (4, 5000)])
def test_plans_are_made_in_one_place(atoms, most):
    """Each further call of the function that makes a plan adds about a third."""
    rng = np.random.default_rng(0)
    clips = [random_mix(rng, 5, atoms, "plane", mixed=False) for _ in range(4)]
    jaxpr = jax.make_jaxpr(stclip_step)(*mix_arguments(clips, atoms, dtype=np.float32))
    assert 1000 < equations(jaxpr.jaxpr) < most
