"""Every registered algorithm, comparator and problem goes through the tests of this folder.

The properties themselves are ``jaxsoco.testing``, which tries them on plug-ins as well.
An algorithm or a comparator adds nothing here, a problem adds one entry to ``CASES`` in
``conformance_cases.py``. Structure is tested for every algorithm that is not one of many of its
scheme (``support/rivals.py``); of the rest, two algorithms a family go through by default and all
of them with ``-m "slow or not slow"``.
"""

import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


ALWAYS = ("test_structure", "test_allocation_ledger")
LEADING = (
    "allocation/pcm",
    "allocation/st_clip",
    "tracking/scale",
    "tracking/passive_learner",
    "multistage/epsilon_exp3",
    "multistage/broad_omd",
    "provisioning/blol",
    "provisioning/oco_q",
    "smoothed/lcp",
    "smoothed/memoryless",
)


def pytest_generate_tests(metafunc):
    """``case``, ``learner`` (with its case) and ``judge`` (a comparator with its case)."""
    from conformance_cases import CASES
    from rivals import RIVALS

    from jaxsoco.testing.cases import judges, learners

    if "learner" in metafunc.fixturenames:
        known = [learner for case in CASES for learner in learners(case)]
        always = metafunc.module.__name__.rpartition(".")[2] in ALWAYS
        marked = [
            pytest.param(learner, id=learner.id, marks=[])
            if (always and learner.id not in RIVALS) or learner.id in LEADING
            else pytest.param(learner, id=learner.id, marks=pytest.mark.slow)
            for learner in known
        ]
        metafunc.parametrize("learner", marked)
    if "judge" in metafunc.fixturenames:
        known = [judge for case in CASES for judge in judges(case)]
        metafunc.parametrize("judge", known, ids=[judge.id for judge in known])
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.problem for case in CASES])
