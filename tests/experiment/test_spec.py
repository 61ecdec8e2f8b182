"""Validation: every malformed experiment ends with exit code 2, the field's path and a hint."""

from pathlib import Path

import pytest

from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.experiment import load_experiment

BASE = """\
figure = "Data size"
family = "allocation"
[problem]
data_size = [1, 2, 3]
switch = 0.25
deadline_min = 12
[[algorithm]]
name = "pcm"
metric = "true"
[[algorithm]]
name = "st_clip"
epsilon = [0.1, 2]
[run]
seeds = 20
tile = 64
[smoke]
seeds = 4
data_size = 1
[[check]]
kind = "ratio"
algorithm = "pcm"
at_most = 4
where = { data_size = 1 }
[[plot]]
kind = "ratio-vs-axis"
axis = "data_size"
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "size.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def refused(capsys, *arguments: object) -> str:
    """What `jaxsoco check` prints for input that it must refuse."""
    code = main(["check", *map(str, arguments)])
    printed = capsys.readouterr()
    assert code == 2, printed.out + printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    return printed.err


def test_the_base_is_sound(write, capsys):
    assert main(["check", str(write(BASE))]) == 0
    assert "3 points x 5 learners x 20 seeds = 300 runs" in capsys.readouterr().out


def test_a_family_may_say_which_of_its_problems_is_meant(write):
    assert load_experiment(write(BASE)).problem.name == "carbon_jobs"
    named = BASE.replace("data_size = [1, 2, 3]", 'name = "adversary"\ny = [1, 4]').replace(
        "deadline_min = 12\n", ""
    )
    named = named.partition("[smoke]")[0]
    assert load_experiment(write(named)).problem.name == "adversary"


MALFORMED = {
    "unknown key": ("figure =", "figre =", "figre", 'did you mean "figure"?'),
    "no figure": ('figure = "Data size"\n', "", "figure: is missing", "title"),
    "figure of wrong type": ('"Data size"', "3", "figure: found the integer 3", "a string"),
    "empty figure": ('"Data size"', '" "', "figure: ", "want a string"),
    "no family": ('family = "allocation"\n', "", "family: is missing", '"allocation"'),
    "misspelt family": ('"allocation"', '"alocation"', "family", 'did you mean "allocation"?'),
    "family of wrong type": ('"allocation"', "[1]", "family: found an array", "allocation"),
    "name of a folder elsewhere": (
        'family = "a',
        'name = "../up"\nfamily = "a',
        'name: "../up"',
        "letters",
    ),
    "description of wrong type": (
        'family = "a',
        'description = 1\nfamily = "a',
        "description: found the integer 1",
        "",
    ),
    "unknown field": ("switch =", "swich =", "problem.swich", 'did you mean "switch"?'),
    "unknown problem": ("switch =", 'name = "jobs"\nswitch =', "problem.name", "carbon_jobs"),
    "string for a number": (
        "0.25",
        '"big"',
        'problem.switch: found the string "big"',
        "from 0 to 1e+06 g",
    ),
    "boolean for a number": (
        "0.25",
        "true",
        "problem.switch: found the boolean true",
        "from 0 to 1e+06 g",
    ),
    "table for a number": (
        "0.25",
        "{ a = 1 }",
        "problem.switch: found a table",
        "from 0 to 1e+06 g",
    ),
    "date for a number": (
        "0.25",
        "2022-01-01",
        "problem.switch: found the date",
        "from 0 to 1e+06 g",
    ),
    "bad entry of a list": ("[1, 2, 3]", '[1, 2, "x"]', "problem.data_size[2]", "GB"),
    "nested list": ("[1, 2, 3]", "[1, [2]]", "problem.data_size[1]: found an array", "GB"),
    "empty list": ("[1, 2, 3]", "[]", "problem.data_size: the list is empty", "GB"),
    "value there twice": ("[1, 2, 3]", "[1, 2, 1.0]", "problem.data_size[2]", "first at [0]"),
    "not a number": (
        "0.25",
        "nan",
        "problem.switch: nan is not a finite number",
        "from 0 to 1e+06 g",
    ),
    "infinite": (
        "0.25",
        "-inf",
        "problem.switch: -inf is not a finite number",
        "from 0 to 1e+06 g",
    ),
    "too large for a float": (
        "0.25",
        "1" + 400 * "0",
        "problem.switch: the number",
        "from 0 to 1e+06 g",
    ),
    "negative beta": (
        "0.25",
        "-1",
        "problem.switch: -1 is too small",
        "a number from 0 to 1e+06 g",
    ),
    "above the range": ("switch = 0.25", "forecast_noise = 1.5", "forecast_noise: 1.5", "0 to 1"),
    "below an open end": (
        "[0.1, 2]",
        "0",
        "algorithm[1].epsilon: 0 is too small",
        "from 0 (excluded)",
    ),
    "float for an integer": ("min = 12", "min = 12.5", "problem.deadline_min: found", "integer"),
    "integer of 40 bits": ("min = 12", "min = 1099511627776", "problem.deadline_min", "32 bits"),
    "bad choice": ("switch = 0.25", 'bounds = "windw"', "problem.bounds", '"window"'),
    "choice of wrong type": ("switch = 0.25", "bounds = 3", "problem.bounds: found", '"trace"'),
    "bad word": ("switch = 0.25", 'job_length = "gogle"', "problem.job_length", '"google"?'),
    "string for strings": ("switch = 0.25", 'regions = "FR"', "problem.regions", "a list of"),
    "no strings": ("switch = 0.25", "regions = []", "problem.regions: the list is", "a list of"),
    "string twice": ("switch = 0.25", 'regions = ["A", "A"]', "problem.regions[1]", "once"),
    "empty path": ("switch = 0.25", 'carbon = ""', "problem.carbon: the string is", "a path"),
    "problem is no table": ("[problem]", "[[problem]]", "problem: found an array", "[problem]"),
    "misspelt algorithm": ('"pcm"\nm', '"pmc"\nm', "algorithm[0].name", 'did you mean "pcm"?'),
    "algorithm without a name": ('name = "pcm"\n', "", "algorithm[0].name: is missing", "pcm"),
    "comparator as algorithm": ('"pcm"\nm', '"advice"\nm', "algorithm[0].name", "run.compare"),
    "unknown parameter": ("epsilon", "epsilom", "algorithm[1].epsilom", 'mean "epsilon"?'),
    "algorithm twice": (
        "[run]",
        '[[algorithm]]\nname = "pcm"\nmetric = "true"\n[run]',
        'algorithm[2]: the label "pcm" is also that of algorithm[0]',
        "another label",
    ),
    "label there twice": (
        "epsilon = [0.1, 2]",
        'label = "pcm"',
        'algorithm[1]: the label "pcm" is also that of algorithm[0]',
        "another label",
    ),
    "label of a comparator": (
        'metric = "true"',
        'label = "offline_optimum"',
        'algorithm[0]: the label "offline_optimum" is also that of run.compare',
        "another label",
    ),
    "label of wrong type": ('metric = "true"', "label = 1", "algorithm[0].label", "a string"),
    "zero seeds": ("seeds = 20", "seeds = 0", "run.seeds: 0 is too small", "integer >= 1"),
    "list of seeds": ("seeds = 20", "seeds = [1, 2]", "run.seeds: found an array", "integer >= 1"),
    "no seeds": ("seeds = 20\n", "", "run.seeds: is missing", "integer >= 1"),
    "unknown key of run": ("tile =", "tille =", "run.tille", 'did you mean "tile"?'),
    "tile of no multiple": ("tile = 64", "tile = 100", "run.tile: 100", "such as 96"),
    "tile too small": ("tile = 64", "tile = 8", "run.tile: 8 is too small", "16"),
    "precision": ("tile = 64", 'precision = "float16"', "run.precision", '"float32"'),
    "confidence": ("tile = 64", "confidence = 95", "run.confidence: 95 is too large", "0.999"),
    "horizons of a problem that has its own": (
        "tile = 64",
        "horizons = [10]",
        "run.horizons: the problem carbon_jobs fixes its own horizon",
        "leave run.horizons out",
    ),
    "unknown comparator": ("tile = 64", 'compare = ["offline"]', "run.compare[0]", "optimum"),
    "no comparator": ("tile = 64", "compare = []", "run.compare: the list is empty", "optimum"),
    "unknown key of smoke": ("seeds = 4", "seds = 4", "smoke.seds", 'did you mean "seeds"?'),
    "bad value in smoke": ("seeds = 4", "seeds = 0", "smoke.seeds: 0 is too small", ">= 1"),
    "bad axis in smoke": ("data_size = 1\n", "data_size = [-1]\n", "smoke.data_size[0]", "GB"),
    "horizons in smoke": ("seeds = 4", "horizons = 9", "smoke.horizons", "leave"),
    "comparator in smoke": ("seeds = 4", 'compare = ["best"]', "smoke.compare[0]", "optimum"),
    "unknown algorithm in smoke": (
        "data_size = 1\n",
        "algorithm.st_clp.epsilon = 2\n",
        "smoke.algorithm.st_clp.epsilon",
        'did you mean "st_clip"?',
    ),
    "bad value of an algorithm in smoke": (
        "data_size = 1\n",
        "algorithm.st_clip.epsilon = 0\n",
        "smoke.algorithm.st_clip.epsilon: 0 is too small",
        "from 0 (excluded)",
    ),
    "unknown parameter in smoke": (
        "data_size = 1\n",
        "algorithm.st_clip.epsilom = 1\n",
        "smoke.algorithm.st_clip.epsilom",
        'did you mean "epsilon"?',
    ),
    "algorithm in smoke that is no table": (
        "data_size = 1\n",
        "algorithm = 3\n",
        "smoke.algorithm: found the integer 3",
        "[smoke.algorithm.NAME]",
    ),
    "algorithm in smoke without fields": (
        "data_size = 1\n",
        "algorithm.st_clip = 3\n",
        "smoke.algorithm.st_clip: found the integer 3",
        "want a table",
    ),
    "unknown kind": ('kind = "ratio"', 'kind = "ration"', "check[0].kind", 'mean "ratio"?'),
    "no kind": ('kind = "ratio"\n', "", "check[0].kind: is missing", "ratio"),
    "unknown field of a check": ("at_most", "atmost", "check[0].atmost", 'mean "at_most"?'),
    "bad bound": ("at_most = 4", "at_most = true", "check[0].at_most", "number"),
    "bad statistic": ("at_most", 'statistic = "men"\nat_most', "check[0].statistic", '"mean"?'),
    "unknown learner": ('algorithm = "pcm"', 'algorithm = "pmc"', "check[0].algorithm", '"pcm"?'),
    "ambiguous learner": (
        'algorithm = "pcm"',
        'algorithm = "st_clip"',
        "check[0].algorithm",
        "st_clip(epsilon=0.1), st_clip(epsilon=2)",
    ),
    "unknown axis": ("{ data_size", "{ data_sise", "check[0].where.data_sise", '"data_size"?'),
    "value that no point has": ("= 1 }", "= 7 }", "check[0].where.data_size: 7", "1, 2, 3"),
    "where is no table": ("{ data_size = 1 }", "1", "check[0].where: found 1", "table"),
    "slope without an interval": (
        'kind = "ratio"\nalgorithm = "pcm"\nat_most = 4',
        'kind = "slope"\nalgorithm = "pcm"\nbetween = [1, 0.5]',
        "check[0].between",
        "[0.4, 0.6]",
    ),
    "unknown plot": ("ratio-vs-axis", "ratio-vs-axes", "plot[0].kind", '"ratio-vs-axis"?'),
    "unknown axis of a plot": ('"data_size"', '"data"', "plot[0].axis", '"data_size"?'),
    "check is no list": ("[[check]]", "[check]", "check: found a table", "[[check]]"),
    "too many points": (
        "[1, 2, 3]\nswitch = 0.25",
        f"{[*range(400)]}\nswitch = {[*range(400)]}",
        "problem: the axes span 160000 points",
        "100000",
    ),
    "too many runs": ("seeds = 20", "seeds = 2000000000", "run.seeds: 3 points", "runs"),
    "deadline before the job's end": ("min = 12", "min = 3", "problem.job_length", "deadline_min"),
    "no file of carbon": ("switch = 0.25", 'carbon = "nowhere"', "problem", "nowhere"),
}


@pytest.mark.parametrize(("old", "new", "place", "hint"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_spec_is_refused(write, capsys, old, new, place, hint):
    printed = refused(capsys, write(changed(old, new)))
    assert place in printed
    assert hint in printed.partition(place)[2]


def test_no_algorithm(write, capsys):
    first, last = BASE.index("[[algorithm]]"), BASE.index("[run]")
    printed = refused(capsys, write(BASE[:first] + BASE[last:]))
    assert "algorithm: there is none" in printed
    assert "st_clip" in printed
    # What a check says of learners is not judged before there are any.
    assert "check[0]" not in printed


def test_one_table_for_the_algorithms(write, capsys):
    first, last = BASE.index("[[algorithm]]"), BASE.index("[run]")
    text = BASE[:first] + '[algorithm]\nname = "pcm"\n' + BASE[last:]
    printed = refused(capsys, write(text))
    assert "algorithm: found a table" in printed
    assert "[[algorithm]]" in printed
    assert "there is none" not in printed


def test_every_error_is_told_at_once(write, capsys):
    text = (
        BASE.replace("figure", "figre")
        .replace("switch = 0.25", "switch = -1")
        .replace("[1, 2, 3]", '[1, "x", nan]')
        .replace("epsilon", "epsilom")
        .replace("tile = 64", "tile = 65")
        .replace("seeds = 4", "seeds = false")
        .replace("at_most", "atmost")
        .replace("ratio-vs-axis", "pie")
    )
    printed = refused(capsys, write(text))
    places = (
        "figre:",
        "figure:",
        "problem.switch:",
        "problem.data_size[1]:",
        "problem.data_size[2]:",
        "algorithm[1].epsilom:",
        "run.tile:",
        "smoke.seeds:",
        "check[0].atmost:",
        "check[0].at_most:",
        "plot[0].kind:",
    )
    for place in places:
        assert printed.count(f"  {place} ") == 1, place
    assert f"jaxsoco: {len(places)} problems" in printed


SETTINGS = {
    "unknown field": ("problem.swich=1", "--set problem.swich", '"switch"?'),
    "bad value": (
        "problem.switch=-1",
        "--set problem.switch: -1 is too small",
        "from 0 to 1e+06 g",
    ),
    "bare word": (
        "problem.switch=big",
        'problem.switch: found the string "big"',
        "from 0 to 1e+06 g",
    ),
    "half a list": ("problem.data_size=[1, 2", "--set problem.data_size", "[1, 2]"),
    "two lines": ("problem.switch=1\ny = 2", "--set problem.switch", "TOML value"),
    "no value": ("problem.switch", "--set problem.switch: has no value", "key=value"),
    "nothing": ("problem.switch=", "--set problem.switch", "TOML value"),
    "no key": ("=3", "--set =3: has no value", "key=value"),
    "unknown section": ("probem.switch=1", "--set probem.switch", '"problem"?'),
    "no section": ("switch=1", "--set switch: names no setting", "problem.FIELD"),
    "too deep": ("run.seeds.x=1", "--set run.seeds.x: names no setting", "run.KEY"),
    "unknown key of run": ("run.sed=1", "--set run.sed", '"seeds"?'),
    "unknown algorithm": ("algorithm.pmc.metric=1", '"pmc"', '"pcm"?'),
    "algorithm out of range": ("algorithm.2.metric=1", "algorithm[2]", "0 to 1"),
    "unknown parameter": ("algorithm.0.mtric=1", "--set algorithm.0.mtric", '"metric"?'),
}


@pytest.mark.parametrize(("setting", "place", "hint"), SETTINGS.values(), ids=SETTINGS)
def test_a_bad_setting_is_refused(write, capsys, setting, place, hint):
    printed = refused(capsys, write(BASE), "--set", setting)
    assert place in printed
    assert hint in printed.partition(place)[2]


def test_seeds_of_the_command_line_are_checked(write, capsys):
    assert "--seeds: 0 is too small" in refused(capsys, write(BASE), "--seeds", 0)
    assert refused(capsys, write(BASE), "--seeds", "many")


def test_an_algorithm_named_twice_is_set_by_its_number(write, capsys):
    text = BASE.replace('"st_clip"\nepsilon = [0.1, 2]', '"pcm"\nmetric = "tree"')
    printed = refused(capsys, write(text), "--set", "algorithm.pcm.metric=tree")
    assert '"pcm" names 2 algorithms' in printed
    assert "algorithm.0 or algorithm.1" in printed


def test_a_missing_file_is_named_with_what_is_near(write, capsys):
    path = write(BASE)
    printed = refused(capsys, path.with_name("sise.toml"))
    assert "there is no such file" in printed
    assert f'did you mean "{path}"?' in printed


def test_a_folder_is_no_spec(tmp_path, capsys):
    assert "is a folder" in refused(capsys, tmp_path)


def test_a_binary_file_is_no_spec(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_bytes(b'figure = "\xff"')
    assert "is not UTF-8 text (byte 10)" in refused(capsys, path)


@pytest.mark.parametrize(
    ("text", "line"),
    [("figure = 'a'\nfamily = \n", 2), ("a = 1\n\na = 2\n", 3), ("[run\n", 1)],
)
def test_bad_toml_is_located(write, capsys, text, line):
    path = write(text)
    assert f"{path}:{line}, column" in refused(capsys, path)


def test_toml_that_ends_early_is_told(write, capsys):
    assert "is not valid TOML" in refused(capsys, write('figure = "x'))


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert load_experiment(path).figure == "Data size"


def test_values_are_typed_and_complete(write):
    experiment = load_experiment(write(BASE))
    assert list(experiment.axes)[:3] == ["data_size", "switch", "deadline_min"]
    assert experiment.axes["data_size"] == (1.0, 2.0, 3.0)
    assert all(isinstance(value, float) for value in experiment.axes["data_size"])
    assert experiment.axes["job_length"] == ("google",)
    assert experiment.axes["regions"] == (None,)
    assert experiment.swept == {"data_size": (1.0, 2.0, 3.0)}
    assert experiment.name == "size"
    assert experiment.run.precision == "float64"
    assert [entry.name for entry in experiment.comparators] == [
        "offline_optimum",
        "integral_optimum",
    ]


def test_what_is_laid_over_what(write):
    path = write(BASE)
    smoke = load_experiment(path, smoke=True)
    assert (smoke.run.seeds, smoke.axes["data_size"]) == (4, (1.0,))
    typed = load_experiment(
        path, smoke=True, assignments=["run.seeds=7", "problem.data_size=[2, 5]"]
    )
    assert (typed.run.seeds, typed.axes["data_size"]) == (7, (2.0, 5.0))
    assert load_experiment(path, seeds=9, assignments=["run.seeds=7"]).run.seeds == 9
    last = load_experiment(path, assignments=["run.seeds=7", "run.seeds=8"])
    assert last.run.seeds == 8


def test_smoke_may_leave_learners_out(write):
    path = write(changed("data_size = 1\n", "algorithm.st_clip.epsilon = 2\n"))
    full, smoke = load_experiment(path), load_experiment(path, smoke=True)
    assert [learner.label for learner in full.learners][1:] == [
        "st_clip(epsilon=0.1)",
        "st_clip(epsilon=2)",
    ]
    assert [learner.label for learner in smoke.learners] == ["pcm", "st_clip"]
    assert smoke.learners[1].values["epsilon"] == 2
    typed = load_experiment(path, smoke=True, assignments=["algorithm.st_clip.epsilon=0.5"])
    assert typed.learners[1].values["epsilon"] == 0.5


def test_seeds_may_come_from_the_command_line_alone(write):
    assert load_experiment(write(changed("seeds = 20\n", "")), seeds=5).run.seeds == 5


def test_settings_reach_algorithms_by_name_number_and_label(write):
    text = BASE.replace('metric = "true"', 'metric = "true"\nlabel = "v1.5"')
    path = write(text.replace('algorithm = "pcm"', 'algorithm = "v1.5"'))
    for name in ("v1.5", "pcm", "0"):
        experiment = load_experiment(path, assignments=[f"algorithm.{name}.metric=tree"])
        assert experiment.learners[0].values["metric"] == "tree"
        assert experiment.learners[0].label == "v1.5"


def test_a_check_that_a_smaller_sweep_cannot_make_is_left_out(write):
    path = write(changed("where = { data_size = 1 }", "where = { data_size = 3 }"))
    assert len(load_experiment(path).checks) == 1
    smoke = load_experiment(path, smoke=True)
    assert smoke.checks == ()
    assert smoke.plots == ()  # its axis has one value left
    assert len(smoke.warnings) == 2
    assert "check[0].where.data_size: 3" in smoke.warnings[0]


def test_input_errors_carry_their_issues(write):
    with pytest.raises(InputError) as caught:
        load_experiment(write(changed("0.25", "-1")))
    assert [issue.path for issue in caught.value.issues] == ["problem.switch"]


def test_required_fields_and_horizons(toy_spec, capsys):
    printed = refused(capsys, toy_spec(("speed = [1, 2]", ""), ("horizons = [10, 20]", "")))
    assert "problem.speed: is missing (want a number >= 0 m/s)" in printed
    assert "run.horizons: is missing" in printed
    printed = refused(capsys, toy_spec(("[10, 20]", "[0, 20]")))
    assert "run.horizons[0]: 0 is too small" in printed
    printed = refused(capsys, toy_spec(("seeds = 3", "seeds = 3\ncheckpoints = 0")))
    assert "run.checkpoints: 0 is too small" in printed


def test_a_list_of_lists_is_an_axis_of_strings(toy_spec):
    one = load_experiment(toy_spec(("speed =", 'names = ["a", "b"]\nspeed =')))
    assert one.axes["names"] == (("a", "b"),)
    two = load_experiment(toy_spec(("speed =", 'names = [["a", "b"], ["c"]]\nspeed =')))
    assert two.axes["names"] == (("a", "b"), ("c",))


def test_mixed_strings_and_lists_are_refused(toy_spec, capsys):
    path = toy_spec(("speed =", 'names = ["a", ["b"]]\nspeed ='))
    printed = refused(capsys, path)
    assert 'problem.names[0]: found the string "a"' in printed
