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
    from jaxsoco.core.precision import in_float64, slopes_in_float64
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.core.random import draws, fold, integers, normal, round_keys, uniform, words
    from jaxsoco.core.schema import (
        AlgorithmEntry,
        ComparatorEntry,
        CostEntry,
        Extension,
        Family,
        Field,
        Gradient,
        Guarantee,
        Prepared,
        ProblemEntry,
    )
    from jaxsoco.core.settings import Rounds, is_traced, setting, settings

_MODULES = {
    "protocol": "Algorithm Comparator Instance Problem",
    "schema": "AlgorithmEntry ComparatorEntry CostEntry Extension Family Field "
    "Gradient Guarantee Prepared ProblemEntry",
    "errors": "InputError Issue",
    "settings": "Rounds is_traced setting settings",
    "nature": "Window replay rounds",
    "lanes": "align lift one_hot spread take where",
    "random": "draws fold integers normal round_keys uniform words",
    "precision": "in_float64 slopes_in_float64",
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
    "Gradient",
    "Guarantee",
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
    "slopes_in_float64",
    "spread",
    "take",
    "uniform",
    "where",
    "words",
]
__getattr__, __dir__, _ = lazy_names("jaxsoco.core", _MODULES)
