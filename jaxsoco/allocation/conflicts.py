"""What does not fit of a workload's settings and data: errors, and warnings beside them. No JAX."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from jaxsoco.allocation.content import Content
from jaxsoco.allocation.data.schedules import advice_conflicts
from jaxsoco.allocation.data.windows import stray_share, tight_share
from jaxsoco.allocation.settings_jobs import MONTH
from jaxsoco.core.errors import Issue
from jaxsoco.core.settings import is_traced


def conflicts(content: Content) -> Iterator[Issue]:
    """Everything that does not fit, each under its field's path."""
    yield from _time_conflicts(content)
    yield from _subset_conflicts(content)
    yield from _network_conflicts(content)
    yield from _speed_conflicts(content)
    yield from price_conflicts(content)
    yield from advice_conflicts(content.settings)


def _time_conflicts(content: Content) -> Iterator[Issue]:
    """Deadlines, job lengths and the trace's length against each other."""
    longest, hours = content.slots, content.carbon.hours
    if not is_traced(content.settings.deadline_min):
        yield from _deadline_conflicts(content)
    if content.settings.bounds == "month" and hours < MONTH + longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than the month before a job and the longest "
            f"deadline, {longest} h",
            f'give at least {MONTH + longest} h, or want problem.bounds = "window" or "trace"',
        )
    elif hours < longest:
        yield Issue(
            "problem.carbon",
            f"{hours} h of data are shorter than the longest deadline, {longest} h",
            "give a longer trace or a shorter deadline",
        )


def _deadline_conflicts(content: Content) -> Iterator[Issue]:
    longest_job = max(j + 1 for j, weight in enumerate(content.lengths) if weight)
    shortest, longest = content.settings.deadline_min, content.settings.deadline_max
    if shortest > longest:
        yield Issue(
            "problem.deadline_min",
            f"{shortest} h is above deadline_max = {longest} h",
            "want deadline_min <= deadline_max",
        )
    top = content.least_top_speed
    hours = math.ceil(longest_job / top - 1e-9)
    if hours > content.shortest:
        pace = "" if top == 1 else f" at {top:g} times the speed, that of the fastest region"
        least = "1" if top == 1 else f"{1 / top:.4g}"
        yield Issue(
            "problem.job_length",
            f"jobs of up to {longest_job} h{pace} cannot meet a deadline of {content.shortest} h",
            f"want job_length <= deadline_min, deadline_min >= {hours}, or deadline_factor "
            f">= {least}",
        )


def _subset_conflicts(content: Content) -> Iterator[Issue]:
    size, regions = content.settings.subset_size, len(content.carbon.regions)
    if size is not None and size > regions:
        yield Issue(
            "problem.subset_size",
            f"{size} regions cannot be drawn among {regions}",
            f"want subset_size <= {regions}, or more regions",
        )


def _network_conflicts(content: Content) -> Iterator[Issue]:
    """What changes of the network need: a slot for each, and a range of intensities."""
    settings = content.settings
    low, high = settings.network_intensity_min, settings.network_intensity_max
    segments, shortest = settings.network_segments, settings.deadline_min
    if not is_traced(shortest):
        least = zip(content.least_deadlines, content.lengths, strict=True)
        shortest = max(int(shortest), min(slots for slots, weight in least if weight))
    if segments > 1 and not is_traced(shortest) and segments > shortest:
        yield Issue(
            "problem.network_segments",
            f"{segments} segments do not fit into a deadline of {shortest} h: each takes an hour "
            "or more",
            f"want network_segments <= deadline_min, or deadline_min >= {segments}",
        )
    if not is_traced(low) and not is_traced(high) and low > high:
        yield Issue(
            "problem.network_intensity_min",
            f"{float(low):.4g} g/kWh is above network_intensity_max = {float(high):.4g} g/kWh",
            "want network_intensity_min <= network_intensity_max",
        )


