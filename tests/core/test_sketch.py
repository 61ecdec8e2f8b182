"""Sketches: ranks within the stated error on any distribution, however the values are cut up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from jaxsoco.core.sketch import SIZE, Distribution, Gathering, Sketch

PROBABILITIES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)

DISTRIBUTIONS = {
    "normal": lambda draw, n: draw.normal(size=n),
    "lognormal(2)": lambda draw, n: draw.lognormal(sigma=2.0, size=n),
    "Pareto(1.1)": lambda draw, n: draw.pareto(1.1, size=n),
    "Cauchy": lambda draw, n: draw.standard_cauchy(size=n),
    "two points": lambda draw, n: np.where(draw.random(n) < 0.3, -1.0, 7.0),
}


def gathered(parts, size=SIZE):
    gathering = Gathering()
    for part in parts:
        gathering.add(Sketch.of(part, size=size))
    return gathering.result()


def off(ordered, value, probability):
    """How far the rank of a value is from a quantile's, as a share of the values."""
    low = np.searchsorted(ordered, value, "left") / len(ordered)
    high = np.searchsorted(ordered, value, "right") / len(ordered)
    return max(low - probability, probability - high, 0.0)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize(
    ("parts", "each", "stated"),
    [
        (1, 50_000, 1 / 256),
        (31, 4096, 1 / 256 + 1 / 2048),
        (64, 700, 1 / 256 + 1 / 2048),
        (200, 300, 1 / 256 + 2 / 2048),
    ],
)
def test_ranks_are_as_close_as_stated(name, parts, each, stated):
    values = DISTRIBUTIONS[name](np.random.default_rng(5), parts * each)
    sketch = gathered(values.reshape(parts, each))
    known, ordered = Distribution([sketch]), np.sort(values)
    assert known.count == len(values)
    assert known.error == pytest.approx(stated)
    one = 1 / len(values)  # a quantile itself lies between two ranks
    errors = [off(ordered, known.quantile(p), p) for p in PROBABILITIES]
    assert max(errors) <= known.error + one
    # From both sides, at any value: the distribution function as well.
    grid = ordered[:: len(ordered) // 997]
    below = np.array([known.below(x) for x in grid])
    truth = np.searchsorted(ordered, grid, "right") / len(ordered)
    tied = len(np.unique(values)) < len(values)
    assert tied or np.abs(below - truth).max() <= known.error + one


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_what_was_sorted_before_is_no_worse(name):
    """Blocks that have nothing in common: each one knows its own part of the distribution."""
    values = np.sort(DISTRIBUTIONS[name](np.random.default_rng(6), 40 * 1500))
    known = Distribution([gathered(values.reshape(40, 1500))])
    assert max(off(values, known.quantile(p), p) for p in PROBABILITIES) <= known.error + 1e-4


def test_the_stated_error_is_not_idle():
    """Values placed so that a part of the order is off by half of it."""
    known = Distribution([Sketch.of(np.arange(128_000.0))])
    worst = max(off(np.arange(128_000.0), known.quantile(p), p) for p in np.linspace(0, 1, 4001))
    assert 0.9 * known.error < worst <= known.error


@given(
    npst.arrays(float, st.integers(1, 300), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 40),
    st.floats(0, 1),
)
def test_few_values_are_all_kept(values, each, probability):
    parts = [values[i : i + each] for i in range(0, len(values), each)]
    known = Distribution([gathered(parts)])
    assert known.error == 0.0
    np.testing.assert_array_equal(known.points, np.sort(values))
    assert known.quantile(probability) == pytest.approx(np.quantile(values, probability), rel=1e-9)


def test_equal_parts_in_equal_order_give_equal_bits():
    values = np.random.default_rng(7).standard_cauchy((90, 500))
    one, two = gathered(values), gathered(values.copy())
    assert one.points.tobytes() == two.points.tobytes()


def test_samples_side_by_side_are_samples_by_themselves():
    draw = np.random.default_rng(8)
    values, where = draw.lognormal(size=(3, 400, 2, 3)), draw.random((3, 400, 2, 3)) < 0.6
    where[:, :, 1, 1] = False
    where[:, 5:, 0, 2] = False
    pairs = list(zip(values, where, strict=True))
    together = Sketch.merged([Sketch.of(v, w) for v, w in pairs])
    for place in np.ndindex(2, 3):
        alone = Sketch.merged([Sketch.of(v[:, *place][w[:, *place]]) for v, w in pairs])
        mine = together.at(place)
        assert (mine.count, mine.error) == (alone.count, alone.error)
        np.testing.assert_array_equal(mine.points, alone.points)
    assert together.count[1, 1] == 0 and np.isnan(together.points[1, 1]).all()


def test_samples_are_pooled_by_their_sizes():
    draw = np.random.default_rng(9)
    small, large = draw.normal(size=900), 5 + draw.normal(size=9000)
    known = Distribution([Sketch.of(small), Sketch.of(large)])
    whole = np.sort(np.concatenate([small, large]))
    assert known.count == 9900 and known.error == pytest.approx(1 / 256)
    assert max(off(whole, known.quantile(p), p) for p in PROBABILITIES) <= known.error + 1e-4


def test_nothing_has_no_quantile():
    known = Distribution([])
    assert known.count == 0 and np.isnan(known.quantile(0.5)) and known.below(3.0) == 0.0
    with pytest.raises(ValueError, match="nothing to merge"):
        Sketch.merged([])


@pytest.mark.parametrize("size", [128, 512])
def test_a_smaller_result_has_a_larger_error_and_says_so(size):
    values = np.random.default_rng(3).lognormal(size=(100, 500))
    large, small = Gathering(), Gathering(size)
    for part in values:
        for one in (large, small):
            one.add(Sketch.of(part))
    sketches = large.result(), small.result()
    assert sketches[1].points.shape == (size,) and small.result() is sketches[1]
    assert sketches[1].error == sketches[0].error - 0.5 / Gathering.SIZE + 0.5 / size
    ordered, known = np.sort(values.ravel()), Distribution([sketches[1]])
    for share in np.linspace(0.01, 0.99, 99):
        rank = np.searchsorted(ordered, known.quantile(share)) / values.size
        assert abs(rank - share) <= known.error
