"""What a plug-in does wrong is answered by one message that names it and its own line."""

import pytest

import jaxsoco
from jaxsoco.core.errors import InputError
from jaxsoco.plugins import load_plugin

LEARNER = '''
from jaxsoco.extend import Algorithm, AlgorithmEntry, Extension, setting, settings

def init(key, params, spec):
    import jax.numpy as jnp
    return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)

def act(key, params, state, obs):
    away = params.share * (state - obs.increment)
    return away, away

def update(params, state, action, feedback):
    return state

@settings
class Params:
    """How far to go."""

    share: float = setting("share of the way", 0.5, low=0, high=1)

def __getattr__(name):
    if name == "LEARNER":
        return Algorithm(init, act, update)
    raise AttributeError(name)

ENTRY = AlgorithmEntry("mine", "one of mine", "me", f"{__name__}:LEARNER", Params)
EXTENSIONS = [Extension("tracking", algorithms=[ENTRY])]
'''
SPEC = {
    "figure": "Mine",
    "family": "tracking",
    "problem": {"name": "quadratic_tracking", "dimension": 3},
    "algorithm": [{"name": "mine"}],
    "run": {"horizons": 20, "seeds": 2, "tile": 16},
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "has no EXTENSIONS"),
        ('EXTENSIONS = "abc"', "EXTENSIONS is or holds something else: str"),
        ("EXTENSIONS = 3", "EXTENSIONS is or holds something else: int"),
        ("import sys\nsys.exit(3)", r"cannot be imported: SystemExit: 3 \(.*faulty.py:2\)"),
        ("def f(:", "cannot be imported: SyntaxError"),
        (
            LEARNER.replace("[ENTRY]", "ENTRY"),
            r"algorithms: expected a tuple of AlgorithmEntry, got AlgorithmEntry \(.*faulty.py:",
        ),
        (LEARNER.replace("[ENTRY]", '["mine"]'), "expected a tuple of AlgorithmEntry, got str"),
    ],
)
def test_a_module_that_is_no_plug_in_is_named(text, message, tmp_path):
    (tmp_path / "faulty.py").write_text(text)
    with pytest.raises(InputError, match=f"plug-in faulty: .*{message}") as error:
        load_plugin("faulty", tmp_path)
    assert len(error.value.issues) == 1


def test_the_name_of_a_file_is_told_from_that_of_a_module(tmp_path):
    with pytest.raises(InputError, match='want "faulty", looked for'):
        load_plugin("faulty.py", tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "return away, away",
            "return away[:1], away",
            r"the problem's world, at .deviation, is \S+\[3, 16\] before a round and \S+\[1, 16\] "
            r"after it; .* given the action of the learner \(faulty.py:8, in act\)",
        ),
        (
            "return state\n",
            "return state[:1]\n",
            r"the state of the learner \(faulty.py:8, in act\) is \S+\[3, 16\] before a round",
        ),
        ("params.share", "params.shar", r"no attribute 'shar'; .*\(faulty.py:9, in act: away = "),
        ("}:LEARNER", "}:LERNER", r"mine: cannot be loaded: AttributeError: LERNER \(faulty.py:"),
    ],
)
def test_a_learner_that_fails_is_told_by_its_own_line(right, wrong, message, tmp_path, monkeypatch):
    assert right in LEARNER
    (tmp_path / "faulty.py").write_text(LEARNER.replace(right, wrong))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        jaxsoco.run(SPEC, tmp_path / "run", plugins=["faulty"], progress=False)
    (issue,) = error.value.issues
    assert issue.path.startswith("mine")
    assert "removed its internal frames" not in str(issue)
    assert not (tmp_path / "run").exists()
