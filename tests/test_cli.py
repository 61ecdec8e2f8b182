"""The command line: what it prints, its exit codes, and that it answers before JAX is imported."""

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT, environment

from jaxsoco import cli, registry
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import REQUIRED, Field

SPEC = """\
figure = "Two sizes"
family = "allocation"
[problem]
data_size = [1, 4]
[[algorithm]]
name = "pcm"
[run]
seeds = 600
pack = 512
[smoke]
seeds = 8
"""

WITHOUT_JAX = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "matplotlib"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocker())
from jaxsoco.cli import main
sys.exit(main())
"""


def start(*arguments: str, cwd: Path, code: str = WITHOUT_JAX) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def spec(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "experiments" / "allocation"
    folder.mkdir(parents=True)
    path = folder / "sizes.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_list_names_everything(spec, capsys):
    (spec.parent / "broken.toml").write_text("figure = ", encoding="utf-8")
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in ("carbon_jobs", "pcm", "st_clip", "threshold", "offline_optimum", "advice"):
        assert f"allocation/{name}" in printed
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "experiments/allocation/sizes.toml Two sizes" in lines
    assert any(line.startswith("experiments/allocation/broken.toml (") for line in lines)


def test_list_shows_the_fields_of_one(capsys):
    assert main(["list", "allocation/st_clip"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "allocation/st_clip (algorithm)"
    assert any(
        line.startswith("epsilon a number from 0 (excluded) to 1e+06 0.1 trust in")
        for line in lines
    )
    assert any(line.startswith('metric "tree" or "true" "tree" ') for line in lines)
    entry = registry.algorithm("allocation/st_clip")
    assert f"information: {entry.information}" in lines and f"guarantee: {entry.promise}" in lines
    assert main(["list", "allocation/carbon_jobs"]) == 0
    printed = capsys.readouterr().out
    assert 'an integer from 1 to 168 h, "google" or "google-rounded-up"' in printed
    assert main(["list", "allocation"]) == 0
    assert "shortfall" in capsys.readouterr().out
    assert main(["list", "allocation/advice"]) == 0
    assert "run.compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("allocation/pmc", 'did you mean "allocation/pcm"?'),
        ("alocation/pcm", 'did you mean "allocation"?'),
        ("pcm", "family/name"),
        ("a/b/c", "family/name"),
        ("checks/slop", 'did you mean "checks/slope"?'),
        ("plots/", "plots/"),
    ],
)
def test_list_of_an_unknown_name_suggests(capsys, name, hint):
    assert main(["list", name]) == 2
    assert hint in capsys.readouterr().err


def test_list_shows_the_kinds_of_checks_and_plots_and_the_keys_of_a_run(capsys):
    for name, told in (("checks", "checks/slope"), ("plots/curve", "rate"), ("run", "root_seed")):
        assert main(["list", name]) == 0
        assert told in capsys.readouterr().out


def test_the_registry_finds_entries():
    assert registry.family("allocation").name == "allocation"
    assert registry.algorithm("allocation/pcm").name == "pcm"
    assert registry.problem("allocation/carbon_jobs").name == "carbon_jobs"
    assert registry.comparator("allocation/offline_optimum").name == "offline_optimum"
    assert registry.find("allocation/advice")[0] == "comparator"
    for look_up in (registry.algorithm, registry.problem, registry.comparator):
        with pytest.raises(InputError, match="allocation/"):
            look_up("allocation/no_such_thing")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (Field("x", "float", ""), "a number"),
        (Field("x", "float", "", unit="g", low=0), "a number >= 0 g"),
        (Field("x", "float", "", low=0, open_low=True), "a number > 0"),
        (Field("x", "float", "", high=2), "a number <= 2"),
        (
            Field("x", "float", "", low=0, high=2, open_low=True),
            "a number from 0 (excluded) to 2",
        ),
        (
            Field("x", "integer", "", low=1, high=9, words=("all",)),
            'an integer from 1 to 9 or "all"',
        ),
        (Field("x", "choice", "", choices=("a", "b", "c")), '"a", "b" or "c"'),
        (Field("x", "boolean", ""), "true or false"),
        (Field("x", "strings", ""), "a list of strings"),
        (Field("x", "strings", "", choices=("a", "b")), 'a list from "a", "b"'),
        (Field("x", "path", "", REQUIRED, words=("none",)), 'a path or "none"'),
    ],
)
def test_what_a_field_takes_in_words(field, words):
    assert registry.want(field) == words


def test_check_prints_the_size(spec, capsys):
    assert main(["check", str(spec)]) == 0
    printed = capsys.readouterr().out
    assert "2 points x 3 learners x 600 seeds = 3600 runs, 3 compilations, 3 packs" in printed
    assert "data_size" in printed
    # 1200 runs of 3 learners: 4 costs of 8 bytes, a flag of 4 and one of 1.
    assert f"{1200 * 3 * (4 * 8 + 5) / 1000:.3g} kB" in printed
    assert "not known before a first pack is in runs/sizes" in printed
    assert main(["check", str(spec), "--smoke"]) == 0
    assert "runs/sizes-smoke" in capsys.readouterr().out


def test_check_writes_nothing(spec, tmp_path):
    assert main(["check", str(spec)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["experiments"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "COMMAND"),
        (["rnu", "x.toml"], "rnu"),
        (["run"], "SPEC"),
        (["run", "x.toml", "--share", "3/2"], "want I/N"),
        (["run", "x.toml", "--chunks", "0/2"], "want I/N"),
        (["run", "x.toml", "--chunks", "half"], "want I/N"),
        (["run", "x.toml", "--devices", "0"], "want a whole number from 1 to"),
        (["run", "x.toml", "--devices", "two"], "want a whole number from 1 to"),
        (["run", "x.toml", "--seeds", "many"], "many"),
        (["run", "x.toml", "--sede", "3"], "--sede"),
        (["run", "no_such.toml"], "no_such.toml: there is no such file"),
        (["status", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_code_2(spec, capsys, arguments, told):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("digits", [5000, 100])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("option", "text", "want"),
    [
        ("--seeds", "{}", "want a whole number from 1 to 2147483647"),
        ("--devices", "{}", "want a whole number from 1 to 2147483647"),
        ("--share", "1/{}", "want I/N with 1 <= I <= N <= 2147483647, such as 1/4, or auto"),
        ("--share", "{0}/{0}", "want I/N with 1 <= I <= N <= 2147483647, such as 1/4, or auto"),
        ("--chunks", "1/{}", "want I/N with 1 <= I <= N <= 2147483647, such as 1/4, or auto"),
    ],
)
def test_a_number_of_thousands_of_digits_is_refused_in_short(
    spec, capsys, option, text, want, sign, digits
):
    value = text.format(sign + "9" * digits)
    assert main(["run", str(spec), f"{option}={value}"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    named = "--share/--chunks" if option in ("--share", "--chunks") else option
    assert told.startswith(f'jaxsoco run: error: argument {named}: "{value[:9]}')
    assert told.endswith(want)
    assert len(told) < 200


@pytest.mark.parametrize(("option", "value"), [("--devices", 2**31), ("--chunks", f"1/{2**31}")])
def test_a_number_beyond_32_bits_is_refused(spec, capsys, option, value):
    assert main(["run", str(spec), option, str(value)]) == 2
    assert f'"{value}": want ' in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_that_is_no_run_is_refused(spec, tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jaxsoco ")
    assert main(["--help"]) == 0
    assert "75 interrupted and resumable" in " ".join(capsys.readouterr().out.split())


def test_the_small_commands_do_without_jax(spec, tmp_path):
    listed = start("list", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    checked = start("check", str(spec), cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    for command in ("status", "report"):
        refused = start(command, str(tmp_path), cwd=tmp_path)
        assert refused.returncode == 2
        assert "not a run directory" in refused.stderr


def test_run_refuses_bad_input_without_jax(spec, tmp_path):
    bad = start("run", str(spec), "--set", "problem.switch=-1", cwd=tmp_path)
    assert bad.returncode == 2
    assert "--set problem.switch: -1 is too small" in bad.stderr
    conflict = start("run", str(spec), "--set", "problem.deadline_min=1", cwd=tmp_path)
    assert conflict.returncode == 2
    assert "problem.job_length" in conflict.stderr
    foreign = start("run", str(spec), "--out", str(spec.parent), cwd=tmp_path)
    assert foreign.returncode == 2
    assert "not a run directory" in foreign.stderr
    assert not (tmp_path / "runs").exists()


def test_a_closed_pipe_is_no_traceback(tmp_path):
    code = (
        "import os, sys\n"
        "from jaxsoco.cli import main\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "os.dup2(writer, 1)\n"
        "sys.exit(main(['list']))\n"
    )
    done = start(cwd=tmp_path, code=code)
    assert done.returncode == 141
    assert done.stderr == ""


# --- help -----------------------------------------------------------------------------------------

COMMANDS = ("list", "check", "run", "status", "report", "export", "compare", "prune")


def help_of(capsys, *command: str) -> str:
    assert main([*command, "--help"]) == 0
    return capsys.readouterr().out


def test_the_codes_are_told(capsys):
    text = " ".join(help_of(capsys).split())
    for code in (
        "0 done",
        "1 a check failed",
        "2 bad input",
        "70 internal error",
        "141 the reader",
    ):
        assert code in text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_defaults(capsys, command):
    options = help_of(capsys, command).partition("\noptions:\n")[2].partition("\nexamples:")[0]
    entries = re.split(r"\n  (?=-)", f"\n{options.rstrip()}")[1:]
    assert entries[0].startswith("-h")
    for entry in entries[1:]:
        assert "(default: " in " ".join(entry.split()), entry


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_has_examples_and_they_parse(capsys, command):
    examples = help_of(capsys, *command.split()).partition("\nexamples:\n")[2].partition("\n\n")[0]
    lines = examples.splitlines()
    assert lines
    for line in lines:
        program, *words = shlex.split(re.split(r"  +", line.strip())[0])
        assert program == "jaxsoco"
        arguments = cli._parser().parse_args(words)
        assert command in ("", arguments.command)
        spec = getattr(arguments, "spec", None)
        assert spec is None or (ROOT / spec).exists()


# --- JSON -----------------------------------------------------------------------------------------


def document(capsys, *arguments: str, code: int = 0) -> dict:
    """The one document on stdout; of good input nothing is on stderr."""
    assert main([*arguments, "--json"]) == code
    printed = capsys.readouterr()
    assert printed.out.isascii()
    assert bool(printed.err) == bool(code)
    content = json.loads(printed.out)
    assert (content["format"], content["command"]) == (1, arguments[0])
    return content


def test_check_for_programs(spec, capsys):
    content = document(capsys, "check", str(spec))
    sizes = {key: content[key] for key in ("points", "seeds", "runs", "compilations", "packs")}
    assert sizes == {"points": 2, "seeds": 600, "runs": 3600, "compilations": 3, "packs": 3}
    assert content["axes"] == {"data_size": [1, 4]}
    assert content["algorithms"] == ["pcm"]
    assert content["directory"] == "runs/sizes" and content["seconds"] is None
    assert content["warnings"] == [] and content["traced"] is False


def test_list_for_programs(spec, capsys):
    content = document(capsys, "list")
    assert {"allocation", "tracking"} <= {family["name"] for family in content["families"]}
    assert content["experiments"] == [
        {"file": "experiments/allocation/sizes.toml", "title": "Two sizes"}
    ]
    (entry,) = document(capsys, "list", "allocation/st_clip")["entries"]
    assert (entry["kind"], entry["name"]) == ("algorithm", "allocation/st_clip")
    assert "1 + epsilon times the advice" in entry["guarantee"] and "advice" in entry["information"]
    fields = {field["name"]: field for field in entry["fields"]}
    epsilon = fields["epsilon"]
    assert epsilon["default"] == 0.1
    assert epsilon["takes"] == "a number from 0 (excluded) to 1e+06"
    (section,) = document(capsys, "list", "checks/slope")["sections"]
    assert section["name"] == "checks/slope" and section["fields"]
    (family,) = document(capsys, "list", "allocation")["families"]
    for kind in ("problems", "algorithms", "comparators"):
        for one in family[kind]:
            assert document(capsys, "list", one["name"])["entries"][0]["summary"] == one["summary"]


def test_errors_for_programs(spec, capsys):
    content = document(capsys, "check", str(spec), "--set", "problem.switch=-1", code=2)
    assert content["errors"] == [
        {
            "path": "--set problem.switch",
            "message": content["errors"][0]["message"],
            "hint": content["errors"][0]["hint"],
        }
    ]
    assert "-1 is too small" in content["errors"][0]["message"]
    assert document(capsys, "list", "allocation/pmc", code=2)["errors"][0]["hint"]
    assert document(capsys, "status", str(spec.parent), code=2)["errors"]


def documented(heading: str) -> set[str]:
    """The keys that the page's table under a heading has."""
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    section = re.split(r"\n##+ ", page.partition(f"# {heading}\n")[2])[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.M)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_documents_have_the_keys_that_the_page_tells(spec, finished, capsys):
    every = documented("JSON for programs") - {"errors"}
    check = documented("check") - {"tuning"}  # of a file that says what to tune
    assert set(document(capsys, "check", str(spec))) == every | check
    whole = str(finished[0] / "São")
    status = document(capsys, "status", whole)
    assert set(status) == every | documented("status")
    assert status["runs"] == {"done": 4, "total": 4, "failed": 0} and status["complete"] is True
    assert status["packs"] == 1
    assert set(document(capsys, "compare", whole, whole)) == every | documented("compare")
    assert set(document(capsys, "prune", whole)) == every | documented("prune")
    kinds = (["list"], ["list", "allocation/pcm"], ["list", "run"])
    lists = set().union(*(document(capsys, *kind) for kind in kinds))
    assert lists == every | documented("list")


