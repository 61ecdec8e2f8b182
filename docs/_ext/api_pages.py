"""Writes ``docs/api/``: one page a package, with every public name and its docstring.

The names are those of ``__all__`` (the families' names load when they are first used, so that
autodoc's own search would miss them), and in modules without one, whatever is defined there and
does not begin with an underscore. Nothing here lists the modules of a family.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from declared_docs import algorithm_lines
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import get_node_source

import jaxsoco_kernels
from jaxsoco import registry
from jaxsoco.core.schema import Family

TOOLS = (
    "jaxsoco.core.protocol",
    "jaxsoco.core.random",
    "jaxsoco.core.lanes",
    "jaxsoco.core.nature",
    "jaxsoco.core.settings",
    "jaxsoco.core.schema",
    "jaxsoco.core.errors",
)
"""Modules behind ``jaxsoco.extend``, with what it leaves out."""


# --- public names ---------------------------------------------------------------------------------


def families() -> list[str]:
    """The packages of the families."""
    return [f"jaxsoco.{name}" for name in registry.families()]


def for_authors() -> list[str]:
    """The modules for those who write a problem or a learner of their own."""
    return [name for name in ("jaxsoco.extend", "jaxsoco.testing") if find_spec(name)]


def kernels() -> list[str]:
    """The public modules of the kernels."""
    modules = pkgutil.iter_modules(jaxsoco_kernels.__path__, "jaxsoco_kernels.")
    return [module.name for module in modules if "._" not in module.name]


def public_names(module: ModuleType) -> list[str]:
    """``__all__``, or what the module itself defines and documents, in the order of the source."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not name.startswith("__")]
    documented = _analyzer(module.__name__).attr_docs
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (("", name) in documented or _is_defined_in(module.__name__, value))
    ]


def _is_defined_in(module: str, value: Any) -> bool:
    """Whether a value is a class or function, perhaps one that JAX wraps, of this module."""
    code = inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "__wrapped__")
    return code and value.__module__ == module


@cache
def public_places() -> dict[int, str]:
    """Identity of every documented class, function and value -> where it is documented."""
    places: dict[int, str] = {}
    for page in (*TOOLS, *kernels(), *families(), *for_authors(), "jaxsoco"):
        module = importlib.import_module(page)
        values = {name: getattr(module, name) for name in public_names(module)}
        places |= {
            id(value): f"{page}.{name}" for name, value in values.items() if not _is_constant(value)
        }
    return places


def _is_constant(value: Any) -> bool:
    """A number or a word, which is the same object wherever it stands."""
    return isinstance(value, int | float | str)


# --- pages ----------------------------------------------------------------------------------------


