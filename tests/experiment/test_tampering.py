"""Directories that somebody changed, through the command line: refused, or computed again.

What the engine makes of them in more ways is in ``tests/engine/test_tampering.py``.
"""

import hashlib
import json
import time
from collections import Counter
from pathlib import Path

import pytest

from jaxsoco.cli import main
from jaxsoco.core.exits import BAD_INPUT, DONE, INTERRUPTED
from jaxsoco.engine import packs, stamps, store
from jaxsoco.experiment import runner

pytestmark = pytest.mark.usefixtures("own_xla_flags")


@pytest.fixture
def done(toy_spec, tmp_path, capsys):
    """A finished run; ``command()`` repeats it: exit code and errors."""
    spec, out = toy_spec(), tmp_path / "out"

    def command(name="run") -> tuple[int, str]:
        arguments = ["run", str(spec), "--out", str(out)] if name == "run" else [name, str(out)]
        code = main(arguments)
        errors = capsys.readouterr().err
        assert "Traceback" not in errors
        return code, errors

    assert command()[0] == DONE
    return out, command, (out / "table.csv").read_bytes()


def edit(file: Path, change, seal: bool) -> None:
    content = json.loads(file.read_bytes())
    change(content)
    if seal:
        content.pop("seal", None)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        content["seal"] = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps(content))


def groups(manifest):
    return manifest["plan"]["groups"]


def swap_points(manifest):
    first = groups(manifest)[0]["points"]
    first[0], first[1] = first[1], first[0]


def swap_keys(sidecar):
    keys = sidecar["blocks"]["key"]
    keys[0], keys[1] = keys[1], keys[0]


def swap_labels(manifest):
    labels = manifest["plan"]["learners"]
    labels[0], labels[1] = labels[1], labels[0]


def shorten(manifest):
    for group in groups(manifest):
        group["horizon"] -= 1
        rounds = {min(t, group["horizon"]) for t in group["checkpoints"]}
        group["checkpoints"] = sorted(rounds)


@pytest.mark.parametrize("change", [swap_points, swap_labels, shorten])
def test_a_changed_manifest_is_no_report_and_is_written_anew(done, change):
    out, command, table = done
    edit(out / "manifest.json", change, seal=False)
    (out / "table.csv").unlink()
    code, errors = command("report")
    assert code == BAD_INPUT and "was changed after it was written" in errors
    assert "run the experiment again with this --out" in errors
    assert command()[0] == DONE  # as it says
    assert (out / "table.csv").read_bytes() == table
    assert command("report") == (DONE, "")


@pytest.mark.parametrize("change", [swap_points, swap_labels])
def test_another_order_that_is_sealed_anew_is_no_other_result(done, change):
    out, command, table = done
    edit(out / "manifest.json", change, seal=True)
    assert command("report")[0] == DONE
    rows = sorted((out / "table.csv").read_text().splitlines())
    assert rows == sorted(table.decode().splitlines())
    assert command()[0] == DONE
    assert (out / "table.csv").read_bytes() == table


def test_a_horizon_that_is_sealed_anew_is_not_believed(done):
    """A run takes horizons from the last manifest, so that JAX need not start."""
    out, command, _ = done
    packs = {file.name for file in (out / "packs").iterdir()}
    edit(out / "manifest.json", shorten, seal=True)
    code, errors = command()
    assert code == BAD_INPUT and "manifest.json: says 9 rounds, but a run has 10" in errors
    assert {file.name for file in (out / "packs").iterdir()} == packs


def test_a_manifest_of_nonsense_that_is_sealed_anew_is_written_anew(done):
    out, command, table = done
    edit(out / "manifest.json", lambda m: groups(m)[0].update(points=[0, 0]), seal=True)
    code, errors = command("report")
    assert code == BAD_INPUT and "plan: want each of the 4 points in one group" in errors
    assert command()[0] == DONE and (out / "table.csv").read_bytes() == table


@pytest.mark.parametrize("seal", [True, False])
def test_keys_that_were_swapped_are_computed_again(done, seal):
    out, command, table = done
    victim = min((out / "packs").glob("*.json"))
    edit(victim, swap_keys, seal)
    code, errors = command()
    assert code == DONE and f"pack {victim.stem}: its" in errors and "computed again" in errors
    assert (out / "table.csv").read_bytes() == table
    assert command() == (DONE, "")


def test_a_folder_of_a_web_site_is_left_alone(done, toy_spec, tmp_path, capsys):
    site = tmp_path / "site"
    site.mkdir()
    text = '{"name": "A web site", "icons": []}'
    (site / "manifest.json").write_text(text)
    assert main(["run", str(toy_spec()), "--out", str(site)]) == BAD_INPUT
    assert "its manifest.json lacks" in capsys.readouterr().err
    assert [file.name for file in site.iterdir()] == ["manifest.json"]
    assert (site / "manifest.json").read_text() == text


# --- how often packs are read -------------------------------------------------------------------


@pytest.fixture
def digests(monkeypatch):
    """Counts how often results are compared with their SHA-256: name of the pack -> times."""
    counts = Counter[str]()

    def counting(function):
        def count(pack, file, **how):
            counts[pack.name] += how.get("thorough", True)
            return function(pack, file, **how)

        return count

    for name in ("verify", "read_arrays"):
        monkeypatch.setattr(packs, name, counting(getattr(packs, name)))
    return counts


def test_a_new_run_reads_what_it_wrote_once(toy_spec, tmp_path, capsys, digests):
    out = tmp_path / "out"
    assert main(["run", str(toy_spec()), "--out", str(out)]) == DONE
    names = {file.stem for file in (out / "packs").glob("*.json")}
    assert len(names) > 1
    assert digests == dict.fromkeys(names, 1)


def test_a_finished_run_reads_every_pack_twice(done, digests, monkeypatch):
    """To find out what is missing, and for the report."""
    out, command, table = done
    monkeypatch.setattr(stamps, "_TICK", -1e9)
    assert command() == (DONE, "")
    names = {file.stem for file in (out / "packs").glob("*.json")}
    assert digests == dict.fromkeys(names, 2)
    assert (out / "table.csv").read_bytes() == table


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("moment", ["begin", "report"])
def test_what_is_changed_while_a_run_goes_on_is_noticed(done, monkeypatch, moment, suffix):
    """After its first look at the packs: before they are asked for, and before the report."""
    out, command, table = done
    monkeypatch.setattr(stamps, "_TICK", -1e9)  # the stamps alone must tell
    place = (store.Store, "begin") if moment == "begin" else (runner, "Stored")
    original = getattr(*place)

    def changed(*arguments, **how):
        file = sorted((out / "packs").glob(f"*{suffix}"))[0]
        data = bytearray(file.read_bytes())
        data[200] ^= 4
        time.sleep(0.02)  # a tick of the clock of the disk
        file.write_bytes(data)
        monkeypatch.setattr(*place, original)
        return original(*arguments, **how)

    monkeypatch.setattr(*place, changed)
    code, errors = command()
    if moment == "begin":
        assert code == DONE and "compiling" in errors  # computed again
    else:
        assert code == INTERRUPTED and "damaged" in errors and "left out" in errors
        assert command()[0] == DONE
    assert (out / "table.csv").read_bytes() == table
