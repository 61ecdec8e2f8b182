"""The host loop: any cut, interruption and distribution gives the same bits for every run.

Tiles are fakes in numpy, so that these tests need no JAX; ``worker`` runs them in a process of its
own that can be killed.
"""

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from toy_study import (
    TILE,
    Outcome,
    assert_same_bits,
    begin,
    expected,
    fake_load,
    fake_tile,
    make_study,
    pack_files,
    run,
    sidecars,
    stored_runs,
    temporaries,
)

from jaxsoco.core.errors import InputError, Interrupted, Issue
from jaxsoco.core.moments import Moments, merge_in_order
from jaxsoco.engine import sweep as sweeps
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.reading import Stored
from jaxsoco.engine.requests import Share
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Tiles, compute
from jaxsoco.engine.work import Work

STUDY = make_study()
RUNS = 4 * 11
WORK = RUNS * 3


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "straight"
    run(path, STUDY)
    return path


def packs_of(path):
    return Stored(path).coverage.packs


# --- results -----------------------------------------------------------------------------------


def test_every_run_is_the_run_it_says(straight):
    assert_same_bits(stored_runs(straight), expected(STUDY))
    kinds = {name: a.dtype for name, a in stored_runs(straight)[0, "pcm"].items()}
    assert kinds == {"hit": "f4", "move": "f4", "faults": "i4", "finite": "?"}


@pytest.mark.parametrize("pack", [1, 4, 12, 17, 1000])
def test_another_pack_size_gives_the_same_runs_and_moments(straight, tmp_path, pack):
    run(tmp_path, make_study(pack=pack))
    assert len(packs_of(tmp_path)) != len(packs_of(straight)) or pack == 8
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))
    one, two = (
        merge_in_order(
            Moments.of(arrays["001.hit"][:, -1])
            for place, arrays in Stored(path).pieces()
            if place["group"] == 0
        )
        for path in (straight, tmp_path)
    )
    # Pieces are those of the study, so that sums are the same to the last bit.
    assert one.count == two.count == 33
    assert (one.mean, one.variance) == (two.mean, two.variance)


@pytest.mark.parametrize("width", [8, 12, 64])
def test_the_number_of_devices_changes_no_bit(straight, tmp_path, width):
    run(tmp_path, STUDY, width)
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))
    assert pack_files(straight) == pack_files(tmp_path)


@pytest.mark.parametrize("tile", [1, 3, 16])
def test_another_tile_gives_the_same_runs(straight, tmp_path, tile):
    run(tmp_path, make_study(tile=tile), tile)
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


def test_every_call_has_the_compiled_width(tmp_path):
    shapes = set()

    def load(group):
        def tile(positions, seeds) -> Any:
            shapes.add((positions.shape, seeds.shape))
            points = STUDY.groups[group].points
            assert positions.max() < len(points) and seeds.max() < 11
            return fake_tile(STUDY, group, "pcm")(positions, seeds)

        return Tiles(12, (tile,) * 3)

    run(tmp_path, STUDY, load=load)
    assert shapes == {((12,), (12,))}


def test_a_last_batch_is_filled_with_the_last_run(tmp_path):
    lanes = []

    def load(group):
        def tile(positions, seeds) -> Any:
            lanes.append((positions.tolist(), seeds.tolist()))
            return fake_tile(study, group, "pcm")(positions, seeds)

        return Tiles(16, (tile,) * 3)

    study = make_study(pack=16)
    run(tmp_path, study, load=load)
    last = [one for one in lanes if len({*zip(*one, strict=True)}) < 16]
    assert len(last) == 2 * 3  # of each group, for every learner
    for positions, seeds in last:
        run_of_last = (positions[-1], seeds[-1])
        assert run_of_last == (len({*positions}) - 1 if max(positions) == 0 else 2, 10)
        pairs = [*zip(positions, seeds, strict=True)]
        first = pairs.index(run_of_last)
        assert pairs[first:] == [run_of_last] * (16 - first)


