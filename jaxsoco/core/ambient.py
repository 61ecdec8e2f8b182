"""What of the caller's JAX the public functions do without."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

_P = ParamSpec("_P")
_R = TypeVar("_R")

_RULES = {"jax_numpy_dtype_promotion": ("standard",)} | {
    f"jax_transfer_guard_{way}": ("allow", None)
    for way in ("host_to_device", "device_to_device", "device_to_host")
}
"""Options of JAX, and the values of them with which nothing is forbidden."""


def own_rules(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator: mixed types and transfers of settings are meant in what the function does.

    Whatever the caller forbids elsewhere (``jax_numpy_dtype_promotion``, ``jax_transfer_guard``)
    is allowed while it runs.
    """

    @wraps(function)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
        if _nothing_is_forbidden():  # to enter and leave the rules takes longer than to look
            return function(*arguments, **named)
        with jax.numpy_dtype_promotion("standard"), jax.transfer_guard("allow"):
            return function(*arguments, **named)

    return call


def _nothing_is_forbidden() -> bool:
    # An option that this JAX does not have counts as forbidden.
    return all(getattr(jax.config, name, "") in free for name, free in _RULES.items())
