"""The two cases of ST-CLIP's step: advice in one state and one rate, and all others."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.advised import Mix, advice_cost, mix_cost, mix_work
from jaxsoco.allocation.theory.assignment import Target
from jaxsoco.allocation.theory.metric import StateMetric
from jaxsoco.allocation.theory.multiplier import Solution, solve
from jaxsoco.allocation.theory.plans import (
    Prices,
    all_sources,
    best_plan,
    decide,
    follow_plan,
    held_sources,
)
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.routes import (
    best_routes,
    even_multiplier,
    gather_routes,
    no_routes,
)
from jaxsoco.allocation.theory.support import held_states, on_support
from jaxsoco.core.lanes import lift

# Multipliers that are tried for routes: two plans that are even there leave little to search.
TRIALS = 9


class Terms(NamedTuple):
    """The numbers of a step, ``[...]`` each, as :func:`stclip_step` takes them."""

    utilization: jax.Array
    robust: jax.Array
    advice_utilization: jax.Array
    spent: jax.Array
    budget: jax.Array
    pseudo_cost: PseudoCost
    least: jax.Array
    rate: jax.Array


class Network(NamedTuple):
    """Costs and metrics of a step: as :func:`stclip_step` takes them, with all lanes or one."""

    tree: jax.Array | StateMetric
    metric: jax.Array | StateMetric
    back: jax.Array | StateMetric
    costs: jax.Array

    def arcs(self, previous: jax.Array, to_advice: jax.Array) -> tuple:
        """Arguments of ``held_sources`` and ``all_sources``."""
        return previous, self.tree, self.metric, self.costs, to_advice


def _prices(terms: Terms, on_advice: jax.Array) -> Prices:
    """What the price of work depends on; ``on_advice [...]``: the advice's work ``c(a)``."""
    return Prices(
        terms.pseudo_cost,
        terms.rate,
        terms.robust,
        # 1 - z, max(A - z, 0), and the part of the constraint that no decision changes.
        jnp.maximum(1 - terms.utilization, 0),
        jnp.maximum(terms.advice_utilization - terms.utilization, 0),
        terms.spent + terms.pseudo_cost.tau * on_advice - terms.budget,
        terms.least,
    )


def one_state(
    network: Network, previous: jax.Array, terms: Terms, place: jax.Array, met: jax.Array
) -> Solution:
    """Advice in one state ``place [...]``, and one rate."""
    states = previous.shape[0]
    n = states // 2
    # One state works at the full rate or not at all.
    prices = _prices(terms, jnp.where(place < n, terms.rate, 0))
    # Following the advice: ON as far as the work left allows, or OFF but for what must be done.
    fraction = jnp.where(
        place < n, jnp.minimum(1, prices.room / terms.rate), terms.least / terms.rate
    )
    arcs = network.arcs(previous, advice_cost(network.back, place, states, place.ndim))

    def solved(sources):
        return solve(
            lambda multiplier: best_plan(sources, prices, multiplier),
            follow_plan(sources, prices, place, fraction),
            lambda plan: decide(plan, sources.mass, n),
            lambda plan, multiplier: plan.value + multiplier * plan.excess,
            prices,
            met,
        )

    return on_support(
        previous,
        lambda: solved(held_sources(*arcs)),
        lambda: solved(all_sources(*arcs)),
    )


def routed(
    network: Network,
    previous: jax.Array,
    terms: Terms,
    advised: jax.Array | Mix,
    rates: jax.Array | None,
    met: jax.Array,
) -> Solution:
    """Advice in several states, or points that work at several ``rates [n, ...]``."""
    states = previous.shape[0]
    mix = advised if isinstance(advised, Mix) else Mix(advised[None], jnp.ones_like(previous[:1]))
    uniform = rates is None
    on_rates = lift(terms.rate) if uniform else rates
    on_rates = jnp.broadcast_to(on_rates, (states // 2, *previous.shape[1:])).astype(previous.dtype)
    state_rates = jnp.concatenate([on_rates, jnp.zeros_like(on_rates)])
    prices = _prices(terms, mix_work(state_rates, mix))
    # The way back depends on the advised state, too: it is not part of the sources' costs.
    arcs = network.arcs(previous, jnp.zeros_like(previous))

    def solved(mix, sources):
        target = Target(mix.weights, mix_cost(network.back, mix), state_rates)
        return solve(
            lambda multiplier: best_routes(sources, target, prices, multiplier, uniform=uniform),
            no_routes(sources, target),
            lambda plan: gather_routes(plan, states),
            lambda plan, _: plan.bound,
            prices,
            met,
            even=lambda left, right, share: even_multiplier(prices, left, right, share),
            evaluations=TRIALS,
        )

    def toward(mix):
        return on_support(
            previous,
            lambda: solved(mix, held_sources(*arcs)),
            lambda: solved(mix, all_sources(*arcs)),
        )

    def few():
        weights, numbers = held_states(mix.weights)
        return toward(Mix(numbers, weights))

    if mix.states is not None:
        return toward(mix)
    return on_support(mix.weights, few, lambda: solved(mix, all_sources(*arcs)))
