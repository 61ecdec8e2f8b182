"""XLA on a CPU: what jaxsoco asks of it, and whether it computes right where nobody has asked.

XLA gives sums of 4096 elements and more to the library YNNPACK, fused with what is summed. As of
jaxlib 0.10 to 0.12 such a fusion confuses exponentials (``expm1``) and logarithms (``log``,
``log1p``) of one array times different constants: in ``sum(expm1(-18 t) * expm1(-t))`` both factors
get the value of one of them. Without these fusions the numbers are right, and do not depend on how
many runs are compiled together.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import mmap
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any

from jaxsoco.core.settings import is_traced

YNN = "xla_cpu_experimental_ynn_fusion_type"
"""XLA's option with the kinds of fusions that go to YNNPACK; by default sums and products."""

CPU_OPTIONS: dict[str, Any] = {"xla_cpu_prefer_vector_width": 512, YNN: ""}
"""Options of every program that jaxsoco compiles for a CPU."""


def known(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of XLA's options that the XLA at hand has: it refuses programs with any other."""
    return {name: value for name, value in options.items() if has_option(name)}


@cache
def has_option(name: str) -> bool:
    """Whether the XLA at hand has an option, told without starting it.

    XLA ends the process on a flag that it does not know, and does not say which it knows. But it
    holds their names.
    """
    package = importlib.util.find_spec("jaxlib")
    for folder in (package and package.submodule_search_locations) or ():
        for file in sorted(Path(folder).glob("*")):
            if file.suffix in (".so", ".dylib", ".dll", ".pyd") and _holds(file, name):
                return True
    return False


def _holds(file: Path, name: str) -> bool:
    # A string of its own: names of options that are gone stand in longer lists.
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.find(b"\0" + name.encode() + b"\0") >= 0


def without_fusions(flags: str) -> str:
    """The value of ``XLA_FLAGS`` with the fusions off, unless it says something about them.

    For a process that has yet to start JAX.
    """
    if YNN not in flags and has_option(YNN):
        flags = f"{flags} --{YNN}=".strip()
    return flags


def jit(function: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    """As ``jax.jit``, with :data:`CPU_OPTIONS` where the program runs on a CPU.

    Inside a program or a derivative of the caller's, JAX takes no options: it is compiled by the
    caller's there.
    """
    import jax

    plain = jax.jit(function, **settings)

    @cache  # the options that there are take a while to find
    def ours() -> Callable[..., Any]:
        return jax.jit(function, compiler_options=known(CPU_OPTIONS), **settings)

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        leaves = jax.tree.leaves((arguments, named))
        alone = not any(map(is_traced, leaves)) and not _is_tracing()
        program = ours() if alone and _platform(leaves) == "cpu" else plain
        return program(*arguments, **named)

    return call


def _is_tracing() -> bool:
    import jax
    import numpy as np

    # What takes no operands is an array, unless it becomes part of a program. Nothing is sent to
    # the device for it.
    return is_traced(jax.lax.iota(np.int32, 1))


def _platform(leaves: Sequence[Any] = ()) -> str:
    """Where JAX will compute with these arguments."""
    import jax

    for leaf in leaves:
        if isinstance(leaf, jax.Array) and leaf.committed:
            return next(iter(leaf.devices())).platform
    place = getattr(jax.config, "jax_default_device", None)
    return place if isinstance(place, str) else getattr(place, "platform", jax.default_backend())


_unseen = threading.Lock()  # held from the first look on


def trust(flags: str) -> None:
    """Leaves out the look at the compiler, if JAX is about to start with the fusions off."""
    if re.search(rf"--{YNN}=(\s|$)", flags):
        _unseen.acquire(blocking=False)


def look_once() -> None:
    """Warns, once a process, if JAX's own choice of options makes programs on this CPU wrong.

    Takes some milliseconds, the first time; may be called while a program is traced.
    """
    if _platform() == "cpu" and _unseen.acquire(blocking=False) and not computes_right():
        warnings.warn(
            f"XLA computes wrong numbers on this CPU: set XLA_FLAGS=--{YNN}= before JAX starts. "
            "Without it sums in your own jax.jit may be wrong; jaxsoco.play, jaxsoco.tune, "
            "jaxsoco.run and the command line switch the fault off by themselves. See 'The "
            "compiler on a CPU' in the documentation.",
            RuntimeWarning,
            stacklevel=_users_level(),
        )


def _users_level() -> int:
    """The ``stacklevel`` by which a warning of the caller's names the line of the user's code.

    Between the two are lines of jaxsoco, of JAX, which traces, and of decorators.
    """
    import jax

    package = Path(__file__).parents[1]
    folders = (str(package), str(Path(str(jax.__file__)).parent))
    between = (
        *(f"{folder}{os.sep}" for folder in folders),
        contextlib.__file__,
        functools.__file__,
    )
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(between):
        frame, level = frame.f_back, level + 1
    return level


def computes_right() -> bool:
    """Whether a program gets the numbers of NumPy where nobody has chosen XLA's options."""
    import jax
    import numpy as np
    from jax import lax

    def total(x: Any, expm1: Callable, log: Callable, log1p: Callable) -> Any:
        scaled = x * np.float32(3)
        return (expm1(x) * expm1(scaled) + log(x) * log(scaled) + log1p(x) * log1p(scaled)).sum()

    values = np.linspace(0.25, 2, 4096, dtype=np.float32)
    # Compiled and called by hand, whatever the caller traces, forbids or debugs. Not optimised:
    # that takes longer, and the fusions come before it.
    quick: Any = {"xla_backend_optimization_level": 0}
    place = jax.local_devices(backend="cpu")[0]
    with jax.transfer_guard("allow"), jax.disable_jit(False), jax.default_device(place):
        program = jax.jit(total, static_argnums=(1, 2, 3)).lower(
            values, lax.expm1, lax.log, lax.log1p
        )
        sums = program.compile(compiler_options=quick)(values)
        return bool(np.isclose(sums, total(values, np.expm1, np.log, np.log1p), rtol=1e-3))


def equations(program: Any) -> Iterator[Any]:
    """Every equation of a ``Jaxpr``, those of its inner programs included."""
    pending = [program]
    while pending:
        for equation in pending.pop().eqns:
            yield equation
            for value in equation.params.values():
                inner = value if isinstance(value, tuple | list) else (value,)
                pending += [getattr(x, "jaxpr", x) for x in inner if hasattr(x, "eqns")]
