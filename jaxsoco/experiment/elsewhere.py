"""What a run needs to know of workers in other processes, whoever starts them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from jaxsoco.engine.sweep import Executor


class Elsewhere(Protocol):
    """Workers that are not in this process."""

    def compiler(self) -> Mapping[str, Any]:
        """What compiles there, as ``experiment.origin.compiler_facts`` has it."""
        ...

    def start(self) -> None:
        """Starts them; called before JAX starts in this process, to trace on a CPU."""
        ...

    def executor(self, out: Path, packs: int) -> Executor:
        """The executor, ready to begin.

        Args:
          out: the run directory.
          packs: how many there are to compute, about.
        """
        ...
