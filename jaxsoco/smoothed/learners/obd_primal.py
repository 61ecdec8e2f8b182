"""Primal online balanced descent: the movement is ``ratio`` times the hitting cost that is left.

``x_t`` is the point of the proximal path from ``x_(t-1)`` with ``c(x_t, x_(t-1)) = ratio
f_t(x_t)``, or the minimiser of ``f_t`` if that moves less. With ``squared``, ``1/2 |x_t -
x_(t-1)|^2 = ratio f_t(x_t)``.

On costs that grow by ``alpha |x - v|``, with ``|x - y|_2`` for movement, it is ``3 + 8 /
alpha``-competitive with ``ratio = (alpha + 4) / (2 alpha + 4)``
(:func:`~jaxsoco.smoothed.theory.ratios.polyhedral_ratio` for others).

Chen, Goel, Wierman, COLT 2018, algorithm 2; the constants by the potential ``k |x_t - x_t*|``.
"""

from __future__ import annotations

import jax

from jaxsoco.core.protocol import Algorithm
from jaxsoco.smoothed.learners._descent import scale
from jaxsoco.smoothed.learners._shared import keep, nothing, now, number
from jaxsoco.smoothed.settings_space import PrimalParams
from jaxsoco.smoothed.spec import Observation
from jaxsoco.smoothed.theory.descent import balance, length_balance, squared_balance


def _act(
    key: jax.Array, params: PrimalParams, state: tuple[()], obs: Observation
) -> tuple[jax.Array, tuple[()]]:
    del key
    game, theta = obs.game, now(obs)
    ratio = number(params.ratio, game)
    if params.squared or game.movement.kind == "squared":
        return squared_balance(game, theta, obs.position, ratio / scale(game)), state
    if game.movement.kind == "l2":
        return length_balance(game, theta, obs.position, ratio / scale(game)), state
    return balance(game, theta, obs.position, ratio), state


obd_primal = Algorithm(nothing, _act, keep)
"""Primal online balanced descent; parameters
:class:`~jaxsoco.smoothed.settings_space.PrimalParams`."""
