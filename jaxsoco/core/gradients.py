"""Gradients that are refused: of parameters in which they mislead, and backwards through a loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Algorithm, PyTree
from jaxsoco.core.schema import GRID, YES, Gradient


def with_gradients(
    algorithm: Algorithm, params: PyTree, gradients: Mapping[str, Gradient]
) -> Algorithm:
    """The algorithm with what its entry says of parameters, where their class does not say so."""
    known = _declared(params)
    unknown = tuple(item for item in gradients.items() if known.get(item[0], YES) != item[1])
    return algorithm._replace(gradients=unknown) if unknown else algorithm


def _declared(params: PyTree) -> dict[str, Gradient]:
    """What the class of parameters says of each of them."""
    return {one.name: one.slope() for one in getattr(params, "FIELDS", ())}


def gradients_of(algorithm: Algorithm, params: PyTree) -> dict[str, Gradient]:
    """What a learner says of its parameters' gradients, where it says something."""
    return _declared(params) | dict(algorithm.gradients)


def guarded(algorithm: Algorithm, params: PyTree) -> PyTree:
    """The parameters themselves, which raise under differentiation in one that is not "yes".

    Args:
      algorithm: the learner.
      params: its parameters; leaves without a tangent are not concerned.

    Raises:
      InputError: at trace time, when a tangent arrives, with every parameter that has one and
        should have none.
    """
    words = gradients_of(algorithm, params)
    pairs, tree = jax.tree_util.tree_flatten_with_path(params)
    leaves = [leaf for _, leaf in pairs]
    names = [jax.tree_util.keystr(path[:1], simple=True) for path, _ in pairs]
    # What is no tracer has no tangent.
    kept = [
        i
        for i, leaf in enumerate(leaves)
        if isinstance(leaf, Tracer)
        and jnp.issubdtype(leaf.dtype, jnp.floating)
        and words.get(names[i], YES).word != "yes"
    ]
    if not kept:
        return params

    @jax.custom_jvp
    def same(*values):
        return values

    def refuse(primals, tangents):
        moving = {
            names[i]: words[names[i]]
            for i, tangent in zip(kept, tangents, strict=True)
            if not isinstance(tangent, SymbolicZero)
        }
        if moving:
            raise InputError(_issues(moving, [n for n in names if words.get(n, YES) == YES]))
        return primals, tangents

    same.defjvp(refuse, symbolic_zeros=True)
    for i, value in zip(kept, same(*(leaves[i] for i in kept)), strict=True):
        leaves[i] = value
    return tree.unflatten(leaves)


def _issues(moving: Mapping[str, Gradient], others: list[str]) -> list[Issue]:
    """One issue for each parameter, and what to do instead."""
    issues = [Issue(f"params.{name}", _sentence(one)) for name, one in moving.items()]
    if others:
        name = others[0]
        one = f"lambda {name}: play(..., dataclasses.replace(params, {name}={name}), ...)"
        instead = f"or differentiate in the others alone, as in {one}"
    else:
        instead = "no other parameter of this learner has a gradient"
    return [*issues, Issue("", f"allow_biased=True takes such gradients as they are; {instead}")]


def _sentence(gradient: Gradient) -> str:
    if gradient == GRID:
        return "has no gradient: it is an integer, for a grid only"
    kind = {"biased": "the gradient of the costs is biased", "no": "costs have no gradient in it"}
    return f"{kind[gradient.word]}: {gradient.reason}"


# --- reverse mode through a loop ------------------------------------------------------------------


def forward_only(tree: PyTree, message: str) -> PyTree:
    """The same tree, through which no gradient is taken backwards: ``message`` is raised."""

    def one(leaf: Any) -> Any:
        real = jnp.issubdtype(leaf.dtype, jnp.floating)
        return _forward_only.bind(leaf, message=message) if real else leaf

    return jax.tree.map(one, tree)


_forward_only = Primitive("forward_only")


def _transpose(cotangent, _, *, message: str):
    raise InputError(Issue("", message))


_forward_only.def_impl(lambda x, message: x)
_forward_only.def_abstract_eval(lambda x, message: x)
mlir.register_lowering(_forward_only, lambda context, x, message: [x])
batching.defvectorized(_forward_only)
ad.deflinear2(_forward_only, _transpose)
