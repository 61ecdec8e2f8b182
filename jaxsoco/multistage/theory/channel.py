"""Costs that arrive later, or never: what is between the leaf and the nodes on a job's way."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.spec import Action, Feedback
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.tree import Tree


class Post(NamedTuple):
    """The jobs whose costs are on the way: a ring of ``delay`` rounds, ``[delay, ...]`` each.

    Attributes:
      visits: their ways, by level; place -1 where there is no job.
      cost: what they cost.
    """

    visits: tuple[Visit, ...]
    cost: jax.Array


def first_post(tree: Tree, delay: int, like: jax.Array) -> Post:
    """Nothing is on the way; ``like [...]`` has lanes and dtype."""
    shape = (delay, *like.shape)
    nobody, child = jnp.full(shape, -1, jnp.int32), jnp.zeros(shape, jnp.int32)
    ones = jnp.ones(shape, like.dtype)
    return Post(tuple(Visit(nobody, child, ones) for _ in tree.levels), jnp.zeros_like(ones))


def deliver(
    post: Post, round: jax.Array, action: Action, cost: jax.Array, lost: jax.Array
) -> tuple[Post, Feedback]:
    """Sends this round's cost off, and hands over the one that arrives.

    Args:
      post: what is on the way.
      round: its number, int32 ``[]``, the same for all lanes.
      action: with the way of the job.
      cost: of the job, ``[...]``.
      lost: whether its cost never arrives, bool ``[...]``.

    Raises:
      InputError: the learner does not say which way the job went, or wants more than its cost.
    """
    if action.visits is None or action.choices is not None:
        message = "the learner cannot learn from costs that arrive later"
        raise InputError(Issue("algorithm", message, "want one whose actions have visits"))
    sent = Post(tuple(v._replace(place=jnp.where(lost, -1, v.place)) for v in action.visits), cost)
    delay = post.cost.shape[0]
    if delay == 0:
        return post, Feedback(cost, None, sent.visits)
    # The job of `delay` rounds ago is where this one goes.
    slot = round % delay
    arrived = jax.tree.map(lambda ring: ring[slot], post)
    post = jax.tree.map(lambda ring, new: ring.at[slot].set(new), post, sent)
    return post, Feedback(arrived.cost, None, arrived.visits)
