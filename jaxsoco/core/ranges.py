"""Sets of seeds as sorted, disjoint half-open ranges ``(start, stop)``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]


def union(ranges: Iterable[Range]) -> list[Range]:
    """Everything that lies in one of the ranges.

    >>> union([(64, 128), (0, 64), (200, 200), (100, 130)])
    [(0, 130)]
    """
    joined: list[Range] = []
    for start, stop in sorted(ranges):
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


def intersection(first: Iterable[Range], second: Iterable[Range]) -> list[Range]:
    """Everything that lies in both.

    >>> intersection([(0, 64), (100, 200)], [(32, 128)])
    [(32, 64), (100, 128)]
    """
    other = union(second)
    return [part for start, stop in union(first) for part in within(other, start, stop)]


def difference(first: Iterable[Range], second: Iterable[Range]) -> list[Range]:
    """What lies in the first and not in the second.

    >>> difference([(0, 100)], [(10, 20), (90, 300)])
    [(0, 10), (20, 90)]
    """
    left, holes = [], union(second)
    for start, stop in union(first):
        for a, b in within(holes, start, stop):
            if a > start:
                left.append((start, a))
            start = b
        if start < stop:
            left.append((start, stop))
    return left


def within(ranges: Sequence[Range], start: int, stop: int) -> list[Range]:
    """What of sorted, disjoint ranges lies in ``start .. stop``; looks at no others.

    >>> within([(0, 64), (100, 200), (300, 400)], 32, 128)
    [(32, 64), (100, 128)]
    """
    inside = list[Range]()
    for i in range(bisect_right(ranges, start, key=_stop), len(ranges)):
        a, b = ranges[i]
        if a >= stop or start >= stop:
            break
        inside.append((max(a, start), min(b, stop)))
    return inside


def _stop(one: Range) -> int:
    return one[1]


def size(ranges: Iterable[Range]) -> int:
    """How many there are in disjoint ranges."""
    return sum(stop - start for start, stop in ranges)


def pieces(ranges: Iterable[Range], most: int, grid: int) -> Iterator[Range]:
    """The ranges, cut to at most ``most``, at multiples of ``grid`` (which divides ``most``).

    >>> list(pieces([(10, 300)], 128, 64))
    [(10, 128), (128, 256), (256, 300)]
    """
    for start, stop in ranges:
        while start < stop:
            end = min(stop, start // grid * grid + most)
            yield start, end
            start = end
