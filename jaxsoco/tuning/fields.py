"""Keys of ``[tune]``. No JAX."""

from __future__ import annotations

from jaxsoco.core.schema import Field
from jaxsoco.tuning.defaults import HOLDOUT, RATE, SEEDS, STATISTICS, STEPS
from jaxsoco.tuning.methods import METHODS

OPTIMIZERS = ("adam", "adabelief", "lion", "rmsprop", "sgd")

TUNE_FIELDS = (
    Field(
        "algorithm",
        "strings",
        "label or name of an `[[algorithm]]`, which says where the search starts (the only one "
        "if absent); a list tunes several, one after the other",
        default=None,
    ),
    Field(
        "parameters",
        "strings",
        "fields to tune; or a table of them with a range `[low, high]` or a list of values to try",
    ),
    Field(
        "method",
        "choice",
        "how to search; auto: by gradients where all parameters have them, else by evolution; a "
        "grid for what has no range",
        default="auto",
        choices=("auto", *METHODS),
    ),
    Field("steps", "integer", "steps of the search", default=STEPS, low=1, high=1_000_000),
    Field("seeds", "integer", "runs of a step, shared by the points", default=SEEDS, low=2),
    Field(
        "holdout",
        "integer",
        "other seeds, on which the result is judged: the first ones of an ordinary run",
        default=HOLDOUT,
        low=8,
    ),
    Field(
        "optimizer",
        "choice",
        "optax's optimiser of the methods that take steps",
        default="adam",
        choices=OPTIMIZERS,
    ),
    Field(
        "rate",
        "float",
        "its first step, in logarithms of positive parameters and logits of bounded ones; it "
        "shrinks to 0 along a cosine",
        default=RATE,
        low=0,
        open_low=True,
        high=100,
    ),
    Field(
        "population",
        "integer",
        "places that evolution and designs try in a step (as the method has it if absent)",
        default=None,
        low=2,
    ),
    Field("starts", "integer", "places to start from, beside each other", default=1, low=1),
    Field(
        "landscape",
        "integer",
        "places over the range of each of one or two parameters, for the figure; 0 for none (17 "
        "for one, 9 for two)",
        default=None,
        low=0,
        high=1000,
    ),
)
"""Keys of ``[tune]`` beside ``objective``."""

OBJECTIVE_FIELDS = (
    Field(
        "against",
        "string",
        "comparator of the ratio or regret (the first of `run.compare`; none where `cost` is "
        "given)",
        default=None,
    ),
    Field("cost", "string", "one cost component in place of the total", default=None),
    Field(
        "statistic",
        "choice",
        "over runs; cvar is the mean of the worst runs",
        default="mean",
        choices=STATISTICS,
    ),
    Field(
        "level",
        "float",
        "of the quantile; of the CVaR, the share of the runs that are not the worst",
        default=None,
        low=0.001,
        high=0.999,
    ),
)
"""Keys of ``tune.objective``."""
