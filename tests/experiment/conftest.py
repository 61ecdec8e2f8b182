"""Makes the toy family known, as any family is."""

from pathlib import Path

import pytest
import toys
from toys import toy as toy


@pytest.fixture
def toy_spec(toy, tmp_path):
    """Writes an experiment of the toy family, with text replaced; returns its path."""

    def write(*replacements: tuple[str, str]) -> Path:
        return toys.write(tmp_path / "walks.toml", *replacements)

    return write
