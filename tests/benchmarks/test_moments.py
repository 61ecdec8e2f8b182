"""Memory that does not grow with the runs, and the errors of sketches that the benchmark prints."""

import moments  # pyright: ignore[reportMissingImports]
import pytest


def test_ranks_are_within_the_error_that_is_stated():
    for name, *errors in moments.ranks(40_000):
        stated, largest, mean = (float(text.removesuffix(" %")) for text in errors)
        assert 0 <= mean <= largest <= stated < 0.6, name


@pytest.mark.slow
def test_ten_times_the_runs_take_the_same_memory():
    """Whole processes, report included; the disk holds as many blocks, whatever their length."""
    few, many = (moments.measure(runs, "moments", 1) for runs in (20_000, 200_000))
    assert many.peak < 1.1 * few.peak
    assert many.disk < 2 * few.disk