def write_pages(app: Sphinx) -> None:
    """Writes the pages, and leaves alone those that stay the same."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {name: [name] for name in ("jaxsoco", *families(), *for_authors())}
    pages |= {"core": [*TOOLS], "jaxsoco_kernels": kernels()}
    titles = {"core": "jaxsoco.core"}
    texts = {
        f"{name}.rst": "\n".join(_page(titles.get(name, name), modules))
        for name, modules in pages.items()
    }
    for stale in {path.name for path in folder.iterdir()} - {*texts, "index.rst"}:
        (folder / stale).unlink()
    entries = "".join(f"   {name}\n" for name in pages)
    texts["index.rst"] = (
        "API reference\n=============\n\n"
        "Every public name, from its docstring. Arrays are written with their shape: structural\n"
        "axes first, and ``...`` for any number of trailing axes of runs.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{entries}"
    )
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(title: str, modules: list[str]) -> Iterator[str]:
    yield from (title, "=" * len(title), "")
    for name in modules:
        module = importlib.import_module(name)
        if len(modules) > 1:
            yield from (name, "-" * len(name), "")
        yield from (f".. automodule:: {name}", "   :no-members:", "")
        if name == "jaxsoco_kernels":
            continue
        yield f".. py:currentmodule:: {name}"
        yield ""
        for short in public_names(module):
            yield from _entry(name, short, getattr(module, short))


def _entry(module: str, name: str, value: Any) -> Iterator[str]:
    """The directive that documents one public name."""
    place = public_places().get(id(value), "")
    if place != f"{module}.{name}" and inspect.isroutine(value) | inspect.isclass(value):
        yield from (f".. py:data:: {name}", "   :no-index:", "", f"   See :obj:`~{place}`.", "")
    elif inspect.isclass(value):
        yield from (f".. autoclass:: {module}.{name}", "   :members:")
        yield from (("   :special-members: __call__", "") if "__call__" in vars(value) else ("",))
    elif callable(value) and not isinstance(value, tuple):
        yield from (f".. autofunction:: {module}.{name}", "")
    else:
        yield from (f".. py:data:: {name}", f"   :type: {type(value).__name__}", "")
        owner, docstring = _value_docstring(module, name, value)
        lines = (f".. py:currentmodule:: {owner}", "", *docstring, *algorithm_lines(value))
        yield from (f"   {line}".rstrip() for line in lines)
        yield from ("", f".. py:currentmodule:: {module}", "")


# --- docstrings of values -------------------------------------------------------------------------


@cache
def _analyzer(module: str) -> ModuleAnalyzer:
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return analyzer


def _value_docstring(module: str, name: str, value: Any) -> tuple[str, list[str]]:
    """The string below the value's assignment, and the module of the package where that is."""
    if isinstance(value, Family):
        return module, [f"What the registry knows of the family: {value.summary}."]
    package = module.partition(".")[0]
    for owner in [m for m in [*sys.modules] if m == module or m.startswith(f"{package}.")]:
        if getattr(sys.modules[owner], name, None) is not value:
            continue
        try:
            docstring = _analyzer(owner).attr_docs.get(("", name))
        except PycodeError:
            continue
        if docstring:
            return owner, docstring
    if _is_constant(value):
        return module, [f"The constant ``{value!r}``."]
    raise LookupError(f"{module}.{name} has no docstring below its assignment")


# --- references -----------------------------------------------------------------------------------


def resolve(app: Sphinx, env: Any, node: pending_xref, content: nodes.Node) -> nodes.Node | None:
    """A reference to what is not documented where it says.

    A private place of a public object becomes a link to the public one. What exists but is not
    public, or belongs to another library, stays as text, and so does every other part of a type in
    a signature. All else is left to Sphinx's warning.
    """
    if node.get("refdomain") != "py":
        return None
    for name in _spellings(node):
        value = _lookup(name)
        if value is _MISSING:
            continue
        place = public_places().get(id(value))
        if place and place != node["reftarget"]:
            domain = env.domains["py"]
            link = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", place, node, content
            )
            return link or content
        return _plain(node, content)
    return _plain(node, content) if _is_type(node) else None


def _is_type(node: pending_xref) -> bool:
    """Whether a reference is part of a type that Sphinx took from an annotation."""
    return "refwarn" not in node  # every role in a docstring says whether it may dangle


def _plain(node: pending_xref, content: nodes.Node) -> nodes.Node:
    """The text of a reference; of a type without its module, which may be a private one."""
    if not _is_type(node):
        return content
    return nodes.inline("", node["reftarget"].rpartition(".")[2])


_MISSING = object()


def _spellings(node: pending_xref) -> Iterator[str]:
    """Full names that the target of a reference may be short for."""
    target = node["reftarget"]
    yield target
    scopes = [node.get("py:module"), *_scopes_of_docstring(node)]
    for scope in (*scopes, "builtins", "typing", "collections.abc", "jaxsoco.core.protocol"):
        if scope:
            yield f"{scope}.{target}"


def _scopes_of_docstring(node: nodes.Element) -> Iterator[str]:
    """The names that enclose the docstring in which a reference stands, innermost first."""
    _, _, name = (get_node_source(node) or "").partition("docstring of ")
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        yield ".".join(parts[:end])


def _lookup(name: str) -> Any:
    """The object with a dotted name, or ``_MISSING``."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            value = getattr(value, part, _MISSING)
        return value
    return _MISSING


def skip_fields(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool:
    """Leaves out the accessors of a NamedTuple, which its own docstring describes."""
    return skip or type(value).__name__ == "_tuplegetter"


def shorten(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leaves out the constructor of a protocol, which nobody calls."""
    return ("", returns) if getattr(value, "_is_protocol", False) else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects all of it to a build."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-signature", shorten)
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
