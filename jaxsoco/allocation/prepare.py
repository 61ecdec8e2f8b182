"""Where jobs come from: settings of an experiment, checked and turned into arrays, and the draw.

:func:`prepare` runs before JAX is imported; :func:`build` and :func:`sample_job` need it, so JAX
is imported here inside functions.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.allocation.data import load_carbon_csv
from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.network import close_metric, great_circle_latency, load_latency
from jaxsoco.allocation.data.synthetic import synthetic_carbon
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared

if TYPE_CHECKING:
    from jaxsoco.allocation.jobs import Workload
    from jaxsoco.core.protocol import Instance

GOOGLE_LENGTHS = (0, 0.912, 0.053, 0.017, 0.008, 0.006, 0.002, 0.002, 0.002, 0)
"""Weights of job lengths 1, 2, ... slots: Google cluster jobs scaled to 2..9 h (section 5)."""

ENERGY_PER_DATA = 1.72118 / 60
"""Hours at full load that moving a gigabyte costs: 1.72118 minutes."""

MEAN_LATENCY = 221.0427
"""Mean round trip in ms to which ``ENERGY_PER_DATA`` refers."""

_WIDEN = 1.01
"""Where a window's prices are too close for a move to fit between them, ``U`` is raised to this
multiple of ``L + D + 2 tau``: any upper bound is a valid one."""


class Content(NamedTuple):
    """Data of a prepared workload: the trace, and a latency matrix ``[n, n]`` (ms), a metric."""

    carbon: CarbonTrace
    latency: np.ndarray
    lengths: tuple[float, ...]
    slots: int


def prepare(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Reads the data that one point's values name, and checks the values against them.

    Raises:
      InputError: with every problem found, each under the field's path.
    """
    carbon = _carbon(values, folder)
    latency, violated = _latency(values, folder, carbon.regions)
    longest = values["deadline_max"]
    lengths = _lengths(values["job_length"])
    issues = _conflicts(values, carbon, latency, lengths)
    if issues:
        raise InputError(issues)
    warnings = []
    if violated:
        warnings.append(
            f"problem.latency: {violated} triangles of the matrix violate the triangle inequality; "
            "it was closed under shortest paths"
        )
    tight = _tight_windows(values, carbon, latency) if values["bounds"] == "window" else 0
    if tight:
        warnings.append(
            f"problem.bounds: in {tight:.2%} of the hours prices of the shortest window lie closer "
            "together than a move and two switches cost; U is raised there, PCM will not move"
        )
    identity = {
        "carbon": carbon.digest,
        "regions": list(carbon.regions),
        "latency": [float(x) for x in latency.ravel()],
    }
    content = Content(carbon, latency, lengths, longest)
    notes = (f"carbon intensity: {carbon.source}", *carbon.notes)
    group = (len(carbon.regions), carbon.digest, longest, len(lengths), values["bounds"])
    return Prepared(content, group, identity, notes, tuple(warnings))


def _carbon(values: Mapping[str, Any], folder: Path) -> CarbonTrace:
    try:
        if values["carbon"] == "synthetic":
            carbon = _synthetic(values["carbon_seed"])
        else:
            path = str((folder / values["carbon"]).resolve())
            carbon = _load(path, values["signal"], values["fill_gaps"], values["trim"])
        regions = values["regions"]
        return carbon if regions is None else carbon.select(tuple(regions))
    except InputError as error:
        raise _under("problem", error) from None


@functools.lru_cache(maxsize=8)
def _synthetic(seed: int) -> CarbonTrace:
    return synthetic_carbon(seed)


@functools.lru_cache(maxsize=8)
def _load(path: str, signal: str, fill_gaps: int, trim: bool) -> CarbonTrace:
    return load_carbon_csv(path, signal=signal, fill_gaps=fill_gaps, trim=trim)


def _latency(values, folder: Path, regions: tuple[str, ...]) -> tuple[np.ndarray, int]:
    try:
        if values["latency"] == "great-circle":
            return close_metric(great_circle_latency(regions))
        return close_metric(load_latency(folder / values["latency"], regions))
    except InputError as error:
        raise _under("problem.latency", error) from None


def _under(field: str, error: InputError) -> InputError:
    """The same issues, with the field that led to them."""
    return InputError(
        i if i.path.startswith("problem") else Issue(f"{field}: {i.path}", i.message, i.hint)
        for i in error.issues
    )


def _lengths(job_length: int | str) -> tuple[float, ...]:
    """Weights of lengths 1, 2, ...; short fixed lengths share the drawn ones' compiled size."""
    if job_length == "google":
        return GOOGLE_LENGTHS
    size = max(int(job_length), len(GOOGLE_LENGTHS))
    return tuple(float(j + 1 == job_length) for j in range(size))


def _move_rate(values: Mapping[str, Any]) -> float:
    """Carbon of moving the whole job, g per ms of round trip (section 5)."""
    network = values["network_intensity"] / MEAN_LATENCY
    return values["data_size"] * ENERGY_PER_DATA * network


