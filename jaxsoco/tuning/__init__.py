"""Parameters of learners tuned through whole runs: :func:`jaxsoco.tune` and what it stands on.

====================  ============================================================================
module                subject
====================  ============================================================================
``space``             parameters as free coordinates: logarithms, logits, choices
``declared``          spaces from the declarations of a learner
``defaults``          what a search does where a user says nothing
``objective``         what is made small: costs, regrets, ratios; means, quantiles, tails
``trials``            runs of a learner as a function of free coordinates
``methods``           which estimators are valid for which parameters, and why
``estimators``        gradients: ``pathwise``, ``score``, ``evolution``
``designs``           searches without gradients: ``grid``, ``random``, ``halving``
``search``            one step of a search as a pure function of its state
``judge``             values and paired differences on held-out seeds
``tuned``, ``api``    the result, and :func:`jaxsoco.tune`
``table``             ``[tune]`` of an experiment file, with ``fields`` and ``targets``
``folder``            a search on the disk, which goes on after any interruption
``finding``           one learner's search from a file, to its end
``landscape``         the objective over the range, by an ordinary sweep
``running``           ``jaxsoco tune``: all of it, and the sweep that judges
====================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxsoco.core.lazy import lazy_names

if TYPE_CHECKING:
    from jaxsoco.tuning.objective import Objective
    from jaxsoco.tuning.search import Record, Search, State
    from jaxsoco.tuning.searching import search_key, searcher
    from jaxsoco.tuning.tuned import Tuned

_MODULES = {
    "objective": "Objective",
    "search": "Record Search State",
    "searching": "search_key searcher",
    "tuned": "Tuned",
}

__all__ = ["Objective", "Record", "Search", "State", "Tuned", "search_key", "searcher"]
__getattr__, __dir__, _ = lazy_names(__name__, _MODULES)
