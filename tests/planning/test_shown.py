"""What a plan looks like: its text to the letter, its figure by what is drawn where."""

from __future__ import annotations

import json
from dataclasses import replace

import matplotlib.dates
import numpy as np
import pytest
from matplotlib.text import Text

from jaxsoco.allocation import Plan, Schedule
from jaxsoco.allocation.planning.request import Job
from jaxsoco.analysis import style
from jaxsoco.core.errors import InputError
from jaxsoco.planning.figure import draw_plan, write_figure
from jaxsoco.planning.wording import plan_document, plan_text

HOURS = 4
REGIONS = ("north", "south", "far")
START = np.datetime64("2024-02-29T22", "h")


def schedule(name, states, costs, kind="learner", **more):
    """A schedule from the shares of north ON, south ON, north OFF, south OFF in every slot."""
    shares = np.array(states, float)
    nothing = np.zeros((HOURS, 1))
    on = np.hstack([shares[:, :2], nothing])
    off = np.hstack([shares[:, 2:], nothing])
    ledger = {
        part: np.array([total, 0, 0, 0.0])
        for part, total in zip(("service", "move", "switch"), costs, strict=True)
    }
    work = np.cumsum(on.sum(axis=1)) / 2
    ledger["shortfall"] = np.array([0, 0, 0, 1 - work[-1]])
    return Schedule(name, kind, on, off, ledger, work, **more)


@pytest.fixture
def day() -> Plan:
    carbon = np.array([[10.0, 40, 90], [20, 30, 90], [30, 20, 90], [40, 10, 90]])
    moves = [(0, 0, 1, 0), (0.6, 0, 0.4, 0), (0, 1, 0, 0), (0, 0.4, 0, 0.6)]
    stays = [(1, 0, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 0)]
    mixed = [(0.5, 0, 0.5, 0)] * 4
    whole = [(0, 0, 1, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 0, 0)]
    short = [(0, 0, 1, 0)] * 3 + [(1, 0, 0, 0)]
    return Plan(
        Job(START, 2, HOURS, "north", START + np.timedelta64(1, "h")),
        REGIONS,
        carbon,
        np.array([True, True, False, False]),
        carbon,
        (20.0, 180.0),
        (
            schedule("mover", moves, (36, 3, 0.5)),
            schedule("stayer", stays, (30, 0, 0.5)),
            schedule("late", short, (40, 0, 0.5), faults=1),
            schedule("offline_optimum", mixed, (25, 0, 0.5), kind="optimum"),
            schedule("integral_optimum", whole, (27, 2, 1), kind="optimum"),
        ),
        ("carbon intensity: somewhere",),
    )


TEXT = """\
job: 2 hours of work within 4, from 2024-02-29 22:00 to 2024-03-01 02:00 UTC, arriving in north
prices: 2 of 4 hours measured, to 2024-02-29 23:00; 2 forecast
  carbon intensity: somewhere

learner             done         g CO2eq  service  move  switch  / linear  / whole-slot
------------------  -----------  -------  -------  ----  ------  --------  ------------
mover               03-01 02:00     39.5     36.0   3.0     0.5     1.549         1.317
stayer              03-01 00:00     30.5     30.0   0.0     0.5     1.196         1.017
late                never           40.5     40.0   0.0     0.5     1.588         1.350
linear optimum      03-01 02:00     25.5     25.0   0.0     0.5     1.000         0.850
whole-slot optimum  03-01 02:00     30.0     27.0   2.0     1.0     1.176         1.000

learner             from         to           where, and how much of the job  work done
------------------  -----------  -----------  ------------------------------  ---------
mover               02-29 22:00  02-29 23:00  north OFF                             0 %
                    02-29 23:00  03-01 00:00  north ON 60 %, north OFF 40 %        30 %
                    03-01 00:00  03-01 01:00  south ON                             80 %
                    03-01 01:00  03-01 02:00  south ON 40 %, south OFF 60 %       100 %
stayer              02-29 22:00  03-01 00:00  north ON                            100 %
late                02-29 22:00  03-01 01:00  north OFF                             0 %
                    03-01 01:00  03-01 02:00  north ON                             50 %
linear optimum      02-29 22:00  03-01 02:00  north ON 50 %, north OFF 50 %       100 %
whole-slot optimum  02-29 22:00  03-01 00:00  north OFF                             0 %
                    03-01 00:00  03-01 02:00  south ON                            100 %

The optima, and every ratio, hold if the forecast comes true: they are no hindsight.
The linear optimum mixes two schedules, one of which does too little: it is a bound, \
not a schedule.
late leaves 50 % undone.
late: 1 step missed the solver's tolerance.
"""


def test_the_text_to_the_letter(day):
    assert plan_text(day) == TEXT.rstrip("\n")


def test_a_document_has_no_numbers_that_json_lacks(day):
    (first, *rest) = day.schedules
    broken = replace(first, work=np.full(HOURS, np.nan), on=np.full((HOURS, 3), np.nan))
    broken.costs["service"][0] = np.inf
    document = plan_document(replace(day, schedules=(broken, *rest)))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    told = document["schedules"][0]
    assert told["costs"]["total"] is told["ratios"]["offline_optimum"] is told["finish"] is None
    assert told["costs"]["move"] == 3.0 and told["slots"][0]["work"] is None


