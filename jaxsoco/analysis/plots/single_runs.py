"""``single-runs``: the costs of single runs, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxsoco.analysis.drawings import NothingToDraw
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import label_x, label_y, title, with_unit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.plots._base import ALGORITHMS, LOG, Plot, looks
from jaxsoco.analysis.selection import Scope, check_cost
from jaxsoco.analysis.singles import MOST_PLACES, Single, single_runs, thinned
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study
from jaxsoco.core.text import count, show_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COST = Field("cost", "string", "one cost component (the total if absent)", default=None)


class SingleRuns(Plot):
    """Every run a thin line, a colour a learner."""

    name = "single-runs"
    summary = "cost of single runs over their rounds; takes run.trace"
    fields = (
        _COST,
        Field("rate", "boolean", "cost of each round, in place of the sum so far", default=False),
        Field("seeds", "integer", "how many runs a point (all traced ones)", default=None, low=1),
        ALGORITHMS,
        LOG,
    )

    def validate(self, scope: Scope) -> None:
        """Reports unknown names, comparators, and an experiment that keeps no traces."""
        super().validate(scope)
        check_cost(self.table, scope)
        names = self.table.get("algorithms")
        names = names if isinstance(names, list | tuple) else ()
        rivals = [name for name in names if isinstance(name, str) and name in scope.comparators]
        for name in rivals:
            message = f"{name} is a comparator, of which no single runs are kept"
            scope.report("algorithms", message, "want algorithms alone")
        if not scope.trace:
            message = "the experiment keeps no single run at every round"
            scope.report("kind", message, "want run.trace = 3, say")

    def title(self, study: Study) -> str:
        """What is drawn of the runs."""
        kind = "" if self.table.get("rate") else "cumulative "
        per = " of each round" if self.table.get("rate") else ""
        return title(f"{kind}{self.table.get('cost') or 'cost'}{per}, single runs", self.where)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws a thin line a run."""
        study, labels = ledger.study, self.algorithms(ledger.study)
        points = study.select(self.where)
        runs = self._runs(ledger, labels, points)
        if not runs:
            raise NothingToDraw("no run is kept at every round yet")
        drawn = [label for label in labels if any(run.label == label for run in runs)]
        names = self.legend(ledger, drawn)
        thin = False
        for run in runs:
            thin |= self._add(ax, study, run, names.pop(run.label, None))
        for axis in self.log:
            ax.set(**{f"{axis}scale": "log"})
        label_x(ax, "round")
        label_y(ax, with_unit(self._quantity(), self._unit(study)))
        return self._caption(study, runs, points, thin)

    def _runs(self, ledger: Ledger, labels: list[str], points: tuple[int, ...]) -> list[Single]:
        traced = ledger.study.traced
        if traced is None:
            return []
        most = self.table.get("seeds") or traced.seeds
        runs = single_runs(traced, ledger.traces(), labels, points, self.table.get("cost"))
        return [run for run in runs if run.seed < most]

    def _add(self, ax: Axes, study: Study, run: Single, name: str | None) -> bool:
        """Draws a run; the first one of a learner has its name. Whether rounds are left out."""
        rate = bool(self.table.get("rate"))
        values = np.diff(run.values, prepend=0.0) if rate else run.values
        places = thinned(values, extremes=rate)
        x, y = places + 1, values[places]
        axes = show_all({axis: study.points[run.point][axis] for axis in study.axes})
        parts = [run.label, *([axes] if axes else []), f"seed {run.seed}"]
        self.series.append(Series(", ".join(parts), x.tolist(), y.tolist()))
        look = looks(study)[run.label]
        ax.plot(x, y, color=look.color, linestyle=look.linestyle, linewidth=0.7, alpha=0.75,
                label=name if name is not None else "_run")  # fmt: skip
        return len(places) < len(values)

    def _quantity(self) -> str:
        name = self.table.get("cost") or "cost"
        return f"{name} of a round" if self.table.get("rate") else f"cumulative {name}"

    def _unit(self, study: Study) -> str:
        name = self.table.get("cost")
        return study.unit if name is None else study.cost(name).unit

    def _caption(
        self, study: Study, runs: list[Single], points: tuple[int, ...], thin: bool
    ) -> str:
        where = f", where {show_all(self.where)}" if self.where else ""
        seeds = len({run.seed for run in runs})
        quantity = self._quantity()
        text = f"{quantity[0].upper()}{quantity[1:]} of single runs{where}: "
        text += f"the first {count(seeds, 'seed')}"
        text += f" of each of {len(points)} points. " if len(points) > 1 else ". "
        if thin and self.table.get("rate"):
            text += f"Drawn are the largest and smallest of every {_share(runs)} rounds."
        elif thin:
            text += f"Drawn are {MOST_PLACES} rounds, evenly spaced."
        return text.rstrip()


def _share(runs: list[Single]) -> int:
    """Rounds of which the largest and the smallest are drawn."""
    return -(-2 * max(len(run.values) for run in runs) // MOST_PLACES)
