"""Stopping at a signal: one line and exit code 75, at once, whatever the process is doing.

Python calls a handler between two bytecodes of the main thread, and while XLA compiles or computes
the next one may be minutes away. So the process of the command line has a thread that reads
signals from a pipe (``signal.set_wakeup_fd``) and ends the process itself. That loses nothing but
the pack in flight: every file is written whole or not at all (``engine.files``, ``core.scratch``).

Importing this module changes nothing. Library code only says how far it is (:class:`stage`) and
what should not be cut short (:class:`held`); both do nothing where :func:`install` was not called.

The command line imports this before everything else, so it needs the smallest modules alone.
"""

from __future__ import annotations

import _thread
import atexit
import os

from jaxsoco.core.exits import INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from typing import Any
else:
    # The module signal without its enums, which take longer to import than all that is here.
    import _signal as signal

_NAMES = {int(signal.SIGINT): "SIGINT", int(signal.SIGTERM): "SIGTERM"}

_tell: Callable[[str], None] | None = None
_stages: list[Callable[[], str]] = []
_holders = 0
_deferred: int | None = None  # the signal that waits for the last holder
_code: int | None = None  # of the command, once it is done
_changing = _thread.allocate_lock()
_ending = _thread.allocate_lock()


class stage:
    """While it is entered, the line says how far the work is.

    Args:
      text: called by another thread when a signal comes; ``3 packs written, which are kept``.
    """

    def __init__(self, text: Callable[[], str]):
        self._text = text

    def __enter__(self) -> None:
        _stages.append(self._text)

    def __exit__(self, *_: object) -> None:
        _stages.remove(self._text)


class held:
    """While it is entered, a first signal waits; a second one does not."""

    def __enter__(self) -> None:
        global _holders
        with _changing:
            _holders += 1

    def __exit__(self, *_: object) -> None:
        global _holders
        with _changing:
            _holders -= 1
            number = None if _holders else _deferred
        if number is not None:
            _end(number)


def installed() -> bool:
    """Whether signals end this process, so that nobody else need handle them."""
    return _tell is not None


def install(tell: Callable[[str], None]) -> None:
    """From now on SIGINT and SIGTERM end the process with one line and code 75.

    A signal that the process was told to ignore (``nohup``) stays ignored. Outside of the main
    thread, where Python allows no handlers, nothing happens.

    Args:
      tell: takes the line; called in any thread, just before the process ends.
    """
    global _tell
    # None: a handler that Python did not install and could not put back.
    numbers = [n for n in _NAMES if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, _end_here)
    except ValueError:  # not the main thread
        return
    _tell = tell
    # Registered first, so called last: the interpreter is about to drop all handlers.
    atexit.register(_ignore, numbers)
    if os.name == "posix":
        os.register_at_fork(after_in_child=lambda: _restore(before))
        _watch(numbers)


def finish(code: int) -> None:
    """The command is done: a signal from now on ends the process with this code, in silence."""
    global _code
    _code = code


def _watch(numbers: list[int]) -> None:
    """Hands the signals to a thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        _thread.start_new_thread(_read, (reader,))
    except RuntimeError:  # no thread to be had: the handlers of the main thread stay
        return
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _leave_to_thread)


def _read(reader: int) -> None:
    while True:
        for number in os.read(reader, 64):
            if number in _NAMES:
                _receive(number)


def _leave_to_thread(number: int, frame: object) -> None:
    """The wakeup descriptor is written only for signals that have a handler of Python's."""


def _end_here(number: int, frame: object) -> None:
    _receive(number)


def _receive(number: int) -> None:
    global _deferred
    if _code is not None:
        os._exit(_code)
    with _changing:
        if _holders and _deferred is None:
            _deferred = number
            return
    _end(number)


def _end(number: int) -> None:
    """Says the line and ends the process; of several callers the first one does."""
    if not _ending.acquire(blocking=False):
        return
    try:
        line = f"stopped by {_NAMES[number]}"
        state = "; ".join(text() for text in reversed(_stages))
        if _tell is not None:
            _tell(f"{line}: {state}" if state else line)
    finally:
        # No clean-up: it would wait for what is being computed, and the files need none.
        os._exit(INTERRUPTED)


def _ignore(numbers: list[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _restore(handlers: Mapping[int, Any]) -> None:
    """A forked child has no thread that reads, and is somebody else's to end."""
    global _tell
    _tell = None
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)
