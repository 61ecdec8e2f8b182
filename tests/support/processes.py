"""Python and the command line in processes of their own, which import this tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BOOT = """
import signal, sys
# Where tests run in the background, shells have SIGINT ignored; here it counts.
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
from jaxsoco.cli import main
sys.exit(main())
"""


def environment(*, first: Iterable[str | Path] = (), **variables: str) -> dict[str, str]:
    """The variables of a process that imports this tree, wherever another one is installed.

    Args:
      first: folders that are looked through before this tree.
      variables: what is set beyond that.
    """
    paths = (*map(str, first), str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}


def start(
    *arguments: str | Path,
    before: str = "",
    variables: dict[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[str]:
    """``jaxsoco`` with its arguments, started as the script does.

    Args:
      arguments: of the command line.
      before: code that is run first.
      variables: set in its environment.
      folder: in which it starts.
    """
    return subprocess.Popen(
        [sys.executable, "-c", BOOT.format(before=before), *map(str, arguments)],
        cwd=folder,
        env=environment(**variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0, timeout: float = 300) -> tuple[str, str]:
    """Waits until it ends with a code; what it printed on stdout and on stderr."""
    printed = process.communicate(timeout=timeout)
    assert process.returncode == code, (process.returncode, *printed)
    return printed
