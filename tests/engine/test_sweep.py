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
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.core.moments import Moments, merge_in_order
from jaxsoco.engine import files
from jaxsoco.engine import sweep as sweeps
from jaxsoco.engine.plan import GroupPlan, Plan
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Tiles, sweep

LEARNERS, COSTS, TILE = ("pcm", "st_clip", "opt"), ("hit", "move"), 4
GROUPS = (
    GroupPlan(index=0, points=(0, 2, 3), seeds=11, horizon=6, checkpoints=(2, 6)),
    GroupPlan(index=1, points=(1,), seeds=11, horizon=9, checkpoints=(3, 6, 9)),
)


class Outcome(NamedTuple):
    costs: dict
    faults: Any
    finite: np.ndarray


def make_plan(chunk=8) -> Plan:
    return Plan(GROUPS, learners=LEARNERS, costs=COSTS, tile=TILE, chunk=chunk)


def make_store(path, plan) -> Store:
    return Store(path).create({"settings": {"seeds": 11}, "plan": plan.to_json()})


def record(group, learner, position, seed):
    """What the fake learner does in one run: costs by name [C], faults, finite."""
    point = GROUPS[group].points[position]
    at = np.array(GROUPS[group].checkpoints)
    rng = np.random.default_rng((learner, point, seed))
    costs = {name: (100 + rng.normal(size=at.shape) * at).astype(np.float32) for name in COSTS}
    return costs, (point + 3 * seed + learner) % 7 == 0, (point + seed) % 5 != learner


def fake_tile(group, learner, before=lambda: None):
    def tile(positions, seeds) -> Any:
        before()
        assert positions.dtype == seeds.dtype == np.int32
        runs = [record(group, learner, p, s) for p, s in zip(positions, seeds, strict=True)]
        costs = {name: np.stack([run[0][name] for run in runs], axis=-1) for name in COSTS}
        faults = np.array([2 * run[1] for run in runs], np.int32)
        return Outcome(costs, faults, np.array([run[2] for run in runs]))

    return tile


def fake_load(width=TILE, before=lambda: None):
    def load(group):
        tiles = tuple(fake_tile(group, i, before) for i in range(len(LEARNERS)))
        return Tiles(width, tiles, {"jax": "0.0", "device": "fake"})

    return load


def run_straight(path, chunk=8, width=TILE) -> Store:
    plan = make_plan(chunk)
    store = make_store(path, plan)
    sweep(plan, store, fake_load(width))
    return store


def all_runs(store):
    """Every array of the store, concatenated over the chunks of each group."""
    store = Store(store.path).open()
    assert len(store.committed()) == len(store.plan.chunks()) and store.damaged == []
    parts = {}
    for chunk in store.plan.chunks():
        for name, array in store.read(chunk.id).items():
            assert len(array) == chunk.runs
            parts.setdefault((chunk.group, name), []).append(array)
    return {place: np.concatenate(part) for place, part in parts.items()}


def assert_same_bits(one, two):
    assert one.keys() == two.keys()
    for place, array in one.items():
        assert array.dtype == two[place].dtype and array.tobytes() == two[place].tobytes(), place


def no_temporaries(path):
    return not any(files.is_temporary(p) for p in path.rglob("*"))


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    return run_straight(tmp_path_factory.mktemp("sweep") / "straight")


# --- results -----------------------------------------------------------------------------------


def test_every_run_is_the_run_it_says(straight):
    runs = all_runs(straight)
    for group in GROUPS:
        for r in range(group.runs):
            position, seed = divmod(r, group.seeds)
            for learner in range(len(LEARNERS)):
                costs, fault, finite = record(group.index, learner, position, seed)
                for name in COSTS:
                    kept = runs[group.index, f"{learner:03d}.{name}"]
                    assert kept.dtype == np.float32
                    np.testing.assert_array_equal(kept[r], costs[name])
                assert runs[group.index, f"{learner:03d}.faults"][r] == 2 * fault
                assert runs[group.index, f"{learner:03d}.finite"][r] == finite
    assert runs[0, "000.faults"].dtype == np.int32 and runs[0, "000.finite"].dtype == np.bool_