def test_the_summary_counts_runs_and_trouble(tmp_path):
    summary = run(tmp_path, STUDY)
    assert (summary.runs, summary.packs, summary.earlier) == (WORK, 7, 0)
    assert summary.failures == ()
    wanted = expected(STUDY)
    for label in STUDY.labels:
        runs = [named for (_, learner), named in wanted.items() if learner == label]
        assert summary.nonconverged[label] == sum((one["faults"] > 0).sum() for one in runs) > 0
        assert summary.nonfinite[label] == sum((~one["finite"]).sum() for one in runs) > 0
    again = run(tmp_path, STUDY)
    assert (again.runs, again.packs, again.earlier) == (0, 0, WORK)
    assert again.nonconverged == summary.nonconverged and again.nonfinite == summary.nonfinite


@pytest.mark.parametrize("pack", [4, 8, 12, 1000])
@pytest.mark.parametrize("seeds", [1, 2, 5, 11])
def test_trouble_is_counted_of_the_runs_that_are_wanted(tmp_path, pack, seeds):
    """However they are stored: a block may hold more seeds than a study or a share asks for."""
    run(tmp_path, STUDY)
    study = make_study(seeds=seeds, pack=pack)
    wanted = expected(study)
    totals = {what: dict.fromkeys(study.labels, 0) for what in ("nonconverged", "nonfinite")}
    for (_, label), named in wanted.items():
        totals["nonconverged"][label] += int((named["faults"] > 0).sum())
        totals["nonfinite"][label] += int((~named["finite"]).sum())
    for summary in (run(tmp_path, study), Stored(tmp_path).coverage):
        assert summary.nonconverged == totals["nonconverged"]
        assert summary.nonfinite == totals["nonfinite"]
    shares = [run(tmp_path, study, share=Share(i, 3)) for i in range(3)]
    for label in study.labels:
        assert sum(one.nonfinite[label] for one in shares) == totals["nonfinite"][label]


def test_sidecars_say_where_and_how_long(straight):
    for pack in packs_of(straight):
        assert (pack.facts["jax"], pack.facts["device"]) == ("0.0", "fake")
        assert pack.facts["seconds"] >= 0


def test_a_pack_is_written_by_whoever_computed_it(straight, tmp_path):
    """``compute`` needs no folder: what it returns is all that a store needs."""
    store = begin(tmp_path, STUDY)
    for request in [*Work(STUDY, store, Share())][::-1]:
        store.commit(*compute(STUDY, request, fake_load(STUDY)(request.group)))
    assert pack_files(tmp_path) == pack_files(straight)


def heedless_load(study, width, calls=None):
    """The first learner pays no heed to the seed."""

    def load(group):
        def tile(number):
            def one(positions, seeds):
                if calls is not None:
                    calls.append((group, number, tuple(positions), tuple(seeds)))
                whole = fake_tile(study, group, study.labels[number])
                return whole(positions, seeds if number else 0 * seeds)

            return one

        return Tiles(width, tuple(map(tile, range(len(study.labels)))), {})

    return load


@pytest.mark.parametrize("width", [4, 12, 32])
def test_with_one_seed_other_seeds_tell_whether_the_world_is_random(tmp_path, width):
    """The runs come again with other seeds, which are not kept; learner 0 pays no heed to them."""
    study, calls = make_study(seeds=1, pack=TILE), []
    run(tmp_path, study, load=heedless_load(study, width, calls))
    for pack in packs_of(tmp_path):
        assert all(block.repeats == (block.learner == 0) for block in pack.blocks)
    for place, _ in Stored(tmp_path).pieces():
        assert place["repeating"] == [0]
    runs, wanted = stored_runs(tmp_path), expected(study)
    assert_same_bits(runs, wanted)
    lanes = [
        place
        for group, number, *both in calls
        if (group, number) == (0, 0)
        for place in zip(*both, strict=True)
    ]
    assert lanes[:6] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert len(lanes) == {4: 8, 12: 12, 32: 32}[width]


def test_a_single_seed_of_many_is_known_by_the_others(tmp_path):
    """A study of one seed reads it from the blocks of a larger one."""
    study = make_study(seeds=5, pack=16)
    run(tmp_path, study, load=heedless_load(study, 4))
    one = make_study(seeds=1)
    assert run(tmp_path, one).runs == 0
    assert [place["repeating"] for place, _ in Stored(tmp_path).pieces()] == [[0]] * 4


