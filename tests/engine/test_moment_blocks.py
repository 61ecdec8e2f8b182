"""Blocks of moments: what is in them, how they are extended, shared, and never cut."""

import json
from itertools import pairwise

import numpy as np
import pytest
from moment_study import COSTS, make_study, records, run, runs_of, summed

from jaxsoco.core.cells import Cells
from jaxsoco.core.measures import TOTAL, Quantity, quantities
from jaxsoco.core.plan import block_of
from jaxsoco.core.ranges import union
from jaxsoco.core.summary import PART, Summary
from jaxsoco.engine import sinks
from jaxsoco.engine.index import Index
from jaxsoco.engine.packs import Block, Pack
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.requests import Share, requests, shared, spans_of

STUDY = make_study()


def stored_blocks(path, study):
    """(point, label) -> seeds -> the block's array, as a report reads them."""
    found = {}
    for record, arrays in Stored(path).pieces():
        group = study.groups[record["group"]]
        position, start = divmod(record["start"], group.seeds)
        ((name, array),) = arrays.items()
        label = study.labels[int(name[:3])]
        seeds = start, start + record["stop"] - record["start"]
        found.setdefault((group.points[position], label), {})[seeds] = array
    return found


def seeds_of(blocks):
    return union(blocks)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("moments") / "straight"
    run(path, STUDY)
    return path


def test_blocks_are_the_moments_of_their_runs(straight):
    blocks = stored_blocks(straight, STUDY)
    assert len(blocks) == 2 * 4
    for (point, label), parts in blocks.items():
        assert seeds_of(parts) == [(0, 100)]
        assert {stop - start for start, stop in parts} <= {block_of(100), 100 % block_of(100)}
        for (start, stop), array in parts.items():
            assert array.tobytes() == summed(STUDY, label, point, start, stop).tobytes()


def test_moments_are_those_of_an_independent_formula(straight):
    """Means and extremes of ratio and regret, run by run."""
    blocks, seeds = stored_blocks(straight, STUDY), np.arange(100)
    mine, best, other = (runs_of(x, np.zeros(100, int), seeds) for x in ("b", "best", "other"))
    place = {q: i for i, q in enumerate(quantities(STUDY, "b"))}
    total, rival, third = (x.costs["hit"] + x.costs["move"] for x in (mine, best, other))
    wanted = {
        TOTAL: total,
        Quantity("late"): mine.costs["late"],
        Quantity(None, "best", "ratio"): total / rival,
        Quantity(None, "best", "regret"): total - rival,
        Quantity(None, "other", "ratio"): total / np.where(third > 0, third, np.nan),
        Quantity("move", "best", "ratio"): mine.costs["move"] / best.costs["move"],
    }
    summaries = [Summary.from_array(array) for _, array in sorted(blocks[0, "b"].items())]
    whole = Summary.merged(summaries)
    for quantity, values in wanted.items():
        for at in range(2):
            one = values[at][mine.finite & np.isfinite(values[at])]
            got = whole.at((place[quantity], at))
            assert got.moments.count == len(one) < 100
            np.testing.assert_allclose(got.moments.mean, one.mean(), rtol=1e-13)
            np.testing.assert_allclose(got.moments.variance, one.var(ddof=1), rtol=1e-12)
            assert (got.low, got.high) == (one.min(), one.max())


def test_what_went_wrong_is_counted(straight):
    there = Stored(straight).coverage
    seeds = np.arange(100)
    for label in STUDY.labels:
        runs = [runs_of(label, np.full(100, p), seeds) for p in range(2)]
        assert there.nonconverged[label] == sum(int((one.faults > 0).sum()) for one in runs)
        assert there.nonfinite[label] == sum(int((~one.finite).sum()) for one in runs)
    assert there.complete and there.nonfinite["b"] > 0


@pytest.mark.parametrize("options", [{"pack": 8}, {"pack": 1000}, {"tile": 16}, {"tile": 64}])
def test_packs_and_tiles_change_no_bit(straight, tmp_path, options):
    study = make_study(**options)
    run(tmp_path, study, width=3 * study.plan.tile)
    one, two = stored_blocks(straight, STUDY), stored_blocks(tmp_path, study)
    assert one.keys() == two.keys()
    for key, parts in one.items():
        assert {k: v.tobytes() for k, v in parts.items()} == {
            k: v.tobytes() for k, v in two[key].items()
        }


def test_long_blocks_are_summed_up_in_parts_of_their_own(tmp_path, monkeypatch):
    """Blocks longer than a part: the same whatever comes before them in the pack."""
    for module in (sinks, __import__("jaxsoco.core.summary", fromlist=["x"])):
        monkeypatch.setattr(module, "PART", 8)
    study = make_study(seeds=1000, points=1, algorithms=("a",), optima=("best",), pack=100, tile=8)
    run(tmp_path, study, width=24)
    for (point, label), parts in stored_blocks(tmp_path, study).items():
        for (start, stop), array in parts.items():
            assert array.tobytes() == summed(study, label, point, start, stop).tobytes()


