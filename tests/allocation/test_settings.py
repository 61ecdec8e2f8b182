"""The family's declarations: defaults, words, numbers that flow from settings to costs."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco import allocation, simulate
from jaxsoco.allocation import CarbonJobs, settings, settings_rivals, synthetic_workload
from jaxsoco.allocation.prepare import build, prepare_carbon_jobs
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import AUTO, load

FAMILY = allocation.FAMILY
CLASSES = {
    "carbon_jobs": CarbonJobs,
    "adversary": settings.Adversary,
    "pcm": settings.PCMParams,
    "st_clip": settings.STCLIPParams,
    **dict.fromkeys(("agnostic", "greedy", "delayed_greedy", "threshold"), settings.BaselineParams),
    "one_way": settings_rivals.OneWayParams,
    "roro": settings_rivals.ROROParams,
    "clip": settings_rivals.CLIPParams,
    "receding_horizon": settings_rivals.RecedingHorizonParams,
    "wait_awhile": settings_rivals.WaitAwhileParams,
    "follow_sun": settings_rivals.FollowSunParams,
}
SMALL = {
    "regions": ("us-west-1", "eu-west-2"),
    "job_length": 3,
    "deadline_min": 5,
    "deadline_max": 6,
}


@pytest.mark.parametrize("entry", [*FAMILY.problems, *FAMILY.algorithms], ids=lambda e: e.name)
def test_python_and_experiment_files_have_the_same_defaults(entry):
    defaults = {field.name: field.default for field in entry.fields}
    assert CLASSES[entry.name].of(defaults) == CLASSES[entry.name]()


@pytest.mark.parametrize("entry", FAMILY.algorithms, ids=lambda e: e.name)
def test_no_learner_leaves_a_number_to_the_theory(entry):
    assert all(field.default != AUTO for field in entry.fields)
    assert load(entry.load).resolve is None


def test_parameters_of_an_experiment_are_those_of_python():
    (entry,) = [entry for entry in FAMILY.algorithms if entry.name == "st_clip"]
    params = entry.parameters({"epsilon": 0.5, "metric": "true"})
    assert (float(params.epsilon), params.metric) == (0.5, "true")
    assert [field.name for field in entry.fields] == ["epsilon", "metric"]


@pytest.mark.parametrize("values", [{}, {"regions": AUTO}, {"regions": None}])
def test_all_regions_take_part_unless_some_are_named(values):
    content = prepare_carbon_jobs(CarbonJobs.of(values), Path()).content
    assert content.latency.shape == (14, 14)


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="data_sise"):
        synthetic_workload(data_sise=1.0)


def test_prepared_problems_have_their_name():
    instance = build(prepare_carbon_jobs(CarbonJobs(**SMALL), Path()))
    assert (instance.name, instance.horizon) == ("allocation/carbon_jobs", 6)


def ledger(**numbers):
    """Costs of a job that runs at once, ``[service, move, switch]``."""
    instance = build(prepare_carbon_jobs(CarbonJobs(**SMALL, **numbers), Path()))
    key = jax.random.key(0)
    spec = instance.spec(key)
    rounds = instance.horizon
    params = settings.BaselineParams()
    run = simulate(allocation.agnostic, params, instance.problem, spec, key, rounds, at=(rounds,))
    return jnp.stack(run.costs[:3])[:, -1]


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_costs_are_differentiable_in_the_settings(x64):
    slopes = jax.jit(jax.jacfwd(lambda values: ledger(**values)))
    point = {"energy": 0.8, "switch": 0.5, "forecast_noise": 0.4}
    jacobian = slopes(point)
    service, move, switch = np.asarray(jax.jit(lambda values: ledger(**values))(point))
    np.testing.assert_allclose(jacobian["energy"], [service / 0.8, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(jacobian["switch"], [0, 0, 2], rtol=1e-12)
    assert (move, switch) == (0, 1)
    np.testing.assert_array_equal(jacobian["forecast_noise"], 0)


def test_numbers_may_be_tracers_and_arrays():
    @jax.jit
    def leaves(data_size, deadline_min):
        values = SMALL | {"data_size": data_size, "deadline_min": deadline_min}
        workload = synthetic_workload(**values)
        return workload.move_rate, workload.deadline_min

    moves, deadlines = jax.vmap(leaves)(jnp.array([1.0, 2.0]), jnp.array([4, 5]))
    assert moves[1] == 2 * moves[0]
    np.testing.assert_array_equal(deadlines, [4, 5])
    array = synthetic_workload(**SMALL | {"data_size": jnp.asarray(2.0)})
    assert array.move_rate == pytest.approx(float(moves[1]))


def test_arrays_are_checked_as_numbers_are():
    for size in (1e9, jnp.asarray(1e9)):
        with pytest.raises(InputError, match="moving never pays"):
            synthetic_workload(data_size=size)


def test_sizes_must_be_known_before_tracing():
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(lambda slots: synthetic_workload(deadline_max=slots).carbon)(20)


def test_every_experiment_is_compared_with_both_optima():
    """The linear program's is no schedule, the whole-slot one is no bound."""
    files = sorted((Path(allocation.__file__).parents[2] / "experiments/allocation").glob("*.toml"))
    assert len(files) >= 5
    for file in files:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        if document["problem"].get("name") == "adversary":
            continue  # a game, whose prices answer the decisions that are made
        compared = document["run"].get("compare", FAMILY.compare)
        assert {"offline_optimum", "integral_optimum"} <= {*compared}


def test_type_checkers_see_every_public_name():
    stub = Path(allocation.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    names = {
        alias.asname
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert names == set(allocation.__all__)
