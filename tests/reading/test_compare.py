"""``jaxsoco compare``: the same cells of two directories, seed by seed."""

import dataclasses

import numpy as np
import pytest

import jaxsoco
from jaxsoco.analysis.comparison import _digests
from jaxsoco.analysis.matching import _match
from jaxsoco.core.errors import InputError
from jaxsoco.experiment import building

MANY = ("seeds = 3", "seeds = 40")


def verdicts(folder, *options) -> dict[str, int]:
    counts = folder.json("compare", "a", "b", *options)["verdicts"]
    return {verdict: number for verdict, number in counts.items() if number}


def test_the_same_run_twice_is_the_same_bits(random_toy, folder):
    for name in "ab":
        folder.run(name, spec=folder.spec(MANY))
    content = folder.json("compare", "a", "b", "--strict")
    assert content["verdicts"]["identical"] == len(content["cells"]) == 2 * 3
    assert {cell["identical"] for cell in content["cells"]} == {40}
    assert content["differs"] == [] and content["waiting"] == 0
    assert {cell["cost"]["difference"] for cell in content["cells"]} == {0.0}
    printed = folder("compare", "a", "b")
    assert "code and platform are the same" in printed
    assert "6 cells: the same bits in every run" in printed


def test_a_cost_that_is_higher_is_beyond_its_interval(bent, folder):
    folder.run("a", spec=folder.spec(MANY))
    bent(lambda key, hit: 1.5 * hit)
    folder.run("b", spec=folder.spec(MANY))
    content = folder.json("compare", "a", "b", "--strict", code=1)
    assert verdicts(folder) == {"identical": 2, "beyond": 4}  # `still` is no walk
    runs = [jaxsoco.load(folder.path / name).runs("step(stride=1)") for name in "ab"]
    rows = {(c["point"]["speed"], c["learner"]): c for c in content["cells"]}
    for speed in (1.0, 2.0):
        cell = rows[speed, "step(stride=1)"]
        last = [r[(r.speed == speed) & (r["round"] == 20)].total for r in runs]
        difference = np.asarray(last[1], float) - last[0]
        np.testing.assert_allclose(cell["cost"]["difference"], difference.mean(), rtol=1e-12)
        error = difference.std(ddof=1) / np.sqrt(40)
        half = (cell["cost"]["upper"] - cell["cost"]["lower"]) / 2
        np.testing.assert_allclose(half, 2.02269 * error, rtol=1e-4)  # Student's t, 39
        assert cell["identical"] == 0 and cell["cost"]["beyond"]
        ratio = cell["measures"]["still"]
        # hit / hit of still is 1, and 1.5 where it is bent.
        np.testing.assert_allclose(ratio["difference"], 0.5, rtol=1e-5)
    printed = folder("compare", "a", "b")
    assert "step(stride=1) at speed = 2: cost" in printed and "/ still: " in printed


def test_noise_of_mean_zero_lies_within_the_interval(bent, folder):
    from jaxsoco.core import random

    folder.run("a", spec=folder.spec(MANY))
    bent(lambda key, hit: hit * (1 + 0.3 * (random.uniform(key, dtype=hit.dtype) - 0.5)))
    folder.run("b", spec=folder.spec(MANY))
    assert verdicts(folder) == {"identical": 2, "within": 4}
    folder("compare", "a", "b", "--strict", code=1)


def test_rounding_is_told_apart(bent, folder):
    folder.run("a", spec=folder.spec(MANY))
    bent(lambda key, hit: hit * (1 + 2.0**-22))
    folder.run("b", spec=folder.spec(MANY))
    assert verdicts(folder, "--strict") == {"identical": 2, "rounding": 4}