@pytest.mark.parametrize("chunk", [1, 4, 12, 17, 1000])
def test_another_chunk_size_gives_the_same_runs_and_moments(straight, tmp_path, chunk):
    other = run_straight(tmp_path, chunk)
    assert len(other.plan.chunks()) != len(straight.plan.chunks())
    assert_same_bits(all_runs(straight), all_runs(other))
    one, two = (
        merge_in_order(
            Moments.of(store.read(chunk.id)["001.hit"][:, -1])
            for chunk in store.plan.chunks()
            if chunk.group == 0
        )
        for store in (straight, other)
    )
    assert one.count == two.count == GROUPS[0].runs
    for a, b in ((one.mean, two.mean), (one.variance, two.variance)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("width", [8, 12, 64])
def test_the_number_of_devices_changes_no_bit(straight, tmp_path, width):
    assert_same_bits(all_runs(straight), all_runs(run_straight(tmp_path, width=width)))


def test_every_call_has_the_compiled_width(tmp_path):
    plan, shapes = make_plan(), set()

    def load(group):
        def tile(positions, seeds) -> Any:
            shapes.add((positions.shape, seeds.shape))
            assert positions.max() < len(GROUPS[group].points) and seeds.max() < 11
            return fake_tile(group, 0)(positions, seeds)

        return Tiles(12, (tile,) * len(LEARNERS))

    sweep(plan, make_store(tmp_path, plan), load)
    assert shapes == {((12,), (12,))}


def test_the_summary_counts_runs_and_trouble(tmp_path):
    plan = make_plan()
    store = make_store(tmp_path, plan)
    summary = sweep(plan, store, fake_load())
    assert (summary.runs, summary.chunks, summary.resumed_chunks) == (44, 7, 0)
    expected = [
        [record(g.index, i, *divmod(r, g.seeds)) for g in GROUPS for r in range(g.runs)]
        for i in range(len(LEARNERS))
    ]
    for label, runs in zip(LEARNERS, expected, strict=True):
        assert summary.nonconverged[label] == sum(bool(run[1]) for run in runs) > 0
        assert summary.nonfinite[label] == sum(not run[2] for run in runs) > 0
    again = sweep(plan, store, fake_load())
    assert (again.runs, again.chunks, again.resumed_chunks) == (0, 0, 7)
    assert again.nonconverged == summary.nonconverged and again.nonfinite == summary.nonfinite


def test_sidecars_say_where_and_how_long(straight):
    for meta in straight.committed().values():
        assert (meta["jax"], meta["device"]) == ("0.0", "fake") and meta["seconds"] >= 0


@pytest.mark.parametrize("width", [4, 12, 32])
def test_with_one_seed_other_seeds_tell_whether_the_world_is_random(tmp_path, width):
    """The runs come again with other seeds, which are not kept; learner 0 pays no heed to them."""
    groups = (replace(GROUPS[0], seeds=1), replace(GROUPS[1], seeds=2))
    plan = Plan(groups, LEARNERS, COSTS, tile=TILE, chunk=TILE)
    store, calls = make_store(tmp_path, plan), []

    def load(group):
        def tile(learner):
            def one(positions, seeds):
                calls.append((group, learner, tuple(positions), tuple(seeds)))
                return fake_tile(group, learner)(positions, seeds if learner else 0 * seeds)

            return one

        return Tiles(width, tuple(map(tile, range(len(LEARNERS)))), {})

    sweep(plan, store, load)
    single, pair = store.committed().values()
    assert single["repeating"] == [LEARNERS[0]]
    assert "repeating" not in pair
    runs = all_runs(store)
    for position in range(3):
        expected = record(0, 1, position, 0)[0]["hit"]
        np.testing.assert_array_equal(runs[0, "001.hit"][position], expected)
    lanes = [
        place
        for group, learner, *both in calls
        if (group, learner) == (0, 0)
        for place in zip(*both, strict=True)
    ]
    assert lanes[:6] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert len(lanes) == {4: 8, 12: 12, 32: 32}[width]


# --- laziness, order, memory -------------------------------------------------------------------


def test_groups_are_loaded_once_and_only_if_something_is_missing(tmp_path):
    plan, loaded = make_plan(), []
    store = make_store(tmp_path, plan)

    def load(group):
        loaded.append(group)
        return fake_load()(group)

    sweep(plan, store, load)
    assert loaded == [0, 1]
    (tmp_path / "chunks/00006.json").unlink()
    sweep(plan, Store(tmp_path).open(), load)
    assert loaded == [0, 1, 1]
    sweep(plan, Store(tmp_path).open(), load)
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
            outcome = fake_tile(group, 0)(positions, seeds)
            result = Outcome(outcome.costs, Pending(outcome.faults), outcome.finite)
            most = max(most, len(waiting))
            return result

        return Tiles(TILE, (tile,) * len(LEARNERS))

    plan = make_plan(chunk=40)
    sweep(plan, make_store(tmp_path, plan), load)
    assert 1 < most <= sweeps.IN_FLIGHT and not waiting


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: o._replace(costs={"hit": o.costs["hit"]}), "costs: want"),
        (lambda o: o._replace(costs={k: v[:1] for k, v in o.costs.items()}), "want .2, lanes"),
    ],
)
def test_tiles_that_break_the_contract_are_refused(tmp_path, spoil, message):
    def load(group):
        tile = fake_tile(group, 0)
        return Tiles(TILE, (lambda p, s: spoil(tile(p, s)),) * len(LEARNERS))

    plan = make_plan()
    with pytest.raises(ValueError, match=message):
        sweep(plan, make_store(tmp_path, plan), load)


