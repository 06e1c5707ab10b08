"""Runbooks as tests read them, and somebody who types what stands in them.

A scenario is a heading of the third level. Its blocks are told apart by how the paragraph before each begins:
**Look.** finds the fault, **Do.** removes it, and **Well again.** ends with 0 once it is gone, and not before.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from scout.deployment import Deployment
from scout.embedded.deploy.commands import stack_outputs
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT, Emulator
from tests.copies import copy_project
from tests.integration.account import wait_until

ROOT = Path(__file__).resolve().parents[2]
STACK = "mock"
LOOK, DO, WELL = "Look", "Do", "Well again"
_LABELS = re.compile(rf"\*\*({LOOK}|{DO}|{WELL})\.\*\*")
# Only times: nobody waits here for longer than it takes to see that nothing comes back.
_FOR = re.compile(r"--for \d+")
_SECONDS = 300


@dataclass
class Section:
    """A part of a runbook.

    Attributes:
        title: Its heading.
        scenario: Whether it is a scenario; otherwise its blocks are just to be typed, ``DO`` has them all.
        blocks: The blocks of each label, as one text.
    """

    title: str
    scenario: bool
    blocks: dict[str, str] = field(default_factory=dict)


def sections(document: str) -> list[Section]:
    """The parts of a document in ``docs/runbooks`` that have ``bash`` blocks, in order."""
    found: list[Section] = []
    label = DO
    tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / "docs/runbooks" / document).read_text("utf-8"))
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            found.append(Section(content.content, token.tag == "h3"))
            label = DO
        elif token.type == "paragraph_open" and (marked := _LABELS.match(content.content)):
            label = marked[1]
        elif content.type == "fence" and content.info == "bash":
            blocks = found[-1].blocks
            blocks[label] = blocks.get(label, "") + content.content
    return [section for section in found if section.blocks]


@dataclass
class Fault:
    """A fault that was made.

    Attributes:
        variables: What an operator knows by then, by the names that the runbook uses.
        seen: What **Look.** has to show.
        cause_gone: Removes what lies outside of this project's commands: a service recovers, somebody corrects code.
    """

    variables: dict[str, str]
    seen: tuple[str, ...]
    cause_gone: Callable[[], None] = lambda: None


Maker = Callable[["Desk"], Fault]


@dataclass(frozen=True)
class Desk:
    """Where somebody sits and types: a copy of the project, and the stack that is up from it.

    Attributes:
        project: The copy.
    """

    project: Path

    @cached_property
    def emulator(self) -> Emulator:
        found = Emulator.attach(self.project / ".scout")
        assert found is not None
        return found

    def forget(self) -> None:
        """Look for the embedded AWS anew, since it is another one."""
        self.__dict__.pop("emulator", None)

    @property
    def stack(self) -> Deployment:
        outputs = stack_outputs(STACK, self.project / ".scout" / "stacks")
        return Deployment.of(STACK, self.emulator.session(DEFAULT_ACCOUNT, outputs["region"]), outputs)

    def client(self, service: str) -> Any:
        return self.emulator.client(service, DEFAULT_ACCOUNT)

    @contextlib.contextmanager
    def typing(self, text: str, variables: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """A shell that does something, with all that it prints in one stream."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCOUT_", "AWS_"))}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # Before the installed one, which is the project itself.
            "PYTHONPATH": str(self.project),
            "COLUMNS": "200",
            **(variables or {}),
        }
        with subprocess.Popen(
            ["bash", "-c", "set -euo pipefail\n" + _FOR.sub("--for 2", text)],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as shell:
            yield shell

    def types(self, text: str, variables: Mapping[str, str]) -> tuple[int, str]:
        """Run commands in a shell that ends at the first that fails; the exit code, and all that was printed."""
        with self.typing(text, variables) as shell:
            said, _ = shell.communicate(timeout=_SECONDS)
        return shell.returncode, said

    def must(self, text: str, variables: Mapping[str, str]) -> str:
        """The same, where every command has to end with 0."""
        code, said = self.types(text, variables)
        assert code == 0, said
        return said

    def goes_through(self, section: Section, fault: Fault) -> None:
        """Follow a scenario: the fault is seen, what the runbook says is done, and then all is well again."""
        assert set(section.blocks) == {LOOK, DO, WELL}, f"{section.title}: each scenario has the three blocks"
        code, said = self.types(section.blocks[WELL], fault.variables)
        assert code == 1, f"with the fault it cannot be well already: {said}"
        # What looks for something bad may end with 1 when it finds it.
        for command in commands(section.blocks[LOOK]):
            code, looked = self.types(command, fault.variables)
            assert code in {0, 1}, looked
            assert "Traceback" not in looked
            said += looked
        for text in fault.seen:
            assert text in said, said
        fault.cause_gone()
        self.must(section.blocks[DO], fault.variables)
        self.settled()
        self.must(section.blocks[WELL], fault.variables)

    def settled(self) -> None:
        """Wait until what went back to a queue has been done, or has failed again."""
        queues = [
            self.stack.frontier_queue_url,
            *(pipeline.queue_url for pipeline in self.stack.pipelines.values()),
        ]
        wait_until(lambda: not any(map(self.depth, queues)), 600, every=0.2)

    def depth(self, url: str) -> int:
        """How many messages a queue holds, seen and unseen."""
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(value) for name, value in found.items() if name.startswith("ApproximateNumberOfMessages"))

    def throttle(self, function: str) -> Callable[[], None]:
        """Let a function take no calls; what is answered lets it take them again."""
        name, functions = f"data-scout-{STACK}-{function}", self.client("lambda")
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        return lambda: functions.delete_function_concurrency(FunctionName=name)

    def pipe(self, name: str, state: str) -> None:
        """Start or stop a pipe, and wait until it is so."""
        pipes = self.client("pipes")
        {"RUNNING": pipes.start_pipe, "STOPPED": pipes.stop_pipe}[state](Name=name)
        wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == state, 60)


def commands(block: str) -> list[str]:
    """The commands of a block: one a line, or several where a line ends with a backslash."""
    return [line for line in re.findall(r"(?:[^\n]*\\\n)*[^\n]+", block) if not line.startswith("#")]


@contextlib.contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk with the stack ``mock`` up, in which what fails is soon a dead letter.

    Args:
        folder: An empty one.
    """
    project = folder / "project"
    copy_project(project, ".build", ".scout/cache")
    config = project / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    document["config"]["data-scout:frontier"] = {"max_receive_count": 1}
    for pipeline in document["config"]["data-scout:pipelines"].values():
        pipeline["max_receive_count"] = 1
        pipeline["retry"] = {"lambda_interval_seconds": 1, "lambda_max_attempts": 1}
        # Spark takes a minute, and fails in no other way.
        pipeline["stages"] = [stage for stage in pipeline["stages"] if "function" in stage]
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    sitting = Desk(project)
    try:
        sitting.must(f"scout up -s {STACK}", {})
        yield sitting
    finally:
        sitting.must("scout down", {})
