"""What is asked of XLA on a CPU, and the look at what it does unasked."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core import compiler
from jaxsoco.core.compiler import CPU_OPTIONS, YNN, has_option, known, without_fusions

FLAG = f"--{YNN}="


def _sum(t, B):
    """A sum that comes out wrong in jaxlib 0.10.2 and 0.12.0.1 with the fusions on."""
    return jnp.sum(B * (jnp.expm1(-18 * t) * jnp.expm1(-t))[None], 1)


def _arguments(dtype):
    rng = np.random.default_rng(0)
    t, B = rng.uniform(size=(5, 1000)), rng.normal(size=(5, 5, 1000))
    right = np.sum(B * (np.expm1(-18 * t) * np.expm1(-t))[None], 1)
    return (t.astype(dtype), B.astype(dtype)), right


def test_the_fusions_are_off_in_the_tests(x64):
    arguments, right = _arguments(np.float64 if x64 else np.float32)
    np.testing.assert_allclose(jax.jit(_sum)(*arguments), right, atol=1e-14 if x64 else 1e-5)


@pytest.mark.parametrize("flags", ["", "--xla_dump_to=x"])
def test_a_flag_is_added_once(flags):
    once = without_fusions(flags)
    assert once == f"{flags} {FLAG}".strip()
    assert without_fusions(once) == once


def test_what_the_user_says_of_the_fusions_stays():
    assert without_fusions(f"{FLAG}LIBRARY_FUSION_TYPE_REDUCE").endswith(
        "=LIBRARY_FUSION_TYPE_REDUCE"
    )


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    assert has_option("xla_cpu_prefer_vector_width")
    assert not has_option("xla_cpu_prefer_vector")
    assert known({**CPU_OPTIONS, "xla_cpu_nonsense": 1}) == CPU_OPTIONS
    monkeypatch.setattr(compiler, "has_option", lambda name: False)
    assert without_fusions("--a=b") == "--a=b"
    assert known(CPU_OPTIONS) == {}


def test_our_jit_is_right_alone_and_inside_programs_and_derivatives():
    (t, B), right = _arguments(np.float32)
    program = compiler.jit(_sum)
    np.testing.assert_allclose(program(t, B), right, atol=1e-5)
    np.testing.assert_allclose(jax.jit(program)(t, B), right, atol=1e-5)
    # Nothing here is traced but the program around it.
    np.testing.assert_allclose(jax.jit(lambda: program(t, B))(), right, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(program)(t[None], B[None])[0], right, atol=1e-5)
    slope = jax.grad(lambda x: program(x * t, B).sum())(1.0)
    step = 1e-2
    difference = (_sum((1 + step) * t, B).sum() - _sum((1 - step) * t, B).sum()) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=1e-2)


LOOK = """
import json, sys, warnings
import jax, jax.numpy as jnp
import jaxsoco
from jaxsoco.core import compiler

def answers(x):
    with jax.disable_jit(False):
        return x * compiler.computes_right()

def said(call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in seen if w.category is RuntimeWarning]

problem = jaxsoco.make("multistage/bernoulli_tree", depth=1, children=2, horizon=2)
algorithm, params = jaxsoco.learner("multistage/exp3")
play = jax.jit(lambda keys: jaxsoco.play(problem, algorithm, params, keys).costs)
keys = jaxsoco.seed_keys(0, 2)
found = {"first": said(lambda: play(keys)), "then": said(lambda: play(jaxsoco.seed_keys(0, 3)))}
one = jnp.ones(2)
found["right"] = bool(compiler.computes_right())
found["inside"] = [
    float(jnp.sum(f(answers)(one)))
    for f in (
        jax.jit,
        jax.vmap,
        lambda g: jax.jit(jax.vmap(g)),
        lambda g: jax.grad(lambda x: g(x)[0]),
    )
]
with jax.transfer_guard("disallow"), jax.numpy_dtype_promotion("strict"), jax.disable_jit():
    found["guarded"] = compiler.computes_right()
t = jnp.linspace(0.1, 1, 5000).reshape(5, 1000)
product = lambda t: jnp.sum(jnp.expm1(-18 * t) * jnp.expm1(-t), 0)
ours = compiler.jit(product)(t)
found["ours"] = float(jnp.abs(ours - product(t)).max())
print(json.dumps(found))
"""


def _python(code: str, flags: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=os.environ
        | {"XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_wrong_compiler_is_named_once_and_what_we_compile_is_right():
    found = json.loads(_python(LOOK, "").splitlines()[-1])
    right = found["right"]
    # Inside programs and whatever the caller forbids, the look sees the same.
    assert found["guarded"] == right
    assert found["inside"] == [2.0 * right, 2.0 * right, 2.0 * right, 1.0 * right]
    assert len(found["first"]) == (0 if right else 1)
    assert all(FLAG in message for message in found["first"])
    assert found["then"] == []
    assert found["ours"] < 1e-5


BLAMED = """
import json, warnings
import jax
import jaxsoco
from jaxsoco.core import compiler

compiler.computes_right = lambda: False
problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=2)
learner = algorithm, params = jaxsoco.learner("tracking/lai")
best = jaxsoco.comparator("tracking/online_optimum_path")
keys = jaxsoco.seed_keys(0, 2)
world, spec = problem.problem, problem.spec(keys[0])

def simulate(keys):
    return jaxsoco.simulate(algorithm, params, world, spec, keys, 2).costs.hit  # here

def play(keys):
    return jaxsoco.play(problem, *learner, keys).costs.hit  # here

def compare(keys):
    return best(problem, keys, (1, 2))  # here

def derive(keys):
    return jax.grad(lambda x: x * play(keys).sum())(1.0)

def said(call):
    if compiler._unseen.locked():
        compiler._unseen.release()
    jax.clear_caches()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call(keys)
    return [(w.filename, w.lineno) for w in seen if w.category is RuntimeWarning]

doors = simulate, play, compare, derive
wrapped = [jax.jit(simulate), jax.jit(jax.vmap(play)), jax.jit(compare)]
print(json.dumps([said(call) for call in (*doors, *wrapped)]))
"""


def test_the_warning_names_the_line_of_the_user():
    calls = json.loads(_python(BLAMED, "").splitlines()[-1])
    lines = BLAMED.splitlines()
    assert len(calls) == 7
    for ((file, line),) in calls:
        assert file == "<string>"
        assert lines[line - 1].endswith("# here")


PREPARED = """
from jaxsoco.core import compiler
from jaxsoco.experiment.devices import prepare_cpu

prepare_cpu(1, 1)
compiler.computes_right = lambda: 1 / 0  # is not asked
compiler.look_once()
"""
BY_HAND = """
from jaxsoco.core import compiler

compiler.look_once()
assert compiler.computes_right()
"""


@pytest.mark.parametrize(("code", "flags"), [(PREPARED, ""), (BY_HAND, FLAG)])
def test_nothing_is_said_with_the_fusions_off(code, flags):
    _python(code, flags, "-W", "error")
