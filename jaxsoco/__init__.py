"""jaxsoco: online decisions with switching costs, in JAX.

The front door::

    import jaxsoco

    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=5, horizon=2000)
    algorithm, params = jaxsoco.learner("tracking/hyscale", learning_rate=1e-3)
    run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 256))

The families are :mod:`jaxsoco.smoothed`, :mod:`jaxsoco.tracking`, :mod:`jaxsoco.allocation`,
:mod:`jaxsoco.multistage` and :mod:`jaxsoco.provisioning`; ``simulate`` is the lower level. Nothing
here imports JAX before it is used.
"""

from __future__ import annotations

from jaxsoco._version import __version__

TYPE_CHECKING = False  # of typing, which takes as long to import as all that follows
if TYPE_CHECKING:
    from jaxsoco import allocation as allocation
    from jaxsoco import extend as extend
    from jaxsoco import multistage as multistage
    from jaxsoco import provisioning as provisioning
    from jaxsoco import smoothed as smoothed
    from jaxsoco import testing as testing
    from jaxsoco import tracking as tracking
    from jaxsoco.core.protocol import Algorithm, Comparator, Instance, Problem
    from jaxsoco.engine.simulate import Run, checkpoints
    from jaxsoco.front.making import comparator, learner, make, resolve
    from jaxsoco.front.playing import play, seed_keys, simulate
    from jaxsoco.front.results import Results, load
    from jaxsoco.front.running import run
    from jaxsoco.tuning.api import tune

_MODULES = {
    "core.protocol": "Algorithm Comparator Instance Problem",
    "front.results": "Results load",
    "engine.simulate": "Run checkpoints",
    "front.making": "comparator learner make resolve",
    "front.playing": "play seed_keys simulate",
    "front.running": "run",
    "tuning.api": "tune",
}
_PACKAGES = (
    "allocation",
    "extend",
    "multistage",
    "provisioning",
    "smoothed",
    "testing",
    "tracking",
)

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
    "tune",
]


if not TYPE_CHECKING:

    def _names():
        # Imported here: between the first line of the package and the command line's handlers of
        # signals there is as little as can be.
        from jaxsoco.core.lazy import lazy_names

        return lazy_names(__name__, _MODULES, ["__version__"], _PACKAGES)

    def __getattr__(name):
        return _names()[0](name)

    def __dir__():
        return _names()[1]()
