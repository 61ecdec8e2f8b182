"""What a search does where a user says nothing, in Python and in files alike. No JAX."""

STEPS = 60
"""Steps of a search."""

SEEDS = 512
"""Runs of the learner in a step."""

HOLDOUT = 2048
"""Held-out runs that judge what was found."""

RATE = 0.3
"""First step of the optimiser, in free coordinates: a third of a positive parameter."""

STATISTICS = ("mean", "median", "quantile", "cvar")
"""Of an objective over runs."""

LEVELLED = ("quantile", "cvar")
"""Statistics that have a level."""
