"""Cost ratios of several runs, pooled: means, what a learner saves, and the distribution.

Runs of one seed see the same world in all of them, so that seeds are the independent units of the
intervals. The figure of arXiv 2408.07831 over its experiments I to IV and VI to VIII:

    for file in data_size_linear energy volatility subsets job_length switching regions; do
      jaxsoco run experiments/allocation/$file.toml
    done
    python examples/pooled/pool.py runs/data_size_linear runs/energy runs/volatility runs/subsets \
        runs/job_length runs/switching runs/regions --figure pooled.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import jaxsoco
from jaxsoco.analysis import style
from jaxsoco.analysis.drawings.distribution import draw_distributions
from jaxsoco.analysis.statistics import pooled_mean
from jaxsoco.analysis.tables import with_interval


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table of the pooled ratios, and draws their distribution."""
    parser = argparse.ArgumentParser(description="cost ratios of several runs, pooled")
    parser.add_argument("runs", type=Path, nargs="+", help="run directories, complete")
    parser.add_argument("--against", default="offline_optimum", help="the comparator")
    parser.add_argument(
        "--learner", default="st_clip(epsilon=0.1)", help="whom the others are compared with"
    )
    parser.add_argument("--figure", type=Path, help="where to draw the distributions")
    options = parser.parse_args(arguments)
    ratios = pooled([jaxsoco.load(run) for run in options.runs], options.against)
    if options.learner not in ratios:
        parser.error(f"--learner: want one of {', '.join(ratios)}")
    print(table(ratios, options.learner))
    if options.figure:
        draw(ratios, options.against, options.figure)


def pooled(results: Sequence[jaxsoco.Results], against: str) -> dict[str, np.ndarray]:
    """Ratios ``[points of all runs, seeds]`` of the learners that all runs have.

    Raises:
      SystemExit: runs that are not complete, or differ in their seeds.
    """
    for one in results:
        if not one.complete:
            sys.exit(f"{one.path}: not complete")
        if one.study.seeds != results[0].study.seeds:
            sys.exit(f"{one.path}: {one.study.seeds} seeds, not {results[0].study.seeds}")
    learners = [x for x in results[0].study.algorithms if all(x in r.labels for r in results)]
    return {
        learner: np.concatenate([totals(r, learner) / totals(r, against) for r in results])
        for learner in learners
    }


def totals(results: jaxsoco.Results, label: str) -> np.ndarray:
    """Cost of every run at its end, ``[points, seeds]``."""
    rows, study = results.runs(label), results.study
    return rows.total.reshape(-1, study.seeds, study.checkpoints)[..., -1]


def table(ratios: Mapping[str, np.ndarray], learner: str) -> str:
    """Means, quantiles, and by how much less ``learner`` costs than each other one, in Markdown."""
    mean = {name: pooled_mean(values) for name, values in ratios.items()}
    lines = [
        "| learner | mean | median | 95 % of the runs below | saved |",
        "|---|---|---|---|---|",
    ]
    for name, values in ratios.items():
        middle, high = np.quantile(values, [0.5, 0.95])
        saved = "" if name == learner else f"{1 - mean[learner].value / mean[name].value:.0%}"
        cells = [name, with_interval(mean[name]), f"{middle:.3g}", f"{high:.3g}", saved]
        lines.append(f"| {' | '.join(cells)} |")
    runs = next(iter(ratios.values())).size
    return "\n".join([*lines, "", f"{runs:,} runs a learner; saved: by {learner}"])


def draw(ratios: Mapping[str, np.ndarray], against: str, path: Path) -> None:
    """The share of the runs whose ratio is at most so much."""
    style.find_matplotlib()
    from matplotlib.figure import Figure

    ordered = {name: np.sort(values, axis=None) for name, values in ratios.items()}
    with style.figure_style("".join(ratios)):
        figure = Figure(figsize=(style.WIDTH, 2.9), layout="constrained")
        ax = figure.add_subplot()
        draw_distributions(ax, ordered, style.lines(ratios), style.names(ratios))
        ax.set_xlabel(f"ratio to {against.replace('_', ' ')}, all runs pooled")
        style.legend(figure, ax)
        figure.savefig(path)


if __name__ == "__main__":
    main()
