"""From an experiment's values to a problem: :func:`prepare` without JAX, :func:`build` with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.tracking.data.matrices import (
    NEARLY_SYMMETRIC,
    Spectrum,
    load_matrix,
    positive_spectrum,
    random_spectrum,
)
from jaxsoco.tracking.data.scenarios import SCENARIOS

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.tracking.spec import Spec


class Content(NamedTuple):
    """The hitting cost, and the lower bound on its positive eigenvalues that learners are told."""

    spectrum: Spectrum
    floor: float


def prepare(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Makes or reads one point's matrix, and checks the values against it.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    issues: list[Issue] = []
    identity, notes, warnings = {}, (), ()
    if values["matrix"] == "random":
        spectrum = _random(values, issues)
    elif values["matrix"] in SCENARIOS:
        spectrum = _modelled(values, issues)
    else:
        spectrum, identity, notes, warnings = _given(values, folder, issues)
    if spectrum is None:
        raise InputError(issues)
    floor = spectrum.smallest if values["floor"] == "smallest" else float(values["floor"])
    if floor > spectrum.smallest * (1 + 1e-9):
        message = f"{floor:g} is above the smallest positive eigenvalue, {spectrum.smallest:g}"
        raise InputError(Issue("problem.floor", message, "want a lower bound"))
    heavy = values["increments"] == "cauchy"
    if heavy:
        notes = (*notes, "Cauchy increments: costs have no mean, read medians and quantiles")
    group = (len(spectrum.eigenvalues), spectrum.rank, values["increments"], values["noise"])
    return Prepared(Content(spectrum, floor), group, identity, notes, warnings, heavy_tailed=heavy)


def _random(values: Mapping[str, Any], issues: list[Issue]) -> Spectrum | None:
    dimension, rank = values["dimension"], values["rank"]
    rank = dimension if rank == "full" else rank
    low, high = values["smallest_eigenvalue"], values["largest_eigenvalue"]
    if rank > dimension:
        message = f"{rank} is above dimension = {dimension}"
        issues.append(Issue("problem.rank", message, 'want rank <= dimension, or "full"'))
    if low > high:
        message = f"{low:g} is above largest_eigenvalue = {high:g}"
        issues.append(Issue("problem.smallest_eigenvalue", message))
    if issues:
        return None
    positive = np.geomspace(low, high, rank)
    return random_spectrum(
        np.concatenate([np.zeros(dimension - rank), positive]), values["matrix_seed"]
    )


def _modelled(values: Mapping[str, Any], issues: list[Issue]) -> Spectrum | None:
    """The matrix of an application, of the dimension and largest eigenvalue asked for."""
    name, dimension = values["matrix"], values["dimension"]
    if dimension < 2:
        message = f"{dimension} is too small for {name}"
        issues.append(Issue("problem.dimension", message, "want 2 or more"))
        return None
    made = SCENARIOS[name](dimension, values["largest_eigenvalue"])
    spectrum = positive_spectrum(made, f"problem.matrix: {name}")
    if values["rank"] not in ("full", spectrum.rank):
        message = f"{values['rank']} is not the rank of {name}, {spectrum.rank}"
        issues.append(Issue("problem.rank", message, "leave it out: it is counted"))
        return None
    return spectrum


def _given(values: Mapping[str, Any], folder: Path, issues: list[Issue]):
    where = "problem.matrix"
    try:
        matrix, gap = load_matrix(folder / values["matrix"])
        spectrum = positive_spectrum(matrix, f"{where}: {values['matrix']}")
    except InputError as error:
        issues += [
            i if i.path.startswith(where) else Issue(f"{where}: {i.path}", i.message, i.hint)
            for i in error.issues
        ]
        return None, {}, (), ()
    if values["rank"] not in ("full", spectrum.rank):
        message = f"{values['rank']} is not the rank of {values['matrix']}, {spectrum.rank}"
        issues.append(Issue("problem.rank", message, "leave it out: it is counted"))
        return None, {}, (), ()
    digest = hashlib.sha256(np.ascontiguousarray(matrix).tobytes()).hexdigest()
    low, high = spectrum.smallest, spectrum.eigenvalues[-1]
    notes = (
        f"coupling matrix {Path(values['matrix']).name}: {len(matrix)} x {len(matrix)}, rank "
        f"{spectrum.rank}, positive eigenvalues {low:.4g} to {high:.4g}",
    )
    warnings = ()
    if gap > NEARLY_SYMMETRIC:
        warnings = (
            f"{where}: the matrix is not symmetric (relative difference {gap:.2g}); the mean of "
            "it and its transpose is used",
        )
    return spectrum, {"matrix": digest}, notes, warnings


def prepare_averaged(values: Mapping[str, Any], folder: Path) -> Prepared:
    """As :func:`prepare`, for the problem that averages over walks.

    Raises:
      InputError: with every problem found; Cauchy increments, which have no mean, among them.
    """
    if values["increments"] == "cauchy":
        message = "Cauchy increments have no variance, and their costs no mean"
        hint = "want gaussian, correlated or laplace, or the problem quadratic_tracking"
        raise InputError(Issue("problem.increments", message, hint))
    return prepare({**values, "noise": "uniform"}, folder)


def build(prepared: Prepared, values: Mapping[str, Any]) -> Instance:
    """The problem of one point, ready for a sweep."""
    from jaxsoco.core.protocol import Instance
    from jaxsoco.tracking.problem import quadratic_tracking

    return Instance(quadratic_tracking, _same_for_all, _spec(prepared, values), values["horizon"])


def build_averaged(prepared: Prepared, values: Mapping[str, Any]) -> Instance:
    """The problem of one point averaged over walks: two rounds stand for its whole horizon."""
    from jaxsoco.core.protocol import Instance
    from jaxsoco.tracking.theory.averaged import ROUNDS, Averaged, expected_tracking

    made = Averaged(_spec(prepared, {**values, "noise": "uniform"}))
    return Instance(expected_tracking, _same_for_all, made, ROUNDS)


def _spec(prepared: Prepared, values: Mapping[str, Any]) -> Spec:
    import jax.numpy as jnp

    from jaxsoco.tracking.spec import Spec

    content: Content = prepared.content
    return Spec(
        basis=jnp.asarray(content.spectrum.basis, float),
        eigenvalues=jnp.asarray(content.spectrum.eigenvalues, float),
        noise_cap=jnp.asarray(values["noise_cap"], float),
        floor=jnp.asarray(content.floor, float),
        scale=jnp.asarray(values["increment_scale"], float),
        correlation=jnp.asarray(values["correlation"], float),
        rank=content.spectrum.rank,
        horizon=values["horizon"],
        increments=values["increments"],
        noise=values["noise"],
    )


def _same_for_all(key: Any, spec: Any) -> Any:
    """All runs of a point share its spec; only the walk and the noise differ."""
    del key
    return spec
