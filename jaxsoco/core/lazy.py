"""Public names of a package that load when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str], eager: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that imports nothing before it is needed.

    Args:
      package: its ``__name__``.
      modules: public name -> the module below the package that has it.
      eager: public names that the package itself defines.
    """

    def load_name(name: str) -> Any:
        if name in modules:
            return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load_name, lambda: sorted([*eager, *modules])
