"""Where seeds are found in an index: against a plain search, seed by seed."""

from hypothesis import given
from hypothesis import strategies as st

from jaxsoco.core.ranges import intersection, size, union
from jaxsoco.engine.index import Index
from jaxsoco.engine.packs import Block, Pack

SPANS = st.tuples(st.integers(0, 30), st.integers(1, 15)).map(lambda s: (s[0], s[0] + s[1]))


@given(st.lists(SPANS, max_size=6), st.lists(SPANS, min_size=1, max_size=3))
def test_every_stored_seed_has_one_place(blocks, ranges):
    index = Index()
    for i, (start, stop) in enumerate(blocks):
        index.add(Pack(str(i), (Block("key", start, stop, 0, 0),), {}, 0, ""))
    for _ in range(2):  # the second time what was added is in order already
        places = index.places("key", ranges)
        spans = [(place.start, place.stop) for place in places]
        assert spans == sorted(spans)
        assert size(spans) == size(union(spans))  # no seed twice
        assert union(spans) == intersection(ranges, blocks)
        for place in places:
            start, stop = blocks[int(place.pack)]
            assert start <= place.start < place.stop <= stop
    index.remove("0")
    left = [(place.start, place.stop) for place in index.places("key", ranges)]
    assert union(left) == intersection(ranges, blocks[1:])
