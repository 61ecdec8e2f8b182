"""Where seeds are, against a dictionary of every single seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco.core.ranges import within
from jaxsoco.engine.index import Index
from jaxsoco.engine.packs import (
    Block,
    DamageError,
    Pack,
    encode,
    name_of,
    read_arrays,
    read_sidecar,
    verify,
)

KEYS = ("a", "b", "c")
spans = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda x: (x[0], x[0] + x[1]))
blocks = st.builds(
    lambda key, span, row: Block(key, span[0], span[1], 0, row),
    st.sampled_from(KEYS),
    spans,
    st.integers(0, 9),
)
packs = st.lists(st.lists(blocks, min_size=1, max_size=5), max_size=6).map(
    lambda lists: [Pack(f"pack{i}", tuple(one), {}, 0, "") for i, one in enumerate(lists)]
)
ranges = st.lists(spans, max_size=4)


def index_of(some):
    index = Index()
    for pack in some:
        index.add(pack)
    return index


def seeds_of(some, key):
    return {s for pack in some for b in pack.blocks if b.key == key for s in range(b.start, b.stop)}


def members(some):
    return {seed for start, stop in some for seed in range(start, stop)}


def assert_right(index, some, wanted):
    assert index.packs == {pack.name: pack for pack in some}
    for key in (*KEYS, "of nobody"):
        there = seeds_of(some, key)
        assert members(index.seeds(key)) == there
        assert members(index.missing(key, wanted)) == members(wanted) - there
        places = index.places(key, wanted)
        # Every seed once, in order, in a block that has it.
        listed = [seed for place in places for seed in range(place.start, place.stop)]
        assert listed == sorted(members(wanted) & there)
        for place in places:
            block = index.packs[place.pack].blocks[place.block]
            assert block.key == key and block.start <= place.start < place.stop <= block.stop


@given(packs, ranges)
def test_every_seed_is_found_once(some, wanted):
    assert_right(index_of(some), some, wanted)


@given(packs, ranges, st.data())
def test_packs_come_and_go(some, wanted, data):
    index = index_of(some)
    gone = {pack.name for pack in some if data.draw(st.booleans())}
    for name in [*gone, *gone, "never there"]:
        index.remove(name)
    left = [pack for pack in some if pack.name not in gone]
    assert_right(index, left, wanted)
    for pack in some:
        index.add(pack)
        index.add(pack)
    index.packs = dict(sorted(index.packs.items()))
    assert_right(index, sorted(some, key=lambda pack: pack.name), wanted)


@given(packs, ranges)
def test_the_packs_of_what_is_wanted(some, wanted):
    index = index_of(some)
    names = list(index.names([("a", wanted), ("b", wanted)]))
    used = {place.pack for key in "ab" for place in index.places(key, wanted)}
    assert names == [pack.name for pack in some if pack.name in used]


@given(packs, ranges, ranges, st.booleans())
def test_what_parts_lack_is_what_all_lacks_of_them(some, wanted, parts, whole):
    """Of runs, and of blocks that cannot be cut, disjoint or not."""
    some = [
        p._replace(blocks=tuple(b._replace(whole=whole) for b in p.blocks if b.key == "a"))
        for p in some
    ]
    index = index_of(some)
    there = [seed for p in index.places("a", wanted) for seed in range(p.start, p.stop)]
    assert len(there) == len({*there}) and members(index.missing("a", wanted)) == members(
        wanted
    ) - {*there}
    lacking = index.lacking("a", wanted, parts)
    assert members(lacking) == members(index.missing("a", wanted)) & members(parts)
    assert lacking == sorted(lacking)


def test_blocks_that_overlap_no_more_are_taken_as_such():
    one, two, three = (
        Pack(name, (Block("a", *span, 0, 0, whole=True),), {}, 0, "")
        for name, span in (("one", (0, 8)), ("two", (4, 12)), ("three", (8, 16)))
    )
    index = index_of([one, two, three])
    assert [place.pack for place in index.places("a", [(0, 16)])] == ["one", "three"]
    assert index.lacking("a", [(0, 16)], [(4, 12)]) == []
    index.remove("one")
    assert len(index.places("a", [(0, 16)])) == 1  # one of two that overlap
    index.remove("three")
    assert index.lacking("a", [(0, 16)], [(0, 6)]) == [(0, 4)]
    assert index.lacking("a", [(0, 10)], [(0, 6)]) == [(0, 6)]


def test_a_look_at_a_slice_takes_no_look_at_the_cell(monkeypatch):
    """A point of 20,000 blocks, slice by slice, as one who steals goes through it."""
    blocks = [Block("a", 8 * i, 8 * i + 8, 0, i, whole=True) for i in range(20_000) if i % 3]
    index = index_of([Pack("one", tuple(blocks), {}, 0, "")])
    looks = []
    monkeypatch.setattr(
        "jaxsoco.engine.index.within", lambda *x, f=within: looks.append(x) or f(*x)
    )
    end = 8 * 20_000
    lacking = [index.lacking("a", [(0, end)], [(24 * i, 24 * i + 24)]) for i in range(6666)]
    assert lacking == [[(24 * i, 24 * i + 8)] for i in range(6666)]
    assert len(looks) < 10 * 6666


def test_a_seed_is_taken_from_the_longest_block_that_begins_first():
    one = Pack("one", (Block("a", 0, 4, 0, 0), Block("a", 0, 64, 1, 0)), {}, 0, "")
    two = Pack("two", (Block("a", 32, 128, 0, 0),), {}, 0, "")
    places = index_of([two, one]).places("a", [(0, 100)])
    assert [(*place,) for place in places] == [(0, 64, "one", 1), (64, 100, "two", 0)]


# --- names and files of packs ------------------------------------------------------------------


def test_a_name_is_of_what_is_in_a_pack_alone():
    some = [Block("a", 0, 64, 0, 0), Block("a", 64, 128, 0, 64), Block("b", 0, 64, 1, 0)]
    name = name_of(some)
    assert name == name_of(some[::-1]) and len(name) == 24
    assert name == name_of([b._replace(learner=7, row=3, nonfinite=1, repeats=True) for b in some])
    others = [
        some[:2],
        [some[0]._replace(key="c"), *some[1:]],
        [some[0]._replace(start=1), *some[1:]],
        [some[0]._replace(stop=63), *some[1:]],
    ]
    assert len({name, *map(name_of, others)}) == 5


ARRAYS = {"003.hit": np.arange(6.0).reshape(3, 2), "003.finite": np.ones(3, bool)}


def write(tmp_path, some, arrays=ARRAYS):
    pack, data, sidecar = encode(some, arrays, {"device": "fake"})
    file = tmp_path / f"{pack.name}.json"
    file.write_bytes(sidecar)
    file.with_suffix(".npz").write_bytes(data)
    return pack, file


def test_a_pack_is_what_was_written(tmp_path):
    some = (Block("a", 0, 2, 3, 0, 1, 0, True), Block("b", 5, 6, 3, 2))
    pack, file = write(tmp_path, some)
    assert read_sidecar(file) == pack and pack.blocks == some and pack.runs == 3
    verify(pack, file.with_suffix(".npz"))
    arrays = read_arrays(pack, file.with_suffix(".npz"))
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert read_sidecar(tmp_path / "absent.json") is None


@pytest.mark.parametrize(
    "block",
    [
        Block("a", 4, 4, 3, 0),
        Block("a", 4, 3, 3, 0),
        Block("a", -1, 2, 3, 0),
        Block("a", 0, 2, 3, -1),
    ],
)
def test_a_sidecar_of_runs_that_cannot_be_is_damaged(tmp_path, block):
    _, file = write(tmp_path, (block,))
    with pytest.raises(DamageError, match="runs that there cannot be"):
        read_sidecar(file)


@pytest.mark.parametrize(
    "block", [Block("a", 0, 4, 3, 0), Block("a", 0, 2, 3, 2), Block("a", 0, 2, 2, 0)]
)
def test_results_that_lack_runs_are_damaged(tmp_path, block):
    pack, file = write(tmp_path, (block,))
    with pytest.raises(DamageError, match="lack runs that its sidecar describes"):
        read_arrays(pack, file.with_suffix(".npz"))
