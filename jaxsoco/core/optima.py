"""Comparators with a cost for every component of their family's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from jaxsoco.core.schema import Family

if TYPE_CHECKING:
    import jax

    from jaxsoco.core.protocol import Comparator


def whole_ledger(comparator: Comparator, family: Family) -> WholeLedger:
    """A comparator that answers 0 for what it leaves out and the total cost does without."""
    beside = tuple(cost.name for cost in family.costs if not cost.objective)
    return WholeLedger(comparator, beside)


@dataclass(frozen=True)
class WholeLedger:
    """A :class:`~jaxsoco.core.protocol.Comparator`; equal ones share compiled programs.

    A family may gain a component that is no part of the objective, such as a share of runs, and the
    comparators of plug-ins need not know of it. Costs that are part of the objective are never
    filled in: who reads the ledger finds them missing.

    Attributes:
      comparator: whose costs they are.
      beside: components that are no part of the objective.
    """

    comparator: Comparator
    beside: tuple[str, ...]

    def __call__(
        self, key: Any, spec: Any, at: tuple[int, ...]
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """As the comparator, with 0 for components of ``beside`` that it does not report."""
        costs, faults = self.comparator(key, spec, at)
        return self._filled(costs), faults

    def _filled(self, costs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        if not costs:
            return {}
        nothing = jnp.zeros_like(next(iter(costs.values())))
        return {**dict.fromkeys(self.beside, nothing), **costs}
