"""What a search found, and what it is judged beside: the default, the theory, the start."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxsoco.core.protocol import Algorithm, Instance, PyTree
from jaxsoco.core.text import rounded
from jaxsoco.front.making import resolve
from jaxsoco.tuning.judge import TUNED
from jaxsoco.tuning.parameters import change, look, plain_default
from jaxsoco.tuning.search import Search
from jaxsoco.tuning.space import Space
from jaxsoco.tuning.trials import worlds_of
from jaxsoco.tuning.tuned import differs


def answer_values(space: Space, free: Any) -> dict[str, Any]:
    """Values of an answer, as they are written down."""
    values = space.values(np.asarray(free, np.float64))
    out = {}
    for one in space.dimensions:
        value = values[one.name]
        if one.scale != "choice":
            value = np.clip(np.asarray(value), one.low, one.high)
            value = value if one.size > 1 else rounded(float(value))
        out[one.name] = value
    return out


def default_of(search: Search, params: PyTree) -> dict[str, Any]:
    """The declared defaults of the tuned parameters; of a user's own, the start."""
    declared = {one.name: plain_default(one) for one in getattr(params, "FIELDS", ())}
    return {name: declared.get(name, search.start[name]) for name in search.space.names}


def theory_of(search: Search, problem: Any, algorithm: Algorithm, params: PyTree) -> dict[str, Any]:
    """The theory's values of the tuned parameters of which it says something."""
    fields = {one.name: one for one in getattr(params, "FIELDS", ())}
    names = [n for n in search.space.names if n in fields and plain_default(fields[n]) is None]
    if not names:
        return {}
    first: Instance = worlds_of(problem, 1).first
    whole = resolve(first, algorithm, change(params, dict.fromkeys(names)))
    return {name: number_of(look(whole, name)) for name in names}


def number_of(value: Any) -> Any:
    """A value in words or as a number; of an array, its mean."""
    if value is None or isinstance(value, str | bool | int):
        return value
    leaves = [np.mean(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(value)]
    return float(np.mean(leaves)) if leaves else None


def contenders(
    search: Search,
    values: dict[str, Any],
    default: dict[str, Any],
    theory: dict[str, Any],
    params: PyTree,
) -> dict[str, dict[str, Any]]:
    """Values by label, of all that are judged: each set once."""
    sets = {TUNED: values, "default": default}
    if theory:
        sets["theory"] = {**default, **dict.fromkeys(theory)}
    declared = {one.name for one in getattr(params, "FIELDS", ())}
    sets["start"] = {n: look(params, n) if n in declared else x for n, x in search.start.items()}
    distinct: dict[str, dict[str, Any]] = {}
    for label, one in sets.items():
        if label == TUNED or all(differs(one, other) for other in list(distinct.values())[1:]):
            distinct[label] = one
    return distinct
