"""jaxsoco: online decisions with switching costs, in JAX.

The families are :mod:`jaxsoco.tracking`, :mod:`jaxsoco.allocation`, :mod:`jaxsoco.multistage`
and :mod:`jaxsoco.provisioning`; ``simulate`` runs any algorithm on any problem. Nothing here
imports JAX before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jaxsoco._version import __version__

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.engine.simulate import Run, checkpoints, simulate

_PUBLIC = {
    "Algorithm": "jaxsoco.core.protocol",
    "Comparator": "jaxsoco.core.protocol",
    "Instance": "jaxsoco.core.protocol",
    "Problem": "jaxsoco.core.protocol",
    "Run": "jaxsoco.engine.simulate",
    "checkpoints": "jaxsoco.engine.simulate",
    "simulate": "jaxsoco.engine.simulate",
}

__all__ = [
    "Algorithm",
    "Comparator",
    "Instance",
    "Problem",
    "Run",
    "__version__",
    "checkpoints",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in ("allocation", "multistage", "provisioning", "tracking"):
        return importlib.import_module(f"jaxsoco.{name}")
    raise AttributeError(f"module 'jaxsoco' has no attribute {name!r}")
