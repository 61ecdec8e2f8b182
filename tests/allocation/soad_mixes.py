"""ST-CLIP's step with advice in several states, or several rates: Clarabel, and random instances.

The program has a plan from the last decision to the new one, which serves both metrics, and one
from there to the advice; nothing is known of their structure.
"""

from __future__ import annotations

from typing import NamedTuple

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from soad_lanes import clip_arguments, stack
from soad_reference import Price, random_decision, random_slot, spanning_tree
from soad_solvers import Clip, Plan, Solution, _clarabel

KINDS = ("plane", "closure", "tree", "star")


class Program(NamedTuple):
    """ST-CLIP's step in units of ``slot.scale``: ``equal x = right`` and ``below x <= limits``.

    Variables: plan x, way back v [2n, A], work s, growth t, work u that is behind the advice. The
    first row of ``below`` is the budget; x, v and u are not negative.
    """

    equal: np.ndarray
    right: np.ndarray
    below: np.ndarray
    limits: np.ndarray
    signs: np.ndarray

    @classmethod
    def of(cls, clip: Clip) -> Program:
        slot, b, unit = clip.slot, clip.slot.price.bounds, clip.slot.scale
        plan, two_n = Plan.of(slot.previous), slot.previous.size
        advised = np.flatnonzero(clip.advised > 0)
        to_cost = np.concatenate([slot.costs, np.zeros(slot.costs.size)])
        work = np.concatenate([slot.throughput, np.zeros(slot.costs.size)])
        s = plan.size + two_n * advised.size
        size = s + 3

        def row(**parts):
            values = np.zeros(size)
            for name, value in parts.items():
                place = {"x": slice(0, plan.size), "v": slice(plan.size, s), "s": s, "u": s + 2}
                values[place[name]] = value
            return values

        counted = np.tile(work, plan.mass.size)
        arrive = np.kron(np.ones((1, plan.mass.size)), np.eye(two_n))
        leave = np.kron(np.eye(two_n), np.ones((1, advised.size)))
        # One of these is redundant.
        reach = np.kron(np.ones((1, two_n)), np.eye(advised.size))[:-1]
        equal = [row(x=r) for r in plan.rows().toarray()]
        equal += [row(x=a, v=-v) for a, v in zip(arrive, leave, strict=True)]
        equal += [row(v=r) for r in reach] + [row(x=-counted, s=1)]
        right = [*plan.mass, *np.zeros(two_n), *clip.advised[advised][:-1], 0.0]
        fixed = clip.spent + b.tau * slot.work(clip.advised) + (1 - slot.done) * b.L
        spends = (slot.metric[plan.sources] + to_cost).ravel()
        back = slot.metric[:, advised].ravel()
        keeps = row(x=spends, v=back, s=-b.L, u=b.U - b.L) / unit
        below = [keeps, row(s=-1, u=-1), row(s=1), row(s=-1)]
        room, behind = (clip.budget - fixed) / unit, slot.done - clip.advice_work
        limits = [room, behind, 1 - slot.done, -clip.least]
        signs = -np.eye(size)[[*range(s), s + 2]]
        return cls(*map(np.array, (equal, right, below, limits, signs)))


def solve_mix(clip: Clip) -> Solution:
    """ST-CLIP's step for any advice and any rates, one plan for both metrics."""
    slot, b, unit = clip.slot, clip.slot.price.bounds, clip.slot.scale
    plan, program = Plan.of(slot.previous), Program.of(clip)
    to_cost = np.concatenate([slot.costs, np.zeros(slot.costs.size)])
    arcs = clip.tree_metric[plan.sources] + to_cost
    alpha, factor = slot.price.rate, slot.price.factor
    cost, cone = np.zeros(program.equal.shape[1]), np.zeros((3, program.equal.shape[1]))
    cost[: plan.size] = arcs.ravel() / unit
    cost[-3:-1] = (b.tau - b.U) / unit, -factor * np.exp(clip.robust / alpha) / unit
    # t >= alpha (exp(s / alpha) - 1), in Clarabel's cone y exp(x / y) <= z.
    cone[0, -3], cone[2, -2] = -1 / alpha, -1 / alpha
    rows = (program.equal, program.signs, program.below, cone)
    nothing = np.zeros(len(program.signs))
    bounds = np.concatenate([program.right, nothing, program.limits, [0.0, 1.0, 1.0]])
    cones = [
        clarabel.ZeroConeT(len(program.equal)),
        clarabel.NonnegativeConeT(len(program.signs) + len(program.below)),
        clarabel.ExponentialConeT(),
    ]
    x, bound = _clarabel(cost, sparse.csc_matrix(np.concatenate(rows)), bounds, cones)
    exact = plan.repair(x[: plan.size])
    decision = exact.sum(axis=0)
    earned = slot.price.integral(clip.robust, clip.robust + slot.work(decision))
    return Solution(decision, float(np.sum(exact * arcs) - earned), bound * unit)


