"""The hitting cost that settings ask for: drawn at random, of a model, or read from a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.fields import check_limits
from jaxsoco.core.settings import is_traced
from jaxsoco.tracking.data.loaders import NEARLY_SYMMETRIC, load_matrix
from jaxsoco.tracking.data.matrices import Spectrum, positive_spectrum, random_spectrum
from jaxsoco.tracking.data.scenarios import SCENARIOS
from jaxsoco.tracking.settings_problems import HittingCost


class Source(NamedTuple):
    """A hitting cost, and what the report says of where it is from.

    ``identity``, ``notes`` and ``warnings`` are those of :class:`~jaxsoco.core.schema.Prepared`.
    """

    spectrum: Spectrum
    identity: dict[str, Any]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def hitting_cost(settings: HittingCost, folder: Path) -> Source:
    """The hitting cost that the settings ask for.

    Args:
      settings: of the problem; its eigenvalues may be tracers of JAX.
      folder: that a file's path is relative to.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    if settings.matrix == "random":
        return Source(_random(settings), {})
    if settings.matrix in SCENARIOS:
        return Source(_modelled(settings, str(settings.matrix)), {})
    return _read(settings, folder)


def _random(settings: HittingCost) -> Spectrum:
    """``Q diag(0 .. 0, l_1 .. l_r) Q'``, the positive eigenvalues in geometric progression."""
    dimension = settings.dimension
    rank = dimension if settings.rank is None else settings.rank
    low, high = settings.smallest_eigenvalue, settings.largest_eigenvalue
    traced = is_traced(low) or is_traced(high)
    issues = []
    if rank > dimension:
        message = f"{rank} is above dimension = {dimension}"
        issues.append(Issue("problem.rank", message, 'want rank <= dimension, or "auto"'))
    if not traced and low > high:
        message = f"{low:g} is above largest_eigenvalue = {high:g}"
        issues.append(Issue("problem.smallest_eigenvalue", message))
    if issues:
        raise InputError(issues)
    if traced:
        import jax.numpy as jnp

        positive = jnp.geomspace(low, high, rank)
    else:
        positive = np.geomspace(float(low), float(high), rank)
    return random_spectrum(positive, dimension, settings.matrix_seed)


def _modelled(settings: HittingCost, name: str) -> Spectrum:
    """The matrix of an application, of the dimension and largest eigenvalue asked for."""
    dimension, largest = settings.dimension, settings.largest_eigenvalue
    if dimension < 2:
        message = f"{dimension} is too small for {name}"
        raise InputError(Issue("problem.dimension", message, "want 2 or more"))
    traced = is_traced(largest)
    matrix = SCENARIOS[name](dimension, 1.0 if traced else float(largest))
    spectrum = positive_spectrum(matrix, f"problem.matrix: {name}")
    _check_rank(settings, spectrum)
    if traced:
        spectrum = spectrum._replace(
            eigenvalues=spectrum.eigenvalues * largest, smallest=spectrum.smallest * largest
        )
    return spectrum


def _read(settings: HittingCost, folder: Path) -> Source:
    """The matrix of a file, symmetric and positive semidefinite."""
    where = "problem.matrix"
    try:
        matrix, gap = load_matrix(folder / settings.matrix)
        spectrum = positive_spectrum(matrix, f"{where}: {settings.matrix}")
        check_limits(
            HittingCost,
            "smallest_eigenvalue",
            float(spectrum.smallest),
            f"{settings.matrix}, its smallest positive eigenvalue",
        )
    except InputError as error:
        raise error.under(where) from None
    _check_rank(settings, spectrum)
    digest = hashlib.sha256(np.ascontiguousarray(matrix).tobytes()).hexdigest()
    low, high = spectrum.smallest, spectrum.eigenvalues[-1]
    note = (
        f"coupling matrix {Path(settings.matrix).name}: {len(matrix)} x {len(matrix)}, rank "
        f"{spectrum.rank}, positive eigenvalues {low:.4g} to {high:.4g}"
    )
    warning = (
        f"{where}: the matrix is not symmetric (relative difference {gap:.2g}); the mean of "
        "it and its transpose is used"
    )
    warnings = (warning,) if gap > NEARLY_SYMMETRIC else ()
    return Source(spectrum, {"matrix": digest}, (note,), warnings)


def _check_rank(settings: HittingCost, spectrum: Spectrum) -> None:
    if settings.rank not in (None, spectrum.rank):
        message = f"{settings.rank} is not the rank of {settings.matrix}, {spectrum.rank}"
        raise InputError(Issue("problem.rank", message, "leave it out: it is counted"))
