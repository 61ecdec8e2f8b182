"""A study of a thousandth of the size: every row comes out, and the counts are right."""

import blocks  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest

from jaxsoco.core.summary import Summary


@pytest.mark.parametrize("points", [None, 2])
@pytest.mark.slow
def test_all_rows(points, capsys):
    how = [] if points is None else ["--points", str(points)]
    assert blocks.main(["--blocks", "1000", *how]) == 0
    printed = capsys.readouterr().out
    assert "all counts are right" in printed
    assert all(f"| {name} " in printed for name in blocks.ROWS)


def test_blocks_hold_the_runs_that_they_say():
    study = blocks.make_study(3, 32 * 1024)
    for runs in (1000, 1024, 65536):
        for row in blocks._moments(study, 1, runs):
            one = Summary.from_array(row)
            assert (one.moments.count == runs).all()
            # Of all costs: the mean lies between the least and the largest, the spread is theirs.
            assert (one.low[:2] < one.moments.mean[:2]).all()
            assert (one.moments.mean[:2] < one.high[:2]).all()
            deviation = np.sqrt(one.moments.m2[:2] / runs)
            assert (deviation > 0).all() and (deviation < one.high[:2] - one.low[:2]).all()
