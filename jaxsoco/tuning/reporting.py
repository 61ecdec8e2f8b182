"""What ``jaxsoco tune`` says while it searches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from jaxsoco.core.terminal import Verbatim, output
from jaxsoco.core.text import count, rounded, show
from jaxsoco.tuning.space import Dimension, Space


class SearchProgress:
    """A bar on a terminal; elsewhere a line now and then, for logs.

    Args:
      name: of the learner.
      objective: what is minimised, in words.
      space: the parameters.
      steps: how many there are.
      stream: where to write (standard error if None).
      every: seconds between lines where the stream is no terminal.
      clock: a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        name: str,
        objective: str,
        space: Space,
        steps: int,
        *,
        stream: TextIO | None = None,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._name, self._objective, self._space, self._steps = name, objective, space, steps
        self._stream = sys.stderr if stream is None else stream
        self._every, self._clock = every, clock
        self._bar: Any = None
        self._spoke = -float("inf")

    def start(self, done: int) -> None:
        """The search begins, or goes on after so many steps."""
        if done:
            kept = f"{done} of {count(self._steps, 'step')} were there already"
            print(f"{self._name}: {kept}", file=self._stream, flush=True)
        if self._stream.isatty():
            from tqdm import tqdm

            file = Verbatim(output(self._stream))
            self._bar = tqdm(total=self._steps, initial=done, unit="step", file=file)

    def advance(self, record: Any) -> None:
        """A step is over."""
        text = f"{self._objective} {step_text(self._space, record)}"
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()
            return
        number, now = int(np.max(record.step)), self._clock()
        if now - self._spoke >= self._every or number == self._steps:
            self._spoke = now
            place = f"{self._name}: step {number} of {self._steps}"
            print(f"{place}: {text}", file=self._stream, flush=True)

    def close(self) -> None:
        """The search ended, finished or not."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def step_text(space: Space, record: Any) -> str:
    """The objective with its interval, and the parameters: ``41.2 (38 to 44.5), rate = 0.003``.

    Args:
      space: the parameters.
      record: of a step; of several starts, the best one is shown.
    """
    objective, low, high, values = (
        np.asarray(x) for x in (record.objective, record.low, record.high, record.values)
    )
    if objective.ndim:
        best = int(np.argmin(np.where(np.isfinite(objective), objective, np.inf)))
        objective, low, high, values = (x[best] for x in (objective, low, high, values))
    places = zip(space.labels, space.coordinates, values.tolist(), strict=True)
    words = ", ".join(f"{label} = {_value_text(one, value)}" for label, one, value in places)
    if not np.isfinite(objective):
        return f"not finite, and rejected; {words}"
    return f"{objective:.4g} ({low:.4g} to {high:.4g}), {words}"


def _value_text(one: Dimension, value: float) -> str:
    return show(one.choices[round(value)] if one.scale == "choice" else rounded(value), "auto")
