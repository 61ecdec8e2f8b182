"""jaxsoco: online decisions with switching costs, in JAX.

The front door::

    import jaxsoco

    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=5, horizon=2000)
    algorithm, params = jaxsoco.learner("tracking/hyscale", learning_rate=1e-3)
    run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 256))

The families are :mod:`jaxsoco.tracking`, :mod:`jaxsoco.allocation`, :mod:`jaxsoco.multistage`
and :mod:`jaxsoco.provisioning`; ``simulate`` is the lower level. Nothing here imports JAX before it
is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jaxsoco._version import __version__

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.engine.simulate import Run, checkpoints, simulate
    from jaxsoco.front.making import comparator, learner, make, resolve
    from jaxsoco.front.playing import play, seed_keys
    from jaxsoco.front.results import Results, load
    from jaxsoco.front.running import run

_PUBLIC = {
    "Algorithm": "jaxsoco.core.protocol",
    "Comparator": "jaxsoco.core.protocol",
    "Instance": "jaxsoco.core.protocol",
    "Problem": "jaxsoco.core.protocol",
    "Results": "jaxsoco.front.results",
    "Run": "jaxsoco.engine.simulate",
    "checkpoints": "jaxsoco.engine.simulate",
    "comparator": "jaxsoco.front.making",
    "learner": "jaxsoco.front.making",
    "load": "jaxsoco.front.results",
    "make": "jaxsoco.front.making",
    "play": "jaxsoco.front.playing",
    "resolve": "jaxsoco.front.making",
    "run": "jaxsoco.front.running",
    "seed_keys": "jaxsoco.front.playing",
    "simulate": "jaxsoco.engine.simulate",
}
_PACKAGES = ("allocation", "extend", "multistage", "provisioning", "testing", "tracking")

__all__ = [
    "Algorithm",
    "Comparator",
    "Instance",
    "Problem",
    "Results",
    "Run",
    "__version__",
    "checkpoints",
    "comparator",
    "learner",
    "load",
    "make",
    "play",
    "resolve",
    "run",
    "seed_keys",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _PACKAGES:
        return importlib.import_module(f"jaxsoco.{name}")
    raise AttributeError(f"module 'jaxsoco' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES])
