"""A study of each family that is computed in seconds, and grows by seeds, a value and a learner."""

from __future__ import annotations

from pathlib import Path

STUDY = """\
figure = "It grows"
family = "{family}"
[problem]
{problem}
{axis} = {values}
{learners}
[run]
{run}
tile = 16
pack = {pack}
precision = "{precision}"
[[check]]
kind = "complete"
[[plot]]
kind = "cost-breakdown"
"""

STUDIES = {
    "allocation": {
        "problem": 'regions = ["eu-west-3", "eu-north-1", "us-west-1"]',
        "axis": "data_size",
        "values": (1.0, 4.0),
        "learners": ('name = "pcm"', 'name = "greedy"', 'name = "threshold"'),
        "run": 'compare = ["offline_optimum"]',
        "precision": "float64",
    },
    "multistage": {
        "problem": 'name = "bernoulli_tree"\ndepth = 2',
        "axis": "switch",
        "values": (0.1, 0.5),
        "learners": ('name = "exp3"', 'name = "epsilon_exp3"', 'name = "broad_omd"'),
        "run": "horizons = [100, 300]",
        "precision": "float32",
    },
    "provisioning": {
        "problem": 'name = "paper_queue"\nslots = 4\ncapacity = 4\nbudget_low = 2',
        "axis": "price",
        "values": (0.01, 0.1),
        "learners": ('name = "blol"', 'name = "blind_rate"', 'name = "oco_q"'),
        "run": "horizons = 30",
        "precision": "float64",
    },
    "tracking": {
        "problem": 'name = "quadratic_tracking"\ndimension = 3',
        "axis": "increment_scale",
        "values": (1.0, 2.0),
        "learners": ('name = "scale"', 'name = "lai"', 'name = "passive_learner"'),
        "run": 'horizons = 60\ncompare = ["online_optimum", "online_optimum_path"]',
        "precision": "float64",
    },
    "smoothed": {
        "problem": 'name = "walk"',
        "axis": "step",
        "values": (0.5, 1.0),
        "learners": ('name = "lcp"', 'name = "robd"', 'name = "rbg"'),
        "run": 'horizons = 30\ncompare = ["offline_optimum", "minimizers"]',
        "precision": "float64",
    },
    # Two more of allocation: what compiles in no time, and what plans, in float32.
    "greedy": {
        "family": "allocation",
        "problem": 'regions = ["us-west-1", "eu-west-2", "eu-central-1"]\n'
        "deadline_min = 6\ndeadline_max = 8\njob_length = 3",
        "axis": "data_size",
        "values": (1, 4),
        "learners": ('name = "greedy"', 'name = "threshold"'),
        "run": 'compare = ["offline_optimum"]',
        "precision": "float32",
    },
    "st_clip": {
        "family": "allocation",
        "problem": 'regions = ["us-west-1", "eu-west-2", "eu-central-1"]\n'
        "deadline_min = 6\ndeadline_max = 8\njob_length = 3",
        "axis": "data_size",
        "values": (1, 4),
        "learners": ('name = "pcm"', 'name = "st_clip"'),
        "run": 'compare = ["offline_optimum"]',
        "precision": "float32",
    },
    "toy": {
        "problem": "places = 2",
        "axis": "speed",
        "values": (1.0, 2.0),
        "learners": ('name = "step"\nlabel = "one"', 'name = "step"\nlabel = "two"\nstride = 2',
                     'name = "step"\nlabel = "three"\nstride = 3'),
        "run": "horizons = [10, 20]\ncheckpoints = 3",
        "precision": "float32",
    },
}  # fmt: skip


def write(path: Path, name: str, *, values: int = 2, learners: int = 3, pack: int = 64) -> Path:
    """Writes a study with so many values of its axis, and at most so many learners."""
    study = STUDIES[name]
    shown = {
        "values": [*study["values"][:values]],
        "learners": "\n".join(f"[[algorithm]]\n{one}" for one in study["learners"][:learners]),
    }
    path.write_text(STUDY.format(**{"family": name} | study | shown, pack=pack), encoding="utf-8")
    return path
