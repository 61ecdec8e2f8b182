"""The problems against their definitions, by hand and by simulation."""

import math
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.multistage import (
    bernoulli_tree,
    edge_computing,
    late_probability,
    lower_bound_chain,
    multihop,
    recorded_costs,
)
from jaxsoco.multistage.comparators import best_leaf

KEY = jax.random.key(0)


def totals(spec, at):
    costs, faults = best_leaf(KEY, spec, at)
    assert not faults.any()
    return np.asarray(costs["expected"])


def test_the_tree_of_figure_4():
    spec = bernoulli_tree(5_000_000)
    np.testing.assert_allclose(spec.chance, [[1, 0.6, 0.4, 0.2], [0, 0.6, 0.4, 0.2]], rtol=1e-6)
    assert spec.segment_end.tolist() == [50_000, 5_000_000]


@pytest.mark.parametrize(("depth", "least"), [(2, 0.2), (3, 0.4), (4, 0.6)])
@pytest.mark.parametrize("children", [2, 4])
def test_the_settings_of_figure_3(depth, least, children):
    spec = bernoulli_tree(10_000, depth=depth, children=children)
    before, after = np.asarray(spec.chance)
    assert before[0] == 1 and after[0] == 0 and before.min() == pytest.approx(least)
    np.testing.assert_array_equal(before[1:], after[1:])
    # The best leaf is the last one at first, and the first one in the end.
    np.testing.assert_allclose(totals(spec, (100, 10_000)), [100 * least, 100], rtol=1e-6)


def test_other_fills():
    span = np.asarray(bernoulli_tree(1000, fill="span").chance[0])
    flat = np.asarray(bernoulli_tree(1000, fill="flat").chance[0])
    np.testing.assert_allclose(span, [1, 0.6, 0.4, 0.2], rtol=1e-6)
    np.testing.assert_allclose(flat, [1, 0.6, 0.6, 0.2], rtol=1e-6)


def test_the_best_leaf_is_taken_afresh_at_every_checkpoint():
    spec = bernoulli_tree(1000, p_min=0.5)
    wanted = [min(min(t, 10), 0.5 * t) for t in range(1, 1001)]
    np.testing.assert_allclose(totals(spec, tuple(range(1, 1001))), wanted, rtol=1e-6)


@pytest.mark.parametrize("servers", [2, 3])
def test_edge_computing_is_a_race_against_the_deadline(servers):
    spec = edge_computing(10_000, servers=servers)
    generator = np.random.default_rng(0)
    spent = {2: [0.2, 0.5], 3: [0.2, 0.35, 0.5]}[servers]
    missed = {2: [0.1, 0.005], 3: [0.1, 0.05, 0.005]}[servers]
    means = np.asarray(spec.means(0))
    for segment, last in ((0, 1 + 11 * 0.0005 / 0.2), (100, 1 + 11 * 0.1005 / 0.2), (999, 12)):
        for leaf in range(servers**2):
            i, j = divmod(leaf, servers)
            rate = last if i == servers - 1 else 6 - i
            late = generator.exponential(1 / rate, 200_000) + spent[j] > 1
            wanted = np.where(late, 1, missed[j]).mean()
            assert means[segment, leaf] == pytest.approx(wanted, abs=0.004)


def test_late_probabilities_of_equal_links_are_erlangs():
    for links in (1, 2, 5):
        rate = 3.7
        wanted = sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(links))
        assert late_probability(np.full(links, rate)) == pytest.approx(wanted, rel=1e-13)


