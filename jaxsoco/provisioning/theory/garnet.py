"""Random constrained decision processes: Garnets whose consumption buys less loss.

Every run draws its own process from its key. Of ``S`` states, ``A`` actions and ``B`` branches::

    next states of (s, a)   B of the S, chosen at random
    their probabilities     uniform on the simplex of B numbers
    consumption d(s, a)     0 of the first action, else uniform in [0, 1]
    loss l(s, a)            1 - d(s, a) g(s, a) with g uniform in [0, 1]

so that the first action is free and costs the whole loss, and every other one buys something. All
slots are alike, and the first state is uniform. Garnets: Archibald, McKinnon, Thomas, "On the
generation of Markov decision processes", J. Oper. Res. Soc. 46 (1995), with costs of our own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.provisioning.spec import Spec
from jaxsoco_kernels.occupancy import policy_value


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Garnet:
    """What the processes of all runs have in common. Leaves may carry lanes.

    Attributes:
      template: a specification whose numbers, sizes, first states and baseline are those of every
        run; loss, consumption, transitions and the baseline's consumption are drawn.
      branching: ``B``, ``[...]``.
    """

    template: Spec
    branching: jax.Array


_ORDER, _WEIGHT, _CONSUMPTION, _GAIN = range(4)


def draw_garnet(key: jax.Array, garnet: Garnet) -> Spec:
    """The process of one run, of the words of a key ``[2, ...]``, which is consumed."""
    spec = garnet.template
    lanes, s, a = key.ndim - 1, spec.states, spec.actions

    def uniforms(place, *shape):
        return random.uniform(random.fold(key, place), shape, spec.dtype)

    # Positions of the next states in a random order: the first B of them are the branches.
    order = jnp.argsort(uniforms(_ORDER, s, a, s), axis=2)
    position = jnp.argsort(order, axis=2)
    # Exponential variables over their sum are uniform on the simplex.
    weight = jnp.maximum(-jnp.log1p(-uniforms(_WEIGHT, s, a, s)), jnp.finfo(spec.dtype).tiny)
    branching = align(garnet.branching, 0, lanes)[None, None, None]
    weight = jnp.where(position < branching, weight, 0)
    transition = (weight / jnp.sum(weight, axis=2, keepdims=True))[None]
    idle = (jnp.arange(a) == 0).reshape(1, a, *(1,) * lanes)
    consumption = jnp.where(idle, 0, uniforms(_CONSUMPTION, s, a))[None]
    loss = 1 - consumption * uniforms(_GAIN, s, a)[None]
    baseline = align(spec.baseline, 3, lanes)
    baseline = jnp.broadcast_to(baseline, (spec.slots, *baseline.shape[1:]))
    spent = policy_value(baseline, consumption, transition, align(spec.initial, 1, lanes))
    return replace(
        spec,
        loss=loss,
        consumption=consumption,
        transition=transition,
        base_consumption=spent,
    )
