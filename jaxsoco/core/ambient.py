"""What of the caller's JAX the public functions do without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def own_rules() -> Iterator[None]:
    """Mixed types and transfers of settings are meant here, whatever the caller forbids elsewhere.

    Also a decorator.
    """
    with jax.numpy_dtype_promotion("standard"), jax.transfer_guard("allow"):
        yield
