"""The documentation is true: its code runs, its commands parse, every field has a table.

Conventions of the pages: ``print(x)  # text`` prints that text; a block whose first line is a
comment with the name of a file, ``# study.toml``, is that file in the page's working folder; a
command with the comment ``# exit code 2`` prints one of the page's ``text`` blocks; a block
``{listing}`` holds one command ``jaxsoco list NAME``, which a reader on GitHub can run and in whose
place the site has the table that ``jaxsoco list NAME --markdown`` prints.
"""

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from optimizer import flags_without
from processes import ROOT, environment

from jaxsoco import cli, registry
from jaxsoco.allocation.data import load_carbon_csv
from jaxsoco.allocation.data.network import load_latency
from jaxsoco.analysis.checks import CHECKS
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.core.fields import want
from jaxsoco.core.schema import REQUIRED, AlgorithmEntry, Field, ProblemEntry
from jaxsoco.experiment import expand, load_experiment
from jaxsoco.experiment.settings import RUN_FIELDS
from jaxsoco.planning.experiment import read_job
from jaxsoco.tuning.fields import OBJECTIVE_FIELDS, TUNE_FIELDS
from jaxsoco.tuning.table import read_table

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = (
    "list",
    "check",
    "run",
    "tune",
    "plan",
    "status",
    "report",
    "export",
    "compare",
    "prune",
)


class Block(NamedTuple):
    """A fenced block: number of its first line, info string and text."""

    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def file(self) -> str | None:
        """Name of the file that the block is."""
        found = re.match(r"# ([\w.-]+\.(?:py|toml))\n", self.text)
        return found[1] if found else None


class Command(NamedTuple):
    """A command that a page names, and the comment beside it."""

    page: Path
    line: int
    words: tuple[str, ...]
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}: {shlex.join(self.words)}"


def blocks(page: Path, language: str = "") -> list[Block]:
    """The fenced blocks of a page, of one language or all."""
    found, start, info = [], 0, ""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if start:
            text = "\n".join([*lines[start : number - 1], ""])
            found.append(Block(start + 1, info, text))
            start = 0
        else:
            start, info = number, line[3:].strip()
    assert not start, f"{page.name}:{start}: the block is not closed"
    return [block for block in found if not language or block.language == language]


def prose(page: Path) -> str:
    """A page without its fenced blocks, with as many lines."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)


def commands(page: Path) -> Iterator[Command]:
    """Every command of a page: its ``sh`` and ``{listing}`` blocks, and inline code."""
    for block in (*blocks(page, "sh"), *blocks(page, "{listing}")):
        for number, line in enumerate(block.text.splitlines(), block.line):
            for part in line.split("&&"):
                if words := shlex.split(part, comments=True):
                    yield Command(page, number, tuple(words), line.partition("  #")[2].strip())
    for number, line in enumerate(prose(page).splitlines(), 1):
        for code in re.findall(r"`(jaxsoco [^`]+)`", line):
            yield Command(page, number, tuple(shlex.split(code)))


def folder_of(page: Path, folder: Path) -> Path:
    """Writes the page's files into ``folder``."""
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    return folder


def scripts(page: Path) -> list[Command]:
    """The page's commands that run a Python file."""
    found = [command for command in commands(page) if command.words[0] == "python"]
    return [command for command in found if command.words[1].endswith(".py")]


def argv_of(command: Command) -> list[str] | None:
    """What a command gives jaxsoco; None for other programs."""
    words = [*command.words]
    if words[:3] == ["python", "-m", "jaxsoco"]:
        return words[3:]
    return words[1:] if Path(words[0]).name == "jaxsoco" else None


OF_JAXSOCO = [c for page in PAGES for c in commands(page) if argv_of(c) is not None]
WITH_CODE = [page for page in PAGES if blocks(page, "python") or scripts(page)]


@pytest.fixture(autouse=True)
def no_plugins_of_another_page():
    yield
    registry.activate(())


# --- code -----------------------------------------------------------------------------------------

DRIVER = """
import io, json, sys, tokenize, types
page, blocks = json.load(sys.stdin)
module = sys.modules["page"] = types.ModuleType("page")
told, wanted = {}, {}
def say(*values, **options):
    told.setdefault(sys._getframe(1).f_lineno, []).append(" ".join(map(str, values)))
for start, text in blocks:
    lines = text.splitlines(keepends=True)
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("print("):
            wanted[start + token.start[0] - 1] = token.string.removeprefix("# ")
    module.print = say
    exec(compile("\\n" * (start - 1) + text, page, "exec"), module.__dict__)
wrong = [
    f"{page}:{line}: want {text!r}, printed {told.get(line, [])}"
    for line, text in wanted.items()
    if [text] != told.get(line)
]
sys.exit("\\n".join(wrong) or None)
"""


def start(
    arguments: list[str], folder: Path, given: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**variables),
        input=given,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


