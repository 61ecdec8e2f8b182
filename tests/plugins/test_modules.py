"""What is imported when, and what is said of a plug-in that cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

import jaxsoco
from jaxsoco.plugins import load_plugin

MARKED = ("import jax.numpy as jnp\n", "open('marker', 'w').close()\nimport jax.numpy as jnp\n")


@pytest.fixture
def marker(place) -> Path:
    """A file that is there once the module was imported."""
    place.module(MARKED)
    return place.folder / "marker"


def test_check_imports_nothing_unasked(place, marker):
    code, printed, _ = place("check", str(place.spec()))
    assert code == 0
    assert f"plug-in halfway ({place.folder / 'halfway.py'})" in printed
    assert "not imported: run, check --trace and check --plugin NAME import them" in printed
    assert "follow_minimizer, those of its plug-ins" in printed
    assert not marker.exists()


@pytest.mark.parametrize("option", [["--plugin", "halfway"], ["--trace"]], ids=" ".join)
def test_check_imports_what_it_is_asked_to(place, marker, option):
    code, printed, errors = place("check", *option, str(place.spec()))
    assert code == 0, errors
    assert marker.exists()
    assert "halfway(share=0.5), halfway(share=0.9)" in printed
    assert "plug-in halfway: sha256:" in " ".join(printed.split())
    assert ("traced" in printed) == (option == ["--trace"])


def test_a_file_whose_problem_may_be_a_plugins_is_listed_only(place, marker):
    spec = place.spec(('name = "quadratic_tracking"', 'name = "seasonal_tracking"'))
    code, printed, _ = place("check", str(spec))
    assert code == 0
    assert "its family or problem may belong to a plug-in" in printed
    assert "plug-in halfway" in printed
    assert not marker.exists()


@pytest.mark.parametrize("command", ["check", "run"])
def test_no_plugins_refuses_a_file_that_names_some(place, marker, command):
    code, _, errors = place(command, "--no-plugins", str(place.spec()))
    assert code == 2
    assert "the file names halfway, which --no-plugins refuses" in errors
    assert not marker.exists()


def test_no_plugins_takes_a_file_without(place):
    spec = place.spec(('plugins = ["halfway"]\n', ""), ('name = "halfway"\nshare = [0.5, 0.9]', ""))
    spec.write_text(spec.read_text().replace("[[algorithm]]\n\n", ""))
    assert place("check", "--no-plugins", str(spec))[0] == 0


def test_list_knows_a_plugin(place):
    place.module()
    code, printed, _ = place("list", "--plugin", "halfway")
    assert code == 0
    assert "tracking/halfway" in printed
    code, printed, _ = place("list", "--plugin", "halfway", "tracking/halfway")
    assert code == 0
    assert "of the way to the minimiser" in printed
    # It is known no longer.
    code, _, errors = place("list", "tracking/halfway")
    assert code == 2
    assert "tracking/halfway" in errors


BROKEN = {
    "it raises": ("import math\n\nraise ValueError('no luck')\n", "ValueError: no luck", ":3)"),
    "it leaves": ("import sys\nsys.exit(7)\n", "SystemExit: 7", ":2)"),
    "it imports what is not there": ("import nowhere_to_be_seen\n", "nowhere_to_be_seen", ":1)"),
    "it is no Python": ("def\n", "SyntaxError: invalid syntax", "halfway.py, line 1"),
    "it has no EXTENSIONS": ("x = 1\n", "has no EXTENSIONS", "expected a list of"),
    "it has something else": (
        "EXTENSIONS = [1]\n",
        "EXTENSIONS is or holds something else: int",
        "expected a list of jaxsoco.core.schema.Extension or Family",
    ),
    "its list is empty": ("EXTENSIONS = []\n", "something else: list", "expected a list of"),
    "it has one that is not in a list": (
        "from jaxsoco.core.schema import Extension\nEXTENSIONS = Extension('tracking')\n",
        "EXTENSIONS is or holds something else: Extension",
        "expected a list of",
    ),
    "it extends nothing": (
        "from jaxsoco.core.schema import Extension\nEXTENSIONS = [Extension('trackin')]\n",
        'extends the family "trackin", which does not exist',
        'did you mean "tracking"?',
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_a_plugin_that_cannot_be_used_is_named(place, broken):
    text, message, more = broken
    place.write("halfway.py", text)
    for command in (
        ["run", str(place.spec())],
        ["check", "--trace", str(place.spec())],
        ["list", "--plugin", "halfway"],
    ):
        code, _, errors = place(*command)
        assert code == 2, errors
        assert len(errors.splitlines()) == 1, errors
        assert "plug-in halfway" in errors
        assert message in errors
        assert more in errors


@pytest.mark.parametrize("name", ["../halfway", "halfway.py", "half way", "", "5", "m" * 300])
def test_what_is_no_module_is_refused(place, name):
    spec = place.spec(('plugins = ["halfway"]', f'plugins = ["{name}"]'))
    for command in (["run", str(spec)], ["list", "--plugin", name]):
        code, _, errors = place(*command)
        assert code == 2
        assert "plugins" in errors and "module" in errors


def test_a_module_that_is_nowhere_is_looked_for_in_two_places(place):
    code, _, errors = place("run", str(place.spec()))
    assert code == 2
    assert 'there is no module "halfway"' in errors
    assert f"looked for halfway.py in {place.folder}, then among installed packages" in errors


def test_all_that_is_wrong_is_said_at_once(place):
    place.write("one.py", "raise ValueError('first')\n")
    place.write("two.py", "raise ValueError('second')\n")
    spec = place.spec(('["halfway"]', '["one", "two", "three"]'))
    code, _, errors = place("run", str(spec))
    assert code == 2
    assert "first" in errors and "second" in errors and '"three"' in errors


def test_two_that_claim_one_name_are_both_named(place):
    place.module()
    place.module(name="other")
    spec = place.spec(('["halfway"]', '["halfway", "other"]'))
    code, _, errors = place("run", str(spec))
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert (
        'the algorithm "tracking/halfway" is declared by plug-in halfway (halfway.py) and by '
        "plug-in other (other.py)" in errors
    )
    # What was known before is still known.
    assert place("list", "tracking/scale")[0] == 0


def test_a_name_of_the_package_is_taken(place):
    place.module(('name="halfway"', 'name="scale"'))
    code, _, errors = place("list", "--plugin", "halfway")
    assert code == 2
    assert (
        'the algorithm "tracking/scale" is declared by jaxsoco itself and by plug-in halfway '
        "(halfway.py)" in errors
    )


def test_a_plugin_named_twice_is_imported_once(place, marker):
    spec = place.spec(('["halfway"]', '["halfway", "halfway"]'))
    assert place("check", "--trace", "--plugin", "halfway", str(spec))[0] == 0


# --- identity -------------------------------------------------------------------------------------


@pytest.fixture
def ran(place) -> Path:
    place.module()
    out = place.folder / "out"
    code, _, errors = place("run", str(place.spec()), "--out", str(out))
    assert code == 0, errors
    return out


def test_the_file_of_a_plugin_is_part_of_the_keys_of_its_learners(place, ran):
    manifest = json.loads((ran / "manifest.json").read_text())
    (digest,) = manifest["settings"]["plugins"].values()
    assert digest.startswith("sha256:")
    assert "all runs were there already" in again(place, ran)

    place.module(("(1 - params.share)", "(1.0 - params.share)"))
    # Both learners of the plug-in, and not the one beside them.
    assert "32 runs in" in (printed := again(place, ran))
    assert "16 runs were there already" in printed
    manifest = json.loads((ran / "manifest.json").read_text())
    assert manifest["settings"]["plugins"]["halfway"] != digest
    # What the file gave before is still there.
    place.module()
    assert "all runs were there already" in again(place, ran)


def again(place, out: Path, *options: str, spec: Path | None = None) -> str:
    """What a further run into a directory prints."""
    code, printed, errors = place("run", *options, str(spec or place.spec()), "--out", str(out))
    assert code == 0, errors
    return printed


def test_plugins_that_take_no_part_are_no_part_of_it(place):
    """A run is resumed beside other plug-ins: only those that it uses count."""
    place.module(name="study/halfway")
    spec = place.spec().rename(place.folder / "study" / "study.toml")
    out = place.folder / "out"
    assert "48 runs in" in again(place, out, spec=spec)
    place.module(('name="halfway"', 'name="third"'), name="other")
    assert "all runs were there already" in again(place, out, "--plugin", "other", spec=spec)


STEP = "def step(share, length):\n    return (1 - share) * length\n"


@pytest.mark.parametrize("neighbour", ["steps.py", "tools/steps.py"])
def test_what_a_module_imports_from_beside_it_is_part_of_it(place, neighbour):
    """The neighbour's new text is what runs, and what the key is of, in one process, too."""
    module = neighbour.removesuffix(".py").replace("/", ".")
    place.module(
        ("import jax.numpy as jnp\n", f"import jax.numpy as jnp\nfrom {module} import step\n"),
        (
            "(1 - params.share) * (state - obs.increment)",
            "step(params.share, state - obs.increment)",
        ),
    )
    place.write(neighbour, STEP)
    out = place.folder / "out"
    assert "48 runs in" in again(place, out)
    first = jaxsoco.load(out).runs("halfway(share=0.5)").total
    place.write(neighbour, STEP, ("(1 - share)", "(1.5 - share)"))
    assert "32 runs in" in again(place, out)
    second = jaxsoco.load(out).runs("halfway(share=0.5)").total
    assert (first != second).all()
    place.write(neighbour, STEP)
    assert "all runs were there already" in again(place, out)
    np.testing.assert_array_equal(jaxsoco.load(out).runs("halfway(share=0.5)").total, first)


