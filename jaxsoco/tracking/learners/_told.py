"""What learners share that are told the matrix, or recover it as SCaLE does."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import jax

from jaxsoco.tracking.learners._shared import Explorer, begin_exploring, resolve, true_spectrum
from jaxsoco.tracking.settings_rivals import ToldParams
from jaxsoco.tracking.spec import Spec

_P = TypeVar("_P", bound=ToldParams)


def begin_told(key: jax.Array, params: ToldParams, spec: Spec) -> Explorer:
    """The state before the first round, with the true matrix or an exploration ahead."""
    state = begin_exploring(key, resolve_told(params, spec), spec)
    if params.told == "estimate":
        return state
    return state._replace(estimate=true_spectrum(spec, key.shape[1:]))


def resolve_told(params: _P, spec: Spec) -> _P:
    """The theory's numbers in place of None; who knows the matrix explores in no round."""
    params = resolve(params, spec)
    return params if params.told == "estimate" else replace(params, rounds=0)