def test_few_runs_are_held_at_a_time():
    """Whatever the length of a block: what bounds the memory of a million runs."""
    study = make_study(seeds=250_000, points=1, algorithms=("a",), optima=("best",), tile=512)
    held, everything = list[int](), shared(study.plan, Share())
    request = next(requests(study.plan, Cells(study), Index(), everything))
    assert request.runs == block_of(250_000) == 4096 * 2 > PART
    sink = sinks.Summing(study, request, Cells(study), np.zeros(1, int))
    lanes = np.arange(512)
    for start in range(0, request.runs, 512):
        for learner in sink.learners:
            costs, faults, finite = _cheap(start + lanes)
            sink.add(learner, {**costs, "faults": faults, "finite": finite})
            waiting = (sum(len(a["finite"]) for a in parts) for parts in sink._waiting.values())
            held.append(max(waiting))
    assert max(held) <= PART + 512
    blocks, arrays = sink.result()
    assert arrays["000.moments"].shape[0] == 1 and len(blocks) == 2


def _cheap(seeds):
    values = (1.0 + seeds % 13)[:, None] * np.ones(2)
    return {cost.name: values for cost in COSTS}, np.zeros(len(seeds), np.int32), seeds >= 0


# --- extending, narrowing, sharing --------------------------------------------------------------


def test_more_seeds_add_blocks_and_compute_no_run_twice(straight, tmp_path):
    run(tmp_path, STUDY)
    wider = make_study(seeds=500)
    taken, summary = run(tmp_path, wider)
    assert block_of(500) > block_of(100)
    assert summary.earlier == 100 * 2 * 4
    for label, runs in taken.items():
        assert runs == {(p, s) for p in range(2) for s in range(100, 500)}, label
    blocks = stored_blocks(tmp_path, wider)
    for (point, label), parts in blocks.items():
        assert seeds_of(parts) == [(0, 500)]
        assert sum(stop - start for start, stop in parts) == 500
        for (start, stop), array in parts.items():
            assert array.tobytes() == summed(wider, label, point, start, stop).tobytes()
    assert run(tmp_path, wider)[1].runs == 0


def test_fewer_seeds_use_whole_blocks_and_compute_the_rest_anew(tmp_path):
    run(tmp_path, make_study(seeds=1000))
    fewer = make_study(seeds=333)
    taken, _ = run(tmp_path, fewer)
    assert block_of(1000) == 32
    for runs in taken.values():  # 320 seeds are in whole blocks
        assert {s for _, s in runs} == set(range(320, 333))
    for (point, label), parts in stored_blocks(tmp_path, fewer).items():
        assert seeds_of(parts) == [(0, 333)]
        for (start, stop), array in parts.items():
            assert array.tobytes() == summed(fewer, label, point, start, stop).tobytes()
    # A number that is a sum of whole blocks takes nothing, nor do all of them again.
    for seeds in (320, 64, 1000):
        assert run(tmp_path, make_study(seeds=seeds))[1].runs == 0


def test_another_learner_takes_its_runs_and_those_of_the_comparators(tmp_path):
    run(tmp_path, make_study(algorithms=("a",)))
    taken, summary = run(tmp_path, STUDY)
    assert summary.runs == 100 * 2  # of b alone; the comparators' blocks are there
    assert not taken["a"]
    assert taken["b"] == taken["best"] == taken["other"] == {
        (p, s) for p in range(2) for s in range(100)
    }  # fmt: skip


def test_another_comparator_makes_other_blocks(tmp_path):
    run(tmp_path, make_study(optima=("best",)))
    taken, _ = run(tmp_path, STUDY)
    assert all(len(runs) == 200 for runs in taken.values())


def test_the_order_of_comparators_and_checks_make_no_other_blocks(tmp_path):
    run(tmp_path, STUDY)
    assert run(tmp_path, make_study(optima=("other", "best")))[1].runs == 0
    study = make_study()
    presentation = study.presentation
    checks = ({"kind": "value", "algorithm": "a", "cost": "late", "at_most": 9.0},)
    asked = study.__class__(
        **{**vars(study), "presentation": presentation.__class__("Moments", checks=checks)}
    )
    assert run(tmp_path, asked)[1].runs == 0


def test_keys_hold_what_is_judged_and_no_cut():
    def keys(**options):
        study = make_study(**options)
        return [Cells(study).key(0, study.labels.index(label)) for label in study.labels]

    same = keys()
    for options in ({"pack": 8}, {"tile": 32}, {"seeds": 4000}, {"points": 1}):
        assert keys(**options) == same
    assert set(keys(moments=False)).isdisjoint(same)
    assert set(keys(measure="regret")).isdisjoint(same)
    assert set(keys(optima=("best",))).isdisjoint(same)
    assert keys(algorithms=("a",))[0] == same[0]


