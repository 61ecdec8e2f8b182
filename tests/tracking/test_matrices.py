"""Matrices from outside: what is read, what is put right with a word, what is refused."""

from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.tracking import load_matrix, make_matrix, make_spec

ENTRY = registry.problem("tracking/quadratic_tracking")
COUPLING = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 3.0]])


def values(**own):
    return {field.name: field.default for field in ENTRY.fields} | {"horizon": 20} | own


prepare = ENTRY.prepared


def write(folder: Path, text: str, name: str = "coupling.csv") -> dict:
    (folder / name).write_text(text, encoding="utf-8")
    return values(matrix=name)


def as_text(matrix: np.ndarray) -> str:
    return "\n".join(",".join(map(repr, map(float, row))) for row in matrix) + "\n"


@pytest.mark.parametrize("name", ["coupling.csv", "coupling.npy"])
def test_a_users_matrix_becomes_the_hitting_cost(tmp_path, name):
    given = values(matrix=name)
    if name.endswith("npy"):
        np.save(tmp_path / name, COUPLING)
    else:
        write(tmp_path, "\ufeff" + as_text(COUPLING) + "\n", name)
    ready = prepare(given, tmp_path)
    assert not ready.warnings and "rank 3" in ready.notes[0]
    with jax.enable_x64(True):
        made = ENTRY.instance(ready, given)
        spec = made.draw(None, made.settings)
        np.testing.assert_allclose(spec.matrix, COUPLING, atol=1e-14)
        assert (spec.dimension, spec.rank, spec.horizon) == (3, 3, 20)
        assert float(spec.floor) == pytest.approx(np.linalg.eigvalsh(COUPLING)[0])
    changed = COUPLING + np.diag([0, 0, 1e-6])
    np.save(tmp_path / "other.npy", changed)
    other = prepare(values(matrix="other.npy"), tmp_path)
    assert other.identity["matrix"] != ready.identity["matrix"]


def test_a_matrix_that_is_not_symmetric_is_put_right_with_a_warning(tmp_path):
    skew = COUPLING + np.array([[0, 0.02, 0], [0, 0, 0], [0, 0, 0]])
    ready = prepare(write(tmp_path, as_text(skew)), tmp_path)
    assert "not symmetric (relative difference 0.0067)" in ready.warnings[0]
    np.testing.assert_allclose(ready.content.spectrum.matrix, (skew + skew.T) / 2, atol=1e-14)


def test_a_deficient_matrix_has_its_rank_counted(tmp_path):
    root = np.arange(8.0).reshape(4, 2)
    np.save(tmp_path / "flat.npy", root @ root.T)
    ready = prepare(values(matrix="flat.npy"), tmp_path)
    assert ready.content.spectrum.rank == 2
    assert (ready.content.spectrum.eigenvalues[:2] == 0).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n2,1\n", "not positive semidefinite: it has the eigenvalue -1"),
        ("1,0\n0,x\n", r'coupling.csv:2, column 2: "x" is no number'),
        ("1,0\n0\n", "coupling.csv:2: has 1 numbers, the lines above 2"),
        ("1,0,0\n0,1,0\n", r"shape \[2, 3\].*square"),
        ("1,0\n0,nan\n", r"entry \(1, 1\), counted from 0, is nan"),
        ("0,0\n0,0\n", "is zero"),
        ("", "square matrix"),
    ],
)
def test_what_is_no_hitting_cost_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said) as caught:
        prepare(write(tmp_path, text), tmp_path)
    assert all(issue.path.startswith("problem.matrix") for issue in caught.value.issues)


def test_every_cell_that_is_no_number_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("1;x\n\ny;2\n", encoding="utf-8-sig")
    with pytest.raises(InputError) as caught:
        load_matrix(tmp_path / "a.csv")
    places = [f"{tmp_path / 'a.csv'}:{place}" for place in ("1, column 2", "3, column 1")]
    assert [issue.path for issue in caught.value.issues] == places


