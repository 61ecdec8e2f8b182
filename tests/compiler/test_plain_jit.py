"""What a user's plain ``jax.jit`` makes of the library is right, however many lanes there are.

XLA's options are those of the tests otherwise; so every group has a process of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import public_functions
import pytest
from optimizer import flags_without
from rivals import RIVALS

from jaxsoco import registry
from jaxsoco.core.compiler import YNN

SCRIPT = Path(__file__).with_name("plain_jit.py")
FAMILIES = sorted(registry.FAMILIES)
PLACES = sorted({name.partition(".")[0] for name in public_functions.CALLS} - set(FAMILIES))

QUICK = ("multistage",)
"""Families whose learners are looked at in every run of the tests, beside the kernels."""


def subjects(group: str, whole: bool) -> list[str]:
    """The learners of a family, if ``whole`` all and its comparators, and its functions.

    Or the kernels.
    """
    if group == "kernels":
        return [f"functions of {place}" for place in PLACES]
    members = registry.family(group)
    entries = [*members.algorithms, *(c for c in members.comparators if c.load and whole)]
    names = [f"{group}/{entry.name}" for entry in entries]
    return [*(n for n in names if whole or n not in RIVALS), f"functions of {group}"]


def wrong(precision: str, lanes: str, extent: str, group: str) -> dict[str, list[str]]:
    """What is wrong with the subjects of a group, found where XLA has its own options."""
    flags = flags_without(YNN, "extra_options")
    chosen = subjects(group, extent == "whole")
    paths = [*filter(None, sys.path), str(SCRIPT.parent)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), precision, lanes, extent, *chosen],
        env=os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(chosen)
    return {subject: what for subject, what in found.items() if what}


@pytest.mark.parametrize(
    "group",
    ["kernels", *(n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES)],
)
def test_many_lanes_are_as_right_as_few(group):
    assert wrong("float64", "16,8192", "brief", group) == {}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("group", ["kernels", *FAMILIES])
def test_all_doors_at_all_numbers_of_lanes(group, precision):
    assert wrong(precision, "16,512,2048,8192", "whole", group) == {}


def test_every_public_function_is_called():
    assert set(public_functions.functions()) <= set(public_functions.CALLS)
