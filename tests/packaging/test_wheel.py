"""What is built and installed: two top-level names, and the PyPI package ``kernels`` left alone.

``JAXSOCO_DIST`` names a folder with an sdist and a wheel to look at instead of building them, and
``JAXSOCO_KERNELS_WHEEL`` the real wheel of ``kernels`` to install beside a stand-in of it.
"""

import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Runs a command that must succeed, away from the checkout's import paths."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(target: str, source: Path, out: Path) -> Path:
    """Builds ``target`` (``"wheel"`` or ``"sdist"``) of the tree ``source`` into ``out``."""
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, cwd=source)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> dict[str, Path]:
    """The sdist and the wheel, under those names."""
    given = os.environ.get("JAXSOCO_DIST")
    if given:
        (sdist,) = Path(given).glob("*.tar.gz")
        (wheel,) = Path(given).glob("*.whl")
        return {"sdist": sdist, "wheel": wheel}
    return {
        target: build(target, ROOT, tmp_path_factory.mktemp(target))
        for target in ("sdist", "wheel")
    }


def names_in_wheel(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if not name.endswith("/"))


def names_in_sdist(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        return sorted(m.name.partition("/")[2] for m in archive.getmembers() if m.isfile())


def sources() -> set[str]:
    """The modules of both packages, named as they are when installed."""
    return {
        path.relative_to(base).as_posix()
        for base, package in ((ROOT, "jaxsoco"), (ROOT / "kernels", "jaxsoco_kernels"))
        for path in (base / package).rglob("*.py")
    }


def test_the_wheel_has_exactly_our_two_top_level_names(dist):
    tops = {name.partition("/")[0] for name in names_in_wheel(dist["wheel"])}
    info = {top for top in tops if top.endswith(".dist-info")}
    assert len(info) == 1
    assert tops - info == {"jaxsoco", "jaxsoco_kernels"}


def test_the_wheel_has_every_module_and_nothing_else_of_python(dist):
    names = names_in_wheel(dist["wheel"])
    assert {name for name in names if name.endswith(".py")} == sources()
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_the_wheel_says_that_its_types_count(dist):
    names = names_in_wheel(dist["wheel"])
    assert {name for name in names if name.endswith("py.typed")} == {
        "jaxsoco/py.typed",
        "jaxsoco_kernels/py.typed",
    }


def test_the_wheel_says_what_it_is(dist):
    with zipfile.ZipFile(dist["wheel"]) as archive:
        (info,) = {n.partition("/")[0] for n in archive.namelist() if ".dist-info/" in n}
        metadata = archive.read(f"{info}/METADATA").decode()
        commands = archive.read(f"{info}/entry_points.txt").decode()
        licence = archive.read(f"{info}/licenses/LICENSE")
    version = run(sys.executable, "-c", "import jaxsoco._version as v; print(v.__version__)")
    assert f"\nName: jaxsoco\nVersion: {version.strip()}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "jaxsoco = jaxsoco.cli:main" in commands
    assert licence == (ROOT / "LICENSE").read_bytes()


def test_the_sdist_is_the_source_without_results_or_environments(dist):
    names = names_in_sdist(dist["sdist"])
    assert {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md"} <= set(names)
    assert {"kernels/jaxsoco_kernels/__init__.py", "tests/conftest.py", ".ci/run"} <= set(names)
    allowed = {
        "jaxsoco",
        "kernels",
        "experiments",
        "benchmarks",
        "examples",
        "tests",
        "docs",
        ".ci",
    }
    assert {name.partition("/")[0] for name in names if "/" in name} <= allowed
    assert [name for name in names if name.endswith((".pyc", ".npz", ".whl"))] == []


def test_a_wheel_built_from_the_sdist_is_the_same(dist, tmp_path):
    with tarfile.open(dist["sdist"]) as archive:
        # Python 3.11 takes the filter from its fourth release on.
        options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **options)
    (source,) = tmp_path.iterdir()
    again = build("wheel", source, tmp_path / "dist")
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(dist["wheel"]) as other:
        assert {i.filename: i.CRC for i in one.infolist()} == {
            i.filename: i.CRC for i in other.infolist()
        }


def write_stand_in(folder: Path) -> Path:
    """A wheel that owns the top-level name ``kernels``, as the package on PyPI does."""
    files = {
        "kernels/__init__.py": b"OWNER = 'kernels'\n",
        "kernels/layer/__init__.py": b"",
        "kernels/jaxsoco_kernels.py": b"OWNER = 'kernels'\n",
        "kernels-9.9.dist-info/METADATA": b"Metadata-Version: 2.1\nName: kernels\nVersion: 9.9\n",
        "kernels-9.9.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "kernels-9.9.dist-info/RECORD"
    lines = [f"{name},{_record_hash(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    wheel = folder / "kernels-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + digest.rstrip(b"=").decode()


REAL_KERNELS = os.environ.get("JAXSOCO_KERNELS_WHEEL")


@pytest.fixture(params=["stand-in", "real"] if REAL_KERNELS else ["stand-in"])
def kernels_wheel(request, tmp_path) -> Path:
    if request.param == "real" and REAL_KERNELS:
        return Path(REAL_KERNELS)
    return write_stand_in(tmp_path)


class Environment:
    """A fresh virtual environment with pip and nothing else."""

    def __init__(self, folder: Path):
        run(sys.executable, "-m", "venv", folder)
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        place = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.packages = Path(run(self.python, "-c", place).strip())

    def pip(self, command: str, *arguments: str | Path) -> None:
        quiet = ("-q", "--disable-pip-version-check", "--no-input")
        run(self.python, "-m", "pip", command, *quiet, *arguments)

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-deps", "--no-index", wheel)

    def hashes(self, prefix: str) -> dict[str, str]:
        """File -> SHA-256 for installed files whose path begins with ``prefix``."""
        return {
            path.relative_to(self.packages).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for top in self.packages.glob(f"{prefix}*")
            for path in ([top] if top.is_file() else top.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }


@pytest.mark.parametrize("ours_first", [False, True], ids=["beside", "before"])
def test_the_package_kernels_stays_whole(dist, kernels_wheel, tmp_path, ours_first):
    environment = Environment(tmp_path / "environment")
    environment.install(kernels_wheel)
    alone = environment.hashes("kernels")
    assert "kernels/__init__.py" in alone
    if ours_first:
        environment.pip("uninstall", "-y", "kernels")
        environment.install(dist["wheel"])
        environment.install(kernels_wheel)
    else:
        environment.install(dist["wheel"])
    assert environment.hashes("kernels") == alone
    installed = set(environment.hashes("jaxsoco"))
    assert {name for name in installed if name.endswith(".py")} == sources()

    environment.pip("uninstall", "-y", "jaxsoco")
    assert environment.hashes("kernels") == alone
    assert environment.hashes("jaxsoco") == {}