# --- the terminal ---------------------------------------------------------------------------------

STUDY = """\
figure = "Follow"
family = "tracking"
[problem]
name = "quadratic_tracking"
dimension = 2
[[algorithm]]
name = "follow_minimizer"
[run]
horizons = 10
seeds = 4
tile = 16
[[check]]
kind = "value"
algorithm = "follow_minimizer"
at_most = 0.0
"""

REPLACED = """
import sys
from jaxsoco.engine import sweep

def records(*_):
    raise RuntimeError("of the\\n test \\x1b[31m")

sweep._records = records
from jaxsoco.cli import main
sys.exit(main())
"""


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, str]:
    """A folder with a study and its run in ``São``, and what a terminal got."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "study.toml").write_text(STUDY.replace("Follow", "São Paulo"), encoding="utf-8")
    code, printed = on_a_terminal("run", "study.toml", "--out", "São", cwd=folder)
    assert code == 1
    return folder, printed


def test_user_text_cannot_control_the_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    evil = "experiments/e\x1b[31m\u202evil.toml"
    Path(evil).write_text('figure = "\\u001b]0;owned\\u0007"\n"k\\u001b[2J" = 1', encoding="utf-8")
    for arguments in (
        ["list"],
        ["check", evil],
        ["check", evil, "--json"],
        ["run", "\x1b[31m"],
        ["list", "a\x9b31m"],
        ["list", "--\x1b[31m"],
        ["\x1b[31m"],
        ["status", "\r\x1b[K"],
    ):
        main(arguments)
        printed = "".join(capsys.readouterr())
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed), arguments
        assert r"\x1b" in printed or r"\x9b" in printed or r"\u001b" in printed


def on_a_terminal(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """The command line with a terminal for all its streams; what the terminal gets."""
    master, slave = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-m", "jaxsoco", *arguments],
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    received = b""
    while select.select([master], [], [], 120)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        received += part
    os.close(master)
    return started.wait(60), received.decode()


def test_a_terminal_gets_a_live_line_and_colours(finished):
    folder, printed = finished
    assert "\rcompiling 1 of 1: follow_minimizer" in printed
    assert "\ncompiling" not in printed
    assert re.search("\x1b\\[31mcheck (failed|FAILED)\x1b\\[0m: ", printed)
    code, printed = on_a_terminal("report", "São", cwd=folder, NO_COLOR="1")
    assert code == 1
    assert "\x1b" not in printed


# --- outputs that fail ----------------------------------------------------------------------------

PLAIN = "import sys; from jaxsoco.cli import main; sys.exit(main())"


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell in which ``jaxsoco`` is this package's."""
    function = f'jaxsoco() {{ {shlex.join([sys.executable, "-m", "jaxsoco"])} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", function + line],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done


