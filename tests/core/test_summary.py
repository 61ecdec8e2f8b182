"""Summaries: what they say is what the values say, however these are cut up."""

import numpy as np
import pytest

from jaxsoco.core.plan import FEWEST_BLOCKS, block_of
from jaxsoco.core.sketch import FINE, SIZE
from jaxsoco.core.summary import COLUMNS, PART, Summary


def sample(n, seed=0):
    draw = np.random.default_rng(seed)
    values = 1e6 + draw.standard_cauchy((n, 2, 3))
    where = draw.random((n, 2, 3)) < 0.8
    where[:, 1, 2] = False
    return values, where


@pytest.mark.parametrize("n", [1, 5, 300, PART, 3 * PART + 17])
def test_a_summary_says_what_the_values_say(n):
    values, where = sample(n)
    one = Summary.of_parts(values, where)
    for place in np.ndindex(2, 3):
        mine = values[:, *place][where[:, *place]]
        at = one.at(place)
        assert at.moments.count == at.sketch.count == len(mine)
        if not len(mine):
            assert np.isnan([at.moments.mean, at.low, at.high]).all()
            continue
        np.testing.assert_allclose(at.moments.mean, mine.mean(), rtol=1e-14)
        np.testing.assert_allclose(at.moments.m2, np.square(mine - mine.mean()).sum(), rtol=1e-9)
        assert (at.low, at.high) == (mine.min(), mine.max())
        wanted = 0.0 if n <= SIZE else 0.5 / SIZE + (0.5 / FINE if n > PART else 0.0)
        assert at.sketch.error <= wanted


def test_a_stored_summary_is_the_same_to_the_last_bit():
    one = Summary.of_parts(*sample(5000))
    array = one.to_array()
    assert array.shape == (2, 3, COLUMNS) and array.dtype == np.float64
    assert Summary.from_array(array).to_array().tobytes() == array.tobytes()


@pytest.mark.parametrize("seeds", [1, 16, 59, 60, 512, 1000, 4096, 10**5, 10**6, 10**7, 10**9])
def test_blocks_are_powers_of_two_and_thirty_at_least(seeds):
    block = block_of(seeds)
    assert block & (block - 1) == 0
    assert seeds // block >= min(FEWEST_BLOCKS, seeds)
    assert block == 2**16 or seeds // (2 * block) < FEWEST_BLOCKS
    assert COLUMNS * 8 * (seeds // block) < 64 * COLUMNS * 8 or seeds > 2**22
