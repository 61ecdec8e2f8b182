"""Problems, learners and comparators by name."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import REQUIRED

TRACKING = "tracking/quadratic_tracking"
PROBLEMS = [
    f"{family.name}/{entry.name}"
    for family in registry.families().values()
    for entry in family.problems
    if all(field.default is not REQUIRED for field in entry.fields)
]
LEARNERS = [
    f"{family.name}/{entry.name}"
    for family in registry.families().values()
    for entry in family.algorithms
]


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_is_made_from_its_defaults(name):
    horizon = {"horizon": 20} if registry.problem(name).horizons else {}
    problem = jaxsoco.make(name, **horizon)
    assert problem.name == name
    assert problem.horizon >= 1
    leaves = jax.tree.leaves(problem)
    assert leaves and all(isinstance(leaf, jax.Array) for leaf in leaves)
    assert hash(jax.tree.structure(problem)) == hash(
        jax.tree.structure(jaxsoco.make(name, **horizon))
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_is_made_from_its_defaults(name):
    algorithm, params = jaxsoco.learner(name)
    assert isinstance(algorithm, jaxsoco.Algorithm)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    entry = registry.algorithm(name)
    assert jax.tree.structure(params) == jax.tree.structure(
        entry.parameters({field.name: field.default for field in entry.fields})
    )


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_the_callers_precision_counts(x64):
    problem = jaxsoco.make(TRACKING, horizon=5)
    assert {leaf.dtype for leaf in jax.tree.leaves(problem)} == {jnp.dtype("float64")}
    _, params = jaxsoco.learner("tracking/hyscale")
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float64")}


@pytest.mark.parametrize(
    ("call", "messages"),
    [
        (lambda: jaxsoco.make(TRACKING, dimensoin=5), ['did you mean "dimension"?', "horizon"]),
        (lambda: jaxsoco.make(TRACKING, horizon=0, dimension=99), ["horizon", "dimension: 99"]),
        (lambda: jaxsoco.make(TRACKING, horizon=2.5), ["horizon", "2.5"]),
        (lambda: jaxsoco.make("tracking/quadratic", horizon=5), ["did you mean", TRACKING]),
        (lambda: jaxsoco.make("quadratic_tracking", horizon=5), ['"family/name"']),
        (lambda: jaxsoco.make("trackin/quadratic_tracking"), ['did you mean "tracking"?']),
        (
            lambda: jaxsoco.learner("tracking/hyscale", learning_rate=-1, sweps=2),
            ['"sweps" is not a field', "learning_rate: -1 is too small"],
        ),
        (
            lambda: jaxsoco.learner("tracking/hyscale", learning_rate=jnp.ones(3)),
            ["learning_rate", "[3]", "vmap"],
        ),
        (lambda: jaxsoco.learner("tracking/hyscale", learning_rate=jnp.float32(-1)), ["too small"]),
        (lambda: jaxsoco.learner("tracking/hyscale", step="half"), ["raw", "normalized"]),
        (lambda: jaxsoco.learner(TRACKING), ["no algorithm is called"]),
        (lambda: jaxsoco.learner("tracking/online_optimum"), ["(known: tracking/follow"]),
        (lambda: jaxsoco.make(3), ['"family/name"']),
        (lambda: jaxsoco.make(TRACKING, horizon=9, dimension=None), ["dimension: found None"]),
        (lambda: jaxsoco.make(TRACKING, horizon=9, noise_cap=[1.0]), ["found a list", "jax.vmap"]),
        (
            lambda: jaxsoco.make(TRACKING, horizon=9, dimension=[2]),
            ["a list (want an integer", "64)"],
        ),
        (lambda: jaxsoco.make("allocation/carbon_jobs", regions=["X"]), ["regions[0]: unknown"]),
        (lambda: jaxsoco.make(TRACKING, horizon=10**10), ["from 1 to 2147483647"]),
        (lambda: jaxsoco.make(TRACKING, horizon=9, dimension=3, rank=4), ["rank: 4", "dimension"]),
        (
            lambda: jaxsoco.comparator("tracking/online_optimum"),
            ["run.costs.regret", "tracking/online_optimum_path"],
        ),
    ],
)
def test_bad_names_and_values_are_answered_as_by_the_validator(call, messages):
    with pytest.raises(InputError) as error:
        call()
    for message in messages:
        assert message in str(error.value)
    assert "problem." not in str(error.value)
    assert not any(str(issue).startswith("problem") for issue in error.value.issues)


def test_every_problem_of_a_call_is_named_at_once():
    with pytest.raises(InputError) as error:
        jaxsoco.make(TRACKING, dimension=0, noise="loud", increments=3, colour="red", horizon=4)
    assert [issue.path for issue in error.value.issues] == [
        *("colour", "dimension", "noise", "increments")
    ]


def test_numbers_may_be_arrays_and_tracers():
    keys = jaxsoco.seed_keys(0, 4)
    algorithm, params = jaxsoco.learner("tracking/follow_minimizer")

    def cost(scale):
        problem = jaxsoco.make(TRACKING, horizon=20, dimension=2, increment_scale=scale)
        return jaxsoco.play(problem, algorithm, params, keys).costs.move[-1].mean()

    plain = cost(1.5)
    np.testing.assert_allclose(cost(jnp.float32(1.5)), plain, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(cost)(1.5), plain, rtol=1e-5)
    # Moves are scale^2 times those at scale 1.
    np.testing.assert_allclose(jax.grad(cost)(1.5), 2 * plain / 1.5, rtol=1e-4)
    both = jax.vmap(cost)(jnp.array([1.5, 3.0]))
    np.testing.assert_allclose(both, [plain, 4 * plain], rtol=1e-4)


def test_a_number_of_the_theory_may_be_given_back():
    problem = jaxsoco.make("provisioning/bursty_queue", slots=4, capacity=4, horizon=12)
    params = jaxsoco.resolve(problem, *jaxsoco.learner("provisioning/blol"))
    assert params.confidence_episodes.dtype == jnp.float32
    episodes = params.confidence_episodes
    _, again = jaxsoco.learner("provisioning/blol", confidence_episodes=episodes)
    assert again.confidence_episodes == episodes
    with pytest.raises(InputError, match=r"confidence_episodes: found the number 1\.5"):
        jaxsoco.learner("provisioning/blol", confidence_episodes=jnp.float32(1.5))


def test_what_is_public_shows_a_use():
    for name in jaxsoco.__all__:
        assert name.startswith("__") or ">>>" in getattr(jaxsoco, name).__doc__, name


def test_a_tracer_is_no_size_and_no_choice():
    with pytest.raises(InputError, match="dimension: found a JAX tracer"):
        jax.jit(lambda d: jaxsoco.make(TRACKING, horizon=5, dimension=d))(3)


def test_learner_params_may_be_traced():
    def rate(value):
        return jaxsoco.learner("tracking/hyscale", learning_rate=value)[1].learning_rate

    assert jax.grad(rate)(0.1) == 1.0


def test_problems_are_pytrees():
    problem = jaxsoco.make(TRACKING, horizon=7)
    doubled = jax.tree.map(lambda x: 2 * x, problem)
    assert (doubled.horizon, doubled.name) == (7, TRACKING)
    np.testing.assert_allclose(doubled.settings.noise_cap, 2 * problem.settings.noise_cap)
    passed = jax.jit(lambda p: p)(problem)
    assert passed.problem is problem.problem


def test_a_spec_is_the_one_that_a_run_meets():
    problem = jaxsoco.make("allocation/carbon_jobs")
    keys = jaxsoco.seed_keys(3, 6)
    spec = problem.spec(keys)
    algorithm, params = jaxsoco.learner("allocation/greedy")
    played = jaxsoco.play(problem, algorithm, params, keys, at=[problem.horizon])
    lower = jaxsoco.simulate(
        algorithm, params, problem.problem, spec, keys, problem.horizon, at=[problem.horizon]
    )
    for one, other in zip(played.costs, lower.costs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_resolve_puts_numbers_in_the_place_of_none():
    problem = jaxsoco.make(TRACKING, dimension=2, horizon=40)
    algorithm, params = jaxsoco.learner("tracking/scale")
    assert (params.exploration, params.exponent) == (None, None)
    resolved = jaxsoco.resolve(problem, algorithm, params)
    assert type(resolved) is type(params)
    assert None not in vars(resolved).values() or resolved.gamma is not None
    keys = jaxsoco.seed_keys(0, 4)
    by_theory = jaxsoco.play(problem, algorithm, params, keys).costs.hit
    by_number = jaxsoco.play(problem, algorithm, resolved, keys).costs.hit
    np.testing.assert_allclose(by_number, by_theory, rtol=1e-4)


def test_none_and_auto_are_the_theorys():
    for value in (None, "auto"):
        assert jaxsoco.learner("tracking/scale", exploration=value)[1].exploration is None


def test_the_public_names_have_docstrings_that_show_a_use():
    for name in jaxsoco.__all__:
        if name in ("make", "learner", "seed_keys", "play", "comparator", "run", "load"):
            assert ">>>" in getattr(jaxsoco, name).__doc__, name
        elif name != "__version__":
            assert getattr(jaxsoco, name).__doc__, name


def test_no_submodule_bears_a_public_name():
    import pkgutil

    packages = [jaxsoco, *(getattr(jaxsoco, f) for f in registry.FAMILIES)]
    for package in packages:
        modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        assert modules.isdisjoint(set(package.__all__)), package.__name__


def test_defaults_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jaxsoco.make("allocation/carbon_jobs")


def test_problems_are_compared_and_hashed_as_objects():
    one, other = (jaxsoco.make(TRACKING, horizon=7) for _ in range(2))
    assert one == one and one != other
    assert len({one, other}) == 2
