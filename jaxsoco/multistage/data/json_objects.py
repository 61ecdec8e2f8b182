"""JSON files that hold one object. No JAX."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import one_line
from jaxsoco.multistage.theory.graphs import MAX_DEPTH


def parse_object(text: str, want: str) -> dict[str, Any]:
    """The object that a text in JSON is.

    Args:
      text: the text.
      want: what the object should hold.

    Raises:
      InputError: no JSON, nested too deep, no object, or a name twice in one of its objects.
    """
    try:
        content = json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        raise InputError(Issue(f"line {error.lineno}", f"no JSON: {error.msg}")) from error
    except RecursionError:
        raise InputError(
            Issue("", "is nested too deep", f"want {MAX_DEPTH} levels at most")
        ) from None
    except InputError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(Issue("", f"no JSON: {one_line(error)}")) from None
    if not isinstance(content, dict):
        raise InputError(Issue("top level", want))
    return content


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(Issue(twice[0], "is there twice among its siblings"))
    return dict(pairs)
