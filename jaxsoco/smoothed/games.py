"""The rules of a game from what users write."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core.settings import is_traced
from jaxsoco.smoothed.spec import Forecast, Game, Information
from jaxsoco.smoothed.theory.fleets import FLEETS
from jaxsoco.smoothed.theory.hitting import Hitting
from jaxsoco.smoothed.theory.movements import make_movement

MOST_LEVELS = 100_000
"""Whole positions up to which a problem counts as one of integers."""

_SIGHT = {
    "information": None,
    "window": 0,
    "forecast_noise": 0.1,
    "forecast_errors": "iid",
    "forecast_decay": 0.8,
    "forecast_present": "exact",
}


def make_game(
    hitting: Hitting,
    dimension: int,
    horizon: int,
    movement: str,
    weight: Any,
    frame: dict[str, Any],
    sight: dict[str, Any],
) -> tuple[Game, int]:
    """The rules, and how many rounds ahead the world shows.

    Args:
      hitting: kind of the hitting costs.
      dimension: ``d``.
      horizon: rounds.
      movement: kind.
      weight: price of moving.
      frame: ``start``, ``lo``, ``hi`` and ``region``.
      sight: settings of :class:`~jaxsoco.smoothed.settings_problems.Sight` by name, or some of
        them.

    Raises:
      TypeError: no such setting. ValueError: values that do not fit together.
    """
    unknown = set(sight) - set(_SIGHT)
    if unknown:
        names = ", ".join(sorted(_SIGHT))
        raise TypeError(f"no such argument: {', '.join(sorted(unknown))}; expected {names}")
    window = sight.get("window", 0)
    information: Information = sight.get("information") or ("window" if window else "before")
    if window and information in ("before", "after"):
        raise ValueError(f"window: expected 0 with information = {information!r}, got {window}")
    if information == "noisy" and not hitting.goal:
        raise ValueError(f"information: {hitting.name} costs have nothing that forecasts err in")
    if movement == "entropy":
        _check_shares(frame)
    start, lo, hi = (_vector(frame[name], dimension, name) for name in ("start", "lo", "hi"))
    assert start is not None
    if frame["region"] == "ball":
        hi = jnp.asarray(frame["hi"], float).reshape(1)
    game = Game(
        movement=make_movement(movement, weight, dimension),
        start=start,
        lo=lo,
        hi=hi,
        hitting=hitting,
        region=frame["region"],
        horizon=horizon,
        window=window,
        information=information,
        levels=_levels(dimension, frame["lo"], frame["hi"], frame["region"]),
        servers=_servers(hitting, frame["lo"], frame["hi"], dimension),
    )
    return game, window


def _check_shares(frame: dict[str, Any]) -> None:
    if frame["region"] != "simplex":
        raise ValueError(
            f'region: expected "simplex", as entropy is between shares, got {frame["region"]!r}'
        )
    start = frame["start"]
    if is_traced(start):
        return
    shares = np.asarray(start, float)
    if shares.ndim != 1 or shares.min() < 0 or abs(shares.sum() - 1) > 1e-5:
        raise ValueError(f"start: expected shares [d] that sum to 1, got {start}")


def _vector(x: Any, dimension: int, name: str) -> jax.Array | None:
    if x is None:
        return None
    x = jnp.asarray(x, float)
    if x.ndim > 1 or (x.ndim == 1 and x.shape[0] not in (1, dimension)):
        raise ValueError(f"{name}: expected a number or [{dimension}], got {x.shape}")
    return jnp.broadcast_to(x, (dimension,))


def _levels(dimension: int, lo: Any, hi: Any, region: str) -> int:
    """``m`` where the box is ``0..m`` in one dimension, else 0."""
    if dimension > 1 or region != "box" or lo is None or hi is None:
        return 0
    if is_traced(lo) or is_traced(hi):
        return 0
    low, high = float(np.ravel(lo)[0]), float(np.ravel(hi)[0])
    whole = low == 0 and high == int(high) and 1 <= high <= MOST_LEVELS
    return int(high) if whole else 0


def _servers(hitting: Hitting, lo: Any, hi: Any, dimension: int) -> tuple[int, ...]:
    """How many servers there are of each type, for costs of a fleet."""
    if hitting not in FLEETS:
        return ()
    if lo is None or hi is None or is_traced(lo) or is_traced(hi):
        raise ValueError(f"{hitting.name}: expected lo = 0 and hi, numbers of servers by type")
    low, high = (np.broadcast_to(np.asarray(x, float), (dimension,)) for x in (lo, hi))
    if low.any() or (high != np.rint(high)).any() or high.min() < 1:
        raise ValueError(f"{hitting.name}: expected lo = 0 and whole hi >= 1, got {low}, {high}")
    return tuple(int(m) for m in high)


def make_forecast(game: Game, sight: dict[str, Any]) -> Forecast | None:
    """How forecasts err, where information is ``noisy``."""
    if game.information != "noisy":
        return None
    values = {**_SIGHT, **sight}
    return Forecast(
        jnp.asarray(values["forecast_noise"], float),
        jnp.asarray(values["forecast_decay"], float),
        values["forecast_errors"],
        values["forecast_present"],
    )
