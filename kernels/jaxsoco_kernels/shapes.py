"""Checks at the doors of public functions: shapes and dtypes, at trace time, by argument name.

The comparisons are chex's, so ``chex.disable_asserts()`` switches these off as well; the messages
name our arguments and axes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import chex
import jax.numpy as jnp


class _Origin(NamedTuple):
    """The size of a named axis, and the argument that it was read from."""

    size: int
    argument: str


def expect(**arguments: tuple[Any, str]) -> None:
    """Checks that arrays have the axes that a function documents.

    >>> from jaxsoco_kernels.shapes import expect
    >>> expect(distance=(jnp.zeros((3, 4)), "n n ..."))
    Traceback (most recent call last):
        ...
    ValueError: distance: expected [n, n, ...], got (3, 4)

    Args:
      **arguments: name = (array, axes). Axes are names, integers and, last, ``...`` for the lanes:
        ``"n n ..."``. A name stands for one size in all arguments, ``T|1`` for that size or 1.
        Lanes are equally many in all arguments, each of one size or 1; an argument of lanes alone,
        ``"..."``, may be a scalar as well.

    Raises:
      ValueError: an argument has other axes, or lanes that do not fit: ``distance: expected
        [n, n, ...], got (3, 4)``.
    """
    sizes: dict[str, _Origin] = {}
    lanes: dict[str, tuple[int, ...]] = {}
    for argument, (array, axes) in arguments.items():
        names, shape = axes.split(), jnp.shape(array)
        matcher = [_matcher(names, i, shape, argument, sizes) for i in range(len(names))]
        try:
            chex.assert_shape(array if hasattr(array, "shape") else jnp.asarray(array), matcher)
        except AssertionError:
            origins = _origins(names, argument, sizes, arguments)
            raise ValueError(f"{argument}: expected {_label(axes)}{origins}, got {shape}") from None
        if names[-1:] == ["..."] and (names != ["..."] or shape):
            lanes[argument] = shape[len(names) - 1 :]
    _fit(lanes)


def expect_floating(**arrays: Any) -> None:
    """Checks that arrays hold floating-point numbers.

    >>> from jaxsoco_kernels.shapes import expect_floating
    >>> expect_floating(distance=jnp.zeros((3, 3), jnp.int32))
    Traceback (most recent call last):
        ...
    TypeError: distance: expected floating-point numbers, got int32

    Raises:
      TypeError: ``distance: expected floating-point numbers, got int32``.
    """
    for argument, array in arrays.items():
        try:
            chex.assert_type(array, float)
        except AssertionError:
            dtype = jnp.result_type(array)
            message = f"{argument}: expected floating-point numbers, got {dtype}"
            raise TypeError(message) from None


def _matcher(names, i: int, shape, argument: str, sizes: dict[str, _Origin]):
    """What chex compares axis ``i`` with; a name that is new takes its size from the shape."""
    if names[i] == "...":
        return ...
    if names[i].isdigit():
        return int(names[i])
    name, _, one = names[i].partition("|")
    size = shape[i] if i < len(shape) else None
    if name not in sizes and size is not None and not (one and size == 1):
        sizes[name] = _Origin(size, argument)
    if name not in sizes:
        return None
    return {1, sizes[name].size} if one else sizes[name].size


def _label(axes: str) -> str:
    return "[" + ", ".join(name.replace("|", " or ") for name in axes.split()) + "]"


def _origins(names, argument: str, sizes: dict[str, _Origin], arguments) -> str:
    """``with m = 4 as in vectors [m, d, ...]``, for the sizes that other arguments fix."""
    fixed: dict[str, list[str]] = {}
    for name in dict.fromkeys(name.partition("|")[0] for name in names):
        if name in sizes and sizes[name].argument != argument:
            fixed.setdefault(sizes[name].argument, []).append(f"{name} = {sizes[name].size}")
    parts = [f"{', '.join(s)} as in {a} {_label(arguments[a][1])}" for a, s in fixed.items()]
    return f" with {' and '.join(parts)}" if parts else ""


def _fit(lanes: dict[str, tuple[int, ...]]) -> None:
    same_rank = len({len(shape) for shape in lanes.values()}) <= 1
    try:
        jnp.broadcast_shapes(*lanes.values())
    except ValueError:
        same_rank = False
    if not same_rank:
        shapes = ", ".join(f"{argument} {shape}" for argument, shape in lanes.items())
        raise ValueError(f"lanes: expected equally many, of one size or 1 each, got {shapes}")
