"""Plans for the rounds in sight, and the copies of a planner that average theirs.

Fixed horizon control plans ``w + 1`` rounds at once, keeps ``v`` of them, and plans again; ``v``
copies that do so in turn, one in every round, play their mean (Chen, Comden, Liu, Gandhi, Wierman,
SIGMETRICS 2016). Copy ``k`` plans at rounds ``= k mod v``, from its own last decision; before round
1 all of them are at the start, where nothing costs. ``v = 1`` is receding, ``v = w + 1`` averaging
fixed horizon control (Lin, Liu, Wierman, Andrew, IGCC 2012).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.theory import offline
from jaxsoco.smoothed.theory.movements import LINEAR

Array = jax.Array


def plan(game: Any, theta: Any, live: Array, start: Array) -> Array:
    """The path of least cost through the rounds in sight, ``[w + 1, d, ...]``.

    Args:
      game: with lanes. theta: of these rounds, leaves ``[w + 1, ...]``. live: 1 for rounds that
      cost, then 0 for those beyond the horizon or the plan, where nothing does;
        the same in all lanes, ``[w + 1, ...]``.
      start: where it begins, ``[d, ...]``.
    """
    game = replace(game, start=start)
    if offline.by_coordinates(game) or game.movement.kind not in (*LINEAR, "l2"):
        return offline.optimum(game, theta, live).path
    # Solvers for norms want every cost strictly convex. Rounds that cost nothing do no harm if they
    # come first and their minimiser is the start: a norm has no use for moving before it must.
    count = live.shape[0]
    dead = count - jnp.sum(live.reshape(count, -1)[:, 0]).astype(jnp.int32)
    before = (jnp.arange(count) < dead).reshape(-1, *(1,) * start.ndim)
    theta = jax.tree.map(lambda x: jnp.roll(x, dead, axis=0), theta)
    goal = game.hitting.goal
    target = jnp.where(before, start[None], getattr(theta, goal))
    path = offline.optimum(game, theta._replace(**{goal: target}), jnp.ones_like(live)).path
    return jnp.roll(path, -dead, axis=0)


def gather(start: Array, commit: int) -> Array:
    """Plans of ``v`` copies that stay at the start ``[d, ...]``: ``[v, v, d, ...]``."""
    return jnp.broadcast_to(start[None, None], (commit, commit, *start.shape))


def first_plans(game: Any, theta: Any, live: Array, start: Array, commit: int) -> Array:
    """The plans that the copies have in round 1, ``[v, v, d, ...]``; copy 1 makes its own yet.

    Copy ``j = 2 .. v`` planned in round ``j - v <= 0`` for the rounds up to ``j - v + w``, of which
    those before round 1 cost nothing and leave it at the start.

    Args:
      game, theta, live, start: as of :func:`plan`, in round 1.
      commit: ``v``.
    """
    plans = gather(start, commit)
    if commit == 1:
        return plans
    count = live.shape[0]
    rounds = jnp.arange(count).reshape(-1, *(1,) * (live.ndim - 1))

    def copy(j):
        known = jnp.where(rounds < count - 1 - commit + j, live, 0)
        path = plan(game, theta, known, start)
        # Row i of a plan is round j - v + i: those up to round 0 are at the start.
        lead = jnp.broadcast_to(start[None], (commit, *start.shape))
        return jax.lax.dynamic_slice_in_dim(jnp.concatenate([lead, path]), j - 1, commit)

    copies = jnp.arange(2, commit + 1, dtype=jnp.int32)
    made = jax.lax.map(copy, copies)
    return plans.at[copies % commit].set(made)


def replan(plans: Array, game: Any, theta: Any, live: Array, t: Array) -> Array:
    """Round ``t``: the copy whose turn it is plans, from the last decision of its plan before."""
    commit = plans.shape[0]
    turn = t % commit
    path = plan(game, theta, live, plans[turn, -1])
    return plans.at[turn].set(path[:commit])


def mean(plans: Array, t: Array) -> Array:
    """What is played in round ``t``: copy ``j`` is ``(t - j) mod v`` rounds into its plan."""
    commit = plans.shape[0]
    copies = jnp.arange(commit)
    return jnp.mean(plans[copies, (t - copies) % commit], axis=0)
