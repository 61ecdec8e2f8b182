"""Gradients through ``play`` and ``simulate``: refused where they mislead, right in both modes."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import cli, listing, registry
from jaxsoco.core.errors import InputError
from jaxsoco.core.gradients import with_gradients
from jaxsoco.core.schema import YES
from jaxsoco.extend import Algorithm, AlgorithmEntry, setting, settings
from jaxsoco.testing.pieces import quick
from jaxsoco.tracking import make_matrix

TRACKING, TREE = "tracking/quadratic_tracking", "multistage/bernoulli_tree"


def tracked(horizon=12, **settings):
    return jaxsoco.make(TRACKING, dimension=2, horizon=horizon, **settings)


def total(problem, algorithm, params, keys=None, **options):
    """The sum of all runs' costs."""
    keys = jaxsoco.seed_keys(0, 3) if keys is None else keys
    costs = jaxsoco.play(problem, algorithm, params, keys, at=[problem.horizon], **options).costs
    family = registry.family(problem.name.partition("/")[0])
    return sum(getattr(costs, one.name).sum() for one in family.costs if one.objective)


def simulated(problem, algorithm, params, **options):
    """The same through ``simulate``."""
    keys = jaxsoco.seed_keys(0, 3)
    world, horizon = problem.problem, problem.horizon
    run = jaxsoco.simulate(
        algorithm, params, world, problem.spec(keys), keys, horizon, at=[horizon], **options
    )
    return sum(x.sum() for x in jax.tree.leaves(run.costs))


# --- parameters that have no right gradient -------------------------------------------------------


@pytest.fixture(scope="module")
def exploring():
    """Two parameters in which the gradient is biased."""
    learner = jaxsoco.learner("multistage/epsilon_exp3", eta=0.1, epsilon=0.2)
    return jaxsoco.make(TREE, horizon=4, depth=1), *learner


TRANSFORMS = {
    "grad": lambda f, x: jax.grad(f)(x),
    "value_and_grad": lambda f, x: jax.value_and_grad(f)(x),
    "jvp": lambda f, x: jax.jvp(f, (x,), (jnp.ones_like(x),)),
    "linearize": lambda f, x: jax.linearize(f, x),
    "vjp": lambda f, x: jax.vjp(f, x),
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
    "jacrev": lambda f, x: jax.jacrev(f)(x),
    "hessian": lambda f, x: jax.hessian(f)(x),
    "jit of grad": lambda f, x: jax.jit(jax.grad(f))(x),
    "grad of jit": lambda f, x: jax.grad(jax.jit(f))(x),
    "vmap of grad": lambda f, x: jax.vmap(jax.grad(f))(jnp.stack([x, 2 * x])),
    "grad of vmap": lambda f, x: jax.grad(lambda y: jax.vmap(f)(jnp.stack([y, y])).sum())(x),
    "checkpoint": lambda f, x: jax.grad(jax.checkpoint(f))(x),
    "loop": lambda f, x: jax.lax.fori_loop(0, 2, lambda i, y: y - 0.01 * jax.grad(f)(y), x),
    "scan": lambda f, x: jax.lax.scan(lambda y, _: (y - 0.01 * jax.grad(f)(y), y), x, None, 2),
    "through a scan": lambda f, x: jax.grad(
        lambda y: jax.lax.scan(lambda c, _: (c + f(y), None), 0.0, None, 2)[0]
    )(x),
}


