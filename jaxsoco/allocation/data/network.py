"""Where the regions are and how far apart in time: a great circle, or the user's own matrix."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsoco.allocation.data.latency_files import read_matrix
from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.files import numbers
from jaxsoco.core.text import shorten

EARTH_RADIUS_KM = 6371.0
MS_PER_KM = 0.013
"""Round trip over one km of great circle: light in fibre needs 10 us, and cables are longer."""
NEARLY_SYMMETRIC = 0.05
"""Relative difference of the two directions up to which their mean is taken, with a warning."""
TRIANGLE_TOLERANCE = 1e-9
SHORTEST_MS = 0.5
"""Where no round trip between regions is as long, the times may be in seconds."""
LONGEST_MS = 1e6
"""Longest round trip: no connection takes a quarter of an hour."""


class Region(NamedTuple):
    """A cloud region and the grid that feeds it.

    Attributes:
      name: AWS name of the region.
      zone: zone of Electricity Maps.
      latitude: degrees north, rounded to 0.1.
      longitude: degrees east, rounded to 0.1.
      low: smallest hourly carbon intensity of 2022, g CO2eq/kWh.
      high: largest.
      mean: mean over the year.
    """

    name: str
    zone: str
    latitude: float
    longitude: float
    low: float
    high: float
    mean: float


REGIONS: tuple[Region, ...] = (
    Region("us-east-1", "US-MIDA-PJM", 39, -77.5, 315.1, 538.5, 425.3),
    Region("us-west-1", "US-CAL-CISO", 37.4, -121.9, 87.2, 451.1, 264.2),
    Region("us-west-2", "US-NW-PACW", 45.8, -119.7, 42.3, 608.2, 235.8),
    Region("af-south-1", "ZA", -33.9, 18.4, 586.5, 778.5, 704.5),
    Region("ap-south-2", "IN-MH", 17.4, 78.5, 597.0, 757.6, 731.0),
    Region("ap-northeast-2", "KR", 37.6, 127, 456.0, 502.7, 490.8),
    Region("ap-southeast-2", "AU-NSW", -33.9, 151.2, 267.3, 798.3, 592.9),
    Region("ca-central-1", "CA-QC", 45.5, -73.6, 25.8, 109.0, 28.5),
    Region("eu-central-1", "DE", 50.1, 8.7, 170.0, 765.4, 481.5),
    Region("eu-west-2", "GB", 51.5, -0.1, 55.7, 392.2, 234.8),
    Region("eu-west-3", "FR", 48.9, 2.4, 24.4, 199.4, 99.4),
    Region("eu-north-1", "SE-SE3", 59.3, 18.1, 12.3, 59.0, 23.4),
    Region("sa-east-1", "BR-CS", -23.5, -46.6, 55.4, 166.5, 101.6),
    Region("il-central-1", "IL", 32.1, 34.8, 551.2, 589.3, 577.2),
)
"""The 14 regions of the paper's case study.

