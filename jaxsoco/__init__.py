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

from typing import TYPE_CHECKING

from jaxsoco._version import __version__
from jaxsoco.core.lazy import lazy_names

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.engine.simulate import Run, checkpoints, simulate
    from jaxsoco.front.making import comparator, learner, make, resolve
    from jaxsoco.front.playing import play, seed_keys
    from jaxsoco.front.results import Results, load
    from jaxsoco.front.running import run

_MODULES = {
    "core.protocol": "Algorithm Comparator Instance Problem",
    "front.results": "Results load",
    "engine.simulate": "Run checkpoints simulate",
    "front.making": "comparator learner make resolve",
    "front.playing": "play seed_keys",
    "front.running": "run",
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
__getattr__, __dir__, _ = lazy_names(__name__, _MODULES, ["__version__"], _PACKAGES)
