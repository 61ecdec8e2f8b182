"""What a search says while it goes on."""

import io

import numpy as np

from jaxsoco.tuning.reporting import SearchProgress, step_text
from jaxsoco.tuning.search import Record
from jaxsoco.tuning.space import Dimension, Space

SPACE = Space(
    (
        Dimension("rate", 1e-5, 1.0, "log"),
        Dimension("kind", 0, 1, "choice", ("slow", "fast")),
    )
)


def record(step=1, objective=41.2, low=38.0, high=44.5, values=(0.0031, 1.0)):
    values = np.asarray(values, float)
    nothing = np.full_like(values, np.nan)
    return Record(step, np.asarray(objective), low, high, values, nothing, nothing, 0.0, 0.0)


def test_a_step_tells_objective_interval_and_parameters():
    assert step_text(SPACE, record()) == "41.2 (38 to 44.5), rate = 0.0031, kind = fast"
    rejected = step_text(SPACE, record(objective=np.nan))
    assert rejected == "not finite, and rejected; rate = 0.0031, kind = fast"


def test_of_several_starts_the_best_finite_one_is_told():
    several = record(
        objective=[np.nan, 5.0, 7.0],
        low=[np.nan, 4.0, 6.0],
        high=[np.nan, 6.0, 8.0],
        values=[[1, 0], [0.5, 0], [0.1, 1]],
    )
    assert step_text(SPACE, several) == "5 (4 to 6), rate = 0.5, kind = slow"


def test_logs_have_the_first_and_the_last_step_and_few_between():
    times, stream = iter([0.0, 1.0, 6.0, 6.5, 7.0]), io.StringIO()
    progress = SearchProgress(
        "pcm", "mean regret", SPACE, 5, stream=stream, clock=lambda: next(times)
    )
    progress.start(0)
    for step in range(1, 6):
        progress.advance(record(step))
    progress.close()
    places = [line.partition(": mean")[0] for line in stream.getvalue().splitlines()]
    assert places == ["pcm: step 1 of 5", "pcm: step 3 of 5", "pcm: step 5 of 5"]


def test_a_search_that_goes_on_says_from_where():
    stream = io.StringIO()
    progress = SearchProgress("pcm", "mean regret", SPACE, 5, stream=stream)
    progress.start(3)
    assert stream.getvalue() == "pcm: 3 of 5 steps were there already\n"
