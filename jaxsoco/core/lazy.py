"""Public names of a package that load when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str,
    modules: Mapping[str, str],
    eager: Sequence[str] = (),
    packages: Sequence[str] = (),
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__``, ``__all__`` of a package that imports nothing before its use.

    Args:
      package: its ``__name__``.
      modules: module below the package -> the public names that it has, separated by blanks.
      eager: public names that the package itself defines.
      packages: packages below it that load likewise; they are no part of ``__all__``.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}
    public = [*eager, *places]

    def load_name(name: str) -> Any:
        if name in places:
            return getattr(importlib.import_module(f"{package}.{places[name]}"), name)
        if name in packages:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load_name, lambda: sorted([*public, *packages]), public
