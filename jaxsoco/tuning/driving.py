"""A search driven from beginning to end in Python: progress, starts side by side, what stops it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from jaxsoco.analysis.searches import DESIGNS
from jaxsoco.core.compiler import jit
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import rounded, show
from jaxsoco.tuning import designs
from jaxsoco.tuning.reporting import step_text
from jaxsoco.tuning.search import Record, Search, State, run_keys

_SELECT = 0x80000003
"""Place of the keys on which the answers of several starts are compared."""


def run_search(
    search: Search, key: jax.Array, starts: int = 1, root: int = 0, progress: bool = False
) -> tuple[State, list[Record]]:
    """All steps of a search: the last state, and a record of each.

    Raises:
      InputError: the objective is not finite at the start; or several starts are asked of a
        search that has its own points.
    """
    state, step = begin(search, key, starts, root)
    records = []
    bar = tqdm(range(search.steps), desc=search.method, disable=not progress)
    for number in bar:
        state, record = step(state)
        records.append(record)
        if number == 0 and search.method not in DESIGNS:
            check_start(search, record)
        if progress:
            bar.set_postfix_str(step_text(search.space, record))
    if np.all(np.isnan([np.asarray(one.objective) for one in records])):
        raise InputError(Issue("objective", "is finite at none of the points", _RANGES))
    return state, records


def begin(search: Search, key: jax.Array, starts: int, root: int) -> tuple[State, Any]:
    """The first state and the step of a search; of several starts, side by side.

    Raises:
      InputError: several starts are asked of a search that has its own points.
    """
    state, step = search.init(key), search.step
    if starts > 1:
        if search.method in DESIGNS:
            message = f'"{search.method}" tries points of its own'
            raise InputError(Issue("starts", message, "want one start, or another method"))
        points = designs.random_of(search.space, state.free, starts, root)
        state = jax.vmap(search.init, in_axes=(None, 0))(key, jnp.asarray(points, float))
        step = jit(jax.vmap(search.step))
    return state, step


_RANGES = "narrow the ranges, or look at single runs with jaxsoco.play"


def check_start(search: Search, record: Record) -> None:
    """Raises unless the objective of a first step is finite (from one start at the least)."""
    if np.any(np.isfinite(np.asarray(record.objective))):
        return
    values = [f"{name} = {_show(value)}" for name, value in search.start.items()]
    message = (
        f"the {search.objective} is not finite where the search starts, at {', '.join(values)}"
    )
    hint = "start elsewhere, or look at single runs with jaxsoco.play"
    raise InputError(Issue("objective", message, hint))


def _show(value: Any) -> str:
    return show(rounded(float(value))) if np.size(value) == 1 else "an array"


def best_of(search: Search, free: jax.Array, key: jax.Array) -> int:
    """Which of several answers ``[starts, P]`` is the best, on runs of its own."""
    keys = run_keys(jax.random.fold_in(key, _SELECT), search.runs_per_step)

    def value(point: jax.Array) -> jax.Array:
        return search.trials.objective(point, keys)

    scores = np.asarray(jit(lambda points: jax.lax.map(value, points))(free))
    return int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))
