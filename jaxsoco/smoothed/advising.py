"""Problems that bring advice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxsoco.core.protocol import Instance
from jaxsoco.smoothed.spec import Spec


@dataclass(frozen=True)
class _Advised:
    """A ``draw`` whose specs have advice, too; static and hashable, as that of the problem."""

    draw: Callable[[Any, Any], Spec]

    def __call__(self, key: Any, settings: tuple[Any, jax.Array]) -> Spec:
        inner, path = settings
        return replace(self.draw(key, inner), advice=path)


def with_advice(problem: Instance, path: Any) -> Instance:
    """The same problem with recorded advice, for learners with ``advice="recorded"``.

    >>> from jaxsoco import smoothed
    >>> problem = smoothed.zigzag(eps=0.5, length=6)
    >>> advised = smoothed.with_advice(problem, jnp.ones(6))
    >>> learner = jaxsoco.learner("smoothed/interpolate", advice="recorded", trust=0.0)
    >>> float(jaxsoco.play(advised, *learner, key).costs.move[-1])  # up once, then it stays
    1.0

    Args:
      problem: any of the family.
      path: a decision for every round, ``[T, d]``, or ``[T]`` in one dimension; it may be traced.

    Raises:
      ValueError: the path has another number of rounds.
    """
    path = jnp.asarray(path, float)
    path = path[:, None] if path.ndim == 1 else path
    if path.ndim != 2 or path.shape[0] != problem.horizon:
        raise ValueError(f"path: expected [T, d] with T = {problem.horizon}, got {path.shape}")
    settings = (problem.settings, path)
    return replace(problem, draw=_Advised(problem.draw), settings=settings)
