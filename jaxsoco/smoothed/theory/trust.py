"""Whom to follow: advice that may be perfect or worthless, and a learner with a guarantee.

Advice is a black box that says a decision every round. What it would have cost so far, had it been
followed from the start, is known once a round's hitting cost is, and so is what the robust learner
would have cost. Both rules look at these two numbers only.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def keeps_faith(faithful: Array, advised: Array, robust: Array, factor: Array, slack: Array):
    """Whether advice is followed still: ``ADV_t <= factor ROB_t + slack``, and so in every round.

    Where movement is a norm, its cost is at most ``max(1, factor) ROB + slack + beta D``, with
    ``D`` the diameter: until the round before the last change of mind it has paid ``factor ROB +
    slack``, then what ``ROB`` pays from there on, and one move between the two. An offline optimum
    is followed to the end with ``factor = 1`` and ``slack = beta D``, since its costs so far are at
    most the best possible ones up to here, plus a move to where it is.

    Args:
      faithful: whether it was followed so far, ``[...]``.
      advised, robust: costs so far, this round's included, ``[...]``.
      factor, slack: ``[...]``.

    Returns:
      bool ``[...]``.
    """
    # Equal costs differ by their rounding.
    size = jnp.abs(advised) + jnp.abs(robust) + slack
    rounding = 16 * jnp.finfo(size.dtype).eps * size
    return faithful & (advised <= factor * robust + slack + rounding)


def change_leader(
    leader: Array, bound: Array, costs: tuple[Array, Array], gamma: Array
) -> tuple[Array, Array]:
    """Stays with a learner until its own cost exceeds the bound, then the other, bound times gamma.

    The better of two learners, whose movement is a metric, at ``2 gamma^2 / (gamma - 1) + 1`` times
    its cost (Fiat, Foster, Karloff, Rabani, Ravid, Vishwanathan 1994; Antoniadis et al. 2020). The
    first bound is what the better one has paid in the first round in which both have paid: a
    learner that has paid nothing is followed.

    >>> from jaxsoco.smoothed.theory.trust import change_leader
    >>> costs = jnp.array(9.0), jnp.array(3.0)
    >>> leader, bound = change_leader(jnp.int32(0), jnp.array(1.0), costs, 2.0)
    >>> int(leader), float(bound)  # 9 > 1, then 3 > 2, 9 > 4, and at last 3 <= 8
    (1, 8.0)

    Args:
      leader: 0 or 1, int32 ``[...]``.
      bound: 0 before the first one, ``[...]``.
      costs: of the two so far, this round's included, ``[...]`` each.
      gamma: above 1, ``[...]`` or a number.

    Returns:
      The leader of this round and the bound.
    """
    better = jnp.minimum(*costs)
    begins = bound <= 0
    leader = jnp.where(begins, jnp.where(costs[1] < costs[0], 1, 0), leader).astype(jnp.int32)
    bound = jnp.where(begins, better, bound)
    own, other = jnp.where(leader == 1, costs[1], costs[0]), jnp.where(leader == 1, *costs)
    changes = jnp.minimum(
        2 * _doublings(own, bound, gamma, 0), 1 + 2 * _doublings(other, bound, gamma, 1)
    )
    leader = jnp.where(changes % 2 == 1, 1 - leader, leader).astype(jnp.int32)
    return leader, bound * gamma ** changes.astype(bound.dtype)


def _doublings(cost: Array, bound: Array, gamma, first: int) -> Array:
    """The least ``n`` with ``cost <= bound gamma^(2 n + first)``, int32 ``[...]``."""
    open_ = (cost > 0) & (bound > 0)
    quotient = jnp.where(open_, cost, 1) / jnp.where(open_, bound, 1)
    # Rounding must not raise a bound that is reached exactly.
    power = jnp.log(quotient) / jnp.log(gamma) - 64 * jnp.finfo(quotient.dtype).eps
    return jnp.maximum(jnp.ceil((power - first) / 2), 0).astype(jnp.int32)


def flip_blocks(uniforms: Array, share: Array, rounds: int, block: int) -> Array:
    """Which rounds are wrong if blocks of rounds are with a probability, bool ``[T, ...]``.

    Args:
      uniforms: one a block, ``[ceil(T / block), ...]``.
      share: the probability, ``[...]``.
      rounds: ``T``.
      block: rounds of a block.
    """
    return jnp.repeat(uniforms < share[None], block, axis=0)[:rounds]
