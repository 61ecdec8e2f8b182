"""Experiments from Python: as the command line runs them, without touching the caller's JAX."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from processes import environment, finish, start

import jaxsoco
from jaxsoco import cli
from jaxsoco.core.errors import InputError
from jaxsoco.core.settings import setting, settings

STUDY = """
figure = "Follow"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[run]
horizons = [10, 20]
seeds = 4
tile = 16
[smoke]
seeds = 2
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_it_computes_the_command_lines_bits(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = jax.config.jax_enable_x64, jax.devices()
    results = jaxsoco.run(study, tmp_path / "python", progress=False)
    assert (jax.config.jax_enable_x64, jax.devices()) == before
    finish(start("run", study, "--out", tmp_path / "shell"))
    shell = jaxsoco.load(tmp_path / "shell")
    assert results.runs("follow_minimizer").tobytes() == shell.runs("follow_minimizer").tobytes()
    assert (tmp_path / "python" / "report.html").exists()


def test_overrides_and_smoke_are_laid_over_the_file(study, tmp_path):
    results = jaxsoco.run(
        study,
        tmp_path / "out",
        overrides={"problem.dimension": (2, 3), "run.horizons": np.int64(10)},
        smoke=True,
        progress=False,
    )
    assert set(results.table().dimension) == {2, 3}
    assert results.study.seeds == 2


def test_bad_input_is_an_input_error_with_every_problem(study, tmp_path):
    with pytest.raises(InputError) as error:
        jaxsoco.run(
            study,
            tmp_path / "out",
            overrides={"run.seds": 4, "problem.dimension": 0},
            progress=False,
        )
    assert [issue.path for issue in error.value.issues] == ["run.seds", "problem.dimension"]
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="there is no such file"):
        jaxsoco.run(tmp_path / "none.toml", progress=False)


def test_a_failed_check_never_raises(study, tmp_path):
    check = '[[check]]\nkind = "value"\nalgorithm = "follow_minimizer"\nat_most = 0.0\n'
    study.write_text(STUDY + check)
    results = jaxsoco.run(study, tmp_path / "out", progress=False)
    assert [verdict.verdict for verdict in results.checks] == ["failed"]


@settings
class HalfwayParams:
    """How far to go."""

    share: float = setting("share of the way", 0.5, low=0, high=1)


def halfway():
    """A learner as somebody writes it in a notebook: it goes a share of the way."""

    def init(key, params, spec):
        return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)

    def act(key, params, state, obs):
        away = state - obs.increment
        away = away - params.share * away
        return away, away

    return jaxsoco.Algorithm(init, act, lambda params, state, action, feedback: state)


def notebook(**algorithm):
    return {
        "figure": "Mine",
        "family": "tracking",
        "problem": {"name": "quadratic_tracking", "dimension": 2},
        "algorithm": [{"name": "mine", **algorithm}, {"name": "follow_minimizer"}],
        "run": {"horizons": 20, "seeds": 4, "tile": 16},
    }


def test_a_learner_of_a_notebook_runs_in_a_sweep_without_a_file(tmp_path):
    algorithms = {"mine": (halfway(), HalfwayParams)}
    spec = notebook(share=[0.5, 1.0])
    results = jaxsoco.run(spec, tmp_path / "out", algorithms=algorithms)
    assert not jax.config.jax_enable_x64
    costs = {row.learner: row.cost_mean for row in results.table()}
    assert set(costs) == {"mine(share=0.5)", "mine(share=1)", "follow_minimizer"}
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=20)
    run = jaxsoco.play(problem, halfway(), HalfwayParams(share=0.5), jaxsoco.seed_keys(0, 4))
    mean = (run.costs.hit + run.costs.move)[-1].mean()
    np.testing.assert_allclose(costs["mine(share=0.5)"], mean, rtol=1e-4)
    with pytest.raises(InputError, match=r"algorithm\[0\].share: 2 is too large"):
        jaxsoco.run(notebook(share=2), algorithms=algorithms)


def test_a_notebook_learner_may_come_with_its_parameters():
    results = jaxsoco.run(notebook(), algorithms={"mine": (halfway(), HalfwayParams(share=0.25))})
    assert "mine" in results.labels


def test_a_notebook_learner_may_not_take_a_name(tmp_path):
    with pytest.raises(InputError, match="scale"):
        jaxsoco.run(notebook(), tmp_path, algorithms={"scale": (halfway(), HalfwayParams)})


def test_the_strangers_path_is_ten_lines():
    code = textwrap.dedent("""
        import jaxsoco
        problem = jaxsoco.make("tracking/quadratic_tracking", dimension=3, horizon=50)
        algorithm, params = jaxsoco.learner("tracking/follow_minimizer")
        keys = jaxsoco.seed_keys(0, 16)
        run = jaxsoco.play(problem, algorithm, params, keys)
        best = jaxsoco.comparator("tracking/online_optimum_path")(problem, keys, run.at)
        regret = run.costs.hit + run.costs.move - best["hit"] - best["move"]
        print(regret[-1].mean())
    """).strip()
    assert len(code.splitlines()) <= 10
    scope = {}
    exec(code, scope)
    assert float(scope["regret"][-1].mean()) > 0


def test_list_knows_nothing_of_a_notebook_afterwards(capsys):
    jaxsoco.run(notebook(), algorithms={"mine": (halfway(), HalfwayParams)})
    assert cli.main(["list", "tracking/mine"]) == 2
    assert "nothing is called" in capsys.readouterr().err


