"""Budgeted plans with HiGHS (the extended linear program) and with NumPy (the same search)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog


@dataclass(frozen=True, eq=False)
class Program:
    """Linear program (23) of arXiv 2601.18936 over ``q_t(s, a, s')``, ready to be solved."""

    arguments: dict[str, Any]

    @classmethod
    def of(cls, one: list[np.ndarray]) -> Program:
        """From the inputs of ``solve_budgeted`` without lanes."""
        loss, consumption, lower, upper, initial, budget = one
        slots, s, a = loss.shape
        lower, upper = (np.broadcast_to(x, (slots, s, a, s)) for x in (lower, upper))
        pairs = slots * s * a
        total = sp.kron(sp.identity(pairs), np.ones((s, s)))
        eye = sp.identity(pairs * s)
        ups = eye - sp.diags(upper.ravel()) @ total
        downs = sp.diags(lower.ravel()) @ total - eye
        out = sp.kron(sp.identity(slots * s), np.ones((1, a * s)))
        into = sp.kron(sp.identity(slots), sp.kron(np.ones((1, s * a)), sp.identity(s)))
        shift = sp.kron(sp.eye(slots, k=-1), sp.identity(s))
        spent = sp.csr_matrix(np.repeat(consumption, s).reshape(1, -1))
        bounds = sp.vstack([ups, downs, spent]).tocsr()
        limit = np.zeros(2 * pairs * s + 1)
        limit[-1] = budget
        start = np.zeros(slots * s)
        start[:s] = initial
        return cls(
            {
                "c": np.repeat(loss.ravel(), s),
                "A_ub": bounds,
                "b_ub": limit,
                "A_eq": (out - shift @ into).tocsr(),
                "b_eq": start,
                "method": "highs",
            }
        )

    def solve(self) -> float:
        """The value, infinite where there is no plan."""
        found = linprog(**self.arguments)
        return float(found.fun) if found.status == 0 else np.inf


def search(loss, consumption, lower, upper, initial, budget) -> tuple[float, float]:
    """Value and multiplier by intersecting two supporting lines, one dynamic program each."""
    slots = loss.shape[0]
    lower, upper = (np.broadcast_to(x, (slots, *x.shape[1:])) for x in (lower, upper))

    def plan(weight: float, price: float) -> tuple[float, float]:
        total, lost, spent = (np.zeros(initial.size) for _ in range(3))
        for t in reversed(range(slots)):
            order = np.argsort(total, kind="stable")
            low, room = lower[t][..., order], (upper[t] - lower[t])[..., order]
            left = 1 - low.sum(-1, keepdims=True)
            chances = low + np.clip(left - (np.cumsum(room, -1) - room), 0, room)
            cost = weight * loss[t] + price * consumption[t] + chances @ total[order]
            best = cost.argmin(1)
            rows = np.arange(best.size)
            lost = (loss[t] + chances @ lost[order])[rows, best]
            spent = (consumption[t] + chances @ spent[order])[rows, best]
            total = cost[rows, best]
        return float(initial @ lost), float(initial @ spent)

    under = plan(0.0, 1.0)
    if under[1] > budget + 1e-9:
        return np.inf, 0.0
    over = plan(1.0, 0.0)
    if over[1] <= budget:
        return over[0], 0.0
    price = 0.0
    for _ in range(64):
        price = (under[0] - over[0]) / (over[1] - under[1])
        found = plan(1.0, price)
        line = over[0] + price * over[1]
        if line - (found[0] + price * found[1]) <= 1e-13 * max(1, abs(line)):
            break
        over, under = (over, found) if found[1] <= budget else (found, under)
    share = (budget - under[1]) / (over[1] - under[1])
    return share * over[0] + (1 - share) * under[0], price
