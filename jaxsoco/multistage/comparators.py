"""The best fixed leaf, which is the best stationary policy, and the best leaf of every round."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core import random
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.lanes import align
from jaxsoco.multistage.spec import Spec


def best_leaf(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Expected cost of the best leaf in hindsight, the minimum taken afresh at each checkpoint.

    It stands for ``realised`` as well, as in the paper.
    """
    lanes = spec.lanes(random.words(key).shape[1:])
    totals = leaf_totals(spec, at)
    best = jnp.min(totals, axis=1)
    best = jnp.broadcast_to(align(best, 1, len(lanes)), (len(at), *lanes))
    best = best.astype(spec.chance.dtype)
    none = jnp.zeros_like(best)
    costs = {"expected": best, "realised": best, "first_edge": none, "second_edge": none}
    return costs, jnp.zeros(lanes, jnp.int32)


def leaf_totals(spec: Spec, at: tuple[int, ...]) -> jax.Array:
    """Cumulative expected cost of every leaf at every checkpoint, ``[C, leaves, ...]``."""
    lanes = max(spec.chance.ndim, 0 if spec.base is None else spec.base.ndim, 2) - 2
    means = spec.means(lanes)
    start, end = spec.segment_bounds()
    totals = []
    for t in at:
        # Rounds of every segment up to the checkpoint.
        rounds = jnp.clip(jnp.minimum(end, t) - start, 0)
        rounds = rounds.astype(means.dtype).reshape(-1, 1, *(1,) * lanes)
        totals.append(_pairwise_sum(rounds * means) + _answers(spec, t, lanes))
    return jnp.stack(totals)


def _answers(spec: Spec, rounds: int, lanes: int) -> jax.Array | float:
    """What a leaf that answers to its use costs more if all jobs go there, ``[leaves, ...]``."""
    if spec.answer is None:
        return 0.0
    answer, memory = align(spec.answer, 2, lanes)[0], align(spec.memory, 0, lanes)
    # Its share in round t is 1 - (1 - 1 / memory)^(t - 1).
    missed = memory * (1 - (1 - 1 / memory) ** rounds)
    return answer * (rounds - missed)


def best_sequence(
    key: jax.Array, spec: Spec, at: tuple[int, ...]
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Expected cost of the best leaf of every round: what learners that follow changes are after.

    It stands for ``realised`` as well.

    Raises:
      InputError: leaves answer to their use.
    """
    if spec.answer is not None:
        message = "a leaf answers to its use, so that the best leaf of a round depends on the past"
        raise InputError(Issue("run.compare", message, 'want "best_leaf"'))
    lanes = spec.lanes(random.words(key).shape[1:])
    least = jnp.min(spec.means(len(lanes)), axis=1)
    start, end = spec.segment_bounds()
    totals = []
    for t in at:
        rounds = jnp.clip(jnp.minimum(end, t) - start, 0).astype(least.dtype)
        totals.append(_pairwise_sum(rounds.reshape(-1, *(1,) * len(lanes)) * least))
    best = jnp.broadcast_to(jnp.stack(totals), (len(at), *lanes)).astype(spec.chance.dtype)
    none = jnp.zeros_like(best)
    costs = {"expected": best, "realised": best, "first_edge": none, "second_edge": none}
    return costs, jnp.zeros(lanes, jnp.int32)


def _pairwise_sum(x: jax.Array) -> jax.Array:
    """Sum over the first axis, by pairs: in float32 as exact for 1e6 rounds as for 20."""
    while x.shape[0] > 1:
        if x.shape[0] % 2:
            x = jnp.concatenate([x, jnp.zeros_like(x[:1])])
        x = x[0::2] + x[1::2]
    return x[0]
