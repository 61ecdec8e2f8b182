"""Who computes what: shares, stealing with claims, deadlines, the cache, and noted failures."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import nullcontext

import pytest
from processes import environment
from studies import content_of, fill, make_study

from jaxsoco.core.errors import InputError, Interrupted
from jaxsoco.engine import packs
from jaxsoco.engine.cache import Cache, default_cache
from jaxsoco.engine.claims import Claims
from jaxsoco.engine.failures import failures_of, record_failure
from jaxsoco.engine.reading import coverage
from jaxsoco.engine.requests import Share, slices
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import Computed, Failure, sweep
from jaxsoco.engine.work import Deadline, StealingWork, Work


@pytest.fixture
def study():
    return make_study(seeds=20, pack=8)


@pytest.fixture
def store(tmp_path, study):
    return Store(tmp_path / "run").begin(study.to_json())


def state_of(study, store):
    store.refresh()
    return coverage(study, store)


def compute_all(study, requests, advance, check):
    """An executor without numerics."""
    for request in requests:
        check()
        advance(request.work)
        yield Computed(request, content_of(study, request))


def stealing(study, store, claims, share, **options):
    return StealingWork(study, Store(store.path).open(), share, claims, **options)


# --- shares --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_shares_compute_everything_once(study, store, count):
    made = 0
    for index in range(count):
        mine = Work(study, store, Share(index, count))
        made += sweep(study, store, compute_all, work=mine).packs
    there = state_of(study, store)
    assert there.complete and len(there.packs) == made == len({*store.index.packs})
    assert sweep(study, store, compute_all).packs == 0


def spoil(store, name):
    """Changes a bit of a pack's results; their size stays."""
    file = store.path / "packs" / f"{name}.npz"
    data = bytearray(file.read_bytes())
    data[300] ^= 4
    file.write_bytes(data)


def test_a_member_compares_its_own_packs_alone(study, store, monkeypatch):
    """Of a thousand members, each would read all that the others have written."""
    sweep(study, store, compute_all)
    compared = Counter()

    def counting(pack, file, *, thorough=True, real=packs.verify):
        compared[pack.name] += thorough
        real(pack, file, thorough=thorough)

    monkeypatch.setattr(packs, "verify", counting)
    mine = {}
    for index in range(4):
        share = Share(index, 4)
        compared.clear()
        again = Store(store.path).open()
        assert sweep(study, again, compute_all, share=share).packs == 0
        mine[index] = {name for name, times in compared.items() if times}
        assert {*compared} == {*store.index.packs} and mine[index]
    assert len(mine[0] & mine[2]) == 0
    assert set().union(*mine.values()) == {*store.index.packs}


@pytest.mark.parametrize("steal", [False, True])
def test_a_member_computes_its_own_damaged_packs_again(study, store, steal):
    """Also one that steals, which looks at the others' packs again and again by their size."""
    sweep(study, store, compute_all)
    spoil(store, next(store.index.names(Work(study, store, Share(1, 4))._wanted())))
    again = Store(store.path).open()
    with Claims(store.path) if steal else nullcontext() as claims:
        how = {"share": Share(1, 4)}
        if claims:
            how = {"work": StealingWork(study, again, Share(1, 4), claims)}
        summary = sweep(study, again, compute_all, **how)
    assert summary.packs == 1
    there = state_of(study, Store(store.path).open())
    assert there.complete


# --- claims --------------------------------------------------------------------------------------


def test_a_claim_is_held_by_one(tmp_path):
    with Claims(tmp_path) as mine, Claims(tmp_path) as theirs:
        assert mine.take("a") and mine.take("a")
        assert not theirs.take("a") and theirs.take("b")
        assert theirs.alive(["a", "b", "c"]) == {"a"}
        mine.release("a")
        assert theirs.take("a") and not mine.take("a")
    assert [*(tmp_path / "claims").iterdir()] == []


def test_a_claim_of_the_dead_is_taken_over(tmp_path):
    with Claims(tmp_path, lease=60) as theirs, Claims(tmp_path, lease=60) as mine:
        assert theirs.take("a")
        file = tmp_path / "claims" / "a.json"
        os.utime(file, (time.time() - 61,) * 2)
        assert mine.alive(["a"]) == set() and mine.take("a")
        theirs.release("a")  # it came back to life, and the claim is not its own any more
        assert file.exists()


