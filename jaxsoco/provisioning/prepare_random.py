"""Random processes, from settings to a problem: ``prepare`` without JAX, ``build`` with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.provisioning.content import Content, prepared_from, spec_of
from jaxsoco.provisioning.settings_problems import RandomMDP
from jaxsoco.provisioning.theory.model import tabular_model

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance


class RandomContent(NamedTuple):
    """A checked problem of which every run draws its own process.

    Attributes:
      content: what the processes have in common, and the dearest one that may be drawn.
      branching: next states of a state and an action.
    """

    content: Content
    branching: Any


def prepare_random_mdp(settings: RandomMDP, folder: Path) -> Prepared:
    """Random processes; raises ``InputError`` with all problems."""
    del folder
    s, a, slots = settings.states, settings.actions, settings.slots
    if not is_traced(settings.branching) and settings.branching > s:
        message = f"{settings.branching} next states, of {s} states"
        raise InputError(Issue("problem.branching", message, "want branching <= states"))
    # Every action but the first consumes 1: a baseline that is safe then is safe in all processes.
    consumption = np.broadcast_to(np.arange(a) > 0, (s, a)).astype(float)
    even, first = np.full((s, a, s), 1 / s), np.full(s, 1 / s)
    model = tabular_model(
        np.ones((s, a)), consumption, even, first, slots=slots, source="random processes"
    )
    idle = ",".join(map(repr, [0.9, *[0.1 / (a - 1)] * (a - 1)]))
    resolved = replace(
        settings,
        budget_low=slots / 8 if settings.budget_low is None else settings.budget_low,
        anchor=slots / 4 if settings.anchor is None else settings.anchor,
        baseline=idle if settings.baseline == "idle" else settings.baseline,
    )
    prepared = prepared_from("random_mdp", model, resolved)
    return replace(prepared, content=RandomContent(prepared.content, settings.branching))


def build_random_mdp(prepared: Prepared) -> Instance:
    """Random processes, ready to be played."""
    import jax.numpy as jnp

    from jaxsoco.core.protocol import Instance
    from jaxsoco.provisioning.problem import provisioning
    from jaxsoco.provisioning.theory.garnet import Garnet, draw_garnet

    content, branching = prepared.content
    garnet = Garnet(spec_of(content), jnp.asarray(branching, jnp.int32))
    name = f"provisioning/{content.problem}"
    return Instance(provisioning, draw_garnet, garnet, content.episodes, name)
