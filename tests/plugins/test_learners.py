"""Learners of one's own in a module beside the experiment file."""

import jaxsoco


def test_a_learner_of_ones_own_takes_few_lines(place):
    module, spec = place.module(), place.spec()
    lines = [*module.read_text().splitlines(), *spec.read_text().splitlines()]
    assert len(lines) < 60
    code, printed, errors = place("run", str(spec), "--out", "out")
    assert code == 0, errors
    assert printed.startswith("1 point x 3 learners x 16 seeds = 48 runs")
    for label in ("follow_minimizer", "halfway(share=0.5)", "halfway(share=0.9)"):
        assert label in printed
    assert {row["learner"] for row in jaxsoco.load("out").table()} >= {"halfway(share=0.5)"}


def test_a_learner_may_be_written_for_one_run(place):
    """Without lane axes: it says so in its ``Algorithm``, and costs the same."""
    place.module()
    native = place("run", str(place.spec()), "--out", "native")
    place.module(
        ("(spec.dimension, *key.shape[1:])", "spec.dimension"),
        ("(init, act, update)", '(init, act, update, lanes="vmap")'),
    )
    single = place("run", str(place.spec()), "--out", "single")
    assert native[0] == single[0] == 0, single

    def table(printed):
        return [line for line in printed.splitlines() if line.startswith("halfway")]

    assert table(native[1]) == table(single[1]) != []
    algorithm, _ = jaxsoco.learner("tracking/halfway")
    assert algorithm.lanes == "vmap"


WRONG = {
    "a wrong shape": (
        ("    return deviation, deviation\n", "    return jnp.zeros((3, 1)), deviation\n"),
        "given the action of the learner (halfway.py:17, in act): float32[3, 1]",
    ),
    "an error of its own": (
        ("    return deviation, deviation\n", "    return deviation @ deviation, deviation\n"),
        "in act: return deviation @ deviation, deviation",
    ),
    "a state of another structure": (
        ("    return deviation, deviation\n", "    return deviation, (deviation, deviation)\n"),
        "the state of the learner (halfway.py:17, in act) changes its structure",
    ),
    "a state of another dtype": (
        ("    return deviation, deviation\n", "    return deviation, deviation.astype(int)\n"),
        "the state of the learner (halfway.py:17, in act) is float32[2, 32] before a round and "
        "int32[2, 32] after it",
    ),
}


def pytest_generate_tests(metafunc):
    if "wrong" in metafunc.fixturenames:
        metafunc.parametrize("wrong", WRONG.values(), ids=list(WRONG))


def test_a_wrong_learner_is_named_with_its_line(place, wrong):
    replacement, words = wrong
    place.module(replacement)
    spec = str(place.spec(("dimension = 2", "dimension = [2, 4]")))
    for command in (["check", "--trace", spec], ["run", spec, "--out", "out"]):
        code, _, errors = place(*command)
        assert code == 2, errors
        lines = [line for line in errors.splitlines() if "halfway" in line]
        # Both points, both learners.
        assert len(lines) == 4, errors
        for line in lines:
            assert "halfway(share=" in line
            assert "on tracking/quadratic_tracking at dimension = " in line
        assert words in errors
        for noise in ("site-packages", "JAX_TRACEBACK_FILTERING", "rollout.py"):
            assert noise not in errors
    assert not (place.folder / "out").exists()
