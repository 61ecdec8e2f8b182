"""Sets of seeds as ranges, against Python's sets."""

from hypothesis import given
from hypothesis import strategies as st

from jaxsoco.core.ranges import difference, intersection, pieces, size, union, within

# Empty ranges, ranges the wrong way round, in any order, overlapping: whatever sidecars may say.
bounds = st.integers(0, 60)
ranges = st.lists(st.tuples(bounds, bounds), max_size=8)


def members(some):
    return {seed for start, stop in some for seed in range(start, stop)}


def assert_canonical(some):
    """Sorted, none empty, and none touches the next."""
    ends = [end for pair in some for end in pair]
    assert ends == sorted({*ends}), some


@given(ranges)
def test_union(some):
    joined = union(some)
    assert_canonical(joined)
    assert members(joined) == members(some)
    assert union(joined) == joined == union(reversed(some))
    assert size(joined) == len(members(some))


@given(ranges, ranges)
def test_intersection(some, others):
    both = intersection(some, others)
    assert_canonical(both)
    assert members(both) == members(some) & members(others)
    assert both == intersection(others, some)


@given(ranges, ranges)
def test_difference(some, others):
    rest = difference(some, others)
    assert_canonical(rest)
    assert members(rest) == members(some) - members(others)


@given(ranges, bounds, bounds)
def test_within(some, start, stop):
    inside = within(union(some), start, stop)
    assert_canonical(inside)
    assert members(inside) == members(some) & {*range(start, stop)}


@given(ranges, ranges)
def test_iterators_will_do(some, others):
    for operation in (intersection, difference):
        assert operation(iter(some), iter(others)) == operation(some, others)
    assert union(iter(some)) == union(some)


@given(ranges, st.integers(1, 9), st.integers(1, 4))
def test_pieces(some, grid, times):
    most, whole = grid * times, union(some)
    cut = list(pieces(whole, most, grid))
    assert members(cut) == members(whole) and size(cut) == size(whole)
    assert cut == sorted(cut) and all(0 < stop - start <= most for start, stop in cut)
    edges = {end for pair in whole for end in pair}
    assert all(end % grid == 0 for pair in cut for end in pair if end not in edges)
    # No range is cut more often than it must be.
    for start, stop in whole:
        inside = [one for one in cut if start <= one[0] < stop]
        assert len(inside) == -(-(stop - start // grid * grid) // most)


def test_seeds_may_be_many():
    assert union([(0, 10**9), (10**9, 2 * 10**9)]) == [(0, 2 * 10**9)]
    assert difference([(0, 10**9)], [(1, 2)]) == [(0, 1), (2, 10**9)]


def test_ranges_of_many_blocks_take_no_square_of_time():
    """Two combs of a hundred thousand teeth: pairwise, they would take hours."""
    one = [(4 * i, 4 * i + 2) for i in range(100_000)]
    two = [(4 * i + 1, 4 * i + 4) for i in range(100_000)]
    assert size(intersection(one, two)) == size(difference(one, two)) == 100_000
    assert within(one, 200_001, 200_005) == [(200_001, 200_002), (200_004, 200_005)]
