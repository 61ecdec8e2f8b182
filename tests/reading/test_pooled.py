"""``examples/pooled``: cost ratios of several runs, pooled."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import jaxsoco

FILE = Path(__file__).resolve().parents[2] / "examples" / "pooled" / "pool.py"
LEARNERS = ("step(stride=0.5)", "step(stride=1)")


@pytest.fixture
def pool():
    spec = importlib.util.spec_from_file_location("pool", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def last(run: Path, label: str, speed: float) -> np.ndarray:
    """Cost of one point at the end, by seed, of the rows that a user sees."""
    rows = jaxsoco.load(run).runs(label)
    rows = rows[(rows["round"] == 20) & (rows.speed == speed)]
    return rows.total[np.argsort(rows.seed)]


def test_ratios_of_several_runs_are_pooled_by_seed(random_toy, folder, pool, capsys):
    seeds = ("seeds = 3", "seeds = 12")
    first = folder.run("a", spec=folder.spec(seeds))
    second = folder.run("b", spec=folder.spec(seeds, ("speed = [1, 2]", "speed = [7, 9]")))
    capsys.readouterr()
    figure = folder.path / "pooled.png"
    options = ["--learner", LEARNERS[0], "--against", "still", "--figure", str(figure)]
    pool.main([str(first), str(second), *options])

    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:4]]
    assert [row[0] for row in cells] == [*LEARNERS]
    places = (first, 1.0), (first, 2.0), (second, 7.0), (second, 9.0)
    ratios = [
        np.array([last(run, x, speed) / last(run, "still", speed) for run, speed in places])
        for x in LEARNERS
    ]
    for row, values in zip(cells, ratios, strict=True):
        blocks = values.mean(axis=0)  # seeds are independent, points are not
        half = 2.200985 * blocks.std(ddof=1) / np.sqrt(12)  # Student's t, 11
        mean, error = map(float, row[1].split(" ± "))
        assert mean == pytest.approx(values.mean(), abs=half / 10)
        assert error == pytest.approx(half, rel=0.1)
        assert float(row[2]) == pytest.approx(np.median(values), rel=0.01)
    assert cells[0][4] == "" and cells[1][4] == f"{1 - ratios[0].mean() / ratios[1].mean():.0%}"
    assert lines[-1] == f"48 runs a learner; saved: by {LEARNERS[0]}"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_runs_of_other_seeds_are_not_pooled(toy, folder, pool):
    runs = [str(folder.run(name, "--seeds", count)) for name, count in (("a", 2), ("b", 3))]
    with pytest.raises(SystemExit, match="3 seeds, not 2"):
        pool.main(runs)
