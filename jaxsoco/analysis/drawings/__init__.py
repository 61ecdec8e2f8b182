"""The three drawings that all kinds of figures share: lines, a distribution, a breakdown.

matplotlib draws on the axes that it is given here and is imported nowhere in this package.
"""

from __future__ import annotations


class NothingToDraw(Exception):
    """The runs there are do not give this figure (a sweep that is not complete, say)."""
