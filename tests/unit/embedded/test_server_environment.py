"""What of the user's environment reaches the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from scout.embedded.emulator.server_environment import server_environment


def _environment(tmp_path: Path, **base: str) -> dict[str, str]:
    return server_environment(base, host="127.0.0.1", port=1, region="us-east-1", temporary=tmp_path, cache=tmp_path)


def _java(folder: Path) -> str:
    folder.mkdir(parents=True)
    (folder / "java").write_text("#!/bin/sh\n")
    (folder / "java").chmod(0o755)
    return str(folder / "java")


def test_java_is_that_of_the_user(tmp_path: Path) -> None:
    on_path = _java(tmp_path / "path")
    of_home = _java(tmp_path / "home" / "bin")
    search = f"{tmp_path}/nowhere:{tmp_path}/path"
    assert _environment(tmp_path, PATH=search)["SCOUT_JAVA"] == on_path
    assert _environment(tmp_path, PATH=search, JAVA_HOME=f"{tmp_path}/home")["SCOUT_JAVA"] == of_home
    assert _environment(tmp_path, PATH=search, JAVA_HOME=f"{tmp_path}/gone")["SCOUT_JAVA"] == on_path
    assert "SCOUT_JAVA" not in _environment(tmp_path, PATH=f"{tmp_path}/nowhere")


@pytest.mark.parametrize("name", ["JAVA_HOME", "PATH", "PYTHONPATH", "AWS_PROFILE", "SPARK_HOME"])
def test_the_rest_is_the_servers_own(tmp_path: Path, name: str) -> None:
    assert "mine" not in _environment(tmp_path, **{name: "mine"}).values()