HAS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")


@HAS_FULL
def test_a_full_output_loses_nothing_of_a_run(study, tmp_path):
    done = shell("jaxsoco run study.toml --out out >/dev/full", tmp_path)
    assert done.returncode == 1  # of the check
    assert "jaxsoco: the output cannot be written: No space left on device" in done.stderr
    assert (tmp_path / "out" / "report.html").exists()


@HAS_FULL
@pytest.mark.parametrize("where", [">&-", ">&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"])
def test_an_output_that_cannot_be_written(finished, where):
    report, (folder, _) = finished[0] / "São" / "report.html", finished
    report.unlink(missing_ok=True)
    assert shell(f"jaxsoco report São {where}", folder).returncode == 1  # of the check
    assert report.exists()
    code = 75 if "full" in where else 0
    assert shell(f"jaxsoco status São {where}", folder).returncode == code


def test_a_reader_that_leaves_early_gets_no_less_of_a_report(finished):
    report, (folder, _) = finished[0] / "São" / "report.html", finished
    report.unlink(missing_ok=True)
    done = shell("jaxsoco report São | true; exit ${PIPESTATUS[0]}", folder)
    assert done.returncode == 141
    assert report.exists()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
def test_an_output_in_ascii_has_escapes(finished, environment):
    folder, printed = finished
    assert "São" in printed and " ± " in printed
    commands = "jaxsoco report São; jaxsoco check study.toml; jaxsoco run study.toml --out São"
    done = shell(commands, folder, **environment)
    assert "Traceback" not in done.stderr and done.stderr.isascii()
    assert done.stdout.count("report: S") == 2  # whose runs are all there
    assert done.stdout.isascii()
    # The second one's path is read as bytes.
    assert re.search(r"report: S\\x(e3|c3\\xa3)o/report.html", done.stdout)
    assert "S\\xe3o Paulo" in done.stdout and " \\xb1 " in done.stdout


