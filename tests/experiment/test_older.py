"""Run directories of the older format: the commands read them, and extend none."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

import jaxsoco
from jaxsoco.cli import main
from jaxsoco.engine.reading import Stored

CHUNK = 16


def seal(content: dict) -> dict:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return content | {"seal": hashlib.sha256(text.encode()).hexdigest()}


def as_before(new: Path, old: Path) -> None:
    """Writes the results of a directory as jaxsoco did before there were packs."""
    results = Stored(new)
    manifest = json.loads((new / "manifest.json").read_text(encoding="utf-8"))
    settings = manifest["settings"]
    identity = hashlib.sha256(
        json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
    plan = {k: v for k, v in manifest["plan"].items() if k != "pack"} | {"chunk": CHUNK}
    parts = ("name", "figure", "settings", "created", "presentation")
    kept = {part: manifest[part] for part in parts}
    (old / "chunks").mkdir(parents=True)
    content = kept | {"format": 1, "identity": identity, "plan": plan}
    (old / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    labels, number = results.study.labels, 0
    for group in results.study.groups:
        parts = [arrays for record, arrays in results.pieces() if record["group"] == group.index]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for start in range(0, group.runs, CHUNK):
            stop, buffer = min(start + CHUNK, group.runs), io.BytesIO()
            chunk = {name: values[start:stop] for name, values in whole.items()}
            np.savez(buffer, **chunk)
            none = dict.fromkeys(labels, 0)
            sidecar = {
                "id": f"{number:05d}",
                "group": group.index,
                "start": start,
                "stop": stop,
                "identity": identity,
                "bytes": len(buffer.getvalue()),
                "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
                "nonconverged": none,
                "nonfinite": none,
                "repeating": [],
                "seconds": 2.0,
                "jax": "0.0",
                "device": "cpu (cpu)",
            }
            file = old / "chunks" / f"{number:05d}.npz"
            file.write_bytes(buffer.getvalue())
            file.with_suffix(".json").write_text(json.dumps(seal(sidecar)), encoding="utf-8")
            number += 1


@pytest.fixture
def spec(toy_spec, monkeypatch) -> Path:
    monkeypatch.setenv("XLA_FLAGS", "")  # a run asks for devices; other tests must not
    return toy_spec(("seeds = 3", "seeds = 20\ncheckpoints = 3"))


@pytest.fixture
def old(spec, tmp_path, capsys) -> Path:
    assert main(["run", str(spec), "--out", str(tmp_path / "new")]) == 0
    as_before(tmp_path / "new", tmp_path / "old")
    capsys.readouterr()
    return tmp_path / "old"


def test_status_report_and_load_read_it(old, tmp_path, capsys):
    assert main(["status", str(old), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["complete"] and status["runs"] == {"done": 240, "total": 240, "failed": 0}
    assert main(["report", str(old)]) == 0
    for name in ("table.csv", "curves.csv", "checks.json"):
        there = (old / name).read_text(encoding="utf-8")
        assert there.splitlines()[0] == (tmp_path / "new" / name).read_text().splitlines()[0]
    mine, theirs = jaxsoco.load(old), jaxsoco.load(tmp_path / "new")
    for label in theirs.labels:
        np.testing.assert_array_equal(mine.runs(label), theirs.runs(label))
    assert mine.table().learner.tolist() == theirs.table().learner.tolist()
    # Their moments were added up chunk by chunk.
    np.testing.assert_allclose(mine.table().cost_mean, theirs.table().cost_mean, rtol=1e-12)


def test_a_damaged_chunk_is_left_out(old, capsys):
    (old / "chunks" / "00001.npz").write_bytes(b"x")
    assert main(["status", str(old)]) == 0
    assert "chunk 00001: its results are damaged" in capsys.readouterr().out
    assert main(["report", str(old)]) == 75
    printed = capsys.readouterr()
    assert "chunk 00001" in printed.err
    assert "192 of 240 runs are there" in printed.out


def test_it_is_not_extended(old, spec, capsys):
    before = {file: file.stat().st_mtime_ns for file in old.rglob("*")}
    assert main(["run", str(spec), "--out", str(old)]) == 2
    told = capsys.readouterr().err
    assert "holds results of an older jaxsoco" in told and "choose another directory" in told
    assert {file: file.stat().st_mtime_ns for file in old.rglob("*")} == before