def least_excess_mix(clip: Clip) -> float:
    """How far below its budget the constraint can be brought at all (HiGHS)."""
    program = Program.of(clip)
    size = program.equal.shape[1]
    answer = linprog(
        program.below[0],
        A_eq=program.equal,
        b_eq=program.right,
        A_ub=program.below[1:],
        b_ub=program.limits[1:],
        bounds=[*[(0, None)] * (size - 3), (None, None), (0, 0), (0, None)],
        method="highs",
    )
    assert answer.status == 0, answer.message
    return (answer.fun - program.limits[0]) * clip.slot.scale


def follow_mix(clip: Clip) -> np.ndarray:
    """The advice; its ON mass is scaled to the work left, the rest is OFF at the same points."""
    slot, n = clip.slot, clip.slot.costs.size
    advised, work = clip.advised, clip.slot.work(clip.advised)
    share = min(1.0, (1 - slot.done) / work) if work > 0 else 0.0
    on = share * advised[:n]
    return np.concatenate([on, advised[n:] + advised[:n] - on])


def random_mix(rng: np.random.Generator, n: int, atoms: int, kind: str, *, mixed: bool) -> Clip:
    """A state with a budget between what following the advice needs and what is not felt.

    The advice rests on at most ``atoms`` states; ``mixed``: points differ in their rates. Of three
    states in a row, the first is taken in which the advice can be felt at all.
    """
    for _ in range(3):
        clip = _unbounded(rng, n, atoms, kind, mixed=mixed)
        need = clip.excess(follow_mix(clip))
        free = solve_mix(clip._replace(budget=need + 20 * clip.slot.price.bounds.U)).decision
        felt = clip.excess(free)
        if felt > need + 1e-3 * clip.slot.scale:
            break
    share = rng.choice([1e-3, rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform(), 1.5])
    # Not a hair less than the advice needs: the solver wants an interior.
    return clip._replace(budget=need + share * max(felt - need, 0) + 1e-12 * clip.slot.scale)  # pyright: ignore


def _unbounded(rng: np.random.Generator, n: int, atoms: int, kind: str, *, mixed: bool) -> Clip:
    """A state without a budget."""
    slot = random_slot(rng, n, kind=kind, mixed=mixed)
    bounds = slot.price.bounds
    slot = slot._replace(
        price=Price(bounds, bounds.gamma(10 ** rng.uniform(-2, 1))),
        previous=random_decision(rng, n, str(rng.choice(["one", "few", "few", "all"]))),
    )
    advice = np.zeros(2 * n)
    np.add.at(advice, rng.integers(2 * n, size=atoms), rng.dirichlet(np.ones(atoms)))
    work = slot.work(advice)
    inner = spanning_tree(rng, slot.distance) if rng.uniform() < 0.7 else slot.distance
    clip = Clip(
        slot,
        inner,
        slot.done * rng.uniform(),
        advice,
        work + (1 - work) * rng.uniform(),
        rng.uniform(0, bounds.U),
        0.0,
    )
    # Work that is mandatory, and that following does.
    least = rng.choice([0, 0, rng.uniform()]) * slot.work(follow_mix(clip))
    return clip._replace(least=least)


def mix_arguments(clips, atoms: int | None, form: str = "factored", dtype=float) -> tuple:
    """Arguments of ``stclip_step``, without ``least``; advice in ``atoms`` states, or in all."""
    n = clips[0].slot.costs.size
    rates = np.stack([c.slot.throughput for c in clips], -1)
    plain = [c._replace(advice=0) for c in clips]
    arguments = list(clip_arguments(plain, form, dtype))
    if np.any(rates != rates[:1]):
        arguments[3] = stack(clips, lambda c: c.slot.throughput, dtype)
    whole = stack(clips, lambda c: c.advised, dtype)
    arguments[7] = whole if atoms is None else states_of(clips, atoms, 2 * n, dtype)
    return tuple(arguments)


def states_of(clips, atoms: int, two_n: int, dtype=float) -> tuple:
    """States and weights of the advice, padded by states of weight 0."""
    orders = [np.argsort(-c.advised, kind="stable")[:atoms] for c in clips]
    found = list(zip(clips, orders, strict=True))
    assert all(np.isclose(c.advised[o].sum(), 1) for c, o in found)
    return stack(found, lambda x: x[1], np.int32), stack(found, lambda x: x[0].advised[x[1]], dtype)
