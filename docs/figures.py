"""Draws the figure that opens the README, one study a family.

``python docs/figures.py`` runs the studies into ``runs/figures`` (minutes on two cores; what is
there already is not computed again) and writes ``docs/images/overview.png``.
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "kernels")]

from jaxsoco.analysis import style  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Panel(NamedTuple):
    """One study and how it is drawn.

    Attributes:
      spec: the experiment, below ``experiments``.
      options: of ``jaxsoco run``, for the figure's own size.
      smoke: the same with ``--smoke``; two values at least, since one is no axis of the table.
      title: above the axes.
      x: column of the table, and its label.
      y: first part of the names of the table's columns, and its label.
      learners: label in the table -> words in the legend.
      table: which table of the run directory.
      statistic: over the runs.
      per_round: whether y is divided by x.
      log: whether both axes are logarithmic.
    """

    spec: str
    options: tuple[str, ...]
    title: str
    x: tuple[str, str]
    y: tuple[str, str]
    learners: dict[str, str]
    table: str = "table.csv"
    statistic: str = "mean"
    per_round: bool = False
    log: bool = False
    smoke: tuple[str, ...] = ()


PANELS = (
    Panel(
        "allocation/data_size.toml",
        ("--seeds", "512"),
        "Carbon of jobs that may wait and move",
        ("data_size", "data of a job [GB]"),
        ("ratio_integral_optimum", "cost / best schedule"),
        {
            "pcm(metric=true)": "PCM",
            "st_clip(epsilon=0.1)": "ST-CLIP",
            "greedy": "greedy",
            "threshold": "threshold",
        },
    ),
    Panel(
        "tracking/regret_full.toml",
        (),
        "Tracking with a hidden cost",
        ("horizon", "rounds T"),
        ("regret_online_optimum", "regret (median)"),
        {
            "scale": "SCaLE",
            "passive_learner": "passive learner",
            "follow_minimizer": "follow the minimiser",
        },
        statistic="median",
        log=True,
    ),
    Panel(
        "multistage/tree_h2k2.toml",
        ("--set", "run.horizons=[10_000, 30_000, 100_000, 300_000, 1_000_000]"),
        "Agents that only see the outcome",
        ("horizon", "rounds T"),
        ("regret_best_leaf", "regret per round"),
        {"epsilon_exp3": "ε-EXP3", "exp3": "EXP3", "broad_omd": "Broad-OMD"},
        per_round=True,
        log=True,
        smoke=("--set", "run.horizons=[1000, 5000]"),
    ),
    Panel(
        "provisioning/bursty_queue.toml",
        (),
        "Budgets for an unknown queue",
        ("round", "episodes"),
        ("regret_static_optimum", "regret [thousands]"),
        {
            "blol": "BLOL",
            "fixed_budget(budget=4)": "best fixed budget",
            "no_dual": "BLOL, no multiplier",
            "blind_rate": "state-blind rate",
        },
        table="curves.csv",
    ),
)


def run(panel: Panel, folder: Path, smoke: bool) -> Path:
    """Runs a panel's study, or what is missing of it; returns the run directory."""
    out = folder / Path(panel.spec).stem
    size = ("--smoke", *panel.smoke) if smoke else panel.options
    command = ("run", str(ROOT / "experiments" / panel.spec), "--out", str(out), *size)
    done = subprocess.run([sys.executable, "-m", "jaxsoco", *command], cwd=ROOT, check=False)
    if done.returncode not in (0, 1):  # 1: a check failed, which a small size may do
        raise SystemExit(done.returncode)
    return out


def draw(panel: Panel, directory: Path, ax: Axes) -> None:
    """Draws every learner with its 95 % interval."""
    with (directory / panel.table).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    looks = style.lines(panel.learners)
    values = sorted({float(row[panel.x[0]]) for row in rows})
    for label, words in panel.learners.items():
        own = [row for row in rows if row["algorithm"] == label]
        place = [float(row[panel.x[0]]) for row in own]
        middle, low, high = (
            [_value(panel, row, column, x) for row, x in zip(own, place, strict=True)]
            for column in _columns(panel)
        )
        every = 1 if len(place) < 20 else 0.15  # of the axes' diagonal
        ax.plot(place, middle, label=words, markevery=every, **looks[label].options())
        ax.fill_between(place, low, high, color=looks[label].color, alpha=0.18, linewidth=0)
    if panel.log:
        ax.set_xscale("log")
        ax.set_yscale("log")
        style.plain_log(ax.yaxis)
        if values[-1] < 1e5:
            style.ticks_at(ax, values)
    ax.set_title(panel.title, fontsize=8.5)
    ax.set_xlabel(panel.x[1])
    ax.set_ylabel(panel.y[1])
    # Below the axes, so that it never covers data.
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.24), ncols=2)


def _columns(panel: Panel) -> Sequence[str]:
    stem, middle = panel.y[0], panel.statistic
    if middle == "mean":
        return f"{stem}_mean", f"{stem}_lower", f"{stem}_upper"
    return f"{stem}_{middle}", f"{stem}_{middle}_lower", f"{stem}_{middle}_upper"


def _value(panel: Panel, row: dict[str, str], column: str, x: float) -> float:
    value = float(row[column])
    if panel.table == "curves.csv":
        return value / 1000
    return value / x if panel.per_round else value


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG of 128 colours, a third of the size of one of all colours."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=180)
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)


def main() -> None:
    """Runs the studies and writes the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "overview.png")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "figures")
    parser.add_argument("--smoke", action="store_true", help="the small size of every study")
    arguments = parser.parse_args()
    directories = [run(panel, arguments.runs, arguments.smoke) for panel in PANELS]

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with style.figure_style():
        figure, axes = pyplot.subplots(2, 2, figsize=(2 * style.WIDTH, 5.2), layout="constrained")
        for panel, directory, ax in zip(PANELS, directories, axes.flat, strict=True):
            draw(panel, directory, ax)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
