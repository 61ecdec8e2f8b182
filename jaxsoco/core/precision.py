"""Float64 inside a float32 process: for a rare step that single precision is not enough for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

from jaxsoco.core.compiler import jit


def in_float64(function: Callable) -> Callable:
    """Computes a function of arrays in float64, whatever the precision of the process.

    With x64 on this is the function itself. With x64 off it is traced, batched and lowered under
    ``jax.enable_x64``, between casts of what goes in and comes out. The rest of the program sees
    float32 alone, and the global setting is left as it is. Works under jit, scan, cond, vmap and
    differentiation in both modes, in whichever the function has; either computes it anew.

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

        results = _run(flat, [jnp.asarray(x) for x in leaves])
        return jax.tree.unflatten(trees[-1], results)

    return call


def slopes_in_float64(function: Callable) -> Callable:
    """A function of arrays as it stands, with a derivative that is computed in float64.

    For a step whose value single precision is enough for, but whose derivative divides one small
    difference by another. With x64 on this is the function itself; with x64 off its values keep
    their bits. Both modes of differentiation compute the function anew, by :func:`in_float64`.

    >>> from jaxsoco.extend import slopes_in_float64
    >>> def quotient(x):
    ...     return ((1e4 + x) ** 2 - 1e8) / x  # 2e4 + x
    >>> float(jax.grad(slopes_in_float64(quotient))(0.1))  # 802 without
    1.0

    Args:
      function: pure, of positional arrays or trees of arrays; returns trees of arrays.

    Returns:
      The function.
    """
    exact = in_float64(function)

    @jax.custom_jvp
    def narrow(*arguments: Any) -> Any:
        return function(*arguments)

    def differentiate(primals, tangents):
        leaves, tree = jax.tree.flatten(primals)
        given = jax.tree.leaves(tangents)
        # What does not move stays a constant, which costs nothing backwards.
        moving = [i for i, tangent in enumerate(given) if not isinstance(tangent, SymbolicZero)]

        def at(*values):
            moved = dict(zip(moving, values, strict=True))
            return exact(*tree.unflatten([moved.get(i, x) for i, x in enumerate(leaves)]))

        _, slopes = jax.jvp(at, [leaves[i] for i in moving], [given[i] for i in moving])
        return function(*primals), slopes

    narrow.defjvp(differentiate, symbolic_zeros=True)

    @wraps(function)
    def call(*arguments: Any) -> Any:
        wide = jax.dtypes.canonicalize_dtype(float) == jnp.float64
        return function(*arguments) if wide else narrow(*arguments)

    return call


def _run(function: Callable, operands: Sequence[jax.Array]) -> list[jax.Array]:
    """Traces ``function`` in float64, casts inside, and binds the trace as one operation."""

    def cast(*operands):
        return [_narrow(x) for x in function(*map(_wide, operands))]

    closed = _traced(cast, operands)
    # Arrays of the surrounding trace that the function closes over become operands.
    outer = [isinstance(x, Tracer) for x in closed.consts]
    if not any(outer):
        return _float64.bind(*operands, program=closed)

    def spread(*operands):
        rest = iter(operands)
        constants = [next(rest) if o else x for x, o in zip(closed.consts, outer, strict=True)]
        return jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, constants))(*rest)

    hoisted = [x for x, o in zip(closed.consts, outer, strict=True) if o]
    return _bind(spread, [*hoisted, *operands])


def _bind(function: Callable, operands: Sequence[jax.Array]) -> list[jax.Array]:
    """A function from 32-bit arrays to 32-bit arrays, traced under x64, as one operation."""
    return _float64.bind(*operands, program=_traced(function, operands))


def _traced(function: Callable, operands: Sequence[jax.Array]) -> ClosedJaxpr:
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in operands]
    with jax.enable_x64(True):
        return jax.make_jaxpr(function)(*shapes)


def _wide(x):
    return x.astype(jnp.float64) if _is_real(x) else x


_NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32"}


def _narrow(x):
    return jnp.asarray(x).astype(_NARROW.get(jnp.asarray(x).dtype.name, jnp.asarray(x).dtype))


def _is_real(x) -> bool:
    """Whether an array has a derivative; integers are handed along."""
    return jnp.issubdtype(x.dtype, jnp.floating)


# --- the operation --------------------------------------------------------------------------------

_float64 = Primitive("float64")
_float64.multiple_results = True


def _compiled(primitive: Primitive, *operands, **options):
    """Runs an operation that is called outside of any program."""
    # Without compilation it would call itself for ever.
    with jax.disable_jit(False):
        return jit(partial(primitive.bind, **options))(*operands)


_float64.def_impl(partial(_compiled, _float64))


@_float64.def_abstract_eval
def _abstract(*_, program: ClosedJaxpr):
    return program.out_avals


def _batch(operands, axes, *, program: ClosedJaxpr):
    # Batched inside, under x64, and still one operation outside.
    results = _bind(jax.vmap(jaxpr_as_fun(program), in_axes=tuple(axes)), operands)
    return results, [0] * len(results)


