"""With XLA's YNN fusions off, costs do not depend on how many runs are compiled together."""

import jax
import numpy as np
import pytest
from plain_jit import member_of
from rivals import RIVALS

import jaxsoco.engine.batch as engine
from jaxsoco import registry
from jaxsoco.core.compiler import CPU_OPTIONS
from jaxsoco.testing.cases import Learner, instance

LEARNERS = [
    f"{family}/{entry.name}"
    for family, members in registry.families().items()
    for entry in members.algorithms
]
DEAR = ("allocation/st_clip", "tracking/scale_design", "tracking/scale")
"""Those whose programs take long to compile and resemble another one of the family."""


def outcomes(name: str, tiles: tuple[int, ...], x64: bool) -> list[engine.Outcome]:
    """The first and the last 64 runs of as many as the largest tile has, from every tile."""
    learner, last, found = member_of(name), max(tiles), []
    assert isinstance(learner, Learner)
    with jax.enable_x64(x64):
        made, params = instance(learner.case, x64), learner.params()
        for tile in tiles:
            batch = engine.Batch(
                [made], seeds_root=3, tile=tile, devices=jax.devices()[:1], at=(made.horizon,)
            )
            block = batch.learner(learner.algorithm, params, learner.entry.lanes)
            # As many calls as it takes to get 64 runs at both ends.
            lanes = np.arange(batch.width, dtype=np.int32)
            starts = {*range(0, 64, batch.width), *range(last - 64, last, batch.width)}
            starts = starts if batch.width < 64 else {0, last - batch.width}
            parts = [block(np.zeros_like(lanes), first + lanes) for first in sorted(starts)]
            whole = jax.tree.map(lambda *x: np.concatenate(x, axis=-1), *parts)
            found.append(
                jax.tree.map(lambda x: np.concatenate([x[..., :64], x[..., -64:]], -1), whole)
            )
    return found


def assert_same_bits(found: list[engine.Outcome]) -> None:
    first, *others = found
    assert np.all(first.finite)
    for other in others:
        jax.tree.map(np.testing.assert_array_equal, other, first)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n in RIVALS.union(DEAR) else [])
        for n in LEARNERS
    ],
)
def test_costs_do_not_depend_on_the_tile(name, monkeypatch):
    # Machine code that is not optimised takes half of the time, and adds up in the same order.
    monkeypatch.setattr(engine, "CPU_OPTIONS", {**CPU_OPTIONS, "xla_backend_optimization_level": 0})
    assert_same_bits(outcomes(name, (64, 2048), x64=True))


@pytest.mark.slow
@pytest.mark.parametrize("x64", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("name", LEARNERS)
def test_costs_do_not_depend_on_the_tile_as_a_sweep_compiles_them(name, x64):
    tiles = (64, 512, 1024, 2048)  # narrower ones in float32 have keys of their own
    assert_same_bits(outcomes(name, (16, *tiles) if x64 else tiles, x64=x64))
