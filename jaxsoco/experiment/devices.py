"""JAX as an experiment needs it: precision, devices and compile cache, set before first use."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from jaxsoco.core import compiler
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import one_line
from jaxsoco.experiment.flags import check_flags, users_flags

_FORCED = "xla_force_host_platform_device_count"
_THREADS = "PJRT_NPROC"
_OPTIONS = "xla_backend_extra_options"

WHOLE_LOOPS = "xla_cpu_small_while_loop_byte_threshold=1000000000000"
"""Option of XLA by which a loop over rounds is compiled as one function, whatever its size. By
default XLA starts every small kernel of every round by itself, which takes longer than most of
them do; what they compute can differ in the last bits."""


_OWN = {
    "jax_disable_jit": False,
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_transfer_guard": "allow",
    "jax_numpy_dtype_promotion": "standard",
}
"""Options for finding faults in one's own code, which a run must not fail over: its numbers are
checked at the end, and mixed precisions and transfers are meant."""


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def start_jax(precision: str, devices: int | None, useful: int) -> list[Any]:
    """Imports and configures JAX.

    On a CPU every core becomes a device, unless ``XLA_FLAGS`` or ``JAX_NUM_CPU_DEVICES`` says
    otherwise. Accelerators are taken as they are.

    Args:
      precision: ``"float32"`` or ``"float64"``.
      devices: how many to use (as many as are ``useful`` if None).
      useful: more devices than this would have nothing to do.

    Returns:
      The devices to use (``jax.Device``).

    Raises:
      InputError: there are fewer than ``devices``, JAX finds none, or XLA refuses ``XLA_FLAGS``.
    """
    prepare(devices, useful)
    try:
        import jax
    except ValueError as error:  # of an option in the environment
        message = f"JAX does not start: {one_line(error)}"
        raise InputError(Issue("", message, "check the variables JAX_...")) from error
    jax.config.update("jax_enable_x64", precision == "float64")
    for option, value in _OWN.items():
        jax.config.update(option, value)
    _keep_compiled_code()
    try:
        available = jax.local_devices()
    except Exception as error:  # JAX raises what the platform's own start raises
        platforms = os.environ.get("JAX_PLATFORMS")
        asked = f" (JAX_PLATFORMS={platforms})" if platforms else ""
        message = f"JAX finds no device{asked}: {one_line(error)}"
        raise InputError(Issue("", message, "JAX_PLATFORMS=cpu runs on the processor")) from error
    if devices is not None and devices > len(available):
        message = f"{devices} devices are asked for, and JAX has {len(available)}"
        raise InputError(Issue("--devices", message, f"want 1 to {len(available)}"))
    return available[: useful if devices is None else devices]


def prepare(devices: int | None, useful: int) -> None:
    """Sets what JAX will read when it starts; arguments as of :func:`start_jax`.

    Raises:
      InputError: XLA refuses ``XLA_FLAGS``.
    """
    if os.environ.get("XLA_FLAGS") not in _prepared:  # what was set here need not be asked about
        check_flags()
    # A core is a device; two of them can be had on one core, to compare.
    prepare_cpu(None if devices is None else min(devices, max(usable_cores(), 2)), useful)
    _prepared.add(os.environ["XLA_FLAGS"])


_prepared: set[str] = set()


def prepare_cpu(devices: int | None, useful: int) -> None:
    """Asks XLA for CPU devices, for whole loops (:data:`WHOLE_LOOPS`), and for no YNN fusions.

    It reads this when JAX starts its first backend, never again. What ``XLA_FLAGS`` has already
    is left as it is.

    XLA gives all of them one pool with a thread per core, and a program with a loop inside a loop
    holds a thread while it waits for others: as many devices as threads can wait for each other
    for ever. So the pool of several devices gets a thread more than there are, unless
    ``PJRT_NPROC`` is set. (One device is left alone: more threads also cut its work finer.)
    """
    flags = users_flags()
    if _FORCED not in flags and "JAX_NUM_CPU_DEVICES" not in os.environ:
        count = min(useful, usable_cores()) if devices is None else devices
        flags = f"{flags} --{_FORCED}={count}".strip()
    else:
        counts = re.findall(rf"{_FORCED}=(\d+)", flags)
        count = int(counts[-1] if counts else os.environ.get("JAX_NUM_CPU_DEVICES") or 1)
    if _OPTIONS not in flags:
        flags = f"{flags} --{_OPTIONS}={WHOLE_LOOPS}".strip()
    flags = compiler.without_fusions(flags)
    os.environ["XLA_FLAGS"] = flags
    compiler.trust(flags)
    if count > 1:
        os.environ.setdefault(_THREADS, str(max(count, usable_cores()) + 1))


def _keep_compiled_code() -> None:
    """Keeps compiled programs between runs, where the user has not chosen a place already."""
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(base) / "jaxsoco" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written costs compile time, nothing else
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