def test_late_probabilities_do_not_depend_on_the_order_of_the_links():
    rates = np.array([0.5, 3.0, 3.0, 20.0])
    found = late_probability(np.stack([rates, rates[::-1], rates[[2, 0, 3, 1]]], axis=1))
    np.testing.assert_allclose(found, found[0], rtol=1e-13)
    one, two = 2.0, 5.0
    wanted = (two * math.exp(-one) - one * math.exp(-two)) / (two - one)
    assert late_probability(np.array([one, two])) == pytest.approx(wanted, rel=1e-13)
    assert late_probability(np.array([1.0, 2.5]), 2.0) == pytest.approx(
        late_probability(np.array([one, two])), rel=1e-13
    )


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_multihop_is_a_race_against_the_deadline(layers):
    spec = multihop(10_000, layers=layers)
    generator, unit = np.random.default_rng(1), (layers + 1) / 3
    for segment in (0, 999):
        for leaf in range(2**layers):
            relays = [int(bit) for bit in f"{leaf:0{layers}b}"]
            rates = [8 * unit, 8 * unit]
            for a, b in pairwise(relays):
                rising = 0.5 * unit + 19.5 * unit * min((segment + 0.5) / 1000 / 0.2, 1)
                rates.append(4 * unit if a else 2.5 * unit if b else rising)
            delay = sum(generator.exponential(1 / rate, 200_000) for rate in rates)
            found = float(spec.chance[segment, leaf])
            assert found == pytest.approx(np.mean(delay > 1), abs=0.004)


@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_the_chain_of_the_lower_bound(stages):
    spec = lower_bound_chain(100, stages=stages, gap=0.5)
    gap = 0.5 * 2.0**-stages
    chance = np.asarray(spec.chance[0])
    assert chance[-2] == pytest.approx((1 - 2**stages * gap) / 2) and chance.min() == chance[-2]
    for i in range(1, stages):
        assert chance[i - 1] == pytest.approx((1 - (2**stages - 2 ** (i - 1)) * gap) / 2)
    # Node i has its own leaf and the node below it.
    assert [row[0] for row in spec.tree.children] == [stages + i for i in range(stages)]
    swapped = lower_bound_chain(100, stages=stages, gap=0.5, swapped=True)
    np.testing.assert_array_equal(np.asarray(swapped.chance[0])[[-1, -2]], chance[-2:])


def test_recorded_costs_are_played_as_they_are(tmp_path):
    costs = np.random.default_rng(0).random((50, 4)).round(3)
    path = tmp_path / "costs.csv"
    rows = "\n".join(",".join(map(str, row)) for row in costs)
    path.write_text(f"a,b,c,d\n{rows}\n", encoding="utf-8")
    spec = recorded_costs(40, file=str(path))
    np.testing.assert_allclose(spec.means(0), costs[:40], rtol=1e-6)
    wanted = np.cumsum(costs, axis=0).min(axis=1)[:40]
    np.testing.assert_allclose(totals(spec, tuple(range(1, 41))), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("", "holds no rounds"),
        ("0,1\n", "costs.csv:1: 2 costs"),
        ("0,1,0,0.5\n0,2,0,0\n", r"costs.csv:2: column 2: '2'"),
        ("0,1,0,0.5\n0,1,x,0\n", r"costs.csv:2: column 3: 'x'"),
        ("0,1,0,0.5\n", "costs.csv has 1 rounds, the horizon is 2"),
    ],
)
def test_bad_recordings_are_named(tmp_path, text, message):
    path = tmp_path / "costs.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        recorded_costs(2, file=str(path))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_recordings_may_have_other_separators(tmp_path, separator):
    path = tmp_path / "costs.csv"
    path.write_bytes(
        "\ufeffa,b,c,d\r\n0,1,0,0.5\r\n\r\n1,0,0,0\r\n".replace(",", separator).encode()
    )
    spec = recorded_costs(2, file=str(path))
    np.testing.assert_allclose(spec.means(0), [[0, 1, 0, 0.5], [1, 0, 0, 0]])


def test_bad_lines_of_a_recording_are_counted(tmp_path):
    path = tmp_path / "costs.csv"
    path.write_text("a,b,c,d\n" + "7.5,0,0,0\n" * 500, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        recorded_costs(2, file=str(path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith(f"problem.file: {path}:2: column 1: '7.5'")
    assert lines[-1] == f"problem.file: {path}: and 490 more lines like these"


def test_fields_are_those_of_the_entries(tmp_path):
    with pytest.raises(TypeError, match=r"unknown: \['depht'\]"):
        bernoulli_tree(10, depht=3)
    with pytest.raises(TypeError, match=r"missing: \['file'\]"):
        recorded_costs(10)
    tree = Path(tmp_path) / "tree.txt"
    tree.write_text("r a\nr b\na x\na y\n", encoding="utf-8")
    assert bernoulli_tree(10, tree=str(tree)).chance.shape == (1, 3)  # too short for a switch
