"""Which properties belong to which kind of entry, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax

from jaxsoco import registry
from jaxsoco.testing.cases import Case, Judge, Learner, instance, judges, learners
from jaxsoco.testing.properties import (
    compilation,
    extremes,
    gradients,
    information,
    layouts,
    precision,
    structure,
)
from jaxsoco.testing.verdicts import NotApplicable

_FLOATS = ((False, "float32"), (True, "float64"))
_LANES = (((), "one run"), ((2, 3), "two lane axes"))
_RIVALS = 2
"""Learners that take part where a problem is tested that nobody has described."""

Properties = dict[str, Callable[[], Any]]


def learner_properties(learner: Learner) -> Properties:
    """The properties of a learner, by name."""
    checks: dict[str, Callable] = {
        "its entry names one algorithm": structure.algorithm_is_the_same_every_time
    }
    for lanes, many in _LANES:
        for x64, number in _FLOATS:
            title = f"the state keeps its structure, shapes and dtypes ({many}, {number})"
            checks[title] = partial(structure.state_is_a_fixed_point, lanes=lanes, x64=x64)
    costs = layouts.learner_does_the_same
    share = compilation.points_and_values_share_one_compilation
    checks |= {
        "a block has the branches of one run": structure.lanes_do_not_turn_branches_into_both,
        "costs under vmap are the engine's": partial(costs, layout="vmap"),
        "costs of single runs are the engine's": partial(costs, layout="loop"),
        "actions and states are the same in every layout": layouts.learner_decides_the_same,
        "runs know neither their place nor their neighbours": layouts.lanes_do_not_know_their_place,
        "the same seeds give the same bits": layouts.runs_repeat,
        "checkpoints are sums of single rounds": layouts.checkpoints_are_rounds_of_one_run,
        "float32 stays float32": precision.learner_never_leaves_float32,
        "float32 is close to float64": precision.learner_in_float32_is_close_to_float64,
        "numbers share one compilation": share,
        "fields are static as declared": compilation.fields_are_static_as_declared,
        "slopes are finite and those of differences": gradients.slopes_are_finite_and_right,
        "slopes are not all 0": gradients.slopes_are_not_all_zero,
        "nothing hidden in the spec is read": information.nothing_hidden_is_read,
    }
    for slot in (1, 3, 6):
        check = information.decisions_do_not_depend_on_what_comes_after
        title = f"nothing up to round {slot} depends on what comes after"
        checks[title] = partial(check, slot=slot)
    return _of(learner, checks) | _worlds(learner.case, [learner], _bounding(learner.case))


def comparator_properties(judge: Judge) -> Properties:
    """The properties of a comparator, by name."""
    checks: dict[str, Callable] = {}
    for lanes, many in _LANES:
        for x64, number in _FLOATS:
            check = structure.comparator_speaks_of_the_familys_costs
            title = f"it has every cost of the ledger, at every checkpoint ({many}, {number})"
            checks[title] = partial(check, lanes=lanes, x64=x64)
    costs = layouts.comparator_finds_the_same
    checks |= {
        "costs under vmap are those of a block": partial(costs, layout="vmap"),
        "costs of single runs are those of a block": partial(costs, layout="loop"),
        "runs know neither their place nor their neighbours": (
            layouts.comparators_do_not_know_their_place
        ),
        "float32 stays float32": precision.comparator_never_leaves_float32,
        "float32 is close to float64": precision.comparator_in_float32_is_close_to_float64,
    }
    bounded = learners(judge.case) if judge.entry.name in judge.case.bounds else []
    ordered = [other for other in judges(judge.case) if _is_ordered(judge, other)]
    return _of(judge, checks) | _worlds(judge.case, bounded, [judge, *ordered])


def _of(subject: Learner | Judge, checks: Mapping[str, Callable]) -> Properties:
    """Checks of a learner or comparator, given this one."""
    return {title: partial(check, subject) for title, check in checks.items()}


def _is_ordered(judge: Judge, other: Judge) -> bool:
    pairs = [pair for pair in judge.case.order if judge.entry.name in pair]
    return other != judge and any(other.entry.name in pair for pair in pairs)


def problem_properties(case: Case) -> Properties:
    """The properties of a problem, by name; learners of its family play on it."""
    players = _players(case)
    checks: Properties = {
        "its entry names one problem": partial(structure.problem_is_what_its_entry_says, case)
    }
    for lanes, many in _LANES:
        for x64, number in _FLOATS:
            title = f"the world keeps its structure, shapes and dtypes ({many}, {number})"
            checks[title] = partial(structure.world_is_a_fixed_point, case, lanes, x64)
            for player in players[:1]:
                title = f"costs are the family's, one number a lane ({many}, {number})"
                checks[title] = partial(structure.state_is_a_fixed_point, player, lanes, x64)
    checks["float32 stays float32"] = partial(precision.world_never_leaves_float32, case)
    played = {
        "worlds are the same in every layout and for every learner": partial(
            layouts.world_is_the_same_for_every_learner, case, players
        ),
        "seeds give different costs": partial(layouts.runs_of_a_block_are_unlike, case, players),
        "some learner reacts to what it observes": partial(
            information.some_learner_reacts, case, players
        ),
        "costs of single runs are the engine's": partial(
            _holds_for_some, layouts.learner_does_the_same, players, "loop"
        ),
        "nothing up to round 3 depends on what comes after": partial(
            _holds_for_all, information.decisions_do_not_depend_on_what_comes_after, players, 3
        ),
        "numbers share one compilation": partial(
            _holds_for_all, compilation.points_and_values_share_one_compilation, players
        ),
    }
    checks |= played if players else dict.fromkeys(played, _nobody_plays)
    return checks | _worlds(case, players, judges(case))


def _players(case: Case) -> list[Learner]:
    """Learners that try a problem: all, or a few; those of its own plug-in first, simple ones."""
    if not case.derived:
        return learners(case)
    own = registry.owner(case.family, registry.problem(case.problem))
    # Families list what is elaborate first, and baselines last.
    others = sorted(
        reversed(learners(case)),
        key=lambda learner: registry.owner(case.family, learner.entry) != own,
    )
    return others[:_RIVALS]


def _holds_for_all(check: Callable, players: Sequence[Learner], *arguments: Any) -> None:
    for player in players:
        check(player, *arguments)


def _holds_for_some(check: Callable, players: Sequence[Learner], *arguments: Any) -> None:
    """A learner may amplify rounding (one that solves for a matrix, say); a world must not."""
    errors = []
    for player in players:
        try:
            return check(player, *arguments)
        except AssertionError as error:
            errors.append(error)
    raise errors[0]


def _nobody_plays() -> None:
    raise NotApplicable("no learner of the family is for this problem")


def _bounding(case: Case) -> list[Judge]:
    return [judge for judge in judges(case) if judge.entry.name in case.bounds]


def _worlds(case: Case, players: Sequence[Learner], optima: Sequence[Judge]) -> Properties:
    """Degenerate worlds: no NaN, no faults, nothing left undone, nobody below a bound."""

    def check(change: Any) -> None:
        settings = None
        if change is not None:
            with jax.enable_x64(True):
                settings = change(instance(case, True).settings)
        extremes.check_world(case, settings, players, optima)

    worlds = {"ordinary": None, **case.extremes}
    return {
        f"no NaN, no faults, nobody below a bound (world: {world})": partial(check, change)
        for world, change in worlds.items()
    }
