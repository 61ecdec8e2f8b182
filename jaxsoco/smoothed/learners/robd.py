"""Regularised online balanced descent (R-OBD).

``x_t = argmin f_t(x) + lambda1 D_h(x, x_(t-1)) + lambda2 D_h(x, v_t)``, where ``D_h`` is the
movement cost (``1/2 |x - y|^2``, where that is a norm) and ``v_t`` minimises ``f_t``. On
``m``-strongly convex costs, with an ``a``-convex and ``b``-smooth ``h``, its ratio is ``r = (1 +
sqrt(1 + 4 b^2 / (a m))) / 2`` if ``m + lambda2 b = lambda1 m r``, and for ``a = b = 1`` no learner
has a smaller one. By default ``lambda1 = 1`` and ``lambda2 = m (r - 1) / b``; with ``lambda2 = 0``,
``lambda1 = 1 / r`` is as good. For quadratic costs and squared movement of weight ``kappa``

    (A + kappa (lambda1 + lambda2) I) x_t = A v_t + kappa (lambda1 x_(t-1) + lambda2 v_t).

Goel, Lin, Sun, Wierman, NeurIPS 2019, algorithm 2 and theorem 4. With the entropy, whose minimisers
may be on the border of the simplex, where it is not smooth, ``lambda2`` is 0 by default and ``b``
counts as 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._descent import Seen, nothing_seen, scale, seen
from jaxsoco.smoothed.learners._shared import keep, now, number
from jaxsoco.smoothed.settings_space import ROBDParams
from jaxsoco.smoothed.spec import Game, Observation
from jaxsoco.smoothed.theory.descent import extremes, regularised
from jaxsoco.smoothed.theory.ratios import robd_first_weight, robd_weights

Array = jax.Array


def _act(key: Array, params: ROBDParams, state: Seen, obs: Observation) -> tuple[Array, Seen]:
    del key
    game = obs.game
    if params.lambda1 is None or params.lambda2 is None:
        state = seen(params, state, obs)
    weights = _weights(params, state, game)
    return regularised(game, now(obs), obs.position, weights), state


def _weights(params: ROBDParams, state: Seen, game: Game) -> tuple[Array, Array]:
    """``lambda1`` and ``lambda2``, ``[...]`` each: the theory's for what is not given."""
    given = [None if x is None else number(x, game) for x in (params.lambda1, params.lambda2)]
    first, second = given
    if first is not None and second is not None:
        return first, second
    m = state.convexity / scale(game)
    a, b = (jnp.ones_like(m),) * 2
    if game.movement.matrix is not None:
        a, b = extremes(game.movement.matrix)
    if second is None and game.movement.kind == "entropy":
        second = jnp.zeros_like(m)
    if second is not None:
        return robd_first_weight(m, second, a, b), second
    usual = robd_weights(m, a, b)
    return (usual[0] if first is None else first), usual[1]


robd = Algorithm(nothing_seen, _act, keep)
"""Regularised online balanced descent; parameters
:class:`~jaxsoco.smoothed.settings_space.ROBDParams`."""
