"""Every registered algorithm, comparator and problem goes through the tests of this folder.

An algorithm or a comparator adds nothing here, a problem adds one entry to ``CASES`` in
``conformance_cases.py``.
"""

import sys
from pathlib import Path

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


def pytest_generate_tests(metafunc):
    """``case``, ``learner`` (with its case) and ``judge`` (a comparator with its case)."""
    from conformance_cases import CASES, judges, learners

    if "learner" in metafunc.fixturenames:
        known = [learner for case in CASES for learner in learners(case)]
        metafunc.parametrize("learner", known, ids=[learner.id for learner in known])
    if "judge" in metafunc.fixturenames:
        known = [judge for case in CASES for judge in judges(case)]
        metafunc.parametrize("judge", known, ids=[judge.id for judge in known])
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.problem for case in CASES])