def _conflicts(values, carbon: CarbonTrace, latency: np.ndarray, lengths) -> list[Issue]:
    shortest, longest = values["deadline_min"], values["deadline_max"]
    longest_job = max(j + 1 for j, weight in enumerate(lengths) if weight)
    hours = carbon.values.shape[0]
    issues = []
    if shortest > longest:
        issues.append(
            Issue(
                "problem.deadline_min",
                f"{shortest} h is above deadline_max = {longest} h",
                "want deadline_min <= deadline_max",
            )
        )
    if longest_job > shortest:
        issues.append(
            Issue(
                "problem.job_length",
                f"jobs of up to {longest_job} h cannot meet a deadline of {shortest} h",
                f"want job_length <= deadline_min, or deadline_min >= {longest_job}",
            )
        )
    if hours < longest:
        issues.append(
            Issue(
                "problem.carbon",
                f"{hours} h of data are shorter than deadline_max = {longest} h",
                "give a longer trace or a shorter deadline",
            )
        )
    low, high = float(carbon.values.min()), float(carbon.values.max())
    if low <= 0:
        hour, place = np.argwhere(carbon.values <= 0)[0]
        issues.append(
            Issue(
                "problem.carbon",
                f"carbon intensity 0 in {carbon.regions[place]} at hour {hour} of the trace leaves "
                "the competitive ratio without a bound (L = 0)",
                "leave the region out with problem.regions",
            )
        )
    move = _move_rate(values) * float(latency.max())
    low, high, switch = low * values["energy"], high * values["energy"], values["switch"]
    if low > 0 and low + move + 2 * switch >= high:
        issues.append(
            Issue(
                "problem.data_size",
                f"D + 2 tau + L >= U: a slot costs {low:.4g} to {high:.4g} g, a move up to "
                f"{move:.4g} g and a switch {switch:.4g} g, so moving never pays",
                "want less data, a smaller switch, or regions whose prices differ more",
            )
        )
    return issues


def _tight_windows(values, carbon: CarbonTrace, latency: np.ndarray) -> float:
    """Share of arrival hours whose shortest window violates ``L + D + 2 tau < U``."""
    span = values["deadline_min"]
    windows = np.lib.stride_tricks.sliding_window_view
    low = windows(carbon.values.min(axis=1), span).min(axis=1)
    high = windows(carbon.values.max(axis=1), span).max(axis=1)
    fixed = _move_rate(values) * latency.max() + 2 * values["switch"]
    return float(np.mean((high - low) * values["energy"] <= fixed))


def build(prepared: Prepared, values: Mapping[str, Any]) -> Instance:
    """The problem of one point, ready for a sweep."""
    from jaxsoco.allocation.jobs import sample_job
    from jaxsoco.allocation.problem import allocation
    from jaxsoco.core.protocol import Instance

    return Instance(allocation, sample_job, _workload(prepared, values), prepared.content.slots)


def synthetic_workload(**values: Any) -> Workload:
    """The default workload: synthetic carbon, 14 regions, great-circle latency.

    Args:
      **values: fields of the problem ``carbon_jobs`` (``jaxsoco list allocation/carbon_jobs``)
        that differ from their defaults, such as ``data_size=8.0`` or ``carbon="folder"``.

    Returns:
      A :class:`~jaxsoco.allocation.jobs.Workload` for ``sample_job``.

    Raises:
      TypeError: no such field.
      InputError: data that cannot be used, or values that do not fit together.
    """
    from jaxsoco.allocation import FAMILY

    defaults = {field.name: field.default for field in FAMILY.problems[0].fields}
    unknown = set(values) - set(defaults)
    if unknown:
        raise TypeError(f"unknown fields: {sorted(unknown)}; known: {sorted(defaults)}")
    filled = {**defaults, **values}
    return _workload(prepare(filled, Path()), filled)


def _workload(prepared: Prepared, values: Mapping[str, Any]) -> Workload:
    import jax.numpy as jnp

    from jaxsoco.allocation.jobs import Workload

    content: Content = prepared.content
    weights = np.asarray(content.lengths)
    return Workload(
        carbon=jnp.asarray(content.carbon.values, float),
        latency=jnp.asarray(content.latency, float),
        move_rate=jnp.asarray(_move_rate(values), float),
        power=jnp.asarray(values["energy"], float),
        switch=jnp.asarray(values["switch"], float),
        lengths=jnp.asarray(np.cumsum(weights) / np.sum(weights), float),
        deadline_min=jnp.asarray(values["deadline_min"], jnp.int32),
        deadline_max=jnp.asarray(values["deadline_max"], jnp.int32),
        forecast_noise=jnp.asarray(values["forecast_noise"], float),
        widen=jnp.asarray(_WIDEN, float),
        slots=content.slots,
        bounds=values["bounds"],
    )