def test_the_figure_shows_prices_places_and_progress(day):
    with style.figure_style():
        figure = draw_plan(day)
        figure.draw_without_rendering()
    # What stands below has its lines, all of them within the figure.
    lines = figure.get_supxlabel().split("\n")
    assert lines[0].endswith("what waits.") and lines[1].startswith("Prices: ")
    (note,) = figure.findobj(lambda one: isinstance(one, Text) and one.get_text()[:7] == "Colours")
    assert note.get_window_extent().x1 <= figure.bbox.x1
    carbon, places, progress = figure.axes
    named = {patch.get_label(): patch for patch in carbon.patches if patch.get_label() in REGIONS}
    assert [*named] == ["north", "south"]  # far is never gone to, and is grey
    for name, patch in named.items():
        values = patch.get_data().values
        np.testing.assert_array_equal(values, day.carbon[:, REGIONS.index(name)])
    assert [text.get_text() for text in carbon.texts] == [" forecast"]
    legend = carbon.get_legend()
    assert legend is not None and legend.get_title().get_text() == "and 1 region in grey"
    # Every bar: row, hours, height and colour are those of a span of a schedule.
    names = [label.get_text() for label in places.get_yticklabels()]
    assert names == ["mover", "stayer", "late", "linear optimum", "whole-slot optimum"]
    colours = {name: patch.get_edgecolor()[:3] for name, patch in named.items()}
    first = matplotlib.dates.date2num(START)
    bars = [_bar(bar, first, colours) for bar in places.patches]
    assert [bar for bar in bars if bar[0] == 0] == [
        (0, 0, 1, "north", 1.0, 0.25),
        (0, 1, 1, "north", 0.6, 1.0),
        (0, 1, 1, "north", 0.4, 0.25),
        (0, 2, 1, "south", 1.0, 1.0),
        (0, 3, 1, "south", 0.4, 1.0),
        (0, 3, 1, "south", 0.6, 0.25),
    ]
    # A job that is done is not drawn any more.
    assert [bar for bar in bars if bar[0] == 1] == [(1, 0, 2, "north", 1.0, 1.0)]
    lines = {line.get_label(): line.get_ydata() for line in progress.lines}
    assert np.asarray(lines["mover"]) == pytest.approx([0, 0, 30, 80, 100])
    assert np.asarray(lines["late"]) == pytest.approx([0, 0, 0, 0, 50])


def _bar(bar, first, colours):
    """Row, first hour, hours, region, share and opacity of a bar."""
    (colour,) = (n for n, c in colours.items() if np.allclose(c, bar.get_facecolor()[:3]))
    begin, hours = (round(24 * x) for x in (bar.get_x() - first, bar.get_width()))
    row = round(bar.get_y() + bar.get_height() / 2)
    return row, begin, hours, colour, round(-bar.get_height() / 0.8, 6), bar.get_alpha()


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_the_same_plan_gives_the_same_file(day, tmp_path, form):
    files = [tmp_path / f"{name}.{form}" for name in "ab"]
    for file in files:
        write_figure(day, file)
    assert files[0].read_bytes() == files[1].read_bytes() and files[0].stat().st_size > 5000
    head = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[form]
    assert files[0].read_bytes().startswith(head)
    assert len([*tmp_path.iterdir()]) == 2


def test_a_figure_that_cannot_be_written_is_named(day, tmp_path):
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_figure(day, tmp_path / "no" / "plan.svg")
    with pytest.raises(InputError, match=r"want \.svg, \.pdf, \.png"):
        write_figure(day, tmp_path / "plan")


def test_regions_beyond_the_colours_are_hatched(day):
    count = 9
    on = np.full((HOURS, count), 1 / count)
    costs = {part: np.zeros(HOURS) for part in ("service", "move", "switch")}
    shares = Schedule("all", "learner", on, 0 * on, costs, np.linspace(0.25, 1, HOURS))
    regions = tuple(f"r{i}" for i in range(count))
    carbon = np.ones((HOURS, count))
    wide = Plan(day.job, regions, carbon, day.measured, None, (1.0, 2.0), (shares,))
    with style.figure_style():
        figure = draw_plan(wide)
    looks = {(bar.get_facecolor(), bar.get_hatch() or "") for bar in figure.axes[1].patches}
    assert len(looks) == count


def test_schedules_that_run_alike_share_a_line(day):
    (first, *rest) = day.schedules
    twin = replace(first, name="twin")
    with style.figure_style():
        progress = draw_plan(replace(day, schedules=(first, twin, *rest))).axes[2]
    labels = [line.get_label() for line in progress.lines]
    assert labels[0] == "mover\ntwin" and len(labels) == len(day.schedules)
    # Colours are those of regions, in the panels above.
    for line in progress.lines:
        red, green, blue = matplotlib.colors.to_rgb(line.get_color())
        assert red == green == blue
