"""From settings to a problem: ``prepare_*`` without JAX, ``build_*`` with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.tracking.data.hitting_costs import hitting_cost
from jaxsoco.tracking.data.matrices import NEARLY_ZERO, Spectrum, positive_spectrum
from jaxsoco.tracking.settings_problems import (
    ExpectedTracking,
    Increments,
    NoiseKind,
    QuadraticTracking,
)

if TYPE_CHECKING:
    import jax

    from jaxsoco.core.protocol import Instance
    from jaxsoco.tracking.spec import Spec

Settings = ExpectedTracking | QuadraticTracking


class Content(NamedTuple):
    """A tracking problem in numbers; those that become leaves of a spec may be tracers of JAX.

    Attributes:
      settings: its settings.
      spectrum: of the hitting cost.
      noise: kind of the noise.
      part: what is charged of a problem averaged over walks.
    """

    settings: Settings
    spectrum: Spectrum
    noise: str
    part: str = "all"

    @property
    def floor(self) -> Any:
        """Lower bound on the positive eigenvalues, known to learners."""
        floor = self.settings.floor
        return self.spectrum.smallest if floor is None else floor


def prepare_quadratic(settings: QuadraticTracking, folder: Path) -> Prepared:
    """Makes or reads one point's matrix, and checks the settings against it.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    return _prepare(settings, folder, settings.noise)


def prepare_expected(settings: ExpectedTracking, folder: Path) -> Prepared:
    """As :func:`prepare_quadratic`, for the problem that averages over walks.

    Raises:
      InputError: with every problem found; Cauchy increments, which have no mean, among them.
    """
    if settings.increments == "cauchy":
        message = "Cauchy increments have no variance, and their costs no mean"
        hint = "want gaussian, correlated or laplace, or the problem quadratic_tracking"
        raise InputError(Issue("problem.increments", message, hint))
    return _prepare(settings, folder, "uniform", settings.part)


def build_quadratic(prepared: Prepared) -> Instance:
    """The problem of one point, ready for a sweep."""
    from jaxsoco.core.protocol import Instance, same_for_all
    from jaxsoco.tracking.problem import quadratic_tracking

    content: Content = prepared.content
    name = "tracking/quadratic_tracking"
    horizon = content.settings.horizon
    return Instance(quadratic_tracking, same_for_all, _spec(content), horizon, name)


def build_expected(prepared: Prepared) -> Instance:
    """The problem of one point averaged over walks: two rounds stand for its whole horizon."""
    from jaxsoco.core.protocol import Instance, same_for_all
    from jaxsoco.tracking.problem import ROUNDS, expected_tracking
    from jaxsoco.tracking.spec import Averaged

    content: Content = prepared.content
    averaged = Averaged(_spec(content), content.part)
    name = "tracking/expected_tracking"
    return Instance(expected_tracking, same_for_all, averaged, ROUNDS, name)


def make_spec(
    matrix: jax.Array | np.ndarray,
    horizon: int,
    *,
    noise_cap: Any = QuadraticTracking.noise_cap,
    floor: Any = None,
    rank: int | None = None,
    scale: Any = QuadraticTracking.increment_scale,
    correlation: Any = QuadraticTracking.correlation,
    increments: Increments = QuadraticTracking.increments,
    noise: NoiseKind = QuadraticTracking.noise,
) -> Spec:
    """The spec of :class:`~jaxsoco.tracking.QuadraticTracking` with a given matrix.

    >>> from jaxsoco.tracking import make_spec
    >>> spec = make_spec([[2.0, 0.0], [0.0, 0.0]], horizon=100)
    >>> spec.rank, float(spec.floor)
    (1, 2.0)

    Args:
      matrix: hitting cost ``A [d, d]``, positive semidefinite, concrete.
      horizon: rounds of a run.
      noise_cap: largest absolute noise of the feedback.
      floor: lower bound on the smallest positive eigenvalue, that one itself by default.
      rank: number of positive eigenvalues, counted by default.
      scale: of the increments.
      correlation: of correlated increments.
      increments: their kind.
      noise: kind of the noise.

    Raises:
      InputError: the matrix is not positive semidefinite.
      ValueError: no such kind, or no rounds.
    """
    for name, value, kinds in (("increments", increments, Increments), ("noise", noise, NoiseKind)):
        if value not in get_args(kinds):
            raise ValueError(f"{name}: want one of {get_args(kinds)}, got {value!r}")
    if horizon < 1:
        raise ValueError(f"horizon: want 1 or more, got {horizon}")
    matrix = np.asarray(matrix)
    rounding = 16 * np.finfo(matrix.dtype).eps if matrix.dtype.kind == "f" else 0.0
    spectrum = positive_spectrum(
        matrix.astype(np.float64), "matrix", max(NEARLY_ZERO, float(rounding))
    )
    settings = QuadraticTracking(
        horizon=horizon,
        noise_cap=noise_cap,
        floor=floor,
        increments=increments,
        increment_scale=scale,
        correlation=correlation,
    )
    if rank is not None:
        spectrum = spectrum._replace(rank=rank)
    return _spec(Content(settings, spectrum, noise))


def _prepare(settings: Settings, folder: Path, noise: str, part: str = "all") -> Prepared:
    source = hitting_cost(settings, folder)
    content = Content(settings, source.spectrum, noise, part)
    _check_floor(content.floor, source.spectrum.smallest)
    heavy = settings.increments == "cauchy"
    notes = source.notes
    if heavy:
        notes = (*notes, "Cauchy increments: costs have no mean, read medians and quantiles")
    dimension, rank = len(source.spectrum.basis), source.spectrum.rank
    return Prepared(
        content,
        group=(dimension, rank, settings.increments, noise, part),
        identity=source.identity,
        notes=notes,
        warnings=source.warnings,
        heavy_tailed=heavy,
    )


def _check_floor(floor: Any, smallest: Any) -> None:
    if is_traced(floor) or is_traced(smallest):
        return
    if floor > smallest * (1 + 1e-9):
        message = f"{floor:g} is above the smallest positive eigenvalue, {smallest:g}"
        raise InputError(Issue("problem.floor", message, "want a lower bound"))


def _spec(content: Content) -> Spec:
    import jax.numpy as jnp

    from jaxsoco.tracking.spec import Spec

    settings, spectrum = content.settings, content.spectrum
    return Spec(
        basis=jnp.asarray(spectrum.basis, float),
        eigenvalues=jnp.asarray(spectrum.eigenvalues, float),
        noise_cap=jnp.asarray(settings.noise_cap, float),
        floor=jnp.asarray(content.floor, float),
        scale=jnp.asarray(settings.increment_scale, float),
        correlation=jnp.asarray(settings.correlation, float),
        rank=spectrum.rank,
        horizon=settings.horizon,
        increments=settings.increments,
        noise=content.noise,
    )