def test_calls_that_make_no_sense_are_refused(tmp_path):
    plan = make_plan()
    store = make_store(tmp_path, plan)
    for only in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="only"):
            sweep(plan, store, fake_load(), only=only)
    with pytest.raises(ValueError, match="another plan"):
        sweep(make_plan(12), store, fake_load())
    with pytest.raises(ValueError, match="1 tiles for 3 learners"):
        sweep(plan, store, lambda group: Tiles(TILE, (fake_tile(group, 0),)))


def test_another_chunk_size_cannot_resume_and_says_what_can(tmp_path):
    run_straight(tmp_path)
    with pytest.raises(InputError, match="this run was started with chunk = 8"):
        make_store(tmp_path, make_plan(12))


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
    plan = make_plan()
    store = make_store(tmp_path, plan)
    for only, done in (((0, 2), 0), (None, 20)):
        recorder = Recorder()
        sweep(plan, store, fake_load(), only=only, progress=recorder)
        total = 20 if only else 44
        assert recorder.events[0] == ("start", total, done)
        assert recorder.events[-1] == ("close",)
        assert sum(event[1] for event in recorder.events[1:-1]) == total - done


def test_progress_is_closed_after_a_failure(tmp_path):
    def fail():
        raise RuntimeError("out of memory")

    plan, recorder = make_plan(), Recorder()
    with pytest.raises(RuntimeError, match="out of memory"):
        sweep(plan, make_store(tmp_path, plan), fake_load(before=fail), progress=recorder)
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
def test_a_signal_drops_the_chunk_in_flight_and_the_run_resumes(straight, tmp_path, number):
    calls = 0

    def raise_late():
        nonlocal calls
        calls += 1
        if calls == 15:
            signal.raise_signal(number)

    def earlier(number, frame):
        raise AssertionError("the sweep must take the signal")

    plan, recorder = make_plan(), Recorder()
    store = make_store(tmp_path, plan)
    before = signal.signal(number, earlier)
    try:
        with pytest.raises(Interrupted, match="2 of 7 chunks are whole") as caught:
            sweep(plan, store, fake_load(before=raise_late), progress=recorder)
        assert signal.getsignal(number) is earlier
    finally:
        signal.signal(number, before)
    assert signal.Signals(number).name in str(caught.value) and str(tmp_path) in str(caught.value)
    assert recorder.events[-1] == ("close",) and calls == 15
    summary = sweep(plan, Store(tmp_path).open(), fake_load())
    assert (summary.resumed_chunks, summary.chunks) == (2, 5)
    assert_same_bits(all_runs(straight), all_runs(store))


def test_a_signal_in_the_last_call_of_a_group_loads_no_other(tmp_path):
    loaded, calls = [], 0

    def raise_last():
        nonlocal calls
        calls += 1
        if calls == 27:  # 33 runs in 9 batches for 3 learners
            signal.raise_signal(signal.SIGTERM)

    def load(group):
        loaded.append(group)
        return fake_load(before=raise_last)(group)

    plan = make_plan()
    with pytest.raises(Interrupted, match="5 of 7 chunks are whole"):
        sweep(plan, make_store(tmp_path, plan), load)
    assert loaded == [0]