# One that holds two claims, and looks at another's when it is killed: "ready" comes first.
KILLED = """
import sys, time
from pathlib import Path
from jaxsoco.engine import claims
with claims.Claims(Path(sys.argv[1])) as its:
    assert its.take("a") and its.take("b")
    real = Path.stat
    def stat(path, **options):
        if path.name.startswith(".probe"):
            print("ready", flush=True)
            time.sleep(60)
        return real(path, **options)
    Path.stat = stat
    its.alive(["c"])
"""


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by their id")
def test_a_claim_of_a_process_that_was_killed_is_free_at_once(tmp_path):
    with Claims(tmp_path) as mine:
        assert mine.take("c")
        code = [sys.executable, "-c", KILLED, str(tmp_path)]
        started = subprocess.Popen(code, env=environment(), stdout=subprocess.PIPE)
        assert started.stdout is not None and started.stdout.readline() == b"ready\n"
        assert mine.alive(["a", "b"]) == {"a", "b"} and not mine.take("a")
        started.kill()
        started.communicate()
        assert mine.alive(["a", "b"]) == set() and mine.take("a")
    # Of what it held and wrote nothing is left, whether or not somebody took it over.
    assert [*(tmp_path / "claims").iterdir()] == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"owner": "x"}', b'{"host": 1, "pid": "a"}'])
def test_a_claim_that_does_not_say_whose_it_is_lives_for_a_lease(tmp_path, content):
    with Claims(tmp_path) as mine:
        file = tmp_path / "claims" / "a.json"
        file.write_bytes(content)
        assert mine.alive(["a"]) == {"a"} and not mine.take("a")
        os.utime(file, (time.time() - 61,) * 2)
        assert mine.take("a")


def test_a_claim_is_kept_alive_while_its_owner_lives(tmp_path):
    with Claims(tmp_path, lease=0.6) as mine, Claims(tmp_path, lease=0.6) as theirs:
        assert mine.take("a")
        time.sleep(1.2)
        assert not theirs.take("a")


# --- stealing ------------------------------------------------------------------------------------


def test_an_idle_member_computes_what_nobody_does(study, store):
    with Claims(store.path) as claims:
        work = stealing(study, store, claims, Share(1, 4))
        summary = sweep(study, Store(store.path).open(), compute_all, work=work)
    assert summary.packs == len([*slices(study.plan)])
    assert state_of(study, store).complete
    assert [*(store.path / "claims").iterdir()] == []


def test_a_member_begins_with_its_own_share(study, store):
    parts = [*slices(study.plan)]
    with Claims(store.path) as claims:
        order = [r.spans for r in stealing(study, store, claims, Share(1, 3))]
    assert len(order) == len(parts)
    assert order[0] == parts[1][1] and order[1] == parts[4][1]


def test_members_do_not_compute_the_same(study, store):
    done = []

    def member(index):
        own = Store(store.path).open()
        with Claims(store.path) as claims:
            work = StealingWork(study, own, Share(index, 3), claims, wait=0.01)
            done.append(sweep(study, own, compute_all, work=work).packs)

    members = [threading.Thread(target=member, args=(i,)) for i in range(3)]
    for one in members:
        one.start()
    for one in members:
        one.join()
    assert state_of(study, store).complete
    assert sum(done) == len([*slices(study.plan)])


def test_what_a_living_member_holds_is_waited_for(study, store):
    with Claims(store.path) as theirs, Claims(store.path) as mine:
        work = stealing(study, store, mine, Share(0, 2))
        name = next(iter(work._slices))
        group, spans = work._slices[name]
        assert theirs.take(name)
        waits = []

        def sleep(seconds):
            waits.append(seconds)
            if len(waits) == 3:  # the other one is done
                for request in work._missing(group, spans):
                    fill(study, store, request)
                theirs.release(name)

        work._sleep = sleep
        requests = []
        for request in work:
            requests.append(request)
            fill(study, work._store, request)
            work.finished(request)
    assert len(waits) == 3 and all(one.spans != spans for one in requests)
    assert state_of(study, store).complete


def test_a_slice_that_fails_is_not_tried_for_ever(study, store):
    def fail(study, requests, advance, check):
        for request in requests:
            yield Failure(request, ValueError("no"))

    with Claims(store.path) as claims:
        work = stealing(study, store, claims, Share(), sleep=lambda seconds: pytest.fail("waits"))
        summary = sweep(study, store, fail, work=work)
    assert len(summary.failures) == len([*slices(study.plan)])


# --- deadlines -----------------------------------------------------------------------------------


