"""Regions, latency by great circle, latency from files, and the closure."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxsoco.allocation.data.network import (
    REGIONS,
    Region,
    close_metric,
    find_regions,
    great_circle_latency,
    load_latency,
)
from jaxsoco.core.errors import InputError

NAMES = ["a", "b", "c"]
MATRIX = np.array([[0.0, 10.0, 25.0], [10.0, 0.0, 20.0], [25.0, 20.0, 0.0]])


def test_regions_are_fourteen_and_sane():
    assert len(REGIONS) == 14
    assert len({r.name for r in REGIONS}) == len({r.zone for r in REGIONS}) == 14
    for region in REGIONS:
        assert 0 < region.low < region.mean < region.high < 1000
        assert -90 <= region.latitude <= 90
        assert -180 <= region.longitude <= 180


# ---------------------------------------------------------------------------------- great circle


def test_known_distances():
    # Arcs that can be checked by hand: a quarter meridian, half the equator, 60 degrees at 60 N.
    pole, null, far = (
        Region("pole", "p", 90, 0, 1, 2, 1.5),
        Region("null", "n", 0, 0, 1, 2, 1.5),
        Region("far", "f", 0, 180, 1, 2, 1.5),
    )
    ms = great_circle_latency([pole, null, far])
    radius = 6371 * 0.013
    expected = radius * math.pi * np.array([[0, 0.5, 0.5], [0.5, 0, 1], [0.5, 1, 0]])
    np.testing.assert_allclose(ms, expected, rtol=1e-12)


def test_paris_to_london():
    # 339 km between 48.9 N 2.4 E and 51.5 N 0.1 W, by an independent formula (spherical cosines).
    (a, b), lon = map(math.radians, (48.9, 51.5)), math.radians(2.5)
    km = 6371 * math.acos(math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(lon))
    ms = great_circle_latency(["eu-west-3", "GB"])
    assert ms[0, 1] == pytest.approx(0.013 * km, rel=1e-9)
    assert km == pytest.approx(339.4, abs=0.1)


def test_great_circle_is_a_metric():
    ms = great_circle_latency([r.name for r in REGIONS])
    assert ms.shape == (14, 14)
    np.testing.assert_array_equal(ms, ms.T)
    np.testing.assert_array_equal(np.diag(ms), 0.0)
    closed, violated = close_metric(ms)
    assert violated == 0
    np.testing.assert_allclose(closed, ms, rtol=1e-12)


def test_unknown_regions_are_all_named():
    with pytest.raises(InputError) as caught:
        find_regions(["us-east-1", "eu-wset-3", "mars"])
    message = str(caught.value)
    assert 'regions[1]: "eu-wset-3" has no known coordinates (did you mean "eu-west-3"?' in message
    assert 'regions[2]: "mars"' in message
    assert "give a latency matrix" in message


# --------------------------------------------------------------------------------------- closure


def violations(matrix) -> int:
    return sum(
        matrix[i, k] > (matrix[i, j] + matrix[j, k]) * (1 + 1e-9)
        for i, j, k in itertools.permutations(range(len(matrix)), 3)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda n: hnp.arrays(np.float64, (n, n), elements=st.floats(0, 1e3, width=32))
    )
)
def test_closure_is_the_largest_metric_below(matrix):
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 0.0)
    closed, violated = close_metric(matrix)
    assert violated == violations(matrix)
    assert (closed <= matrix).all()
    np.testing.assert_array_equal(np.diag(closed), 0.0)
    n = len(matrix)
    for i, j in itertools.permutations(range(n), 2):
        others = [v for v in range(n) if v not in (i, j)]
        shortest = min(
            sum(matrix[u, v] for u, v in itertools.pairwise((i, *via, j)))
            for size in range(len(others) + 1)
            for via in itertools.permutations(others, size)
        )
        assert closed[i, j] == pytest.approx(shortest, rel=1e-12, abs=1e-300)


def test_closure_counts_and_repairs():
    matrix = np.array([[0, 1, 5], [1, 0, 1], [5, 1, 0]], float)
    closed, violated = close_metric(matrix)
    assert violated == 2  # (0, 1, 2) and (2, 1, 0)
    np.testing.assert_array_equal(closed, [[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    assert matrix[0, 2] == 5
    assert close_metric(closed)[1] == 0


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[0, 1], [-1, 0]], "-1 from 1 to 0 is negative"),
        ([[0, np.inf], [1, 0]], "inf from 0 to 1 is not finite"),
        ([[3, 1], [1, 0]], "3 from 0 to 0 stands on the diagonal"),
        ([[0, 1, 2], [1, 0, 2]], "wanted: a square matrix"),
        (5.0, "wanted: a square matrix"),
    ],
)
def test_closure_refuses(matrix, expected):
    with pytest.raises(InputError) as caught:
        close_metric(np.array(matrix, float))
    assert expected in str(caught.value)


# ----------------------------------------------------------------------------------------- files


def csv_text(matrix: object = MATRIX, names=NAMES, delimiter=",") -> str:
    rows = [delimiter.join(["", *names])] if names else []
    for i, row in enumerate(np.asarray(matrix, object)):
        rows.append(delimiter.join([*([names[i]] if names else []), *map(str, row)]))
    return "\n".join(rows) + "\n"


def saved(folder, kind):
    file = folder / f"latency.{kind.split()[0]}"
    if kind == "npy":
        np.save(file, MATRIX)
    elif kind == "npz":
        np.savez(file, only=MATRIX)
    elif kind == "npz named":
        np.savez(file, km=MATRIX * 77, rtt_ms=MATRIX, aws=np.array(NAMES), place=np.ones((3, 2)))
    else:
        delimiter = ";" if "semicolon" in kind else ","
        file.write_text(csv_text(names=NAMES if "named" in kind else [], delimiter=delimiter))
    return file


KINDS = ["npy", "npz", "csv", "csv semicolon", "npz named", "csv named", "csv named semicolon"]


@pytest.mark.parametrize("kind", KINDS)
def test_matrices_are_read(tmp_path, kind):
    np.testing.assert_array_equal(load_latency(saved(tmp_path, kind), NAMES), MATRIX)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "named" in kind])
def test_names_choose_and_order(tmp_path, kind):
    chosen = load_latency(saved(tmp_path, kind), ["c", "a"])
    np.testing.assert_array_equal(chosen, [[0, 25], [25, 0]])
    with pytest.raises(InputError) as caught:
        load_latency(saved(tmp_path, kind), ["a", "d", "e"])
    assert 'has no region "d"' in str(caught.value)
    assert 'has no region "e"' in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "named" not in kind])
def test_bare_matrices_must_fit(tmp_path, kind):
    with pytest.raises(InputError) as caught:
        load_latency(saved(tmp_path, kind), ["x", "y"])
    assert "is 3 x 3, and there are 2 regions" in str(caught.value)
    assert "name the regions in its first row and column: x, y" in str(caught.value)


def test_nearly_symmetric_matrices_are_averaged_with_a_warning(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(csv_text([[0, 10, 25], [10.4, 0, 20], [25, 20, 0]]))
    with pytest.warns(UserWarning, match=r"differ most between a and b: 10 and 10\.4 ms"):
        matrix = load_latency(file, NAMES)
    np.testing.assert_allclose(matrix, [[0, 10.2, 25], [10.2, 0, 20], [25, 20, 0]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (csv_text([[0, 10, 25], [11, 0, 20], [25, 20, 0]]),
         ["is not symmetric, 9% apart between a and b: 10 and 11 ms", "as long from either end"]),
        (csv_text([[1, 10, 25], [10, 0, 20], [25, 20, 0]]),
         ["1 from a to a stands on the diagonal", "0 ms from itself"]),
        (csv_text([[0, -10, 25], [-10, 0, 20], [25, 20, 0]]),
         ["-10 from a to b is negative (and 1 more)", "at least 0"]),
        (csv_text([[0, "nan", 25], [10, 0, 20], [25, 20, 0]]),
         ["nan from a to b is not finite", "for every pair"]),
        (csv_text([[0, "fast", 25], [10, 0, 20], [25, 20, 0]]),
         ['"fast" in row 1, column 2 is not a number', "one square matrix"]),
        (csv_text([[0, 10], [10, 0], [25, 20]], names=[]), ["holds 3 x 2 numbers", "square"]),
        ("0,1,2\n1,0\n2,2,0\n", ["its rows have 2 to 3 columns"]),
        (",a,b\nb,0,1\na,1,0\n", ["the first row and the first column name different regions"]),
        (csv_text([[0, 1], [1, 0]], names=["a", "a"]), ['names the region "a" more than once']),
        ("", ["wanted: a square matrix"]),
    ],
)  # fmt: skip
def test_bad_csv(tmp_path, text, expected):
    file = tmp_path / "m.csv"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_latency(file, NAMES)
    for fragment in ["m.csv", *expected]:
        assert fragment in str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_regions_may_be_named_by_numbers(tmp_path, delimiter):
    file = tmp_path / "m.csv"
    file.write_text(csv_text(names=["1", "2", "3"], delimiter=delimiter), encoding="utf-8-sig")
    np.testing.assert_array_equal(load_latency(file, ["2", "1"]), [[0, 10], [10, 0]])


def test_every_cell_that_is_no_number_is_named(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(csv_text([[0, "fast", 25], [10, 0, "slow"], [25, 20, 0]]))
    with pytest.raises(InputError) as caught:
        load_latency(file, NAMES)
    assert [issue.path for issue in caught.value.issues] == [f"{file}:2", f"{file}:3"]


def test_several_faults_are_told_at_once(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(csv_text([[1, -10, 25], [-10, 0, "inf"], [25, 20, 0]]))
    with pytest.raises(InputError) as caught:
        load_latency(file, NAMES)
    assert len(caught.value.issues) == 3


def test_bad_containers(tmp_path):
    cases: dict[str, str] = {}
    np.savez(tmp_path / "two.npz", x=MATRIX, y=MATRIX)
    cases["two.npz"] = "it holds x [3, 3], y [3, 3]"
    np.savez(tmp_path / "text.npz", a=np.array(NAMES))
    cases["text.npz"] = "not one single square matrix"
    np.savez(tmp_path / "objects.npz", a=np.array([[{}]], object))
    cases["objects.npz"] = "cannot be read"
    np.save(tmp_path / "flat.npy", np.zeros(9))
    cases["flat.npy"] = "holds 9 numbers"
    np.save(tmp_path / "names.npy", np.array([["a"]]))
    cases["names.npy"] = "wanted: numbers in ms"
    (tmp_path / "noise.npz").write_bytes(b"noise")
    cases["noise.npz"] = "cannot be read"
    (tmp_path / "cut.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:300])
    cases["cut.npz"] = "cannot be read"
    (tmp_path / "array.npz").write_bytes((tmp_path / "flat.npy").read_bytes())
    cases["array.npz"] = ".npy file by another name"
    (tmp_path / "latin.csv").write_bytes(b"\xe9,1\n1,0\n")
    cases["latin.csv"] = "cannot be read"
    cases["absent.npz"] = "does not exist"
    cases["matrix.xlsx"] = "wanted: .csv, .npy or .npz"
    (tmp_path / "folder.csv").mkdir()
    cases["folder.csv"] = "cannot be read"
    for name, expected in cases.items():
        with pytest.raises(InputError) as caught:
            load_latency(tmp_path / name, NAMES)
        assert expected in str(caught.value), name
        assert name in str(caught.value)
