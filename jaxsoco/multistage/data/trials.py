"""One run driven by recorded uniforms, round by round: to compare implementations."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm
from jaxsoco.core.schema import AlgorithmEntry, load
from jaxsoco.multistage.learners._nodes import Logits
from jaxsoco.multistage.learners._shared import EXP3State
from jaxsoco.multistage.learners.normalized_eg import NormalizedEGState
from jaxsoco.multistage.learners.oracle_policy import OraclePolicyState
from jaxsoco.multistage.problem import multistage
from jaxsoco.multistage.settings import FAMILY
from jaxsoco.multistage.spec import Spec
from jaxsoco.multistage.theory.levels import join
from jaxsoco.multistage.theory.tree import Tree


class Replay(NamedTuple):
    """What happened.

    Attributes:
      expected: expected cost of the job of every round, from all play probabilities, ``[T]``.
      realised: cost of the leaf that it reached, ``[T]``.
      logits: at the end, ``[N, K]``; -inf for absent children. For the oracle its learners' summed
        estimates, negative; for learners without logits the logarithm of what is played.
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

    >>> from jaxsoco.multistage import Tree, replay
    >>> uniforms = [[0.9, 0.1, 0.5], [0.9, 0.8, 0.5]]  # the first child, then the second
    >>> result = replay("exp3", Tree.complete(1, 2), [[1.0, 0.0]], 0.0, [2], uniforms, eta=0.1)
    >>> result.realised.tolist(), round(float(result.logits[0, 0]), 3)  # -eta / 0.5
    ([1.0, 0.0], -0.2)

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
      **params: the algorithm's parameters (``eta``, ``epsilon``, ``variant``, ``feedback``),
        and ``horizon``.

    Raises:
      ValueError: no such algorithm or parameter, or shapes that do not fit.
    """
    uniforms, chance = jnp.asarray(uniforms, float), jnp.asarray(q, float)
    horizon = params.pop("horizon", uniforms.shape[0])
    entry, values = _entry(name, params)
    everywhere = name == "normalized_eg"  # every node and every leaf draws in every round
    split = tree.nodes if everywhere else 2 * tree.depth
    columns = split + (tree.leaves if everywhere else 1)
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
    return _run(load(entry.load), split, entry.parameters(values), spec, uniforms)


def _entry(name: str, params: dict[str, Any]) -> tuple[AlgorithmEntry, dict[str, Any]]:
    """The algorithm's entry, and a value for each of its fields."""
    entries = {entry.name: entry for entry in FAMILY.algorithms}
    if name not in entries:
        raise ValueError(f"no algorithm is called {name!r}; known: {', '.join(entries)}")
    values = {field.name: field.default for field in entries[name].fields}
    if set(params) - set(values):
        unknown = ", ".join(sorted(set(params) - set(values)))
        raise ValueError(f"{name} has no {unknown}; known: horizon, {', '.join(values)}")
    return entries[name], values | params


@partial(jit, static_argnums=(0, 1))
def _run(algorithm: Algorithm, split: int, params: Any, spec: Spec, uniforms: jax.Array) -> Replay:
    """The run; the first ``split`` uniforms of a round are the learner's, the others nature's."""
    key = jnp.zeros(2, jnp.uint32)
    first = multistage.init(key, spec), algorithm.init(key, params, spec)

    def step(carry, row):
        world, state = carry
        learner, nature = random.Given(row[:split]), random.Given(row[split:])
        world, now = multistage.advance(nature, spec, world)
        observation = multistage.observe(spec, world, now)
        action, state = algorithm.act(learner, params, state, observation)
        world, feedback, costs = multistage.play(nature, spec, world, now, action)
        state = algorithm.update(params, state, action, feedback)
        return (world, state), (costs.expected, costs.realised)

    (_, state), (expected, realised) = jax.lax.scan(step, first, uniforms)
    return Replay(expected, realised, _logits(state))


def _logits(state: Any) -> jax.Array:
    """What the learner has learned, ``[N, K]``."""
    if isinstance(state, OraclePolicyState):
        return join(state.theta)
    nodes = getattr(state, "nodes", state)
    if isinstance(nodes, EXP3State | NormalizedEGState | Logits):
        return join(nodes.high) + join(nodes.low)
    return jnp.log(join(nodes.learned))