def test_no_pack_begins_that_would_not_end_in_time(study, store):
    clock = [0.0]

    def slowly(study, requests, advance, check):
        for request in requests:
            clock[0] += 10.0
            blocks, arrays, facts = content_of(study, request)
            yield Computed(request, (blocks, arrays, facts | {"seconds": 10.0}))

    deadline = Deadline(35.0, clock=lambda: clock[0])
    with pytest.raises(Interrupted, match=r"time limit of 0:35 is near.*\(\d+ runs\) takes about"):
        sweep(study, store, slowly, deadline=deadline)
    # The fourth would end at 40.
    assert len(store.refresh().packs) == 3
    assert sweep(study, store, compute_all, deadline=Deadline(1e9)).packs > 0


def test_earlier_packs_tell_how_long_one_takes(study):
    requests = [*Work(study, FakeStore(), Share())]
    within = Deadline(1.0, rate=1.0).within(iter(requests))
    with pytest.raises(Interrupted):
        next(within)
    assert next(Deadline(1.0, rate=1e-9).within(iter(requests))) == requests[0]


class FakeStore:
    """Holds nothing."""

    def refresh(self, thorough=True):
        from jaxsoco.engine.index import Index

        return Index()


# --- the cache -----------------------------------------------------------------------------------


def test_what_one_directory_has_another_takes_from_the_cache(tmp_path, study, store):
    cache = Cache(tmp_path / "cache")
    summary = sweep(study, store, compute_all, cache=cache)
    other = Store(tmp_path / "other").begin(study.to_json())
    assert Cache(tmp_path / "cache").fill(study, other) == summary.packs
    assert state_of(study, Store(other.path).open()).complete
    for name in store.index.packs:
        files = [folder / "packs" / f"{name}.npz" for folder in (store.path, other.path)]
        assert files[0].samefile(files[1])


def test_a_part_of_what_is_cached_is_taken(tmp_path, study, store):
    cache = Cache(tmp_path / "cache")
    sweep(study, store, compute_all, cache=cache)
    more = make_study(seeds=30, pack=8)
    other = Store(tmp_path / "other").begin(more.to_json())
    cache.fill(more, other)
    assert state_of(more, other).stored == 20 * 3 * 2
    nothing = make_study(seeds=20, pack=8, speeds=(7.0,))
    assert cache.fill(nothing, Store(tmp_path / "third").begin(nothing.to_json())) == 0


def test_damage_in_the_cache_is_not_passed_on(tmp_path, study, store):
    sweep(study, store, compute_all, cache=Cache(tmp_path / "cache"))
    damaged = sorted((tmp_path / "cache" / "packs").glob("*.npz"))[0]
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.unlink()  # a link: the directory's own file stays whole
    damaged.write_bytes(content)
    other = Store(tmp_path / "other").begin(study.to_json())
    assert Cache(tmp_path / "cache").fill(study, other) == len(store.index.packs) - 1
    assert Store(other.path).open().refresh() and not other.damaged


def test_a_cache_that_cannot_be_used_is_bad_input(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used as a cache"):
        Cache(tmp_path / "file")


def test_the_environment_names_a_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXSOCO_CACHE", "")
    assert default_cache() is None
    monkeypatch.setenv("JAXSOCO_CACHE", str(tmp_path))
    assert default_cache() == tmp_path


# --- failures ------------------------------------------------------------------------------------


def test_a_failing_pack_is_noted_and_the_others_are_computed(study, store):
    def sometimes(study, requests, advance, check):
        for number, request in enumerate(requests):
            if number == 1:
                yield Failure(request, ValueError("the world\nended"))
            else:
                yield Computed(request, content_of(study, request))

    summary = sweep(study, store, sometimes)
    failure = summary.failures[0]
    there = state_of(study, store)
    assert there.wanted - there.stored == failure.request.work and summary.packs > 1
    noted = failures_of(store.path, study, store.index)
    assert [(one.runs, one.error) for one in noted] == [
        (failure.request.work, "ValueError: the world ended")
    ]
    assert noted[0].learners == study.labels
    assert sweep(study, store, compute_all).packs == 1
    assert failures_of(store.path, study, store.refresh()) == []


def test_a_failure_of_another_study_is_not_told(study, store):
    other = make_study(seeds=20, pack=8, speeds=(9.0,))
    record_failure(store.path, other, next(iter(Work(other, FakeStore(), Share()))), ValueError())
    assert failures_of(store.path, study, store.refresh()) == []
    assert len(failures_of(store.path, other, store.refresh())) == 1
