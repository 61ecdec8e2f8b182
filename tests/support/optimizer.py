"""XLA's optimiser, which the tests leave out. No JAX."""

from __future__ import annotations

import os

OFF = {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": "false"}
"""Options without which code takes a third as long to compile, and adds up in the same order."""


def flags_without(*names: str) -> str:
    """``XLA_FLAGS`` without :data:`OFF`, and without options whose flags hold one of the names."""
    left_out = (*OFF, *names)
    flags = os.environ["XLA_FLAGS"].split()
    return " ".join(flag for flag in flags if not any(name in flag for name in left_out))
