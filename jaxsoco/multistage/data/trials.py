"""One run driven by given uniforms, round by round: to compare implementations."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.protocol import Algorithm
from jaxsoco.multistage.problem import multistage
from jaxsoco.multistage.spec import Spec
from jaxsoco.multistage.theory.tree import Tree
from jaxsoco.multistage.theory.values import join


class Replay(NamedTuple):
    """What happened.

    Attributes:
      expected: expected cost of the job of every round, from all play probabilities, ``[T]``.
      realised: cost of the leaf that it reached, ``[T]``.
      logits: at the end, ``[N, K]``; -inf for absent children. For Broad-OMD the logarithm of
        what is played, for the oracle its learners' summed estimates, negative.
    """

    expected: jax.Array
    realised: jax.Array
    logits: jax.Array


def replay(
    name: str,
    tree: Tree,
    q: Any,
    base: Any,
    segment_end: Any,
    uniforms: Any,
    **params: Any,
) -> Replay:
    """Runs an algorithm on given uniforms.

    Args:
      name: of the algorithm, such as ``"epsilon_exp3"``.
      tree: the tree.
      q: chance that a leaf costs 1, ``[segments, leaves]``.
      base: what it costs otherwise, ``[leaves]``.
      segment_end: last round of every segment, 1-based, ``[segments]``.
      uniforms: ``[T, columns]``; ``T`` is the horizon that rates are tuned to unless ``horizon``
        is given. ``2 H + 1`` columns: mode and child at every level, then the cost. For
        ``normalized_eg``, ``N + leaves``: the choices of all decision nodes, then the costs of all
        leaves.
      **params: fields of the algorithm's entry (``eta``, ``epsilon``, ``variant``, ``feedback``),
        and ``horizon``.

    Raises:
      ValueError: no such algorithm or parameter, or shapes that do not fit.
    """
    from jaxsoco import multistage as family

    entries = {entry.name: entry for entry in family.FAMILY.algorithms}
    if name not in entries:
        raise ValueError(f"no algorithm is called {name!r}; known: {', '.join(entries)}")
    uniforms = jnp.asarray(uniforms, float)
    horizon = params.pop("horizon", uniforms.shape[0])
    values = {field.name: field.default for field in entries[name].fields}
    if set(params) - set(values):
        unknown = ", ".join(sorted(set(params) - set(values)))
        raise ValueError(f"{name} has no {unknown}; known: horizon, {', '.join(values)}")
    chance = jnp.asarray(q, float)
    learner_columns = tree.nodes if name == "normalized_eg" else 2 * tree.depth
    columns = learner_columns + (tree.leaves if name == "normalized_eg" else 1)
    if uniforms.ndim != 2 or uniforms.shape[1] != columns:
        raise ValueError(f"uniforms: want [T, {columns}], got {list(uniforms.shape)}")
    if chance.shape != (len(np.atleast_1d(segment_end)), tree.leaves):
        raise ValueError(f"q: want [segments, {tree.leaves}], got {list(chance.shape)}")
    spec = Spec(
        chance=chance,
        base=jnp.broadcast_to(jnp.asarray(base, float), (1, tree.leaves)),
        segment_end=jnp.atleast_1d(jnp.asarray(segment_end, jnp.int32)),
        horizon=jnp.asarray(horizon, float),
        tree=tree,
    )
    algorithm = getattr(family, name)
    made = getattr(family, f"{name}_params")(values | params)
    return _run(algorithm, learner_columns, made, spec, uniforms)


@partial(jax.jit, static_argnums=(0, 1))
def _run(algorithm: Algorithm, split: int, params: Any, spec: Spec, uniforms: jax.Array) -> Replay:
    key = jnp.zeros(2, jnp.uint32)
    first = multistage.init(key, spec), algorithm.init(key, params, spec)

    def step(carry, row):
        world, state = carry
        mine, natures = random.Given(row[:split]), random.Given(row[split:])
        world, now = multistage.advance(natures, spec, world)
        observation = multistage.observe(spec, world, now)
        action, state = algorithm.act(mine, params, state, observation)
        world, feedback, costs = multistage.play(natures, spec, world, now, action)
        state = algorithm.update(params, state, action, feedback)
        return (world, state), (costs.expected, costs.realised)

    (_, state), (expected, realised) = jax.lax.scan(step, first, uniforms)
    return Replay(expected, realised, _logits(state))


def _logits(state: Any) -> jax.Array:
    if hasattr(state, "high"):
        return join(state.high) + join(state.low)
    return join(state.theta) if hasattr(state, "theta") else jnp.log(join(state.learned))
