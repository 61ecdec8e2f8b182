"""A small world for the engine's tests: a learner follows a random walk, and pays to move.

It uses everything that the protocol offers: a spec that is drawn, randomness of nature, learner and
noise, feedback, faults, and leaves that are shared by all runs or not. ``follow`` is the same in
NumPy, one run at a time.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Algorithm, Instance, Problem
from jaxsoco.engine.simulate import Run, simulate

HORIZON = 7


class Settings(NamedTuple):
    """``speed`` and ``lag`` may differ between points, ``shape [2]`` is a structural axis."""

    speed: jax.Array
    lag: jax.Array
    shape: jax.Array


class Spec(NamedTuple):
    start: jax.Array
    speed: jax.Array
    shape: jax.Array


class Costs(NamedTuple):
    hit: jax.Array
    move: jax.Array


class World(NamedTuple):
    place: jax.Array
    last: jax.Array


class State(NamedTuple):
    guess: jax.Array
    missed: jax.Array
    faults: jax.Array


def draw(key, settings: Settings) -> Spec:
    lanes = key.shape[1:]
    start = settings.lag + random.uniform(key)
    return Spec(start, jnp.broadcast_to(settings.speed, lanes), settings.shape)


def _init(key, spec):
    place = spec.start + random.uniform(key)
    return World(place, jnp.zeros_like(place))


def _advance(key, spec, world):
    # The two entries of `shape` are steps down and up.
    table = align(spec.shape, 1, key.ndim - 1)
    step = jnp.where(random.uniform(key) < 0.5, table[0], table[1])
    place = world.place + spec.speed * step
    return world._replace(place=place), place


def _observe(spec, world, round):
    return round


def _play(key, spec, world, round, action):
    hit = jnp.abs(round - action) * (1 + random.uniform(key))
    costs = Costs(hit, jnp.abs(action - world.last))
    return world._replace(last=action), hit, costs


def _first(key, params, spec):
    guess = random.uniform(key)
    return State(guess, jnp.zeros_like(guess), jnp.zeros(guess.shape, jnp.int32))


def _act(key, params, state, obs):
    action = state.guess + params["gain"] * (obs - state.guess) + 0.1 * random.uniform(key)
    return action, state._replace(faults=state.faults + (obs > 1))


def _update(params, state, action, feedback):
    return state._replace(guess=action, missed=state.missed + feedback)


walk = Problem(_init, _advance, _observe, _play)
follower = Algorithm(_first, _act, _update)


def params(gain) -> dict:
    return {"gain": gain}


def instance(speed=1.0, lag=0.0, shape=(-1.0, 1.0), horizon=HORIZON) -> Instance:
    arrays = Settings(*(jnp.asarray(x, float) for x in (speed, lag, shape)))
    return Instance(walk, draw, arrays, horizon)


def play(spec, key, gain, *, horizon: int = HORIZON, **options) -> Run:
    """A rollout of the follower."""
    return simulate(follower, params(gain), walk, spec, key, horizon, **options)


def still(key, spec, at):
    """A comparator: never moves, so that it pays the walk's distance from the start."""
    rounds = jnp.asarray(at, spec.start.dtype).reshape(-1, *(1,) * spec.start.ndim)
    costs = {"hit": rounds * spec.start[None], "move": jnp.zeros((len(at), *spec.start.shape))}
    return costs, jnp.zeros(spec.start.shape, jnp.int32)


def follow(key, spec, gain: float, horizon: int = HORIZON) -> dict[str, np.ndarray]:
    """What one run (key: words ``[2]``) does, by a plain loop: everything of every round."""

    def uniform(t, stream):
        return np.asarray(random.uniform(random.round_keys(key, t)[stream]))

    place = np.asarray(spec.start) + uniform(0, random.NATURE)
    last, guess = place * 0, uniform(0, random.LEARNER)
    rows: dict[str, list] = {"action": [], "hit": [], "move": [], "fault": []}
    for t in range(1, horizon + 1):
        step = np.asarray(spec.shape)[0 if uniform(t, random.NATURE) < 0.5 else 1]
        place = place + np.asarray(spec.speed) * step
        action = guess + gain * (place - guess) + 0.1 * uniform(t, random.LEARNER)
        rows["action"].append(action)
        rows["hit"].append(np.abs(place - action) * (1 + uniform(t, random.NOISE)))
        rows["move"].append(np.abs(action - last))
        rows["fault"].append(place > 1)
        last = guess = action
    return {name: np.asarray(row) for name, row in rows.items()}
