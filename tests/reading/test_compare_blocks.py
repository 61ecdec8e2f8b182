"""``jaxsoco compare`` where moments are kept: the same cells, block of seeds by block of seeds."""

import math

import numpy as np
import pytest

import jaxsoco
from jaxsoco.analysis.block_pairs import _units
from jaxsoco.analysis.samples import Column
from jaxsoco.core.moments import Moments
from jaxsoco.core.sketch import Sketch

SEEDS, BLOCKS = 960, 30


def many(seeds: int = SEEDS, keep: str = "moments") -> tuple[str, str]:
    return "seeds = 3", f'seeds = {seeds}\nkeep = "{keep}"'


@pytest.fixture
def both(folder):
    """Computes ``a``, changes something, and computes ``b``; returns the cells of a comparison."""

    def compute(change=lambda: None, first=SEEDS, second=SEEDS) -> dict:
        folder.run("a", spec=folder.spec(many(first)))
        change()
        folder.run("b", spec=folder.spec(many(second)))
        return folder.json("compare", "a", "b")

    return compute


def walks(content: dict) -> list[dict]:
    return [cell for cell in content["cells"] if cell["learner"] != "still"]


def test_the_same_run_twice_is_the_same_bits(random_toy, folder, both):
    content = both()
    assert content["verdicts"]["identical"] == len(content["cells"]) == 2 * 3
    for cell in content["cells"]:
        assert (cell["seeds"], cell["identical"], cell["blocks"]) == (SEEDS, SEEDS, BLOCKS)
        assert cell["cost"]["difference"] == 0.0
    assert "block by block" in folder("compare", "a", "b", "--strict")


def test_a_difference_has_the_interval_of_its_block_means(bent, folder, both):
    from jaxsoco.core import random

    def change():
        for name in "ab":
            if name == "b":
                bent(lambda key, hit: hit * (1.1 + random.uniform(key, dtype=hit.dtype)))
            runs = folder.run(f"{name}-runs", spec=folder.spec(many(keep="checkpoints")))
            totals[name] = jaxsoco.load(runs).runs("step(stride=1)")

    totals: dict = {}
    content = both(change)
    assert content["verdicts"]["beyond"] == 4 and content["verdicts"]["identical"] == 2
    for cell in content["cells"]:
        if cell["learner"] != "step(stride=1)":
            continue
        last = [
            np.asarray(rows[(rows.speed == cell["point"]["speed"]) & (rows["round"] == 20)].total)
            for rows in (totals["a"], totals["b"])
        ]
        means = (last[1].astype(float) - last[0]).reshape(BLOCKS, -1).mean(axis=1)
        cost = cell["cost"]
        np.testing.assert_allclose(cost["difference"], means.mean(), rtol=1e-12)
        half = 2.04523 * means.std(ddof=1) / math.sqrt(BLOCKS)  # Student's t, 29
        np.testing.assert_allclose((cost["upper"] - cost["lower"]) / 2, half, rtol=1e-5)
        assert cost["beyond"] and cell["identical"] == 0 and cell["blocks"] == BLOCKS
        # hit / hit of still is 1 in the first, and as it is bent in the second.
        ratio = cell["measures"]["still"]
        assert ratio["beyond"] and 0.5 < ratio["difference"] < 0.7
    assert "step(stride=1) at speed = 2: cost" in folder("compare", "a", "b")
    folder("compare", "a", "b", "--strict", code=1)


def test_noise_of_mean_zero_lies_within_the_interval(bent, folder, both):
    from jaxsoco.core import random

    content = both(
        lambda: bent(lambda key, hit: hit * (0.9 + 0.2 * random.uniform(key, dtype=hit.dtype)))
    )
    assert {cell["verdict"] for cell in walks(content)} == {"within"}


def test_rounding_is_told_apart(bent, folder, both):
    content = both(lambda: bent(lambda key, hit: hit * (1 + 2.0**-22)))
    assert {cell["verdict"] for cell in walks(content)} == {"rounding"}
    folder("compare", "a", "b", "--strict")