def test_files_that_no_module_imports_may_lie_beside_it(place):
    """Below the folder, only what its modules name is theirs; what is no Python has no digest."""
    place.module()
    before = load_plugin("halfway", place.folder).code
    place.write("elsewhere/steps.py", STEP)
    place.write("notes.txt", "x")
    (place.folder / ".#halfway.py").symlink_to("nobody@nowhere")
    assert load_plugin("halfway", place.folder).code == before
    place.write("elsewhere.py", "def\n")  # it may be imported, as far as anybody knows
    assert load_plugin("halfway", place.folder).code != before


def test_report_and_status_do_without_the_plugin(place, ran, apart):
    (place.folder / "halfway.py").unlink()
    for command in ("status", "report"):
        code, printed, errors = apart(command, str(ran))
        assert code == 0, errors
    assert "halfway(share=0.5)" in printed


def test_a_package_is_identified_by_all_its_modules(place):
    place.module(name="halfway/inner")
    place.write("halfway/__init__.py", "from halfway.inner import EXTENSIONS\n")
    before = load_plugin("halfway", place.folder)
    assert load_plugin("halfway", place.folder).identity == before.identity
    place.module(('"goes a fixed', '"walks a fixed'), name="halfway/inner")
    after = load_plugin("halfway", place.folder)
    assert after.identity != before.identity
    assert after.extensions[0].algorithms[0].summary.startswith("walks")


