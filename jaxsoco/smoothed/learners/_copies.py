"""Committed horizon control, of which averaging fixed horizon control is one."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.smoothed.learners._shared import no_faults, sight
from jaxsoco.smoothed.spec import Game, Observation
from jaxsoco.smoothed.theory import plans

Array = jax.Array


class Copies(NamedTuple):
    """The planners.

    Attributes:
      plans: the last plan of each, ``[v, v, d, ...]``.
      faults: plans whose solver did not converge, int32 ``[...]``.
      clock: rounds that have begun, int32 ``[]``.
    """

    plans: Array
    faults: Array
    clock: Array


def begin(game: Game, commit: int, window: int) -> Copies:
    """``commit`` planners at the start.

    Raises:
      ValueError: they would keep more rounds than they plan.
    """
    if commit > window + 1:
        raise ValueError(
            f"commit: a plan has window + 1 = {window + 1} rounds, got {commit}: expected at most "
            "as many"
        )
    return Copies(plans.gather(game.start, commit), no_faults(game), jnp.zeros((), jnp.int32))


def play(copies: Copies, obs: Observation, window: int) -> tuple[Array, Copies]:
    """One of them plans, all of them play."""
    theta, live = sight(obs, window)
    clock, commit = copies.clock + 1, copies.plans.shape[0]
    whole = kept = plans.Plan(copies.plans, copies.faults)
    if commit > 1:
        start = obs.game.start
        # All lanes share the clock: one of the two is computed.
        whole = jax.lax.cond(
            clock == 1,
            lambda: plans.first_plans(obs.game, theta, live, start, commit),
            lambda: kept,
        )
    anew = plans.replan(whole.path, obs.game, theta, live, clock)
    faults = whole.faults + anew.faults
    return plans.mean(anew.path, clock), Copies(anew.path, faults, clock)
