"""Sums that keep what rounding takes from them. Knows no JAX: any arrays, NumPy's or JAX's."""

from __future__ import annotations

from typing import Any


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """The sum of two floating-point arrays and its rounding error, without a branch.

    ``s = fl(a + b)`` and ``s + e = a + b`` exactly, as long as nothing overflows (Knuth, The Art of
    Computer Programming, vol. 2, section 4.2.2, theorem B).

    >>> from jaxsoco_kernels.sums import two_sum
    >>> two_sum(1e16, 1.0)
    (1e+16, 1.0)

    Args:
      a, b: arrays or numbers of one dtype, of shapes that broadcast.

    Returns:
      ``(s, e)``.
    """
    s = a + b
    shadow = s - a  # the part of s that came from b, rounded
    return s, (a - (s - shadow)) + (b - shadow)
