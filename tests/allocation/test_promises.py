"""What theory promises, as the registry has it: the reference's constants, and the learners'."""

from __future__ import annotations

import numpy as np
import pytest
from soad_reference import random_bounds

from jaxsoco import registry
from jaxsoco.allocation import competitive_ratio, robustness
from jaxsoco.core.schema import load, promises

TRUSTS = (1e-3, 0.1, 0.5, 1.0, 3.0, 20.0)


def promised(
    learner: str, against: str, numbers: tuple, game: dict | None = None, **values: float
) -> float | None:
    entry = registry.algorithm(f"allocation/{learner}")
    kept = promises(entry, registry.problem("allocation/adversary"))
    (one,) = [one for one in kept if one.against == against]
    own = {field.name: field.default for field in entry.fields} | values
    problem = dict(zip(("lower", "upper", "move", "switch"), numbers, strict=True))
    return load(one.ratio)(problem | (game or {}), own)


@pytest.mark.slow
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_eta_and_gamma_are_those_of_the_reference_and_of_the_learners(x64):
    rng = np.random.default_rng(0)
    for _ in range(40):
        bounds = random_bounds(rng)
        numbers = (bounds.L, bounds.U, bounds.D, bounds.tau)
        eta = promised("pcm", "offline_optimum", numbers)
        assert eta == pytest.approx(bounds.eta, rel=1e-12)
        assert eta == pytest.approx(float(competitive_ratio(*numbers)), rel=1e-10)
        for trust in TRUSTS:
            gamma = promised("st_clip", "offline_optimum", numbers, epsilon=trust)
            assert gamma == pytest.approx(bounds.gamma(trust), rel=1e-9)
            assert gamma == pytest.approx(float(robustness(trust, *numbers)), rel=1e-9)
            assert eta is not None and gamma is not None
            assert eta <= gamma <= bounds.U / bounds.L


def test_consistency_is_with_the_advice_and_other_beliefs_have_no_promise():
    numbers = (1.0, 10.0, 0.8, 0.2)
    # 2 tau c = 0.05 on top, beside advice that runs at 1 or at 10 and switches twice.
    for game, paid in (("good", 1.05), ("bad", 10.05)):
        own = {"instance": "E.3", "advice": game, "y": "auto", "job_length": 8}
        ratio = promised("st_clip", "advice", numbers, own, epsilon=0.5)
        assert ratio == pytest.approx(1.5 + 0.05 / paid)
    assert promised("pcm", "offline_optimum", numbers, upper_scale=2.0) is None
    assert (
        promises(registry.algorithm("allocation/pcm"), registry.problem("allocation/carbon_jobs"))
        == ()
    )
