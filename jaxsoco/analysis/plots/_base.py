"""What all plots share: the learners that they show, and fields that several of them take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.analysis import style
from jaxsoco.analysis.kinds import Kind
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.selection import Scope, check_labels
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
    """A figure of the results of a sweep."""

    def validate(self, scope: Scope) -> None:
        """Reports unknown learners."""
        check_labels("algorithms", self.table.get("algorithms", ()), scope)

    def draw(self, ledger: Ledger, ax: Axes) -> str:
        """Draws on ``ax`` and returns the caption.

        Raises:
          NothingToDraw: there are no runs for it.
        """
        raise NotImplementedError

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
