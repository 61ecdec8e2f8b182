"""What every test shares: a fixed environment, the precision fixture, the hypothesis profile.

JAX reads its settings from the environment when it is imported, so they are set here without
importing it; tests that need no JAX stay quick, and subprocesses inherit the same settings.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from optimizer import OFF

from jaxsoco.core.compiler import has_option, without_fusions
from jaxsoco.experiment.devices import WHOLE_LOOPS

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = os.environ.get("JAXSOCO_TEST_PLATFORM", "cpu")


def _add_flag(name: str, value: str) -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if name not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{name}={value}".strip()


def _fix_environment() -> None:
    if "jax" in sys.modules:
        raise pytest.UsageError("jax was imported before tests/conftest.py could configure it")
    os.environ["JAX_PLATFORMS"] = PLATFORM
    os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
    os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "standard"
    os.environ["JAX_ENABLE_X64"] = "0"
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
    # Small programs are most of the compile time here, so everything is cached.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    # Workers leave no core idle, and code in many parts takes longer to compile on one of them.
    _add_flag("xla_cpu_parallel_codegen_split_count", "1")
    # As the command line does; it is also quicker to compile.
    _add_flag("xla_backend_extra_options", WHOLE_LOOPS)
    os.environ["XLA_FLAGS"] = without_fusions(os.environ["XLA_FLAGS"])
    if not os.environ.get("JAXSOCO_TEST_OPTIMIZED"):
        for name, value in OFF.items():
            if has_option(name):
                _add_flag(name, value)
    for pool in ("OMP", "OPENBLAS", "MKL", "RAYON"):
        os.environ.setdefault(f"{pool}_NUM_THREADS", "1")


_fix_environment()

settings.register_profile(
    "jaxsoco",
    # The first example of a test pays for a compilation, which says nothing about the code.
    deadline=None,
    derandomize=True,
    max_examples=25,
    # `x64` is the same for every example of a test.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("jaxsoco")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PLATFORM != "cpu":
        return
    skip = pytest.mark.skip(reason="needs a GPU: set JAXSOCO_TEST_PLATFORM=cuda")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go():
    """Frees a module's programs, of which the next one needs few: a worker would grow to 6 GB."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(autouse=True)
def _precision_left_alone():
    """Fails a test that flips the global precision: only the command line may choose it."""
    yield
    jax = sys.modules.get("jax")
    if jax is not None and jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)
        pytest.fail("jax_enable_x64 was switched on and left on")


@pytest.fixture
def own_xla_flags(monkeypatch):
    """For tests that run an experiment in this process: it asks XLA for devices and threads.

    Other tests must not inherit that.
    """
    for name in ("XLA_FLAGS", "PJRT_NPROC"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    if not os.environ["PJRT_NPROC"]:
        monkeypatch.delenv("PJRT_NPROC")


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def x64(request):
    """Runs the test in float32 and again in float64; the value says whether it is float64.

    For float64 alone: ``@pytest.mark.parametrize("x64", [True], indirect=True)``.
    """
    import jax

    with jax.enable_x64(request.param):
        yield request.param