def _speed_conflicts(content: Content) -> Iterator[Issue]:
    """Advice that counts slots, where a slot does not do the same work everywhere."""
    advice = content.settings.advice
    if content.speeds_differ and advice != "linear":
        yield Issue(
            "problem.advice",
            f'"{advice}" counts slots at one speed, and regions differ (speed, speed_spread)',
            'want advice = "linear"',
        )


def price_conflicts(content: Content) -> Iterator[Issue]:
    """``L > 0`` and ``L + D + 2 tau < U``, without which there is no competitive ratio."""
    values = content.carbon.values
    low, high = float(values.min()), float(values.max())
    if low <= 0:
        hour, place = np.argwhere(values <= 0)[0]
        yield Issue(
            "problem.carbon",
            f"carbon intensity 0 in {content.carbon.regions[place]} at hour {hour} of the trace "
            "leaves the competitive ratio without a bound (L = 0)",
            "leave the region out with problem.regions",
        )
        return
    power, switch = content.settings.energy, content.settings.switch
    if any(map(is_traced, (content.move_rate, power, switch))):
        return
    low, high = (float(x) * power for x in (content.unit_carbon.min(), content.unit_carbon.max()))
    move = content.move_rate * _longest_move(content)
    switch = switch / content.stated_speeds.min()
    if low + move + 2 * switch >= high:
        yield Issue(
            "problem.data_size",
            f"D + 2 tau + L >= U: a slot costs {low:.4g} to {high:.4g} g, a move up to "
            f"{move:.4g} g and a switch {switch:.4g} g, so moving never pays",
            "want less data, a smaller switch, or regions whose prices differ more",
        )


def _longest_move(content: Content) -> float:
    """Longest round trip between two regions (ms), for the work of an hour at speed 1."""
    speeds = content.stated_speeds
    return float(np.max(content.latency / np.minimum(speeds[:, None], speeds)))


def closure_warnings(violations: int) -> Iterator[str]:
    """What is said of latencies of which so many triangles violate the triangle inequality."""
    if violations:
        yield (
            f"problem.latency: {violations} triangles of the matrix violate the triangle "
            "inequality; it was closed under shortest paths"
        )


def warnings(content: Content, violations: int) -> Iterator[str]:
    """What should be known of data that fit."""
    yield from closure_warnings(violations)
    tight = _tight_windows(content) if content.settings.bounds == "window" else 0
    if tight:
        most = "up to " if content.settings.network_segments > 1 else ""
        yield (
            f"problem.bounds: in {most}{tight:.2%} of the hours prices of the shortest window lie "
            "closer together than a move and two switches cost; U is raised there, PCM will not "
            "move"
        )
    if content.speeds_differ:
        yield (
            "problem.speed: where regions work at different speeds, ST-CLIP may cost more than "
            "1 + epsilon times its advice; steps that do so are counted as faults"
        )
    month = content.settings.bounds == "month"
    stray = stray_share(content.unit_carbon, MONTH, content.slots) if month else 0
    if stray:
        yield (
            f"problem.bounds: in {stray:.2%} of the arrival hours the longest window has prices "
            "that the month before it did not have; no guarantee covers such a job"
        )


def _tight_windows(content: Content) -> float:
    """Share of arrival hours whose shortest window violates ``L + D + 2 tau < U``.

    Where the network changes, ``D`` is what it may become.
    """
    settings, rates = content.settings, [content.move_rate]
    if settings.network_segments > 1:
        rates.append(content.move_rate_at(settings.network_intensity_max))
    numbers = (settings.deadline_min, settings.energy, settings.switch)
    if any(map(is_traced, (*numbers, *rates))):
        return 0.0
    span, power, switch = numbers
    move = max(map(float, rates)) * _longest_move(content)
    fixed = move + 2 * switch / content.stated_speeds.min()
    return tight_share(content.unit_carbon * power, int(span), fixed)
