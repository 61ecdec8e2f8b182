"""SCaLE averaged over the minimiser's walk in closed form: what is drawn is the exploration alone.

The expected costs of an exploration and of the plan that follows it are exact second moments, so a
seed tells what thousands of walks would. The world has two rounds: in the first the learner hands
over all its exploring deviations and is told their noisy hitting costs, in the second it hands over
its estimate and is charged for the whole horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.lanes import align
from jaxsoco.core.protocol import Problem
from jaxsoco.tracking.spec import Costs, Spec
from jaxsoco.tracking.theory.algebra import turn_back
from jaxsoco.tracking.theory.increments import correlation_root, variance_of_round
from jaxsoco.tracking.theory.planning import interpolation_eigenvalues
from jaxsoco_kernels import jacobi
from jaxsoco_kernels.jacobi import Spectrum

ROUNDS = 2
"""Rounds of the world: exploring, and everything after it."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Averaged:
    """A tracking problem ``spec`` to be averaged over its walk, whose steps have a variance."""

    spec: Spec


class Plan(NamedTuple):
    """What a learner hands over.

    Attributes:
      deviations: ``y_1 .. y_T0`` of the exploring rounds, ``[T0, d, ...]``; counts in round 1.
      estimate: what it plans the rounds after ``T0`` with; counts in round 2.
    """

    deviations: jax.Array
    estimate: Spectrum


class World(NamedTuple):
    """Rounds that are over, int32, one number for all lanes."""

    clock: jax.Array


def _init(key: jax.Array, spec: Averaged) -> World:
    del key, spec
    return World(jnp.zeros((), jnp.int32))


def _advance(key: jax.Array, spec: Averaged, world: World) -> tuple[World, World]:
    del key, spec
    return World(world.clock + 1), world


def _observe(spec: Averaged, world: World, round: World) -> World:
    del spec, world
    return round


def _play(
    key: jax.Array, spec: Averaged, world: World, round: World, action: Plan
) -> tuple[World, jax.Array, Costs]:
    inner, deviations = spec.spec, action.deviations
    lanes = key.ndim - 1
    if not deviations.shape[0] < inner.horizon:
        raise ValueError(
            f"{deviations.shape[0]} exploring rounds do not fit into a horizon of {inner.horizon}"
        )
    own = jax.vmap(lambda y: turn_back(inner.basis, y))(deviations)
    eigenvalues = align(inner.eigenvalues, 1, lanes)
    hits = jnp.sum(eigenvalues[None] * own * own, axis=1) / 2
    cap = align(inner.noise_cap, 0, lanes)[None]
    feedback = hits + cap * (2 * random.uniform(key, hits.shape[:1], hits.dtype) - 1)
    # All lanes share the clock: one of the two is computed.
    costs = jax.lax.cond(
        round.clock == 0,
        lambda: _explored(inner, own, hits),
        lambda: _exploited(inner, own, action.estimate),
    )
    return world, feedback, costs


def step_variance(spec: Spec, lanes: int) -> jax.Array:
    """``Sigma [d, d, ...]`` of an increment, in the eigenbasis of the matrix, but for its round."""
    scale = align(spec.scale, 0, lanes)[None, None]
    basis = align(spec.basis, 2, lanes)
    if spec.increments == "correlated":
        root = correlation_root(spec.dimension, align(spec.correlation, 0, lanes))
        turned = scale * jnp.sum(basis[:, :, None] * root[:, None], axis=0)
    else:
        turned = scale * jnp.swapaxes(basis, 0, 1)
    return jnp.sum(turned[:, None] * turned[None], axis=2)


def _modulation(spec: Spec, rounds: jax.Array, dtype: Any) -> jax.Array:
    if spec.increments == "correlated":
        return variance_of_round(rounds, dtype)
    return jnp.ones(rounds.shape, dtype)


def _keep(spec: Spec, eigenvalues: jax.Array, t: jax.Array) -> jax.Array:
    left = jnp.maximum(spec.horizon + 1 - t, 1).astype(eigenvalues.dtype)
    return interpolation_eigenvalues(eigenvalues, left)[0]


def _explored(spec: Spec, own: jax.Array, hits: jax.Array) -> Costs:
    """Expected costs of the exploring rounds, given their deviations ``own [T0, d, ...]``."""
    lanes, dtype = own.ndim - 2, own.dtype
    eigenvalues = align(spec.eigenvalues, 1, lanes)
    spread = _diagonal(step_variance(spec, lanes))
    t = jnp.arange(1, own.shape[0] + 1)
    keep = jax.vmap(lambda now: _keep(spec, eigenvalues, now))(t)
    last = jnp.concatenate([jnp.zeros_like(own[:1]), own[:-1]])
    share = _modulation(spec, t, dtype).reshape(-1, 1, *(1,) * lanes)
    walked = share * spread[None]
    miss = own - keep * last
    return Costs(
        hit=jnp.sum(hits, axis=0),
        move=jnp.sum((own - last) ** 2 + walked, axis=(0, 1)) / 2,
        regret=jnp.sum(miss * miss / keep + keep * walked, axis=(0, 1)) / 2,
    )


def _diagonal(matrix: jax.Array) -> jax.Array:
    return jnp.stack([matrix[i, i] for i in range(matrix.shape[0])])


def _exploited(spec: Spec, own: jax.Array, estimate: Spectrum) -> Costs:
    """Expected costs of LAI with an estimate from round ``T0 + 1`` to the end."""
    lanes, dtype = own.ndim - 2, own.dtype
    eigenvalues = align(spec.eigenvalues, 1, lanes)
    believed = jacobi.eigenvalues(estimate)
    # Second moments in the eigenbasis of the estimate; `into` turns that into the matrix's own.
    basis = align(spec.basis, 2, lanes)
    into = jnp.sum(basis[:, :, None] * estimate.basis[:, None], axis=0)
    weighted = eigenvalues[:, None] * into
    matrix = jnp.sum(into[:, :, None] * weighted[:, None], axis=0)
    step = step_variance(spec, lanes)
    half = jnp.sum(step[:, :, None] * into[None], axis=1)
    step = jnp.sum(into[:, :, None] * half[:, None], axis=0)
    rounds = own.shape[0]
    last = own[-1] if rounds else jnp.zeros_like(believed)
    seen = jnp.sum(into * last[:, None], axis=0)
    first = jnp.int32(rounds + 1)
    second = seen[:, None] * seen[None] + _modulation(spec, first, dtype) * step
    zero = jnp.zeros(own.shape[2:], dtype)

    def body(t, carry):
        second, (hit, move, regret) = carry
        keep, best = _keep(spec, believed, t), _keep(spec, eigenvalues, t)
        after = keep[:, None] * second * keep[None]
        miss = into * (keep[None] - best[:, None])
        missed = jnp.sum(miss[:, :, None] * second[None], axis=1)
        hit = hit + jnp.sum(matrix * after, axis=(0, 1)) / 2
        move = move + jnp.sum(_diagonal(second) * (1 - keep) ** 2, axis=0) / 2
        regret = regret + jnp.sum(jnp.sum(missed * miss, axis=1) / best, axis=0) / 2
        return after + _modulation(spec, t + 1, dtype) * step, (hit, move, regret)

    start = (second, (zero, zero, zero))
    _, (hit, move, regret) = jax.lax.fori_loop(rounds + 1, spec.horizon + 1, body, start)
    return Costs(hit, move, regret)


expected_tracking = Problem(_init, _advance, _observe, _play)
"""Two rounds that stand for a whole run; ``spec`` is an :class:`Averaged`."""
