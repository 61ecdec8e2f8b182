"""Every learner's trajectory against a literal implementation in positions, round by round."""

import jax
import numpy as np
import pytest
import tracking_reference as reference

from jaxsoco.tracking import make_matrix, replay
from jaxsoco_kernels.sensing import recover_psd

ROUNDS = 60
SAME = 1e-9


@pytest.fixture(params=["full", "deficient"])
def given(request):
    """A matrix, a path, noise and explorations."""
    spectrum = {"full": np.geomspace(0.5, 8, 4), "deficient": np.array([0, 0, 1.0, 4])}
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        matrix = np.asarray(make_matrix(jax.random.key(1), spectrum[request.param]))
        increments = rng.laplace(size=(ROUNDS, 4))
        noise = 0.1 * rng.uniform(-1, 1, ROUNDS)
        yield matrix, increments, noise, rng.standard_normal((24, 4))


def assert_same(found, wanted):
    np.testing.assert_allclose(found.deviations, wanted.deviations, rtol=0, atol=SAME)
    np.testing.assert_allclose(found.cost, wanted.cost, rtol=0, atol=SAME * wanted.cost.max())
    assert found.faults == 0


def test_lai_and_the_minimizers_follower(given):
    matrix, increments, noise, _ = given
    assert_same(replay("lai", matrix, increments, noise),
                reference.run("lai", matrix, increments, noise))  # fmt: skip
    assert_same(replay("follow_minimizer", matrix, increments, noise),
                reference.run("follow", matrix, increments, noise))  # fmt: skip


@pytest.mark.parametrize("step", ["raw", "normalized"])
@pytest.mark.parametrize("name", ["passive_learner", "oracle_learner"])
def test_learners_that_never_explore(given, name, step):
    matrix, increments, noise, _ = given
    rate = {"raw": 1e-2, "normalized": 0.05}[step]
    found = replay(name, matrix, increments, noise, learning_rate=rate, step=step)
    wanted = reference.run(
        "learn", matrix, increments, noise, first=np.eye(4), rate=rate,
        normalized=step == "normalized", exact=name == "oracle_learner",
    )  # fmt: skip
    assert_same(found, wanted)
    assert found.estimate is not None
    np.testing.assert_allclose(found.estimate, np.asarray(wanted.estimate), rtol=0, atol=SAME)
    assert np.abs(found.estimate - np.eye(4)).max() > 0.03


@pytest.mark.parametrize("first", ["recovered", "given"])
@pytest.mark.parametrize("name", ["scale", "hyscale"])
def test_learners_that_explore(given, name, first):
    matrix, increments, noise, vectors = given
    gamma, cap, rate = 1.5, 0.1, 2e-3
    known = {"exploration": vectors, "gamma": gamma, "noise_cap": cap}
    if first == "given":
        known["estimate"] = start = reference.project(matrix + 0.3 * vectors[:4])
    else:
        # A program that learns nothing keeps what it recovered. (Recovery amplifies roundings.)
        still = {"learning_rate": 0.0} if name == "hyscale" else {}
        start = np.asarray(replay(name, matrix, increments, noise, **known, **still).estimate)
        # What the paper recovers from: 2 f / gamma^2, within 2 T0 cap / gamma^2.
        forms = np.einsum("mi,ij,mj->m", vectors, matrix, vectors)
        values = forms + 2 * noise[: len(vectors)] / gamma**2
        wanted = recover_psd(vectors, values, 2 * len(vectors) * cap / gamma**2)
        np.testing.assert_allclose(start, wanted.matrix, rtol=0, atol=1e-3)
    if name == "hyscale":
        known["learning_rate"] = rate
    found = replay(name, matrix, increments, noise, **known)
    wanted = reference.run(
        "learn", matrix, increments, noise, vectors=vectors, gamma=gamma, first=start,
        rate=rate if name == "hyscale" else 0.0,
    )  # fmt: skip
    assert_same(found, wanted)
    assert found.estimate is not None
    np.testing.assert_allclose(found.estimate, np.asarray(wanted.estimate), rtol=0, atol=SAME)


def test_an_estimate_alone_explores_nothing(given):
    matrix, increments, noise, _ = given
    found = replay("scale", matrix, increments, noise, estimate=2 * matrix)
    assert_same(found, reference.run("learn", matrix, increments, noise, first=2 * matrix))


def test_regret_terms_are_never_negative_and_lais_are_zero(given):
    matrix, increments, noise, _ = given
    assert np.all(replay("lai", matrix, increments, noise).regret < 1e-24)
    assert np.all(replay("passive_learner", matrix, increments, noise).regret >= 0)


def test_costs_differ_by_regret_and_a_martingale(given):
    """(PATH): the difference of costs is the sum of the terms and a sum of mean zero, exactly."""
    matrix, increments, noise, vectors = given
    best = replay("lai", matrix, increments, noise)
    go = np.eye(4) - reference.plans(matrix, ROUNDS)
    for own in (
        replay("passive_learner", matrix, increments, noise),
        replay("scale", matrix, increments, noise, exploration=vectors, gamma=2.0),
    ):
        apart = np.asarray(best.deviations - own.deviations)[:-1]
        chance = np.einsum("ti,tij,tj->", apart, go[1:], increments[1:])
        difference = float(np.sum(own.cost - best.cost))
        assert difference == pytest.approx(float(np.sum(own.regret)) + chance, abs=1e-9)
        assert abs(chance) > 1e-3


def test_what_a_replay_refuses(given):
    matrix, increments, noise, vectors = given
    with pytest.raises(KeyError, match="follow_minimizer"):
        replay("follow", matrix, increments, noise)
    with pytest.raises(TypeError, match="learning_rate"):
        replay("passive_learner", matrix, increments, noise, eta=1.0)
    with pytest.raises(TypeError, match="exploration"):
        replay("lai", matrix, increments, noise, exploration=vectors)
    with pytest.raises(ValueError, match="noise"):
        replay("lai", matrix, increments, noise[:-1])
    with pytest.raises(ValueError, match="T0, 4"):
        replay("scale", matrix, increments, noise, exploration=vectors[:, :3])
    with pytest.raises(ValueError, match="positive semidefinite"):
        replay("lai", -matrix, increments, noise)