def test_relative_paths_of_a_mapping_start_here(tmp_path, monkeypatch):
    np.savetxt(tmp_path / "matrix.csv", np.eye(3), delimiter=",")
    monkeypatch.chdir(tmp_path)
    spec = notebook() | {
        "algorithm": [{"name": "follow_minimizer"}],
        "problem": {"name": "quadratic_tracking", "matrix": Path("matrix.csv")},
    }
    assert jaxsoco.run(spec, "out", progress=False).complete


@settings
class ClashingParams:
    """Names that other columns have."""

    learner: float = setting("d", 1.0)
    seed: float = setting("d", 2.0)
    hit: float = setting("d", 3.0)
    dimension: float = setting("d", 4.0)


def test_fields_of_a_learner_hide_no_other_column():
    algorithms = {"mine": (halfway_of("hit"), ClashingParams)}
    spec = notebook() | {"problem": {"name": "quadratic_tracking", "dimension": [2, 3]}}
    rows = jaxsoco.run(spec, algorithms=algorithms).runs("mine")
    assert set(rows.learner) == {"mine"}
    assert set(rows.dimension) == {2, 3}
    assert set(rows.seed) == {0, 1, 2, 3}
    assert len(set(rows.hit)) > 1
    own = [rows[f"learner_{name}"][0] for name in ("learner", "seed", "hit", "dimension")]
    assert own == [1, 2, 3, 4]


def halfway_of(name):
    """The learner of :func:`halfway` with its share under another name, times six."""
    algorithm = halfway()

    def act(key, params, state, obs):
        return algorithm.act(key, HalfwayParams(share=getattr(params, name) / 6), state, obs)

    return algorithm._replace(act=act)


def test_a_notebook_learner_needs_no_table_of_its_own(study):
    instance = HalfwayParams(share=0.25)
    results = jaxsoco.run(study, algorithms={"mine": (halfway(), instance)})
    assert results.labels[:2] == ("follow_minimizer", "mine")
    assert set(results.runs("mine").share) == {0.25}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 0}, "devices: 0 is too small"),
        ({"devices": "2"}, 'devices: found the string "2"'),
        ({"overrides": ["run.seeds=3"]}, "overrides: found an array"),
        ({"overrides": {"run.seeds": {1}}}, "an experiment file cannot say"),
        ({"overrides": {3: 4}}, "3: names no setting"),
        ({"plugins": "no_such_module"}, 'there is no module "no_such_module"'),
        ({"algorithms": {"mine": 3}}, r"algorithms.mine: found int \(want \(algorithm, Params\)\)"),
        ({"algorithms": {"mine": (halfway(), HalfwayParams)}, "devices": 64}, "64 devices"),
    ],
)
def test_bad_arguments_are_input_errors(options, message, study, tmp_path):
    with pytest.raises(InputError, match=message):
        jaxsoco.run(study, tmp_path / "out", progress=False, **options)


def test_the_child_imports_what_its_caller_can(study, tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "elsewhere").mkdir()
    module = "from jaxsoco.extend import Extension\nEXTENSIONS = [Extension('tracking')]\n"
    (tmp_path / "modules" / "callers_plugin.py").write_text(module)
    (tmp_path / "elsewhere" / "json.py").write_text("raise ImportError('of this folder')\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    jaxsoco.run(study, tmp_path / "out", plugins=["callers_plugin"], progress=False)


def test_a_child_that_dies_is_told_by_its_end(study, tmp_path, monkeypatch):
    from jaxsoco.front import running

    died = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(running, "_BOOT", died)
    with pytest.raises(RuntimeError, match="ended by SIGKILL; the same call resumes the run"):
        jaxsoco.run(study, tmp_path / "out", progress=False)
    monkeypatch.setattr(running, "_BOOT", "raise ValueError('of the child')")
    with pytest.raises(RuntimeError, match=r"(?s)exit code 1.*of the child"):
        jaxsoco.run(study, tmp_path / "out", progress=False)


def test_an_internal_error_of_the_child_has_a_file(study, tmp_path, monkeypatch):
    from jaxsoco.front import running

    broken = "from jaxsoco.engine import sweep; sweep._records = None\n"
    boot = running._BOOT.replace("from jaxsoco.front", f"{broken}from jaxsoco.front")
    monkeypatch.setattr(running, "_BOOT", boot)
    with pytest.raises(RuntimeError, match=r"(?s)internal error: TypeError.*jaxsoco-error-") as it:
        jaxsoco.run(study, tmp_path / "out", progress=False)
    assert "Traceback" not in str(it.value)
    (file,) = (tmp_path / "out").glob("jaxsoco-error-*.txt")
    assert "Traceback" in file.read_text()


def test_ctrl_c_stops_the_child_in_good_order(tmp_path):
    spec = notebook() | {
        "algorithm": [{"name": "follow_minimizer"}],
        "run": {"horizons": 4000, "seeds": 20_000, "tile": 16, "pack": 160},
    }
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"import jaxsoco; jaxsoco.run({spec!r}, {str(tmp_path / 'out')!r}, progress=False)"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not [*tmp_path.glob("out/packs/*.json")] and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to parent and child
    errors = parent.communicate(timeout=120)[1].decode()
    assert "KeyboardInterrupt" in errors
    results = jaxsoco.load(tmp_path / "out")
    assert not results.complete
    assert len(results.runs("follow_minimizer")) > 0
    with pytest.raises(ProcessLookupError):
        os.killpg(parent.pid, 0)  # nobody is left