def test_another_precision_is_never_the_same_bits(random_toy, folder):
    import jax

    folder.run("a", spec=folder.spec(MANY))
    try:
        folder.run("b", "--set", "run.precision=float64", spec=folder.spec(MANY))
    finally:
        jax.config.update("jax_enable_x64", False)
    content = folder.json("compare", "a", "b")
    assert content["differs"] == [{"what": "precision", "left": "float32", "right": "float64"}]
    assert content["verdicts"]["identical"] == 0


def test_a_difference_before_the_end_is_not_the_same_bits(folder, random_toy, monkeypatch):
    """Cumulative costs may agree at the last checkpoint and differ before it."""
    import jax.numpy as jnp

    def moved(key, spec, at):
        costs, faults = random_toy.__dict__["_still"](key, spec, at)
        early = jnp.zeros(len(at)).at[0].set(1.0).reshape(-1, *(1,) * (key.ndim - 1))
        return {**costs, "hit": costs["hit"] + early}, faults

    folder.run("a")
    random_toy._still = random_toy.still
    monkeypatch.setattr(random_toy, "still", moved)
    folder.run("b")
    (cell,) = [
        c
        for c in folder.json("compare", "a", "b")["cells"]
        if c["learner"] == "still" and c["point"]["speed"] == 1
    ]
    assert cell["cost"]["difference"] == 0 and cell["identical"] == 0
    assert cell["verdict"] == "rounding"


def test_other_checkpoints_are_compared_at_the_end(random_toy, folder):
    folder.run("a")
    folder.run("b", "--set", "run.checkpoints=2")
    assert verdicts(folder) == {"identical": 6}


def test_a_run_that_fails_on_one_side_alone_is_beyond(bent, folder):
    import jax.numpy as jnp

    folder.run("a", spec=folder.spec(MANY))
    # The walks of the slower half of the seeds lose their cost.
    bent(lambda key, hit: jnp.where(hit < 1.0, jnp.nan, hit))
    folder.run("b", spec=folder.spec(MANY))
    content = folder.json("compare", "a", "b")
    (cell,) = [
        c for c in content["cells"] if c["learner"] == "step(stride=1)" and c["point"]["speed"] == 1
    ]
    assert cell["verdict"] == "beyond" and 0 < cell["broken"] < 40
    assert cell["seeds"] == cell["identical"] == 40 - cell["broken"]
    assert f"{cell['broken']} runs finite in one of the two alone" in folder("compare", "a", "b")


def test_seeds_that_both_have_are_paired(random_toy, folder):
    folder.run("a", spec=folder.spec(MANY))
    folder.run("b", spec=folder.spec(("seeds = 3", "seeds = 25")))
    content = folder.json("compare", "a", "b")
    assert {cell["seeds"] for cell in content["cells"]} == {25}
    assert content["verdicts"]["identical"] == 6


def test_points_and_learners_without_a_partner_are_named(random_toy, folder):
    folder.run("a")
    spec = folder.spec(("speed = [1, 2]", "speed = [2, 3, 4]"), ("[0.5, 1]", "[1, 2]"))
    folder.run("b", spec=spec)
    content = folder.json("compare", "a", "b")
    assert [(c["point"]["speed"], c["learner"]) for c in content["cells"]] == [
        (2, "step(stride=1)"),
        (2, "still"),
    ]
    assert content["only_left"] == {"points": [0], "learners": ["step(stride=0.5)"]}
    assert content["only_right"] == {"points": [1, 2], "learners": ["step(stride=2)"]}
    printed = folder("compare", "a", "b")
    assert "only in A: 1 point, learner step(stride=0.5)" in printed
    assert "only in B: 2 points, learner step(stride=2)" in printed


def test_a_learner_is_known_by_its_values_not_by_its_label(random_toy, folder):
    folder.run("a")
    spec = folder.spec(("stride = [0.5, 1]", 'stride = 0.5\nlabel = "half"'))
    folder.run("b", spec=spec)
    content = folder.json("compare", "a", "b")
    assert [c["learner"] for c in content["cells"]] == ["step(stride=0.5)", "still"] * 2
    assert content["verdicts"]["identical"] == 4