def test_the_lanes_that_fill_a_batch_are_no_other_seeds(tmp_path):
    run(tmp_path, make_study(seeds=2))
    study = make_study(seeds=3)
    run(tmp_path, study)
    blocks = [block for pack in packs_of(tmp_path) for block in pack.blocks if block.start == 2]
    assert len(blocks) == 12 and not any(block.repeats for block in blocks)


# --- laziness, order, memory -------------------------------------------------------------------


def test_groups_are_loaded_once_and_only_if_something_is_missing(tmp_path):
    loaded = []

    def load(group):
        loaded.append(group)
        return fake_load(STUDY)(group)

    run(tmp_path, STUDY, load=load)
    assert loaded == [0, 1]
    of_group_1 = [pack.name for pack in packs_of(tmp_path)][-1]
    (tmp_path / f"packs/{of_group_1}.json").unlink()
    run(tmp_path, STUDY, load=load)
    assert loaded == [0, 1, 1]
    run(tmp_path, STUDY, load=load)
    assert loaded == [0, 1, 1]


def test_few_calls_are_in_flight(tmp_path):
    waiting, most = set(), 0

    class Pending:
        """Faults that are computed when somebody waits for them."""

        def __init__(self, value):
            self.value = value
            waiting.add(self)

        def __array__(self, dtype=None, copy=None):
            waiting.discard(self)
            return self.value

    def load(group):
        def tile(positions, seeds) -> Any:
            nonlocal most
            outcome = fake_tile(STUDY, group, "pcm")(positions, seeds)
            result = Outcome(outcome.costs, Pending(outcome.faults), outcome.finite)
            most = max(most, len(waiting))
            return result

        return Tiles(TILE, (tile,) * 3)

    run(tmp_path, make_study(pack=40), load=load)
    assert 1 < most <= sweeps.IN_FLIGHT and not waiting


# --- packs that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: o._replace(costs={"hit": o.costs["hit"]}), "costs: want"),
        (lambda o: o._replace(costs={k: v[:1] for k, v in o.costs.items()}), "want .[23], lanes"),
    ],
)
def test_tiles_that_break_the_contract_are_refused(tmp_path, spoil, message):
    def load(group):
        tile = fake_tile(STUDY, group, "pcm")
        return Tiles(TILE, (lambda p, s: spoil(tile(p, s)),) * 3)

    summary = run(tmp_path, STUDY, load=load)
    assert (summary.packs, len(summary.failures)) == (0, 7) and packs_of(tmp_path) == ()
    for failure in summary.failures:
        with pytest.raises(ValueError, match=message):
            raise failure.error


@pytest.mark.parametrize("calls", [{1}, {9}, {2, 20}, {26}, set(range(1, 100))])
def test_a_pack_that_fails_is_named_and_the_others_are_none_the_worse(straight, tmp_path, calls):
    number = 0

    def fail():
        nonlocal number
        number += 1
        if number in calls:
            raise MemoryError(f"call {number}")

    recorder = Recorder()
    summary = run(tmp_path, STUDY, load=fake_load(STUDY, before=fail), progress=recorder)
    lost = sum(failure.request.work for failure in summary.failures)
    assert len(summary.failures) == min(len(calls), 7) and summary.runs == WORK - lost
    assert all(isinstance(failure.error, MemoryError) for failure in summary.failures)
    assert recorder.events[-1] == ("close",)
    state = Stored(tmp_path).coverage
    assert (state.stored, state.complete) == (WORK - lost, False)
    again = run(tmp_path, STUDY)
    assert (again.runs, again.failures) == (lost, ())
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


