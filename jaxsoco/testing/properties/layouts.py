"""Native lanes, ``vmap`` over single runs and single runs in a loop are the same computation.

Native is the engine's own block here: a whole rollout, fully optimised. The others are single
functions, compiled quickly. The numbers are those of the same operations, but sums may be taken in
another order and products fused with additions, so 1e-12 of the largest cost is allowed; where only
whole numbers and choices are concerned, all bits agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxsoco.engine.batch import Outcome
from jaxsoco.engine.simulate import simulate
from jaxsoco.testing.blocks import block, judge_block, run_block
from jaxsoco.testing.cases import Case, Judge, Learner, instance, learners
from jaxsoco.testing.pieces import RUNS, Layout, keys, pieces, quick
from jaxsoco.testing.rollouts import Record, judged, rolled
from jaxsoco.testing.verdicts import differs, require, require_same_costs, require_same_trees


def learner_does_the_same(learner: Learner, layout: Layout) -> None:
    """Costs of the engine's block are those of this layout, at every round."""
    native = block(learner)
    require(native.finite.all(), f"{learner.id}: a cost of the engine's block is not finite")
    require(not native.faults.any(), f"{learner.id}: faults in {native.faults.sum()} kernel calls")
    what = f"{learner.id}: costs as single runs ({layout}) and in the engine's block"
    require_same_costs(rolled(learner, layout).totals(), native.costs, what)


def learner_decides_the_same(learner: Learner) -> None:
    """Actions and states under ``vmap`` are those of single runs."""
    mapped, single = rolled(learner, "vmap"), rolled(learner, "loop")
    what = f"{learner.id}: under vmap and as single runs"
    require_same_trees(mapped.stacked("actions"), single.stacked("actions"), f"{what}, actions")
    require_same_trees(mapped.states, single.states, f"{what}, states")


def lanes_do_not_know_their_place(learner: Learner) -> None:
    """A run has the same bits at any place of a block, alone, padded and among any others.

    Results are stored run by run, and are taken for those of any other block.
    """
    with jax.enable_x64(True):
        params = learner.params()
    _require_no_place(learner, partial(run_block, learner, params))


def comparators_do_not_know_their_place(judge: Judge) -> None:
    """As :func:`lanes_do_not_know_their_place`."""
    _require_no_place(judge, partial(judge_block, judge))


def _require_no_place(subject: Learner | Judge, play: Callable[..., Outcome]) -> None:
    """Raises if a block of the first point has other bits where it is put together in another way.

    Args:
      subject: what plays.
      play: ``(points [RUNS], seeds [RUNS]) -> Outcome``.
    """
    runs, half = np.arange(RUNS), RUNS // 2
    others = 1000 + np.arange(half)
    elsewhere = np.concatenate([np.zeros(half), np.full(half, bool(subject.case.points))])
    blocks = {
        "in reverse": (runs[::-1], 0),
        "first, among others": (np.concatenate([runs[:half][::-1], others]), 0),
        "last, among others": (np.concatenate([others, runs[:half]]), 0),
        "among runs of another point": (runs, elsewhere),
        "alone": (np.full(RUNS, 5), 0),
        "padded": (np.minimum(runs, 2), 0),
    }
    straight = play(0, runs)
    for place, (seeds, points) in blocks.items():
        points = np.broadcast_to(points, RUNS)
        outcome = play(points, seeds)
        lanes = np.flatnonzero((seeds < RUNS) & (points == 0))
        mine, wanted = (
            jax.tree.map(lambda x, at=at: x[..., at], whole)
            for whole, at in ((outcome, lanes), (straight, seeds[lanes]))
        )
        what = f"{subject.id}: a run has other bits where it is {place}"
        require(not differs(mine, wanted), what)


def runs_repeat(learner: Learner) -> None:
    """The same seeds give the same bits, whatever was run before: nothing is kept outside."""
    with jax.enable_x64(True):
        params = learner.params()
    first, again = run_block(learner, params), run_block(learner, params)
    require(
        not differs((first.costs, first.faults), (again.costs, again.faults)),
        f"{learner.id}: the same seeds give other costs when they are run again",
    )


def checkpoints_are_rounds_of_one_run(learner: Learner) -> None:
    """A loop that keeps few checkpoints, for long runs, has the costs of those rounds."""
    case = learner.case
    made, horizon = instance(case, True), instance(case, True).horizon
    at = tuple(sorted({1, (horizon + 1) // 2, horizon}))
    with jax.enable_x64(True):
        params = learner.params()
        spec = pieces(case, "native" if learner.native else "vmap", True).draw(
            keys(), made.settings
        )

        def play(key, params, spec):
            rest = made.problem, spec, key, horizon
            return simulate(learner.algorithm, params, *rest, at=at, differentiable=False).costs

        if not learner.native:
            play = jax.vmap(play, (-1, None, -1), -1)
        few = jax.jit(play, compiler_options=quick())(keys(), params, spec)._asdict()
    every = rolled(learner, "loop").totals()
    wanted = {name: cost[np.asarray(at) - 1] for name, cost in every.items()}
    what = f"{learner.id}: costs at the rounds {at} and sums of single rounds"
    require_same_costs(jax.tree.map(np.asarray, few), wanted, what)


def comparator_finds_the_same(judge: Judge, layout: Layout) -> None:
    """A comparator's costs do not depend on the layout."""
    (native, faults), (other, other_faults) = judged(judge, "native"), judged(judge, layout)
    require(not faults.any() and not other_faults.any(), f"{judge.id}: kernels did not converge")
    what = f"{judge.id}: costs as single runs ({layout}) and as a block"
    require_same_costs(other, native, what)


def world_is_the_same_for_every_learner(
    case: Case, players: Sequence[Learner] | None = None
) -> None:
    """Worlds do not depend on the layout, and what is observed not on what learners do.

    Args:
      case: the problem.
      players: the learners that take part (all if None).
    """
    first, *others = learners(case) if players is None else players

    def shared(record: Record, name: str) -> Any:
        if name == "spec":
            return record.spec
        return [one._replace(**dict.fromkeys(case.own)) for one in record.observations]

    mapped, single = rolled(first, "vmap"), rolled(first, "loop")
    what = f"{case.problem}: under vmap and as single runs"
    require_same_trees(mapped.spec, single.spec, f"{what}, spec")
    require_same_trees(mapped.observations, single.observations, f"{what}, observations")
    for other in others:
        # Common random numbers: what a learner is shown does not depend on what learners do.
        record = rolled(other, "vmap")
        for name in ("spec", "observations"):
            require(
                not differs(shared(record, name), shared(mapped, name)),
                f"{case.problem}: {other.id} and {first.id} meet different {name} under one seed",
            )


def runs_of_a_block_are_unlike(case: Case, players: Sequence[Learner] | None = None) -> None:
    """Otherwise the other properties would compare one run with itself."""
    player = (learners(case) if players is None else players)[0]
    totals = rolled(player, "loop").totals()
    last = np.stack([cost[-1] for cost in totals.values()])
    unlike = len(np.unique(last, axis=1).T)
    require(
        unlike == last.shape[1],
        f"{case.problem}: {last.shape[1]} seeds give {unlike} different costs",
    )
    rounds = len(totals[next(iter(totals))])
    require(instance(case, True).horizon == rounds, f"{case.problem}: {rounds} rounds were played")
