"""The 42 properties of pipelines, and which test proves which: ``python -m tests.properties`` writes the table anew."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "properties.md"

PROPERTIES = {
    1: "Physical names are explicit, made of project, stack and purpose, without a random part.",
    2: "A stage writes to `executions/{executionId}/{stage}/output.json`.",
    3: "A stage reads the output of the stage before it, by the same form of key.",
    4: "The first stage, and only that, gets the message (`initialData`).",
    5: "Everything that an execution writes lies below the folder of its id.",
    6: "Outputs stay after the execution has ended, well or badly.",
    7: "Outputs expire after the days of the bucket's lifecycle, seven by default.",
    8: "An event names context only: no data of one stage goes through the state to another.",
    9: "A stage knows the others only by what it is told in its event.",
    10: "Stages can be put in another order without a change to any of them.",
    11: "A stage can be tested by itself, with a context made up for it.",
    12: "An Express workflow is of type EXPRESS, ends within five minutes, and handles each message by itself.",
    13: "Its pipe invokes it synchronously (`REQUEST_RESPONSE`).",
    14: "A message whose Express execution failed is in the queue again.",
    15: "The stages of an Express workflow hand over through S3.",
    16: "A Lambda stage is retried as configured: by default twice, after 20 s and 40 s.",
    17: "The result of a stage does not stay in the state.",
    18: "A Standard workflow is of type STANDARD and has time for all its stages and retries.",
    19: "Its pipe starts it without waiting (`FIRE_AND_FORGET`).",
    20: "Lambda and Glue stages can be mixed.",
    21: "A Glue stage waits for its job (`glue:startJobRun.sync`).",
    22: "A job is given its execution, stage, input and output as arguments with underscores.",
    23: "A job reads what the stage before wrote, and leaves one `output.json` for the next.",
    24: "A Glue stage is retried as configured: by default twice, after 5 and 10 minutes.",
    25: "The type is chosen by the stages: Express where all are Lambda and fit, else Standard.",
    26: "A workflow is configured by name, type, stages and retries.",
    27: "The invocation type of the pipe follows from the type of workflow.",
    28: "A Glue stage can stand anywhere: first, in the middle, last.",
    29: "A job that fails fails the execution.",
    30: "A stage that fails fails its message, and a Standard execution as a whole.",
    31: "What failed, and why, stands in the execution's history.",
    32: "A message goes to the dead-letter queue after as many receives as configured, by default three.",
    33: "Until then SQS delivers it again, with its body as it was.",
    34: "A rule reports every Standard execution that failed, timed out or was aborted.",
    35: "Logs, traces and their retention are those of the stack's configuration.",
    36: "Every log line of a stage says which execution and which stage it is about.",
    37: "What a stage reads and writes is logged with bucket and key.",
    38: "Functions and jobs that exist already keep their names beside those of the stack.",
    39: "Stages can be migrated one by one: legacy and S3 stages hand over to each other.",
    40: "Functions and jobs may read and write below `executions/`, and list, so that what is missing is a 404.",
    41: "The pipe's batches and input template give an execution one shape of input.",
    42: "Every role allows exactly what is called, on the very resources.",
}

_INTRODUCTION = """# The properties of pipelines, and their tests

What holds for every pipeline that can be configured, whatever its stages. Tests with hypothesis try it on generated
pipelines, inputs and failures; the others on the rendered resources or on the embedded AWS. Each test calls the
project's own code. `make properties` writes this table from the tests' marks.

| | Property | Tests |
|-|----------|-------|
"""


def tests() -> dict[int, list[tuple[Path, str]]]:
    """The tests of each property: the file and the test's name."""
    found: dict[int, list[tuple[Path, str]]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for number in _marks(node):
                    found[number].append((path.relative_to(ROOT), node.name))
    return found


def document() -> str:
    """The text of ``docs/properties.md``."""
    proved = tests()
    rows = []
    for number, text in PROPERTIES.items():
        links = [f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})" for path, name in proved[number]]
        rows.append(f"| {number} | {text} | {'<br>'.join(links)} |\n")
    return _INTRODUCTION + "".join(rows)


def _marks(test: ast.FunctionDef) -> Iterator[int]:
    for decorator in test.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="property"), args=[ast.Constant(value=int(number))]):
                yield number


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
