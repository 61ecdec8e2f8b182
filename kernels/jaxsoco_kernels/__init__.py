"""Numerical kernels for online decisions: pure JAX functions that know nothing of ``jaxsoco``.

Every kernel takes structural axes first and any number of trailing *lane* axes, works in float32
and float64, and returns its status and residual beside the value instead of raising.
"""
