"""What the caller forbids of JAX does not reach the public functions, and stays as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core.ambient import own_rules

FORBIDDEN = [
    lambda: jax.numpy_dtype_promotion("strict"),
    lambda: jax.transfer_guard("disallow"),
    lambda: jax.transfer_guard("disallow_explicit"),
    lambda: jax.transfer_guard_host_to_device("disallow"),
    lambda: jax.transfer_guard_device_to_device("disallow"),
    lambda: jax.transfer_guard_device_to_host("disallow"),
]


def options():
    ways = ("host_to_device", "device_to_device", "device_to_host")
    names = ["jax_numpy_dtype_promotion", *(f"jax_transfer_guard_{way}" for way in ways)]
    return [getattr(jax.config, name) for name in names]


def mixed():
    """Sends a number to the device, and adds integers to reals."""
    assert options() == ["standard", "allow", "allow", "allow"]
    return jnp.arange(3) + jnp.asarray(np.float32(0.5))


@pytest.mark.parametrize("forbid", FORBIDDEN)
def test_a_public_function_has_its_own_rules(forbid):
    with forbid():
        before = options()
        assert own_rules(mixed)().tolist() == [0.5, 1.5, 2.5]
        assert options() == before


@pytest.mark.parametrize("forbid", FORBIDDEN)
def test_the_callers_rules_are_back_after_an_error(forbid):
    with forbid():
        before = options()
        with pytest.raises(ZeroDivisionError):
            own_rules(lambda: 1 // 0)()
        assert options() == before


@pytest.mark.parametrize("option", ["jax_numpy_dtype_promotion", "jax_transfer_guard"])
def test_what_is_forbidden_for_the_whole_process_is_seen(option):
    before = getattr(jax.config, option)
    strict = "strict" if "promotion" in option else "disallow"
    try:
        jax.config.update(option, strict)
        assert own_rules(mixed)().shape == (3,)
    finally:
        jax.config.update(option, before or "allow")


def test_where_nothing_is_forbidden_no_rule_is_entered(monkeypatch):
    for name in ("transfer_guard", "numpy_dtype_promotion"):
        monkeypatch.setattr(jax, name, lambda *_: pytest.fail("a rule was entered"))
    with jax.transfer_guard_host_to_device("allow"):
        assert own_rules(lambda a, *, b: (a, b))(1, b=2) == (1, 2)


def test_the_decorated_function_keeps_its_name_and_words():
    def name():
        """Words."""

    assert (own_rules(name).__name__, own_rules(name).__doc__) == ("name", "Words.")
