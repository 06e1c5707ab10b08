"""The programs that are needed, and the disk."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from scout.doctor import tools
from scout.doctor.findings import Level


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program on a PATH that has no other, which says something of itself on standard error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def put(name: str, says: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
        path.chmod(0o755)

    return put


@pytest.mark.parametrize(
    ("version", "level"), [((3, 11, 0), Level.OK), ((3, 14, 2), Level.OK), ((3, 10, 9), Level.FAIL)]
)
def test_python(version: tuple[int, int, int], level: Level, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", version)
    [found] = tools.python()
    assert found.level is level
    assert bool(found.advice) == (level is Level.FAIL)


@pytest.mark.parametrize(("gib", "level"), [(0.4, Level.FAIL), (1, Level.WARN), (20, Level.OK)])
def test_disk(gib: float, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=gib * 2**30, at=path))
    [found] = tools.disk(tmp_path / "not" / "made" / "yet")
    assert found.level is level
    assert found.said.endswith(f"are free at {tmp_path}")


@pytest.mark.parametrize(
    ("says", "needed", "level"),
    [
        ("v3.257.0", True, Level.OK),
        ("v3.257.0", False, Level.OK),
        ("v2.25.2", True, Level.FAIL),
        ("v2.25.2", False, Level.WARN),
        ("what?", True, Level.FAIL),
        ("", True, Level.FAIL),
    ],
)
def test_pulumi(says: str, needed: bool, level: Level, program: Callable[[str, str], None]):
    program("pulumi", says)
    [found] = tools.pulumi(needed=needed)
    assert found.level is level


@pytest.mark.usefixtures("program")
def test_without_pulumi():
    [needed], [not_needed] = tools.pulumi(needed=True), tools.pulumi(needed=False)
    assert needed.level is Level.FAIL
    assert "install it: https://www.pulumi.com" in needed.advice
    assert not_needed.level is Level.OK
    assert "only stacks on AWS need it" in not_needed.said


@pytest.mark.parametrize(
    ("says", "level"),
    [
        ('openjdk version "17.0.15" 2025-04-15', Level.OK),
        ('java version "1.8.0_301"', Level.WARN),
        ('openjdk version "21" 2023-09-19', Level.WARN),
        ("Killed", Level.WARN),
    ],
)
def test_java(says: str, level: Level, program: Callable[[str, str], None]):
    program("java", says)
    [found] = tools.java(needed=True)
    assert found.level is level


@pytest.mark.usefixtures("program")
def test_without_java():
    [needed], [not_needed] = tools.java(needed=True), tools.java(needed=False)
    assert needed.level is Level.WARN
    assert "Glue jobs of the stack fail here" in needed.said
    assert not_needed.level is Level.OK


def test_java_of_java_home_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[str, str], None]
):
    program("java", 'openjdk version "11.0.1"')
    home = tmp_path / "jdk" / "bin" / "java"
    home.parent.mkdir(parents=True)
    home.write_text("#!/bin/sh\necho 'openjdk version \"17.0.2\"'\n")
    home.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert next(tools.java(needed=True)).level is Level.OK


def test_a_program_that_cannot_be_run_is_no_good_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "pulumi"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    [found] = tools.pulumi(needed=True)
    assert found.level is Level.FAIL
    assert "cannot be run" in found.said
