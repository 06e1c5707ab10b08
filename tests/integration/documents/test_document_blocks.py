"""What the documents tell a reader to type works: every ``bash`` block is run, document by document.

The reader has begun: the stack `mock` is up, a city was run on it, a message was sent to a pipeline. All blocks
of a document are one script, in one shell that ends at the first command that fails. It runs in a copy of the project,
so that commands may write where the documents say. Left out of it, and read by the command line alone
(``tests/unit/documents``), are the commands of `NOT_RUN`, and blocks of any other language than ``bash``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scout.embedded.emulator.instance import Emulator
from scout.standin.process import WorldProcess
from tests import documents
from tests.copies import copy_project
from tests.documents import Block

pytestmark = pytest.mark.xdist_group("documents")

# How a command begins that takes an account of AWS, the engine, another repository, or that installs.
NOT_RUN = re.compile(r"scout --aws\b|SCOUT_AWS=1\b|pulumi\b|aws\b|git\b|make\b")
# A command that serves until Ctrl-C is ended by it as soon as it has said that it is ready.
SERVES = re.compile(r"scout aws serve\b")
# Scenarios make the faults that these speak of, and then run their blocks.
HAVE_SCENARIOS = {"docs/runbooks/incidents.md", "docs/runbooks/dead-letter-queue.md"}
# The stack of an earlier document, or nothing, is up before each; afterwards, what a reader has who begins.
BEGUN = """\
scout up -s mock
scout status last > /dev/null || {
    scout run --input examples/input.early-stop-test.json
    scout send candidate-realtime --input examples/candidates.json
}
"""
PRELUDE = """\
set -euo pipefail
trap 'echo "failed: $HERE: $BASH_COMMAND" >&2' ERR
until_ready() {
    exec 3< <(exec "$@")
    local serving=$! line
    read -r line <&3
    echo "$line"
    kill -INT "$serving"
    wait "$serving"
}
"""
SECONDS = 1200


def script(blocks: list[Block]) -> str:
    """One script of a document's blocks: what is not run is left out, and a failure names its place."""
    parts = [PRELUDE]
    for block in blocks:
        parts.append(f"HERE={block}\n")
        for line in re.findall(r"(?:[^\n]*\\\n)*[^\n]+\n?", block.text):
            if NOT_RUN.match(line.lstrip()):
                parts.append(":\n")
            else:
                parts.append(f"until_ready {line.lstrip()}" if SERVES.match(line.lstrip()) else line)
    return "".join(parts)


def types(project: Path, text: str) -> None:
    """Run a script in a folder with the project."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCOUT_", "AWS_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Before the installed one, which is this project itself.
    environment["PYTHONPATH"] = str(project)
    with subprocess.Popen(
        ["bash", "-c", text],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            said, _ = shell.communicate()
            said += f"not done within {SECONDS} s"
    assert shell.returncode == 0, said[-6000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project; packages that are fetched, and layers that are built, it shares with the project."""
    copy = tmp_path_factory.mktemp("documents") / "project"
    copy_project(copy, ".build/layers", ".scout/cache")
    yield copy
    for running in (WorldProcess.attach(copy / ".scout"), Emulator.attach(copy / ".scout")):
        if running is not None:
            running.stop()


def cases() -> Iterator[Any]:
    """The documents with blocks to run."""
    for path in documents.documents():
        blocks = [block for block in documents.blocks(path) if block.language == "bash"]
        if blocks and documents.name(path) not in HAVE_SCENARIOS:
            yield pytest.param(blocks, id=documents.name(path))


@pytest.mark.parametrize("blocks", list(cases()))
def test_every_block_of_a_document_can_be_run_in_its_order(blocks: list[Block], project: Path):
    types(project, f"{PRELUDE}HERE=before\n{BEGUN}")
    types(project, script(blocks))


def test_a_script_ends_at_the_command_that_fails_and_says_where_it_stands(project: Path):
    blocks = [
        Block("a.md", 3, "bash", "true\npulumi up \\\n  --yes\n"),
        Block("a.md", 9, "bash", "false\ntouch too-far\n"),
    ]
    with pytest.raises(AssertionError, match=r"failed: a\.md:9: false"):
        types(project, script(blocks))
    assert not (project / "too-far").exists()
