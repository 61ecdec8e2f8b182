"""Lets the tests of this folder import the benchmarks, scripts that lie side by side, by name."""

import sys
from pathlib import Path

SCRIPTS = str(Path(__file__).resolve().parents[2] / "benchmarks")
if SCRIPTS not in sys.path:
    sys.path.insert(0, SCRIPTS)
