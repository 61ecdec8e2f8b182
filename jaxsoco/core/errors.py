"""Errors that a user can act on.

Bad input never reaches the user as a traceback: whoever finds it raises :class:`InputError` with
*every* problem found, and the command line prints one line for each and exits with code 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jaxsoco.core.text import shorten
from jaxsoco.core.text import suggest as suggest

_MOST = 600
"""Characters of a part of an issue that are printed."""


class Issue(NamedTuple):
    """One problem in what the user gave.

    >>> from jaxsoco.extend import Issue
    >>> print(Issue("problem.dimension", "is 0", "want an integer >= 1"))
    problem.dimension: is 0 (want an integer >= 1)

    Attributes:
      path: where it is: a field of the experiment file (``problem.data_size[2]``), an argument
        (``--set run.seeds``), or a place in a data file (``fr.csv:17, column carbon``).
      message: what is wrong there.
      hint: what would be right; may be empty.
    """

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        # What a user gave may be of any length, and on several lines; an issue is neither.
        path, message, hint = (shorten(_on_one_line(part), _MOST) for part in self)
        text = f"{path}: {message}" if path else message
        return f"{text} ({hint})" if hint else text


def _on_one_line(text: str) -> str:
    for end, escape in (("\r", "\\r"), ("\n", "\\n")):
        text = text.replace(end, escape)
    return text


class InputError(ValueError):
    """Input that cannot be used, with every :class:`Issue` that was found."""

    def __init__(self, issues: Iterable[Issue] | Issue):
        self.issues = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))

    def under(self, place: str) -> InputError:
        """The same issues with the place that led to them: ``problem.matrix: coupling.csv:2``.

        An issue that names a field of the problem keeps its own place.
        """
        return InputError(
            issue
            if issue.path.startswith("problem")
            else issue._replace(path=f"{place}: {issue.path}" if issue.path else place)
            for issue in self.issues
        )


class Interrupted(RuntimeError):
    """The run stopped early; what was committed is whole and a later run resumes from it."""


def reason_of(error: OSError) -> str:
    """What the system says of an error, without the number and the path."""
    return error.strerror or str(error)