@pytest.mark.parametrize("error", [InputError(Issue("problem", "no")), Interrupted("stop")])
def test_what_is_no_fault_of_a_pack_ends_the_sweep(tmp_path, error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        run(tmp_path, STUDY, load=fake_load(STUDY, before=fail))
    assert packs_of(tmp_path) == ()


def test_calls_that_make_no_sense_are_refused(tmp_path):
    for share in (Share(2, 2), Share(-1, 2), Share(0, 0)):
        with pytest.raises(ValueError, match="share"):
            run(tmp_path, STUDY, share=share)
    summary = run(
        tmp_path, STUDY, load=lambda group: Tiles(TILE, (fake_tile(STUDY, group, "pcm"),))
    )
    assert {str(one.error) for one in summary.failures} == {"1 tiles for 3 learners"}


# --- another study in the same directory -------------------------------------------------------

EXTENSIONS = {
    "more seeds": ({"seeds": 14}, 3 * 4 * 3),
    "fewer seeds": ({"seeds": 3}, 0),
    "one seed": ({"seeds": 1}, 0),
    "a point more": (
        {
            "speeds": (1.0, 2.5, 4.0, 5.5, 7.0),
            "groups": ((0, 2, 3, 4), (1,)),
            "rounds": {(0, 2, 3, 4): (2, 6)},
        },
        11 * 3,
    ),
    "points in another order": (
        {
            "speeds": (5.5, 2.5, 4.0, 1.0),
            "groups": ((3, 0, 2), (1,)),
            "rounds": {(3, 0, 2): (2, 6)},
        },
        0,
    ),
    "points in groups of their own": (
        {"groups": ((0,), (1,), (2,), (3,)), "rounds": {(0,): (2, 6), (2,): (2, 6), (3,): (2, 6)}},
        0,
    ),
    "a learner more": (
        {"learners": {"pcm": {}, "greedy": {}, "st_clip(epsilon=0.1)": {"epsilon": 0.1}}},
        RUNS,
    ),
    "learners in another order": (
        {"learners": {"st_clip(epsilon=0.1)": {"epsilon": 0.1}, "pcm": {}}},
        0,
    ),
    "another value": ({"learners": {"pcm": {}, "st_clip(epsilon=0.2)": {"epsilon": 0.2}}}, RUNS),
    "other checkpoints": ({"rounds": {(0, 2, 3): (1, 6)}}, 33 * 3),
    "another pack": ({"pack": 1000}, 0),
    "another tile": ({"tile": 16}, 0),
    "another title": ({"title": "Runs"}, 0),
    "everything": ({"seeds": 20, "pack": 32, "learners": {"greedy": {}, "pcm": {}}}, None),
}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_only_what_is_missing_is_computed(straight, tmp_path, extension):
    """And the results are those of one straight run, to the last bit."""
    changes, work = EXTENSIONS[extension]
    study = make_study(**changes)
    run(tmp_path, STUDY)
    before = pack_files(tmp_path)
    summary = run(tmp_path, study, study.plan.tile)
    if work is None:
        work = 4 * (20 + 9 + 9)  # greedy; pcm and opt
    assert summary.runs == work
    assert summary.earlier == study.runs * len(study.labels) - work
    assert before.items() <= pack_files(tmp_path).items()
    assert_same_bits(stored_runs(tmp_path), expected(study))
    # And back: the first study is as it was.
    assert run(tmp_path, STUDY).runs == 0
    assert_same_bits(stored_runs(tmp_path), stored_runs(straight))


# --- progress ----------------------------------------------------------------------------------


class Recorder:
    def __init__(self):
        self.events = []

    def start(self, total_runs, done_runs):
        self.events.append(("start", total_runs, done_runs))

    def advance(self, runs):
        self.events.append(("advance", runs))

    def close(self):
        self.events.append(("close",))


def test_progress_hears_of_every_run(tmp_path):
    for share, total, done in ((Share(0, 2), 60, 0), (None, WORK, 60)):
        recorder = Recorder()
        run(tmp_path, STUDY, share=share, progress=recorder)
        assert recorder.events[0] == ("start", total, done)
        assert recorder.events[-1] == ("close",)
        assert sum(event[1] for event in recorder.events[1:-1]) == total - done


def test_progress_is_closed_after_a_failure(tmp_path):
    def fail(group):
        raise InputError(Issue("run.tile", "too large"))

    recorder = Recorder()
    with pytest.raises(InputError, match="too large"):
        run(tmp_path, STUDY, load=fail, progress=recorder)
    assert recorder.events[-1] == ("close",)


def test_without_a_terminal_there_is_a_line_now_and_then():
    times, stream = iter([0.0, 10.0, 20.0, 30.0, 45.0, 60.0]), io.StringIO()
    progress = Progress(stream, every=30.0, clock=lambda: next(times))
    progress.start(1000, 400)
    for _ in range(5):
        progress.advance(100)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "700/1000 runs (70 %), 10 runs/s, 0:30 left",
        "900/1000 runs (90 %), 8.33 runs/s, 0:12 left",
    ]