def test_what_differs_in_code_and_hardware_is_said(random_toy, folder, monkeypatch):
    folder.run("a")
    real = building.origin

    def origin(*arguments):
        one = real(*arguments)
        compiler = {**one.compiler, "platform": "gpu", "device": "NVIDIA H100"}
        learners = {**one.learners, "still": "0" * 64}
        return dataclasses.replace(one, compiler=compiler, learners=learners)

    monkeypatch.setattr(building, "origin", origin)
    folder.run("b")
    rows = {d["what"]: (d["left"], d["right"]) for d in folder.json("compare", "a", "b")["differs"]}
    assert {*rows} == {"platform", "device", "code of still"}
    assert rows["platform"] == ("cpu", "gpu")
    assert "differs: platform: cpu and gpu" in folder("compare", "a", "b")


def test_an_unfinished_run_is_compared_as_far_as_it_goes(random_toy, folder):
    from jaxsoco.engine.store import Store

    folder.run("a")
    out = folder.run("b")
    spec = folder.spec(("[0.5, 1]", "[0.5, 1, 2]"))
    folder.run("a", spec=spec)
    first = {*folder.packs(out)}
    folder.run("b", spec=spec)
    (added,) = {*folder.packs(out)} - first
    Store(out).open().remove(added)
    content = folder.json("compare", "a", "b")
    assert content["waiting"] == 2 and content["verdicts"]["identical"] == 6
    assert "2 cells without runs in one of the two" in folder("compare", "a", "b")
    assert "6 of 24 runs of b are missing" in folder.told


@pytest.mark.parametrize(
    ("replaced", "told"),
    [
        (("seeds = 3", "seeds = 3\nroot_seed = 1"), "run.root_seed is 0 and 1"),
        (("speed = [1, 2]", "speed = [3, 4]"), "no point in common"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(folder, replaced, told):
    folder.run("a")
    folder.run("b", spec=folder.spec(replaced))
    folder("compare", "a", "b", code=2)
    assert told in folder.told
    folder("compare", "a", "nowhere", code=2)
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        jaxsoco.load("a").compare(jaxsoco.load("b"))


def test_from_python(random_toy, folder):
    for name in "ab":
        folder.run(name)
    result = jaxsoco.load("a").compare(jaxsoco.load("b"))
    assert result.counts["identical"] == 6
    assert result.cells[0].cost.difference.value == 0


def test_a_single_bit_makes_another_digest():
    values = np.random.default_rng(0).normal(size=(200, 8))
    other = values.copy()
    for row in range(200):
        flat = other[row : row + 1].view(np.uint64)
        flat[0, row % 8] ^= np.uint64(1) << np.uint64(row % 64)
    same = (_digests([values]) == _digests([values.copy()])).all(axis=1)
    assert same.all()
    assert not (_digests([values]) == _digests([other])).all(axis=1).any()
    zeros = np.zeros((1, 2))
    assert (_digests([zeros]) != _digests([-zeros])).any()


def test_fields_that_one_code_does_not_know_do_not_count():
    old = {"a": {"rate": 1}, "b": {"rate": 2}}
    new = {"x": {"rate": 1.0, "warm": True}, "y": {"rate": 3, "warm": True}}
    assert _match(old, new) == ([("a", "x")], ["b"], ["y"])
    # Two that cannot be told apart by what both know are left alone.
    twins = {"x": {"rate": 1, "warm": True}, "y": {"rate": 1, "warm": False}}
    assert _match(old, twins) == ([], ["a", "b"], ["x", "y"])


def test_heavy_tails_are_compared_by_medians():
    from jaxsoco.analysis.comparison import _paired

    left = np.arange(100.0)
    right = left + 1.0
    right[0] = 1e12
    paired = _paired([left, right], 0.95, heavy=True)
    assert paired.difference.value == 1.0 and paired.left == 49.5
    assert paired.beyond
