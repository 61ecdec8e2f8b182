"""Budgeted plans by other means: the extended linear program in HiGHS, loops in NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog


class Instance(NamedTuple):
    """``loss, consumption [T, S, A]``, ``lower, upper [T, S, A, S]``, ``initial [S]``, budget."""

    loss: np.ndarray
    consumption: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    initial: np.ndarray
    budget: float


def solve_lp(one: Instance) -> tuple[float | None, float]:
    """Value (None if infeasible) and multiplier of linear program (23), by HiGHS."""
    slots, s, a = one.loss.shape
    lower, upper = (np.broadcast_to(x, (slots, s, a, s)) for x in (one.lower, one.upper))
    size = slots * s * a * s
    index = np.arange(size).reshape(slots, s, a, s)
    rows, cols, data, rhs = [], [], [], []
    for t in range(slots):
        for i in range(s):
            row = t * s + i
            cols += list(index[t, i].ravel())
            data += [1.0] * (a * s)
            rows += [row] * (a * s)
            if t:
                before = list(index[t - 1, :, :, i].ravel())
                cols, data = cols + before, data + [-1.0] * len(before)
                rows += [row] * len(before)
            rhs.append(one.initial[i] if t == 0 else 0.0)
    flow = sp.csr_matrix((data, (rows, cols)), shape=(slots * s, size))
    eye, total = sp.identity(s), np.ones((s, s))
    ups, downs = [], []
    for t in range(slots):
        for i in range(s):
            for j in range(a):
                lo, hi = lower[t, i, j], upper[t, i, j]
                ups.append(eye - sp.csr_matrix(hi[:, None] * total))
                downs.append(sp.csr_matrix(lo[:, None] * total) - eye)
    spent = np.repeat(one.consumption.ravel(), s)
    bounds = sp.vstack([sp.block_diag(ups), sp.block_diag(downs), sp.csr_matrix(spent[None])])
    limit = np.zeros(bounds.shape[0])
    limit[-1] = one.budget
    found = linprog(
        np.repeat(one.loss.ravel(), s),
        A_ub=bounds.tocsr(),
        b_ub=limit,
        A_eq=flow,
        b_eq=rhs,
        bounds=(0, None),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.status == 2:
        return None, 0.0
    assert found.status == 0, found.message
    return float(found.fun), -float(found.ineqlin.marginals[-1])


def dual(one: Instance, price: float) -> tuple[float, float, float]:
    """``psi(price)`` and the loss and consumption of a plan that attains it, slot by slot."""
    slots, s, a = one.loss.shape
    lower, upper = (np.broadcast_to(x, (slots, s, a, s)) for x in (one.lower, one.upper))
    total, lost, spent = np.zeros(s), np.zeros(s), np.zeros(s)
    for t in reversed(range(slots)):
        order = np.argsort(total, kind="stable")
        new = np.empty((3, s))
        for i in range(s):
            best = np.inf
            for j in range(a):
                p = lower[t, i, j].copy()
                left = 1 - p.sum()
                for n in order:
                    more = min(left, upper[t, i, j, n] - p[n])
                    p[n] += more
                    left -= more
                cost = one.loss[t, i, j] + price * one.consumption[t, i, j] + p @ total
                if cost < best:
                    best = cost
                    rest = one.loss[t, i, j] + p @ lost, one.consumption[t, i, j] + p @ spent
                    new[:, i] = cost, *rest
        total, lost, spent = new
    return float(one.initial @ total), float(one.initial @ lost), float(one.initial @ spent)


def least_consumption(one: Instance) -> float:
    """Of any plan in the box."""
    free = one._replace(loss=one.consumption)
    return dual(free, 0.0)[0]


KINDS = ("plain", "ties", "breakpoint", "least", "infeasible", "unvisited", "loose")


def random_instance(seed: int, kind: str, shape=(4, 3, 2), homogeneous: bool = False) -> Instance:
    """A random instance; ``shape`` is slots, states, actions.

    ``ties``: whole numbers; ``breakpoint``: the budget is what a plan at some price spends;
    ``least``: it is the least attainable consumption; ``infeasible``: less than that;
    ``unvisited``: some boxes are whole simplices, some states out of reach; ``loose``: no
    constraint.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    slots, s, a = shape
    rows = 1 if homogeneous else slots
    center = rng.dirichlet(np.ones(s), (rows, s, a))
    width = rng.uniform(0, 0.3, (rows, s, a, s))
    loss, consumption = rng.uniform(-1, 1, (slots, s, a)), rng.uniform(0, 1, (slots, s, a))
    initial = rng.dirichlet(np.ones(s))
    if kind == "ties":
        center = rng.multinomial(2, np.ones(s) / s, (rows, s, a)) / 2
        width = np.round(width * 4) / 4
        loss, consumption = np.round(loss * 2) / 2, np.round(consumption * 2) / 2
        initial = np.eye(s)[0]
    lower, upper = np.clip(center - width, 0, 1), np.clip(center + width, 0, 1)
    if kind == "unvisited":
        never = rng.uniform(size=(rows, s, a)) < 0.4
        lower[never], upper[never] = 0, 1
        initial = np.eye(s)[0]
        upper[..., -1] = np.where(rng.uniform(size=upper.shape[:3]) < 0.7, 0, upper[..., -1])
        lower = np.minimum(lower, upper)
        short = np.maximum(1 - upper.sum(-1), 0)
        upper[..., 0] = np.minimum(upper[..., 0] + short, 1)
        upper[..., 1] = np.where(upper.sum(-1) < 1, 1, upper[..., 1])
    one = Instance(loss, consumption, lower, upper, initial, 0.0)
    least, most = least_consumption(one), dual(one, 0.0)[2]
    share = rng.uniform(0.05, 0.95)
    budget = least + share * (most - least)
    if kind == "breakpoint":
        budget = dual(one, float(rng.exponential(0.5)))[2]
    elif kind == "least":
        budget = least
    elif kind == "infeasible":
        budget = least - 10.0 ** rng.uniform(-4, 0)
    elif kind == "loose":
        budget = most + rng.uniform(0, 1)
    return one._replace(budget=float(budget))