def test_hours_are_told():
    times, stream = iter([0.0, 10.0, 40.0]), io.StringIO()
    progress = Progress(stream, clock=lambda: next(times))
    progress.start(1001, 0)
    progress.advance(1)
    assert stream.getvalue() == ""
    progress.advance(1)
    assert stream.getvalue() == "2/1001 runs (0 %), 0.05 runs/s, 5:33:00 left\n"


def test_compilations_are_told_line_by_line_but_are_no_flood():
    stream, now = io.StringIO(), [0.0]
    progress = Progress(stream, every=30.0, clock=lambda: now[0])
    progress.start(100, 0)
    for number in range(1, 101):
        now[0] += 1.0
        progress.compiling(f"{number} of 100: a\x1b[2J")
        progress.compiled()
    lines = stream.getvalue().splitlines()
    assert lines[0] == r"compiling 1 of 100: a\x1b[2J"
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == [*range(1, 13), 42, 72]


def test_on_a_terminal_there_is_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress(stream)
    progress.start(50, 20)
    progress.advance(30)
    progress.close()
    assert "50.0/50.0" in stream.getvalue() and "run/s" in stream.getvalue()


# --- signals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drops_the_pack_in_flight_and_the_run_resumes(straight, tmp_path, number):
    calls = 0

    def raise_late():
        nonlocal calls
        calls += 1
        if calls == 15:
            signal.raise_signal(number)

    def earlier(number, frame):
        raise AssertionError("the sweep must take the signal")

    recorder = Recorder()
    before = signal.signal(number, earlier)
    try:
        with pytest.raises(Interrupted, match="2 packs written to") as caught:
            run(tmp_path, STUDY, load=fake_load(STUDY, before=raise_late), progress=recorder)
        assert signal.getsignal(number) is earlier
    finally:
        signal.signal(number, before)
    assert signal.Signals(number).name in str(caught.value) and str(tmp_path) in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert recorder.events[-1] == ("close",) and calls == 15
    summary = run(tmp_path, STUDY)
    assert (summary.earlier, summary.packs) == (2 * 8 * 3, 5)
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


def test_a_signal_in_the_last_call_of_a_group_loads_no_other(tmp_path):
    loaded, calls = [], 0

    def raise_last():
        nonlocal calls
        calls += 1
        if calls == 27:  # 33 runs in 9 batches for 3 learners
            signal.raise_signal(signal.SIGTERM)

    def load(group):
        loaded.append(group)
        return fake_load(STUDY, before=raise_last)(group)

    with pytest.raises(Interrupted, match="5 packs written"):
        run(tmp_path, STUDY, load=load)
    assert loaded == [0]


def test_the_second_signal_acts_as_it_would_without_the_sweep(tmp_path):
    class Second(BaseException):
        pass

    def earlier(number, frame):
        raise Second

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, earlier)
    try:
        with pytest.raises(Second):
            run(tmp_path, STUDY, load=fake_load(STUDY, before=twice))
        assert signal.getsignal(signal.SIGINT) is earlier
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_keyboard_interrupt_is_no_failure_of_a_pack(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, STUDY, load=fake_load(STUDY, before=interrupt))


def test_an_ignored_signal_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        load = fake_load(STUDY, before=lambda: signal.raise_signal(signal.SIGINT))
        assert run(tmp_path, STUDY, load=load).packs == 7
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_installs_no_handlers(straight, tmp_path):
    before, seen, errors = signal.getsignal(signal.SIGTERM), set(), []

    def work():
        look = fake_load(STUDY, before=lambda: seen.add(signal.getsignal(signal.SIGTERM)))
        try:
            run(tmp_path, STUDY, load=look)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == [] and seen == {before}
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


# --- processes that die ------------------------------------------------------------------------


def worker(path, *options):
    """Runs the sweep in a process of its own; ends as the command line does."""
    chosen = dict(option.split("=") for option in options)
    pause, fill_at = float(chosen.get("pause", 0)), int(chosen.get("fill_at", 0))
    index, count = map(int, chosen.get("share", "0/1").split("/"))
    calls = 0
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def before():
        nonlocal calls
        calls += 1
        if calls == 1:
            print("ready", flush=True)
        if calls == fill_at:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        time.sleep(pause)

    try:
        run(Path(path), STUDY, load=fake_load(STUDY, before=before), share=Share(index, count))
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(75)


