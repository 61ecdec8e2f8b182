"""Where all output goes: no control character of anybody's text, and no failure, passes here.

While a command runs, :class:`guarded` puts an :class:`Output` in the place of ``sys.stdout`` and
of ``sys.stderr``. Code prints as usual; what is ours and not text, such as a colour or a progress
bar, goes through :meth:`Output.put`.

The command line imports this before everything else, so it needs the smallest modules alone.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

# C0 but tab and line feed, DEL and C1; marks, embeddings, overrides and isolates of direction;
# the separators of lines and paragraphs.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F]
_CONTROLS += [0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
# What Python makes of the bytes of a path that are not text.
_ESCAPES |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
del _ESCAPES[ord("\t")], _ESCAPES[ord("\n")]

COLOURS = {"red": 31, "green": 32, "yellow": 33}


def visible(text: str) -> str:
    r"""The text with control characters as escapes: what it may do to a terminal can be read.

    >>> from jaxsoco.core.terminal import visible
    >>> print(visible("a\x1b[31mb"))
    a\x1b[31mb
    """
    return text.translate(_ESCAPES)


class Output:
    """A stream of text for people: see the module. It never raises.

    Attributes:
      stream: the stream below; None if the process has none, and then nothing is written.
      failure: the first error of writing, after which nothing more is written.
    """

    def __init__(self, stream: TextIO | None):
        self.stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Writes text whose control characters become escapes."""
        self.put(visible(text))
        return len(text)

    def put(self, text: str) -> None:
        """Writes text as it is, but for what the stream's encoding has no character for."""
        stream = self.stream
        if stream is None or self.failure is not None:
            return
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:
            self._fail(error)
        else:
            if text.endswith("\n"):
                self.flush()

    def flush(self) -> None:
        """Hands on what is buffered."""
        if self.stream is None or self.failure is not None:
            return
        try:
            self.stream.flush()
        except (OSError, ValueError) as error:
            self._fail(error)

    def _fail(self, error: OSError | ValueError) -> None:
        """Notes the error, and lets the interpreter flush the rest into nothing at its end."""
        # A ValueError: the stream was closed by somebody.
        self.failure = error if isinstance(error, OSError) else OSError(errno.EBADF, str(error))
        try:
            descriptor = self.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
            if nothing != descriptor:
                os.dup2(nothing, descriptor)
                os.close(nothing)
        except (OSError, ValueError, AttributeError):
            pass  # no file of the system's

    def isatty(self) -> bool:
        """Whether a terminal shows it."""
        try:
            return self.stream is not None and self.stream.isatty()
        except ValueError:  # closed
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Verbatim:
    """An :class:`Output` for a writer of control sequences, such as a progress bar."""

    def __init__(self, output: Output):
        self._output = output

    def write(self, text: str) -> None:
        """Writes text as it is."""
        self._output.put(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


class guarded:
    """While it is entered, everything printed goes through an :class:`Output`."""

    def __enter__(self) -> guarded:
        self._before = sys.stdout, sys.stderr
        self.stdout, self.stderr = Output(sys.stdout), Output(sys.stderr)
        sys.stdout, sys.stderr = self.stdout, self.stderr  # pyright: ignore[reportAttributeAccessIssue]
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.flush()
        self.stderr.flush()
        sys.stdout, sys.stderr = self._before


def output(stream: Any = None) -> Output:
    """The stream (standard output if None) as an :class:`Output`."""
    stream = sys.stdout if stream is None else stream
    return stream if isinstance(stream, Output) else Output(stream)


def has_colours(stream: Any) -> bool:
    """Whether to colour what goes there.

    ``NO_COLOR`` says no and ``FORCE_COLOR`` or ``CLICOLOR_FORCE`` yes, if not empty (and, for the
    last two, not 0); otherwise a terminal has colours, unless ``TERM`` is dumb or ``CLICOLOR`` 0.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if any(
        os.environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")
    ):
        return True
    return has_sequences(stream) and os.environ.get("CLICOLOR") != "0"


def has_sequences(stream: Any) -> bool:
    """Whether the stream is a terminal that understands control sequences."""
    return bool(stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb")


def show(text: str, colours: Mapping[str, str]) -> None:
    """Prints text on standard output, with parts of it in colour where that is wanted.

    Args:
      text: of anybody.
      colours: regular expression -> name of the colour of all that matches it.
    """
    import re

    target, text = output(), visible(text)
    for pattern, colour in colours.items() if has_colours(target) else ():
        painted = f"\x1b[{COLOURS[colour]}m\\g<0>\x1b[0m"
        text = re.sub(pattern, painted, text, flags=re.MULTILINE)
    target.put(f"{text}\n")
