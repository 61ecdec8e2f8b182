"""Errors that a user can act on.

Bad input never reaches the user as a traceback: whoever finds it raises :class:`InputError` with
*every* problem found, and the command line prints one line for each and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Issue(NamedTuple):
    """One problem in what the user gave.

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
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text} ({self.hint})" if self.hint else text


class InputError(ValueError):
    """Input that cannot be used, with every :class:`Issue` that was found."""

    def __init__(self, issues: Iterable[Issue] | Issue):
        self.issues = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


class Interrupted(RuntimeError):
    """The run stopped early; what was committed is whole and a later run resumes from it."""


def suggest(word: str, options: Iterable[str]) -> str:
    """Returns ``did you mean "..."?`` for the closest option, or the list of options."""
    names = sorted(map(str, options))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return "known: " + ", ".join(names) if names else ""