@contextlib.contextmanager
def process(path, *options):
    script = "import runpy, sys; runpy.run_path(sys.argv[1])['worker'](*sys.argv[2:])"
    here = Path(__file__).resolve()
    places = [here.parents[2], here.parents[2] / "kernels", here.parent]
    child = subprocess.Popen(
        [sys.executable, "-c", script, __file__, str(path), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def finish(child):
    _, errors = child.communicate(timeout=60)
    return child.returncode, errors


def test_killed_at_random_moments_and_resumed_gives_the_same_bits(straight, tmp_path):
    chance = random.Random(0)
    kills = 0
    for _ in range(8):
        with process(tmp_path, "pause=0.02") as child:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.25))
            child.send_signal(signal.SIGKILL)
            code, errors = finish(child)
        assert code in (0, -signal.SIGKILL), errors
        kills += code != 0
        if code == 0:
            break
    assert kills > 0
    assert run(tmp_path, STUDY).failures == ()
    assert temporaries(tmp_path) == []
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))
    # What was cut short is cut in the same way again: the very files are the same.
    assert pack_files(straight) == pack_files(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_process_leaves_a_directory_to_resume(straight, tmp_path, number):
    with process(tmp_path, "pause=0.2") as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        child.send_signal(number)
        code, errors = finish(child)
    assert code == 75 and "run the same command again" in errors and "Traceback" not in errors
    assert temporaries(tmp_path) == []
    assert run(tmp_path, STUDY).packs == 7
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


def test_a_second_signal_ends_a_process_that_hangs(straight, tmp_path):
    with process(tmp_path, "pause=300") as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for _ in range(100):  # until the first one was seen and the second one sent
            child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
                break
        assert finish(child)[0] == -signal.SIGTERM
    run(tmp_path, STUDY)
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


def test_a_full_disk_keeps_what_is_committed(straight, tmp_path):
    pytest.importorskip("resource")
    with process(tmp_path, "fill_at=15") as child:
        code, errors = finish(child)
    assert code == 75 and "File too large" in errors and "Traceback" not in errors
    assert "cannot write pack" in errors and "run the same command again" in errors
    assert temporaries(tmp_path) == []
    store = Store(tmp_path).open()
    assert len(store.refresh().packs) == 2 and store.damaged == []
    assert run(tmp_path, STUDY).earlier == 2 * 8 * 3
    assert_same_bits(stored_runs(straight), stored_runs(tmp_path))


def test_a_job_array_shares_a_directory(straight, tmp_path):
    path = tmp_path / "run"
    with (
        process(path, "pause=0.005", "share=0/2") as one,
        process(path, "pause=0.005", "share=1/2") as two,
    ):
        for child in (one, two):
            code, errors = finish(child)
            assert code == 0, errors
    assert temporaries(tmp_path) == []
    assert_same_bits(stored_runs(straight), stored_runs(path))


def test_two_that_compute_the_same_do_no_harm(straight, tmp_path):
    path = tmp_path / "run"
    with process(path, "pause=0.002") as one, process(path, "pause=0.002") as two:
        for child in (one, two):
            code, errors = finish(child)
            assert code == 0, errors
    assert pack_files(path) == pack_files(straight) and temporaries(path) == []
    assert len([*sidecars(path)]) == 7
    assert_same_bits(stored_runs(straight), stored_runs(path))


def test_the_host_loop_needs_no_jax():
    script = (
        "import sys\n"
        "import jaxsoco.engine.sweep, jaxsoco.core.moments, jaxsoco.engine.progress\n"
        "import jaxsoco.engine.reading, jaxsoco.engine.legacy\n"
        "assert not {'jax', 'tqdm', 'matplotlib'} & sys.modules.keys()"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)


def test_a_group_that_cannot_be_loaded_leaves_the_others(tmp_path):
    def load(group):
        if group == 0:
            raise RuntimeError("no such world")
        return fake_load(STUDY)(group)

    store = begin(tmp_path, STUDY)
    summary = sweeps.sweep(STUDY, store, sweeps.Local(load))
    groups = {failure.request.group for failure in summary.failures}
    assert groups == {0} and all(str(f.error) == "no such world" for f in summary.failures)
    assert summary.runs == len(STUDY.labels) * sum(g.runs for g in STUDY.groups[1:]) > 0
