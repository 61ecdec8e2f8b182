"""Which plug-ins an experiment is read with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxsoco import registry
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.plugins import Plugin, load_plugin, locate


@dataclass(frozen=True)
class Policy:
    """What may be imported for an experiment.

    Attributes:
      modules: asked for by the user; always imported, from the working directory or installed.
      refused: the file's own modules are an error.
      listed: the file's own modules are not imported, only named (unless the user asks for them).
      ready: plug-ins that are there already.
    """

    modules: tuple[str, ...] = ()
    refused: bool = False
    listed: bool = False
    ready: tuple[Plugin, ...] = ()

    def use(self, names: Sequence[str], folder: Path) -> tuple[str, ...]:
        """Imports and activates what the policy allows of a file's modules.

        Args:
          names: the modules that the file names.
          folder: the file's.

        Returns:
          The modules that were left out, each with its place.

        Raises:
          InputError: one is refused or cannot be imported, or two claim one name.
        """
        if self.refused and names:
            message = f"the file names {', '.join(names)}, which --no-plugins refuses"
            raise InputError(Issue("plugins", message, "leave --no-plugins out to run its code"))
        wanted = [name for name in names if not self.listed or name in self.modules]
        plugins, issues = [], []
        places = [(name, folder) for name in wanted]
        places += [(name, Path()) for name in self.modules if name not in wanted]
        for name, place in places:
            try:
                plugins.append(load_plugin(name, place))
            except InputError as error:
                issues += error.issues
        if issues:
            raise InputError(issues)
        registry.activate([*plugins, *self.ready])
        return tuple(f"{name} ({locate(name, folder)})" for name in names if name not in wanted)
