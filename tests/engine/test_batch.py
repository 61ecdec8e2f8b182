"""Compiled blocks of runs: any mix of points and seeds, one program for equal code, any devices."""

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import walk_problem as toy

from jaxsoco.core import random
from jaxsoco.core.compiler import without_fusions
from jaxsoco.core.protocol import Algorithm
from jaxsoco.engine import batch as batch_module
from jaxsoco.engine.batch import Batch
from jaxsoco.engine.compiling import side_by_side

QUICK = {"xla_backend_optimization_level": 0}
AT = (3, 7)
TILE = 6
POINT = np.array([0, 2, 1, 1, 0, 2], np.int32)
SEED = np.array([0, 0, 5, 1, 9, 123456], np.int32)
SPEEDS = (0.5, 1.0, 2.0)

BASE = {"speed": 1.0, "lag": 0.25, "shape": (-1.0, 0.5)}
VARIED = {
    "a scalar": [BASE | {"speed": speed} for speed in SPEEDS],
    "an array": [BASE | {"shape": (-1.0, speed)} for speed in SPEEDS],
    "all": [{"speed": s, "lag": -s, "shape": (-s, 0.5)} for s in SPEEDS],
    "nothing": [BASE] * 3,
}


def make_batch(points=VARIED["a scalar"], tile=TILE, **others) -> Batch:
    instances = [toy.instance(**values) for values in points]
    settings = {"devices": jax.devices()[:1], "at": AT, "seeds_root": 42} | others
    return Batch(instances, tile=tile, **settings)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Compiles quickly; what the options change is the code, and not what is computed."""
    monkeypatch.setattr(batch_module, "CPU_OPTIONS", QUICK)


@partial(jax.jit, compiler_options=QUICK)
def _alone(key, settings, gain):
    spec = toy.draw(random.fold(key, 0xFFFFFFFF), settings)
    return toy.play(spec, key, gain, at=AT)


def alone(values, seed, gain, root=42):
    """One run, by itself: what the lane of a batch must be."""
    key = random.fold(random.words(jax.random.key(root)), int(seed))
    return _alone(key, toy.instance(**values).settings, gain)


class Traced:
    """Counts how often JAX traces a learner."""

    def __init__(self, act=toy.follower.act):
        self.count = 0
        self._act = act

    def __call__(self, key, params, state, obs):
        self.count += 1
        return self._act(key, params, state, obs)

    def algorithm(self) -> Algorithm:
        return toy.follower._replace(act=self)


# --- what is computed -----------------------------------------------------------------------------


@pytest.mark.parametrize("which", VARIED)
def test_every_lane_is_the_run_of_its_point_and_seed(which):
    with jax.enable_x64(True):
        batch = make_batch(VARIED[which])
        assert batch.width == TILE
        outcome = batch.learner(toy.follower, toy.params(0.3))(POINT, SEED)
        assert set(outcome.costs) == {"hit", "move"}
        for lane, (point, seed) in enumerate(zip(POINT, SEED, strict=True)):
            wanted = alone(VARIED[which][point], seed, 0.3)
            for name, record in outcome.costs.items():
                assert record.shape == (len(AT), TILE)
                np.testing.assert_allclose(
                    record[:, lane], getattr(wanted.costs, name), rtol=1e-13, atol=1e-14
                )
            assert outcome.faults[lane] == wanted.faults
    assert outcome.faults.dtype == jnp.int32
    assert outcome.finite.dtype == bool and outcome.finite.all()


def test_the_root_seed_is_another_world():
    one, two, again = (
        make_batch(seeds_root=root).learner(toy.follower, toy.params(0.3))(POINT, SEED)
        for root in (1, 2, 1)
    )
    assert not np.allclose(one.costs["hit"], two.costs["hit"])
    np.testing.assert_array_equal(one.costs["hit"], again.costs["hit"])


def test_a_run_does_not_depend_on_its_place_or_its_neighbours():
    # Whole vector registers, as the tiles of experiments are: no lane is in a remainder.
    tile = make_batch(tile=16).learner(toy.follower, toy.params(0.3))
    point, seed = np.resize(POINT, 16), np.arange(16, dtype=np.int32)
    order = np.random.default_rng(0).permutation(16)
    whole, moved = tile(point, seed), tile(point[order], seed[order])
    alike = tile(np.full_like(point, point[5]), np.full_like(seed, seed[5]))
    for name, record in whole.costs.items():
        np.testing.assert_array_equal(moved.costs[name], np.asarray(record)[:, order])
        np.testing.assert_array_equal(alike.costs[name][:, 1], record[:, 5])


def test_a_comparator_sees_the_runs_of_the_learners():
    outcome = make_batch().comparator(toy.still)(POINT, SEED)
    for lane, (point, seed) in enumerate(zip(POINT, SEED, strict=True)):
        key = random.fold(random.words(jax.random.key(42)), int(seed))
        instance = toy.instance(**VARIED["a scalar"][point])
        start = instance.draw(random.fold(key, 0xFFFFFFFF), instance.settings).start
        np.testing.assert_allclose(outcome.costs["hit"][:, lane], start * np.array(AT), rtol=1e-6)
    assert outcome.finite.all() and not outcome.faults.any()


def test_a_comparator_that_is_not_finite_says_so():
    def broken(key, spec, at):
        costs, faults = toy.still(key, spec, at)
        return costs | {"hit": costs["hit"].at[:, 2].set(jnp.nan)}, faults + 3

    outcome = make_batch().comparator(broken)(POINT, SEED)
    np.testing.assert_array_equal(outcome.finite, [True, True, False, True, True, True])
    np.testing.assert_array_equal(outcome.faults, [3] * TILE)


def test_points_that_differ_in_their_static_part_are_refused():
    points = [toy.instance(), toy.instance()._replace(settings=(jnp.zeros(()),))]
    with pytest.raises(ValueError, match="points of a group differ in structure"):
        Batch(points, seeds_root=0, tile=2, devices=jax.devices()[:1], at=AT)


# --- lanes ----------------------------------------------------------------------------------------


def single_run_act(key, params, state, obs):
    """As the follower's, but a program for one run: it looks at shapes, as much code does."""
    if key.shape != (2,) or jnp.shape(obs) != ():
        raise TypeError(f"one run at a time, not {key.shape}")
    return toy.follower.act(key, params, state, obs)