QUICK = (
    "README",
    "adding-a-problem",
    "adding-an-algorithm",
    "concepts",
    "experiment-files",
    "extending",
    "gradients",
    "multistage",
)
"""Pages whose code runs by default; the others' takes longer."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[] if page.stem in QUICK else pytest.mark.slow)
        for page in WITH_CODE
    ],
)
def test_the_code_runs_and_prints_what_it_says(page, tmp_path):
    code = [(block.line, block.text) for block in blocks(page, "python")]
    own = {block.file for block in blocks(page)}
    folder_of(page, tmp_path)
    # Thousands of runs are sooner done where XLA optimises.
    variables = {"XLA_FLAGS": flags_without()} if page.stem == "README" else {}
    done = start(["-c", DRIVER], tmp_path, json.dumps([str(page), code]), **variables)
    assert done.returncode == 0, done.stderr
    for command in scripts(page):
        if command.words[1] not in own:
            assert (ROOT / command.words[1]).exists(), command
            continue
        done = start([*command.words[1:]], tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_a_block_that_prints_something_else_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)  # 3\n```\n", encoding="utf-8")
    code = [(block.line, block.text) for block in blocks(page, "python")]
    done = start(["-c", DRIVER], tmp_path, json.dumps([str(page), code]))
    assert done.returncode == 1
    assert "page.md:2: want '3', printed ['2']" in done.stderr


def test_the_readme_opens_with_a_small_figure():
    (image,) = re.findall(r"!\[.+\]\((\S+)\)", PAGES[0].read_text(encoding="utf-8"))
    assert (ROOT / image).stat().st_size < 150_000


@pytest.mark.slow
def test_the_readmes_figure_can_be_drawn(tmp_path):
    out = tmp_path / "overview.png"
    script = str(ROOT / "docs" / "figures.py")
    done = start([script, "--smoke", "--out", str(out), "--runs", str(tmp_path)], ROOT)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert 10_000 < out.stat().st_size < 150_000


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", OF_JAXSOCO, ids=str)
def test_commands_parse_and_mean_something(command, tmp_path, monkeypatch, capsys):
    argv = argv_of(command) or []
    if command.comment == "exit code 2":
        monkeypatch.chdir(folder_of(command.page, tmp_path))
        assert cli.main(argv) == 2
        assert capsys.readouterr().err in [block.text for block in blocks(command.page, "text")]
        return
    if len(argv) == 1 and argv[0] in COMMANDS:  # named in the text, without its arguments
        argv.append("--help")
    try:
        arguments = cli._parser().parse_args(argv)
    except SystemExit as error:
        assert error.code == 0, capsys.readouterr().err
        return
    folder_of(command.page, tmp_path)
    if argv[0] == "list" and arguments.name:
        monkeypatch.chdir(tmp_path)
        assert cli.main(argv) == 0, capsys.readouterr().err
    if argv[0] not in ("check", "plan", "run", "tune"):
        return
    monkeypatch.chdir(tmp_path if (tmp_path / arguments.spec).exists() else ROOT)
    if argv[0] == "plan":
        read_job(arguments.job)
        assert load_experiment(arguments.spec, assignments=arguments.assignments).learners
        return
    experiment = load_experiment(
        arguments.spec,
        smoke=arguments.smoke,
        seeds=arguments.seeds,
        assignments=arguments.assignments,
    )
    if argv[0] == "check":
        assert expand(experiment).runs > 0
    if argv[0] == "tune":
        assert read_table(expand(experiment)).learners


# --- tables ---------------------------------------------------------------------------------------


def tables(page: Path) -> list[str]:
    """The names of the tables that the site puts into a page."""
    names = []
    for block in blocks(page, "{listing}"):
        (line,) = block.text.splitlines()
        assert line.startswith("jaxsoco list "), f"{page.name}:{block.line}: {line}"
        names.append(line.removeprefix("jaxsoco list "))
    return names


def cells(table: str) -> list[list[str]]:
    """The rows of a Markdown table below its header, cell by cell, without the escapes."""
    rows = [re.split(r"(?<!\\)\|", line[1:-1]) for line in table.splitlines() if line[:1] == "|"]
    return [[cell.replace(r"\|", "|").strip() for cell in row] for row in rows[2:]]


def fields_of(name: str) -> tuple[Field, ...]:
    """The fields that the table called ``name`` is of."""
    if name == "run":
        return RUN_FIELDS
    if name in ("tune", "tune/objective"):
        return TUNE_FIELDS if name == "tune" else OBJECTIVE_FIELDS
    group, _, kind = name.partition("/")
    if group in ("checks", "plots"):
        return {"checks": CHECKS, "plots": PLOTS}[group][kind]
    entry = registry.find(name)[1]
    assert isinstance(entry, AlgorithmEntry | ProblemEntry)
    return entry.fields


def row_of(field: Field) -> list[str]:
    """What a table says of a field: its key, what it takes, its default, what it is."""
    if field.default is REQUIRED:
        default = "required"
    else:
        default = "" if field.default is None else f"`{json.dumps(field.default)}`"
    return [f"`{field.name}`", want(field), default, field.summary]


EVERY_TABLE = {name for page in PAGES for name in tables(page)}
FAMILIES = registry.families()


@pytest.mark.parametrize("name", sorted(EVERY_TABLE - {*FAMILIES}))
def test_a_table_has_every_field(name, capsys):
    assert cli.main(["list", name, "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "| key | takes | default | what it is |"
    assert cells(printed) == [row_of(field) for field in fields_of(name)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_familys_table_has_every_cost(family, capsys):
    assert cli.main(["list", family, "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == "| component | unit | in the total | what it is |"
    assert cells(printed) == [
        [f"`{cost.name}`", cost.unit, "yes" if cost.objective else "no", cost.summary]
        for cost in registry.family(family).costs
    ]


@pytest.mark.parametrize(("group", "kinds"), [("checks", CHECKS), ("plots", PLOTS)])
def test_all_kinds_are_printed_at_once(group, kinds, capsys):
    assert cli.main(["list", group, "--markdown"]) == 0
    printed = capsys.readouterr().out
    sections = re.split(rf"^\*\*`{group}/(.+)`\*\*: (.+)\.$", printed, flags=re.M)
    assert sections[1::3] == [*kinds]
    assert sections[2::3] == [kinds.kind(kind).summary for kind in kinds]
    for kind, table in zip(kinds, sections[3::3], strict=True):
        assert cells(table) == [row_of(field) for field in fields_of(f"{group}/{kind}")]


def test_everything_is_printed_without_a_name(capsys):
    assert cli.main(["list", "--markdown"]) == 0
    names = [row[0].strip("`") for row in cells(capsys.readouterr().out)]
    members = [
        f"{family.name}/{entry.name}"
        for family in FAMILIES.values()
        for entry in (*family.problems, *family.algorithms, *family.comparators)
    ]
    assert sorted(names) == sorted([*FAMILIES, *members])


def test_every_field_has_a_table():
    wanted = {"run", "tune", "tune/objective", *FAMILIES}
    wanted |= {f"checks/{kind}" for kind in CHECKS}
    wanted |= {f"plots/{kind}" for kind in PLOTS}
    for family in FAMILIES.values():
        entries = (*family.problems, *family.algorithms)
        wanted |= {f"{family.name}/{entry.name}" for entry in entries if entry.fields}
    assert wanted == EVERY_TABLE


@pytest.mark.parametrize("family", FAMILIES)
def test_the_familys_page_names_everything(family):
    text = prose(ROOT / "docs" / f"{family}.md")
    members = registry.family(family)
    names = [e.name for e in (*members.problems, *members.algorithms, *members.comparators)]
    names += importlib.import_module(f"jaxsoco.{family}").__all__
    named = set(re.findall(r'`"?(\w+)"?`', text))
    assert not set(names) - named


# --- data, experiments, links ---------------------------------------------------------------------


def _csv(kind: str) -> list[str]:
    found = [block for page in PAGES for block in blocks(page, "csv")]
    return [block.text for block in found if block.info == f"csv {kind}"]


@pytest.mark.parametrize("text", _csv("carbon"), ids=lambda text: text[:16])
def test_data_formats_are_read(text, tmp_path):
    path = tmp_path / "XX.csv"
    path.write_text(text, encoding="utf-8")
    trace = load_carbon_csv(path)
    assert trace.hours == 2
    assert 1 < trace.values.min() < trace.values.max() < 1000


def test_latency_formats_are_read(tmp_path):
    path = tmp_path / "rtt.csv"
    (text,) = _csv("latency")
    path.write_text(text, encoding="utf-8")
    names = text.splitlines()[0].split(",")[1:]
    assert load_latency(path, names[::-1])[0, 0] == 0


def _experiments() -> Iterator[tuple[Path, str]]:
    """Experiments of the pages: whole files, and parts of one behind the page's first file.

    (A page with a learner of its own runs its experiment.)
    """
    for page in PAGES:
        whole = ""
        for block in [] if scripts(page) else blocks(page, "toml"):
            whole = whole or (block.text if block.file else "")
            yield page, block.text if block.file else whole + block.text


@pytest.mark.parametrize(
    ("page", "text"),
    [*_experiments()],
    ids=[f"{page.stem}-{text.splitlines()[-1]}" for page, text in _experiments()],
)
def test_experiments_are_valid(page, text, tmp_path):
    path = folder_of(page, tmp_path) / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    assert expand(load_experiment(path)).runs > 0


def test_every_option_is_told(capsys):
    for command in COMMANDS:
        assert cli.main([command, "--help"]) == 0
    options = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    assert {"--out", "--set"} < options
    told = (ROOT / "docs" / "experiment-files.md").read_text(encoding="utf-8")
    assert not [option for option in options if f"| `{option}" not in told]


def slugs(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in slugs(there)):
            broken.append(target)
    assert not broken
