"""Sliding-window UCB at every node (Garivier and Moulines, ALT 2011).

A. Garivier and E. Moulines, "On upper-confidence bound policies for switching bandit problems". A
node remembers the children and costs of its last ``tau`` jobs: of the ``n`` jobs in this window
``N_m`` went to the child ``m`` and cost ``mean_m`` on average. A child without a job in the window
comes first; otherwise the node sends a job to the child with the least ::

    mean_m - sqrt(xi log n / N_m)

With a window of ``2 sqrt(T log T / S)``, for ``S`` changes of law, the number of jobs sent to a
worse child is of order ``sqrt(S T log T)`` if its node has leaves for children (theorem 2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot
from jaxsoco.multistage.learners._indices import Plays, choose, first_plays
from jaxsoco.multistage.learners._nodes import NodesState, after_job, at_every_node, start_nodes
from jaxsoco.multistage.learners._rows import chosen_loss
from jaxsoco.multistage.learners._shared import way_of
from jaxsoco.multistage.settings_rivals import SlidingWindowUCBParams
from jaxsoco.multistage.spec import Action, Feedback, Levels, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.levels import pick, put
from jaxsoco.multistage.theory.tree import Level


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WindowState(NodesState):
    """State with what the nodes remember of their jobs.

    Attributes:
      window: child (-1: none yet) and cost of the last jobs of every node, a ring for each,
        ``[n tau, 2, ...] by level``.
      oldest: where the ring's oldest job is, int32 ``[n, ...] by level``.
    """

    window: Levels
    oldest: Levels


def _init(key: jax.Array, params: SlidingWindowUCBParams, spec: Spec) -> WindowState:
    start = start_nodes(key, spec, params.exploration, first_plays)
    one, sizes = start.ones[0], [level.size for level in spec.tree.levels]
    nothing = jnp.stack([-one, 0 * one])
    return WindowState(
        **vars(start),
        window=tuple(jnp.tile(nothing, (n * params.window,) + (1,) * nothing.ndim) for n in sizes),
        oldest=tuple(jnp.zeros((n, *one.shape), jnp.int32) for n in sizes),
    )


def _update(
    params: SlidingWindowUCBParams, state: WindowState, action: Action, feedback: Feedback
) -> WindowState:
    del action
    width, one = state.tree.width, state.ones[0]
    visits = way_of(state.visits, feedback)
    window, oldest, expired = [], [], []
    for ring, ages, visit in zip(state.window, state.oldest, visits, strict=True):
        age = pick(ages, visit.place)
        slot = jnp.where(visit.place < 0, -1, visit.place * params.window + age)
        expired.append(pick(ring, slot))
        job = jnp.stack([visit.child.astype(one.dtype), feedback.cost])
        window.append(put(ring, slot, job))
        oldest.append(put(ages, visit.place, (age + 1) % params.window))

    def step(level: Level, visit: Visit, node: Plays, job: jax.Array) -> Plays:
        # The oldest job leaves the window for the new one.
        gone = one_hot(job[0].astype(jnp.int32), width)
        count = node.count + chosen_loss(visit, one, width) - jnp.where(gone, 1, 0)
        total = node.total + chosen_loss(visit, feedback.cost, width)
        total = total - jnp.where(gone, job[1][None], 0)
        return choose(level, visit.place, count, total, state.numbers)

    after = after_job(state, visits, step, expired)
    return replace(after, window=tuple(window), oldest=tuple(oldest))


sliding_window_ucb = at_every_node(_init, _update)
"""Every node runs sliding-window UCB by itself; parameters :class:`SlidingWindowUCBParams`."""