def test_a_learner_for_one_run_is_mapped_over_the_lanes():
    batch, one_run = make_batch(VARIED["all"]), toy.follower._replace(act=single_run_act)
    with pytest.raises(TypeError, match="one run at a time"):
        batch.learner(one_run, toy.params(0.3))(POINT, SEED)
    mapped = batch.learner(one_run, toy.params(0.3), "vmap")(POINT, SEED)
    native = batch.learner(toy.follower, toy.params(0.3))(POINT, SEED)
    for name, record in native.costs.items():
        np.testing.assert_allclose(mapped.costs[name], record, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(mapped.faults, native.faults)
    np.testing.assert_array_equal(mapped.finite, native.finite)


# --- one program for equal code -------------------------------------------------------------------


def test_values_points_and_calls_share_one_program():
    batch, traced = make_batch(), Traced()
    algorithm = traced.algorithm()
    first = batch.learner(algorithm, toy.params(0.1))(POINT, SEED)
    once = traced.count
    assert once > 0
    second = batch.learner(algorithm, toy.params(0.5))(POINT[::-1].copy(), SEED)
    for gain in (np.float64(0.5), np.float32(0.5), jnp.asarray(0.5), jnp.float32(0.5)):
        same = batch.learner(algorithm, toy.params(gain))(POINT[::-1].copy(), SEED)
        np.testing.assert_array_equal(same.costs["hit"], second.costs["hit"])
    assert traced.count == once
    assert not np.allclose(first.costs["hit"], second.costs["hit"])


def test_other_code_is_another_program():
    batch, counters = make_batch(), (Traced(), Traced())
    one, other = (traced.algorithm() for traced in counters)
    for algorithm, params, lanes in (
        (one, toy.params(0.1), "native"),
        (other, toy.params(0.1), "native"),
        (one, toy.params(0.1), "vmap"),
        (one, toy.params(0.1) | {"unused": 1.0}, "native"),
    ):
        before = sum(traced.count for traced in counters)
        assert batch.learner(algorithm, params, lanes)(POINT, SEED).finite.all()
        assert sum(traced.count for traced in counters) > before


def test_what_ends_a_compilation_in_the_background_ends_the_call():
    def refuse():
        raise MemoryError("no room")

    batch = make_batch()
    tile = batch.learner(toy.follower, toy.params(0.5))
    with side_by_side(1) as pool:
        tile.begin(pool)
        tile.program._first = pool.submit(refuse)
        with pytest.raises(MemoryError, match="no room"):
            tile(POINT, SEED)
    assert not tile.compiled


def test_a_compilation_that_was_dropped_is_made_when_it_is_needed():
    batch, held = make_batch(), threading.Event()
    tile = batch.learner(toy.follower, toy.params(0.5))
    with side_by_side(1) as pool:
        pool.submit(held.wait)  # so that the next one waits
        tile.begin(pool)
    held.set()
    assert tile.program._first is not None and tile.program._first.cancelled()
    assert tile(POINT, SEED).result().faults.shape == (TILE,) and tile.compiled


def test_parameters_of_other_shapes_do_not_share_a_program():
    batch, traced = make_batch(), Traced()
    algorithm = traced.algorithm()
    scalar = batch.learner(algorithm, toy.params(0.5))(POINT, SEED)
    before = traced.count
    row = batch.learner(algorithm, toy.params(np.full(1, 0.5)))(POINT, SEED)
    assert traced.count > before
    np.testing.assert_array_equal(row.costs["hit"], scalar.costs["hit"])


@pytest.mark.parametrize(("x64", "least"), [(False, 32), (True, 16)], indirect=["x64"])
def test_a_row_of_lanes_fills_two_vectors(x64, least):
    traced = Traced()
    for tile, lanes in ((TILE, least), (least, least), (48, 48)):
        block = make_batch(tile=tile).learner(traced.algorithm(), toy.params(0.5))
        place = np.arange(tile, dtype=np.int32)
        outcome = block(place % 3, place)
        assert outcome.faults.shape == (tile,) and outcome.costs["hit"].shape == (len(AT), tile)
        (arguments,) = block._example()
        assert arguments[-1].shape == arguments[-2].shape == (lanes,)


def test_a_comparator_is_compiled_once():
    calls = []

    def counted(key, spec, at):
        calls.append(1)
        return toy.still(key, spec, at)

    batch = make_batch()
    batch.comparator(counted)(POINT, SEED)
    once = len(calls)
    batch.comparator(counted)(POINT, SEED + 1)
    assert len(calls) == once > 0


# --- several devices ------------------------------------------------------------------------------

_TWO_DEVICES = """
import sys

import jax
import numpy as np
import test_batch
import walk_problem as toy
from jaxsoco.engine.compiling import side_by_side

test_batch.batch_module.CPU_OPTIONS = test_batch.QUICK
# Set for this thread alone: others compile, and call what was compiled.
with jax.enable_x64(True), side_by_side(2) as pool:
    batch = test_batch.make_batch(devices=jax.devices(), threads=sys.argv[2] == "threads")
    assert batch.width == 2 * test_batch.TILE, batch.width
    point = np.concatenate([test_batch.POINT, test_batch.POINT[::-1]])
    seed = np.concatenate([test_batch.SEED, test_batch.SEED + 7])
    tiles = {
        "native": batch.learner(toy.follower, toy.params(0.3)),
        "vmap": batch.learner(toy.follower, toy.params(0.3), "vmap"),
        "still": batch.comparator(toy.still),
    }
    for tile in [*tiles.values()][:2]:  # the third is compiled when it is called
        tile.begin(pool)
        assert tile.equations > 5
    found = {}
    for name, tile in tiles.items():
        outcome = tile(point, seed).result()
        if sys.argv[2] == "devices":
            assert len(outcome.faults.sharding.device_set) == 2
        for cost, record in outcome.costs.items():
            found[f"{name}.{cost}"] = np.asarray(record)
        found[f"{name}.faults"] = np.asarray(outcome.faults)
        found[f"{name}.finite"] = np.asarray(outcome.finite)
    compiled = [len(tile.program._executables) for tile in tiles.values()]
    assert compiled == [1 if sys.argv[2] == "threads" else 2] * 3
np.savez(sys.argv[1], **found)
"""


@pytest.mark.parametrize("way", ["threads", "devices"])
def test_every_device_takes_a_tile_of_the_same_program(tmp_path, way):
    environment = os.environ | {
        "XLA_FLAGS": without_fusions("--xla_force_host_platform_device_count=2"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
    }
    out = tmp_path / "two.npz"
    done = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES, str(out), way],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as archive:
        two = dict(archive)
    with jax.enable_x64(True):
        batch = make_batch()
        for name, tile in (
            ("native", batch.learner(toy.follower, toy.params(0.3))),
            ("vmap", batch.learner(toy.follower, toy.params(0.3), "vmap")),
            ("still", batch.comparator(toy.still)),
        ):
            halves = [tile(POINT, SEED), tile(POINT[::-1].copy(), SEED + 7)]
            wanted = {cost: [half.costs[cost] for half in halves] for cost in halves[0].costs}
            wanted["faults"] = [half.faults for half in halves]
            wanted["finite"] = [half.finite for half in halves]
            for what, parts in wanted.items():
                array = np.concatenate([np.asarray(part) for part in parts], axis=-1)
                assert array.dtype == two[f"{name}.{what}"].dtype
                assert array.tobytes() == two[f"{name}.{what}"].tobytes(), (name, what)
