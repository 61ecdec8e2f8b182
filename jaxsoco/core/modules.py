"""Which plug-ins count: what a module registered at its import is there while it is active.

A module runs once, and stays imported; another experiment must not see the kinds of checks that it
brought along.
"""

from __future__ import annotations

from collections.abc import Iterable

_loaded: set[str] = set()
_active: frozenset[str] = frozenset()


def set_active(names: Iterable[str]) -> None:
    """Makes these modules the active ones of all that were loaded as plug-ins."""
    global _active
    _active = frozenset(names)
    _loaded.update(_active)


def is_active(module: str) -> bool:
    """Whether what a module registers counts: it is no plug-in, or an active one."""
    parts = module.split(".")
    names = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return not names & _loaded or bool(names & _active)
