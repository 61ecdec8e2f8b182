"""Settings that are declared once: the schema, the values of an experiment, the pytree."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from jaxsoco.core.schema import AUTO, REQUIRED, AlgorithmEntry, ProblemEntry
from jaxsoco.core.settings import Rounds, setting, settings


@settings
class Base:
    """What others build on."""

    gain: float = setting("a gain", default=0.5, above=0, unit="g", theory="1 / T")


@settings
class Everything(Base):
    """One of each."""

    rounds: int | None = setting("rounds", default=None, low=0, static=True, aliases=("theory",))
    rate: float | None = setting("a rate", default=None, low=0, high=2)
    length: int | Literal["google"] = setting("hours", default="google", low=1)
    kind: Literal["raw", "normalized"] = setting("how", default="raw")
    trim: bool = setting("cut", default=False)
    regions: tuple[str, ...] | None = setting("which", default=None)
    colours: tuple[Literal["red", "blue"], ...] = setting("which", default=("red",))
    file: Path | Literal["none"] = setting("a file", default="none")
    label: str = setting("a text")


FIELDS = {one.name: one for one in Everything.FIELDS}


def test_the_schema_says_what_the_annotations_say():
    assert list(FIELDS) == [
        *("gain", "rounds", "rate", "length", "kind", "trim", "regions", "colours", "file"),
        "label",
    ]
    kinds = {name: (one.kind, one.words, one.choices) for name, one in FIELDS.items()}
    assert kinds == {
        "gain": ("float", (), ()),
        "rounds": ("integer", (AUTO,), ()),
        "rate": ("float", (AUTO,), ()),
        "length": ("integer", ("google",), ()),
        "kind": ("choice", (), ("raw", "normalized")),
        "trim": ("boolean", (), ()),
        "regions": ("strings", (AUTO,), ()),
        "colours": ("strings", (), ("red", "blue")),
        "file": ("path", ("none",), ()),
        "label": ("string", (), ()),
    }


def test_limits_units_and_defaults_are_those_of_the_declaration():
    gain, rate = FIELDS["gain"], FIELDS["rate"]
    assert (gain.low, gain.open_low, gain.high, gain.unit) == (0, True, None, "g")
    assert (rate.low, rate.open_low, rate.high) == (0, False, 2)
    assert (gain.default, rate.default, FIELDS["label"].default) == (0.5, AUTO, REQUIRED)
    assert gain.summary == "a gain; auto: 1 / T"
    assert FIELDS["rounds"].aliases == ("theory",)
    assert FIELDS["regions"].default is None


def test_only_numbers_that_are_not_static_are_leaves():
    import jax

    one = Everything(label="x", rate=0.25)
    assert jax.tree.leaves(one) == [0.5, 0.25]
    doubled = jax.tree.map(lambda x: 2 * x, Everything(label="x", length=3))
    assert (doubled.gain, doubled.length, doubled.label) == (1.0, 3, "x")


def test_values_go_back_and_forth():
    values = {"rounds": AUTO, "rate": 0.1, "label": "a", "gain": 2.0, "unknown": 1}
    one = Everything.of(values)
    assert (one.rounds, one.rate, one.label, one.gain, one.kind) == (None, 0.1, "a", 2.0, "raw")
    assert Everything.of(one.values()) == one
    assert one.values()["regions"] == AUTO
    # A word of the theory is only where something may be left to it.
    assert Everything.of({"file": AUTO, "label": AUTO}).file == AUTO


def test_entries_take_their_fields_from_the_class():
    learner = AlgorithmEntry("one", "a learner", "here", "nowhere:one", Everything)
    assert learner.fields == Everything.FIELDS
    params = learner.parameters({"label": "a", "rate": AUTO, "gain": 2})
    assert (params.label, params.rate, params.gain.dtype, float(params.gain)) == (
        "a",
        None,
        "float32",
        2.0,
    )
    plain = ProblemEntry("p", "a problem", "here", "a:b", "a:c", settings=Base)
    assert (plain.horizons, plain.fields) == (False, Base.FIELDS)


def test_a_problem_with_rounds_lets_the_experiment_choose_them():
    @settings
    class Walk(Rounds):
        """A walk."""

        speed: float = setting("a speed", 1.0)

    seen = []
    entry = ProblemEntry("walk", "", "", lambda s, f: seen.append((s, f)), None, settings=Walk)
    assert entry.horizons
    assert [one.name for one in entry.fields] == ["speed"]
    entry.prepared({"speed": 2.0, "horizon": 7}, Path("there"))
    assert seen == [(Walk(speed=2.0, horizon=7), Path("there"))]


def test_a_default_of_none_must_be_allowed():
    with pytest.raises(TypeError, match="rate: its default is None"):

        @settings
        class Wrong:
            """Wrong."""

            rate: float = setting("a rate", None)


def test_a_kind_that_files_cannot_say_is_refused():
    with pytest.raises(TypeError, match="cannot be a"):

        @settings
        class Wrong:
            """Wrong."""

            rate: complex = setting("a rate", 1j)


def test_classes_declared_before_jax_become_pytrees_later():
    code = """
