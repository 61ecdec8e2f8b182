"""Checks at the doors of public functions, those of the kernels: trace time, by argument name."""

from jaxsoco_kernels.shapes import expect, expect_floating

__all__ = ["expect", "expect_floating"]
