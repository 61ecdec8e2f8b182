"""Progress of a sweep, seen from the host loop: done, rate in runs per second, time left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from jaxsoco.core.terminal import Verbatim, output, visible
from jaxsoco.core.text import duration


class Reporter(Protocol):
    """What a sweep tells about its progress; a run counts once every learner has run it."""

    def start(self, total_runs: int, done_runs: int) -> None:
        """The sweep begins; ``done_runs`` of ``total_runs`` were there already."""
        ...

    def advance(self, runs: int) -> None:
        """So many more runs are done."""
        ...

    def close(self) -> None:
        """The sweep ended, finished or not."""
        ...


class Silent:
    """A reporter that says nothing."""

    def start(self, total_runs: int, done_runs: int) -> None:
        """Does nothing."""

    def advance(self, runs: int) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def _has_width(stream: TextIO) -> bool:
    """Whether a terminal knows its width; one that is not on a screen may say 0."""
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError):
        return False


_FEW = 12
"""So many lines on compilations are no flood; of further ones, one is printed now and then."""


class Progress:
    """A bar on a terminal; elsewhere one line now and then, for the logs of batch systems.

    Args:
      stream: where to write (standard error if None).
      every: seconds between lines where the stream is no terminal.
      clock: a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        every: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._stream = sys.stderr if stream is None else stream
        self._every, self._clock = every, clock
        self._bar: Any = None
        self._announced = 0

    def start(self, total_runs: int, done_runs: int) -> None:
        """See :class:`Reporter`."""
        self._total, self._done, self._resumed = total_runs, done_runs, done_runs
        self._began = self._spoke = self._clock()
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total_runs,
                initial=done_runs,
                unit="run",
                unit_scale=True,
                dynamic_ncols=_has_width(self._stream),
                file=Verbatim(output(self._stream)),
            )

    def advance(self, runs: int) -> None:
        """See :class:`Reporter`."""
        self._done += runs
        if self._bar is not None:
            self._bar.update(runs)
            return
        now = self._clock()
        if now - self._spoke >= self._every:
            self._spoke = now
            print(self._line(now - self._began), file=self._stream, flush=True)

    def compiling(self, program: str) -> None:
        """``3 of 7: st_clip`` is being compiled, until :meth:`compiled`."""
        text = visible(f"compiling {program}")
        if self._bar is not None:
            self._bar.set_description_str(f"{text} ")
            return
        self._announced += 1
        now = self._clock()
        if self._announced <= _FEW or now - self._spoke >= self._every:
            self._spoke = now
            print(text, file=self._stream, flush=True)

    def compiled(self) -> None:
        """Nothing is being compiled."""
        if self._bar is not None:
            self._bar.set_description_str("")

    def close(self) -> None:
        """See :class:`Reporter`."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, elapsed: float) -> str:
        """Rate and time left count the runs of this process alone, not the resumed ones."""
        rate = (self._done - self._resumed) / max(elapsed, 1e-9)
        left = (self._total - self._done) / rate
        share = 100 * self._done // self._total
        return (
            f"{self._done}/{self._total} runs ({share} %), {rate:.3g} runs/s, {duration(left)} left"
        )
