"""Online provisioning written down once more, in plain NumPy and HiGHS, one run at a time."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.optimize import linprog


class Model:
    """A constrained decision process in plain arrays, all slots spelled out."""

    def __init__(self, loss, consumption, transition, initial, slots):
        def whole(x):
            return np.broadcast_to(x, (slots, *np.shape(x)[1:]))

        self.loss, self.consumption = whole(loss), whole(consumption)
        self.transition, self.initial, self.slots = whole(transition), np.asarray(initial), slots

    @classmethod
    def of(cls, spec) -> Model:
        """The model of a specification without lanes."""
        names = ("loss", "consumption", "transition", "initial")
        arrays = {name: np.asarray(getattr(spec, name), np.float64) for name in names}
        return cls(**arrays, slots=spec.slots)

    def value(self, policy, what) -> float:
        met, total = self.initial, 0.0
        for t in range(self.slots):
            both = met[:, None] * policy[t]
            total += float((both * what[t]).sum())
            met = np.einsum("sa,san->n", both, self.transition[t])
        return total

    def best(self, budget: float) -> tuple[float, float]:
        """Least loss within a budget and the multiplier, by HiGHS over occupancies."""
        slots, s, a = self.loss.shape
        index = np.arange(slots * s * a).reshape(slots, s, a)
        flow, rhs = np.zeros((slots * s, slots * s * a)), np.zeros(slots * s)
        rhs[:s] = self.initial
        for t in range(slots):
            for i in range(s):
                flow[t * s + i, index[t, i]] = 1
                if t:
                    flow[t * s + i, index[t - 1].ravel()] -= self.transition[t - 1, :, :, i].ravel()
        found = linprog(
            self.loss.ravel(),
            A_ub=self.consumption.reshape(1, -1),
            b_ub=[budget],
            A_eq=flow,
            b_eq=rhs,
            method="highs-ds",
        )
        assert found.status == 0, found.message
        return float(found.fun), -float(found.ineqlin.marginals[0])


def service(spec, budget, target):
    b, f = budget, lambda name: float(getattr(spec, name))
    return (
        f("price") * b + f("tracking") * (b - target) ** 2 + f("anchoring") * (b - f("anchor")) ** 2
    )


def slope(spec, budget, target):
    f = lambda name: float(getattr(spec, name))  # noqa: E731
    near = f("tracking") * (budget - target) + f("anchoring") * (budget - f("anchor"))
    return f("price") + 2 * near


def oracle_run(spec, targets, warm_up: int) -> dict[str, np.ndarray]:
    """BLOL that knows the transitions: ledger of every episode, from HiGHS' plans."""
    model = Model.of(spec)
    low, high = float(spec.budget_low), float(spec.budget_high)
    curvature = 2 * float(spec.anchoring + spec.tracking)
    baseline = np.broadcast_to(np.asarray(spec.baseline), model.loss.shape)
    base_loss = model.value(baseline, model.loss)
    budgets, rows = [0.0, low], []
    for k, target in enumerate(targets, 1):
        budget = budgets[-1]
        loss, multiplier = (base_loss, 0.0) if k <= warm_up else model.best(budget)
        rows.append((service(spec, budget, target), loss, multiplier))
        step = 1 / (curvature * (k - warm_up)) if k > warm_up else 0.0
        moved = budget - step * (slope(spec, budget, target) - multiplier)
        budgets.append(float(np.clip(moved, low, high)) if k > warm_up else low)
    switching = [float(spec.switching) * (b - a) ** 2 for a, b in pairwise(budgets[:-1])]
    cost, latency, multipliers = map(np.array, zip(*rows, strict=True))
    return {
        "service": cost,
        "switching": np.array(switching),
        "latency": float(spec.latency_weight) * latency,
        "budget": np.array(budgets[1:-1]),
        "multiplier": multipliers,
    }


def static_cost(spec, targets, budget: float) -> float:
    """Total of one budget with its best policy, first switch included."""
    loss = Model.of(spec).best(budget)[0]
    total = sum(service(spec, budget, target) for target in targets)
    total += float(spec.switching) * budget**2
    return total + len(targets) * float(spec.latency_weight) * loss


def paper_box(counts, slots, episodes, delta, scale):
    """Equations (13) to (15) as they stand, entry by entry: empirical, radius."""
    s, a = counts.shape[-3:-1]
    factor = math.log(2 * s * a * slots * episodes / delta)
    empirical, radius = np.zeros(counts.shape), np.ones(counts.shape)
    for place in np.ndindex(counts.shape):
        n = counts[place[:-1]].sum()
        if n:
            p = counts[place] / n
            width = math.sqrt(4 * p * (1 - p) * factor / n) + 14 * factor / 3 / n
            empirical[place], radius[place] = p, min(1.0, scale * width)
    return empirical, radius
