"""No learner looks ahead: decisions up to a slot do not change with what comes after it.

After a slot, nature's moves are those of another run. What a learner is told in advance (its spec,
forecasts, advice) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.testing.cases import Case, Learner, instance, learners
from jaxsoco.testing.pieces import keys, mind, pieces
from jaxsoco.testing.rollouts import roll, rolled
from jaxsoco.testing.verdicts import NotApplicable, differs, require

OTHER = 500
"""Number of the first of the other runs."""


def decisions_do_not_depend_on_what_comes_after(learner: Learner, slot: int) -> None:
    """Observations, actions and states up to a round do not change with later ones."""
    horizon, id = instance(learner.case, True).horizon, learner.id
    if learner.case.derived and slot >= horizon:
        raise NotApplicable(f"a run has {horizon} rounds")
    require(slot < horizon, f"{id}: round {slot} is not before the horizon, {horizon}")
    straight, other = rolled(learner, "vmap"), roll(learner, "vmap", elsewhere=(slot, OTHER))
    for name, stop in (("observations", slot), ("actions", slot), ("states", slot + 1)):
        a, b = getattr(straight, name)[:stop], getattr(other, name)[:stop]
        message = f"{id}: its {name} up to round {slot} change with what nature draws after it"
        require(not differs(a, b), message)
    # Something did come after it, which bandits are told of only then.
    after = [(r.observations[slot:], r.feedback[slot:]) for r in (straight, other)]
    if learner.case.derived and not differs(*after):
        raise NotApplicable(f"{learner.case.problem} draws nothing after round {slot}")
    require(differs(*after), f"{learner.case.problem}: nothing comes after round {slot}")


def nothing_hidden_is_read(learner: Learner) -> None:
    """The first state does not depend on what ``case.hidden`` names in the spec."""
    case = learner.case
    if not case.hidden:
        raise NotApplicable("nobody said which leaves of the spec are hidden (hidden=)")
    with jax.enable_x64(True):
        spec = pieces(case, "vmap", True).draw(keys(), instance(case, True).settings)
        other = _changed(
            spec, {name: jax.tree.map(_spoilt, getattr(spec, name)) for name in case.hidden}
        )
        init, params = mind(learner, "vmap", True).init, learner.params()
        states = [init(keys(), params, one) for one in (spec, other)]
    hidden = ", ".join(case.hidden)
    message = f"{learner.id}: its state depends on what is hidden from learners: {hidden}"
    require(not differs(*states), message)


def _changed(spec: Any, leaves: dict[str, Any]) -> Any:
    return spec._replace(**leaves) if hasattr(spec, "_replace") else replace(spec, **leaves)


def _spoilt(leaf: Any) -> Any:
    """Another value of the same kind, which shows wherever it is used."""
    if jnp.issubdtype(leaf.dtype, jnp.inexact):
        return jnp.full_like(leaf, jnp.nan)
    return ~leaf if leaf.dtype == bool else leaf + 1


def reacts(learner: Learner) -> bool:
    """Whether a learner decides otherwise where it observes otherwise."""
    other = roll(learner, "vmap", elsewhere=(1, OTHER))
    return differs(rolled(learner, "vmap").actions, other.actions)


def some_learner_reacts(case: Case, players: Sequence[Learner] | None = None) -> None:
    """Learners that see other prices decide otherwise; at least one of them (all if None)."""
    require(
        any(reacts(learner) for learner in (learners(case) if players is None else players)),
        f"{case.problem}: no learner's decisions depend on what nature draws",
    )
