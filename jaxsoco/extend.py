"""What authors of learners, problems and plug-ins build with; the names are kept.

Declarations (:func:`settings`, :func:`setting`, the entries, :class:`Extension`) need no JAX; the
rest loads it when it is first used::

    from jaxsoco.extend import Algorithm, AlgorithmEntry, Extension, setting, settings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.core.lazy import lazy_names

if TYPE_CHECKING:
    from jaxsoco.core.errors import InputError, Issue
    from jaxsoco.core.lanes import align, lift, one_hot, spread, take, where
    from jaxsoco.core.nature import Window, replay, rounds
    from jaxsoco.core.precision import in_float64
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.core.random import (
        draws,
        fold,
        integers,
        normal,
        round_keys,
        uniform,
        words,
    )
    from jaxsoco.core.schema import (
        AlgorithmEntry,
        ComparatorEntry,
        CostEntry,
        Extension,
        Family,
        Field,
        Prepared,
        ProblemEntry,
    )
    from jaxsoco.core.settings import Rounds, is_traced, setting, settings

_MODULES = {
    "Algorithm": "protocol",
    "AlgorithmEntry": "schema",
    "Comparator": "protocol",
    "ComparatorEntry": "schema",
    "CostEntry": "schema",
    "Extension": "schema",
    "Family": "schema",
    "Field": "schema",
    "InputError": "errors",
    "Instance": "protocol",
    "Issue": "errors",
    "Prepared": "schema",
    "Problem": "protocol",
    "ProblemEntry": "schema",
    "Rounds": "settings",
    "Window": "nature",
    "align": "lanes",
    "draws": "random",
    "fold": "random",
    "in_float64": "precision",
    "integers": "random",
    "is_traced": "settings",
    "lift": "lanes",
    "normal": "random",
    "one_hot": "lanes",
    "replay": "nature",
    "round_keys": "random",
    "rounds": "nature",
    "setting": "settings",
    "settings": "settings",
    "spread": "lanes",
    "take": "lanes",
    "uniform": "random",
    "where": "lanes",
    "words": "random",
}

__all__ = [
    "Algorithm",
    "AlgorithmEntry",
    "Comparator",
    "ComparatorEntry",
    "CostEntry",
    "Extension",
    "Family",
    "Field",
    "InputError",
    "Instance",
    "Issue",
    "Prepared",
    "Problem",
    "ProblemEntry",
    "Rounds",
    "Window",
    "align",
    "draws",
    "fold",
    "in_float64",
    "integers",
    "is_traced",
    "lift",
    "normal",
    "one_hot",
    "replay",
    "round_keys",
    "rounds",
    "setting",
    "settings",
    "spread",
    "take",
    "uniform",
    "where",
    "words",
]
__getattr__, __dir__ = lazy_names("jaxsoco.core", _MODULES)
