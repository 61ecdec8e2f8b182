"""What a reader finds: the pieces of one straight run to the last bit, however it was stored."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from toy_study import (
    LEARNERS,
    OPTIMUM,
    assert_same_bits,
    begin,
    expected,
    fake_load,
    make_study,
    run,
    stored_runs,
)

from jaxsoco.analysis.ledger import RunLedger
from jaxsoco.core.errors import InputError
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.requests import GRID, LARGEST, Share
from jaxsoco.engine.store import Store

SEEDS = 150
STUDY = make_study(seeds=SEEDS, pack=64)
NARROW = {"learners": {"pcm": {}}, "comparators": ()}


def pieces(path, labels=None):
    """Every piece with what it is of, without the packs that it comes from."""
    found = []
    for place, arrays in Stored(path).pieces(labels):
        where = {k: v for k, v in place.items() if k != "packs"}
        found.append((where, {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}))
    return found


def ledger_of(path):
    stored = Stored(path)
    ledger = RunLedger(stored.study)
    for place, arrays in stored.pieces():
        ledger.add(place, arrays)
    return ledger


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("reading") / "straight"
    run(path, STUDY)
    return path


def seed_after_seed(path):
    for seeds in (1, 2, 63, 64, 65, 149):
        run(path, make_study(seeds=seeds, pack=16))


def learner_after_learner(path):
    for label, values in LEARNERS.items():
        study = make_study(seeds=SEEDS, learners={label: values}, comparators=())
        run(path, study)


def in_shares(path):
    for index in (2, 0, 1):
        run(path, STUDY, share=Share(index, 3))


def point_after_point(path):
    for point in (3, 1, 2):
        speeds = (STUDY.setup.points[point]["speed"],)
        at = STUDY.groups[point == 1].checkpoints
        run(path, make_study(seeds=70, speeds=speeds, groups=((0,),), rounds={(0,): at}))


def from_a_larger_one(path):
    learners = {"greedy": {}, **dict(reversed(LEARNERS.items()))}
    run(path, make_study(seeds=SEEDS + 64, pack=1000, learners=learners), width=12)


def overlapping(path):
    """Packs of one seed range in the middle, from a process that knew of no others."""
    other = path.with_name(f"{path.name}-other")
    run(other, make_study(seeds=100, pack=28))
    run(path, make_study(seeds=40, pack=1000))
    store, source = Store(path).open(), Store(other).open()
    for pack in source.refresh().packs.values():
        store.take(pack, other / "packs")


WAYS = (
    seed_after_seed,
    learner_after_learner,
    in_shares,
    point_after_point,
    from_a_larger_one,
    overlapping,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pieces_are_those_of_a_straight_run(straight, tmp_path, way):
    path = tmp_path / "run"
    way(path)
    run(path, STUDY)
    assert pieces(path) == pieces(straight)
    assert_same_bits(stored_runs(path), expected(STUDY))
    assert Stored(path).coverage.complete and Stored(path).damaged == []
    # So every sum over them is the same to the last bit.
    one, two = ledger_of(straight), ledger_of(path)
    for place, cell in one.cells.items():
        for moments, others in zip(
            (cell.cost, cell.parts, *cell.measures.values()),
            (two.cells[place].cost, two.cells[place].parts, *two.cells[place].measures.values()),
            strict=True,
        ):
            assert all(map(np.array_equal, vars(moments).values(), vars(others).values()))


def test_pieces_of_a_large_point_end_where_its_blocks_do(tmp_path):
    study = make_study(
        seeds=2 * LARGEST + 10,
        pack=1000,
        speeds=(1.0,),
        groups=((0,),),
        **NARROW,
        rounds={(0,): (6,)},
    )
    run(tmp_path, study, width=500)
    places = [(place["start"], place["stop"]) for place, _ in Stored(tmp_path).pieces()]
    assert places == [(0, LARGEST), (LARGEST, 2 * LARGEST), (2 * LARGEST, 2 * LARGEST + 10)]
    assert LARGEST % GRID == 0


def test_one_learner_is_read_alone(straight):
    (alone,) = {number for number, label in enumerate(STUDY.labels) if label == OPTIMUM}
    prefix = f"{alone:03d}."
    every = [
        (place, {name: a for name, a in arrays.items() if name.startswith(prefix)})
        for place, arrays in pieces(straight)
    ]
    assert pieces(straight, [OPTIMUM]) == every
    assert pieces(straight, []) == []


def test_packs_tell_their_facts_once(straight):
    stored, told = Stored(straight), []
    for place, _ in stored.pieces():
        told += place["packs"]
    assert sorted(told) == sorted(pack.name for pack in stored.coverage.packs)
    assert len(told) == len({*told}) > 1


# --- learners that lack seeds ------------------------------------------------------------------


def test_learners_that_lack_seeds_are_read_as_far_as_they_are(tmp_path):
    study = make_study(seeds=100)
    run(tmp_path, make_study(seeds=70, learners={"pcm": {}}, comparators=()))
    run(tmp_path, make_study(seeds=40, learners={}, comparators=(OPTIMUM,)))
    run(tmp_path, study, share=Share(40, 41))  # a few of the runs of all learners
    wanted, runs = expected(study), {}
    for place, arrays in Stored(tmp_path).pieces():
        group = study.groups[place["group"]]
        position, first = divmod(place["start"], group.seeds)
        rows = slice(first, first + place["stop"] - place["start"])
        for name, array in arrays.items():
            number, _, what = name.partition(".")
            where = group.points[position], study.labels[int(number)]
            assert array.tobytes() == wanted[where][what][rows].tobytes()
            if what == "finite":
                runs[where] = runs.get(where, 0) + len(array)
    state = Stored(tmp_path).coverage
    assert sum(runs.values()) == state.stored < state.wanted and not state.complete
    assert runs[1, "pcm"] >= 70 and runs[1, OPTIMUM] >= 40
    assert ledger_of(tmp_path).runs == state.stored


def test_pieces_that_lack_a_learner_still_count_all_others(tmp_path):
    """A learner that is there is in the ledger with all of its runs."""
    run(tmp_path, make_study(seeds=64, learners={"pcm": {}}, comparators=()))
    begin(tmp_path, make_study(seeds=100))
    ledger = ledger_of(tmp_path)
    assert {(p, label): cell.runs for (p, label), cell in ledger.cells.items() if cell.runs} == {
        (point, "pcm"): 64 for point in range(4)
    }
    assert not ledger.complete


@pytest.mark.parametrize("seeds", [2, 5, 64, 100])
def test_a_single_seed_is_extended_to_many(tmp_path, seeds):
    one, many = make_study(seeds=1), make_study(seeds=seeds)
    run(tmp_path / "run", one)
    first = pieces(tmp_path / "run")
    assert run(tmp_path / "run", many).runs == 4 * 3 * (seeds - 1)
    run(tmp_path / "straight", many)
    assert_same_bits(stored_runs(tmp_path / "run"), expected(many))
    costs = [arrays for _, arrays in pieces(tmp_path / "run")]
    assert costs == [arrays for _, arrays in pieces(tmp_path / "straight")]
    # And back again.
    assert run(tmp_path / "run", one).runs == 0
    assert pieces(tmp_path / "run") == first


@pytest.mark.parametrize("seeds", [1, 2, 64, 149])
def test_a_narrower_study_reads_what_it_wants(straight, tmp_path, seeds):
    study = make_study(seeds=seeds, **NARROW)
    run(tmp_path, STUDY)
    assert run(tmp_path, study).runs == 0
    assert_same_bits(stored_runs(tmp_path), expected(study))
    state = Stored(tmp_path).coverage
    assert state.stored == state.wanted == 4 * seeds
    names = {pack.name for pack in state.packs}
    assert names <= {pack.name for pack in Stored(straight).coverage.packs}


def test_two_learners_of_equal_values_are_one_cell(tmp_path):
    """Both labels read the same runs, whichever of them were computed."""
    run(tmp_path, make_study(learners={"st_clip(epsilon=0.1)": {"epsilon": 0.1}}))
    study = make_study(learners={"st_clip(mine)": {"epsilon": 0.1}})
    origin = {"st_clip(mine)": "code of st_clip(epsilon=0.1)", OPTIMUM: "code of opt"}
    study = replace(study, origin=replace(study.origin, learners=origin))
    assert run(tmp_path, study).runs == 0
    assert_same_bits(stored_runs(tmp_path), expected(study))


# --- what is not there -------------------------------------------------------------------------


@pytest.mark.parametrize("thorough", [True, False])
def test_damaged_packs_are_missing(straight, tmp_path, thorough):
    run(tmp_path, STUDY)
    victim = sorted((tmp_path / "packs").glob("*.npz"))[3]
    victim.write_bytes(victim.read_bytes()[:-1])
    stored = Stored(tmp_path, thorough=thorough)
    assert not stored.coverage.complete and len(stored.damaged) == 1
    assert stored.damaged[0].startswith(f"pack {victim.stem}: its results are damaged")
    there = sum(len(a) for _, arrays in stored.pieces() for n, a in arrays.items() if "finite" in n)
    assert there == stored.coverage.stored
    assert run(tmp_path, STUDY).runs == stored.coverage.wanted - there
    assert pieces(tmp_path) == pieces(straight)


def test_damage_after_a_quick_look_is_no_wrong_number(tmp_path):
    run(tmp_path, STUDY)
    victim = sorted((tmp_path / "packs").glob("*.npz"))[3]
    data = bytearray(victim.read_bytes())
    data[300] ^= 1
    victim.write_bytes(data)
    stored = Stored(tmp_path, thorough=False)
    assert stored.coverage.complete
    with pytest.raises(InputError, match=r"pack .*: its results are damaged"):
        list(stored.pieces())


def test_nothing_is_there_yet(tmp_path):
    begin(tmp_path, STUDY)
    stored = Stored(tmp_path)
    assert list(stored.pieces()) == [] and stored.coverage.stored == 0
    assert (stored.coverage.packs, stored.damaged) == ((), [])
    assert stored.coverage.wanted == 4 * SEEDS * 3
    with pytest.raises(InputError, match="no such directory"):
        Stored(tmp_path / "absent")


def test_results_of_other_code_are_not_these(tmp_path):
    """Kept side by side, never mixed."""
    run(tmp_path, STUDY)
    other = replace(STUDY, origin=replace(STUDY.origin, common="another"))
    begin(tmp_path, other)
    assert Stored(tmp_path).coverage.stored == 0
    assert run(tmp_path, other).earlier == 0
    assert run(tmp_path, STUDY).runs == 0


def test_studies_in_any_order_share_what_they_can(tmp_path):
    """Every run is computed once, whoever asks for it first."""
    studies = [
        make_study(seeds=5),
        make_study(seeds=9, learners={"pcm": {}}),
        make_study(seeds=3, learners={"greedy": {}}, comparators=()),
    ]
    union = {
        (label, point, seed)
        for study in studies
        for point in range(4)
        for label in study.labels
        for seed in range(study.seeds)
    }
    for number, order in enumerate(itertools.permutations(studies)):
        path = tmp_path / str(number)
        assert sum(run(path, study).runs for study in order) == len(union)
        for study in order:
            assert run(path, study, load=fake_load(study)).runs == 0
            assert_same_bits(stored_runs(path), expected(study))
