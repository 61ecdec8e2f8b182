"""In which precisions a test runs."""

import pytest

mainly_in_float64 = pytest.mark.parametrize(
    "x64", [True, pytest.param(False, marks=pytest.mark.slow)], indirect=True
)
"""In float64, and with ``-m slow`` in float32 too: for programs that take long to compile."""
