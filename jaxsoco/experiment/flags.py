"""``XLA_FLAGS`` as the user sets it: what it says, and whether XLA takes it. No JAX."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import read_text
from jaxsoco.core.text import shorten

_NAME = "XLA_FLAGS"

# XLA reads its flags as soon as it is asked for options, long before it starts.
_PROBE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
try:
    from jaxlib import xla_client
    xla_client.CompileOptions().executable_build_options.debug_options
except Exception:
    pass
"""
_SECONDS = 60.0


def check_flags() -> None:
    """Asks XLA, in a process of its own, whether it takes the flags of the environment.

    On a flag that it does not know, or a value that it cannot read, XLA ends the process. Where
    ``XLA_FLAGS`` is not set nothing is asked.

    Raises:
      InputError: XLA refuses them, with its reason.
    """
    flags = os.environ.get(_NAME, "")
    reason = _refusal(flags) if flags.strip() else ""
    if reason:
        hint = "correct the variable, or unset it"
        raise InputError(Issue(_NAME, f"XLA does not start: {reason}", hint))


@cache
def _refusal(flags: str) -> str:
    """Why XLA refuses these flags, empty if it does not, or if it cannot be asked."""
    paths = json.dumps([path for path in sys.path if isinstance(path, str)])
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROBE, paths],
            env={**os.environ, _NAME: flags},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    if not child.returncode:
        return ""
    # The first line of its log at the level of an error, of several that follow from it.
    lines = re.findall(r"^[EF]\d{4} [^]]*\] (.+)$", child.stderr.decode(errors="replace"), re.M)
    # What it says of a file that it cannot open goes on with an explanation.
    reason = lines[0].partition(" (We assumed")[0] if lines else f"exit code {child.returncode}"
    return shorten(reason.rstrip("."), 160)


def users_flags() -> str:
    """The flags of the environment; they may stand in a file that ``XLA_FLAGS`` names."""
    flags = os.environ.get(_NAME, "")
    if not flags.strip() or flags.lstrip().startswith("-"):
        return flags
    return " ".join(read_text(Path(flags)).split("\n"))
