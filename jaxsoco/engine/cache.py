"""A folder of packs that experiments share: what one has computed, no other computes again."""

from __future__ import annotations

import os
from pathlib import Path

from jaxsoco.core.cells import Cells
from jaxsoco.core.errors import InputError, Issue, reason_of
from jaxsoco.core.study import Study
from jaxsoco.engine.packs import FOLDER, DamageError, Pack, verify
from jaxsoco.engine.store import Store


class Cache:
    """A cache; its folder is made if it is not there.

    Args:
      path: the folder.

    Raises:
      InputError: it cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._store = Store(path)
        self._folder = self._store.path / FOLDER
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot be used as a cache: {reason_of(error)}"
            raise InputError(Issue(str(path), message, "choose another --cache")) from error

    def fill(self, study: Study, store: Store) -> int:
        """Takes what a store lacks of a study from here; damaged packs are passed over.

        Returns:
          The number of packs that were taken.
        """
        cells, names = Cells(study), dict[str, None]()
        index = self._store.refresh(thorough=False)
        for group in study.groups:
            for point in group.points:
                for learner in range(len(study.labels)):
                    key = cells.key(point, learner)
                    missing = store.index.missing(key, [(0, group.seeds)])
                    names |= dict.fromkeys(place.pack for place in index.places(key, missing))
        return sum(self._give(index.packs[name], store) for name in names)

    def keep(self, pack: Pack, store: Store) -> None:
        """Puts a pack of a store here."""
        self._store.take(pack, store.path / FOLDER)

    def _give(self, pack: Pack, store: Store) -> bool:
        try:
            verify(pack, self._folder / f"{pack.name}.npz")
        except DamageError:
            return False
        store.take(pack, self._folder)
        return True


def default_cache() -> Path | None:
    """The folder that ``JAXSOCO_CACHE`` names, if it does."""
    name = os.environ.get("JAXSOCO_CACHE", "")
    return Path(name).expanduser() if name else None
