"""Text in JSON, with what is wrong in words: :func:`parse_json`. No JAX."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import one_line


def parse_json(text: str, levels: str = "want fewer levels") -> Any:
    """The value of a text in JSON.

    >>> from jaxsoco.core.json_text import parse_json
    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}

    Args:
      text: the text.
      levels: what to do about one that is nested too deep.

    Raises:
      InputError: no JSON, nested too deep, or a name that is twice in one object.
    """
    try:
        return json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        raise InputError(Issue(f"line {error.lineno}", f"no JSON: {error.msg}")) from None
    except RecursionError:
        raise InputError(Issue("", "is nested too deep", levels)) from None
    except InputError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(Issue("", f"no JSON: {one_line(error)}")) from None


def parse_json_lines(text: str) -> list[Any]:
    """The values of a text with one on each line; blank lines are skipped.

    Raises:
      InputError: a line holds no JSON.
    """
    values = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values.append(parse_json(line))
        except InputError as error:
            (issue,) = error.issues
            raise InputError(issue._replace(path=f"line {number}")) from None
    return values


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(Issue(twice[0], "is there twice among its siblings"))
    return dict(pairs)