def test_the_second_signal_acts_as_it_would_without_the_sweep(tmp_path):
    class Second(Exception):
        pass

    def earlier(number, frame):
        raise Second

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    plan = make_plan()
    before = signal.signal(signal.SIGINT, earlier)
    try:
        with pytest.raises(Second):
            sweep(plan, make_store(tmp_path, plan), fake_load(before=twice))
        assert signal.getsignal(signal.SIGINT) is earlier
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_stays_ignored(tmp_path):
    plan = make_plan()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        load = fake_load(before=lambda: signal.raise_signal(signal.SIGINT))
        assert sweep(plan, make_store(tmp_path, plan), load).chunks == 7
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_installs_no_handlers(straight, tmp_path):
    before, seen, errors = signal.getsignal(signal.SIGTERM), set(), []
    plan = make_plan()

    def work():
        look = fake_load(before=lambda: seen.add(signal.getsignal(signal.SIGTERM)))
        try:
            sweep(plan, make_store(tmp_path, plan), look)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == [] and seen == {before}
    assert_same_bits(all_runs(straight), all_runs(Store(tmp_path).open()))


# --- processes that die ------------------------------------------------------------------------


def worker(path, *options):
    """Runs the sweep in a process of its own; ends as the command line does."""
    chosen = dict(option.split("=") for option in options)
    pause, fill_at = float(chosen.get("pause", 0)), int(chosen.get("fill_at", 0))
    index, count = map(int, chosen.get("only", "0/1").split("/"))
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

    plan = make_plan()
    try:
        sweep(plan, make_store(path, plan), fake_load(before=before), only=(index, count))
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(75)


@contextlib.contextmanager
def process(path, *options):
    script = "import runpy, sys; runpy.run_path(sys.argv[1])['worker'](*sys.argv[2:])"
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", script, __file__, str(path), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "kernels")])},
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
    store = Store(tmp_path).open()
    assert no_temporaries(tmp_path)
    sweep(store.plan, store, fake_load())
    for chunk in straight.plan.chunks():
        name = f"chunks/{chunk.id}.npz"
        assert (store.path / name).read_bytes() == (straight.path / name).read_bytes()
    assert_same_bits(all_runs(straight), all_runs(store))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_process_leaves_a_directory_to_resume(straight, tmp_path, number):
    with process(tmp_path, "pause=0.2") as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        child.send_signal(number)
        code, errors = finish(child)
    assert code == 75 and "run the same command again" in errors and "Traceback" not in errors
    assert no_temporaries(tmp_path)
    store = Store(tmp_path).open()
    assert sweep(store.plan, store, fake_load()).chunks == 7
    assert_same_bits(all_runs(straight), all_runs(store))


def test_a_second_signal_ends_a_process_that_hangs(straight, tmp_path):
    with process(tmp_path, "pause=300") as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for _ in range(100):  # until the first one was seen and the second one sent
            child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
                break
        assert finish(child)[0] == -signal.SIGTERM
    store = Store(tmp_path).open()
    sweep(store.plan, store, fake_load())
    assert_same_bits(all_runs(straight), all_runs(store))


def test_a_full_disk_keeps_what_is_committed(straight, tmp_path):
    pytest.importorskip("resource")
    with process(tmp_path, "fill_at=15") as child:
        code, errors = finish(child)
    assert code == 75 and "File too large" in errors and "Traceback" not in errors
    assert "chunk 00002" in errors and "run the same command again" in errors
    assert no_temporaries(tmp_path)
    store = Store(tmp_path).open()
    assert list(store.committed()) == ["00000", "00001"] and store.damaged == []
    assert sweep(store.plan, store, fake_load()).resumed_chunks == 2
    assert_same_bits(all_runs(straight), all_runs(store))


def test_a_job_array_shares_a_directory(straight, tmp_path):
    with (
        process(tmp_path / "run", "pause=0.005", "only=0/2") as one,
        process(tmp_path / "run", "pause=0.005", "only=1/2") as two,
    ):
        for child in (one, two):
            code, errors = finish(child)
            assert code == 0, errors
    assert no_temporaries(tmp_path)
    assert_same_bits(all_runs(straight), all_runs(Store(tmp_path / "run").open()))


def test_the_host_loop_needs_no_jax():
    script = (
        "import sys\n"
        "import jaxsoco.engine.sweep, jaxsoco.core.moments, jaxsoco.engine.progress\n"
        "assert not {'jax', 'tqdm', 'matplotlib'} & sys.modules.keys()"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
