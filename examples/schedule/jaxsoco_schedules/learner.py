"""The passive learner whose learning rate is a piecewise power of the round.

With factors ``f_k`` at the knots ``t_k`` and the learning rate ``eta``, the rate of round ``t`` is
``s_t``::

    log s_t = log eta + sum_k B_k(log t) log f_k        B_k: the hats of the linear spline

It is constant before the first knot and after the last one, so that a schedule learned over one
horizon has a meaning over another. Factors of 1 give the passive learner itself.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.tracking import passive_learner
from jaxsoco_schedules import FACTORS, KNOTS, ScheduleParams


def factor(params: ScheduleParams, number: jax.Array) -> jax.Array:
    """The factor on the learning rate in round ``number``, from 1: ``[...]``, as the parameters."""
    logs = [jnp.log(jnp.asarray(getattr(params, name))) for name in FACTORS]
    place, knots = jnp.log(jnp.asarray(number, logs[0].dtype)), np.log(KNOTS)
    hats = [jnp.interp(place, knots, row) for row in np.eye(len(KNOTS))]
    # log f(t) = sum_k B_k(log t) log f_k
    return jnp.exp(sum(hat * log for hat, log in zip(hats, logs, strict=True)))


def _update(params: ScheduleParams, state, action, feedback):
    rate = params.learning_rate * factor(params, state.clock.over + 1)
    return passive_learner.update(replace(params, learning_rate=rate), state, action, feedback)


scheduled_learner = passive_learner._replace(update=_update)
"""The passive learner with a schedule; :class:`~jaxsoco_schedules.ScheduleParams`."""