Table 2 of the paper lists the range of each region; we had no machine-readable copy of it, so
``low``, ``high`` and ``mean`` are summary statistics, rounded to 0.1, of the hourly life-cycle
averages of 2022 of the same zones: Electricity Maps, as redistributed with Sukprasert et al., "On
the limitations of carbon-aware temporal and spatial workload shifting in the cloud", EuroSys 2024,
under the Open Database License 1.0.
"""

_BY_NAME = {key: region for region in REGIONS for key in (region.zone, region.name)}
_BY_FOLDED = {name.casefold(): region for name, region in _BY_NAME.items()}
_FEW = 3
"""Unknown regions that are named in lines of their own."""


def find_regions(names: Sequence[str | Region]) -> list[Region]:
    """Returns the regions with these AWS names or Electricity Maps zones (any case), in that order.

    A :class:`Region` stands for itself, so that other places can be named with their coordinates.

    Raises:
      InputError: with an issue for each unknown name, or one for all where they are many.
    """
    places = [one if isinstance(one, Region) else _BY_FOLDED.get(one.casefold()) for one in names]
    unknown = [i for i, place in enumerate(places) if place is None]
    if len(unknown) > _FEW:
        listed = shorten(", ".join(str(names[i]) for i in unknown), 200)
        message = f"{len(unknown)} of {len(names)} regions have no known coordinates: {listed}"
        raise InputError(Issue("regions", message, _WITHOUT_PLACE))
    if unknown:
        raise InputError([_unknown(i, str(names[i])) for i in unknown])
    return [place for place in places if place is not None]


_WITHOUT_PLACE = (
    "give a latency matrix: only the 14 regions of the paper are known, by AWS name or zone, such "
    "as eu-west-3 or FR"
)


def _unknown(place: int, name: str) -> Issue:
    hint = suggest(name, _BY_NAME)
    near = hint.startswith("did you mean")
    return Issue(
        f"regions[{place}]",
        f'"{name}" has no known coordinates',
        f"{hint}; or give a latency matrix" if near else _WITHOUT_PLACE,
    )


def great_circle_latency(regions: Sequence[str | Region]) -> np.ndarray:
    """Returns round-trip times ``[n, n]`` in ms along great circles, 13 us for a kilometre.

    >>> from jaxsoco.allocation import great_circle_latency
    >>> great_circle_latency(["eu-west-3", "eu-north-1"]).round(1).tolist()
    [[0.0, 20.0], [20.0, 0.0]]

    Args:
      regions: AWS names, Electricity Maps zones, or regions with coordinates of their own.

    Raises:
      InputError: a name is unknown.
    """
    places = np.radians([(r.latitude, r.longitude) for r in find_regions(regions)]).reshape(-1, 2)
    latitude, longitude = places[:, :1], places[:, 1:]
    # Haversine: accurate for near places, where the arc cosine is not.
    half = np.sin((latitude - latitude.T) / 2) ** 2
    half = half + np.cos(latitude) * np.cos(latitude.T) * np.sin((longitude - longitude.T) / 2) ** 2
    return MS_PER_KM * 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def close_metric(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns the shortest-path closure of ``matrix`` and how far it was from a metric.

    Args:
      matrix: ``[n, n]`` distances, at least 0 and finite, with a zero diagonal.

    Returns:
      The closure ``[n, n]`` float64, never above ``matrix``, and the number of ordered triples
      (i, j, k) with ``d(i, k) > d(i, j) + d(j, k)``, by more than 1e-9 relative.

    Raises:
      InputError: the matrix is no distance matrix.
    """
    matrix = np.array(matrix, np.float64)
    issues = _faults(matrix, "latency", list(map(str, range(len(np.atleast_1d(matrix))))))
    if issues:
        raise InputError(issues)
    # through[i, j, k] = d(i, j) + d(j, k)
    through = matrix[:, :, None] + matrix[None, :, :]
    direct = matrix[:, None, :]
    violations = int(np.count_nonzero(direct > through * (1 + TRIANGLE_TOLERANCE)))
    closure = matrix.copy()
    for via in range(len(closure)):  # Floyd and Warshall: paths through the points up to `via`
        np.minimum(closure, closure[:, via, None] + closure[None, via, :], out=closure)
    return closure, violations


def load_latency(path: str | Path, regions: Sequence[str]) -> np.ndarray:
    r"""Reads a matrix of round-trip times in ms and puts it in the order of ``regions``.

    >>> from pathlib import Path
    >>> from jaxsoco.allocation import load_latency
    >>> _ = Path("rtt.csv").write_text("ms,FR,SE,DE\nFR,0,30,20\nSE,30,0,25\nDE,20,25,0\n")
    >>> load_latency("rtt.csv", ["DE", "SE"]).tolist()
    [[0.0, 25.0], [25.0, 0.0]]

    Args:
      path: ``.csv`` (with the names of regions in the first row and column, or bare numbers, or a
        list of pairs ``from,to,ms``), ``.npy`` (bare), or ``.npz`` with one square matrix, or with
        one called ``rtt_ms``, ``latency_ms``, ``latency`` or ``rtt``, and optionally a vector of
        names (text or bytes) beside it.
      regions: names of the n regions. A matrix with names may hold more regions, in any order; a
        bare one must be ``[n, n]`` in this order.

    Returns:
      ``[n, n]`` float64, symmetric, zero on the diagonal. It need not be a metric:
      see :func:`close_metric`.

    Raises:
      InputError: the file cannot be read, lacks a region, or the matrix is not square, finite,
        at least 0, zero on the diagonal and symmetric. Directions that differ by at most 5 % are
        averaged, with a warning.
    """
    path = Path(path)
    matrix, names = read_matrix(path, regions)
    matrix = _arrange(matrix, names, list(regions), str(path))
    issues = _faults(matrix, str(path), regions)
    if issues:
        raise InputError(issues)
    largest = float(matrix.max(initial=0.0))
    if 0 < largest < SHORTEST_MS:
        warnings.warn(
            f"{path}: no round trip exceeds {largest:g} ms; times are read as ms, not as s",
            stacklevel=2,
        )
    return _symmetric(matrix, str(path), regions)


