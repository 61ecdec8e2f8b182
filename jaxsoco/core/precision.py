"""Float64 inside a float32 process: for a rare step that single precision is not enough for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import batching, mlir

from jaxsoco.core.compiler import jit


def in_float64(function: Callable) -> Callable:
    """Computes a function of arrays in float64, whatever the precision of the process.

    With x64 on this is the function itself. With x64 off it is traced, batched and lowered under
    ``jax.enable_x64``, between casts of what goes in and comes out. The rest of the program sees
    float32 alone, and the global setting is left as it is. Works under jit, scan, cond, vmap and
    reverse-mode differentiation (which computes the function anew); forward mode needs x64.

    >>> from jaxsoco.extend import in_float64
    >>> def there_and_back(x):
    ...     return (x + 1e8) - 1e8
    >>> float(there_and_back(jnp.ones(()))), float(in_float64(there_and_back)(jnp.ones(())))
    (0.0, 1.0)

    Args:
      function: pure, of positional arrays or trees of arrays; returns trees of arrays.

    Returns:
      The function, float32 in place of float64 and 32-bit integers in place of 64-bit ones.
    """

    @wraps(function)
    def call(*arguments: Any) -> Any:
        if jax.dtypes.canonicalize_dtype(float) == jnp.float64:
            return function(*arguments)
        leaves, tree = jax.tree.flatten(arguments)
        trees = []

        def flat(*leaves):
            results, result_tree = jax.tree.flatten(function(*jax.tree.unflatten(tree, leaves)))
            trees.append(result_tree)
            return results

        results = _differentiable(flat, [jnp.asarray(x) for x in leaves])
        return jax.tree.unflatten(trees[-1], results)

    return call


def _differentiable(flat: Callable, leaves: list[jax.Array]) -> list[jax.Array]:
    real = [jnp.issubdtype(x.dtype, jnp.floating) for x in leaves]

    @jax.custom_vjp
    def value(*leaves):
        return _run(flat, leaves)

    def forward(*leaves):
        return _run(flat, leaves), leaves

    def backward(leaves, cotangents):
        # Only real inputs have a derivative; integers are handed along.
        moving = [x for x, r in zip(leaves, real, strict=True) if r]
        fixed = [x for x, r in zip(leaves, real, strict=True) if not r]
        # float0 is the cotangent of an integer result.
        pull = [c for c in cotangents if c.dtype != jax.dtypes.float0]

        def pulled(*operands):
            at, others = operands[: len(moving)], operands[len(moving) : len(leaves)]

            def floats(*at):
                sources = {True: iter(at), False: iter(others)}
                results = flat(*(next(sources[r]) for r in real))
                return [x for x in results if jnp.issubdtype(x.dtype, jnp.floating)]

            results, transpose = jax.vjp(floats, *at)
            ends = operands[len(leaves) :]
            return transpose([c.astype(x.dtype) for c, x in zip(ends, results, strict=True)])

        slopes = iter(_run(pulled, (*moving, *fixed, *pull)))
        return tuple(
            next(slopes) if r else np.zeros(x.shape, jax.dtypes.float0)
            for x, r in zip(leaves, real, strict=True)
        )

    value.defvjp(forward, backward)
    return value(*leaves)


def _run(function: Callable, operands) -> list[jax.Array]:
    """Traces ``function`` in float64, casts inside, and binds the trace as one operation."""

    def cast(*operands):
        return [_narrow(x) for x in function(*map(_wide, operands))]

    with jax.enable_x64(True):
        closed = jax.make_jaxpr(cast)(*operands)
    # Arrays of the surrounding trace that the function closes over become operands.
    outer = [isinstance(x, Tracer) for x in closed.consts]

    def spread(*operands):
        rest = iter(operands)
        constants = [next(rest) if o else x for x, o in zip(closed.consts, outer, strict=True)]
        return jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, constants))(*rest)

    hoisted = [x for x, o in zip(closed.consts, outer, strict=True) if o]
    if hoisted:
        with jax.enable_x64(True):
            program = jax.make_jaxpr(spread)(*(_shape(x) for x in (*hoisted, *operands)))
    else:
        program = closed
    return _float64.bind(*hoisted, *operands, program=program)


def _shape(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _wide(x):
    return x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x


_NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32"}


def _narrow(x):
    return jnp.asarray(x).astype(_NARROW.get(jnp.asarray(x).dtype.name, jnp.asarray(x).dtype))


_float64 = Primitive("float64")
_float64.multiple_results = True


@_float64.def_impl
def _impl(*operands, program: ClosedJaxpr):
    return jit(partial(_float64.bind, program=program))(*operands)


@_float64.def_abstract_eval
def _abstract(*_, program: ClosedJaxpr):
    return program.out_avals


def _batch(operands, axes, *, program: ClosedJaxpr):
    shapes = [_shape(x) for x in operands]
    with jax.enable_x64(True):
        # Batched inside, under x64, and still one operation outside.
        mapped = jax.make_jaxpr(jax.vmap(jaxpr_as_fun(program), in_axes=tuple(axes)))(*shapes)
    results = _float64.bind(*operands, program=mapped)
    return results, [0] * len(results)


def _lower(context, *operands, program: ClosedJaxpr):
    # Rules that lower an operation by tracing it again must do so in float64 as well.
    with jax.enable_x64(True):
        return mlir.lower_fun(jaxpr_as_fun(program), multiple_results=True)(context, *operands)


batching.primitive_batchers[_float64] = _batch
mlir.register_lowering(_float64, _lower)
