"""From the settings of an adversary to a problem: the first half without JAX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jaxsoco.allocation.settings import Adversary
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance

_ON_GRID = 1e-9
"""How far from a price level ``y`` may lie, in levels."""


def prepare_adversary(settings: Adversary, folder: Path) -> Prepared:
    """Checks the settings against each other; those that are tracers are not checked.

    Args:
      settings: the problem's settings.
      folder: there are no files.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    del folder
    issues = [*_issues(settings)]
    if issues:
        raise InputError(issues)
    kind = (settings.job_length, settings.levels, settings.instance, settings.advice)
    return Prepared(settings, (*kind, settings.points))


def build_adversary(prepared: Prepared) -> Instance:
    """The problem of prepared settings; needs JAX."""
    import jax.numpy as jnp

    from jaxsoco.allocation.duel import Terms, adversary, draw_duel
    from jaxsoco.core.protocol import Instance

    settings: Adversary = prepared.content
    names = ("lower", "upper", "move", "switch")
    numbers = {name: jnp.asarray(getattr(settings, name), float) for name in names}
    y = settings.lower if settings.y is None else settings.y
    points = settings.points
    if points is None:
        # One for every slot of stage one, one that stays active, and the start.
        points = settings.job_length * settings.levels + 2
    terms = Terms(
        **numbers,
        y=jnp.asarray(y, float),
        job_length=settings.job_length,
        levels=settings.levels,
        points=points,
        instance=settings.instance,
        advice=settings.advice,
    )
    return Instance(adversary, draw_duel, terms, terms.slots, "allocation/adversary")


def _issues(settings: Adversary) -> Iterator[Issue]:
    low, high = settings.lower, settings.upper
    if is_traced(low) or is_traced(high):
        return
    traced = is_traced(settings.move) or is_traced(settings.switch)
    least = low if traced else low + settings.move + 2 * settings.switch
    if least >= high:
        yield Issue(
            "problem.upper",
            f"L + D + 2 tau = {least:.4g} leaves no room below U = {high:.4g}",
            "want lower + move + 2 switch < upper",
        )
    elif settings.y is not None and not is_traced(settings.y):
        yield from _level_issues(low, high, settings.y, settings.levels)


def _level_issues(low: float, high: float, y: float, levels: int) -> Iterator[Issue]:
    """``y`` is one of the price levels, or ``U``."""
    level = (high - y) * levels / (high - low)
    nearest = min(max(round(level), 0), levels)
    if abs(level - nearest) > _ON_GRID * levels:
        price = high - nearest * (high - low) / levels
        yield Issue(
            "problem.y",
            f"{y:.6g} is no price level: U - i (U - L) / {levels} for i = 0, 1, .. {levels}",
            f"want {price:.6g}, which is the nearest, or another number of levels",
        )