def test_a_path_that_is_no_text(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system wants text")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    line = "jaxsoco run $'b\\xff/study.toml' --out $'b\\xff/out'; "
    done = shell(line + "jaxsoco run $'b\\xff/studi.toml'; echo $?", tmp_path)
    assert r"report: b\xff/out/report.html" in done.stdout
    assert done.stdout.endswith("\n2\n")
    assert r"b\xff/studi.toml: there is no such file" in done.stderr
    assert (folder / "out" / "report.html").exists()


# --- internal errors ------------------------------------------------------------------------------


def test_an_internal_error_is_code_70_and_a_file(study, tmp_path):
    run = ("run", "study.toml", "--out", "out")
    failed = start(*run, cwd=tmp_path, code=REPLACED)
    assert failed.returncode == 70
    assert "Traceback" not in failed.stderr
    (file,) = (tmp_path / "out").glob("jaxsoco-error-*.txt")
    lines = [x for x in failed.stderr.splitlines() if not x.startswith("compiling")]
    first, reason, error, *_, last = lines
    assert first == "1 pack could not be computed (4 runs); the others are kept:"
    assert reason.strip() == r"of the test \x1b[31m"
    assert error == r"jaxsoco: internal error: RuntimeError: of the test \x1b[31m"
    assert f"the file {Path('out') / file.name}" in last or f"the file {file}" in last
    text = file.read_text(encoding="utf-8")
    for part in ("command: jaxsoco run study.toml --out out", "jaxlib: ", "Traceback", "records"):
        assert part in text
    assert start("status", "out", cwd=tmp_path, code=PLAIN).returncode == 0


def test_an_internal_error_without_a_run_is_in_the_temporary_folder(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise ValueError

    monkeypatch.setattr("jaxsoco.registry.listing", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["list"]) == 70
    (file,) = tmp_path.iterdir()
    assert str(file) in capsys.readouterr().err
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert main(["list"]) == 70
    assert "Traceback" in capsys.readouterr().err  # or else it would be lost
