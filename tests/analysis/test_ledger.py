"""Ledgers small enough to be added up by hand, and the same ledger from other partitions."""

import numpy as np
import pytest

from jaxsoco.analysis.ledger import read
from jaxsoco.core.study import Study

OPT, OTHER = "opt", "other"


def by_hand(make_sweep, **changes):
    """Two points, three seeds: opt costs 1, 2, 4; learner a costs twice that, plus the size."""

    def cost(label, point, seeds, rounds):
        base = np.array([1.0, 2.0, 4.0])[seeds, None]
        return {OPT: base, OTHER: base + 1, "a": 2 * base}[label]

    def move(label, point, seeds):
        return np.full(len(seeds), float(point["size"]) if label == "a" else 0.0)

    settings = {
        "axes": {"size": [0, 2]},
        "algorithms": ["a"],
        "comparators": [OPT, OTHER],
        "cost": cost,
        "move": move,
        "seeds": 3,
    }
    return make_sweep(**(settings | changes))


def load(sweep):
    return read(sweep.manifest(), sweep.pieces())


def test_ratios_by_hand(make_sweep):
    ledger = load(by_hand(make_sweep))
    cell = ledger.cells[1, "a"]
    assert ledger.complete
    assert (cell.runs, cell.nonfinite, cell.nonconverged) == (3, 0, 0)
    np.testing.assert_allclose(cell.cost.mean, [(4 + 6 + 10) / 3])
    np.testing.assert_allclose(cell.parts.mean, [14 / 3, 2.0, 0.0])
    np.testing.assert_allclose(cell.measures[OPT].mean, [(4 + 3 + 2.5) / 3])
    np.testing.assert_allclose(cell.measures[OPT].variance, [np.var([4, 3, 2.5], ddof=1)])
    np.testing.assert_allclose(cell.measures[OTHER].mean, [(4 / 2 + 6 / 3 + 10 / 5) / 3])
    np.testing.assert_allclose(ledger.values("a", OPT, [0, 1]), [[2, 2, 2], [4, 3, 2.5]])
    np.testing.assert_allclose(ledger.values("a", OPT, [1], "regret"), [[3, 4, 6]])
    np.testing.assert_allclose(ledger.values("a", None, [1]), [[4, 6, 10]])


def test_regret_by_hand(make_sweep):
    ledger = load(by_hand(make_sweep, measure="regret"))
    np.testing.assert_allclose(ledger.cells[1, "a"].measures[OPT].mean, [(3 + 4 + 6) / 3])
    np.testing.assert_allclose(ledger.cells[0, OPT].measures[OTHER].mean, [-1.0])


def test_runs_that_are_not_finite_are_counted_and_left_out(make_sweep):
    extra = {
        ("nonfinite", "a", 1): np.array([0, 1, 0]),
        ("nonfinite", OPT, 1): np.array([0, 0, 1]),
        ("faults", "a", 0): np.array([0, 3, 1]),
    }
    ledger = load(by_hand(make_sweep, extra=extra))
    cell = ledger.cells[1, "a"]
    assert (cell.runs, cell.nonfinite) == (3, 1)
    np.testing.assert_allclose(cell.cost.mean, [(4 + 10) / 2])
    assert cell.measures[OPT].count.tolist() == [1]  # the third run's optimum is missing
    assert cell.measures[OPT].mean.tolist() == [4.0]
    assert cell.measures[OTHER].count.tolist() == [2]
    assert cell.undefined == {OPT: 0, OTHER: 0}
    assert ledger.cells[0, "a"].nonconverged == 2
    assert ledger.cells[0, "a"].measures[OPT].count.tolist() == [3]  # kept in the averages


def test_a_cost_that_is_not_finite_counts_whatever_the_flag_says(make_sweep):
    def cost(label, point, seeds, rounds):
        return np.where(seeds == 1, np.nan, 1.0)[:, None]

    cell = load(by_hand(make_sweep, cost=cost)).cells[0, "a"]
    assert (cell.nonfinite, cell.cost.count.tolist(), cell.cost.mean.tolist()) == (1, [2], [1.0])


def test_a_ratio_to_nothing_has_no_meaning(make_sweep):
    def cost(label, point, seeds, rounds):
        return np.where(seeds == 0, 0.0, 2.0)[:, None] if label == OPT else np.full((3, 1), 6.0)

    ledger = load(by_hand(make_sweep, cost=cost))
    cell = ledger.cells[0, "a"]
    assert cell.undefined == {OPT: 1, OTHER: 0}
    assert cell.measures[OPT].count.tolist() == [2]
    assert np.isnan(ledger.values("a", OPT, [0])).tolist() == [[True, False, False]]


def random_sweep(make_sweep, pack, **changes):
    def cost(label, point, seeds, rounds):
        generator = np.random.default_rng(len(label))
        draws = 100 * generator.lognormal(size=(50, len(rounds)))
        return draws[seeds] + point["size"] * rounds

    settings = {
        "axes": {"size": [0, 1, 2, 3]},
        "algorithms": ["a", "bbb"],
        "comparators": [OPT],
        "cost": cost,
        "seeds": 50,
        "pack": pack,
    }
    return make_sweep(**(settings | changes))