def test_files_that_cannot_be_read_are_refused(tmp_path):
    for name, said in (("none.npy", "cannot be read"), ("a.txt", "no known format")):
        with pytest.raises(InputError, match=said):
            load_matrix(tmp_path / name)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match="no array of numbers"):
        load_matrix(tmp_path / "bad.npy")
    np.save(tmp_path / "text.npy", np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(InputError, match="no array of numbers"):
        load_matrix(tmp_path / "text.npy")


@pytest.mark.parametrize(
    ("own", "field"),
    [
        ({"rank": 6}, "problem.rank"),
        ({"smallest_eigenvalue": 9.0}, "problem.smallest_eigenvalue"),
        ({"floor": 0.6}, "problem.floor"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(own, field):
    with pytest.raises(InputError) as caught:
        prepare(values(**own), Path())
    assert [issue.path for issue in caught.value.issues] == [field]


def test_a_rank_that_is_not_the_matrixs_is_refused(tmp_path):
    np.save(tmp_path / "coupling.npy", COUPLING)
    with pytest.raises(InputError, match="not the rank"):
        prepare(values(matrix="coupling.npy", rank=2), tmp_path)


def test_the_paper_like_spectra_are_fields(tmp_path):
    full = prepare(values(), tmp_path).content.spectrum
    np.testing.assert_allclose(full.eigenvalues, np.geomspace(0.5, 8, 5))
    own = {"dimension": 6, "rank": 2, "smallest_eigenvalue": 1.0, "largest_eigenvalue": 4.0}
    deficient = prepare(values(**own), tmp_path)
    np.testing.assert_allclose(deficient.content.spectrum.eigenvalues, [0, 0, 0, 0, 1, 4])
    assert deficient.group == (6, 2, "gaussian", "uniform", "all")
    again = prepare(values(matrix_seed=1), tmp_path).content.spectrum
    assert not np.allclose(again.matrix, full.matrix)


def test_only_cauchy_is_heavy_tailed(tmp_path):
    for kind in ("gaussian", "correlated", "laplace", "cauchy"):
        ready = prepare(values(increments=kind), tmp_path)
        assert ready.heavy_tailed == (kind == "cauchy")
        assert any("medians" in note for note in ready.notes) == (kind == "cauchy")


def test_made_matrices_have_their_spectrum(x64):
    matrix = np.asarray(make_matrix(jax.random.key(0), [0.0, 0.5, 3.0]))
    np.testing.assert_array_equal(matrix, matrix.T)
    tolerance = 1e-14 if x64 else 1e-6
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), [0, 0.5, 3], atol=tolerance)
    assert make_spec(matrix, 10).rank == 2


def test_a_spec_refuses_kinds_it_does_not_know():
    with pytest.raises(ValueError, match="increments"):
        make_spec(COUPLING, 10, increments="normal")
    with pytest.raises(ValueError, match="noise"):
        make_spec(COUPLING, 10, noise="none")
    with pytest.raises(ValueError, match="horizon"):
        make_spec(COUPLING, 0)


def test_a_matrix_is_the_same_in_both_precisions():
    """Up to rounding, also under jit, vmap and differentiation."""
    keys, values = jax.random.split(jax.random.key(0), 3), np.array([0.0, 0.5, 3.0])

    def matrices(values):
        return jax.vmap(lambda key: make_matrix(key, values))(keys)

    with jax.enable_x64(True):
        wanted, slopes = matrices(values), jax.jacfwd(matrices)(values)
    found, single = jax.jit(matrices)(values), jax.jacfwd(matrices)(np.float32(values))
    assert (found.dtype, wanted.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(single, slopes, atol=1e-6)
    assert np.abs(wanted[0] - wanted[1]).max() > 0.1


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_matrix_in_float64_is_what_it_was(x64):
    basis, upper = np.linalg.qr(jax.random.normal(jax.random.key(3), (3, 3)))
    basis = basis * np.sign(np.diag(upper))
    found = make_matrix(jax.random.key(3), [0.5, 1.0, 2.0])
    np.testing.assert_allclose(found, (basis * np.array([0.5, 1.0, 2.0])) @ basis.T, rtol=1e-12)


def test_a_matrix_is_of_one_key():
    for wrong in (jax.random.split(jax.random.key(0), 2), np.ones(2), 7):
        with pytest.raises(TypeError, match="key: want one JAX key, got"):
            make_matrix(wrong, [1.0, 2.0])
    other = jax.random.key(0, impl="rbg")
    assert make_matrix(other, [1.0, 2.0]).shape == (2, 2)
