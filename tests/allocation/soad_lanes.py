"""Hands reference instances to the library: lanes last, in either form of the metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from soad_reference import Slot
from soad_solvers import Clip

from jaxsoco.allocation import PseudoCost, StateMetric


def stack(items: Sequence[Any], get: Callable[[Any], Any], dtype: Any = float) -> jax.Array:
    """One array of all items, lanes last."""
    return jnp.asarray(np.stack([np.asarray(get(x), dtype) for x in items], -1))


def metrics(
    items: Sequence[Any], distance: Callable[[Any], Any], form: str, dtype: Any = float
) -> jax.Array | StateMetric:
    """The items' state metrics, ``factored`` or as a ``full`` matrix; all have ``switch``."""
    factored = StateMetric(stack(items, distance, dtype), stack(items, lambda s: s.switch, dtype))
    return factored if form == "factored" else factored.matrix()


def price_rule(items: Sequence[Slot], dtype: Any = float) -> PseudoCost:
    """The items' pseudo-costs."""
    fields = ("L", "U", "D", "tau")
    bounds = {f: stack(items, lambda s, f=f: getattr(s.price.bounds, f), dtype) for f in fields}
    return PseudoCost(**bounds, rate=stack(items, lambda s: s.price.rate, dtype))


def step_arguments(
    items: Sequence[Slot], form: str = "factored", *, mixed: bool = False, dtype: Any = float
) -> tuple:
    """Arguments of ``pcm_step``; ``mixed``: every point has a throughput of its own."""
    return (
        stack(items, lambda s: s.costs, dtype),
        metrics(items, lambda s: s.distance, form, dtype),
        stack(items, lambda s: s.throughput if mixed else s.throughput[:1], dtype),
        stack(items, lambda s: s.previous, dtype),
        stack(items, lambda s: s.done, dtype),
        price_rule(items, dtype),
    )


def clip_arguments(items: Sequence[Clip], form: str = "factored", dtype: Any = float) -> tuple:
    """Arguments of ``stclip_step``, without ``least``."""
    slots = [x.slot for x in items]
    trees = [x.slot._replace(distance=x.tree) for x in items]
    costs, metric, rates, previous, done, price = step_arguments(slots, form, dtype=dtype)
    return (
        costs,
        metrics(trees, lambda s: s.distance, form, dtype),
        metric,
        rates,
        previous,
        done,
        stack(items, lambda x: x.robust, dtype),
        stack(items, lambda x: x.advice, np.int32),
        stack(items, lambda x: x.advice_work, dtype),
        stack(items, lambda x: x.spent, dtype),
        stack(items, lambda x: x.budget, dtype),
        price,
    )


def check_distribution(decision: Any, tolerance: float) -> None:
    """Asserts that every lane of ``decision [2n, B]`` is a distribution."""
    decision = np.asarray(decision)
    assert np.all(decision >= 0)
    np.testing.assert_allclose(decision.sum(axis=0), 1, atol=tolerance)
