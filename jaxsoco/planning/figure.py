"""A plan drawn: prices, where the job is and how much of it runs, and its progress."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.allocation.planning.request import stamp
from jaxsoco.allocation.planning.result import LEAST, Plan, Schedule
from jaxsoco.analysis import style
from jaxsoco.analysis.export import replaced
from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.text import count
from jaxsoco.planning.wording import optima_text, prices_text, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMS = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {"Software": None},
}
"""Ending of a file -> metadata without which the same plan gives the same file."""

_HEIGHT = 0.24  # inches of a schedule's row
_NOTE = 135  # letters of a line below
_UNUSED = "#c9c9c9"
_GREYS = ("#000000", "#7a7a7a", "#444444")
_HATCHES = ("", *(hatch for _, hatch in style.COMPONENTS[1:]), *("",) * 23)
"""Of the bars of the first, second, ... region that has a colour; there may be 200 regions."""


def check_form(path: Path) -> None:
    """Raises unless the ending names a form that a figure can be written in."""
    if path.suffix.lower() not in _FORMS:
        message = f'no figure is written as "{path.suffix or path.name}"'
        raise InputError(Issue(f"--figure {path}", message, f"want {', '.join(_FORMS)}"))


def write_figure(plan: Plan, path: Path) -> None:
    """Draws a plan to a file, whole or not at all.

    Raises:
      InputError: the form is unknown, or the file cannot be written.
    """
    text = "\n".join([*plan.regions, *(schedule.name for schedule in plan.schedules)])
    save_figure(path, text, lambda: draw_plan(plan))


def save_figure(path: Path, text: str, draw: Callable[[], Figure]) -> None:
    """Draws to a file, whole or not at all.

    Args:
      path: of the file.
      text: all names that the figure shows, for which a font is looked for.
      draw: makes the figure.

    Raises:
      InputError: the form is unknown, or the file cannot be written.
    """
    check_form(path)
    form = path.suffix.lower()
    style.find_matplotlib()
    buffer = io.BytesIO()
    with style.figure_style(text):
        draw().savefig(buffer, format=form[1:], metadata=_FORMS[form])
    try:
        with replaced(path) as file:
            file.write(buffer.getvalue())
    except OSError as error:
        message = f"cannot be written: {reason_of(error)}"
        raise InputError(Issue(f"--figure {path}", message)) from error


def draw_plan(plan: Plan) -> Figure:
    """Three panels over the job's hours; call it, and save, within ``style.figure_style()``.

    The first has the carbon intensity of the regions that any schedule goes to, the second a row
    for each schedule (the coloured height is the share that runs, pale is what waits), the third
    the work done.
    """
    from matplotlib.figure import Figure

    rows = len(plan.schedules)
    figure = Figure(figsize=(2 * style.WIDTH, 4.6 + _HEIGHT * rows), layout="constrained")
    heights = (1.5, 0.4 + _HEIGHT * rows, 1.3)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    looks = _looks(plan)
    _draw_prices(axes[0], plan, looks)
    _draw_locations(axes[1], plan, looks)
    _draw_progress(axes[2], plan)
    _date_ticks(axes[2], plan)
    job = plan.job
    work = f"{count(job.hours, 'hour')} of work within {job.deadline}, from {stamp(job.start)} UTC"
    figure.suptitle(style.plain(f"{work}, arriving in {job.region}"), x=0.01, ha="left")
    notes = (
        "Colours are regions: full for the share of the job that runs, pale for what waits.",
        f"Prices: {prices_text(plan)}. {optima_text(plan)}",
    )
    text = "\n".join(style.wrapped(note, _NOTE) for note in notes)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=6.5)
    return figure


class _Look(NamedTuple):
    """How a region is drawn: with so many regions that colours repeat, bars are hatched."""

    color: str
    linestyle: Any
    hatch: str


def _looks(plan: Plan) -> dict[str, _Look]:
    """A look for every region that a schedule goes to, those with most of the job first."""
    share = sum(schedule.on + schedule.off for schedule in plan.schedules)
    most = np.asarray(share).sum(axis=0)
    order = [i for i in np.argsort(-most, kind="stable") if most[i] > LEAST]
    lines = style.lines(map(str, order))
    regions = [plan.regions[i] for i in order]
    looks: dict[str, _Look] = {}
    for region, line in zip(regions, lines.values(), strict=True):
        before = sum(look.color == line.color for look in looks.values())
        looks[region] = _Look(line.color, line.linestyle if before else "-", _HATCHES[before])
    return looks


def _edges(plan: Plan) -> np.ndarray:
    """Begin of every slot and end of the last one, ``datetime64 [T + 1]``."""
    return np.append(plan.hours, plan.job.end).astype("datetime64[m]")


def _draw_prices(ax: Axes, plan: Plan, looks: Mapping[str, _Look]) -> None:
    edges = _edges(plan)
    for place, region in enumerate(plan.regions):
        if region not in looks:
            ax.stairs(plan.carbon[:, place], edges, color=_UNUSED, linewidth=0.6, baseline=None)
    for region, look in looks.items():
        values = plan.carbon[:, plan.regions.index(region)]
        ax.stairs(values, edges, color=look.color, linestyle=look.linestyle, baseline=None,
                  label=style.plain(region))  # fmt: skip
    if not plan.all_measured:
        first = edges[int(np.argmin(plan.measured))]
        ax.axvspan(first, edges[-1], color="#f0f0f0", zorder=0)
        ax.text(first, 1.0, " forecast", transform=ax.get_xaxis_transform(), va="top", fontsize=6.5,
                color="#666666")  # fmt: skip
    ax.set_ylabel("g CO2eq/kWh")
    ax.set_ylim(bottom=0)
    others = len(plan.regions) - len(looks)
    title = f"and {count(others, 'region')} in grey" if others else None
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title=title, title_fontsize=6.5)


def _draw_locations(ax: Axes, plan: Plan, looks: Mapping[str, _Look]) -> None:
    for row, schedule in enumerate(plan.schedules):
        for begin, end in schedule.spans:
            _draw_span(ax, plan, schedule, row, (begin, end), looks)
    names = [style.plain(title_of(schedule)) for schedule in plan.schedules]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.set_ylabel("where the job is")


def _draw_span(
    ax: Axes,
    plan: Plan,
    schedule: Schedule,
    row: int,
    span: tuple[int, int],
    looks: Mapping[str, _Look],
) -> None:
    """The shares of some slots, stacked from below: what runs in full colour, what waits pale."""
    begin, end = _edges(plan)[[*span]]
    bottom = 0.0
    for shares, alpha in ((schedule.on[span[0]], 1.0), (schedule.off[span[0]], 0.25)):
        for region, look in looks.items():
            share = float(shares[plan.regions.index(region)])
            if share <= LEAST:
                continue
            # The axis points down.
            ax.bar(begin, -0.8 * share, width=end - begin, align="edge",
                   bottom=row + 0.4 - 0.8 * bottom, color=look.color, hatch=look.hatch,
                   alpha=alpha, linewidth=0, edgecolor="white")  # fmt: skip
            bottom += share


def _draw_progress(ax: Axes, plan: Plan) -> None:
    """A grey line each, as colours are for regions; schedules that run alike share theirs."""
    edges = _edges(plan)
    names: dict[tuple[float, ...], list[str]] = {}
    for schedule in plan.schedules:
        work = tuple(np.round(schedule.work, 6).tolist())
        names.setdefault(work, []).append(style.plain(title_of(schedule)))
    looks = style.lines(map(str, range(len(names))))
    for i, ((work, alike), look) in enumerate(zip(names.items(), looks.values(), strict=True)):
        progress = 100 * np.array([0.0, *work])
        ax.plot(edges, progress, color=_GREYS[i % len(_GREYS)], linestyle=look.linestyle,
                label="\n".join(alike))  # fmt: skip
    ax.set_ylabel("work done (%)")
    ax.set_ylim(-3, 108)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _date_ticks(ax: Axes, plan: Plan) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=10)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlim(_edges(plan)[0], _edges(plan)[-1])
    ax.set_xlabel("hour (UTC)")
