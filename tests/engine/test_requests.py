"""What is missing is asked for exactly once, in full packs; against a count of every run."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_study import make_study

from jaxsoco.core.cells import Cells
from jaxsoco.core.plan import Group, Plan
from jaxsoco.engine.index import Index
from jaxsoco.engine.packs import Block, Pack
from jaxsoco.engine.requests import (
    GRID,
    LARGEST,
    Request,
    Share,
    Span,
    filled,
    requests,
    shared,
    slices,
    spans_of,
    work_of,
    work_stored,
)

plans = st.builds(
    lambda sizes, seeds, tile, pack: make_plan(sizes, seeds, tile, pack),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 400),
    st.sampled_from([1, 4, 16]),
    st.integers(1, 300),
)


def make_plan(sizes, seeds, tile, pack) -> Plan:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    groups = tuple(
        Group(i, tuple(range(end - size, end)), seeds, 6, (3, 6))
        for i, (end, size) in enumerate(zip(ends, sizes, strict=True))
    )
    return Plan(groups, ("pcm", "st_clip(epsilon=0.1)", "opt"), ("hit", "move"), tile, pack)


def cells_of(plan) -> Cells:
    points = sum(len(group.points) for group in plan.groups)
    groups = tuple(group.points for group in plan.groups)
    study = make_study(
        speeds=tuple(map(float, range(points))),
        groups=groups,
        rounds=dict.fromkeys(groups, (3, 6)),
        seeds=plan.groups[0].seeds,
    )
    return Cells(study)


def everything(plan):
    return {group.index: spans_of(group) for group in plan.groups}


def runs_of(request: Request):
    """``(group, position, seed, learner)`` of every run."""
    return [
        (request.group, span.position, seed, learner)
        for span in request.spans
        for seed in range(span.start, span.stop)
        for learner in request.learners
    ]


def counted(asked):
    return Counter(run for request in asked for run in runs_of(request))


def pack_of(plan, cells, request, number) -> Pack:
    points = plan.groups[request.group].points
    blocks = tuple(
        Block(cells.key(points[span.position], learner), span.start, span.stop, 0, 0)
        for learner in request.learners
        for span in request.spans
    )
    return Pack(f"pack{number}", blocks, {}, 0, "")


def all_runs(plan):
    return {
        (group.index, position, seed, learner)
        for group in plan.groups
        for position in range(len(group.points))
        for seed in range(group.seeds)
        for learner in range(len(plan.learners))
    }


def assert_packs(plan, asked):
    for request in asked:
        assert 0 < request.runs <= plan.pack and request.learners == tuple(
            sorted({*request.learners})
        )
        assert request.work == len(runs_of(request)) == request.runs * len(request.learners)
        assert all(0 < span.runs <= LARGEST for span in request.spans)
        assert [*request.spans] == sorted(request.spans)


# --- of nothing --------------------------------------------------------------------------------


@given(plans)
def test_of_an_empty_folder_every_run_is_asked_for_once_and_all_learners_together(plan):
    asked = list(requests(plan, cells_of(plan), Index(), everything(plan)))
    assert_packs(plan, asked)
    assert counted(asked) == Counter(all_runs(plan))
    assert {request.learners for request in asked} == {(0, 1, 2)}
    assert [request.group for request in asked] == sorted(request.group for request in asked)
    assert work_of(plan, everything(plan)) == len(all_runs(plan))


@given(plans)
def test_packs_are_full_but_for_a_sixteenth(plan):
    """Where a block cannot end at the grid, or one of them ends early for it."""
    for group in plan.groups:
        *full, last = [s for g, s in slices(plan) if g == group.index]
        assert all(16 * (plan.pack - sum(x.runs for x in one)) <= plan.pack for one in full)
        assert sum(span.runs for span in last) <= plan.pack


@given(plans)
def test_blocks_end_at_the_grid_where_a_pack_is_large(plan):
    for _, spans in slices(plan):
        for span in spans:
            whole = span.stop == plan.groups[0].seeds
            assert whole or plan.pack < 16 * GRID or span.stop % GRID == 0
            # What began at the grid goes on there.
            assert span.start == 0 or plan.pack < 16 * GRID or span.start % GRID == 0


@pytest.mark.parametrize("pack", [1024, 4096, 16_384, 10**6])
@pytest.mark.parametrize("seeds", [1, 63, 64, 1000, 4096, 4097, 10_000])
def test_blocks_of_large_packs(pack, seeds):
    plan = make_plan([3], seeds, 64, pack)
    asked = list(requests(plan, cells_of(plan), Index(), everything(plan)))
    assert_packs(plan, asked)
    assert counted(asked).keys() == all_runs(plan) and counted(asked).total() == 9 * seeds
    for request in asked:
        for span in request.spans:
            assert span.start % GRID == 0 and (span.stop % GRID == 0 or span.stop == seeds)
    # As few packs as whole blocks allow.
    assert len(asked) <= -(-3 * seeds // (pack - pack // 16))


def test_a_large_point_is_cut_at_multiples_of_the_largest_block():
    (group,) = make_plan([2], 10_000, 64, 16_384).groups
    ends = [(0, 4096), (4096, 8192), (8192, 10_000)]
    assert spans_of(group) == [Span(p, *end) for p in (0, 1) for end in ends]


# --- of what is missing ------------------------------------------------------------------------


@given(plans, st.data())
def test_exactly_what_is_missing_is_asked_for(plan, data):
    cells, index = cells_of(plan), Index()
    # Stored by some older study: any learners, any seeds, overlapping.
    for number in range(data.draw(st.integers(0, 4))):
        group = data.draw(st.sampled_from(plan.groups))
        position = data.draw(st.integers(0, len(group.points) - 1))
        start = data.draw(st.integers(0, group.seeds))
        stop = data.draw(st.integers(start + 1, group.seeds + 70))
        learners = tuple(data.draw(st.sets(st.integers(0, 2), min_size=1)))
        request = Request(group.index, learners, (Span(position, start, stop),))
        index.add(pack_of(plan, cells, request, number))
    there = {
        (group.index, position, seed, learner)
        for group in plan.groups
        for position, point in enumerate(group.points)
        for learner in range(3)
        for start, stop in index.seeds(cells.key(point, learner))
        for seed in range(start, min(stop, group.seeds))
    }
    asked = list(requests(plan, cells, index, everything(plan)))
    assert_packs(plan, asked)
    assert counted(asked) == Counter(all_runs(plan) - there)
    assert work_stored(plan, cells, index, everything(plan)) == len(there)
    # Learners that lack the same runs of a group go together.
    for group in plan.groups:
        lacking = {}
        for learner in range(3):
            mine = {run[:3] for run in all_runs(plan) - there if run[3] == learner}
            runs = frozenset(run for run in mine if run[0] == group.index)
            if runs:
                lacking.setdefault(runs, []).append(learner)
        together = {request.learners for request in asked if request.group == group.index}
        assert together == {tuple(one) for one in lacking.values()}
    # Once they are computed nothing is missing.
    for number, request in enumerate(asked):
        index.add(pack_of(plan, cells, request, f"new{number}"))
    assert list(requests(plan, cells, index, everything(plan))) == []
    assert work_stored(plan, cells, index, everything(plan)) == len(all_runs(plan))


def test_a_learner_more_is_computed_alone_and_a_seed_more_for_all():
    plan = make_plan([2], 128, 16, 1024)
    cells, index = cells_of(plan), Index()
    spans = (Span(0, 0, 128), Span(1, 0, 128))
    index.add(pack_of(plan, cells, Request(0, (0, 2), spans), 0))
    assert list(requests(plan, cells, index, everything(plan))) == [Request(0, (1,), spans)]
    index.add(pack_of(plan, cells, Request(0, (1,), spans), 1))
    more = make_plan([2], 192, 16, 1024)
    added = (Span(0, 128, 192), Span(1, 128, 192))
    asked = list(requests(more, cells, index, everything(more)))
    assert asked == [Request(0, (0, 1, 2), added)]


# --- shares ------------------------------------------------------------------------------------


@given(plans, st.integers(1, 7))
def test_shares_partition_what_is_wanted(plan, count):
    runs = Counter()
    for index in range(count):
        mine = shared(plan, Share(index, count))
        runs += counted(requests(plan, cells_of(plan), Index(), mine))
    assert runs == Counter(all_runs(plan))


@given(plans, st.integers(1, 7), st.data())
def test_shares_do_not_depend_on_what_is_stored(plan, count, data):
    """So that members that start at different times never take the same runs."""
    cells, index = cells_of(plan), Index()
    first = data.draw(st.integers(0, count - 1))
    mine = [*requests(plan, cells, index, shared(plan, Share(first, count)))]
    for number, request in enumerate(mine):
        index.add(pack_of(plan, cells, request, number))
    rest = Counter()
    for other in range(count):
        rest += counted(requests(plan, cells, index, shared(plan, Share(other, count))))
    assert rest == Counter(all_runs(plan)) - counted(mine)


def test_shares_are_alike_in_size():
    plan = make_plan([4, 4], 10_000, 64, 4096)
    works = [work_of(plan, shared(plan, Share(index, 5))) for index in range(5)]
    assert sum(works) == len(all_runs(plan)) and max(works) - min(works) <= 3 * 4096


# --- spans into packs --------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(1, 300)).map(lambda x: (x[0], x[0] + x[1])),
        max_size=8,
    ),
    st.integers(1, 400),
)
def test_spans_are_cut_and_never_lost(ends, most):
    spans = [Span(position, *end) for position, end in enumerate(ends)]
    packs = list(filled(spans, most))
    flat = [span for pack in packs for span in pack]
    assert all(span.runs > 0 for span in flat) and all(packs)
    seeds = [(s.position, seed) for s in flat for seed in range(s.start, s.stop)]
    assert seeds == [(s.position, seed) for s in spans for seed in range(s.start, s.stop)]
    assert all(sum(span.runs for span in pack) <= most for pack in packs)
