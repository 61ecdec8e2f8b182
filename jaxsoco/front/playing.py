"""Runs in Python: ``play``, ``simulate``, and the keys that a sweep has."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsoco.core import random
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.compiler import jit
from jaxsoco.core.protocol import Algorithm, Instance, Problem, PyTree, spec_of
from jaxsoco.core.settings import is_traced
from jaxsoco.engine.simulate import Run, read_rounds
from jaxsoco.engine.simulate import simulate as roll

_LARGEST = 2**31 - 1  # a seed is an int32


@own_rules
def seed_keys(root: int, seeds: int | Sequence[int] | np.ndarray) -> jax.Array:
    """Keys of runs, as a sweep has them.

    >>> keys = jaxsoco.seed_keys(0, 256)  # of seeds 0..255 under root 0

    Args:
      root: root of all random streams (``run.root_seed`` of an experiment).
      seeds: how many (from seed 0), or the seeds themselves, from 0.

    Returns:
      JAX keys ``[seeds]``.

    Raises:
      ValueError: ``root`` or a seed is below 0 or does not fit 32 bits.
    """
    if not is_traced(root) and not 0 <= operator.index(root) <= _LARGEST:
        raise ValueError(f"root: expected an integer from 0 to {_LARGEST}, got {root}")
    root_key = jax.random.key(root, impl="threefry2x32")
    numbers = jnp.asarray(_numbers(seeds), jnp.int32)
    return jax.vmap(partial(jax.random.fold_in, root_key))(numbers)


def _numbers(seeds: Any) -> Any:
    """The seeds that are counted or listed, ``[seeds]``, where they are not traced."""
    numbers = seeds if is_traced(seeds) else np.asarray(seeds)
    integers = jnp.issubdtype(numbers.dtype, jnp.integer) or numbers.size == 0
    if integers and numbers.ndim == 1 and is_traced(seeds):
        return numbers
    if not integers or is_traced(seeds) or numbers.ndim > 1 or np.any(numbers < 0):
        raise ValueError(f"seeds: expected a count or a list of integers >= 0, got {seeds!r}")
    if np.any(numbers > _LARGEST):
        raise ValueError(f"seeds: expected integers up to {_LARGEST}, got {seeds!r}")
    return numbers if numbers.ndim else np.arange(int(numbers))


@own_rules
def play(
    problem: Instance,
    algorithm: Algorithm,
    params: PyTree,
    keys: jax.Array,
    *,
    at: Sequence[int] | None = None,
    trace: bool = False,
    differentiable: bool | None = None,
    remat: int | bool | None = None,
    allow_biased: bool = False,
) -> Run:
    """Plays a learner on a problem: one run per key, in the world that its seed meets.

    >>> run = jaxsoco.play(problem, algorithm, params, jaxsoco.seed_keys(0, 256))
    >>> run.costs.hit.shape  # checkpoints, runs
    (14, 256)

    Works under ``jit``, ``vmap`` and ``grad``; by itself it is compiled once for every algorithm,
    horizon and number of keys. In the caller's precision (``jax_enable_x64``).

    Args:
      problem: of :func:`make`.
      algorithm: of :func:`learner`, or your own.
      params: its parameters; leaves may be traced.
      keys: JAX keys ``[...]``, such as :func:`seed_keys` gives; every axis is a lane.
      at: increasing rounds at which cumulative costs are kept; by default :func:`checkpoints`.
      trace: also keep every round's action and costs (small runs only).
      differentiable: see :func:`simulate`.
      remat: rounds of a segment that a gradient computes anew instead of keeping what it needs
        (``True``: the square root of the horizon). See :func:`simulate`.
      allow_biased: do not refuse gradients in parameters whose gradient is biased, or means
        nothing (``jaxsoco list NAME`` tells which, and why).

    Returns:
      The runs' record: ``at`` ``[C]``, ``costs`` ``[C, ...]`` each, ``faults`` and ``finite``
      ``[...]``, the learner's last ``state``, and the ``trace``.

    Raises:
      TypeError: an argument is of another kind, or ``keys`` are no keys.
      ValueError: ``at`` or ``remat`` is out of range.
      InputError: under ``jax.grad`` or ``jax.jvp``, a parameter has no right gradient; or
        ``jax.grad`` is taken through the loop of a run beyond 10,000 rounds, which wants
        ``differentiable=True``.
    """
    for name, value, kind, maker in (
        ("problem", problem, Instance, "make"),
        ("algorithm", algorithm, Algorithm, "learner"),
    ):
        if not isinstance(value, kind):
            expected = f"{name}: expected an {kind.__name__}, as jaxsoco.{maker} gives it"
            raise TypeError(f"{expected}, got {type(value).__name__}")
    words = random.key_words(keys)
    _, rounds = read_rounds(problem.horizon, at)
    given = {"trace": trace, "differentiable": differentiable, "remat": remat}
    options = (*given.items(), ("at", rounds), ("allow_biased", bool(allow_biased)))
    record = _play(problem, algorithm, params, words, options)
    return Run(np.asarray(rounds), *record)


def _runs(problem: Instance, algorithm: Algorithm, params: PyTree, key: jax.Array, options: Any):
    if algorithm.lanes == "vmap" and key.ndim > 1:
        one = algorithm._replace(lanes="native")
        lane = jax.vmap(lambda word: _runs(problem, one, params, word, options), -1, -1)
        flat = lane(key.reshape(2, -1))
        return jax.tree.map(lambda x: x.reshape(*x.shape[:-1], *key.shape[1:]), flat)
    spec, horizon = spec_of(problem, key), problem.horizon
    run = roll(algorithm, params, problem.problem, spec, key, horizon, **dict(options))
    return run.costs, run.faults, run.finite, run.state, run.trace


_play = jit(_runs, static_argnums=(1, 4))


def simulate(
    algorithm: Algorithm,
    params: PyTree,
    problem: Problem,
    spec: PyTree,
    key: jax.Array,
    horizon: int,
    *,
    at: Sequence[int] | None = None,
    trace: bool = False,
    differentiable: bool | None = None,
    remat: int | bool | None = None,
    allow_biased: bool = False,
) -> Run:
    """Runs ``algorithm`` on ``problem`` for ``horizon`` rounds: the lower level of :func:`play`.

    >>> spec = problem.spec(key)  # of jaxsoco.make
    >>> run = jaxsoco.simulate(algorithm, params, problem.problem, spec, key, problem.horizon)

    Works under ``jit``, ``vmap`` and ``grad``; ``play`` also draws the spec and compiles.

    Args:
      algorithm: the learner.
      params: its parameters; leaves may be traced, batched, differentiated.
      problem: the world.
      spec: the instance, leaves without lanes (shared) or with the key's.
      key: a JAX key ``[...]``; every axis is a lane. It is consumed.
      horizon: number of rounds, static.
      at: increasing rounds at which cumulative costs are recorded; ``checkpoints(horizon)``.
      trace: also return every round's action and costs (small runs only).
      differentiable: one scan over all rounds, which a gradient can be taken through, or a loop
        whose memory does not grow with the horizon and whose totals are compensated. By default
        the scan up to 10,000 rounds and with a trace.
      remat: for gradients through the scan: segments of this many rounds are computed anew in the
        backward pass, which then keeps one state per segment instead of what every round needs.
        ``True``: the square root of the horizon, the least memory, for one more forward pass.
      allow_biased: do not refuse gradients in parameters whose gradient is biased, or means
        nothing (``jaxsoco list NAME`` tells which, and why).

    Returns:
      The run's record. Memory does not grow with ``horizon`` unless ``trace``.

    Raises:
      TypeError: ``key`` is no key, ``horizon`` is traced or no integer, or a cost is no
        floating-point number.
      ValueError: ``horizon``, ``at`` or ``remat`` is out of range, or a cost is not one number per
        lane.
      InputError: under ``jax.grad`` or ``jax.jvp``, a parameter has no right gradient; or
        ``jax.grad`` is taken through the loop of a long run.
    """
    return roll(
        algorithm,
        params,
        problem,
        spec,
        random.key_words(key),
        horizon,
        at=at,
        trace=trace,
        differentiable=differentiable,
        remat=remat,
        allow_biased=allow_biased,
    )