KIND = """\
from jaxsoco.analysis.checks import CHECKS, Check
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.extend import Extension


@CHECKS.register
class AnyCost(Check):
    \"\"\"Holds whatever the costs are.\"\"\"

    name = "any-cost"
    summary = "always holds"

    def run(self, ledger):
        costs = ledger.totals("follow_minimizer", [0])
        return self.judged(True, Estimate(1.0), costs, "any cost will do")


EXTENSIONS = [Extension("tracking")]
"""


def test_a_kind_of_check_from_outside(place, apart):
    """A file of one's own may use it; nobody's code runs unasked, not even for a report."""
    place.write("own_kind.py", KIND)
    place.spec(
        ('plugins = ["halfway"]', 'plugins = ["own_kind"]'),
        ('[[algorithm]]\nname = "halfway"\nshare = [0.5, 0.9]\n', ""),
        ("[run]", '[[check]]\nkind = "any-cost"\n[run]'),
    )
    code, printed, errors = apart("check", "study.toml")
    assert code == 0, errors
    assert "plug-in own_kind" in printed
    assert "check passed: any cost will do" in apart("run", "study.toml")[1]
    code, _, errors = apart("report", "runs/study")
    assert code == 2
    assert 'no check is of kind "any-cost" (load the plug-in that declares it' in errors
    assert apart("report", "runs/study", "--plugin", "own_kind")[0] == 0


def test_the_kinds_of_a_plugin_go_with_it(place):
    place.write("own_kind.py", KIND)
    for _ in range(2):  # the module runs once
        assert place("list", "--plugin", "own_kind", "checks/any-cost")[0] == 0
        assert place("list", "checks/any-cost")[0] == 2
