"""Baselines that run whole slots: agnostic, greedy, delayed greedy, threshold (section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import Feedback, Observation, Spec
from jaxsoco.core.protocol import Algorithm


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BaselineParams:
    """The baselines have nothing to tune."""


class BaselineState(NamedTuple):
    """Where the job is and slots of work left, int32 ``[...]``; what is known of the job."""

    place: jax.Array
    left: jax.Array
    length: jax.Array
    deadline: jax.Array
    price: jax.Array  # threshold price of a slot, [...]


def baseline_params(values: Mapping[str, Any]) -> BaselineParams:
    """Parameters from an experiment's values (there are none)."""
    del values
    return BaselineParams()


agnostic_params = greedy_params = delayed_greedy_params = threshold_params = baseline_params

Rule = Callable[[BaselineState, Observation], tuple[jax.Array, jax.Array]]


def _init(key: jax.Array, params: BaselineParams, spec: Spec) -> BaselineState:
    del key, params
    lanes = spec.lanes
    price = jnp.sqrt(spec.lower * spec.upper) * spec.throughput[0]
    as_int = lambda x: jnp.broadcast_to(jnp.asarray(x, jnp.int32), lanes)  # noqa: E731
    return BaselineState(
        place=as_int(spec.start),
        left=as_int(spec.length),
        length=as_int(spec.length),
        deadline=as_int(spec.deadline),
        price=jnp.broadcast_to(price, lanes),
    )


def _update(
    params: BaselineParams, state: BaselineState, action: jax.Array, feedback: Feedback
) -> BaselineState:
    del params, action, feedback
    return state


def _learner(rule: Rule) -> Algorithm:
    """A learner from ``rule(state, obs) -> (place, runs)``, asked while there is work left."""

    def act(key, params, state: BaselineState, obs: Observation):
        del key, params
        place, runs = rule(state, obs)
        runs = runs & (state.left > 0)
        place = jnp.where(state.left > 0, place, state.place).astype(jnp.int32)
        n = obs.costs.shape[0]
        states = jnp.arange(2 * n).reshape(-1, *(1,) * place.ndim)
        decision = (states == jnp.where(runs, place, place + n)[None]).astype(obs.costs.dtype)
        return decision, state._replace(place=place, left=state.left - runs)

    return Algorithm(_init, act, _update)


def _cheapest(costs: jax.Array) -> jax.Array:
    return jnp.argmin(costs, axis=0).astype(jnp.int32)


def _agnostic(state: BaselineState, obs: Observation):
    del obs
    return state.place, jnp.ones(state.place.shape, bool)


def _greedy(state: BaselineState, obs: Observation):
    place = jnp.where(obs.slot == 1, _cheapest(obs.costs), state.place)
    return place, jnp.ones(place.shape, bool)


def _delayed_greedy(state: BaselineState, obs: Observation):
    forecast = obs.forecast
    slots, n = forecast.shape[:2]
    number = jnp.arange(1, slots + 1).reshape(-1, 1, *(1,) * state.place.ndim)
    within = jnp.where(number <= state.deadline[None, None], forecast, jnp.inf)
    best = jnp.argmin(within.reshape(slots * n, *within.shape[2:]), axis=0)
    start = jnp.minimum(best // n + 1, state.deadline - state.length + 1)
    place = jnp.where(obs.slot == start, best % n, state.place)
    return place, obs.slot >= start


def _threshold(state: BaselineState, obs: Observation):
    cheap = _cheapest(obs.costs)
    accepts = jnp.min(obs.costs, axis=0) <= state.price
    mandatory = state.deadline - obs.slot + 1 <= state.left
    return jnp.where(accepts & ~mandatory, cheap, state.place), accepts | mandatory


agnostic = _learner(_agnostic)
"""Runs at once where the job arrived, whatever it costs."""

greedy = _learner(_greedy)
"""Moves once to the point that is cheapest now, and runs there at once."""

delayed_greedy = _learner(_delayed_greedy)
"""Waits for the forecast's cheapest slot and point, and runs there from then on."""

threshold = _learner(_threshold)
"""Runs at the cheapest point whenever its price is at most ``sqrt(L U)``, else waits in place."""
