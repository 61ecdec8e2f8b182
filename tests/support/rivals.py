"""Learners of one scheme with others of their family, which tests of all learners leave to slow."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

RIVALS = frozenset(
    f"multistage/{name}"
    for name in (
        "exp3_ix",
        "exp3_p",
        "tsallis_inf",
        "exp3_s",
        "ucb1",
        "discounted_ucb",
        "sliding_window_ucb",
        "leaf_exp3",
        "node_exp4",
    )
)


def marked(names: Iterable[str], prefix: str = "") -> list:
    """Names as parameters of a test, slow for rivals."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] if prefix + name in RIVALS else [])
        for name in names
    ]
