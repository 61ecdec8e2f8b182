"""``XLA_FLAGS`` of the user: asked about only where it is set, and read where it names a file."""

import os
import subprocess
from types import SimpleNamespace

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.experiment import flags
from jaxsoco.experiment.devices import prepare_cpu

KNOWN = "--xla_cpu_enable_fast_math=false"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_asked_where_the_variable_is_not_set(monkeypatch, value):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if value is not None:
        monkeypatch.setenv("XLA_FLAGS", value)
    monkeypatch.setattr(flags.subprocess, "run", lambda *_, **__: pytest.fail("a process started"))
    flags.check_flags()


def test_what_xla_knows_is_asked_about_once(monkeypatch):
    calls, run = [], subprocess.run
    monkeypatch.setattr(flags.subprocess, "run", lambda *a, **b: calls.append(a) or run(*a, **b))
    monkeypatch.setenv("XLA_FLAGS", f"{KNOWN} --xla_hlo_profile=false")
    flags.check_flags()
    flags.check_flags()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (f"{KNOWN} --nonsense --other=1", "--nonsense"),
        ("--xla_cpu_prefer_vector_width=wide", "value wide for flag xla_cpu_prefer_vector_width"),
    ],
)
def test_what_xla_refuses_is_an_error_with_its_reason(monkeypatch, value, reason):
    monkeypatch.setenv("XLA_FLAGS", value)
    with pytest.raises(InputError, match="XLA does not start") as caught:
        flags.check_flags()
    (issue,) = caught.value.issues
    assert issue.path == "XLA_FLAGS"
    assert reason in issue.message
    assert "\n" not in issue.message


@pytest.mark.parametrize("failure", [OSError("no more processes"), SimpleNamespace(returncode=0)])
def test_a_question_without_an_answer_ends_nothing(monkeypatch, failure):
    def run(*_, **__):
        if isinstance(failure, OSError):
            raise failure
        return failure

    monkeypatch.setattr(flags.subprocess, "run", run)
    monkeypatch.setenv("XLA_FLAGS", f"--not_asked={type(failure).__name__}")
    flags.check_flags()


def test_flags_in_a_file_are_read_and_ours_go_behind_them(monkeypatch, tmp_path):
    file = tmp_path / "flags.txt"
    file.write_text(f"{KNOWN}\n--xla_hlo_profile=false\n", encoding="utf-8")
    for name, value in (("XLA_FLAGS", str(file)), ("PJRT_NPROC", "2")):
        monkeypatch.setenv(name, value)
    flags.check_flags()
    prepare_cpu(1, 1)
    words = os.environ["XLA_FLAGS"].split()
    assert words[:2] == [KNOWN, "--xla_hlo_profile=false"]
    assert "--xla_force_host_platform_device_count=1" in words[2:]
    flags.check_flags()