@pytest.mark.parametrize("lower", [False, True], ids=["play", "simulate"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_biased_gradient_is_refused_with_its_reason(transform, lower, exploring):
    problem, algorithm, params = exploring
    cost = simulated if lower else total

    def of(eta):
        return cost(problem, algorithm, replace(params, eta=eta))

    reason = registry.algorithm("multistage/epsilon_exp3").gradients["eta"].reason
    with pytest.raises(InputError) as error:
        transform(of, jnp.asarray(0.1))
    assert f"params.eta: the gradient of the costs is biased: {reason}" in str(error.value)
    assert "epsilon" not in str(error.value)
    assert "allow_biased=True" in str(error.value)


def test_it_is_taken_where_one_insists(exploring):
    problem, algorithm, params = exploring
    slope, lower = (
        jax.grad(lambda p, cost=cost: cost(problem, algorithm, p, allow_biased=True))
        for cost in (total, simulated)
    )
    found = jax.jit(slope, compiler_options=quick())(params)
    assert found.eta != 0
    assert np.isfinite([found.eta, found.epsilon]).all()
    jax.eval_shape(lower, params)


def test_all_parameters_at_once_are_named(exploring):
    problem, algorithm, params = exploring
    with pytest.raises(InputError) as error:
        jax.grad(lambda p: total(problem, algorithm, p))(params)
    assert [one.path for one in error.value.issues] == ["params.eta", "params.epsilon", ""]
    assert "no other parameter of this learner has a gradient" in error.value.issues[-1].message


def test_what_jumps_is_refused_as_well():
    queue = jaxsoco.make("provisioning/bursty_queue", horizon=3)
    algorithm, params = jaxsoco.learner("provisioning/blol", conf_scale=0.01, warm_up=1)
    with pytest.raises(InputError, match=r"params.conf_scale: costs have no gradient in it: plans"):
        jax.grad(lambda x: total(queue, algorithm, replace(params, conf_scale=x)))(0.01)
    with pytest.raises(InputError, match=r"params.warm_up: has no gradient: .* grid only"):
        jax.grad(lambda x: total(queue, algorithm, replace(params, warm_up=x)))(1.0)


def test_settings_of_the_problem_are_not_concerned(exploring):
    _, algorithm, params = exploring

    def cost(p_min):
        made = jaxsoco.make(TREE, horizon=4, depth=1, p_min=p_min)
        return total(made, algorithm, params), simulated(made, algorithm, params)

    for slope in jax.jit(jax.jacfwd(cost), compiler_options=quick())(0.2):
        assert slope > 0


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_the_others_are_not_concerned(x64):
    """Not a bit changes where another parameter of the same learner is refused."""
    problem = tracked()
    algorithm, params = jaxsoco.learner("tracking/passive_learner", learning_rate=1e-2)
    keys = jaxsoco.seed_keys(0, 3)

    def slopes(learner):
        def cost(rate, initial):
            own = replace(params, learning_rate=rate, initial=initial)
            return total(problem, learner, own, keys)

        def all_ways(rate):
            one = jax.value_and_grad(cost)(rate, 1.0)
            return *one, jax.vmap(jax.grad(cost), (0, None))(rate[None], 1.0)

        return jax.jit(all_ways, compiler_options=quick())(jnp.asarray(1e-2))

    refusing = algorithm._replace(gradients=(("initial", YES._replace(word="no", reason="why")),))
    for one, other in zip(slopes(refusing), slopes(algorithm), strict=True):
        assert one == other
    with pytest.raises(InputError) as error:
        jax.grad(lambda p: total(problem, refusing, p, keys))(params)
    assert str(error.value).startswith("params.initial: costs have no gradient in it: why\n")
    instead = "dataclasses.replace(params, learning_rate=learning_rate)"
    assert instead in str(error.value)
    assert "params.learning_rate" not in str(error.value)


def test_values_are_those_of_before(exploring):
    problem, algorithm, params = exploring
    keys = jaxsoco.seed_keys(0, 5)
    runs = [
        jax.jit(partial(jaxsoco.play, problem, algorithm, allow_biased=allowed, trace=True))(
            params, keys
        )._replace(at=())
        for allowed in (False, True)
    ]
    for one, other in zip(*map(jax.tree.leaves, runs), strict=True):
        np.testing.assert_array_equal(one, other)


# --- who says it, and where -----------------------------------------------------------------------

LEARNERS = [
    f"{family.name}/{entry.name}"
    for family in registry.families().values()
    for entry in family.algorithms
]


@pytest.mark.parametrize("name", LEARNERS)
def test_the_listing_says_it_of_every_parameter(name, capsys):
    entry = registry.algorithm(name)
    assert [*entry.gradients] == [field.name for field in entry.fields]
    for field in entry.fields:
        gradient = entry.gradients[field.name]
        assert gradient.word in ("yes", "biased", "no", "grid only")
        assert (gradient.word in ("biased", "no")) == bool(gradient.reason)
        assert (gradient.word == "grid only") == (field.kind != "float" or field.static)
    for option in ([], ["--markdown"]):
        assert cli.main(["list", name, *option]) == 0
        said = {}
        for line in re.split("(?i)gradient of the costs", capsys.readouterr().out)[-1].splitlines():
            names, _, text = (
                line.strip(" -").replace("`", "").replace("  ", ": ", 1).partition(": ")
            )
            said |= dict.fromkeys(names.split(", "), text.strip())
        assert not entry.fields or entry.gradients.keys() <= said.keys()
        assert all(said[one] == str(gradient) for one, gradient in entry.gradients.items())


def test_the_page_has_the_table_of_all_learners():
    page = (Path(__file__).parents[2] / "docs" / "gradients.md").read_text(encoding="utf-8")
    table = listing.markdown("gradients")
    assert f"\n\n{table}\n\n" in page, "put what jaxsoco list gradients --markdown prints there"
    assert all(f"| `{name}` |" in table for name in LEARNERS)


def test_a_setting_says_it_with_a_reason():
    @settings
    class Params:
        rate: float = setting("a rate", default=0.1, gradient="biased", reason="it is drawn")
        scale: float = setting("a scale", default=1.0)
        order: int = setting("an order", default=2)

    said = AlgorithmEntry("own", "", "", "own:own", Params, differentiable=False, reason="it jumps")
    words = {"rate": "biased: it is drawn", "scale": "no: it jumps", "order": "grid only"}
    assert {name: str(one) for name, one in said.gradients.items()} == words
    plain = AlgorithmEntry("own", "", "", "own:own", Params)
    assert str(plain.gradients["scale"]) == "yes"
    vague = AlgorithmEntry("own", "", "", "own:own", Params, differentiable="biased")
    assert str(vague.gradients["scale"]).startswith("biased: ")
    for wrong in ({"gradient": "biased"}, {"gradient": "perhaps"}, {"reason": "none"}):
        with pytest.raises(TypeError, match="gradient"):
            setting("a rate", default=0.1, **wrong)


def test_the_entrys_word_holds_where_a_parameter_says_nothing(exploring):
    problem, algorithm, params = exploring
    entry = registry.algorithm("multistage/epsilon_exp3")
    hidden = replace(
        entry,
        name="own",
        fields=tuple(replace(field, gradient="", reason="") for field in entry.fields),
        reason="so says its author",
    )
    assert with_gradients(algorithm, params, entry.gradients) is algorithm
    plain = {"eta": 0.1, "epsilon": 0.2}  # of no class that could say it

    def act(key, params, *rest):
        return algorithm.act(key, type(exploring[2])(**params), *rest)

    def init(key, params, spec):
        return algorithm.init(key, type(exploring[2])(**params), spec)

    def update(params, *rest):
        return algorithm.update(type(exploring[2])(**params), *rest)

    own = with_gradients(Algorithm(init, act, update, counter=True), plain, hidden.gradients)
    with pytest.raises(InputError, match=r"params.eta: costs have no gradient in it: so says its"):
        jax.grad(lambda eta: total(problem, own, plain | {"eta": eta}))(0.1)


# --- both modes -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learner", "name"),
    [
        ("tracking/scale", "gain"),
        pytest.param("tracking/hyscale", "learning_rate", marks=pytest.mark.slow),
        pytest.param("tracking/hyscale", "gain", marks=pytest.mark.slow),
        pytest.param("tracking/passive_learner", "initial", marks=pytest.mark.slow),
    ],
)
def test_forward_is_reverse_is_differences(learner, name):
    """In float64, and in float32, where the recovery of the first two is a step in float64."""
    compiled = partial(jax.jit, compiler_options=quick())
    slopes = {}
    for x64 in (True, False):
        with jax.enable_x64(x64):
            made, keys = tracked(24), jaxsoco.seed_keys(0, 3)
            algorithm, params = jaxsoco.learner(learner)
            start = getattr(params, name)

            def runs(x, made=made, algorithm=algorithm, params=params, keys=keys):
                own = replace(params, **{name: x})
                costs = jaxsoco.play(made, algorithm, own, keys, at=[made.horizon]).costs
                return costs.hit[0] + costs.move[0]

            def modes(x, runs=runs):
                lanes = jax.vmap(lambda y: jax.jvp(runs, (x,), (y,))[1])(jnp.stack([x, 2 * x]))
                return jax.jacfwd(runs)(x), jax.jacrev(runs)(x), lanes

            forward, reverse, lanes = slopes[x64] = compiled(modes)(start)
            rtol = 1e-9 if x64 else 1e-2
            np.testing.assert_allclose(forward, reverse, rtol=rtol)
            np.testing.assert_allclose(lanes, np.outer([start, 2 * start], forward), rtol)
            if x64:
                up, down = compiled(jax.vmap(runs))(start * jnp.array([1 + 1e-4, 1 - 1e-4]))
                np.testing.assert_allclose(forward, (up - down) / (2e-4 * start), rtol=1e-3)
    assert slopes[False][0].dtype == jnp.float32
    np.testing.assert_allclose(slopes[False][0], slopes[True][0], rtol=2e-2)


def test_a_long_run_says_how_to_take_a_gradient_backwards():
    problem = tracked(10_001)
    algorithm, params = jaxsoco.learner("tracking/passive_learner")

    def cost(rate, **options):
        own, keys = replace(params, learning_rate=rate), jaxsoco.seed_keys(0, 1)
        run = jaxsoco.play(problem, algorithm, own, keys, at=[10_001], **options)
        return run.costs.hit.sum() + sum(x.sum() for x in jax.tree.leaves(run.state))

    for reverse in (jax.grad(cost), jax.jit(jax.grad(cost))):
        with pytest.raises(InputError, match=r"scan over all 10001 rounds: .*differentiable=True"):
            reverse(1e-3)
    forward = jax.jit(jax.jacfwd(cost), compiler_options=quick())  # goes through the loop
    assert np.isfinite(forward(1e-3)) and forward(1e-3) != 0
    short = tracked(9)
    with pytest.raises(InputError, match="differentiable=True"):
        jax.grad(lambda p: total(short, algorithm, p, differentiable=False))(params)


def test_segments_take_an_eighth_of_the_memory():
    """At 2000 rounds and 256 runs: 152 to 168 MB without them, by the version of XLA."""
    problem = tracked(2000)
    algorithm, params = jaxsoco.learner("tracking/passive_learner")

    def memory(entry, **options):
        def cost(rate):
            own, keys = replace(params, learning_rate=rate), jaxsoco.seed_keys(0, 256)
            return entry(own, keys, at=[2000], **options).costs.hit.sum()

        program: Any = jax.jit(jax.grad(cost)).lower(1e-3).compile(quick())
        return program.memory_analysis().temp_size_in_bytes

    def play(own, keys, **options):
        return jaxsoco.play(problem, algorithm, own, keys, **options)

    def simulate(own, keys, **options):
        world, spec = problem.problem, problem.spec(keys)
        return jaxsoco.simulate(algorithm, own, world, spec, keys, 2000, **options)

    whole = memory(play)
    assert 100e6 < whole < 200e6
    for entry in (play, simulate):
        assert 8 * memory(entry, remat=True) <= min(whole, 168e6)


@pytest.mark.slow
def test_segments_save_memory_around_slopes_in_float64():
    """The rounds of SCaLE in float32, whose derivative is computed in float64 as a whole."""
    problem = tracked(400)
    algorithm, params = jaxsoco.learner("tracking/scale")
    assert algorithm.slopes == "float64" and not jax.config.jax_enable_x64

    def memory(**options):
        def cost(gain):
            own, keys = replace(params, gain=gain), jaxsoco.seed_keys(0, 64)
            return jaxsoco.play(problem, algorithm, own, keys, at=[400], **options).costs.hit.sum()

        program: Any = jax.jit(jax.grad(cost)).lower(0.15).compile(quick())
        return program.memory_analysis().temp_size_in_bytes

    assert 4 * memory(remat=True) <= memory()


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 2), (2, 2, 2)])
def test_raw_words_of_several_keys_are_refused_at_every_door(shape):
    problem = tracked()
    algorithm, params = jaxsoco.learner("tracking/passive_learner")
    raw, one = jnp.ones(shape, jnp.uint32), jax.random.key(0)
    best = jaxsoco.comparator("tracking/online_optimum_path")
    world, spec = problem.problem, problem.spec(one)
    for door in (
        lambda: jaxsoco.play(problem, algorithm, params, raw),
        lambda: jaxsoco.simulate(algorithm, params, world, spec, raw, problem.horizon),
        lambda: problem.spec(raw),
        lambda: best(problem, raw),
        lambda: best.outcome(problem, raw),
        lambda: make_matrix(raw, [1.0, 2.0]),
    ):
        with pytest.raises(
            TypeError, match=r"key: want .* got .*uint32.*jax\.random\.wrap_key_data"
        ):
            door()


def test_a_single_legacy_key_is_a_key():
    problem, learner = tracked(), jaxsoco.learner("tracking/lai")
    legacy, typed = jax.random.PRNGKey(7), jax.random.key(7)
    one, other = (jaxsoco.play(problem, *learner, key).costs for key in (legacy, typed))
    np.testing.assert_array_equal(one.hit, other.hit)
    np.testing.assert_array_equal(make_matrix(legacy, [1.0, 2.0]), make_matrix(typed, [1.0, 2.0]))
    wrapped = jax.random.wrap_key_data(jax.random.split(legacy, 2))
    several = jax.eval_shape(lambda: jaxsoco.play(problem, *learner, wrapped).costs.hit)
    assert several.shape[1:] == (2,)
