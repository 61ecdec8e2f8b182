"""Parameters as free coordinates: ranges, scales, and what a user may ask for."""

import subprocess
import sys

import aims  # pyright: ignore[reportMissingImports]
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.tracking import SCaLEParams
from jaxsoco.tuning.declared import space_of
from jaxsoco.tuning.designs import grid_of, random_of, sobol_of
from jaxsoco.tuning.parameters import place, space_for
from jaxsoco.tuning.space import Dimension, Space

FIELDS = aims.AimParams.FIELDS


@pytest.mark.parametrize(
    ("name", "entry", "scale", "low", "high"),
    [
        ("x", None, "linear", -np.inf, np.inf),
        ("x", [-1, 2], "logit", -1, 2),
        ("pace", None, "log", 1e-30, 100),
        ("pace", [1e-3, 10], "log", 1e-3, 10),
        ("pace", [0, 10], "log", 1e-30, 10),
        ("part", None, "logit", 0, 1),
        ("part", [0.25, 0.5], "log", 0.25, 0.5),
    ],
)
def test_scales_follow_ranges(name, entry, scale, low, high):
    (one,) = space_of(FIELDS, {name: entry}).dimensions
    assert (one.scale, one.low, one.high, one.ranged) == (scale, low, high, entry is not None)


@pytest.mark.parametrize(
    "one",
    [
        Dimension("a", 1e-6, 1e3, "log"),
        Dimension("a", -2.0, 5.0, "logit"),
        Dimension("a", -np.inf, np.inf, "linear"),
    ],
)
def test_values_come_back(one):
    for value in (0.003, 0.5, 4.0):
        assert float(one.value(one.free(value))) == pytest.approx(value, rel=1e-9)
        there = one.value(one.free(jnp.asarray(value)))
        assert isinstance(there, jax.Array) and float(there) == pytest.approx(value, rel=1e-5)
        slope = jax.grad(lambda u, one=one: one.value(u))(jnp.asarray(one.free(value), float))
        assert float(slope) > 0


@pytest.mark.parametrize("scale", ["log", "logit", "linear"])
def test_nothing_leaves_the_range(scale):
    space = Space((Dimension("a", 0.5, 2.0, scale),))
    for far in (-1e6, 1e6):
        free = space.project(jnp.array([far]))
        value = float(space.values(free)["a"])
        assert 0.5 <= value <= 2.0
        assert value == pytest.approx(0.5 if far < 0 else 2.0, rel=1e-5)


def test_all_that_is_wrong_is_said_at_once():
    wanted = {
        "pase": None,
        "pace": [2, 1],
        "part": [0.5, 1.5],
        "x": 3,
        "depth": None,
        "order": None,
        "kind": ["sum", "last"],
        "jumps": ["a", 1],
    }
    with pytest.raises(InputError) as error:
        space_of(FIELDS, wanted)
    text = str(error.value).splitlines()
    assert len(text) == 8
    for line, words in zip(
        text,
        [
            'parameters.pase: no parameter is called "pase" (did you mean "pace"?)',
            "parameters.pace: the range from 2 to 1 is empty",
            "parameters.part[1]: 1.5 is too large",
            "parameters.x: found the integer 3",
            "parameters.depth: is static: another value needs another compilation (want a list",
            "parameters.order: takes an integer from 0 to 9, and has no range (want a list",
            'parameters.kind[1]: no choice is "last"',
            'parameters.jumps[0]: found the string "a"',
        ],
        strict=True,
    ):
        assert line.startswith(words), line
    for empty in ([], {}, 3, None):
        with pytest.raises(InputError, match=r"^parameters: expected names of parameters"):
            space_of(FIELDS, empty)
    with pytest.raises(InputError, match="one value is no choice"):
        space_of(FIELDS, {"order": [1]})


def test_choices():
    space = space_of(FIELDS, {"order": [0, 2, 5], "kind": None, "x": [0.0, 0.5, 1.0]})
    assert [one.choices for one in space.dimensions] == [
        (0, 2, 5),
        ("sum", "first"),
        (0.0, 0.5, 1.0),
    ]
    assert not space.real
    assert space.values(np.array([2, 1, 0])) == {"order": 5, "kind": "first", "x": 0.0}
    free = space.free({"order": 2, "kind": "first", "x": 1.0})
    np.testing.assert_array_equal(free, [1, 1, 2])
    automatic = space_of(SCaLEParams.FIELDS, {"exploration": ["auto", 1.0, None]})
    assert automatic.dimensions[0].choices == (None, 1.0, None)


def test_a_users_own_arrays_move_linearly():
    params = aims.network_params()
    space = space_for(params, ["layers", "scale"])
    assert space.labels == (*(f"layers[{i}]" for i in range(6)), "scale")
    free = space.free({"layers": jnp.arange(6.0), "scale": 2.0})
    moved = place(params, space, free)
    np.testing.assert_array_equal(moved.layers["in"], [0, 1, 2])
    np.testing.assert_array_equal(moved.layers["out"], [3, 4, 5])
    assert moved.scale.shape == () and float(moved.scale) == 2
    with pytest.raises(InputError, match='no parameter is called "layer"'):
        space_for(params, ["layer"])
    with pytest.raises(InputError, match="holds no real numbers"):
        space_for({"n": 3}, ["n"])
    with pytest.raises(TypeError, match="expected a dataclass, a named tuple or a mapping"):
        space_for(3.0, ["n"])


def test_designs_cover_the_range():
    space = space_of(FIELDS, {"pace": [0.01, 1.0], "order": [1, 2, 3], "part": None})
    points = grid_of(space, [0.0, 0.0, 0.0], 30)
    assert points.shape == (27, 3)  # three values of each number: the third root of 10, at least 2
    values = [space.values(point) for point in points]
    assert {one["order"] for one in values} == {1, 2, 3}
    assert len({round(float(one["pace"]), 9) for one in values}) == 3
    start = space.free({"pace": 0.1, "order": 1, "part": 0.5})
    for design in (random_of, sobol_of):
        points = design(space, start, 33, 0) if design is random_of else design(
            space_of(FIELDS, {"pace": [0.01, 1.0]}), start[:1], 33, 0
        )  # fmt: skip
        np.testing.assert_allclose(points[0], start[: points.shape[1]])
        spans = space.spans(start)[0]
        parts = np.sort((points[1:, 0] - spans[0]) / (spans[1] - spans[0]))
        # One in each of 32 equal parts.
        np.testing.assert_array_equal(np.floor(32 * parts), np.arange(32))


def test_without_a_range_designs_stay_around_the_start():
    space = space_of(FIELDS, ["pace", "x", "part"])
    low, high = space.spans(space.free({"pace": 0.1, "x": 3.0, "part": 0.5})).T
    np.testing.assert_allclose(space.dimensions[0].value(np.array([low[0], high[0]])), [1e-3, 10])
    assert (low[1], high[1]) == (0, 6)
    np.testing.assert_allclose(
        space.dimensions[2].value(np.array([low[2], high[2]])), [1 / 101, 100 / 101]
    )


def test_it_is_read_without_jax():
    code = """
import sys
from jaxsoco.tracking.settings_learners import HySCaLEParams
from jaxsoco.tuning.methods import choose
from jaxsoco.tuning.declared import space_of
space = space_of(HySCaLEParams.FIELDS, {"learning_rate": [1e-5, 0.1], "gain": None})
assert choose(space, {}, draws=False)[0] == "pathwise"
assert abs(space.values(space.free({"learning_rate": 0.01, "gain": 2.0}))["gain"] - 2) < 1e-12
sys.exit("jax" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
