"""The templates for clusters: they parse, their commands are right, and they do what they say."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jaxsoco import cli, commands

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "examples" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
PAGES = (FOLDER / "README.md", ROOT / "docs" / "scaling.md")


def documents(path: Path) -> list[Any]:
    yaml = pytest.importorskip("yaml")
    return [*yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def logical_lines(path: Path) -> Iterator[str]:
    """Lines with those that they continue on, without the signs of a comment."""
    text = path.read_text(encoding="utf-8")
    lines = [re.sub(r"^\s*#+ ?", "", line) for line in text.splitlines()]
    yield from re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()


def lists(node: Any) -> Iterator[list]:
    """All lists in a YAML document."""
    if isinstance(node, list):
        yield node
    children = [*node.values()] if isinstance(node, dict) else node
    for child in children if isinstance(children, list) else ():
        yield from lists(child)


_COMMAND = re.compile(r"""\bjaxsoco (?:run|status|report|check) (?:[^"'`|;&]|"\$[^"]*")*""")


def jaxsoco_commands(path: Path) -> list[list[str]]:
    """The arguments of every ``jaxsoco run``, ``status`` or ``report`` of a file."""
    lines = logical_lines(path)
    found = [shlex.split(text, comments=True)[1:] for x in lines for text in _COMMAND.findall(x)]
    if path.suffix == ".yaml":
        for document in documents(path):
            found += [one[1:] for one in lists(document) if one[:1] == ["jaxsoco"]]
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(path):
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_parse(path):
    assert all(isinstance(document, dict) for document in documents(path))


@pytest.mark.parametrize("path", [*SCRIPTS, *DOCUMENTS, *PAGES], ids=lambda path: path.name)
def test_every_command_is_one(path):
    found = jaxsoco_commands(path)
    assert found
    for arguments in found:
        try:
            commands.parser().parse_args(arguments)
        except SystemExit:
            pytest.fail(f"{path.name}: jaxsoco does not take {shlex.join(arguments)}")


def test_the_readme_names_every_template():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    assert files == {*re.findall(r"^\| `([\w.]+)`", text, re.M), "Dockerfile"}


# As `ray up` looks at a file.
LOOK = """
import json, sys
from ray.autoscaler._private.util import prepare_config, validate_config
config = prepare_config(json.load(sys.stdin))
validate_config(config)
json.dump(config["available_node_types"], sys.stdout)
"""


@pytest.mark.parametrize("name", ["ray_machines.yaml", "ray_spot.yaml"])
def test_clusters_of_ray_are_what_ray_takes(name):
    pytest.importorskip("ray")
    (document,) = documents(FOLDER / name)
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    nodes = json.loads(done.stdout)
    assert all(node["resources"].get("GPU", 1) == 1 for node in nodes.values())


def test_kubernetes_counts_its_pods_once():
    claim, job = documents(FOLDER / "kubernetes_job.yaml")
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert spec["completionMode"] == "Indexed"
    assert int(variables["JAXSOCO_SHARES"]) == spec["completions"] == spec["parallelism"]
    (volume,) = spec["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    codes = spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert 75 not in codes and {1, 2, 70} == {*codes}


def test_pbs_counts_its_members_once():
    text = (FOLDER / "pbs_array.sh").read_text(encoding="utf-8")
    last = re.search(r"^#PBS -J 0-(\d+)$", text, re.M)
    shares = re.search(r"^export JAXSOCO_SHARES=(\d+)$", text, re.M)
    assert last and shares and int(shares[1]) == int(last[1]) + 1


def member(script: str, tmp_path: Path, code: int, *arguments: str, **variables: str):
    """Runs a member of a job array with a jaxsoco that notes its arguments and ends with a code."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, end in (("jaxsoco", code), ("scontrol", 0)):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*, $JAXSOCO_SHARES" >> $LOG\nexit {end}\n')
        program.chmod(0o755)
    done = subprocess.run(
        ["bash", FOLDER / script, *arguments],
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "LOG": str(tmp_path / "log"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    log = tmp_path / "log"
    return done, log.read_text().splitlines() if log.exists() else []


SLURM = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}


@pytest.mark.parametrize("code", [0, 2, 75])
def test_a_member_of_slurm_is_requeued_while_there_is_more_to_do(code, tmp_path):
    done, log = member("slurm_array.sh", tmp_path, code, "my spec.toml", "out", **SLURM)
    assert done.returncode == code
    assert log[0].startswith("jaxsoco run my spec.toml --out out --share auto --time-limit 3h50m")
    assert [line.split(",")[0] for line in log[1:]] == ["scontrol requeue 7_3"] * (code == 75)


def test_a_member_without_its_arguments_says_so(tmp_path):
    done, log = member("slurm_array.sh", tmp_path, 0, **SLURM)
    assert done.returncode != 0 and "usage: sbatch" in done.stderr and not log


def test_a_member_of_pbs_knows_how_many_there_are(tmp_path):
    variables = {"PBS_O_WORKDIR": str(tmp_path), "SPEC": "a.toml", "OUT": "out"}
    done, log = member("pbs_array.sh", tmp_path, 75, **variables)
    assert done.returncode == 75
    assert log == ["jaxsoco run a.toml --out out --share auto --time-limit 3h50m, 16"]


def test_the_quickstart_that_they_run_is_there(capsys):
    assert (ROOT / "experiments" / "quickstart.toml").is_file()
    assert cli.main(["check", str(ROOT / "experiments" / "quickstart.toml")]) == 0
    capsys.readouterr()