def test_too_few_blocks_have_no_interval_and_say_so(bent, folder, both):
    content = both(lambda: bent(lambda key, hit: 1.5 * hit), first=20, second=20)
    for cell in walks(content):
        cost = cell["cost"]
        assert cell["verdict"] == "unknown" and cell["blocks"] == 20
        assert (cost["lower"], cost["upper"]) == (None, None) and cost["difference"] > 0
        assert cost["note"] == "too few blocks (20; want 30)"
    assert "no interval: too few blocks (20; want 30)" in folder("compare", "a", "b")


def test_seeds_that_both_have_are_compared(random_toy, folder, both):
    content = both(first=SEEDS, second=SEEDS + 40)
    assert {cell["seeds"] for cell in content["cells"]} == {SEEDS}
    assert content["verdicts"]["identical"] == 6


def test_larger_blocks_are_set_beside_what_makes_them_up(bent, folder, both):
    content = both(lambda: bent(lambda key, hit: 1.5 * hit), first=960, second=1920)
    (blocks,) = {cell["blocks"] for cell in content["cells"]}
    assert blocks == 15 and {cell["seeds"] for cell in content["cells"]} == {960}
    assert {cell["cost"]["note"] for cell in walks(content)} == {"too few blocks (15; want 30)"}
    # `still` is no walk: blocks of other sizes have equal sums, but for rounding.
    still = [cell for cell in content["cells"] if cell["learner"] == "still"]
    assert {cell["verdict"] for cell in still} == {"rounding"}


def test_runs_that_fail_on_one_side_alone_are_beyond(bent, folder, both):
    import jax.numpy as jnp

    content = both(lambda: bent(lambda key, hit: jnp.where(hit < 0.6, jnp.nan, hit)))
    (cell,) = [c for c in walks(content) if c["point"]["speed"] == 1 and "=1" in c["learner"]]
    assert cell["verdict"] == "beyond" and 0 < cell["broken"] < SEEDS
    assert cell["seeds"] == SEEDS - cell["broken"] and cell["identical"] < SEEDS
    assert f"{cell['broken']} runs finite in one of the two alone" in folder("compare", "a", "b")


def test_runs_and_moments_cannot_be_paired(random_toy, folder):
    folder.run("a", spec=folder.spec(many(64)))
    folder.run("b", spec=folder.spec(many(64, keep="final")))
    folder("compare", "a", "b", code=2)
    assert "run.keep: A keeps moments, and B every run" in folder.told


def column(*blocks: tuple[int, int]) -> Column:
    """Blocks of seeds, each with a value of 1 a run."""
    ends = np.array(blocks)
    counts = np.diff(ends, axis=1)[:, 0].astype(float)
    moments = Moments(int(counts.sum()), 1.0, 0.0)
    sketch = Sketch(np.int64(0), np.full(4, np.nan), np.float64(0))
    return Column(moments, 1.0, 1.0, sketch, ends, counts, counts)


@pytest.mark.parametrize(
    ("left", "right", "seeds"),
    [
        ([(0, 4), (4, 8)], [(0, 4), (4, 8)], [4, 4]),
        ([(0, 4), (4, 8), (8, 12), (12, 16)], [(0, 8), (8, 16)], [8, 8]),
        ([(0, 4), (4, 8)], [(0, 4)], [4]),
        ([(0, 4), (4, 8)], [(4, 8), (8, 12)], [4]),
        ([(0, 4), (4, 8), (8, 10)], [(0, 4), (4, 8), (8, 12)], [4, 4]),
        ([(0, 4), (12, 16)], [(0, 8), (8, 16)], []),
        ([(0, 4)], [(8, 12)], []),
    ],
)
def test_units_are_the_seeds_that_both_have(left, right, seeds):
    units = _units(column(*left), column(*right))
    assert units.seeds.tolist() == seeds
    for part in units[:2]:
        assert part.sums[:, 0].tolist() == part.counts[:, 0].tolist() == seeds
