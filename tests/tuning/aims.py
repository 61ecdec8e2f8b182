"""A world whose expected cost is known: aim at a point that differs from run to run.

The target of a run is ``shift + z`` with a standard normal ``z``, the cost of every round
``(aim - target)^2``: over T rounds ``T ((x - shift)^2 + 1)`` is expected of a learner that aims at
``x``.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm, Instance, Problem, same_for_all
from jaxsoco.core.settings import setting, settings
from jaxsoco.extend import normal

ROUNDS = 2


class Costs(NamedTuple):
    miss: jax.Array


aiming = Problem(
    init=lambda key, spec: spec + normal(key),
    advance=lambda key, spec, world: (world, ()),
    observe=lambda spec, world, round: (),
    play=lambda key, spec, world, round, aim: (world, (), Costs((aim - world) ** 2)),
)


def world(shift=0.5, rounds=ROUNDS):
    return Instance(aiming, same_for_all, jnp.asarray(shift, float), rounds)


@settings
class AimParams:
    """Where to aim: at ``x``, at ``pace``, or on the integer ``order``."""

    x: float = setting("a coordinate", default=0.0, gradient="yes")
    pace: float = setting("a positive number", default=1.0, above=0, high=100, gradient="yes")
    part: float = setting("a part", default=0.5, low=0, high=1, gradient="yes")
    drawn: float = setting("a chance", default=0.0, gradient="biased", reason="it is drawn")
    jumps: float = setting("a step", default=0.0, gradient="no", reason="costs jump in it")
    order: int = setting("an order", default=0, low=0, high=9)
    depth: float = setting("a depth", default=1.0, above=0, static=True)
    kind: Literal["sum", "first"] = setting("what counts", default="sum")


def act(key, params, state, obs):
    aim = params.x + params.drawn + jnp.log(params.pace) + params.order + params.part - 0.5
    aim = aim + jnp.round(params.jumps) + (params.depth - 1)
    aim = params.x if params.kind == "first" else aim
    return jnp.broadcast_to(aim, key.shape[1:]), state


aim = Algorithm(lambda key, params, spec: (), act, lambda params, state, action, feedback: state)


class Network(NamedTuple):
    """Parameters of a user's own learner: arrays in a tree."""

    layers: dict
    scale: jax.Array


def act_by_network(key, params, state, obs):
    hidden = jnp.tanh(params.layers["in"])
    return jnp.broadcast_to(params.scale * hidden @ params.layers["out"], key.shape[1:]), state


network = aim._replace(act=act_by_network)


def network_params():
    layers = {"in": jnp.array([0.1, -0.2, 0.3]), "out": jnp.array([0.5, 0.4, 0.3])}
    return Network(layers, jnp.asarray(1.0))
