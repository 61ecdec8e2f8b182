"""Which estimator is valid for which parameter, in the learner's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.schema import GRID, YES, Gradient
from jaxsoco.tuning.space import Space

Method = Literal["pathwise", "score", "evolution", "grid", "random", "halving"]
METHODS: tuple[str, ...] = get_args(Method)
MOST_GRID = 2
"""Most choices that are tried on a grid by default; more are drawn."""

_NO_CHANCES = "the learner does not say how likely its actions are"


def choose(
    space: Space,
    words: Mapping[str, Gradient],
    *,
    draws: bool,
    method: str = "auto",
    mean: bool = True,
    place: str = "method",
) -> tuple[str, str]:
    """The method of a search, and why.

    >>> from jaxsoco.core.schema import Gradient
    >>> from jaxsoco.tuning.methods import choose
    >>> from jaxsoco.tuning.space import Dimension, Space
    >>> space = Space((Dimension("eta", 1e-30, 1.0, "log"),))
    >>> choose(space, {"eta": Gradient("biased", "actions are drawn")}, draws=True)[0]
    'score'

    Args:
      space: the parameters.
      words: what the learner says of each of them, ``"yes"`` where it says nothing.
      draws: whether it has a ``log_probability``.
      method: ``"auto"``, or one of :data:`METHODS`.
      mean: whether the objective is a mean over runs, which the score term asks for.
      place: where the method stands, for messages.

    Raises:
      InputError: there is no such method, or it is not valid for a parameter: with the reason.
    """
    word = {one.name: words.get(one.name, YES) for one in space.dimensions}
    for one in space.dimensions:
        if one.scale == "choice":
            word[one.name] = GRID
    if method == "auto":
        return _default(word, draws, mean)
    if method not in METHODS:
        hint = suggest(method, ("auto", *METHODS))
        raise InputError(Issue(place, f'no method is called "{method}"', hint))
    issues = [
        Issue(f"parameters.{name}", text, hint)
        for name, one in word.items()
        for text, hint in _refusals(method, one)
    ]
    if method == "score" and not draws:
        issues.append(Issue(place, f"score: {_NO_CHANCES}", _instead(word)))
    if method == "score" and not mean:
        message = "score: is an estimate for means over runs alone"
        issues.append(Issue(place, message, 'want statistic "mean", or method "evolution"'))
    if issues:
        raise InputError(issues)
    return method, "as asked for"


def valid_methods(gradient: Gradient, draws: bool) -> list[str]:
    """All methods for a parameter of which a learner says so much; the default one first.

    >>> from jaxsoco.core.schema import GRID
    >>> from jaxsoco.tuning.methods import valid_methods
    >>> valid_methods(GRID, draws=False)
    ['grid', 'random']
    """
    default, _ = _default({"": gradient}, draws, True)
    valid = [one for one in METHODS if not _refusals(one, gradient)]
    others = [one for one in valid if one != default and (draws or one != "score")]
    return [default, *others]


def _refusals(method: str, gradient: Gradient) -> list[tuple[str, str]]:
    """What is wrong with a method for a parameter, and what would be right."""
    if gradient == GRID:
        if method in ("grid", "random"):
            return []
        return [(f"{method}: it has no gradient, it is for a grid only", 'want "grid" or "random"')]
    if method == "pathwise" and gradient.word != "yes":
        kind = {"biased": "the gradient of the costs is biased", "no": "costs have no gradient"}
        text = f"pathwise: {kind[gradient.word]}: {gradient.reason}"
        return [(text, 'want "score" or "evolution"' if gradient.word == "biased" else _SMOOTHED)]
    if method == "score" and gradient.word == "no":
        return [(f"score: costs have no gradient: {gradient.reason}", _SMOOTHED)]
    return []


_SMOOTHED = 'want "evolution", which differentiates a smoothed cost, or a design'


def _instead(word: Mapping[str, Gradient]) -> str:
    return f'want "{_default(word, False, True)[0]}"'


def _default(word: Mapping[str, Gradient], draws: bool, mean: bool) -> tuple[str, str]:
    if any(one == GRID for one in word.values()):
        names = ", ".join(name for name, one in word.items() if one == GRID)
        method = "grid" if len(word) <= MOST_GRID else "random"
        return method, f"no gradient in {names}: values are tried one by one"
    others = {name: one for name, one in word.items() if one.word != "yes"}
    if not others:
        return "pathwise", "the gradient of the costs is right in every parameter"
    why = "; ".join(f"{name}: {one}" for name, one in others.items())
    if draws and mean and all(one.word == "biased" for one in others.values()):
        return "score", f"{why}; the learner says how likely its draws are"
    return "evolution", why