import sys
from jaxsoco.core.settings import setting, settings
@settings
class A:
    x: float = setting("x", 1.0)
early = A()
assert "jax" not in sys.modules
import jax
late = A(x=2.0)
print(jax.tree.leaves([early, late]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[1.0, 2.0]", done.stderr


def test_settings_are_listed_by_their_order():
    @settings
    class Shared:
        """What others have after their own."""

        late: int = setting("shown last", default=0, order=1)
        plain: int = setting("shown as declared", default=0)

    @settings
    class Own(Shared):
        """Its own come before."""

        early: str = setting("shown first", order=-1)
        own: float = setting("after what it inherits", default=1.0)

    assert [one.name for one in Own.FIELDS] == ["early", "plain", "own", "late"]
    assert Own(early="a").values() == {"early": "a", "plain": 0, "own": 1.0, "late": 0}


def test_a_plain_default_keeps_the_parents_declaration():
    @settings
    class Wide:
        """A parent."""

        rate: float | None = setting("a rate", None, above=0, unit="g")
        steps: int = setting("how many", low=1, static=True)

    @settings
    class Narrow(Wide):
        """Other defaults."""

        rate: float = 2.0
        steps: int = 3

    rate, steps = Narrow.FIELDS
    assert (rate.doc, rate.low, rate.open_low, rate.unit, rate.words) == (
        "a rate",
        0,
        True,
        "g",
        (),
    )
    assert (rate.default, steps.default, steps.low, steps.static) == (2.0, 3, 1, True)
    assert (Narrow().rate, Narrow().steps) == (2.0, 3)
    assert [one.default for one in Wide.FIELDS] == [AUTO, REQUIRED]


def test_settings_may_be_given_by_position_in_the_order_of_the_list():
    @settings
    class Few:
        """A few."""

        first: float = setting("one", 1.0)
        second: float = setting("two", 2.0)

    few: Any = Few  # type checkers know the names alone
    assert (few(3.0).first, few(3.0, second=4.0).second) == (3.0, 4.0)
    with pytest.raises(TypeError, match="Few takes first, second, each once"):
        few(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="1 by position, and first by name"):
        few(1.0, first=2.0)


@pytest.mark.parametrize(
    ("annotation", "declared", "message"),
    [
        (float, 1.0, r'a: expected a: ... = setting\("what it is"'),
        (tuple[int, ...], setting("d", (1,)), r"a: a setting cannot be a tuple\[int"),
        (tuple[str, str], setting("d", ("u", "v")), r"a: a setting cannot be a tuple\[str"),
        (Literal[1, 2], setting("d", 1), "a: expected a kind, or words that are strings"),
        (Literal["u", "v"], setting("d", "w"), 'default does not fit: a: no choice is "w"'),
        (float, setting("d", "w"), 'default does not fit: a: found the string "w"'),
        (float, setting("d", -1.0, above=0), "default does not fit: a: -1 is too small"),
        (int, setting("d", 1.5), "default does not fit: a: found the number 1.5"),
    ],
)
def test_a_wrong_declaration_is_refused_where_it_is_written(annotation, declared, message):
    members = {"__annotations__": {"a": annotation}, "a": declared, "__module__": __name__}
    with pytest.raises(TypeError, match=message):
        settings(type("Wrong", (), members))


@pytest.mark.parametrize("name", ["values", "of", "FIELDS"])
def test_names_that_every_class_of_settings_has_are_taken(name):
    members = {"__annotations__": {name: float}, name: setting("d", 1.0), "__module__": __name__}
    with pytest.raises(TypeError, match=f"{name}: every class of settings has"):
        settings(type("Wrong", (), members))


def test_a_number_has_one_lower_limit():
    with pytest.raises(TypeError, match="above or low"):
        setting("d", 1.0, above=0, low=1)


def test_a_seed_of_the_world_says_so():
    @settings
    class Mapped:
        size: int = setting("sites", default=3)
        drawn: int = setting("seed of the map", default=0, role="seed")

    assert [one.role for one in Mapped.FIELDS] == ["", "seed"]
    role: Any = "sead"
    with pytest.raises(TypeError, match="role: expected \"seed\" or none, got 'sead'"):
        setting("seed of the map", default=0, role=role)


def test_a_class_may_check_its_settings_itself():
    @settings
    class Ends:
        """Two ends."""

        low: float = setting("d", default=0.0)
        high: float = setting("d", default=1.0)

        def __post_init__(self):
            if self.low > self.high:
                raise ValueError("low > high")

    @settings
    class More(Ends):
        """Another."""

        steps: int = setting("d", default=3)

    for cls in (Ends, More):
        with pytest.raises(ValueError, match="low > high"):
            cls(low=2.0)


def test_a_subclass_that_is_not_declared_is_named():
    class Plain(Parent):
        """Without the decorator it would be no pytree."""

    with pytest.raises(TypeError, match="Plain is a class of settings without @settings"):
        Plain()


@settings
class Parent:
    """One."""

    rate: float = setting("d", default=1.0)
