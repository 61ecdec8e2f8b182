"""Estimates of an objective and of its gradient, by what is valid for the parameters.

Each is a pure function ``estimate(trials, free, keys) -> Estimate``, for ``jit`` and ``vmap``.
"""