@pytest.mark.parametrize("pack", [1, 7, 64, 150])
@pytest.mark.parametrize("checkpoints", [(10,), (2, 5, 10)])
def test_the_partition_does_not_matter(make_sweep, pack, checkpoints):
    whole = load(random_sweep(make_sweep, 1000, checkpoints=checkpoints))
    parts = load(random_sweep(make_sweep, pack, checkpoints=checkpoints))
    assert parts.complete
    assert parts.packs == -(-200 // pack)
    for key, cell in whole.cells.items():
        other = parts.cells[key]
        for mine, theirs in (
            (cell.cost, other.cost),
            (cell.parts, other.parts),
            (cell.measures[OPT], other.measures[OPT]),
        ):
            np.testing.assert_array_equal(mine.count, theirs.count)
            np.testing.assert_allclose(mine.mean, theirs.mean, rtol=1e-12)
            np.testing.assert_allclose(mine.m2, theirs.m2, rtol=1e-12, atol=1e-300)
        np.testing.assert_array_equal(
            whole.values(key[1], OPT, [key[0]]), parts.values(key[1], OPT, [key[0]])
        )
    axis = "size" if len(checkpoints) == 1 else "horizon"
    mine, theirs = (ledger.curve("a", OPT, axis) for ledger in (whole, parts))
    assert mine.x == theirs.x
    np.testing.assert_array_equal(mine.clusters.sums, theirs.clusters.sums)


def test_checkpoints_make_a_horizon(make_sweep):
    ledger = load(random_sweep(make_sweep, 64, checkpoints=(2, 5, 10), measure="regret"))
    curve = ledger.curve("a", OPT, "horizon", {"size": [1, 2]})
    assert curve.x == (2, 5, 10)
    counts = curve.clusters.counts.sum(axis=0)
    np.testing.assert_array_equal(counts, 100)
    mean = [np.mean([ledger.cells[p, "a"].measures[OPT].mean[c] for p in (1, 2)]) for c in range(3)]
    np.testing.assert_allclose(curve.clusters.sums.sum(axis=0) / counts, mean, rtol=1e-12)


def test_horizons_are_an_axis_too(make_sweep):
    sweep = random_sweep(make_sweep, 64, axes={"size": [1], "horizon": [10, 30]})
    ledger = load(sweep)
    assert len(ledger.study.groups) == 2
    assert list(ledger.study.axes) == ["horizon"]  # one size is no axis
    curve = ledger.curve("a", None, "horizon")
    assert curve.x == (10, 30)
    means = curve.clusters.sums.sum(axis=0) / curve.clusters.counts.sum(axis=0)
    np.testing.assert_allclose(means[1] - means[0], 20.0, rtol=1e-12)


def test_an_interrupted_sweep(make_sweep):
    sweep = random_sweep(make_sweep, 64)
    pieces = list(sweep.pieces())
    ledger = read(sweep.manifest(), [pieces[0], pieces[2]])
    assert not ledger.complete
    assert (ledger.packs, ledger.seconds, ledger.runs) == (2, 3.0, 3 * 128)
    assert [ledger.cells[p, "a"].runs for p in range(4)] == [50, 14, 22, 42]
    known = np.isfinite(ledger.values("a", OPT, [1, 2]))
    assert known[0].nonzero()[0].tolist() == [*range(14)]
    assert known[1].nonzero()[0].tolist() == [*range(28, 50)]


def without(piece, number):
    """The piece, with nothing of one learner in it."""
    record, arrays = piece
    return record, {name: x for name, x in arrays.items() if not name.startswith(f"{number:03d}.")}


def test_pieces_may_lack_learners(make_sweep):
    sweep = random_sweep(make_sweep, 50)
    whole, (first, second, *rest) = load(sweep), sweep.pieces()
    ledger = read(sweep.manifest(), [without(first, 0), without(second, 2), *rest])
    assert not ledger.complete
    assert ledger.runs == 4 * 3 * 50 - 2 * 50
    assert (ledger.cells[0, "a"].runs, ledger.cells[0, "bbb"].runs) == (0, 50)
    # What is there counts as ever; without its comparator a learner has costs and no ratio.
    for name in ("cost", "parts"):
        mine, theirs = (getattr(one.cells[1, "a"], name) for one in (ledger, whole))
        np.testing.assert_array_equal(mine.mean, theirs.mean)
    assert ledger.cells[1, "a"].measures[OPT].count.tolist() == [0]
    assert ledger.cells[1, "a"].undefined == {OPT: 0}
    assert np.isnan(ledger.values("a", OPT, [0, 1])).all()
    np.testing.assert_array_equal(*(x.values("bbb", OPT, [0, 2, 3]) for x in (ledger, whole)))


def test_a_pack_counts_once_however_many_pieces_come_from_it(make_sweep):
    sweep = random_sweep(make_sweep, 50)
    (first, one), *rest = sweep.pieces()
    ledger = read(sweep.manifest(), [(first, one), *((r | {"packs": {}}, x) for r, x in rest)])
    assert (ledger.packs, ledger.seconds) == (1, 1.5)
    assert ledger.provenance == {"device": {"cpu"}, "jax": {"0.0"}}
    assert ledger.complete


def test_pieces_out_of_order_are_refused(make_sweep):
    sweep = random_sweep(make_sweep, 64)
    first, second, *_ = sweep.pieces()
    with pytest.raises(ValueError, match="out of order"):
        read(sweep.manifest(), [second, first])
    with pytest.raises(ValueError, match="out of order"):
        read(sweep.manifest(), [first, first])


def test_selection(make_sweep):
    axes = {"size": [1, 2.5], "regions": [["FR", "DE"], ["FR"]]}
    study = Study.from_json(random_sweep(make_sweep, 64, axes=axes).manifest())
    assert study.select() == (0, 1, 2, 3)
    assert study.select({"size": 2.5}) == (2, 3)
    assert study.select({"size": [1, 2.5], "regions": ["FR"]}) == (1, 3)
    assert study.select({"regions": [["FR", "DE"]]}) == (0, 2)
    assert study.select({"size": 7}) == ()
    assert study.numeric_axes() == ("size",)
