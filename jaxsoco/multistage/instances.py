"""The registered problems in Python: a spec from a horizon and the entry's fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxsoco.core.schema import REQUIRED, load
from jaxsoco.multistage.spec import Spec


def _spec(name: str, horizon: int, fields: dict[str, Any]) -> Spec:
    from jaxsoco.multistage import FAMILY

    (entry,) = [entry for entry in FAMILY.problems if entry.name == name]
    defaults = {field.name: field.default for field in entry.fields}
    unknown = sorted(set(fields) - set(defaults))
    filled = {**defaults, **fields, "horizon": horizon}
    missing = sorted(key for key, value in filled.items() if value is REQUIRED)
    if unknown or missing or horizon < 1:
        raise TypeError(
            f"{name}: want a horizon >= 1 and of the fields {sorted(defaults)} what is needed; "
            f"unknown: {unknown}, missing: {missing}, horizon: {horizon}"
        )
    return load(entry.build)(load(entry.prepare)(filled, Path()), filled).settings


def bernoulli_tree(horizon: int, **fields: Any) -> Spec:
    """Bernoulli leaves of which the worst becomes the best (arXiv 2404.04509, section 7.1).

    Args:
      horizon: rounds.
      **fields: of the entry (``jaxsoco list multistage/bernoulli_tree``) that differ from their
        defaults, such as ``depth=3, children=4, p_min=0.4``.

    Raises:
      TypeError: no such field.
      InputError: values that do not fit together.
    """
    return _spec("bernoulli_tree", horizon, fields)


def edge_computing(horizon: int, **fields: Any) -> Spec:
    """Servers behind random links and networks (section 7.3); see :func:`bernoulli_tree`."""
    return _spec("edge_computing", horizon, fields)


def multihop(horizon: int, **fields: Any) -> Spec:
    """Layers of relays and a deadline (section 7.4); see :func:`bernoulli_tree`."""
    return _spec("multihop", horizon, fields)


def lower_bound_chain(horizon: int, **fields: Any) -> Spec:
    """The chain of the lower bound (section 6); see :func:`bernoulli_tree`."""
    return _spec("lower_bound_chain", horizon, fields)


def recorded_costs(horizon: int, **fields: Any) -> Spec:
    """Recorded costs from the CSV file ``file``; see :func:`bernoulli_tree`."""
    return _spec("recorded_costs", horizon, fields)
