"""What the declarations say, in the API reference: fields of settings, formulas of learners.

A class of settings declares its fields with range, unit and meaning, and a learner's module tells
its algorithm; both belong into the reference, and neither is written down twice.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

from jaxsoco import registry
from jaxsoco.core.fields import want
from jaxsoco.core.schema import REQUIRED, AlgorithmEntry, Field, Gradient, load
from jaxsoco.core.settings import Rounds


def algorithm_lines(value: Any) -> Iterator[str]:
    """The docstring of a registered learner's module, its source, needs and guarantee."""
    for entry in _algorithms():
        if load(entry.load) is value:
            module = importlib.import_module(entry.load.partition(":")[0])
            yield from ("", *(inspect.getdoc(module) or "").splitlines(), "")
            yield f"Source: {_escaped(entry.source)}."
            for title, text in registry.declared(entry).items():
                yield from ("", f"{title.capitalize()}: {_escaped(text)}.")
            return


def _algorithms() -> Iterator[AlgorithmEntry]:
    for family in registry.families().values():
        yield from family.algorithms


def add_fields(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Ends the docstring of a class of settings with those of its groups, and with its fields."""
    fields = getattr(value, "FIELDS", ()) if inspect.isclass(value) else ()
    if not fields:
        return
    while lines and not lines[-1]:
        lines.pop()
    for group in _groups(value):
        lines += ["", *(inspect.getdoc(group) or "").splitlines()]
    gradients = _gradients(value)
    lines += ["", *(_parameter(field, gradients.get(field.name)) for field in fields), ""]


def _gradients(cls: type) -> dict[str, Gradient]:
    """What the first learner with this class of parameters says of gradients in them."""
    for entry in _algorithms():
        if cls in getattr(entry.params, "args", ()):
            return entry.gradients
    return {}


def _groups(cls: type) -> Iterator[type]:
    """The classes that a class of settings is put together from, if they are no page's entry."""
    package = importlib.import_module(cls.__module__.rpartition(".")[0])
    public = {getattr(package, name, None) for name in getattr(package, "__all__", ())}
    for group in cls.__mro__[1:]:
        if getattr(group, "FIELDS", ()) and group not in public and group is not Rounds:
            yield group


def _parameter(field: Field, gradient: Gradient | None) -> str:
    """``:param gain: g0 in gamma^2 ... A number > 0. Gradient: yes.``"""
    takes = want(field).replace('"auto"', "None")
    needed = " Required." if field.default is REQUIRED else ""
    text = f"{field.summary}. {takes[0].upper()}{takes[1:]}.{needed}"
    text += f" Gradient: {gradient}." if gradient else ""
    return f":param {field.name}: {_escaped(text)}"


def _escaped(text: str) -> str:
    """Text that reStructuredText takes literally."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects it behind napoleon, which turns docstrings into reStructuredText."""
    app.connect("autodoc-process-docstring", add_fields, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
