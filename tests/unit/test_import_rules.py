"""Imports run one way: ``__main__`` → ``components`` → ``settings``, ``workflow``, ``artifacts``; nothing runs back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What each part of the project may import of the others; a part that is not here may not exist.
ALLOWED: dict[str, set[str]] = {
    "__main__": {"components", "settings", "workflow", "artifacts"},
    "components": {"settings", "workflow", "artifacts"},
    "scout": {"components", "lambdas", "workflow", "settings", "artifacts"},
    "glue_scripts": {"lambdas"},
    "settings": {"workflow"},
    "artifacts": set(),
    # What trains and measures, and is never deployed.
    "tools": {"lambdas"},
    "lambdas": set(),
    "workflow": set(),
}

# Lambda functions do not ship Pulumi. What the workflows are is known without Pulumi and without AWS.
FORBIDDEN: dict[str, set[str]] = {
    "lambdas": {"pulumi", "pulumi_aws"},
    "workflow": {"pulumi", "pulumi_aws", "boto3", "botocore"},
    "settings": {"pulumi", "pulumi_aws", "boto3", "botocore"},
}


def imported(source: str) -> set[str]:
    """The top-level names of all modules that a source file imports, at any depth of the code."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here, so that this test sees them"
            names.add((node.module or "").split(".")[0])
    return names


def sources() -> Iterator[tuple[str, Path]]:
    """Every source file of the project with the part that it belongs to; tests may import anything."""
    for path in sorted(ROOT.glob("*.py")):
        yield path.stem, path
    for folder in sorted(path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if folder.name != "tests":
            for path in sorted(folder.rglob("*.py")):
                yield folder.name, path


SOURCES = [pytest.param(part, path, id=str(path.relative_to(ROOT))) for part, path in sources()]


@pytest.mark.parametrize(("part", "path"), SOURCES)
def test_imports_run_one_way(part: str, path: Path):
    assert part in ALLOWED, f"say what {part} may import"
    found = imported(path.read_text(encoding="utf-8"))
    assert found & (ALLOWED.keys() - {part}) <= ALLOWED[part]
    assert not found & FORBIDDEN.get(part, set())


def test_every_part_that_stands_is_looked_at():
    assert {"workflow", "lambdas", "components", "scout", "settings"} <= {part for part, _ in sources()}


def test_arrows_make_no_circle():
    def reached(part: str) -> set[str]:
        return ALLOWED[part].union(*(reached(other) for other in ALLOWED[part]))

    # A circle would not end.
    assert all(part not in reached(part) for part in ALLOWED)


def test_imports_are_found_wherever_they_stand():
    source = """
import pulumi.runtime, json as j
from workflow.states import Task
def late():
    if True:
        import boto3
"""
    assert imported(source) == {"pulumi", "json", "workflow", "boto3"}


def test_a_relative_import_is_refused():
    with pytest.raises(AssertionError, match="imports are absolute"):
        imported("from . import states")