def _arrange(
    matrix: np.ndarray, names: list[str] | None, regions: list[str], source: str
) -> np.ndarray:
    """Returns the rows and columns of ``regions``."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        shape = " x ".join(map(str, matrix.shape))
        raise InputError(Issue(source, f"holds {shape} numbers", "wanted: a square matrix"))
    if matrix.dtype.kind not in "fiu":
        raise InputError(Issue(source, f"holds {matrix.dtype} values", "wanted: numbers in ms"))
    if names is None:
        if len(matrix) != len(regions):
            message = f"is {len(matrix)} x {len(matrix)}, and there are {len(regions)} regions"
            hint = "name the regions in its first row and column: " + ", ".join(regions)
            raise InputError(Issue(source, message, hint))
        return numbers(matrix, source)
    names = _as_wanted(names, regions)
    name_set = set(names)
    missing = [name for name in regions if name not in name_set]
    issues = [Issue(source, f'has no region "{name}"', suggest(name, names)) for name in missing]
    if len(missing) > _FEW:
        listed = shorten(", ".join(missing), 200)
        message = f"has none of {len(missing)} of {len(regions)} regions: {listed}"
        issues = [Issue(source, message, f"it has {shorten(', '.join(names), 200)}")]
    issues += [
        Issue(source, f'names the region "{name}" more than once', "one row for each region")
        for name, count in Counter(names).items()
        if count > 1
    ]
    if issues:
        raise InputError(issues)
    order = [names.index(name) for name in regions]
    return numbers(matrix[np.ix_(order, order)], source)


def _as_wanted(names: list[str], regions: list[str]) -> list[str]:
    """Names as the regions spell them, where they differ in their case alone."""
    wanted = {name.casefold(): name for name in regions}
    folded = [name.casefold() for name in names]
    if len(wanted) < len(regions) or len(set(folded)) < len(folded):
        return names
    return [wanted.get(fold, name) for fold, name in zip(folded, names, strict=True)]


def _faults(matrix: np.ndarray, source: str, regions: Sequence[str]) -> list[Issue]:
    """Returns what keeps ``matrix`` from being distances, the first place of each kind."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        return [Issue(source, f"has the shape {list(matrix.shape)}", "wanted: a square matrix")]
    diagonal = np.eye(len(matrix), dtype=bool)
    checks = (
        (~np.isfinite(matrix), "is not finite", "wanted: a time in ms for every pair"),
        (matrix < 0, "is negative", "wanted: a time in ms of at least 0"),
        (
            np.isfinite(matrix) & (matrix > LONGEST_MS),
            "is too long",
            f"wanted: a time in ms, at most {LONGEST_MS:g}",
        ),
        (diagonal & (matrix > 0), "stands on the diagonal", "a region is 0 ms from itself"),
    )
    issues = []
    for bad, what, hint in checks:
        places = np.argwhere(bad)
        if len(places):
            i, j = places[0]
            more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
            message = f"{matrix[i, j]:g} from {regions[i]} to {regions[j]} {what}{more}"
            issues.append(Issue(source, message, hint))
    return issues


def _symmetric(matrix: np.ndarray, source: str, regions: Sequence[str]) -> np.ndarray:
    """Averages the two directions, if they hardly differ."""
    apart = np.abs(matrix - matrix.T)
    relative = np.divide(apart, np.maximum(matrix, matrix.T), out=apart, where=apart > 0)
    if not relative.any():
        return matrix
    i, j = divmod(int(np.argmax(relative)), len(relative))
    pair = f"{regions[i]} and {regions[j]}: {matrix[i, j]:g} and {matrix[j, i]:g} ms"
    if relative[i, j] > NEARLY_SYMMETRIC:
        message = f"is not symmetric, {relative[i, j]:.0%} apart between {pair}"
        raise InputError(Issue(source, message, "a round trip takes as long from either end"))
    warnings.warn(
        f"{source}: the mean of both directions is taken; they differ most between {pair}",
        stacklevel=3,
    )
    return (matrix + matrix.T) / 2