def _lower(context, *operands, program: ClosedJaxpr):
    # Rules that lower an operation by tracing it again must do so in float64 as well.
    with jax.enable_x64(True):
        return mlir.lower_fun(jaxpr_as_fun(program), multiple_results=True)(context, *operands)


def _differentiate(primals, tangents, *, program: ClosedJaxpr):
    results = _float64.bind(*primals, program=program)
    moving = tuple(
        type(t) is not ad.Zero and _is_real(x)
        for x, t in zip(program.in_avals, tangents, strict=True)
    )
    given = [jnp.asarray(t) for t in _chosen(moving, tangents)]
    slopes = iter(_slope.bind(*primals, *given, program=program, moving=moving))
    still = [ad.Zero(jax.typeof(x).to_tangent_aval()) for x in results]
    return results, [
        next(slopes) if _is_real(x) else z for x, z in zip(results, still, strict=True)
    ]


batching.primitive_batchers[_float64] = _batch
mlir.register_lowering(_float64, _lower)
ad.primitive_jvps[_float64] = _differentiate


# --- its derivative -------------------------------------------------------------------------------
#
# An operation of its own, linear in the tangents, that is neither traced forward nor backward
# before one of the two is asked for: the function may have one mode only.

_slope = Primitive("float64_slope")
_slope.multiple_results = True
"""Tangents of the real results of a program; operands are its own, then the tangents of those that
are ``moving``."""


def _real_part(program: ClosedJaxpr, moving: tuple[bool, ...], primals) -> Callable:
    """The program as a function from its ``moving`` operands to its real results."""

    def function(*at):
        rest = iter(at)
        operands = [next(rest) if m else x for m, x in zip(moving, primals, strict=True)]
        return [x for x in jaxpr_as_fun(program)(*operands) if _is_real(x)]

    return function


def _chosen(moving: tuple[bool, ...], operands):
    return [x for x, m in zip(operands, moving, strict=True) if m]


def _push(*operands, program: ClosedJaxpr, moving: tuple[bool, ...]):
    primals, tangents = operands[: len(moving)], operands[len(moving) :]
    function = _real_part(program, moving, primals)
    return jax.jvp(function, _chosen(moving, primals), list(tangents))[1]


_slope.def_impl(partial(_compiled, _slope))


@_slope.def_abstract_eval
def _slope_abstract(*_, program: ClosedJaxpr, moving: tuple[bool, ...]):
    return [aval for aval in program.out_avals if _is_real(aval)]


def _slope_batch(operands, axes, *, program: ClosedJaxpr, moving: tuple[bool, ...]):
    count = len(moving)
    places = iter(range(count, len(operands)))
    partners = [next(places) if m else None for m in moving]
    # An operand and its tangent are mapped together, each along the first axis.
    mapped = [
        axes[i] is not None or (j is not None and axes[j] is not None)
        for i, j in enumerate(partners)
    ]
    mapped += [mapped[i] for i, j in enumerate(partners) if j is not None]
    size = next(x.shape[a] for x, a in zip(operands, axes, strict=True) if a is not None)
    spread = [
        x
        if not m
        else jnp.broadcast_to(x, (size, *x.shape))
        if a is None
        else jnp.moveaxis(x, a, 0)
        for x, a, m in zip(operands, axes, mapped, strict=True)
    ]
    one = jaxpr_as_fun(program)
    function = jax.vmap(one, in_axes=tuple(0 if m else None for m in mapped[:count]))
    results = _slope.bind(*spread, program=_traced(function, spread[:count]), moving=moving)
    return results, [0] * len(results)


def _slope_lower(context, *operands, **options):
    with jax.enable_x64(True):
        rule = mlir.lower_fun(partial(_push, **options), multiple_results=True)
        return rule(context, *operands)


def _slope_transpose(cotangents, *operands, program: ClosedJaxpr, moving: tuple[bool, ...]):
    count = len(moving)
    primals = operands[:count]

    def pull(*given):
        at, ends = given[:count], given[count:]
        _, transpose = jax.vjp(_real_part(program, moving, at), *_chosen(moving, at))
        return transpose(list(ends))

    slopes = _bind(pull, [*primals, *map(ad.instantiate_zeros, cotangents)])
    asked = [ad.is_undefined_primal(x) for x in operands[count:]]
    return [None] * count + [s if a else None for s, a in zip(slopes, asked, strict=True)]


batching.primitive_batchers[_slope] = _slope_batch
mlir.register_lowering(_slope, _slope_lower)
ad.primitive_transposes[_slope] = _slope_transpose


def _differentiate_slope(primals, tangents, **options):
    """Second derivatives: those of the forward pass, which is a program as well."""
    program = _traced(partial(_push, **options), primals)
    return _differentiate(primals, tangents, program=program)


ad.primitive_jvps[_slope] = _differentiate_slope
