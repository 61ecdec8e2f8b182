"""What all plots share: the learners that they show, and fields that several of them take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jaxsoco.analysis import style
from jaxsoco.analysis.constraints import Breach, breaches, marked
from jaxsoco.analysis.drawings.series import Series
from jaxsoco.analysis.drawings.words import title, words
from jaxsoco.analysis.kinds import Kind
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, Table, check_labels
from jaxsoco.analysis.views import AGAINST, COST, PER_ROUND, STATISTIC
from jaxsoco.core.schema import Field
from jaxsoco.core.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALGORITHMS = Field("algorithms", "strings", "labels (all algorithms if absent)", default=None)
AXIS = Field("axis", "string", "an axis of the problem")
TREND = Field("trend", "float", "exponent of a guide line through the middle", default=None)
LOG = Field("log", "strings", "logarithmic axes", default=None, choices=("x", "y"))
VIEW = (AGAINST, COST, STATISTIC, PER_ROUND)


class Plot(Kind):
    """A figure of the results of a sweep.

    Attributes:
      series: what was drawn, for the CSV file beside the figure; what stands on the axes if empty.
      broken: constraints that the learners drawn break.
    """

    def __init__(self, table: Table, where: Table | None = None):
        super().__init__(table, where)
        self.series: list[Series] = []
        self.broken: list[Breach] = []

    def validate(self, scope: Scope) -> None:
        """Reports unknown learners."""
        check_labels("algorithms", self.table.get("algorithms", ()), scope)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws on ``ax`` and returns the caption.

        Raises:
          NothingToDraw: there are no runs for it.
        """
        raise NotImplementedError

    def title(self, study: Study) -> str:
        """What the figure shows: it tells the figure from the others of a report."""
        return title(words(self.name.replace("-", " ")), self.where)

    def legend(
        self, ledger: Ledger, labels: Iterable[str], letters: int = style.LETTERS
    ) -> dict[str, str]:
        """Learners as the legend names them, cut to so many letters, and marked if they break a
        constraint."""
        study, labels = ledger.study, tuple(labels)
        broken = breaches(ledger, study.select(self.where), labels)
        self.broken += [one for one in broken if one not in self.broken]
        # Names are made of all labels, so that a learner has the same one in every figure.
        names = style.names(study.labels, letters)
        return {label: marked(names[label], label, broken) for label in labels}

    def algorithms(self, study: Study) -> list[str]:
        """Labels of the learners to show."""
        return list(self.table.get("algorithms") or study.algorithms)

    def against(self, study: Study) -> str:
        """The comparator."""
        return self.table.get("against") or study.comparators[0]

    @property
    def log(self) -> tuple[str, ...]:
        """Logarithmic axes."""
        return tuple(self.table.get("log") or ())


def looks(study: Study) -> dict[str, style.Line]:
    """How each learner is drawn, the same in all figures."""
    return style.lines(study.labels)