@pytest.mark.parametrize("count", [2, 3])
def test_shares_make_the_same_blocks(straight, tmp_path, count):
    done = [run(tmp_path, STUDY, share=Share(i, count))[1] for i in reversed(range(count))]
    assert all(one.runs for one in done)
    assert sum(one.runs for one in done) == STUDY.runs * 4
    one, two = stored_blocks(straight, STUDY), stored_blocks(tmp_path, STUDY)
    for key, parts in one.items():
        assert [*parts] == [*two[key]]
        assert all(parts[k].tobytes() == two[key][k].tobytes() for k in parts)
    again = [run(tmp_path, STUDY, share=Share(i, count))[1] for i in range(count)]
    assert [one.runs for one in again] == [0] * count
    totals = [sum(one.nonconverged["a"] for one in part) for part in (done, again)]
    assert totals[0] == totals[1] == Stored(tmp_path).coverage.nonconverged["a"]


def test_shares_use_larger_blocks_that_reach_over_their_slices(tmp_path):
    run(tmp_path, make_study(seeds=4000))
    fewer = make_study(seeds=1024, pack=64)
    for i in range(4):
        assert run(tmp_path, fewer, share=Share(i, 4))[1].runs == 0


def test_a_single_seed_says_whether_others_are_like_it(tmp_path):
    run(tmp_path, make_study(seeds=1))
    pieces = [record for record, _ in Stored(tmp_path).pieces()]
    assert [record["repeating"] for record in pieces] == [[]] * 8
    assert Stored(tmp_path).coverage.complete


def test_points_that_cost_the_same_with_every_seed_are_seen(tmp_path, monkeypatch):
    def constant(label, positions, seeds):
        out = runs_of(label, np.zeros(len(seeds), int), np.zeros(len(seeds), int))
        moving = (positions == 1) * seeds * 0.5
        return out._replace(costs={k: v + moving for k, v in out.costs.items()})

    monkeypatch.setattr("moment_study.runs_of", constant)
    for seeds in (1, 50):
        study = make_study(seeds=seeds, algorithms=("a",), optima=("best",), pack=1000)
        run(tmp_path / str(seeds), study)
        repeats = {
            (record["start"] // seeds, *arrays): record["repeating"]
            for record, arrays in Stored(tmp_path / str(seeds)).pieces()
        }
        assert repeats == {
            (0, "000.moments"): [0],
            (0, "001.moments"): [1],
            (1, "000.moments"): [],
            (1, "001.moments"): [],
        }


def test_spans_are_blocks():
    group = make_study(seeds=1000).groups[0]
    spans = spans_of(group)
    assert {span.runs for span in spans} == {32, 1000 % 32}
    assert all(span.start % 32 == 0 for span in spans)
    study = make_study(seeds=1000, pack=100)
    for request in requests(study.plan, Cells(study), Index(), shared(study.plan, Share())):
        assert request.runs <= max(study.plan.pack, 32)
        assert all(span in spans for span in request.spans)


# --- the index ---------------------------------------------------------------------------------


def index_of(*ranges, key="k"):
    index = Index()
    for i, (start, stop) in enumerate(ranges):
        index.add(Pack(f"p{i}", (Block(key, start, stop, 0, 0, whole=True),), {}, 0, ""))
    return index


def test_whole_blocks_are_never_cut():
    index = index_of((0, 64), (64, 128), (128, 256))
    assert [(p.start, p.stop) for p in index.places("k", [(0, 200)])] == [(0, 64), (64, 128)]
    assert index.missing("k", [(0, 200)]) == [(128, 200)]
    assert index.missing("k", [(32, 128)]) == [(32, 64)]
    assert index.missing("other", [(0, 9)]) == [(0, 9)]


def test_of_blocks_that_overlap_those_are_taken_that_have_most():
    index = index_of((0, 100), (0, 64), (64, 128), (100, 110), (64, 96), (96, 128))
    chosen = [(p.start, p.stop) for p in index.places("k", [(0, 128)])]
    assert seeds_of(chosen) == [(0, 128)] and sum(b - a for a, b in chosen) == 128
    assert [(p.start, p.stop) for p in index.places("k", [(0, 120)])] == [(0, 100), (100, 110)]


def test_the_cover_is_the_best_there_is():
    """Against all subsets, on small random sets of blocks."""
    draw = np.random.default_rng(3)
    for _ in range(60):
        ends = np.sort(draw.integers(0, 20, (7, 2)), axis=1)
        ranges = [(int(a), int(b)) for a, b in ends if a < b]
        best = 0
        for subset in range(2 ** len(ranges)):
            chosen = sorted(r for i, r in enumerate(ranges) if subset >> i & 1)
            if all(a[1] <= b[0] for a, b in pairwise(chosen)):
                best = max(best, sum(b - a for a, b in chosen))
        places = index_of(*ranges).places("k", [(0, 20)])
        assert sum(p.stop - p.start for p in places) == best
        assert all(a.stop <= b.start for a, b in pairwise(places))


def test_sidecars_say_that_blocks_are_whole(straight):
    for file in straight.glob("packs/*.json"):
        assert all(json.loads(file.read_text())["blocks"]["whole"])


def test_the_runs_of_the_tests_are_not_all_alike():
    runs = records(STUDY, 1, np.arange(50))
    assert all(np.ptp(one.total[:, -1][one.finite]) > 0 for one in runs.values())
